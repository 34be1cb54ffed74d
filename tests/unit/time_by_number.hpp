// That time grows with a number and no faster.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sluice::testing {

// Eight times as many take about eight times as long, and 64 times where each looks at all others; `time_of` says how long so many take.
// Whatever else a machine does makes a run longer and none shorter, so the shortest of a few runs counts.
template <class TimeOf>
void expect_time_by_number(TimeOf&& time_of, std::size_t count) {
  constexpr int runs_max = 6, bound = 32;
  (void)time_of(count / 8);
  auto few = time_of(count), many = time_of(8 * count);
  for (int run = 1; run < runs_max && many > few * bound; ++run) {
    few = std::min(few, time_of(count));
    many = std::min(many, time_of(8 * count));
  }
  EXPECT_LE(many, few * bound) << "eight times as many";
}

}  // namespace sluice::testing
