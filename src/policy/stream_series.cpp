// Channels of one answer that clients put together: content blocks, parts of a message. Each leaves when it ends, so that of a match over the seam
// only the rest can be kept back.
#include "joined.hpp"
#include "stream_impl.hpp"

namespace sluice::policy {

void stream_evaluator::goes_on(channel index) {
  auto& x = *impl_;
  auto& c = *x.channels[index];
  if (!c.judged || !joins(c.kind, direction::response) || x.rules.reach(direction::response) == 0) return;
  auto all = std::ranges::find_if(x.in_series, [&](const auto& r) { return r.choice == c.choice && r.who == c.who && r.kind == c.kind; });
  if (all == x.in_series.end()) all = x.in_series.insert(all, {.choice = c.choice, .who = c.who, .kind = c.kind, .end = {}, .found = {}});
  all->last = index;
  c.series = static_cast<std::size_t>(all - x.in_series.begin());
  c.before = all->end;
  c.begins_at = all->said - c.before.size();
  c.cut_front = all->cut;
  c.released = c.base();
  if (c.before.empty()) return;
  impl::push(c.searched, c.before);
  x.follow(c, c.searched, index, true);
}

void stream_evaluator::impl::hear(channel_state& c, std::uint32_t index, std::string_view text) {
  auto& all = in_series[c.series];
  if (all.last != index) {
    if (options.global_shadow || !c.holding.any()) return;
    out.reason = "texts of one answer that come in turns";
    out.verdict = out.shadow_verdict = verdict::block;
    blocked = true;
    return;
  }
  const auto before = all.end.size();
  append_shown(all.end, text);
  all.said += all.end.size() - before;
  const std::size_t reach = rules.reach(direction::response);
  if (all.end.size() <= 8 * reach) return;
  all.cut = true;
  all.end.erase(0, code_points_back(all.end, all.end.size(), reach));
}

bool stream_evaluator::impl::is_new(channel_state& c, std::uint32_t rule, std::uint32_t from, std::uint32_t to) {
  if (to <= c.base()) return false;  // found before
  auto& all = in_series[c.series];
  auto known = std::ranges::find(all.found, rule, &std::pair<std::uint32_t, std::uint64_t>::first);
  if (from < c.base()) {
    if (c.cut_front && from == 0) return false;  // of what is not known whole
    if (known != all.found.end() && known->second > c.begins_at + from) return false;  // it only goes on from what was found
  }
  // Of a match far from the end it does not matter how much of what follows is shown.
  constexpr std::size_t near_bytes = 4096;
  const auto rest = to >= c.released ? std::string_view(c.original).substr(std::min<std::size_t>(to - c.released, c.original.size())) : std::string_view();
  std::string shown;
  if (rest.size() <= near_bytes) append_shown(shown, rest);
  const auto behind = std::min<std::uint64_t>(all.said, rest.size() <= near_bytes ? shown.size() : rest.size());
  if (known == all.found.end()) known = all.found.insert(known, {rule, 0});
  known->second = std::max(known->second, all.said - behind);
  return true;
}

}  // namespace sluice::policy
