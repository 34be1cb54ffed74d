// What a letter may turn into when marks follow it (Unicode 3.11, UAX #15): what a stream must reckon with at its open end.
#pragma once

#include <string>
#include <vector>

#include "sluice/text/view.hpp"

namespace sluice::text {

// The letter that a composed code point begins with: 'a' for U+01DF. Itself when it is not composed; Hangul syllables count as such.
[[nodiscard]] char32_t base_of(char32_t c);
// Every code point that `base` composes to with marks or jamo behind it, at once or one by one.
[[nodiscard]] const std::vector<char32_t>& compositions_of(char32_t base);
// The same in a view's form, for ASCII letters: what an event ends with most of the time.
[[nodiscard]] const std::vector<std::string>& ascii_compositions(char c, view_kind kind);

}  // namespace sluice::text
