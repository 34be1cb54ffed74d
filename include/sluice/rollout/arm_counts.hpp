// What one version did with the exchanges that it decided, as a node reports it and as a canary is compared with what is live.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace sluice::rollout {

struct arm_counts {
  static constexpr std::size_t latency_steps = 20;  // step i: at most 2^i microseconds inside Sluice; the last: more
  std::string version;
  std::uint64_t exchanges = 0, blocked = 0, failed = 0;
  std::array<std::uint64_t, latency_steps> added{};
};

}  // namespace sluice::rollout
