// See proximity.hpp. Both sides are cut by code points of the view, so whole texts and streams look at the same bytes.
#include "proximity.hpp"

#include <algorithm>

#include "sluice/text/blanks.hpp"

namespace sluice::policy {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Where the n-th code point after `at` begins, or the text's end; `n` counts down by what was found.
std::size_t forward(std::string_view text, std::size_t at, std::uint32_t& n) {
  for (; n > 0 && at < text.size(); --n) {
    ++at;
    while (at < text.size() && continues(text[at])) ++at;
  }
  return at;
}

std::size_t backward(std::string_view text, std::size_t at, std::uint32_t n) {
  for (; n > 0 && at > 0; --n) {
    --at;
    while (at > 0 && continues(text[at])) --at;
  }
  return at;
}

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
      const bool begins = !(before && text::is_word(text::code_point_at(side, at)));
      const bool ends = !(after && text::is_word(text::code_point_before(side, stop)));
      if (begins && ends) return true;
    }
    return false;
  });
}

bool beside(const compiled_proximity& what, std::string_view text, std::size_t begin, std::size_t end) {
  auto n = what.within;
  return holds_word(what.words, text, backward(text, begin, what.within), begin) ||
         holds_word(what.words, text, end, forward(text, end, n));
}

}  // namespace

surroundings look_around(const term& of, std::string_view text, std::size_t begin, std::size_t end, bool more, std::size_t stable) {
  if (of.near.words.empty() && of.unless_near.words.empty()) return surroundings::fit;
  if (more) {
    auto missing = of.context() + 1;  // one more shows where the last word ends
    (void)forward(text.substr(0, std::max(stable, end)), end, missing);
    if (missing > 0) return surroundings::open;
  }
  if (!of.near.words.empty() && !beside(of.near, text, begin, end)) return surroundings::differ;
  if (!of.unless_near.words.empty() && beside(of.unless_near, text, begin, end)) return surroundings::differ;
  return surroundings::fit;
}

}  // namespace sluice::policy
