// UTF-8 and character properties; ICU has the Unicode data.
#include <simdjson.h>
#include <unicode/uchar.h>

#include "sluice/text/view.hpp"

namespace sluice::text {

bool is_ascii(std::string_view bytes) {
  unsigned char all = 0;
  for (const char c : bytes) all = static_cast<unsigned char>(all | static_cast<unsigned char>(c));  // vectorised: no early exit
  return all < 0x80;
}

bool is_valid_utf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

std::size_t incomplete_utf8_tail(std::string_view bytes) {
  for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const auto c = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((c & 0xc0) == 0x80) continue;
    const std::size_t wanted = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return wanted > back ? back : 0;
  }
  return 0;
}

bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  const auto category = u_charType(static_cast<UChar32>(c));
  const auto mask = U_MASK(category);
  return (mask & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) != 0;
}

char32_t code_point_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return 0;
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return lead;
  const std::size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t c = lead & (0xffu >> (n + 1));
  for (std::size_t i = 1; i < n && at + i < text.size(); ++i) c = (c << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3f);
  return c;
}

char32_t code_point_before(std::string_view text, std::size_t at) {
  if (at == 0 || at > text.size()) return 0;
  auto begin = at - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
  return code_point_at(text, begin);
}

bool word_boundary(std::string_view text, std::size_t at) {
  const bool before = at > 0 && is_word(code_point_before(text, at));
  const bool after = at < text.size() && is_word(code_point_at(text, at));
  return before != after;
}

}  // namespace sluice::text
