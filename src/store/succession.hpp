// What the log of a ring proves of the versions that were live in it, one after another: by what those signed who may activate, and by the manifests
// that they activated. A version came to be live rightly when its manifest says that it is no weaker than the one before it, when a second key has
// approved it, or when it was live rightly before.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "ring_layout.hpp"

namespace sluice::store {

struct succession {
  std::string version;          // what is live at its end; "": nothing
  std::string before;           // what that follows; ""
  bool rightly = true;          // every step to `version` was right since something was live that had been before
  bool before_rightly = true;   // the same of `before`
  std::set<std::string> live;   // versions that were live rightly
};

struct live_since {
  std::string version;          // what a node knows to have been live
  policy::activation activation;
};

// The activations of the log before `record`. `from`: after that one, which is right; without it all of them, the first by its own word. Of a longer log than 10,000
// activations the newest; then nothing that came before is proven. `begins`: the first of all may have been the ring's first; otherwise something was live before.
[[nodiscard]] result<succession> read_succession(redis_client& redis, const ring_keys& keys, const activation_record& record, const std::optional<live_since>& from, const trust& whom,
                                                 const std::string& ring, bool begins = true);

}  // namespace sluice::store
