// What a node runs, folded from the events of its log. The log repeats it ("standing") at the begin of each further file of a boot, so that it is
// still known when retention has taken the files before.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "sluice/audit/record.hpp"

namespace sluice::audit {

// What the detail of "lost" says where events were among what did not fit.
inline constexpr std::string_view lost_events = " events among them";

class standing_state {
 public:
  // An event of a boot, in their order; what says nothing of what runs changes nothing.
  void take(const control_event& event);
  // All at once, from a record that append() made: a JSON object.
  void restate(const std::string& line);

  [[nodiscard]] bool runs() const { return !is_.version.empty(); }
  // As a "standing" event of the log.
  [[nodiscard]] control_event event(wall_time now) const;
  // The member that goes with it: ,"standing":{…}
  void append(std::string& out) const;

  struct running {
    std::string activation, version, freshness;
    wall_time since{}, state_since{};  // of the activation; of its freshness
    std::string canary, canary_share;
  };
  [[nodiscard]] const running& is() const { return is_; }
  // Rules of a version that are in shadow; sorted.
  [[nodiscard]] std::vector<std::string> demoted(const std::string& version) const;

 private:
  void activate(const control_event& event);
  void keep_demotions();
  running is_;
  std::map<std::string, std::set<std::string>> demoted_;  // by version
};

}  // namespace sluice::audit
