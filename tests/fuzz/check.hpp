// How a fuzz target says that a property does not hold: with the place, and then the end.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sluice::fuzz {

inline void require(bool holds, const char* property, int line) {
  if (holds) return;
  std::fprintf(stderr, "line %d: it does not hold that %s\n", line, property);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace sluice::fuzz

#define SLUICE_REQUIRE(condition) ::sluice::fuzz::require((condition), #condition, __LINE__)
