// Positions in a text that was edited: where annotations point afterwards, in code points, as OpenAI's count.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sluice/text/json.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

// The replacements of one part, in order.
[[nodiscard]] std::vector<text_edit> edits_of(std::string_view text, std::span<const replacement> edits);
// Where a position is after the edits. One within an edit goes to its edge.
[[nodiscard]] std::int64_t shifted(std::int64_t at, std::span<const text_edit> edits, bool is_end);
// start_index and end_index of one annotation (or of its url_citation), as splices.
void shift_annotation(const text::json::document& body, text::json::index annotation, std::span<const text_edit> edits,
                      std::vector<text::json::splice>& splices);

}  // namespace sluice::wire
