// See exception.hpp.
#include "exception.hpp"

#include <algorithm>

#include "confirm.hpp"
#include "expression.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

bool ends_word(std::string_view text, std::size_t at) { return !(text::is_word(text::code_point_before(text, at)) && text::is_word(text::code_point_at(text, at))); }

void find_words(const exception_term& of, std::uint32_t index, std::string_view text, std::vector<gathered>& out) {
  for (const auto& word : of.words) {
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      const auto end = at + word.size();
      if (of.bounded && !(ends_word(text, at) && ends_word(text, end))) continue;
      out.push_back({.term = index, .begin = static_cast<std::uint32_t>(at), .end = static_cast<std::uint32_t>(end), .value = {}});
    }
  }
}

bool excuses(const compiled_exception& exception, std::string_view matched, match::match_state& state) {
  if (!exception.match) return true;
  std::vector<gathered> all;
  std::vector<match_span> spans;
  for (std::uint32_t i = 0; i < exception.terms.size(); ++i) {
    const auto& each = exception.terms[i];
    const auto text = each.what.view == text::view_kind::folded ? text::normalise(matched, text::view_kind::folded) : std::string(matched);
    if (each.what.kind == term::kind::words) {
      find_words(each, i, text, all);
      continue;
    }
    spans.clear();
    // A matcher that fails excuses nothing, whatever the others say.
    prefilter_state prefilter{.anywhere = true, .first_end = {}};
    if (advance_regex(each.what, text, 0, false, text.size(), prefilter, state, spans).failed) return false;
    for (const auto& span : spans) all.push_back({.term = i, .begin = static_cast<std::uint32_t>(span.begin), .end = static_cast<std::uint32_t>(span.end), .value = {}});
  }
  std::vector<std::uint32_t> matches;
  return holds(*exception.match, all, matches);
}

}  // namespace

const compiled_exception* suppressing(const ruleset& rules, std::uint32_t rule, std::string_view matched, match::match_state& state) {
  const auto& all = rules.owner->rules[rule].exceptions;
  auto at = std::ranges::lower_bound(rules.exceptions, rule, {}, &std::pair<std::uint32_t, std::uint16_t>::first);
  for (; at != rules.exceptions.end() && at->first == rule; ++at) {
    if (excuses(all[at->second], matched, state)) return &all[at->second];
  }
  return nullptr;
}

}  // namespace sluice::policy
