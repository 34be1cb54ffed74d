// See text_offsets.hpp.
#include "text_offsets.hpp"

#include <algorithm>
#include <charconv>

#include "sluice/base/code_points.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

std::vector<text_edit> edits_of(std::string_view text, std::span<const replacement> edits) {
  std::vector<text_edit> out;
  for (const auto& e : edits) {
    const auto begin = code_points(text.substr(0, e.begin));
    out.push_back({begin, begin + code_points(text.substr(e.begin, e.end - e.begin)), code_points(e.text)});
  }
  std::ranges::sort(out, {}, &text_edit::begin);
  return out;
}

std::int64_t shifted(std::int64_t at, std::span<const text_edit> edits, bool is_end) {
  std::int64_t by = 0;
  for (const auto& e : edits) {
    if (at <= e.begin) break;
    if (at < e.end) return e.begin + by + (is_end ? e.length : 0);
    by += e.length - (e.end - e.begin);
  }
  return at + by;
}

void shift_annotation(const text::json::document& body, index annotation, std::span<const text_edit> edits, std::vector<text::json::splice>& splices) {
  if (body[annotation].kind != kind::object) return;
  const auto citation = body.member(annotation, "url_citation");
  const auto of = citation != none && body[citation].kind == kind::object ? citation : annotation;
  for (const char* key : {"start_index", "end_index"}) {
    const auto n = body.member(of, key);
    if (n == none || body[n].kind != kind::number) continue;
    std::int64_t at = 0;
    std::from_chars(body[n].text.data(), body[n].text.data() + body[n].text.size(), at);
    const auto to = shifted(at, edits, key[0] == 'e');
    if (to != at) splices.push_back({body[n].raw_begin, body[n].raw_end, std::to_string(to)});
  }
}

}  // namespace sluice::wire
