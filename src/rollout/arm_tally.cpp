// See arm_tally.hpp.
#include "sluice/rollout/arm_tally.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::rollout {

void arm_tally::see(std::uint64_t user, bool blocked, bool failed, std::uint64_t added_us) {
  if (!followed_.follows(user)) return;
  auto& entry = users_.at(user, 0);
  ++entry.seen;
  entry.blocked += blocked ? 1 : 0;
  entry.failed += failed ? 1 : 0;
  const auto step = added_us <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(added_us - 1));
  ++entry.added[std::min(step, arm_counts::latency_steps - 1)];
  if (!users_.full()) return;
  followed_.halve();
  users_.keep(followed_);
}

arm_counts arm_tally::counts(std::string version) const {
  arm_counts out{.version = std::move(version), .users = users_.size(), .blocked = {}, .failed = {}};
  for (const auto& [key, entry] : users_) {
    const auto part = [seen = entry.seen](std::uint32_t n) { return static_cast<double>(n) / seen; };
    out.blocked.add(part(entry.blocked));
    out.failed.add(part(entry.failed));
    auto above = entry.seen;
    for (std::size_t i = 0; i < arm_counts::latency_steps; ++i) {
      above -= entry.added[i];
      out.slower[i].add(part(above));
    }
  }
  return out;
}

}  // namespace sluice::rollout
