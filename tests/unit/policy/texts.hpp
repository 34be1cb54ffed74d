// What tests make of texts.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "sluice/base/code_points.hpp"

namespace sluice::policy::testing {

inline std::vector<std::string> code_points(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) {
    if (!continues_code_point(c)) out.emplace_back();
    out.back() += c;
  }
  return out;
}

// Ten times as many texts take about ten times as long; `time_of` says how long so many take.
template <class TimeOf>
void expect_time_by_number(TimeOf&& time_of, std::size_t count) {
  (void)time_of(100);
  const auto small = time_of(count), large = time_of(10 * count);
  EXPECT_LT(large, small * 40 + std::chrono::milliseconds(50)) << "ten times the parts";
}

}  // namespace sluice::policy::testing
