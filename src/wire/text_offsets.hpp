// Positions in a text that was edited: where annotations point afterwards, in code points, as OpenAI's count, or in bytes, as Gemini's do.
#pragma once

#include <optional>
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
// A list of annotations, as JSON, as one of the text as it was edited.
[[nodiscard]] std::string shifted_annotations(std::string_view list, std::span<const text_edit> edits, std::uint32_t depth_max);

// The edits with `begin`, `end` and `length` in bytes.
[[nodiscard]] std::vector<text_edit> in_bytes(std::vector<text_edit> edits);
// What a segment or a citation of Gemini's points at: bytes of a text, and the words there where it repeats them.
struct segment {
  std::int64_t part = 0, begin = 0, end = 0;
  std::optional<std::string_view> says = {};
};
// Nothing: it says no place that anybody could follow.
[[nodiscard]] std::optional<segment> read_segment(const text::json::document& body, text::json::index at);
// Its numbers and its words as they are after the edits, which are in bytes. False: its words are not those of the text.
[[nodiscard]] bool shift_segment(const text::json::document& body, text::json::index at, std::span<const text_edit> edits, std::vector<text::json::splice>& splices);

}  // namespace sluice::wire
