// Base64 (RFC 4648 4 and 5), for everything that reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// The six bits of a character; -1: it has none. `url`: '-' and '_' in the place of '+' and '/'.
[[nodiscard]] constexpr int base64_value(char c, bool url) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == (url ? '-' : '+')) return 62;
  if (c == (url ? '_' : '/')) return 63;
  return -1;
}

// What a whole text of either alphabet stands for. Strict, because another reader may be: no white space, no other character, nothing
// behind the padding, which may be left out.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

// With padding.
[[nodiscard]] std::string encode_base64(std::string_view bytes, bool url = false);

}  // namespace sluice
