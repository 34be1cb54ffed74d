// Counters as Prometheus text (exposition format 0.0.4). Reads worker counters while their threads write them; everything
// else is handed in, so that telemetry knows no other module. Call from any one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/counters.hpp"

namespace sluice::telemetry {

// Writes families one after the other; names are checked by the caller, label values are escaped here.
class exposition {
 public:
  using labels = std::vector<std::pair<std::string_view, std::string_view>>;
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(std::string_view name, const labels& with, double value);
  void sample(std::string_view name, const labels& with, std::uint64_t value);
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void head(std::string_view name, const labels& with);
  std::string out_;
};

struct rule_count {
  std::string policy, rule, action;
  bool enforced = true;
  std::uint64_t findings = 0;
};

struct metrics_input {
  std::string build, node;
  double uptime_seconds = 0;
  std::vector<const worker_counters*> workers;
  std::vector<rule_count> rules;
  struct unscanned {
    std::string_view dialect, reason;  // of static storage
    std::uint64_t bytes;
  };
  std::vector<unscanned> unscanned_bytes;
  struct {
    std::string version, activation, bundle, state;
    double age_seconds = -1;          // since the last activation; negative: none yet
    double contact_age_seconds = -1;  // since the source was last seen; negative: never
    std::uint64_t rules = 0, memory_bytes = 0, pinned_snapshots = 0, held_bytes = 0, activations = 0, refusals = 0, demotions = 0, breaker_unseen = 0, breaker_users = 0;
    bool connected = false, name_given_twice = false;
    struct demoted_rule {
      std::string version, rule, by;  // by: node or ring
    };
    std::vector<demoted_rule> demoted = {};
  } policy;
  struct {
    std::string version = {};  // in shadow; empty: none
    std::uint64_t judged = 0, inexact = 0, cpu_us = 0;
    std::vector<std::pair<std::string, std::uint64_t>> shed = {};  // by reason
  } shadow;
  struct {
    std::uint64_t written = 0, dropped = 0, bytes = 0, syncs = 0, sync_failures = 0;
    bool failed = false;
    std::string failure = {};  // while failed
  } audit;
  struct {
    std::uint64_t sent = 0, skipped = 0, waiting = 0;
    bool present = false;  // they go to Redis
  } checkpoints;
  struct shared_memory {
    std::uint64_t asked = 0, unavailable = 0, kept = 0, recalled = 0, unreadable = 0;
    bool present = false, connected = false;  // present: there is one in Redis
  } vault, ledger;
  struct {
    std::uint64_t received = 0, forwarded = 0, dropped = 0, spool_bytes = 0;
    bool present = false;  // feedback is taken
  } feedback;
};

[[nodiscard]] std::string render(const metrics_input& in);

}  // namespace sluice::telemetry
