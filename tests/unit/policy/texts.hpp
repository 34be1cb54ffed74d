// What tests make of texts.
#pragma once

#include <string>
#include <vector>

#include "../time_by_number.hpp"
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

using sluice::testing::expect_time_by_number;

}  // namespace sluice::policy::testing
