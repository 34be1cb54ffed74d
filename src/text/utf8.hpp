// UTF-8 code points one at a time, from bytes that are known to be valid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/utf8.hpp"

namespace sluice::text {

struct decoded {
  char32_t c;
  std::uint32_t size;
};

// The code point at `at`. A sequence that the end cuts off is read as one byte, so that nothing is read past the end.
[[nodiscard]] inline decoded decode(std::string_view s, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(s[at + i])); };
  const char32_t lead = byte(0);
  const std::size_t left = s.size() - at;
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0 && left >= 2) return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (lead < 0xf0 && left >= 3) return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  if (left >= 4) return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
  return {0xfffd, 1};
}

// Length of the ASCII run at the beginning of `s`.
[[nodiscard]] std::size_t ascii_prefix(std::string_view s);

}  // namespace sluice::text
