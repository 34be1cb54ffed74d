// UTF-8 checks that whole bodies go through: written so that the compiler vectorises them.
#include "utf8.hpp"

#include <cstring>

#include <simdjson.h>
#include "sluice/text/view.hpp"

namespace sluice::text {

bool is_ascii(std::string_view bytes) {
  constexpr std::size_t block = 256;
  std::size_t i = 0;
  for (; i + block <= bytes.size(); i += block) {
    unsigned char any = 0;
    for (std::size_t k = 0; k < block; ++k) any = static_cast<unsigned char>(any | static_cast<unsigned char>(bytes[i + k]));
    if (any >= 0x80) return false;
  }
  unsigned char any = 0;
  for (; i < bytes.size(); ++i) any = static_cast<unsigned char>(any | static_cast<unsigned char>(bytes[i]));
  return any < 0x80;
}

std::size_t ascii_prefix(std::string_view s) {
  constexpr std::uint64_t high = 0x8080808080808080;
  std::size_t i = 0;
  for (; i + 8 <= s.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, s.data() + i, 8);
    if (word & high) break;
  }
  while (i < s.size() && static_cast<unsigned char>(s[i]) < 0x80) ++i;
  return i;
}

bool is_valid_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

std::size_t incomplete_utf8_tail(std::string_view bytes) {
  const std::size_t look = bytes.size() < 3 ? bytes.size() : 3;
  for (std::size_t n = 1; n <= look; ++n) {
    const auto b = static_cast<unsigned char>(bytes[bytes.size() - n]);
    if (b < 0x80) return 0;
    if (b < 0xc0) continue;
    const std::size_t wants = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    return wants > n ? n : 0;
  }
  return 0;
}

}  // namespace sluice::text
