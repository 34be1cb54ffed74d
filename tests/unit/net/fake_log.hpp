// What the stand-in exchange was told, for tests to wait on. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

class event_log {
 public:
  void add(std::string what) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(std::move(what));
    changed_.notify_all();
  }
  void clear() {
    const std::scoped_lock lock(mutex_);
    lines_.clear();
  }
  // Waits until some line begins with `prefix`.
  bool wait_for(std::string_view prefix) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return find(prefix); });
  }
  bool has(std::string_view prefix) {
    const std::scoped_lock lock(mutex_);
    return find(prefix);
  }

 private:
  bool find(std::string_view prefix) const {
    for (const auto& l : lines_) {
      if (l.starts_with(prefix)) return true;
    }
    return false;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

inline event_log& fake_log() {
  static event_log log;
  return log;
}

}  // namespace sluice::proxy
