// Words beside a match: `near` and `unless_near`.
#pragma once

#include <cstdint>
#include <string_view>

#include "program.hpp"

namespace sluice::policy {

enum class surroundings : std::uint8_t { fit, differ, open };

// Whether what stands around text[begin, end) lets a match of `of` count. A word counts when it lies whole, between word boundaries,
// within so many code points before or after the match. `open`: `more` text may come, and what is there up to `stable` does not
// decide yet.
[[nodiscard]] surroundings look_around(const term& of, std::string_view text, std::size_t begin, std::size_t end, bool more,
                                       std::size_t stable);

}  // namespace sluice::policy
