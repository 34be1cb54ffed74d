// A share of one processor, for work that must never take from the traffic: a bucket of time that fills by the clock and empties by
// what was used. One thread spends; any thread may ask.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "sluice/base/clock.hpp"

namespace sluice::rollout {

class cpu_budget {
 public:
  // `percent` of one processor; of unused time at most `burst` of wall time is kept.
  cpu_budget(unsigned percent, milliseconds burst, mono_time t) : percent_(percent), most_(microseconds(burst).count() * percent), left_(most_), at_(t) {}

  void spend(microseconds used, mono_time t) {
    refill(t);
    left_ -= used.count() * 100;
    open_.store(left_ > 0, std::memory_order_relaxed);
  }
  void refill(mono_time t) {
    left_ = std::min(most_, left_ + std::chrono::duration_cast<microseconds>(t - at_).count() * percent_);
    at_ = t;
    open_.store(left_ > 0, std::memory_order_relaxed);
  }
  [[nodiscard]] bool open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::int64_t percent_, most_, left_;  // in hundredths of a microsecond
  mono_time at_;
  std::atomic<bool> open_{true};
};

}  // namespace sluice::rollout
