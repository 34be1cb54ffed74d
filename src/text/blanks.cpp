// See blanks.hpp.
#include "sluice/text/blanks.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace sluice::text {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0; }

// The bytes with which white space beyond ASCII begins.
constexpr bool may_lead(unsigned char c) { return (c == 0xc2) | (static_cast<unsigned char>(c - 0xe1) < 3); }
constexpr bool is_control_space(unsigned char c) { return static_cast<unsigned char>(c - '\t') < 5; }

// Whether eight bytes and the one behind them may hold white space that is more or other than single blanks.
std::uint64_t may_be_other(const char* at) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x80 * ones, blanks = ' ' * ones;
  std::uint64_t here = 0, behind = 0;
  std::memcpy(&here, at, sizeof here);
  std::memcpy(&behind, at + 1, sizeof behind);
  const auto two = (here ^ blanks) | (behind ^ blanks);                        // a byte of it is zero where two blanks stand
  return ((here - blanks) | here | ((two - ones) & ~two)) & tops;              // below a blank, beyond ASCII, or such a zero
}

// Where the first run of white space begins from `from` on that is not one blank; the text's size: nowhere.
std::size_t first_other(std::string_view text, std::size_t from) {
  constexpr std::size_t block = 32;  // in most of them is nothing but letters and single blanks
  for (auto at = from; at < text.size();) {
    const auto end = std::min(text.size(), at + block);
    const auto* bytes = text.data() + at;
    const bool plain = at + block < text.size() && (may_be_other(bytes) | may_be_other(bytes + 8) | may_be_other(bytes + 16) | may_be_other(bytes + 24)) == 0;
    for (; !plain && at < end; ++at) {
      const auto c = static_cast<unsigned char>(text[at]);
      if (c == ' ' ? white_space_size(text, at + 1) > 0 : (is_control_space(c) || may_lead(c)) && white_space_size(text, at) > 0) {
        return at > from && text[at - 1] == ' ' ? at - 1 : at;  // the last byte of a block that was passed over
      }
    }
    at = end;
  }
  return text.size();
}

}  // namespace

std::size_t white_space_size(std::string_view text, std::size_t at) {
  const auto first = byte_at(text, at);
  if (first < 0x80) return at < text.size() && (first == ' ' || is_control_space(first)) ? 1 : 0;
  if (!may_lead(first)) return 0;
  const auto second = byte_at(text, at + 1), third = byte_at(text, at + 2);
  switch (first) {
    case 0xc2: return second == 0x85 || second == 0xa0 ? 2 : 0;                                                     // NEL, NBSP
    case 0xe1: return second == 0x9a && third == 0x80 ? 3 : 0;                                                      // U+1680
    case 0xe2: {
      const bool spaces = second == 0x80 && ((third >= 0x80 && third <= 0x8a) || third == 0xa8 || third == 0xa9 || third == 0xaf);  // U+2000..200A, 2028, 2029, 202F
      return spaces || (second == 0x81 && third == 0x9f) ? 3 : 0;                                                   // U+205F
    }
    default: return second == 0x80 && third == 0x80 ? 3 : 0;                                                        // U+3000
  }
}

bool has_single_blanks(std::string_view text) { return first_other(text, 0) == text.size(); }

void single_blanks(std::string_view text, std::string& out) {
  out.clear();
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto other = first_other(text, at);
    out.append(text, at, other - at);
    at = other;
    if (at < text.size()) out += ' ';
    for (auto size = white_space_size(text, at); size > 0; size = white_space_size(text, at)) at += size;
  }
}

std::string word_form(std::string_view word, view_kind kind) {
  std::string out;
  single_blanks(normalise(word, kind), out);
  return out;
}

std::size_t blanks_widen(std::string_view form) { return (blank_run_max - 1) * static_cast<std::size_t>(std::ranges::count(form, ' ')); }

std::size_t blank_end(std::string_view text, std::size_t at, bool word_ends) {
  auto size = white_space_size(text, at);
  if (size == 0) return std::string_view::npos;
  if (word_ends) return at + size;
  for (std::size_t n = 0; size > 0; ++n, size = white_space_size(text, at)) {
    if (n == blank_run_max) return std::string_view::npos;
    at += size;
  }
  return at;
}

std::optional<word_place> find_word(std::string_view text, std::string_view form, std::size_t from) {
  const auto head = form.substr(0, form.find(' '));
  for (auto at = from; at <= text.size(); ++at) {
    at = text.find(head, at);
    if (at == std::string_view::npos) return std::nullopt;
    if (const auto end = word_end(text, at, form); end != std::string_view::npos) return word_place{at, end};
  }
  return std::nullopt;
}

}  // namespace sluice::text
