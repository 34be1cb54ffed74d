// An agent whose callbacks are recorded and can be waited for. "Compiling" succeeds unless a file holds the word REFUSE.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/store/agent.hpp"

namespace sluice::store::testing {

// A bundle of one policy file with this text; the version follows the text.
[[nodiscard]] policy::bundle_source bundle_of(const std::string& text);

class watched_agent {
 public:
  explicit watched_agent(agent_config config);

  // Waits until what is published fits. False: it did not within ten seconds.
  [[nodiscard]] bool until(const std::function<bool(const policy::active_policy&)>& fits);
  [[nodiscard]] bool until_version(const std::string& version);
  [[nodiscard]] bool until_state(policy::freshness state);
  [[nodiscard]] bool until_event(const std::string& kind, const std::string& detail_part);
  [[nodiscard]] bool had_event(const std::string& kind, const std::string& detail_part) const;  // so far
  [[nodiscard]] std::vector<std::string> events() const;  // so far, in order: "kind activation state detail"
  [[nodiscard]] bool until_log(const std::string& part);
  [[nodiscard]] policy::active_policy active() const;
  [[nodiscard]] std::vector<policy::active_policy> published() const;  // all that were, in order
  [[nodiscard]] std::size_t applied() const;
  [[nodiscard]] std::size_t logged(const std::string& part) const;
  agent& operator*() { return *agent_; }
  agent* operator->() { return agent_.get(); }
  void stop() { agent_.reset(); }

  // What applying a version gives besides; set before start().
  std::optional<on_unavailable> bundle_on_unavailable;
  std::vector<std::string> notes;
  std::optional<wall_time> apply_again;
  shown_by_version shown;  // what it tells the ring that a version in shadow blocked
  std::function<void(const std::string& version)> while_applying;
  std::atomic<int> fails_for_now{0};  // so many builds fail for a reason of the moment

 private:
  [[nodiscard]] bool wait(const std::function<bool()>& fits);
  mutable std::mutex lock_;
  std::condition_variable changed_;
  policy::active_policy active_;
  std::vector<policy::active_policy> published_;
  std::vector<std::string> events_, logs_;
  std::size_t applied_ = 0;
  std::unique_ptr<agent> agent_;  // last: its thread calls back until it is gone
};

}  // namespace sluice::store::testing
