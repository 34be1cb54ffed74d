// When what failed for a reason of the moment is tried again: later each time.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "source.hpp"

namespace sluice::store {

class retry {
 public:
  explicit retry(milliseconds first) : first_(first) {}
  // It is not what the source has any more, or has come to an end.
  void forget() { what_.clear(); }
  // It was refused; `transient`: for a reason of the moment.
  void refused(const std::string& what, bool transient) { transient ? put_off(what) : forget(); }
  // Whether it waits, and has waited for long enough.
  [[nodiscard]] bool due(const std::string& what) const { return waits() && what == what_ && mono_now() >= at_; }
  [[nodiscard]] bool waits() const { return !what_.empty(); }
  // How long until then, at least 1 ms and at most `otherwise`; that where nothing waits.
  [[nodiscard]] milliseconds left(milliseconds otherwise) const {
    if (!waits() || otherwise <= milliseconds(1)) return otherwise;
    return std::clamp(std::chrono::ceil<milliseconds>(at_ - mono_now()), milliseconds(1), otherwise);
  }

 private:
  // It failed; the same once more waits longer than the time before.
  void put_off(const std::string& what) {
    const bool again = std::exchange(what_, what) == what;
    wait_ = again ? std::min(wait_ * 2, std::max(first_, longest)) : first_;
    at_ = mono_now() + jittered(wait_);
  }
  static constexpr milliseconds longest{300'000};
  milliseconds first_, wait_{0};
  std::string what_;
  mono_time at_{};
};

}  // namespace sluice::store
