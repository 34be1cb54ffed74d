// What tests make of texts.
#pragma once

#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../time_by_number.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy::testing {

inline std::vector<std::string> code_points(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) {
    if (!continues_code_point(c)) out.emplace_back();
    out.back() += c;
  }
  return out;
}

// Cut at random between its code points; a piece may be empty.
inline std::vector<std::string> random_cut(std::mt19937& rng, const std::string& text) {
  std::vector<std::string> out(1);
  for (const auto& c : code_points(text)) {
    if (rng() % 3 == 0) out.emplace_back();
    out.back() += c;
  }
  return out;
}

// What the edits of one part make of its text.
inline std::string edited(std::string_view text, std::span<const edit> edits, std::uint32_t part = 0) {
  std::string out;
  std::size_t at = 0;
  for (const auto& e : edits) {
    if (e.part != part) continue;
    out.append(text.substr(at, e.begin - at)).append(e.replacement);
    at = e.end;
  }
  return out.append(text.substr(at));
}

using sluice::testing::expect_time_by_number;

}  // namespace sluice::policy::testing
