// A text that comes in pieces of which each may as well be a whole: judged piece by piece, and all of them as one. What is found twice so
// counts once.
#include <utility>

#include "sluice/base/limits.hpp"
#include "stream_impl.hpp"

namespace sluice::policy {

namespace {

// A place of a text as one of what left of it. A place within an edit is where that begins.
std::uint32_t behind_edits(std::uint32_t at, const std::vector<placed_edit>& edits) {
  std::int64_t moved = 0;
  for (const auto& e : edits) {
    if (e.first_byte >= at) break;
    const auto end = e.first_byte + static_cast<std::int64_t>(e.was.size());
    if (end > at) return static_cast<std::uint32_t>(e.first_byte + moved);
    moved += static_cast<std::int64_t>(e.text.size()) - static_cast<std::int64_t>(e.was.size());
  }
  return static_cast<std::uint32_t>(at + moved);
}

std::uint32_t bytes_of(const channel_state& c) { return c.released + static_cast<std::uint32_t>(c.original.size()); }

}  // namespace

void stream_evaluator::impl::keep_notes(std::uint32_t index) {
  auto& c = *channels[index];
  if (c.how == reading::piece && !c.found_before.empty()) of_pieces.emplace(index, std::move(c.found_before));
  if (c.how != reading::field) return;
  c.found_before.move_back(bytes_of(c) - static_cast<std::uint32_t>(c.tail.size()));
  ended[index] = {c.who, c.kind, c.choice, std::move(c.tail), std::move(c.found_before)};
}

void stream_evaluator::impl::resume(std::uint32_t field) {
  const auto at = ended.find(field);
  if (at == ended.end()) return;
  auto was = std::move(at->second);
  ended.erase(at);
  channels[field] = opened(rules, options, was.who, was.kind, false, was.choice, reading::field);
  auto& c = *channels[field];
  c.found_before = std::move(was.found_before);
  c.tail = std::move(was.tail);
  std::string nothing;
  if (!c.tail.empty()) (void)run(field, std::string(c.tail), false, nothing);
}

void stream_evaluator::impl::take_notes(channel_state& field, std::uint32_t piece, std::uint32_t from) {
  const auto found = of_pieces.find(piece);
  if (found == of_pieces.end()) return;
  static const std::vector<placed_edit> none;
  const auto edited = placed.find(piece);
  const auto& edits = edited == placed.end() ? none : edited->second;
  for (const auto& n : found->second) field.found_before.add({n.rule, from + behind_edits(n.begin, edits), from + behind_edits(n.end, edits), n.suppressed});
  of_pieces.erase(found);
}

stream_evaluator::status stream_evaluator::add_piece(channel field, channel piece, std::string_view left) {
  auto& x = *impl_;
  if (!x.blocked) x.resume(field);
  if (x.blocked || x.over(field)) return x.blocked ? status::blocked : status::released;
  auto& c = *x.channels[field];
  x.take_notes(c, piece, bytes_of(c));
  if (left.empty()) return status::released;
  c.tail += left;
  keep_end(c.tail, limits::tail_bytes);
  std::string nothing;
  const auto what = x.run(field, left, false, nothing);
  // The piece is to leave now, so that what a rule still waits for is decided as if nothing followed.
  return what == status::blocked || c.hold_full || c.original.empty() ? what : finish(field, nothing);
}

}  // namespace sluice::policy
