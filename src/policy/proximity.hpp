// Words beside a match: `near` and `unless_near`.
#pragma once

#include <cstdint>
#include <string_view>

#include "program.hpp"
#include "role_texts.hpp"
#include "sluice/text/edged_text.hpp"

namespace sluice::policy {

// `leans`: it counts because of what another text of the same role says. `unknown`: it may, but that text could not be read.
enum class surroundings : std::uint8_t { fit, differ, open, leans, unknown };

// Whether what stands around text[begin, end) lets a match of `of` count. A word counts when it lies whole, between the edges that the text has,
// within so many code points before or after the match. `open`: `more` text may come, and what is there up to `stable` does not
// decide yet. `where`: the text goes on in others, in which a word of `near` may stand; what they say takes nothing away that the text shows
// by itself. Null: it stands alone.
[[nodiscard]] surroundings look_around(const term& of, const text::edged_text& in, std::size_t begin, std::size_t end, bool more,
                                       std::size_t stable, const text_position* where = nullptr);

}  // namespace sluice::policy
