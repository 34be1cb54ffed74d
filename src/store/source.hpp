// Where an agent's versions come from. Called on the agent's thread only.
#pragma once

namespace sluice::store {

class source {
 public:
  virtual ~source() = default;
  // Looks once, now, and applies what is new.
  virtual void look() = 0;
  // Waits for news, a timer of its own, or `wake_fd`, and acts on it.
  virtual void wait(int wake_fd) = 0;
};

}  // namespace sluice::store
