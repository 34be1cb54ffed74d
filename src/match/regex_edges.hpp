// Where a pattern asks for the edge of a word, it is given what a view's text has of those (text/edged_text.hpp): a callout asks.
#pragma once

#include <string>
#include <string_view>

namespace sluice::match {

// The callouts' numbers: an edge of any kind; one that the view has lost.
inline constexpr unsigned any_edge = 255, lost_edge = 254;

// The pattern, which PCRE2 has accepted, with such an edge beside each `\b`, and beside each look-around that refuses one character by its class:
// `(?<!\w)`, `(?![A-Za-z0-9_-])`. A class that names characters is taken at its word, but for what stands in a view and not in the text; with `\w`
// it asks for the edge of a word.
[[nodiscard]] std::string with_edges(std::string_view pattern);

}  // namespace sluice::match
