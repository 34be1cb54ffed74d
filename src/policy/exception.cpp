// See exception.hpp.
#include "exception.hpp"

#include <algorithm>

#include "confirm.hpp"
#include "expression.hpp"
#include "proximity.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/derived.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

// What is said inside of a finding, in its own text and in the other readings that a term asks for.
class finding_reader {
 public:
  finding_reader(std::string_view matched, match::match_state& state) : matched_(matched), state_(state) {}

  // False: the matcher failed, or not all readings could be made.
  [[nodiscard]] bool find(const exception_term& of, std::uint32_t index) {
    if (!look(of, index, matched_, nullptr)) return false;
    if (of.what.readings == 0) return true;
    std::vector<text::derived_text> readings;
    const bool all = text::derive(matched_, of.what.readings, {.depth_max = of.what.depth, .bytes_max = readings_bytes_max, .count_max = readings_max}, readings);
    return all && std::ranges::all_of(readings, [&](const text::derived_text& one) { return look(of, index, one.text, &one); });
  }
  [[nodiscard]] const std::vector<gathered>& found() const { return found_; }

 private:
  [[nodiscard]] bool look(const exception_term& of, std::uint32_t index, std::string_view original, const text::derived_text* derived) {
    (void)text::make_view(original, of.what.view, view_);
    spans_.clear();
    if (of.what.kind == term::kind::words) {
      find_words(of, text::edged_text(view_));
    } else {
      prefilter_state prefilter{.anywhere = true, .first_end = {}};
      if (advance_regex(of.what, text::edged_text(view_), 0, false, view_.text().size(), prefilter, state_, spans_).failed) return false;
    }
    for (const auto& span : spans_) {
      auto at = view_.to_original(static_cast<std::uint32_t>(span.begin), static_cast<std::uint32_t>(span.end));
      if (derived != nullptr && at.begin < at.end) at = {derived->units[at.begin].original_begin, derived->units[at.end - 1].original_end};
      found_.push_back({.term = index, .begin = at.begin, .end = at.end, .value = {}});
    }
    return true;
  }

  void find_words(const exception_term& of, const text::edged_text& in) {
    const auto text = in.text();
    for (const auto& word : of.words) {
      for (auto at = text::find_word(text, word, 0); at; at = text::find_word(text, word, at->begin + 1)) {
        if (of.bounded && !in.stands_alone(at->begin, at->end)) continue;
        if (look_around(of.what, in, at->begin, at->end, false, text.size()) == surroundings::fit) spans_.push_back({at->begin, at->end});
      }
    }
  }

  static constexpr std::size_t readings_bytes_max = 64u << 10, readings_max = 64;

  std::string_view matched_;
  match::match_state& state_;
  text::view view_;
  std::vector<match_span> spans_;
  std::vector<gathered> found_;
};

// What fails excuses nothing, whatever the others say.
bool excuses(const compiled_exception& exception, std::string_view matched, match::match_state& state) {
  if (!exception.match) return true;
  finding_reader reader(matched, state);
  for (std::uint32_t i = 0; i < exception.terms.size(); ++i) {
    if (!reader.find(exception.terms[i], i)) return false;
  }
  std::vector<std::uint32_t> matches;
  return holds(*exception.match, reader.found(), matches);
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
