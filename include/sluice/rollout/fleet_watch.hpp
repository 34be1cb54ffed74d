// What a controller decides for a ring without a person: end a canary that is worse than what is live, demote for all nodes what enough of
// them demoted themselves. Pure: the head and the nodes' heartbeats in, at most one activation out.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/rollout/arm_counts.hpp"
#include "sluice/rollout/canary_test.hpp"
#include "sluice/store/publisher.hpp"

namespace sluice::rollout {

// As a heartbeat carries it.
[[nodiscard]] std::string arms_json(const arms_report& of);

class fleet_watch {
 public:
  // Within that time every node that lives has reported: before, half of those who have could be one.
  static constexpr seconds settles{30};
  // A node that fell silent counts as one that demotes nothing for so long, also when Redis has forgotten it.
  static constexpr seconds counted_for{600};
  // False: the breaker of no node demotes such a rule (block_band.hpp), or nobody can tell.
  using may_demote = std::function<bool(const std::string& version, const std::string& rule)>;

  fleet_watch(canary_terms terms, may_demote may) : terms_(terms), may_(std::move(may)) {}

  // To be activated, only after `head`; nothing: all is well, or there is too little to tell.
  [[nodiscard]] std::optional<store::activate_request> look(const store::head_record& head, const std::vector<store::node_status>& nodes, mono_time t);

 private:
  [[nodiscard]] std::optional<store::activate_request> demote(const store::head_record& head, const std::vector<store::node_status>& nodes, mono_time t);

  canary_terms terms_;
  may_demote may_;
  std::optional<mono_time> begun_;
  std::map<std::string, mono_time> seen_;  // nodes, when they were there last
};

}  // namespace sluice::rollout
