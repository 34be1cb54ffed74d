// Readings that put words together again: letters written apart, and digits that stand for letters.
#pragma once

#include <optional>
#include <string_view>

#include "sluice/text/derived.hpp"
#include "sluice/text/vocabulary.hpp"

namespace sluice::text {

// Nothing when it says what the text said. What separates words is wider than what separates their letters; where nothing is wider, the letters are one
// word, and with `words` as many as those show. With them nothing, too, when they show no more.
[[nodiscard]] std::optional<derived_text> spaced(std::string_view s, const vocabulary* words = nullptr);
// `one`: what 1, | and ! stand for, i or l.
[[nodiscard]] std::optional<derived_text> leet(std::string_view s, char one);

}  // namespace sluice::text
