// See regex_pieces.hpp.
#include "regex_pieces.hpp"

#include <algorithm>
#include <bitset>

#include "sluice/base/hex_digit.hpp"

namespace sluice::match {
namespace {

// Beyond these a repeat is opened up or cut down: the filter stays a superset and Hyperscan's automaton stays small.
constexpr std::uint32_t repeat_max = 16;
constexpr std::uint32_t group_repeat_max = 4;
// A longer group that repeats without end becomes a repeat of its bytes: of many words each may follow each, which takes Hyperscan seconds
// to lay out, and what stands before and behind says more.
constexpr std::size_t long_group_min = 256;
constexpr std::string_view high_class = "\\x80-\\xff";
// First bytes of white space above ASCII: U+0085, U+00A0, U+1680, U+180E (in \h), U+2000 to U+205F, U+3000. So few that Hyperscan makes them
// part of a literal before them: nothing need be looked at where a text has "nc" and no blank behind it.
constexpr std::string_view blank_leads = "\\xc2\\xe1-\\xe3", continuations = "[\\x80-\\xbf]";

// Case variants are written into the class, so that no flag is needed.
std::string both_cases(const std::string& inside) {
  std::string out = inside;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\\') {  // \xhh: an escaped byte; letters come unescaped
      i += inside[i + 1] == 'x' ? 3 : 1;
      continue;
    }
    const bool range = i + 2 < inside.size() && inside[i + 1] == '-';
    const char a = inside[i], b = range ? inside[i + 2] : inside[i];
    const auto add = [&](char from, char to, int shift) {
      const char lo = std::max(a, from), hi = std::min(b, to);
      if (lo > hi) return;
      out += static_cast<char>(lo + shift);
      if (hi > lo) (out += '-') += static_cast<char>(hi + shift);
    };
    add('a', 'z', 'A' - 'a');
    add('A', 'Z', 'a' - 'A');
    if (range) i += 2;
  }
  return out;
}

std::string byte_escape(unsigned char c) {
  static constexpr std::string_view digits = "0123456789abcdef";
  return {'\\', 'x', digits[c >> 4], digits[c & 15]};
}

void add_byte(std::string& inside, unsigned char c) {
  const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  plain ? void(inside += static_cast<char>(c)) : void(inside += byte_escape(c));
}

// The members of a byte class of ASCII.
std::bitset<128> members(std::string_view inside) {
  std::bitset<128> out;
  const auto next = [&] {
    std::size_t size = 1;
    auto c = static_cast<unsigned char>(inside[0]);
    if (inside[0] == '\\') {
      c = static_cast<unsigned char>(hex_value(inside[2]) * 16 + hex_value(inside[3]));
      size = 4;
    }
    inside.remove_prefix(size);
    return c;
  };
  while (!inside.empty()) {
    const auto low = next();
    auto high = low;
    if (inside.size() > 1 && inside[0] == '-') {  // a dash that is no range is written by its number
      inside.remove_prefix(1);
      high = next();
    }
    for (unsigned c = low; c <= high; ++c) out.set(c);
  }
  return out;
}

// One code point of a class.
piece_needs needs_of(std::string_view ascii, bool high) {
  static const auto digits = members("0-9"), at = members("\\x40"), small = members("a-z"), spaces = members("\\x09-\\x0d\\x20");
  const auto all = members(ascii);
  const auto row = [](bool fits) { return piece_needs::row{.whole = fits, .bytes = fits ? 1u : 0u}; };
  return {.digits = (all & ~digits).none() ? 1u : 0u, .ats = !high && all == at ? 1u : 0u, .unspaced = row((all & spaces).none()), .capitals = row((all & small).none())};
}

constexpr std::uint32_t needs_max = 0xffff;  // no text that is worth a thought has so few

piece_needs repeated(const piece_needs& one, std::uint32_t n) {
  const auto many = [&](std::uint32_t of) { return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{of} * n, needs_max)); };
  const auto row = [&](const piece_needs::row& of) { return piece_needs::row{of.whole, of.whole ? many(of.bytes) : n > 0 ? of.bytes : 0}; };
  return {many(one.digits), many(one.ats), row(one.unspaced), row(one.capitals)};
}

}  // namespace

rare_bytes piece_needs::rare() const {
  return {digits, ats, unspaced.bytes >= rare_bytes::long_word_bytes, capitals.bytes >= rare_bytes::capitals_bytes};
}

piece_needs least(const piece_needs& a, const piece_needs& b) {
  const auto row = [](const piece_needs::row& x, const piece_needs::row& y) { return piece_needs::row{x.whole && y.whole, std::min(x.bytes, y.bytes)}; };
  return {std::min(a.digits, b.digits), std::min(a.ats, b.ats), row(a.unspaced, b.unspaced), row(a.capitals, b.capitals)};
}

void needs_in_a_row::open_row::add(const piece_needs::row& next) {
  open = next.whole ? std::min(open + next.bytes, needs_max) : 0;
  all.whole = all.whole && next.whole;
  all.bytes = std::max({all.bytes, open, next.bytes});
}
void needs_in_a_row::add(const piece_needs& next) {
  digits_ = std::min(digits_ + next.digits, needs_max);
  ats_ = std::min(ats_ + next.ats, needs_max);
  unspaced_.add(next.unspaced);
  capitals_.add(next.capitals);
}
piece_needs needs_in_a_row::all() const { return {digits_, ats_, unspaced_.all, capitals_.all}; }

std::uint32_t plus(std::uint32_t a, std::uint32_t b) { return a == no_bound || b == no_bound || a > no_bound - 1 - b ? no_bound : a + b; }
std::uint32_t times(std::uint32_t a, std::uint32_t b) {
  if (a == 0 || b == 0) return 0;
  return a == no_bound || b == no_bound || a > (no_bound - 1) / b ? no_bound : a * b;
}

piece class_piece(const std::string& inside, bool high, bool caseless) {
  piece p;
  p.width = 1;
  p.single = true;
  p.wide_chars = high;
  p.ascii = caseless ? both_cases(inside) : inside;
  p.bytes = p.ascii + std::string(high ? high_class : "");
  p.superset = "[" + p.bytes + "]";
  p.needs = needs_of(p.ascii, high);
  return p;
}

piece blank_piece(const std::string& inside) {
  piece p = class_piece(inside, true, false);
  p.blank = true;
  return p;
}

piece literal(char32_t c, bool caseless) {
  if (c >= 0x80) return class_piece("", true, caseless);
  std::string inside;
  add_byte(inside, static_cast<unsigned char>(c));
  piece p = class_piece(inside, false, caseless);
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (!caseless || !letter) p.superset = inside;  // a bare character keeps Hyperscan's literals visible
  return p;
}

piece anything() { return class_piece("\\x00-\\x7f", true, false); }

std::string one_code_point(const piece& p) {
  if (p.blank) return "(?:[" + p.ascii + "]|[" + std::string(blank_leads) + "]" + std::string(continuations) + "{1,2})";
  const std::string high = "[" + std::string(high_class) + "]{2,4}";
  return p.ascii.empty() ? high : "(?:[" + p.ascii + "]|" + high + ")";
}

piece repeat(const piece& one, std::uint32_t least, std::uint32_t most) {
  piece all;
  all.width = times(one.width, most);
  all.bytes = one.bytes;
  all.needs = repeated(one.needs, least);
  if (one.superset.empty()) return all;
  const auto cap = one.single ? repeat_max : group_repeat_max;
  const auto low = std::min(least, cap);
  // A class that holds several bytes a code point, or a repeat past the cap, has no upper bound in the superset.
  const bool open = most == no_bound || most > cap || (one.single && one.wide_chars && most > 1);
  all.superset = one.blank    ? "(?:[" + one.ascii + std::string(blank_leads) + "]" + std::string(continuations) + "*)"
                 : one.single ? one.superset
                              : "(?:" + one.superset + ")";
  if (open && !one.single && one.superset.size() >= long_group_min && !one.bytes.empty()) {
    all.superset = (low == 0 ? "" : all.superset) + "[" + one.bytes + "]*";
    return all;
  }
  if (one.single && one.wide_chars && most == 1) all.superset = "(?:" + one_code_point(one) + ")";
  if (open) {
    all.superset += low == 0 ? "*" : low == 1 ? "+" : "{" + std::to_string(low) + ",}";
  } else if (low != 1 || most != 1) {
    all.superset += low == 0 && most == 1 ? "?" : "{" + std::to_string(low) + "," + std::to_string(most) + "}";
  }
  return all;
}

std::string_view named_class(char c) {
  switch (c) {
    case 'd': return "0-9";
    case 'w': return "0-9A-Za-z_";
    case 's': return "\\x09-\\x0d\\x20";
    case 'h': return "\\x09\\x20";
    case 'v': return "\\x0a-\\x0d";
    default: return {};
  }
}

bool is_any_class(char c) { return std::string_view("DWSHVNRXpP").find(c) != std::string_view::npos; }

void add_range(std::string& inside, bool& high, char32_t low, char32_t top) {
  if (top >= 0x80) high = true;
  if (low >= 0x80) return;
  const auto end = std::min<char32_t>(top, 0x7f);
  add_byte(inside, static_cast<unsigned char>(low));
  if (end > low) {
    inside += '-';
    add_byte(inside, static_cast<unsigned char>(end));
  }
}

}  // namespace sluice::match
