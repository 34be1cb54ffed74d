// Edits of a JSON text that leave every other byte as it came.
#include <algorithm>

#include "sluice/text/json.hpp"

namespace sluice::text::json {
namespace {

char32_t hex_at(std::string_view s, std::size_t at) {
  char32_t v = 0;
  for (std::size_t i = at; i < at + 4 && i < s.size(); ++i) {
    const char c = s[i];
    v = v * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return v;
}

// One escape or code point of a valid literal's inside: how many raw bytes it takes, and what it stands for.
struct unit {
  std::size_t raw = 1;
  char32_t code = 0;
  std::size_t size = 1;  // bytes of UTF-8 it stands for
};

std::size_t utf8_size(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

unit unit_at(std::string_view s, std::size_t at) {
  const auto lead = static_cast<unsigned char>(s[at]);
  if (lead != '\\') {
    const std::size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return {n, 0, n};
  }
  const char c = s[at + 1];
  if (c != 'u') {
    static constexpr std::string_view from = "bfnrt", to = "\b\f\n\r\t";
    const auto i = from.find(c);
    return {2, static_cast<char32_t>(i == std::string_view::npos ? c : to[i]), 1};
  }
  auto code = hex_at(s, at + 2);
  std::size_t raw = 6;
  if (code >= 0xd800 && code < 0xdc00) {
    code = 0x10000 + ((code - 0xd800) << 10) + (hex_at(s, at + 8) - 0xdc00);
    raw = 12;
  }
  return {raw, code, utf8_size(code)};
}

void append_code_point(std::string& out, char32_t c) {
  static constexpr unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  const auto n = utf8_size(c);
  if (n == 1) {
    out += static_cast<char>(c);
    return;
  }
  out += static_cast<char>(leads[n] | (c >> (6 * (n - 1))));
  for (std::size_t i = n - 1; i-- > 0;) out += static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3f));
}

}  // namespace

void append_unescaped(std::string& out, std::string_view inside) {
  for (std::size_t at = 0; at < inside.size();) {
    const auto plain = std::min(inside.find('\\', at), inside.size());
    out.append(inside, at, plain - at);
    at = plain;
    if (at >= inside.size()) return;
    const auto u = unit_at(inside, at);
    append_code_point(out, u.code);
    at += u.raw;
  }
}

raw_span locate(std::string_view literal, std::uint32_t begin, std::uint32_t end) {
  std::uint32_t decoded = 0;
  std::size_t at = 1;
  raw_span out{0, 0};
  bool begun = false;
  while (at + 1 < literal.size() && (!begun || decoded < end)) {
    const auto u = unit_at(literal, at);
    if (!begun && decoded + u.size > begin) {
      out.begin = static_cast<std::uint32_t>(at);
      begun = true;
      if (decoded >= end) break;
    }
    at += u.raw;
    decoded += static_cast<std::uint32_t>(u.size);
  }
  if (!begun) out.begin = static_cast<std::uint32_t>(at);
  out.end = static_cast<std::uint32_t>(at);
  return out;
}

std::string apply(std::string_view bytes, std::vector<splice> splices) {
  std::sort(splices.begin(), splices.end(), [](const splice& a, const splice& b) { return a.begin < b.begin; });
  std::string out;
  out.reserve(bytes.size() + 64);
  std::size_t at = 0;
  for (const auto& s : splices) {
    out.append(bytes, at, s.begin - at);
    out += s.replacement;
    at = s.end;
  }
  out.append(bytes, at);
  return out;
}

}  // namespace sluice::text::json
