// Numbers of people and firms in America, India and Australia.
#include <algorithm>
#include <string>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

// Verhoeff's tables: products of the dihedral group of the pentagon, and the permutation applied once for each place.
bool verhoeff(std::string_view digits) {
  static constexpr std::uint8_t product[10][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6},
                                                   {3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
                                                   {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4},
                                                   {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
  static constexpr std::uint8_t permutation[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
  std::uint8_t check = 0;
  for (std::size_t place = 0; place < digits.size(); ++place) {
    auto d = static_cast<std::uint8_t>(digit(digits[digits.size() - 1 - place]));
    for (std::size_t i = 0; i < place % 8; ++i) d = permutation[d];
    check = product[check][d];
  }
  return check == 0;
}

// Receita Federal: the sum of weights from 2 upwards, from the right, wrapping at `wrap`; 11 minus the rest, 10 and 11 as 0.
int brazilian_digit(std::string_view digits, int wrap) {
  int sum = 0;
  int weight = 2;
  for (std::size_t i = digits.size(); i > 0; --i) {
    sum += digit(digits[i - 1]) * weight;
    weight = weight == wrap ? 2 : weight + 1;
  }
  return sum % 11 < 2 ? 0 : 11 - sum % 11;
}

bool brazilian(std::string_view digits, std::size_t count, int wrap) {
  if (!digits_only(digits, count) || all_same(digits)) return false;
  return brazilian_digit(digits.substr(0, count - 2), wrap) == digit(digits[count - 2]) &&
         brazilian_digit(digits.substr(0, count - 1), wrap) == digit(digits[count - 1]);
}

}  // namespace

bool us_ssn_valid(std::string_view text) {
  const auto d = compact(text);
  if (!digits_only(d, 9) || all_same(d)) return false;
  if (d == "078051120" || d == "219099999") return false;
  return number_at(d, 0, 3) != 0 && number_at(d, 0, 3) != 666 && d[0] != '9' && number_at(d, 3, 2) != 0 && number_at(d, 5, 4) != 0;
}

bool us_itin_valid(std::string_view text) {
  const auto d = compact(text);
  if (!digits_only(d, 9) || d[0] != '9') return false;
  const auto group = number_at(d, 3, 2);
  return (group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group <= 92) || group >= 94;
}

bool us_npi_valid(std::string_view text) {
  const auto d = compact(text);
  return digits_only(d, 10) && (d[0] == '1' || d[0] == '2') && luhn("80840" + d);
}

bool in_aadhaar_valid(std::string_view text) {
  const auto d = compact(text, " -");
  return digits_only(d, 12) && d[0] >= '2' && verhoeff(d);
}

bool in_pan_valid(std::string_view text) {
  if (text.size() != 10) return false;
  const auto n = compact(text, "");
  if (n.size() != 10 || !all_digits(std::string_view(n).substr(5, 4)) || n.substr(5, 4) == "0000" || !is_upper(n[9])) return false;
  if (!std::ranges::all_of(n.substr(0, 5), is_upper)) return false;
  return std::string_view("ABCEFGHJLPT").contains(n[3]);
}

bool au_tfn_valid(std::string_view text) {
  const auto d = compact(text, " -");
  if (digits_only(d, 9)) return !all_same(d) && weighted(d, {1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0;
  return digits_only(d, 8) && !all_same(d) && weighted(d, {10, 7, 8, 4, 6, 3, 5, 1}) % 11 == 0;
}

bool au_abn_valid(std::string_view text) {
  const auto d = compact(text, " -");
  if (!digits_only(d, 11) || d[0] == '0') return false;
  return (weighted(d, {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19}) - 10) % 89 == 0;
}

bool au_medicare_valid(std::string_view text) {
  const auto d = compact(text, " -");
  if (!digits_only(d, 10) || d[0] < '2' || d[0] > '6' || d[9] == '0') return false;
  return weighted(d, {1, 3, 7, 9, 1, 3, 7, 9}) % 10 == digit(d[8]);
}

bool ca_sin_valid(std::string_view text) {
  const auto d = compact(text, " -");
  return digits_only(d, 9) && d[0] != '0' && d[0] != '8' && luhn(d);
}

bool br_cpf_valid(std::string_view text) { return brazilian(compact(text), 11, 12); }
bool br_cnpj_valid(std::string_view text) { return brazilian(compact(text, " -./"), 14, 9); }

}  // namespace sluice::match
