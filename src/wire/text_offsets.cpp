// See text_offsets.hpp.
#include "text_offsets.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <iterator>
#include <utility>

#include "sluice/base/code_points.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

std::vector<text_edit> edits_of(std::string_view text, std::span<const replacement> edits) {
  std::vector<text_edit> out;
  std::uint32_t counted = 0;  // bytes, which are so many code points
  std::int64_t begin = 0;
  for (const auto& e : edits) {
    if (e.begin < counted) counted = 0, begin = 0;
    begin += code_points(text.substr(counted, e.begin - counted));
    counted = e.begin;
    const auto was = text.substr(e.begin, e.end - e.begin);
    out.push_back({begin, begin + code_points(was), code_points(e.text), e.begin, std::string(was), e.text});
  }
  std::ranges::sort(out, {}, &text_edit::begin);
  return out;
}

text_moves::text_moves(std::vector<text_edit> edits) : edits_(std::move(edits)) {
  by_.reserve(edits_.size());
  std::int64_t by = 0;
  for (const auto& e : edits_) {
    by_.push_back(by);
    by += e.length - (e.end - e.begin);
  }
}

std::span<const text_edit> text_moves::from(std::int64_t at) const {
  return {std::ranges::lower_bound(edits_, at, std::ranges::less_equal(), &text_edit::end), edits_.end()};
}

std::int64_t text_moves::shifted(std::int64_t at, bool is_end) const {
  const auto behind = std::ranges::lower_bound(edits_, at, {}, &text_edit::begin);
  if (behind == edits_.begin()) return at;
  const auto& e = *std::prev(behind);
  const auto by = by_[static_cast<std::size_t>(behind - edits_.begin()) - 1];
  return at < e.end ? e.begin + by + (is_end ? e.length : 0) : at + by + e.length - (e.end - e.begin);
}

void shift_annotation(const text::json::document& body, index annotation, const text_moves& moves, std::vector<text::json::splice>& splices) {
  if (body[annotation].kind != kind::object) return;
  const auto citation = body.member(annotation, "url_citation");
  const auto of = citation != none && body[citation].kind == kind::object ? citation : annotation;
  for (const char* key : {"start_index", "end_index"}) {
    const auto n = body.member(of, key);
    if (n == none || body[n].kind != kind::number) continue;
    std::int64_t at = 0;
    std::from_chars(body[n].text.data(), body[n].text.data() + body[n].text.size(), at);
    const auto to = moves.shifted(at, key[0] == 'e');
    if (to != at) splices.push_back({body[n].raw_begin, body[n].raw_end, std::to_string(to)});
  }
}

std::string shifted_annotations(std::string_view list, const text_moves& moves, std::uint32_t depth_max) {
  text::json::document body;
  std::vector<text::json::splice> splices;
  if (auto parsed = body.parse(list, depth_max); !parsed || body[0].kind != kind::array) return "[]";
  for (auto a = body.first_child(0); a != none; a = body.sibling(a)) shift_annotation(body, a, moves, splices);
  return text::json::apply(list, std::move(splices));
}

std::vector<text_edit> in_bytes(std::vector<text_edit> edits) {
  for (auto& e : edits) {
    e.begin = e.first_byte;
    e.end = e.begin + static_cast<std::int64_t>(e.was.size());
    e.length = static_cast<std::int64_t>(e.text.size());
  }
  return edits;
}

namespace {

constexpr std::array<std::array<std::string_view, 2>, 3> places = {{{"partIndex", "part_index"}, {"startIndex", "start_index"}, {"endIndex", "end_index"}}};

index member_of(const text::json::document& body, index object, const std::array<std::string_view, 2>& names) {
  const auto at = body.member(object, names[0]);
  return at != none ? at : body.member(object, names[1]);
}

}  // namespace

std::optional<segment> read_segment(const text::json::document& body, index at) {
  if (body[at].kind != kind::object) return std::nullopt;
  segment out;
  for (auto [names, to] : {std::pair{&places[0], &out.part}, {&places[1], &out.begin}, {&places[2], &out.end}}) {
    const auto n = member_of(body, at, *names);
    if (n == none || body[n].kind == kind::null) continue;  // 0, as their encoding has it
    const auto text = body[n].text;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), *to);
    if (body[n].kind != kind::number || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  }
  if (out.part < 0 || out.begin < 0 || out.end < out.begin) return std::nullopt;
  const auto said = body.member(at, "text");
  if (said == none || body[said].kind == kind::null) return out;
  if (body[said].kind != kind::string) return std::nullopt;
  out.says = body[said].text;
  return static_cast<std::int64_t>(out.says->size()) == out.end - out.begin ? std::optional(out) : std::nullopt;
}

bool shift_segment(const text::json::document& body, index at, const text_moves& moves, std::vector<text::json::splice>& splices) {
  const auto of = read_segment(body, at);
  if (!of) return false;
  if (of->says) {
    std::string now;
    std::size_t done = 0;
    for (const auto& e : moves.from(of->begin)) {
      if (e.begin >= of->end) break;
      const auto begin = std::max(e.begin, of->begin), end = std::min(e.end, of->end);
      if (begin >= end) continue;
      const auto from = static_cast<std::size_t>(begin - of->begin), size = static_cast<std::size_t>(end - begin);
      if (of->says->substr(from, size) != std::string_view(e.was).substr(static_cast<std::size_t>(begin - e.begin), size)) return false;
      now += of->says->substr(done, from - done);
      now += e.text;
      done = from + size;
    }
    const auto said = body.member(at, "text");
    if (done > 0) splices.push_back({body[said].raw_begin, body[said].raw_end, json_quoted(now + std::string(of->says->substr(done)))});
  }
  for (const bool is_end : {false, true}) {
    const auto n = member_of(body, at, places[is_end ? 2 : 1]);
    const auto was = is_end ? of->end : of->begin, is = moves.shifted(was, is_end);
    if (is != was && n != none) splices.push_back({body[n].raw_begin, body[n].raw_end, std::to_string(is)});
  }
  return true;
}

}  // namespace sluice::wire
