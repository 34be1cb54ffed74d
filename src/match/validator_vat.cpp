// VAT numbers: the forms of VIES, and the check digits as the member states publish them (collected in the annex of
// Regulation (EU) 904/2010's form specification). Where a country gives out several kinds and checks only some, the rest pass by form.
#include <algorithm>
#include <array>
#include <string>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

using rest_of = std::string_view;  // the number without its country

bool austria(rest_of n) {
  if (n.size() != 9 || n[0] != 'U' || !all_digits(n.substr(1))) return false;
  int sum = 4;
  for (std::size_t i = 1; i < 8; ++i) {
    const int d = digit(n[i]) * (i % 2 == 0 ? 2 : 1);
    sum += d / 10 + d % 10;
  }
  return (10 - sum % 10) % 10 == digit(n[8]);
}

bool belgium(rest_of n) { return digits_only(n, 10) && n[0] <= '1' && 97 - number(n.substr(0, 8)) % 97 == number(n.substr(8)); }

bool bulgaria(rest_of n) {
  if (digits_only(n, 10)) return true;
  if (!digits_only(n, 9)) return false;
  int check = weighted(n, {1, 2, 3, 4, 5, 6, 7, 8}) % 11;
  if (check == 10) check = weighted(n, {3, 4, 5, 6, 7, 8, 9, 10}) % 11 % 10;
  return check == digit(n[8]);
}

bool switzerland(rest_of n) {  // CHE…, with one of the words for VAT behind it, or none
  if (n.size() < 10 || n[0] != 'E' || !all_digits(n.substr(1, 9))) return false;
  const auto word = n.substr(10);
  static constexpr std::array words = {"", "MWST", "TVA", "IVA", "TPV", "VAT"};
  if (std::ranges::find(words, word) == words.end()) return false;
  return (11 - weighted(n.substr(1), {5, 4, 3, 2, 7, 6, 5, 4}) % 11) % 11 == digit(n[9]);
}

bool cyprus(rest_of n) {
  static constexpr int odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21};
  if (n.size() != 9 || !all_digits(n.substr(0, 8)) || n.starts_with("12")) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 8; ++i) sum += i % 2 == 0 ? odd[digit(n[i])] : digit(n[i]);
  return n[8] == static_cast<char>('A' + sum % 26);
}

bool czechia(rest_of n) {
  if (digits_only(n, 9) || digits_only(n, 10)) return true;
  if (!digits_only(n, 8) || n[0] == '9') return false;
  const int check = (11 - weighted(n, {8, 7, 6, 5, 4, 3, 2}) % 11) % 11;
  return (check == 0 ? 1 : check) % 10 == digit(n[7]);
}

bool germany(rest_of n) { return digits_only(n, 9) && n[0] != '0' && mod_11_10(n); }
bool denmark(rest_of n) { return digits_only(n, 8) && n[0] != '0' && weighted(n, {2, 7, 6, 5, 4, 3, 2, 1}) % 11 == 0; }
bool estonia(rest_of n) { return digits_only(n, 9) && weighted(n, {3, 7, 1, 3, 7, 1, 3, 7, 1}) % 10 == 0; }
bool greece(rest_of n) {
  return digits_only(n, 9) && weighted(n, {256, 128, 64, 32, 16, 8, 4, 2}) % 11 % 10 == digit(n[8]) && !all_same(n);
}
bool spain(rest_of n) { return es_nif_valid(n); }
bool finland(rest_of n) { return digits_only(n, 8) && weighted(n, {7, 9, 10, 5, 8, 4, 2, 1}) % 11 == 0; }

bool france(rest_of n) {
  if (n.size() != 11 || !all_digits(n.substr(2)) || !luhn(n.substr(2))) return false;
  if (!all_digits(n.substr(0, 2))) return !n.substr(0, 2).contains('O') && !n.substr(0, 2).contains('I');
  return (number(n.substr(2)) * 100 + 12) % 97 == number(n.substr(0, 2));
}

bool britain(rest_of n) {
  if (n.size() == 5) return (n.starts_with("GD") || n.starts_with("HA")) && all_digits(n.substr(2));
  if ((n.size() != 9 && n.size() != 12) || !all_digits(n)) return false;
  const int sum = weighted(n, {8, 7, 6, 5, 4, 3, 2, 10, 1});
  return sum % 97 == 0 || (sum + 55) % 97 == 0;
}

bool croatia(rest_of n) { return digits_only(n, 11) && mod_11_10(n); }
bool hungary(rest_of n) { return digits_only(n, 8) && weighted(n, {9, 7, 3, 1, 9, 7, 3, 1}) % 10 == 0; }

bool ireland(rest_of n) {
  if (n.size() != 8 && n.size() != 9) return false;
  if (is_upper(n[1]) && n.size() == 8) {  // before 2013: the second place is a letter, and the seventh digit comes first
    const auto turned = "0" + std::string(n.substr(2, 5)) + n[0] + n[7];
    return is_digit(n[0]) && all_digits(n.substr(2, 5)) && ireland(turned);
  }
  if (!all_digits(n.substr(0, 7))) return false;
  int sum = weighted(n, {8, 7, 6, 5, 4, 3, 2});
  if (n.size() == 9) {
    if (!is_upper(n[8]) || (n[8] > 'I' && n[8] != 'W')) return false;
    sum += n[8] == 'W' ? 0 : 9 * (n[8] - 'A' + 1);
  }
  return n[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum % 23];
}

bool italy(rest_of n) { return digits_only(n, 11) && luhn(n) && !all_same(n); }

bool lithuania(rest_of n) {
  if ((n.size() != 9 && n.size() != 12) || !all_digits(n) || n[n.size() - 2] != '1') return false;
  for (int shift = 0; shift <= 2; shift += 2) {
    int sum = 0;
    for (std::size_t i = 0; i + 1 < n.size(); ++i) sum += (1 + (static_cast<int>(i) + shift) % 9) * digit(n[i]);
    if (sum % 11 < 10 || shift == 2) return sum % 11 % 10 == digit(n.back());
  }
  return false;
}

bool luxembourg(rest_of n) { return digits_only(n, 8) && number(n.substr(0, 6)) % 89 == number(n.substr(6)); }
bool latvia(rest_of n) {
  if (!digits_only(n, 11)) return false;
  return n[0] <= '3' || weighted(n, {9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1}) % 11 == 3;
}
bool malta(rest_of n) { return digits_only(n, 8) && n[0] != '0' && weighted(n, {3, 4, 6, 7, 8, 9, 10, 1}) % 37 == 0; }

bool netherlands(rest_of n) {
  if (n.size() != 12 || n[9] != 'B' || !all_digits(n.substr(0, 9)) || !all_digits(n.substr(10))) return false;
  if (weighted(n, {9, 8, 7, 6, 5, 4, 3, 2, -1}) % 11 == 0) return true;
  // Sole traders since 2020: mod 97 over the whole, letters as two digits (N 23, L 21, B 11).
  std::uint64_t rest = 2321 % 97;
  for (const char c : n) rest = (c == 'B' ? rest * 100 + 11 : rest * 10 + static_cast<std::uint64_t>(digit(c))) % 97;
  return rest == 1;
}

bool poland(rest_of n) { return digits_only(n, 10) && weighted(n, {6, 5, 7, 2, 3, 4, 5, 6, 7, -1}) % 11 == 0 && !all_same(n); }
bool portugal(rest_of n) { return pt_nif_valid(n); }

bool romania(rest_of n) {
  if (n.size() < 4 || n.size() > 10 || !all_digits(n) || n[0] == '0') return false;
  const auto padded = std::string(10 - n.size(), '0') + std::string(n);
  return weighted(padded, {7, 5, 3, 2, 1, 7, 5, 3, 2}) * 10 % 11 % 10 == digit(padded[9]);
}

bool sweden(rest_of n) { return digits_only(n, 12) && n.ends_with("01") && luhn(n.substr(0, 10)); }

bool slovenia(rest_of n) {
  if (!digits_only(n, 8) || n[0] == '0') return false;
  const int check = 11 - weighted(n, {8, 7, 6, 5, 4, 3, 2}) % 11;
  return check != 11 && check % 10 == digit(n[7]);
}

bool slovakia(rest_of n) { return digits_only(n, 10) && n[0] != '0' && number(n) % 11 == 0; }

struct country {
  std::string_view code;
  bool (*accepts)(rest_of);
};
constexpr std::array states = std::to_array<country>({
    {"AT", austria}, {"BE", belgium}, {"BG", bulgaria}, {"CH", switzerland}, {"CY", cyprus}, {"CZ", czechia}, {"DE", germany}, {"DK", denmark},
    {"EE", estonia}, {"EL", greece}, {"ES", spain}, {"FI", finland}, {"FR", france}, {"GB", britain}, {"GR", greece}, {"HR", croatia},
    {"HU", hungary}, {"IE", ireland}, {"IT", italy}, {"LT", lithuania}, {"LU", luxembourg}, {"LV", latvia}, {"MT", malta}, {"NL", netherlands},
    {"PL", poland}, {"PT", portugal}, {"RO", romania}, {"SE", sweden}, {"SI", slovenia}, {"SK", slovakia}, {"XI", britain},
});

}  // namespace

std::size_t vat_longest(std::string_view text) {
  constexpr std::size_t size_min = 6, size_max = 16;
  std::size_t best = 0;
  std::string n;
  auto state = states.end();
  bool separated = true;
  for (std::size_t i = 0; i < text.size() && n.size() < size_max; ++i) {
    const auto part = take_compact(text[i], separated, n);
    if (part == compact_part::none) break;
    if (part == compact_part::separator) continue;
    if (n.size() == 2) state = std::ranges::find(states, std::string_view(n), &country::code);
    if (n.size() >= 2 && state == states.end()) break;
    if (n.size() >= size_min && state->accepts(std::string_view(n).substr(2))) best = i + 1;
  }
  return best;
}

bool vat_valid(std::string_view text) { return !text.empty() && vat_longest(text) == text.size(); }

}  // namespace sluice::match
