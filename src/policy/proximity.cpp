// See proximity.hpp. Both sides are cut by code points of the view, so whole texts and streams look at the same bytes.
#include "proximity.hpp"

#include <algorithm>

#include "sluice/base/code_points.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/edged_text.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

// A text around a match: the text that holds it, or one made of that and of others, from whose views nothing is known of what they lost.
class seen_text {
 public:
  explicit seen_text(const text::edged_text& in) : all_(in.text()), in_(in), size_(all_.size()) {}
  // `all` holds the bytes of `in` from `from` on at a place, so many of them.
  seen_text(std::string_view all, const text::edged_text& in, std::size_t from, std::size_t at, std::size_t size) : all_(all), in_(in), from_(from), at_(at), size_(size) {}

  [[nodiscard]] std::string_view text() const { return all_; }
  // Whether a word may begin or end there.
  [[nodiscard]] bool boundary(std::size_t at) const {
    if (text::edged_text(all_).boundary(at, false) == text::edged_text::answer::yes) return true;
    return at > at_ && at < at_ + size_ && in_.lost_edge(at - at_ + from_);
  }

 private:
  std::string_view all_;
  const text::edged_text& in_;
  std::size_t from_ = 0, at_ = 0, size_;
};

// True inside of what one character is written as.
bool splits_character(const text::view& folded, std::size_t at) {
  const auto& units = folded.units();
  return at > 0 && at < units.size() && units[at - 1].original_begin == units[at].original_begin;
}

// True when one of the words stands whole in text[begin, end).
bool holds_word(const std::vector<std::string>& words, const seen_text& in, std::size_t begin, std::size_t end) {
  if (begin >= end) return false;
  text::view side;
  (void)text::make_view(in.text().substr(begin, end - begin), text::view_kind::folded, side);
  const auto folded = side.text();
  return std::ranges::any_of(words, [&](const std::string& word) {
    for (auto place = text::find_word(folded, word, 0); place; place = text::find_word(folded, word, place->begin + 1)) {
      if (splits_character(side, place->begin) || splits_character(side, place->end)) continue;
      const auto at = side.to_original(static_cast<std::uint32_t>(place->begin), static_cast<std::uint32_t>(place->end));
      if (in.boundary(begin + at.begin) && in.boundary(begin + at.end)) return true;
    }
    return false;
  });
}

bool beside(const compiled_proximity& what, const seen_text& in, std::size_t begin, std::size_t end) {
  return holds_word(what.words, in, code_points_back(in.text(), begin, what.within), begin) ||
         holds_word(what.words, in, end, code_points_on(in.text(), end, what.within));
}

bool fits(const term& of, const seen_text& in, std::size_t begin, std::size_t end) {
  return (of.near.words.empty() || beside(of.near, in, begin, end)) && (of.unless_near.words.empty() || !beside(of.unless_near, in, begin, end));
}

// With what stands before and behind the text, as far as it matters.
surroundings fits_joined(const term& of, const text::edged_text& in, std::size_t begin, std::size_t end, const text_position& where) {
  const auto text = in.text();
  const auto reach = of.context();
  const auto from = code_points_back(text, begin, reach), to = code_points_on(text, end, reach);
  if ((from > 0 || !where.begins) && (to < text.size() || !where.ends)) return surroundings::differ;
  for (std::size_t way = 0; way < role_texts::ways; ++way) {
    const auto others = where.in->around(where.part, where.view, of.last_turn_only, way);
    if (!others.whole) return surroundings::unknown;
    std::string all;
    if (from == 0 && where.begins) all += others.before.substr(code_points_back(others.before, others.before.size(), reach));
    const auto at = all.size();
    all += text.substr(from, to - from);
    if (to == text.size() && where.ends) all += others.behind.substr(0, code_points_on(others.behind, 0, reach));
    const seen_text seen(all, in, from, at, to - from);
    const auto first = at + begin - from, last = at + end - from;
    if (where.whole_words && !(seen.boundary(first) && seen.boundary(last))) continue;
    if (fits(of, seen, first, last)) return surroundings::leans;
  }
  return surroundings::differ;
}

}  // namespace

surroundings look_around(const term& of, const text::edged_text& in, std::size_t begin, std::size_t end, bool more, std::size_t stable,
                         const text_position* where) {
  if (of.near.words.empty() && of.unless_near.words.empty()) return surroundings::fit;
  if (more) {
    const auto reach = of.context();
    const auto sure = in.text().substr(end, std::max(stable, end) - end);
    if (code_points(sure.substr(0, code_points_on(sure, 0, reach))) < reach) return surroundings::open;
  }
  const seen_text seen(in);
  if (fits(of, seen, begin, end)) return surroundings::fit;
  // A text that says itself that it is harmless stays so.
  if (where == nullptr || of.near.words.empty() || (!of.unless_near.words.empty() && beside(of.unless_near, seen, begin, end))) return surroundings::differ;
  return fits_joined(of, in, begin, end, *where);
}

}  // namespace sluice::policy
