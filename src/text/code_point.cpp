// See code_point.hpp.
#include "code_point.hpp"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>

#include <array>
#include <memory>

#include "utf8.hpp"

namespace sluice::text {
namespace {

struct normalisers {
  const UNormalizer2* regex;
  const UNormalizer2* folded;
};

const normalisers& instances() {
  static const normalisers both = [] {
    UErrorCode status = U_ZERO_ERROR;
    normalisers n{};
    n.regex = unorm2_getNFKCInstance(&status);
    n.folded = unorm2_getNFKCCasefoldInstance(&status);
    return n;
  }();
  return both;
}

std::uint8_t ask_icu(char32_t point) {
  const auto c = static_cast<UChar32>(point);
  const auto& n = instances();
  unsigned t = 0;
  if (u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) t |= ignorable;
  if (u_getIntPropertyValue(c, UCHAR_NFKC_QUICK_CHECK) != UNORM_NO) t |= stable_regex;
  if (!u_hasBinaryProperty(c, UCHAR_CHANGES_WHEN_NFKC_CASEFOLDED)) t |= stable_folded;
  if (unorm2_hasBoundaryBefore(n.regex, c)) t |= starts_regex;
  if (unorm2_hasBoundaryBefore(n.folded, c)) t |= starts_folded;
  if (unorm2_isInert(n.regex, c)) t |= closed_regex;
  if (unorm2_isInert(n.folded, c)) t |= closed_folded;
  if (c == '_' || (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) != 0) t |= word_char;
  return static_cast<std::uint8_t>(t);
}

using table = std::array<std::uint8_t, 0x10000>;
const table& basic_plane() {
  static const std::unique_ptr<const table> filled = [] {
    auto t = std::make_unique<table>();
    for (char32_t c = 0; c < t->size(); ++c) (*t)[c] = ask_icu(c);
    return t;
  }();
  return *filled;
}

// Look-alikes of ASCII letters and digits by script: own choice after UTS #39's confusables, widened by capitals whose small
// form differs (Cyrillic capital Ve is written for B; so small ve counts as b in a mixed word).
struct look_alike_pair {
  std::uint16_t point;
  char ascii;
};
constexpr look_alike_pair look_alikes[] = {
    // Cyrillic
    {0x0430, 'a'}, {0x0441, 'c'}, {0x0501, 'd'}, {0x0435, 'e'}, {0x050D, 'g'}, {0x04BB, 'h'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x043A, 'k'},
    {0x04CF, 'l'}, {0x043C, 'm'}, {0x043D, 'h'}, {0x043E, 'o'}, {0x0440, 'p'}, {0x051B, 'q'}, {0x0433, 'r'}, {0x0455, 's'}, {0x0442, 't'},
    {0x0475, 'v'}, {0x051D, 'w'}, {0x0445, 'x'}, {0x0443, 'y'}, {0x04AF, 'y'}, {0x044C, 'b'}, {0x0432, 'b'}, {0x0437, '3'}, {0x043F, 'n'},
    {0x0410, 'a'}, {0x0412, 'b'}, {0x0421, 'c'}, {0x0500, 'd'}, {0x0415, 'e'}, {0x050C, 'g'}, {0x041D, 'h'}, {0x0406, 'i'}, {0x0408, 'j'},
    {0x041A, 'k'}, {0x04C0, 'l'}, {0x041C, 'm'}, {0x041E, 'o'}, {0x0420, 'p'}, {0x051A, 'q'}, {0x0405, 's'}, {0x0422, 't'}, {0x0474, 'v'},
    {0x051C, 'w'}, {0x0425, 'x'}, {0x0423, 'y'}, {0x04AE, 'y'}, {0x042C, 'b'}, {0x0417, '3'}, {0x04BA, 'h'},
    // Greek
    {0x03B1, 'a'}, {0x03B2, 'b'}, {0x03B3, 'y'}, {0x03B5, 'e'}, {0x03B7, 'n'}, {0x03B9, 'i'}, {0x03BA, 'k'}, {0x03BD, 'v'}, {0x03BF, 'o'},
    {0x03C1, 'p'}, {0x03C3, 'o'}, {0x03C4, 't'}, {0x03C5, 'u'}, {0x03C7, 'x'}, {0x03C9, 'w'}, {0x03F2, 'c'}, {0x03F3, 'j'}, {0x0391, 'a'},
    {0x0392, 'b'}, {0x0395, 'e'}, {0x0396, 'z'}, {0x0397, 'h'}, {0x0399, 'i'}, {0x039A, 'k'}, {0x039C, 'm'}, {0x039D, 'n'}, {0x039F, 'o'},
    {0x03A1, 'p'}, {0x03A4, 't'}, {0x03A5, 'y'}, {0x03A7, 'x'}, {0x03F9, 'c'}, {0x037F, 'j'}, {0x03D2, 'y'},
    // Armenian
    {0x0563, 'q'}, {0x0566, 'q'}, {0x0570, 'h'}, {0x0575, 'j'}, {0x0578, 'n'}, {0x057C, 'n'}, {0x057D, 'u'}, {0x0585, 'o'}, {0x0581, 'g'},
    {0x0561, 'w'}, {0x0555, 'o'}, {0x054F, 's'}, {0x054D, 'u'}, {0x053C, 'l'},
    // Cherokee
    {0x13AA, 'a'}, {0x13F4, 'b'}, {0x13DF, 'c'}, {0x13A0, 'd'}, {0x13AC, 'e'}, {0x13C0, 'g'}, {0x13BB, 'h'}, {0x13A5, 'i'}, {0x13AB, 'j'},
    {0x13E6, 'k'}, {0x13DE, 'l'}, {0x13B7, 'm'}, {0x13E2, 'p'}, {0x13A1, 'r'}, {0x13D2, 'r'}, {0x13DA, 's'}, {0x13A2, 't'}, {0x13D9, 'v'},
    {0x13B3, 'w'}, {0x13D4, 'w'}, {0x13C3, 'z'}, {0x13A9, 'y'},
    // Coptic
    {0x2C9F, 'o'}, {0x2CA3, 'p'}, {0x2CA5, 'c'}, {0x2C82, 'b'}, {0x2C8E, 'h'}, {0x2C92, 'i'}, {0x2C94, 'k'}, {0x2C98, 'm'}, {0x2C9A, 'n'},
    {0x2C9E, 'o'}, {0x2CA2, 'p'}, {0x2CA4, 'c'}, {0x2CA6, 't'}, {0x2CA8, 'y'}, {0x2CAC, 'x'},
    // Lisu
    {0xA4D0, 'b'}, {0xA4D1, 'p'}, {0xA4D3, 'd'}, {0xA4D4, 't'}, {0xA4D6, 'g'}, {0xA4D7, 'k'}, {0xA4D9, 'j'}, {0xA4DA, 'c'}, {0xA4DC, 'z'},
    {0xA4DD, 'f'}, {0xA4DF, 'm'}, {0xA4E0, 'n'}, {0xA4E1, 'l'}, {0xA4E2, 's'}, {0xA4E3, 'r'}, {0xA4E6, 'v'}, {0xA4E7, 'h'}, {0xA4EA, 'w'},
    {0xA4EB, 'x'}, {0xA4EC, 'y'}, {0xA4EE, 'a'}, {0xA4F0, 'e'}, {0xA4F2, 'i'}, {0xA4F3, 'o'}, {0xA4F4, 'u'},
    // Georgian, Hebrew, Tifinagh
    {0x10E7, 'y'}, {0x05E1, 'o'}, {0x2D54, 'o'},
};

struct look_alike_table {
  // Lisu is the last block with an entry.
  std::array<char, 0xA500> to{};
  look_alike_table() {
    for (const auto& pair : look_alikes) to[pair.point] = pair.ascii;
  }
};

}  // namespace

std::uint8_t traits(char32_t c) { return c < 0x10000 ? basic_plane()[c] : ask_icu(c); }

alphabet alphabet_of(char32_t c) {
  if (c < 0x80) return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ? alphabet::latin : alphabet::none;
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(static_cast<UChar32>(c), &status)) {
    case USCRIPT_LATIN: return alphabet::latin;
    case USCRIPT_CYRILLIC: return alphabet::cyrillic;
    case USCRIPT_GREEK: return alphabet::greek;
    case USCRIPT_ARMENIAN: return alphabet::armenian;
    case USCRIPT_CHEROKEE: return alphabet::cherokee;
    case USCRIPT_COPTIC: return alphabet::coptic;
    case USCRIPT_LISU: return alphabet::lisu;
    case USCRIPT_GEORGIAN:
    case USCRIPT_HEBREW:
    case USCRIPT_TIFINAGH: return alphabet::other;
    default: return alphabet::none;
  }
}

char look_alike(char32_t c) {
  static const auto table = std::make_unique<const look_alike_table>();
  if (c >= 0xAB70 && c <= 0xABBF) c = c - 0xAB70 + 0x13A0;  // small Cherokee letters are drawn as small capitals
  return c < table->to.size() ? table->to[c] : '\0';
}

bool is_symbol(char32_t c) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK)) == 0; }

void normalise_segment(const char32_t* points, std::size_t count, view_kind kind, std::string& out) {
  const auto* n = kind == view_kind::regex ? instances().regex : instances().folded;
  // A segment is at most 64 code points (normaliser.hpp); the longest NFKC expansion is 18 UTF-16 units for each.
  std::array<UChar, 128> in;
  std::array<UChar, 64 * 18 + 8> made;
  std::int32_t used = 0;
  for (std::size_t i = 0; i < count; ++i) {
    U16_APPEND_UNSAFE(in.data(), used, static_cast<UChar32>(points[i]));
  }
  UErrorCode status = U_ZERO_ERROR;
  const auto size = unorm2_normalize(n, in.data(), used, made.data(), static_cast<std::int32_t>(made.size()), &status);
  if (U_FAILURE(status)) {  // cannot happen with that bound; the text then stays as it is
    for (std::size_t i = 0; i < count; ++i) append_utf8(out, points[i]);
    return;
  }
  for (std::int32_t i = 0; i < size;) {
    UChar32 c;
    U16_NEXT_UNSAFE(made.data(), i, c);
    append_utf8(out, static_cast<char32_t>(c));
  }
}

}  // namespace sluice::text
