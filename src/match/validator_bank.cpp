// Cards and bank accounts.
#include <algorithm>
#include <array>
#include <string>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

// Issuer ranges by their first digits, filled up to six with 0 and 9, and the lengths that are given out (bit n: n digits).
struct issuer {
  std::uint32_t low, high;
  std::uint32_t lengths;
};
constexpr std::uint32_t of_length(int from, int to) {
  std::uint32_t out = 0;
  for (int n = from; n <= to; ++n) out |= 1u << n;
  return out;
}
constexpr std::array issuers = std::to_array<issuer>({
    {400000, 499999, of_length(13, 13) | of_length(16, 16) | of_length(19, 19)},  // Visa
    {222100, 272099, of_length(16, 16)}, {510000, 559999, of_length(16, 16)},     // Mastercard
    {340000, 349999, of_length(15, 15)}, {370000, 379999, of_length(15, 15)},     // American Express
    {300000, 305999, of_length(14, 19)}, {309500, 309599, of_length(14, 19)},     // Diners Club
    {360000, 369999, of_length(14, 19)}, {380000, 399999, of_length(14, 19)},
    {350000, 359999, of_length(16, 19)}, {213100, 213199, of_length(15, 15)},     // JCB (3528 to 3589 are given out), and its old ranges
    {180000, 180099, of_length(15, 15)},
    {500000, 509999, of_length(12, 19)}, {560000, 589999, of_length(12, 19)},     // Maestro, Dankort, Verve, RuPay
    {600000, 699999, of_length(12, 19)}, {60400, 60499, of_length(12, 19)},       // Maestro, Discover, UnionPay, Hipercard
    {220000, 220499, of_length(16, 19)},                                          // Mir
    {810000, 829999, of_length(16, 19)}, {860000, 860099, of_length(16, 16)},     // UnionPay and RuPay, Uzcard
    {979200, 979289, of_length(16, 16)}, {986000, 986099, of_length(16, 16)},     // Troy, Humo
});

struct country_length {
  std::string_view country;
  std::size_t length;
};
// SWIFT IBAN Registry, release 99.
constexpr std::array iban_lengths = std::to_array<country_length>({
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22}, {"BI", 27},
    {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28},
    {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23},
    {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21},
    {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28},
    {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22},
    {"RU", 33}, {"SA", 24}, {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
});

// ISO 3166-1 alpha-2, and XK, which banks use.
constexpr std::string_view countries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH "
    "CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN "
    "GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI "
    "LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM "
    "PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD "
    "TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

// ISO 7064 mod 97-10 over the number with its first four characters moved to the end, letters as 10 to 35.
bool checks_as_iban(std::string_view iban) {
  if (!is_digit(iban[2]) || !is_digit(iban[3])) return false;
  unsigned rest = 0;
  for (std::size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    rest = is_digit(c) ? (rest * 10 + static_cast<unsigned>(c - '0')) % 97 : (rest * 100 + static_cast<unsigned>(c - 'A' + 10)) % 97;
  }
  return rest == 1;
}

}  // namespace

bool luhn_valid(std::string_view text) { return !text.empty() && luhn_longest(text) == text.size(); }

std::size_t luhn_longest(std::string_view text) {
  constexpr int issuer_digits = 6, digits_max = 19;
  std::size_t best = 0;
  std::uint32_t first = 0, lengths = 0;
  int count = 0, even_doubled = 0, odd_doubled = 0;  // sums in which every digit at an even, or at an odd, place counts twice
  constexpr int separators_max = 3;  // "4111 - 1111", and a line that was broken
  int separators = separators_max;   // since the last digit
  bool same = true;
  for (std::size_t i = 0; i < text.size() && count < digits_max; ++i) {
    if (!is_digit(text[i])) {
      if (separators++ == separators_max || std::string_view(" -.\t\r\n").find(text[i]) == std::string_view::npos) break;
      continue;
    }
    separators = 0;
    const int d = digit(text[i]), twice = d * 2 > 9 ? d * 2 - 9 : d * 2;
    even_doubled += count % 2 == 0 ? twice : d;
    odd_doubled += count % 2 == 0 ? d : twice;
    same = same && d == digit(text[0]);
    if (++count <= issuer_digits) first = first * 10 + static_cast<std::uint32_t>(d);
    if (count < issuer_digits) continue;
    if (count == issuer_digits) {
      for (const auto& each : issuers) lengths |= first >= each.low && first <= each.high ? each.lengths : 0;
      if (lengths == 0) break;
    }
    // The check digit counts once, so those beside it in every other place count twice.
    if (!same && (lengths >> count & 1) != 0 && (count % 2 == 0 ? even_doubled : odd_doubled) % 10 == 0) best = i + 1;
  }
  return best;
}

std::size_t iban_longest(std::string_view text) {
  std::string iban;
  auto known = iban_lengths.end();
  bool separated = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto part = take_compact(text[i], separated, iban, " -");
    if (part == compact_part::none) return 0;
    if (part == compact_part::separator || iban.size() < 2) continue;
    if (iban.size() == 2) known = std::ranges::find(iban_lengths, std::string_view(iban), &country_length::country);
    if (known == iban_lengths.end()) return 0;
    if (iban.size() == known->length) return checks_as_iban(iban) ? i + 1 : 0;
  }
  return 0;
}

bool iban_valid(std::string_view text) { return !text.empty() && iban_longest(text) == text.size(); }

bool aba_valid(std::string_view text) {
  const auto digits = compact(text, " -");
  if (!digits_only(digits, 9) || all_same(digits)) return false;
  const auto district = number(std::string_view(digits).substr(0, 2));
  const bool given = district <= 12 || (district >= 21 && district <= 32) || (district >= 61 && district <= 72) || district == 80;
  return given && weighted(digits, {3, 7, 1, 3, 7, 1, 3, 7, 1}) % 10 == 0;
}

bool bic_valid(std::string_view text) {
  if (text.size() != 8 && text.size() != 11) return false;
  if (!std::ranges::all_of(text, [](char c) { return is_upper(c) || is_digit(c); })) return false;
  if (!std::ranges::all_of(text.substr(0, 6), is_upper)) return false;
  const auto at = countries.find(text.substr(4, 2));
  // Location: not 0 or 1 first, no O second. A branch that begins with X is XXX, the head office.
  return at != std::string_view::npos && at % 3 == 0 && text[6] != '0' && text[6] != '1' && text[7] != 'O' &&
         (text.size() == 8 || text[8] != 'X' || text.ends_with("XXX"));
}

}  // namespace sluice::match
