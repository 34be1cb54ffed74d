// Numbers as people write them, without what separates their parts. Private to the validators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sluice::match {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline int digit(char c) { return c - '0'; }

// What one character is of a number in parts. A digit or letter is appended, in upper case; a separator stands alone and between two of those.
enum class compact_part : std::uint8_t { none, separator, character };
inline compact_part take_compact(char c, bool& separated, std::string& out, std::string_view separators = " -.") {
  const char up = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (is_digit(up) || is_upper(up)) {
    out += up;
    separated = false;
    return compact_part::character;
  }
  if (separated || separators.find(c) == std::string_view::npos) return compact_part::none;
  separated = true;
  return compact_part::separator;
}

// Digits and upper-case letters of the text, or nothing when something else than the separators stands among them, when a separator
// stands at an end or beside another one, or when more than 40 characters remain.
inline std::string compact(std::string_view text, std::string_view separators = " -.") {
  std::string out;
  bool separated = true;
  for (const char c : text) {
    if (take_compact(c, separated, out, separators) == compact_part::none || out.size() > 40) return {};
  }
  if (separated) out.clear();
  return out;
}

inline bool all_digits(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return !text.empty();
}
inline bool digits_only(std::string_view text, std::size_t count) { return text.size() == count && all_digits(text); }

inline bool all_same(std::string_view text) { return text.find_first_not_of(text.substr(0, 1)) == std::string_view::npos; }

inline std::uint64_t number(std::string_view digits) {
  std::uint64_t out = 0;
  for (const char c : digits) out = out * 10 + static_cast<std::uint64_t>(digit(c));
  return out;
}

inline std::uint64_t number_at(std::string_view digits, std::size_t at, std::size_t count) { return number(digits.substr(at, count)); }

inline int weighted(std::string_view digits, std::initializer_list<int> weights) {
  int sum = 0;
  std::size_t i = 0;
  for (const int w : weights) sum += w * digit(digits[i++]);
  return sum;
}

// Luhn's check digit, which is the last.
inline bool luhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (std::size_t i = digits.size(); i > 0; --i, twice = !twice) {
    const int d = digit(digits[i - 1]);
    sum += twice ? (d * 2 > 9 ? d * 2 - 9 : d * 2) : d;
  }
  return sum % 10 == 0;
}

// ISO 7064 mod 11,10; the last digit checks the others.
inline bool mod_11_10(std::string_view digits) {
  int product = 10;
  for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
    int sum = (digit(digits[i]) + product) % 10;
    if (sum == 0) sum = 10;
    product = sum * 2 % 11;
  }
  return (11 - product) % 10 == digit(digits.back());
}

inline bool is_day_and_month(std::uint64_t day, std::uint64_t month) { return day >= 1 && day <= 31 && month >= 1 && month <= 12; }

}  // namespace sluice::match
