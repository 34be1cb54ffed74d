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

std::string encode_base64(std::string_view bytes, bool url) {
  constexpr std::string_view common = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const std::string_view last = url ? "-_" : "+/";
  const auto sign = [&](std::uint32_t v) { return v < common.size() ? common[v] : last[v - common.size()]; };
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : sign(three >> (18 - 6 * k) & 63);
  }
  return out;
}

}  // namespace sluice
