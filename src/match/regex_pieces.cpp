// See regex_pieces.hpp.
#include "regex_pieces.hpp"

#include <algorithm>

namespace sluice::match {
namespace {

// Beyond these a repeat is opened up or cut down: the filter stays a superset and Hyperscan's automaton stays small.
constexpr std::uint32_t repeat_max = 16;
constexpr std::uint32_t group_repeat_max = 4;
// A longer group that repeats without end becomes a repeat of its bytes: of many words each may follow each, which takes Hyperscan seconds
// to lay out, and what stands before and behind says more.
constexpr std::size_t long_group_min = 256;
constexpr std::string_view high_class = "\\x80-\\xff";

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

}  // namespace

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
  const std::string high = "[" + std::string(high_class) + "]{2,4}";
  return p.ascii.empty() ? high : "(?:[" + p.ascii + "]|" + high + ")";
}

piece repeat(const piece& one, std::uint32_t least, std::uint32_t most) {
  piece all;
  all.width = times(one.width, most);
  all.bytes = one.bytes;
  if (one.superset.empty()) return all;
  const auto cap = one.single ? repeat_max : group_repeat_max;
  const auto low = std::min(least, cap);
  // A class that holds several bytes a code point, or a repeat past the cap, has no upper bound in the superset.
  const bool open = most == no_bound || most > cap || (one.single && one.wide_chars && most > 1);
  all.superset = one.single ? one.superset : "(?:" + one.superset + ")";
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
