// Numbers of people and firms in Europe.
#include <algorithm>
#include <array>
#include <string>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

// Legal persons: a letter, seven digits, and Luhn's digit or the letter that stands for it.
bool spanish_firm(const std::string& n) {
  if (!std::string_view("ABCDEFGHJNPQRSUVW").contains(n[0]) || !all_digits(std::string_view(n).substr(1, 7))) return false;
  int check = 0;
  while (check < 10 && !luhn(n.substr(1, 7) + static_cast<char>('0' + check))) ++check;
  const bool letter_only = std::string_view("NPQRSW").contains(n[0]);
  const bool digit_only = std::string_view("ABEH").contains(n[0]);
  const char letter = std::string_view("JABCDEFGHI")[static_cast<std::size_t>(check)];
  return (!letter_only && n[8] == static_cast<char>('0' + check)) || (!digit_only && n[8] == letter);
}

}  // namespace

bool uk_nhs_valid(std::string_view text) {
  const auto d = compact(text, " -");
  if (!digits_only(d, 10) || all_same(d)) return false;
  const int check = 11 - weighted(d, {10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return check != 10 && check % 11 == digit(d[9]);
}

bool uk_nino_valid(std::string_view text) {
  const auto n = compact(text, " -");
  if (n.size() != 9 || !all_digits(std::string_view(n).substr(2, 6)) || n[8] < 'A' || n[8] > 'D') return false;
  if (!is_upper(n[0]) || !is_upper(n[1])) return false;
  static constexpr std::string_view never_first = "DFIQUV", never_second = "DFIQUVO";
  if (never_first.contains(n[0]) || never_second.contains(n[1])) return false;
  static constexpr std::array never = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
  return std::ranges::none_of(never, [&](const char* prefix) { return n.starts_with(prefix); });
}

bool de_tax_id_valid(std::string_view text) {
  const auto d = compact(text, " /-");
  if (!digits_only(d, 11) || d[0] == '0') return false;
  // Of the first ten digits exactly one comes twice or three times, the others at most once.
  std::array<int, 10> count{};
  for (std::size_t i = 0; i < 10; ++i) ++count[static_cast<std::size_t>(digit(d[i]))];
  if (std::ranges::count_if(count, [](int n) { return n > 1; }) != 1 || *std::ranges::max_element(count) > 3) return false;
  return mod_11_10(d);
}

bool fr_nir_valid(std::string_view text) {
  auto n = compact(text);
  if (n.size() != 15 || !std::string_view("123478").contains(n[0])) return false;
  if (n[5] == '2' && (n[6] == 'A' || n[6] == 'B')) {
    n[6] = n[6] == 'A' ? '9' : '8';
    n[5] = '1';
  }
  if (!all_digits(n)) return false;
  const auto month = number_at(n, 3, 2);
  const bool month_fits = (month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50;
  return month_fits && 97 - number_at(n, 0, 13) % 97 == number_at(n, 13, 2);
}

bool es_nif_valid(std::string_view text) {
  auto n = compact(text);
  if (n.size() != 9) return false;
  const bool foreigner = n[0] == 'X' || n[0] == 'Y' || n[0] == 'Z';
  if (!foreigner && !is_digit(n[0])) return spanish_firm(n);
  if (foreigner) n[0] = static_cast<char>('0' + (n[0] - 'X'));
  if (!all_digits(std::string_view(n).substr(0, 8))) return false;
  return n[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[number_at(n, 0, 8) % 23];
}

bool it_codice_fiscale_valid(std::string_view text) {
  const auto n = compact(text, " ");
  if (n.size() != 16 || !is_upper(n[15])) return false;
  // Where digits stand, the letters LMNPQRSTUV stand for them when two people would have the same code.
  static constexpr std::string_view form = "AAAAAA00A00A000A", months = "ABCDEHLMPRST", omocodia = "LMNPQRSTUV";
  static constexpr int odd[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    const char c = n[i];
    if (form[i] == 'A' ? !is_upper(c) : !is_digit(c) && !omocodia.contains(c)) return false;
    const int value = is_digit(c) ? digit(c) : c - 'A';
    sum += i % 2 == 0 ? odd[value] : value;
  }
  return months.contains(n[8]) && n[15] == static_cast<char>('A' + sum % 26);
}

bool nl_bsn_valid(std::string_view text) {
  const auto d = compact(text);
  return digits_only(d, 9) && !all_same(d) && weighted(d, {9, 8, 7, 6, 5, 4, 3, 2, -1}) % 11 == 0;
}

bool pl_pesel_valid(std::string_view text) {
  const auto d = compact(text, "");
  // The century stands in the month: 80, 0, 20, 40 or 60 on top of it.
  if (!digits_only(d, 11) || !is_day_and_month(number_at(d, 4, 2), number_at(d, 2, 2) % 20)) return false;
  return (10 - weighted(d, {1, 3, 7, 9, 1, 3, 7, 9, 1, 3}) % 10) % 10 == digit(d[10]);
}

bool se_personnummer_valid(std::string_view text) {
  auto d = compact(text, "-+");
  if (digits_only(d, 12)) d.erase(0, 2);
  if (!digits_only(d, 10)) return false;
  const auto day = number_at(d, 4, 2);  // 60 more: a coordination number
  return is_day_and_month(day > 60 ? day - 60 : day, number_at(d, 2, 2)) && luhn(d);
}

bool fi_hetu_valid(std::string_view text) {
  if (text.size() != 11 || !std::string_view("+-ABCDEFUVWXY").contains(text[6])) return false;
  std::string d(text.substr(0, 6));
  d += text.substr(7, 3);
  if (!all_digits(d) || !is_day_and_month(number_at(d, 0, 2), number_at(d, 2, 2))) return false;
  return "0123456789ABCDEFHJKLMNPRSTUVWXY"[number(d) % 31] == text[10];
}

bool be_rijksregister_valid(std::string_view text) {
  const auto d = compact(text);
  if (!digits_only(d, 11)) return false;
  const auto month = number_at(d, 2, 2) % 20;  // 20 or 40 more: sex not known or number of a guest
  if (month > 12 || number_at(d, 4, 2) > 31) return false;
  const auto check = number_at(d, 9, 2);
  return check == 97 - number_at(d, 0, 9) % 97 || check == 97 - (2'000'000'000 + number_at(d, 0, 9)) % 97;
}

bool pt_nif_valid(std::string_view text) {
  const auto d = compact(text);
  if (!digits_only(d, 9) || d[0] == '0' || d[0] == '4') return false;
  const int rest = weighted(d, {9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return (rest < 2 ? 0 : 11 - rest) == digit(d[8]);
}

bool ch_ahv_valid(std::string_view text) {
  const auto d = compact(text);
  return digits_only(d, 13) && d.starts_with("756") && weighted(d, {1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1}) % 10 == 0;
}

}  // namespace sluice::match
