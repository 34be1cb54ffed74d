// See json_string.hpp.
#include "json_string.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "sluice/base/code_points.hpp"
#include "sluice/base/hex_digit.hpp"
#include "sluice/text/json.hpp"
#include "utf8.hpp"

namespace sluice::text::json {
namespace {

// Four hex digits; more than 0xffff when they are not.
std::uint32_t hex4(std::string_view s, std::size_t at) {
  if (s.size() < at + 4) return 0x10000;
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex_value(s[at + i]);
    if (digit < 0) return 0x10000;
    v = v << 4 | static_cast<std::uint32_t>(digit);
  }
  return v;
}

// Two of them; more than 0xff when they are not.
std::uint32_t hex2(std::string_view s, std::size_t at) {
  if (s.size() < at + 2) return 0x100;
  const std::string padded = "00" + std::string(s.substr(at, 2));
  return hex4(padded, 0);
}

constexpr std::uint32_t size_of(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

}  // namespace

unit escape_at(std::string_view inside, std::size_t at) {
  if (at + 1 >= inside.size()) return {};
  switch (inside[at + 1]) {
    case '"': return {2, 1, '"'};
    case '\\': return {2, 1, '\\'};
    case '/': return {2, 1, '/'};
    case 'b': return {2, 1, '\b'};
    case 'f': return {2, 1, '\f'};
    case 'n': return {2, 1, '\n'};
    case 'r': return {2, 1, '\r'};
    case 't': return {2, 1, '\t'};
    case 'u': break;
    default: return {};
  }
  const std::uint32_t high = hex4(inside, at + 2);
  if (high > 0xffff || (high >= 0xdc00 && high <= 0xdfff)) return {};
  if (high < 0xd800 || high > 0xdbff) return {6, size_of(high), high};
  if (inside.substr(at + 6, 2) != "\\u") return {};
  const std::uint32_t low = hex4(inside, at + 8);
  if (low < 0xdc00 || low > 0xdfff) return {};
  const char32_t c = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  return {12, 4, c};
}

bool unescape(std::string& out, std::string_view inside, std::size_t& bad) {
  for (std::size_t i = 0; i < inside.size();) {
    const void* found = std::memchr(inside.data() + i, '\\', inside.size() - i);
    const std::size_t stop = found == nullptr ? inside.size() : static_cast<std::size_t>(static_cast<const char*>(found) - inside.data());
    out.append(inside, i, stop - i);
    i = stop;
    if (i == inside.size()) break;
    const unit u = escape_at(inside, i);
    if (u.raw == 0) {
      bad = i;
      return false;
    }
    append_utf8(out, u.c);
    i += u.raw;
  }
  return true;
}

bool read_inside(std::string_view inside, std::size_t room, std::string& arena, std::string_view& text, std::size_t& bad) {
  text = inside;
  if (inside.empty() || std::memchr(inside.data(), '\\', inside.size()) == nullptr) return true;
  if (arena.empty()) arena.reserve(room);
  const auto from = arena.size();
  if (!unescape(arena, inside, bad)) return false;
  text = std::string_view(arena).substr(from);
  return true;
}

void append_unescaped(std::string& out, std::string_view inside) {
  std::size_t bad = 0;
  if (!unescape(out, inside, bad)) out.append(inside.substr(bad));
}

std::uint32_t append_loosely(std::string& out, std::string_view text, std::size_t at) {
  const unit u = escape_at(text, at);
  if (u.raw != 0) {
    append_utf8(out, u.c);
    return u.raw;
  }
  if (text.substr(at, 2) == "\\u" && hex4(text, at + 2) <= 0xffff) {
    append_utf8(out, 0xfffd);
    return 6;
  }
  if (const auto byte = hex2(text, at + 2); text.substr(at, 2) == "\\x" && byte <= 0xff) {
    append_utf8(out, byte);
    return 4;
  }
  // Of an escape that nobody defines, what it escapes.
  const auto next = at + 1 < text.size() ? next_code_point(text, at + 1) : text.size();
  out.append(text, at + 1, next - at - 1);
  return static_cast<std::uint32_t>(next - at);
}

std::string loosely_unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto stop = std::min(text.find('\\', i), text.size());
    out.append(text, i, stop - i);
    i = stop;
    if (i < text.size()) i += append_loosely(out, text, i);
  }
  return out;
}

// The bound is on the zeros that the exponent adds, not on the exponent: what stands behind a hundred zeros of a fraction is a number of six
// digits with one of 106.
std::string without_exponent(std::string_view token) {
  constexpr std::int64_t added_zeros_max = 64;
  const auto e = token.find_first_of("eE");
  if (e == std::string_view::npos) return {};
  auto power = token.substr(e + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  std::int64_t by = 0;
  constexpr std::int64_t exponent_max = std::int64_t{1} << 40;  // more than a token has digits
  const auto [at, code] = std::from_chars(power.data(), power.data() + power.size(), by);
  if (code != std::errc() || by > exponent_max || by < -exponent_max) return {};
  auto number = token.substr(0, e);
  std::string out;
  if (number.starts_with('-')) {
    out = "-";
    number.remove_prefix(1);
  }
  const auto point = std::min(number.find('.'), number.size());
  std::string digits(number.substr(0, point));
  if (point < number.size()) digits += number.substr(point + 1);
  const auto size = static_cast<std::int64_t>(digits.size());
  auto whole = static_cast<std::int64_t>(point) + by;  // digits before the point
  if (whole - size > added_zeros_max || whole < -added_zeros_max) return {};
  if (whole <= 0) {
    digits.insert(0, static_cast<std::size_t>(1 - whole), '0');
    whole = 1;
  } else if (whole > size) {
    digits.append(static_cast<std::size_t>(whole - size), '0');
  }
  // Nobody says the zero of "0.123456e6": a number of six digits would be one of seven.
  const auto first = std::min(digits.find_first_not_of('0'), static_cast<std::size_t>(whole) - 1);
  out.append(digits, first, static_cast<std::size_t>(whole) - first);
  if (digits.size() > static_cast<std::size_t>(whole)) out.append(1, '.').append(digits, static_cast<std::size_t>(whole));
  return out;
}

raw_span locate(std::string_view literal, std::uint32_t begin, std::uint32_t end) { return locator(literal).locate(begin, end); }

raw_span locator::locate(std::uint32_t begin, std::uint32_t end) {
  const std::string_view inside = literal_.substr(1, literal_.size() - 2);
  raw_span found{static_cast<std::uint32_t>(literal_.size()) - 1, static_cast<std::uint32_t>(literal_.size()) - 1};
  bool begun = false;
  if (begin < plain_) raw_ = plain_ = 0;
  auto raw = raw_, plain = plain_;  // how far both sides are
  while (raw < inside.size()) {
    unit u;
    if (inside[raw] == '\\') {
      u = escape_at(inside, raw);
      if (u.raw == 0) break;  // not a valid literal
    } else {
      u.raw = u.size = decode(inside, raw).size;
    }
    if (!begun && begin < plain + u.size) {
      begun = true;
      raw_ = raw;
      plain_ = plain;
      found.begin = raw + 1;
      if (begin == end && begin == plain) return {raw + 1, raw + 1};
    }
    if (begun && end <= plain) {
      found.end = raw + 1;
      return found;
    }
    raw += u.raw;
    plain += u.size;
  }
  return found;
}

}  // namespace sluice::text::json
