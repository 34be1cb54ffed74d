// See base64.hpp.
#include "sluice/base/base64.hpp"

#include <cstdint>

namespace sluice {

std::optional<std::string> decode_base64(std::string_view text) {
  const bool url = text.find_first_of("-_") != std::string_view::npos;
  const auto whole = text.size();
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if ((text.size() != whole && whole % 4 != 0) || text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int v = base64_value(c, url);
    if (v < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(v);
    have += 6;
    if (have >= 8) out += static_cast<char>(bits >> (have -= 8) & 0xff);
  }
  return out;
}

}  // namespace sluice
