// The breaker of this node: what workers see of blocked exchanges, on its way to rollout::block_rates, and what comes of it. Workers write
// without a lock; look() belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sluice/base/counters.hpp"
#include "sluice/base/handoff.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/rollout/arm_counts.hpp"
#include "sluice/rollout/block_rates.hpp"
#include "sluice/store/agent.hpp"

namespace sluice::app {

class block_watch {
 public:
  explicit block_watch(std::size_t workers);

  // A worker's own thread. What finds no place is not seen: what is blocked has no better chance than what is not.
  void note(std::size_t worker, const proxy::exchange_report& report);

  struct news {
    std::vector<store::rule_demotion> demote;
    std::vector<std::string> told;  // of rules that are never demoted
  };
  // About once a second. `in_force`: one version or two; others are forgotten. `expected`: the limit of a rule that says none itself, from
  // what its version showed before; none: the bundle's.
  using expectation = std::function<std::optional<double>(const std::string& version, const std::string& rule)>;
  [[nodiscard]] news look(const std::vector<std::shared_ptr<const policy::snapshot>>& in_force, const expectation& expected, mono_time t);
  // What each version in force did since it came, for whoever compares them.
  [[nodiscard]] std::vector<rollout::arm_counts> arms() const;
  [[nodiscard]] std::uint64_t unseen() const;

 private:
  struct seen {
    std::shared_ptr<const policy::snapshot> by;
    const policy::ruleset* rules = nullptr;
    rollout::judged_exchange what;
    bool failed = false;
    std::uint64_t added_us = 0;
  };
  struct version_rates {
    std::string version;
    std::vector<std::string> demoted;
    std::unordered_map<std::uint64_t, std::vector<bool>> contexts;  // which rules apply
    std::unique_ptr<rollout::block_rates> rates;
    rollout::arm_counts counts;
  };
  [[nodiscard]] version_rates* rates_of(const std::string& version);
  void follow(const std::vector<std::shared_ptr<const policy::snapshot>>& in_force, const expectation& expected);
  void take(const seen& one, mono_time t);

  std::vector<std::unique_ptr<handoff<seen>>> queues_;  // by worker
  std::vector<counter> unseen_;
  std::vector<std::unique_ptr<version_rates>> versions_;
};

}  // namespace sluice::app
