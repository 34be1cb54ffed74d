// Code points of valid UTF-8: how many there are, for people and for APIs that count characters, and where they begin.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// True of every byte of a code point but its first.
[[nodiscard]] constexpr bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

[[nodiscard]] inline std::int64_t code_points(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return !continues_code_point(c); });
}

// Where the code point behind the one at `at` begins, or the text's end. `at` is before that.
[[nodiscard]] constexpr std::size_t next_code_point(std::string_view text, std::size_t at) {
  do {
    ++at;
  } while (at < text.size() && continues_code_point(text[at]));
  return at;
}
// Where the code point before `at` begins. `at` is not 0.
[[nodiscard]] constexpr std::size_t previous_code_point(std::string_view text, std::size_t at) {
  do {
    --at;
  } while (at > 0 && continues_code_point(text[at]));
  return at;
}
// Drops what stands before the last code points of a growing text: at least so many bytes of them stay, and less than twice as many.
inline void keep_end(std::string& text, std::size_t bytes) {
  if (text.size() <= 2 * bytes) return;
  auto from = text.size() - bytes;
  while (from > 0 && continues_code_point(text[from])) --from;
  text.erase(0, from);
}
// So many code points on from `at`, or back: as far as the text goes.
template <class Count>
[[nodiscard]] constexpr std::size_t code_points_on(std::string_view text, std::size_t at, Count n) {
  for (; n > 0 && at < text.size(); --n) at = next_code_point(text, at);
  return at;
}
template <class Count>
[[nodiscard]] constexpr std::size_t code_points_back(std::string_view text, std::size_t at, Count n) {
  for (; n > 0 && at > 0; --n) at = previous_code_point(text, at);
  return at;
}

}  // namespace sluice
