// See edged_text.hpp.
#include "sluice/text/edged_text.hpp"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <algorithm>

#include "sluice/base/code_points.hpp"

namespace sluice::text {
namespace {

constexpr std::size_t set_off_max = edge_reach - 1;  // '_' beside a word: ___bold and italic___

bool is_unspaced(char32_t c) {
  if (c < 0x0e00) return false;  // Thai is the first of them
  if (c == 0x30fc || c == 0xff70) return true;  // the sign that makes a vowel long is of both Kana
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(static_cast<UChar32>(c), &status)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_HANGUL:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
    case USCRIPT_TIBETAN: return true;
    default: return false;
  }
}

bool is_mark(char32_t c) { return c >= 0x300 && (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_M_MASK) != 0; }

// Arabic to Sinhala: an invisible joiner stands inside of their words.
bool is_joined_script(char32_t c) { return c >= 0x0600 && c < 0x0e00; }

// Beyond the signs that set a word off.
bool ends_word(char32_t c) { return !is_word(c) || is_unspaced(c); }

}  // namespace

bool edged_text::is_sign(std::size_t at) const { return std::ranges::binary_search(signs_, units_[at].original_begin); }

bool edged_text::may_lose_here(std::size_t at) const {
  if (units_.empty()) return false;
  return at >= units_.size() ? may_lose_ : !signs_.empty() || units_[at - 1].original_end < units_[at].original_begin;
}

bool edged_text::lost_edge(std::size_t at) const {
  if (at == 0 || at >= text_.size() || units_.empty()) return false;
  if (at >= units_.size()) return may_lose_;
  const bool gap = units_[at - 1].original_end < units_[at].original_begin;
  const bool sign = !signs_.empty() && is_sign(at - 1) != is_sign(at);
  if (!gap && !sign) return false;
  const auto before = code_point_before(text_, at), behind = code_point_at(text_, at);
  return is_word(before) && is_word(behind) && !is_mark(behind) && !(is_joined_script(before) && is_joined_script(behind));
}

bool edged_text::loses_edges() const {
  for (std::size_t at = 1; at < units_.size(); ++at) {
    if (!continues_code_point(text_[at]) && lost_edge(at)) return true;
  }
  return false;
}

edged_text::answer edged_text::edge(std::size_t at, bool more) const {
  if (at == 0 || at >= text_.size()) return answer::no;
  const char last = text_[at - 1], next = text_[at];
  const bool ascii = static_cast<unsigned char>(last | next) < 0x80;
  if (ascii && last != '_' && next != '_' && !may_lose_here(at)) return answer::no;  // most places
  const auto before = code_point_before(text_, at), behind = code_point_at(text_, at);
  if (!is_word(before) || !is_word(behind)) return answer::no;
  if (lost_edge(at)) return answer::yes;
  if ((last == '_') != (next == '_')) {
    std::size_t n = 0;
    if (last == '_') {
      auto begin = at;
      for (; n < set_off_max && begin > 0 && text_[begin - 1] == '_'; ++n) --begin;
      return begin == 0 || ends_word(code_point_before(text_, begin)) ? answer::yes : answer::no;
    }
    auto end = at;
    for (; n < set_off_max && end < text_.size() && text_[end] == '_'; ++n) ++end;
    if (end == text_.size()) return more ? answer::open : answer::yes;
    return ends_word(code_point_at(text_, end)) ? answer::yes : answer::no;
  }
  if (ascii || is_mark(behind)) return answer::no;
  return is_unspaced(before) != is_unspaced(behind) ? answer::yes : answer::no;
}

edged_text::answer edged_text::boundary(std::size_t at, bool more) const {
  if (at == 0) return answer::yes;
  if (at >= text_.size()) return more && is_word(code_point_before(text_, at)) ? answer::open : answer::yes;
  if (!is_word(code_point_at(text_, at)) || !is_word(code_point_before(text_, at))) return answer::yes;
  return edge(at, more);
}

}  // namespace sluice::text
