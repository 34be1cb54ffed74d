// The breaker of this node: what workers see of blocked exchanges, on its way to rollout::block_rates, and what comes of it. Workers write
// without a lock; look() belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sluice/base/counters.hpp"
#include "sluice/base/handoff.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/rollout/arm_tally.hpp"
#include "sluice/rollout/block_band.hpp"
#include "sluice/rollout/block_rates.hpp"
#include "sluice/rollout/counted_spans.hpp"
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
  // About once a second. `in_force`: one version or two; others are forgotten. `as`: the activation that they are in force by. `evidence`: what
  // is known of a version that comes; its limits follow from that.
  using evidence_source = std::function<store::block_evidence(const std::string& version)>;
  [[nodiscard]] news look(const std::vector<std::shared_ptr<const policy::snapshot>>& in_force, policy::activation as, const evidence_source& evidence, mono_time t);
  // What each version in force did under this activation, for whoever compares them: a canary that comes, grows or comes back is compared by
  // what follows.
  [[nodiscard]] rollout::arms_report arms() const;
  // The limits of each version in force, and where they come from.
  [[nodiscard]] std::vector<rollout::version_bands> bands() const;
  // Of whom something was seen lately, of the version with the most.
  [[nodiscard]] std::size_t users() const;
  [[nodiscard]] std::uint64_t unseen() const;  // any thread

 private:
  struct seen {
    std::shared_ptr<const policy::snapshot> by;
    const policy::ruleset* rules = nullptr;
    policy::activation as;
    rollout::judged_exchange what;
    bool failed = false;
    std::uint64_t added_us = 0;
  };
  struct version_rates {
    std::string version;
    std::vector<std::string> demoted;
    std::unordered_map<std::uint64_t, std::vector<bool>> contexts;  // which rules apply
    std::unique_ptr<rollout::block_rates> rates;
    rollout::version_bands bands;
    rollout::counted_spans counted;  // of activation_: both arms of a comparison begin with the same histories
    rollout::arm_tally arm;  // of activation_
  };
  [[nodiscard]] version_rates* rates_of(const std::string& version);
  void follow(const std::vector<std::shared_ptr<const policy::snapshot>>& in_force, const evidence_source& evidence);
  void take(seen& one, mono_time t);

  std::vector<std::unique_ptr<handoff<seen>>> queues_;  // by worker
  std::vector<counter> unseen_;
  std::vector<std::unique_ptr<version_rates>> versions_;
  policy::activation activation_;
};

}  // namespace sluice::app
