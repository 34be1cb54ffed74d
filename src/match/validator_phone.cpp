// Telephone numbers. Shape decides first, since it is cheap and turns down nearly all that is no number; libphonenumber is asked only
// about what names its country, where it knows the lengths. It takes a lock of its own around its pattern cache and throws nothing.
#include <phonenumbers/phonenumberutil.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

constexpr std::size_t bytes_max = 48, groups_max = 8;
constexpr std::size_t digits_min = 7, digits_max = 15;  // E.164

struct shape {
  std::array<std::string_view, groups_max> all;
  std::size_t count = 0;
  std::string separators;  // the kinds between groups, each once: ' ', '-', '.', '/'
  bool plus = false, area_in_parentheses = false, same = true;  // all digits alike
  std::size_t digits = 0;
  [[nodiscard]] std::span<const std::string_view> groups() const { return std::span(all).first(count); }  // runs of digits
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

// Reads a number from left to right, so that the shape of each of its beginnings is seen on the way.
class shape_reader {
 public:
  explicit shape_reader(std::string_view text) : text_(text) {}

  // The next byte. False: nothing that begins so is a number.
  bool take() {
    const auto i = at_++;
    const char c = text_[i];
    if (is_digit(c)) return take_digit(i);
    run_ = 0;
    switch (c) {
      case '+':
        if (of_.count > 0 || of_.plus) return false;
        return of_.plus = true;
      case '(':
        if (open_ != none) return false;
        open_ = i;
        of_.area_in_parentheses = of_.count == 0 || (of_.plus && of_.count == 1);
        return true;
      case ')':
        if (open_ == none || i - open_ < 2 || i - open_ > 6) return false;
        open_ = none;
        return true;
      case ' ': case '-': case '.': case '/':
        if (!of_.separators.contains(c)) of_.separators += c;
        return true;
      default: return false;
    }
  }
  // What was taken may be a number.
  [[nodiscard]] bool whole() const { return open_ == none && of_.count > 0; }
  [[nodiscard]] const shape& of() const { return of_; }

 private:
  static constexpr std::size_t none = std::string_view::npos;

  bool take_digit(std::size_t i) {
    if (run_ == 0 && of_.count == groups_max) return false;
    if (run_ == 0) ++of_.count;
    of_.all[of_.count - 1] = text_.substr(i - run_, run_ + 1);
    ++run_;
    ++of_.digits;
    of_.same = of_.same && text_[i] == of_.all[0][0];
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0, open_ = none, run_ = 0;
  shape of_;
};

bool is_year(std::string_view group) { return group.size() == 4 && (group.starts_with("19") || group.starts_with("20")); }

// Dates, years, amounts, versions, addresses, card numbers, social security numbers, book numbers: digits in groups that mean something else.
bool means_something_else(const shape& of) {
  const auto g = of.groups();
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
  const auto g = of.groups();
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

// What a shape alone says; `ask`: the library has to be asked.
enum class verdict : std::uint8_t { no, yes, ask };

verdict judge_number(const shape& of) {
  if (of.digits < digits_min || of.digits > digits_max + 3 || of.same) return verdict::no;
  const bool dialled_abroad = of.all[0].starts_with("00") || of.all[0] == "011";
  if (of.plus || (dialled_abroad && of.digits >= 10)) return verdict::ask;
  return !means_something_else(of) && national(of) ? verdict::yes : verdict::no;
}

verdict judge_digits(const shape& of) {
  if (of.digits < 6 || of.digits > digits_max || of.count > 6) return verdict::no;
  if (of.count == 1 && of.digits > 12) return verdict::no;  // nobody writes so long a number in one piece, but for cards and ids
  return means_something_else(of) ? verdict::no : verdict::yes;
}

// The longest beginning that is a number, with or without an extension; the library is asked about the longest first.
std::size_t longest_number(std::string_view text, verdict (*judge)(const shape&)) {
  text = text.substr(0, bytes_max);
  std::array<verdict, bytes_max + 1> plain{};  // by length
  shape_reader reader(text);
  bool some = false;
  for (std::size_t n = 1; n <= text.size() && reader.take(); ++n) {
    if (reader.whole()) plain[n] = judge(reader.of());
    some = some || plain[n] != verdict::no;
  }
  if (!some) return 0;
  for (auto n = text.size(); n > 0; --n) {
    const auto head = without_extension(text.substr(0, n));
    auto& its = plain[head.size()];
    if (its == verdict::ask) its = known_to_library(head) ? verdict::yes : verdict::no;
    if (its == verdict::yes) return n;
  }
  return 0;
}

}  // namespace

std::size_t phone_longest(std::string_view text) { return longest_number(text, judge_number); }
bool phone_valid(std::string_view text) { return !text.empty() && phone_longest(text) == text.size(); }
std::size_t phone_digits_longest(std::string_view text) { return longest_number(text, judge_digits); }
bool phone_digits_valid(std::string_view text) { return !text.empty() && phone_digits_longest(text) == text.size(); }

}  // namespace sluice::match
