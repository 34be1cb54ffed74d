// ASCII text functions; see strings.hpp.
#include "sluice/base/strings.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "sluice/base/code_points.hpp"
#include "sluice/base/hex_digit.hpp"

namespace sluice {
namespace {

char lower_char(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Levenshtein distance, two rows.
// Insertions, removals, changes, and two neighbours that changed places (optimal string alignment), one each.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), before_that(b.size() + 1);
  std::iota(before.begin(), before.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({before[j + 1] + 1, row[j] + 1, before[j] + (a[i] == b[j] ? 0u : 1u)});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before_that[j - 1] + 1);
    }
    std::swap(before_that, before);
    std::swap(before, row);
  }
  return before[b.size()];
}

}  // namespace

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char b : bytes) {
    out += digits[b >> 4];
    out += digits[b & 15];
  }
  return out;
}

std::string hex(std::string_view bytes) { return hex(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size())); }

std::optional<std::string> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  std::string out;
  out.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) out += static_cast<char>(hex_value(digits[i]) << 4 | hex_value(digits[i + 1]));
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower_char(x) == lower_char(y); });
}

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

bool icontains(std::string_view text, std::string_view part) {
  for (std::size_t i = 0; i + part.size() <= text.size(); ++i) {
    if (iequals(text.substr(i, part.size()), part)) return true;
  }
  return false;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower_char);
  return out;
}

std::string_view trim(std::string_view text) {
  static constexpr std::string_view space = " \t\r\n\f\v";
  const auto begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::string join(const std::vector<std::string>& list, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += separator;
    out += list[i];
  }
  return out;
}

std::string clipped(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  auto end = bytes_max;
  while (end > 0 && continues_code_point(text[end])) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  // A third of the word may be wrong, and always one letter.
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  const auto wanted = lower(word);
  for (const auto candidate : candidates) {
    const auto d = distance(wanted, lower(candidate));
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

namespace {

// U+0085, U+2028 and U+2029, at which lenient readers of streams end a line within a JSON text: their bytes, 0 where none begins at `at`.
constexpr char next_line_lead = '\xc2', separator_lead = '\xe2';
std::size_t line_end_at(std::string_view text, std::size_t at) {
  const auto rest = text.substr(at, 3);
  if (rest.starts_with("\xc2\x85")) return 2;
  return rest == "\xe2\x80\xa8" || rest == "\xe2\x80\xa9" ? 3 : 0;
}

// Eight bytes at a time: true when one of them is a control character, a quote or a backslash, or begins an end of line, or may.
bool needs_escape(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
  const auto zero_byte = [](std::uint64_t w) { return (w - ones) & ~w & highs; };
  const auto has = [&](char c) { return zero_byte(word ^ (ones * static_cast<unsigned char>(c))) != 0; };
  if (((word - ones * 0x20) & ~word & highs) != 0 || has('"') || has('\\')) return true;
  return (word & highs) != 0 && (has(next_line_lead) || has(separator_lead));
}

}  // namespace

// The usual case: nothing to escape. The last word overlaps the one before it.
static bool is_plain(std::string_view text) {
  std::uint64_t word = 0;
  if (text.size() < sizeof word) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == next_line_lead || c == separator_lead; });
  }
  for (std::size_t i = 0; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if (needs_escape(word)) return false;
  }
  std::memcpy(&word, text.data() + text.size() - sizeof word, sizeof word);
  return !needs_escape(word);
}

void append_json_escaped(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += text;
    return;
  }
  static constexpr std::string_view digits = "0123456789abcdef";
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (std::uint64_t word = 0; i + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if (!needs_escape(word)) {
        i += sizeof word;
        continue;
      }
    }
    const auto c = static_cast<unsigned char>(text[i]);
    const auto line_end = c >= 0x80 ? line_end_at(text, i) : 0;
    if (c >= 0x20 && c != '"' && c != '\\' && line_end == 0) {
      ++i;
      continue;
    }
    out.append(text, plain, i - plain);
    if (line_end != 0) {
      out += line_end == 2 ? "\\u0085" : text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      plain = i += line_end;
      continue;
    }
    plain = ++i;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        out += "\\u00";
        out += digits[c >> 4];
        out += digits[c & 15];
    }
  }
  out.append(text, plain);
}

std::string json_escaped(std::string_view text) {
  std::string out;
  append_json_escaped(out, text);
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  out += '"';
  return out;
}

}  // namespace sluice
