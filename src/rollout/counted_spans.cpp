// See counted_spans.hpp.
#include "sluice/rollout/counted_spans.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace sluice::rollout {

bool counted_spans::is_new(const judged_exchange::span& span) {
  auto at = newest_.find(span.what);
  if (at == newest_.end()) {
    const auto older = before_.find(span.what);
    const bool fresh = older == before_.end(), ahead = fresh ? !span.last_turn : older->second;
    if (newest_.size() >= kept_min) before_ = std::exchange(newest_, {});
    at = newest_.emplace(span.what, ahead).first;  // what is sent again stays
    if (fresh) return true;
  }
  return span.last_turn && !std::exchange(at->second, false);
}

void counted_spans::keep_new(judged_exchange& one) {
  if (one.blocked_by.empty()) return;
  std::vector<std::uint32_t> matched, fresh;
  std::unordered_set<std::uint64_t> sent_again;  // with this very exchange: what its last turn says as well it says once more
  for (const bool last_turn : {false, true}) {
    for (const auto& span : one.spans) {
      if (span.last_turn != last_turn) continue;
      matched.push_back(span.rule);
      if (!last_turn) sent_again.insert(span.what);
      if ((last_turn && sent_again.contains(span.what)) || is_new(span)) fresh.push_back(span.rule);
    }
  }
  const auto has = [](const std::vector<std::uint32_t>& all, std::uint32_t rule) { return std::ranges::find(all, rule) != all.end(); };
  std::erase_if(one.blocked_by, [&](std::uint32_t rule) { return has(matched, rule) && !has(fresh, rule); });
  one.blocked = one.blocked && !one.blocked_by.empty();
}

}  // namespace sluice::rollout
