// How long a text is for people and for APIs that count characters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace sluice {

// Code points of valid UTF-8.
[[nodiscard]] inline std::int64_t code_points(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

}  // namespace sluice
