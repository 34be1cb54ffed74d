// Code points of valid UTF-8: how many there are, for people and for APIs that count characters, and where they begin.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace sluice {

// True of every byte of a code point but its first.
[[nodiscard]] constexpr bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

[[nodiscard]] inline std::int64_t code_points(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return !continues_code_point(c); });
}

}  // namespace sluice
