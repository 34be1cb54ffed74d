// Whether a version that is in Redis already may follow what is live: its gate and its manifest speak of what was live when it was pushed.
#pragma once

#include <string>

#include "sluice/store/publisher.hpp"

namespace sluice::app {

struct follower {
  std::string version, ring;
  std::string approved_by = {};  // the second person, by the word of whoever asks
};

// Where it was held against something else, it is held against what is live now: by the gate, as a push is, where one of the two has a `gate` block, and
// by its rules in any case. What is weaker needs `approved_by`, or the approval of a second key. Says in `asked` whether it is, and that it holds for this
// head alone. False: it may not, and that was complained about.
[[nodiscard]] bool may_follow(store::publisher& ring, const follower& of, const result<store::head_record>& live, store::activate_request& asked);

}  // namespace sluice::app
