// Readings that put words together again: letters written apart, and digits that stand for letters.
#pragma once

#include <optional>
#include <string_view>

#include "sluice/text/derived.hpp"

namespace sluice::text {

// Nothing when it says what the text said.
[[nodiscard]] std::optional<derived_text> spaced(std::string_view s);
// `one`: what 1, | and ! stand for, i or l.
[[nodiscard]] std::optional<derived_text> leet(std::string_view s, char one);

}  // namespace sluice::text
