// Telephone numbers. Shape decides first, since it is cheap and turns down nearly all that is no number; libphonenumber is asked only
// about what names its country, where it knows the lengths. It takes a lock of its own around its pattern cache and throws nothing.
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <string>
#include <vector>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

constexpr std::size_t bytes_max = 48, groups_max = 8;
constexpr std::size_t digits_min = 7, digits_max = 15;  // E.164

struct shape {
  std::vector<std::string_view> groups;  // runs of digits
  std::string separators;                // the kinds between groups, each once: ' ', '-', '.', '/', '('
  bool plus = false, area_in_parentheses = false;
  std::size_t digits = 0;
};

// "x12", "ext. 12", "#12" at the end.
std::string_view without_extension(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && is_digit(text[end - 1])) --end;
  if (end == text.size() || text.size() - end > 7) return text;
  auto head = text.substr(0, end);
  const auto trim = [&] {
    while (!head.empty() && (head.back() == ' ' || head.back() == '.' || head.back() == ':' || head.back() == ',')) head.remove_suffix(1);
  };
  trim();
  for (const std::string_view word : {"extension", "ext", "Ext", "EXT", "xtn", "x", "X", "#"}) {
    if (!head.ends_with(word)) continue;
    head.remove_suffix(word.size());
    trim();
    return head;
  }
  return text;
}

bool read(std::string_view text, shape& out) {
  std::size_t open = std::string_view::npos, run = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (is_digit(c)) {
      ++run;
      continue;
    }
    if (run > 0) {
      if (out.groups.size() == groups_max) return false;
      out.groups.push_back(text.substr(i - run, run));
      out.digits += run;
      run = 0;
    }
    if (i == text.size()) break;
    if (c == '+') {
      if (!out.groups.empty() || out.plus) return false;
      out.plus = true;
    } else if (c == '(') {
      if (open != std::string_view::npos) return false;
      open = i;
      out.area_in_parentheses = out.groups.empty() || (out.plus && out.groups.size() == 1);
    } else if (c == ')') {
      if (open == std::string_view::npos || i - open < 2 || i - open > 6) return false;
      open = std::string_view::npos;
    } else if (std::string_view(" -./").contains(c)) {
      if (!out.separators.contains(c)) out.separators += c;
    } else {
      return false;
    }
  }
  return open == std::string_view::npos && !out.groups.empty();
}

bool is_year(std::string_view group) { return group.size() == 4 && (group.starts_with("19") || group.starts_with("20")); }

// Dates, years, amounts, versions, addresses, card numbers, social security numbers, book numbers: digits in groups that mean something else.
bool means_something_else(const shape& of) {
  const auto& g = of.groups;
  const auto size = [&](std::size_t i) { return g[i].size(); };
  if (g.size() >= 3) {  // a date, and perhaps a time behind it
    const bool year_first = is_year(g[0]) && size(1) <= 2 && size(2) <= 2;
    const bool year_last = is_year(g[2]) && size(0) <= 2 && size(1) <= 2;
    if (year_first || year_last) return true;
    if (g.size() == 3 && size(0) == 3 && size(1) == 2 && size(2) == 4) return true;
  }
  if (g.size() == 2 && is_year(g[0]) && is_year(g[1])) return true;
  if (g.size() == 2 && size(0) == 5 && size(1) == 4) return true;  // ZIP+4
  if (g.size() == 4 && of.separators == "." && std::ranges::all_of(g, [](auto each) { return each.size() <= 3 && number(each) <= 255; })) return true;
  if (g.size() >= 4 && std::ranges::all_of(g, [](auto each) { return each.size() == 4; })) return true;
  if (g.size() >= 4 && (g[0] == "978" || g[0] == "979") && of.separators == "-") return true;
  return of.separators == "." && g.size() == 2;  // a decimal fraction
}

bool known_to_library(std::string_view text) {
  using i18n::phonenumbers::PhoneNumber;
  using i18n::phonenumbers::PhoneNumberUtil;
  std::string written(text);
  if (written.starts_with("011")) written.replace(0, 3, "+");
  if (written.starts_with("00")) written.replace(0, 2, "+");
  const auto& library = *PhoneNumberUtil::GetInstance();
  PhoneNumber number;
  return library.Parse(written, "ZZ", &number) == PhoneNumberUtil::NO_PARSING_ERROR && library.IsPossibleNumber(number);
}

// Groups that are written so for telephone numbers and for little else: North America's 3-3-4, an area code in parentheses, a trunk
// prefix 0, pairs.
bool national(const shape& of) {
  const auto& g = of.groups;
  if (of.digits > 12) return false;
  const auto ends_3_3_4 = [&](std::size_t from) {
    return g.size() == from + 3 && g[from].size() == 3 && g[from + 1].size() == 3 && g[from + 2].size() == 4;
  };
  if (ends_3_3_4(0) || (ends_3_3_4(1) && g[0] == "1")) return true;
  if (of.area_in_parentheses) return g.size() >= 2 && of.digits >= 8;
  if (g.size() < 2) return false;
  if (g[0].starts_with('0') && g[0].size() >= 2 && of.digits >= 8) return true;
  const auto pairs = [&](std::size_t from) {
    return std::all_of(g.begin() + static_cast<std::ptrdiff_t>(from), g.end(), [](auto each) { return each.size() == 2; });
  };
  return of.separators != " " && (g.size() == 4 || g.size() == 5) && pairs(0);
}

bool shaped(std::string_view text, shape& out) {
  if (text.size() > bytes_max || !read(without_extension(text), out)) return false;
  if (out.digits < digits_min || out.digits > digits_max + 3) return false;
  std::string digits;
  for (const auto each : out.groups) digits += each;
  return !all_same(digits);
}

}  // namespace

bool phone_valid(std::string_view text) {
  shape of;
  if (!shaped(text, of)) return false;
  const bool dialled_abroad = of.groups[0].starts_with("00") || of.groups[0] == "011";
  if (of.plus || (dialled_abroad && of.digits >= 10)) return known_to_library(without_extension(text));
  return !means_something_else(of) && national(of);
}

bool phone_digits_valid(std::string_view text) {
  shape of;
  if (text.size() > bytes_max || !read(without_extension(text), of)) return false;
  if (of.digits < 6 || of.digits > digits_max || of.groups.size() > 6) return false;
  if (of.groups.size() == 1 && of.digits > 12) return false;  // nobody writes so long a number in one piece, but for cards and ids
  return !means_something_else(of);
}

}  // namespace sluice::match
