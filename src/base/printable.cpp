// See printable.hpp. What turns the direction of writing: Unicode Standard Annex #9, "Unicode Bidirectional Algorithm", section 2.
#include "sluice/base/printable.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

#include "sluice/base/code_points.hpp"

namespace sluice {
namespace {

struct code_point {
  std::uint32_t value = 0;
  std::size_t size = 0;  // in bytes; 0: these are no UTF-8
};

code_point first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (size == 0 || text.size() < size) return {};
  static constexpr std::array<std::uint32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t value = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues_code_point(text[i])) return {};
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < least[size] || value > 0x10ffff || surrogate ? code_point{} : code_point{value, size};
}

bool shows_as_itself(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
  const bool turns = c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  const bool separates = c == 0x2028 || c == 0x2029;
  return !control && !turns && !separates && c != 0xfeff;
}

std::string escape_of(std::uint32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  std::array<char, 16> out{};
  (void)std::snprintf(out.data(), out.size(), c < 0x100 ? "\\x%02x" : "\\u%04x", c);
  return out.data();
}

std::string shown(std::string_view text, std::string_view stays) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [value, size] = first_of(text);
    const auto bytes = text.substr(0, size == 0 ? 1 : size);
    if (size == 0) out += escape_of(static_cast<unsigned char>(text[0]));
    else if (shows_as_itself(value) || stays.find(text[0]) != std::string_view::npos) out += bytes;
    else out += escape_of(value);
    text.remove_prefix(bytes.size());
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return shown(text, ""); }
std::string printable_lines(std::string_view text) { return shown(text, "\n\t"); }

}  // namespace sluice
