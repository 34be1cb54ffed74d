// What a controller decides for a ring without a person: end a canary that is worse than what is live, demote for all nodes what enough of
// them demoted themselves. Pure: the head and the nodes' heartbeats in, at most one activation out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/rollout/arm_counts.hpp"
#include "sluice/rollout/canary_test.hpp"
#include "sluice/store/publisher.hpp"

namespace sluice::rollout {

// As a heartbeat carries them.
[[nodiscard]] std::string arms_json(const std::vector<arm_counts>& arms);

class fleet_watch {
 public:
  explicit fleet_watch(canary_terms terms) : terms_(terms) {}

  // To be activated, only after `head`; nothing: all is well, or there is too little to tell.
  [[nodiscard]] std::optional<store::activate_request> look(const store::head_record& head, const std::vector<store::node_status>& nodes);
  // What both arms have done since the canary began, as far as this watch has seen it.
  [[nodiscard]] const arm_counts& canary() const { return canary_; }
  [[nodiscard]] const arm_counts& live() const { return live_; }

 private:
  void begin(const store::head_record& head);
  void add(const store::node_status& node);
  [[nodiscard]] std::optional<store::activate_request> demote(const store::head_record& head, const std::vector<store::node_status>& nodes) const;

  canary_terms terms_;
  arm_counts canary_, live_;
  std::map<std::string, arm_counts> last_;  // by node and version: what its last heartbeat said
};

}  // namespace sluice::rollout
