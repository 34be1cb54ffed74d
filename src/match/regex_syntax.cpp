// A recursive reader over patterns that PCRE2 has accepted (so nesting is bounded: PCRE2 refuses more than 250 parentheses).
#include "sluice/match/regex_syntax.hpp"

#include <algorithm>
#include <optional>

#include "regex_class.hpp"
#include "regex_pieces.hpp"
#include "sluice/base/hex_digit.hpp"

namespace sluice::match {
namespace {

class reader {
 public:
  explicit reader(std::string_view pattern) : in_(pattern) {}

  regex_shape read() {
    const auto all = alternatives();
    regex_shape shape;
    shape.width_max = all.width;
    shape.needs = failed_ ? rare_bytes{} : all.needs.rare();
    if (at_ == in_.size() && !failed_) shape.superset = all.superset;
    if (failed_) shape.width_max = no_bound;
    return shape;
  }

 private:
  [[nodiscard]] bool more() const { return at_ < in_.size(); }
  [[nodiscard]] char peek(std::size_t k = 0) const { return at_ + k < in_.size() ? in_[at_ + k] : '\0'; }
  bool take(std::string_view s) {
    if (!in_.substr(at_).starts_with(s)) return false;
    at_ += s.size();
    return true;
  }

  piece alternatives() {
    const bool outer_caseless = caseless_, outer_extended = extended_, outer_dotall = dotall_;
    piece all = sequence();
    while (take("|")) {
      piece next = sequence();
      all.width = std::max(all.width, next.width);
      all.superset += "|" + next.superset;
      all.needs = least(all.needs, next.needs);
      all.bytes += next.bytes;
    }
    caseless_ = outer_caseless;
    extended_ = outer_extended;
    dotall_ = outer_dotall;
    return all;
  }

  piece sequence() {
    piece all;
    needs_in_a_row needs;
    while (more() && (quoted_ || (peek() != '|' && peek() != ')')) && !failed_) {
      if (skip_nothing()) continue;
      piece one = quoted_ ? literal(code_point(), caseless_) : atom();
      one = repeated(std::move(one));
      all.width = plus(all.width, one.width);
      all.superset += one.superset;
      all.bytes += one.bytes;
      needs.add(one.needs);
    }
    all.needs = needs.all();
    return all;
  }

  // What matches nothing and may stand between an item and its quantifier: a quantifier behind it is still that item's.
  bool skip_nothing() {
    if (take("\\E")) {
      quoted_ = false;
      return true;
    }
    if (quoted_) return false;
    if (take("\\Q")) return quoted_ = true;
    if (take("(?#")) {
      while (more() && peek() != ')') ++at_;
      take(")");
      return true;
    }
    return extended_ && skip_extended();
  }

  bool skip_extended() {
    if (std::string_view(" \t\r\n\f\v").find(peek()) != std::string_view::npos) {
      ++at_;
      return true;
    }
    if (peek() != '#') return false;
    while (more() && peek() != '\n') ++at_;
    return true;
  }

  piece repeated(piece one) {
    std::uint32_t least = 1, most = 1;
    bool repeats = false;
    for (;;) {
      while (more() && skip_nothing()) {
      }
      if (quoted_ || !more() || !quantifier(least, most)) break;
      if (peek() == '?' || peek() == '+') ++at_;  // lazy or possessive: the same language or less
      one = repeat(std::move(one), least, most);
      repeats = true;
    }
    if (!repeats && one.single && one.wide_chars) one.superset = one_code_point(one);
    return one;
  }

  bool quantifier(std::uint32_t& least, std::uint32_t& most) {
    if (take("*")) return least = 0, most = no_bound, true;
    if (take("+")) return least = 1, most = no_bound, true;
    if (take("?")) return least = 0, most = 1, true;
    if (peek() != '{') return false;
    std::size_t i = at_ + 1;
    const auto number = [&]() -> std::optional<std::uint32_t> {
      std::uint32_t n = 0;
      const auto begin = i;
      while (i < in_.size() && in_[i] >= '0' && in_[i] <= '9' && n < 100'000) n = n * 10 + static_cast<std::uint32_t>(in_[i++] - '0');
      return i == begin ? std::nullopt : std::optional(n);
    };
    const auto low = number();
    if (!low) return false;  // PCRE2 10.42 reads "{,3}" as text
    std::optional<std::uint32_t> high = low;
    if (i < in_.size() && in_[i] == ',') {
      ++i;
      high = number();
      if (!high) high = no_bound;
    }
    if (i >= in_.size() || in_[i] != '}') return false;
    at_ = i + 1;
    least = *low;
    most = *high;
    return true;
  }

  static piece nothing() { return {}; }
  char32_t code_point() {
    const auto lead = static_cast<unsigned char>(in_[at_]);
    const std::size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t c = n == 1 ? lead : lead & (0xff >> (n + 1));
    for (std::size_t i = 1; i < n && at_ + i < in_.size(); ++i) c = (c << 6) | (static_cast<unsigned char>(in_[at_ + i]) & 0x3f);
    at_ = std::min(at_ + n, in_.size());
    return c;
  }

  piece atom() {
    const char c = peek();
    if (c == '(') return group();
    if (take("[[:<:]]") || take("[[:>:]]")) return nothing();  // where a word begins and ends, in an old spelling
    if (c == '[') return bracket();
    if (c == '\\') return escape();
    if (c == '^' || c == '$') return ++at_, nothing();
    if (c == '.') return ++at_, anything();
    return literal(code_point(), caseless_);
  }

  piece group() {
    at_ += 1;
    if (take("*")) {  // verbs at the start, alphabetic assertions: no filter, no bound
      failed_ = true;
      return nothing();
    }
    if (!take("?")) return grouped();
    if (take("=") || take("!") || take("<=") || take("<!")) {
      (void)grouped();
      return nothing();  // an assertion only narrows
    }
    if (take(":") || take(">") || take("|")) return grouped();
    if (take("P<") || take("<") || take("'")) {
      while (more() && peek() != '>' && peek() != '\'') ++at_;
      ++at_;
      return grouped();
    }
    return option_group();
  }

  piece grouped() {
    piece inside = alternatives();
    if (!take(")")) failed_ = true;
    piece p;
    p.width = inside.width;
    p.superset = inside.superset.empty() ? "" : "(?:" + inside.superset + ")";
    p.bytes = inside.bytes;
    p.needs = inside.needs;
    return p;
  }

  // (?i) and (?i:…): flags i, s, m, x and their negation; anything else (recursion, conditions, (?xx)) has no filter and no bound.
  piece option_group() {
    bool on = true, caseless = caseless_, extended = extended_, dotall = dotall_;
    if (in_.substr(at_, in_.find_first_of(":)", at_) - at_).contains("xx")) failed_ = true;
    for (; more() && peek() != ')' && peek() != ':'; ++at_) {
      switch (peek()) {
        case '-': on = false; break;
        case '^': caseless = extended = dotall = false; break;
        case 'i': caseless = on; break;
        case 's': dotall = on; break;
        case 'x': extended = on; break;
        case 'm': case 'n': case 'U': break;
        default: failed_ = true; return nothing();
      }
    }
    if (take(")")) {
      caseless_ = caseless;
      extended_ = extended;
      dotall_ = dotall;
      return nothing();
    }
    ++at_;
    const bool c = caseless_, x = extended_, d = dotall_;
    caseless_ = caseless;
    extended_ = extended;
    dotall_ = dotall;
    piece p = grouped();
    caseless_ = c;
    extended_ = x;
    dotall_ = d;
    return p;
  }

  piece escape() {
    ++at_;
    const char c = peek();
    if (std::string_view("bBAGzZ").find(c) != std::string_view::npos) return ++at_, nothing();
    if (const auto inside = named_class(c); !inside.empty()) {
      ++at_;
      const bool blank = c == 's' || c == 'h' || c == 'v';
      return blank ? blank_piece(std::string(inside)) : class_piece(std::string(inside), true, caseless_);
    }
    if (is_any_class(c)) {
      ++at_;
      if (c == 'p' || c == 'P') skip_property();
      if (c == 'X' || c == 'R') {
        piece p = anything();
        p.single = false;
        p.width = c == 'R' ? 2 : no_bound;
        p.superset = "[\\x00-\\xff]+";
        p.bytes = "\\x00-\\xff";
        return p;
      }
      return anything();
    }
    const auto code = escaped_code_point();
    if (!code) {
      failed_ = true;  // back references, recursion, \K and friends
      return nothing();
    }
    return literal(*code, caseless_);
  }

  void skip_property() {
    if (take("{")) {
      while (more() && peek() != '}') ++at_;
    }
    ++at_;
  }

  static char32_t digit(char c) { return static_cast<char32_t>(hex_value(c)); }  // PCRE2 has seen that it is one
  std::optional<char32_t> escaped_code_point() {
    const char c = peek();
    if (take("x{")) {
      char32_t v = 0;
      while (more() && peek() != '}') v = v * 16 + digit(in_[at_++]);
      ++at_;
      return v;
    }
    if (take("x")) {
      char32_t v = 0;
      for (int i = 0; i < 2 && hex_value(peek()) >= 0; ++i) v = v * 16 + digit(in_[at_++]);
      return v;
    }
    switch (c) {
      case 't': return ++at_, U'\t';
      case 'n': return ++at_, U'\n';
      case 'r': return ++at_, U'\r';
      case 'f': return ++at_, U'\f';
      case 'e': return ++at_, U'\x1b';
      case 'a': return ++at_, U'\a';
      case '0': return ++at_, U'\0';
      default: break;
    }
    if ((c >= '1' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return std::nullopt;
    return code_point();
  }
  piece bracket() {
    const auto size = class_size(in_, at_), end = at_ + size - 1;
    const auto all = in_.substr(at_, size);
    if (!all.ends_with(']')) failed_ = true;
    if (all.contains("\\Q") || all.contains("\\E")) {  // what is quoted in a class may be anything
      at_ = end + 1;
      return anything();
    }
    ++at_;
    const bool negated = take("^");
    std::string inside;
    bool high = negated;
    bool everything = negated;
    while (at_ < end) {
      if (const auto posix = posix_class_size(in_, at_); posix > 0) {
        at_ += posix;
        everything = true;  // POSIX classes are Unicode ones here
        continue;
      }
      const auto low = class_member(inside, high, everything);
      if (!low || peek() != '-' || at_ + 1 >= end) {
        if (low) add_range(inside, high, *low, *low);
        continue;
      }
      ++at_;
      const auto top = class_member(inside, high, everything);
      if (!top) {
        add_range(inside, high, *low, *low);
        add_range(inside, high, '-', '-');
      } else {
        add_range(inside, high, *low, *top);
      }
    }
    at_ = end + 1;
    if (everything) return anything();
    return class_piece(inside, high, caseless_);
  }

  // One member: a code point, or nothing when it was a class of its own that has been added.
  std::optional<char32_t> class_member(std::string& inside, bool& high, bool& everything) {
    if (peek() != '\\') return code_point();
    ++at_;
    const char c = peek();
    if (c == 'b') return ++at_, U'\b';
    if (const auto named = named_class(c); !named.empty()) {
      ++at_;
      inside += named;
      high = true;
      return std::nullopt;
    }
    if (is_any_class(c)) {
      ++at_;
      if (c == 'p' || c == 'P') skip_property();
      everything = true;
      return std::nullopt;
    }
    const auto code = escaped_code_point();
    if (!code) {
      everything = true;
      ++at_;
    }
    return code;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  bool caseless_ = false, extended_ = false, dotall_ = false, quoted_ = false, failed_ = false;
};

}  // namespace

regex_shape read_shape(std::string_view pattern) { return reader(pattern).read(); }

}  // namespace sluice::match
