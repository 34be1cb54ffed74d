// Channels of one answer that clients put together: content blocks, parts of a message. Each leaves when it ends, so that of a match over the seam
// only the rest can be kept back.
#include "joined.hpp"
#include "stream_impl.hpp"

namespace sluice::policy {

void stream_evaluator::goes_on(channel index) {
  auto& x = *impl_;
  auto& c = *x.channels[index];
  if (!c.judged || !joins(c.kind, direction::response) || x.rules.reach(direction::response) == 0) return;
  auto row = std::ranges::find_if(x.rows, [&](const auto& r) { return r.choice == c.choice && r.who == c.who && r.kind == c.kind; });
  if (row == x.rows.end()) row = x.rows.insert(row, {.choice = c.choice, .who = c.who, .kind = c.kind, .end = {}, .found = {}});
  row->last = index;
  c.row = static_cast<std::size_t>(row - x.rows.begin());
  c.before = row->end;
  c.begins_at = row->said - c.before.size();
  c.cut_front = row->cut;
  c.released = c.base();
  if (c.before.empty()) return;
  impl::push(c.searched, c.before);
  x.follow(c, c.searched, index, true);
}

void stream_evaluator::impl::hear(channel_state& c, std::uint32_t index, std::string_view text) {
  auto& row = rows[c.row];
  if (row.last != index) {
    if (options.global_shadow || !c.holding.any()) return;
    out.reason = "texts of one answer that come in turns";
    out.verdict = out.shadow_verdict = verdict::block;
    blocked = true;
    return;
  }
  const auto before = row.end.size();
  append_shown(row.end, text);
  row.said += row.end.size() - before;
  const std::size_t reach = rules.reach(direction::response);
  if (row.end.size() <= 8 * reach) return;
  row.cut = true;
  row.end.erase(0, code_points_back(row.end, row.end.size(), reach));
}

bool stream_evaluator::impl::is_new(channel_state& c, std::uint32_t rule, std::uint32_t from, std::uint32_t to) {
  if (to <= c.base()) return false;  // found before
  auto& row = rows[c.row];
  auto known = std::ranges::find(row.found, rule, &std::pair<std::uint32_t, std::uint64_t>::first);
  if (from < c.base()) {
    if (c.cut_front && from == 0) return false;  // of what is not known whole
    if (known != row.found.end() && known->second > c.begins_at + from) return false;  // it only goes on from what was found
  }
  std::string behind;
  if (to >= c.released) append_shown(behind, std::string_view(c.original).substr(std::min<std::size_t>(to - c.released, c.original.size())));
  if (known == row.found.end()) known = row.found.insert(known, {rule, 0});
  known->second = std::max(known->second, row.said - behind.size());
  return true;
}

}  // namespace sluice::policy
