// Where a pattern asks for the edge of a word, it is given what a view's text has of those (text/edged_text.hpp): a callout asks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::match {

// The callouts' numbers: an edge of any kind; one that the view has lost.
inline constexpr unsigned any_edge = 255, lost_edge = 254;

// The most parentheses in one another: as many as PCRE2 takes by itself, and those that are written around an edge.
inline constexpr unsigned nesting_max = 250 + 1;

struct edged_pattern {
  std::string text;
  bool has_verb = false;               // `(*…)`: then the text is the pattern as it was
  std::optional<std::size_t> callout;  // where the pattern has one of its own
};

// The pattern, which PCRE2 has accepted, with such an edge beside each `\b`, and beside each look-around that refuses one character by its class:
// `(?<!\w)`, `(?![A-Za-z0-9_-])`. A class that names characters is taken at its word, but for what stands in a view and not in the text; with `\w`
// it asks for the edge of a word. Patterns with a verb, or with (?xx), stay as they are.
[[nodiscard]] edged_pattern with_edges(std::string_view pattern);

}  // namespace sluice::match
