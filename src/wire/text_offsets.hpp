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
// The edits with `begin`, `end` and `length` in bytes.
[[nodiscard]] std::vector<text_edit> in_bytes(std::vector<text_edit> edits);

// The edits of one text, in order and none within another, for many positions in it.
class text_moves {
 public:
  text_moves() = default;
  explicit text_moves(std::vector<text_edit> edits);
  [[nodiscard]] std::span<const text_edit> edits() const { return edits_; }
  // Those that begin at this position or behind it, and the one that it lies in.
  [[nodiscard]] std::span<const text_edit> from(std::int64_t at) const;
  // Where a position is after the edits. One within an edit goes to its edge.
  [[nodiscard]] std::int64_t shifted(std::int64_t at, bool is_end) const;

 private:
  std::vector<text_edit> edits_;
  std::vector<std::int64_t> by_;  // how far what stands before each has moved
};

// start_index and end_index of one annotation (or of its url_citation), as splices.
void shift_annotation(const text::json::document& body, text::json::index annotation, const text_moves& moves,
                      std::vector<text::json::splice>& splices);

// A list of annotations, as JSON, as one of the text as it was edited.
[[nodiscard]] std::string shifted_annotations(std::string_view list, const text_moves& moves, std::uint32_t depth_max);

// What a segment or a citation of Gemini's points at: bytes of a text, and the words there where it repeats them.
struct segment {
  std::int64_t part = 0, begin = 0, end = 0;
  std::optional<std::string_view> says = {};
};
// Nothing: it says no place that anybody could follow.
[[nodiscard]] std::optional<segment> read_segment(const text::json::document& body, text::json::index at);
// Its numbers and its words as they are after the edits, which are in bytes. False: its words are not those of the text.
[[nodiscard]] bool shift_segment(const text::json::document& body, text::json::index at, const text_moves& moves, std::vector<text::json::splice>& splices);

}  // namespace sluice::wire
