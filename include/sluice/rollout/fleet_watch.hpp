// What a controller decides for a ring without a person: end a canary that is worse than what is live, demote for all nodes what enough of
// them demoted themselves. Pure: the head and the nodes' heartbeats in, at most one activation out.
#pragma once

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
  explicit fleet_watch(canary_terms terms) : terms_(terms) {}

  // To be activated, only after `head`; nothing: all is well, or there is too little to tell.
  [[nodiscard]] std::optional<store::activate_request> look(const store::head_record& head, const std::vector<store::node_status>& nodes);

 private:
  [[nodiscard]] std::optional<store::activate_request> demote(const store::head_record& head, const std::vector<store::node_status>& nodes) const;

  canary_terms terms_;
};

}  // namespace sluice::rollout
