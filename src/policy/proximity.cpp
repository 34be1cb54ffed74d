// See proximity.hpp. Both sides are cut by code points of the view, so whole texts and streams look at the same bytes.
#include "proximity.hpp"

#include <algorithm>

#include "sluice/base/code_points.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/edged_text.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

bool has_edge(std::string_view text, std::size_t at) { return text::edged_text(text).edge(at, false) == text::edged_text::answer::yes; }

// True when one of the words stands whole in text[begin, end).
bool holds_word(const std::vector<std::string>& words, std::string_view text, std::size_t begin, std::size_t end) {
  if (begin >= end) return false;
  const auto side = text::normalise(text.substr(begin, end - begin), text::view_kind::folded);
  const bool joined_before = text::is_word(text::code_point_before(text, begin));
  const bool joined_after = text::is_word(text::code_point_at(text, end));
  return std::ranges::any_of(words, [&](const std::string& word) {
    for (auto place = text::find_word(side, word, 0); place; place = text::find_word(side, word, place->begin + 1)) {
      const auto [at, stop] = *place;
      const bool before = at == 0 ? joined_before : text::is_word(text::code_point_before(side, at));
      const bool after = stop == side.size() ? joined_after : text::is_word(text::code_point_at(side, stop));
      const bool begins = !(before && text::is_word(text::code_point_at(side, at))) || has_edge(side, at);
      const bool ends = !(after && text::is_word(text::code_point_before(side, stop))) || has_edge(side, stop);
      if (begins && ends) return true;
    }
    return false;
  });
}

bool beside(const compiled_proximity& what, std::string_view text, std::size_t begin, std::size_t end) {
  return holds_word(what.words, text, code_points_back(text, begin, what.within), begin) ||
         holds_word(what.words, text, end, code_points_on(text, end, what.within));
}

bool fits(const term& of, std::string_view text, std::size_t begin, std::size_t end) {
  return (of.near.words.empty() || beside(of.near, text, begin, end)) && (of.unless_near.words.empty() || !beside(of.unless_near, text, begin, end));
}

bool continues_word(std::string_view before, std::string_view behind) {
  return text::is_word(text::code_point_before(before, before.size())) && text::is_word(text::code_point_at(behind, 0));
}

// With what stands before and behind the text, as far as it matters.
bool fits_joined(const term& of, std::string_view text, std::size_t begin, std::size_t end, const text_position& where) {
  const auto reach = of.context() + 1;
  const auto from = code_points_back(text, begin, reach), to = code_points_on(text, end, reach);
  if ((from > 0 || !where.begins) && (to < text.size() || !where.ends)) return false;
  for (std::size_t way = 0; way < role_texts::ways; ++way) {
    const auto others = where.in->around(where.part, where.view, of.last_turn_only, way);
    const auto match = text.substr(begin, end - begin);
    const bool grows = (begin == 0 && where.begins && continues_word(others.before, match)) || (end == text.size() && where.ends && continues_word(match, others.behind));
    if (where.whole_words && grows) continue;
    std::string all;
    if (from == 0 && where.begins) all += others.before.substr(code_points_back(others.before, others.before.size(), reach));
    const auto at = all.size();
    all += text.substr(from, to - from);
    if (to == text.size() && where.ends) all += others.behind.substr(0, code_points_on(others.behind, 0, reach));
    if (fits(of, all, at + begin - from, at + end - from)) return true;
  }
  return false;
}

}  // namespace

surroundings look_around(const term& of, std::string_view text, std::size_t begin, std::size_t end, bool more, std::size_t stable,
                         const text_position* where) {
  if (of.near.words.empty() && of.unless_near.words.empty()) return surroundings::fit;
  if (more) {
    const auto reach = of.context() + 1;  // one more shows where the last word ends
    const auto sure = text.substr(end, std::max(stable, end) - end);
    if (code_points(sure.substr(0, code_points_on(sure, 0, reach))) < reach) return surroundings::open;
  }
  if (fits(of, text, begin, end)) return surroundings::fit;
  // A text that says itself that it is harmless stays so.
  if (where == nullptr || of.near.words.empty() || (!of.unless_near.words.empty() && beside(of.unless_near, text, begin, end))) return surroundings::differ;
  return fits_joined(of, text, begin, end, *where) ? surroundings::leans : surroundings::differ;
}

}  // namespace sluice::policy
