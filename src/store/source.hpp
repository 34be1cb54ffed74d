// Where an agent's versions come from. Called on the agent's thread only.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {

class source {
 public:
  virtual ~source() = default;
  // Looks once, now, and applies what is new.
  virtual void look() = 0;
  // Waits for news, a timer of its own, or `wake_fd`, and acts on it.
  virtual void wait(int wake_fd) = 0;
  // Whose signatures count is another matter than a moment ago: what was refused for its signature may be taken.
  virtual void trust_changed() {}
  // The node does otherwise than it said last: whoever listens should hear of it now.
  virtual void tell_soon() {}
  // Now and then while a version is built, which may take minutes: whoever listens should hear that the node lives.
  virtual void meanwhile() {}
  // The last word: the process ends in good order, and nobody is to wait for this node. Takes a second at most, whatever becomes of it.
  virtual void leave() {}
};

// Around ± 20 %, so that a fleet never asks in step.
[[nodiscard]] inline milliseconds jittered(milliseconds around) {
  const auto r = static_cast<unsigned char>(crypto::random_bytes(1)[0]);
  return milliseconds(around.count() * (80 + r * 40 / 255) / 100);
}

}  // namespace sluice::store
