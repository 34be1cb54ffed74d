// What one version did for whom it decided, as a node reports it and as a canary is compared with what is live. Each user weighs one,
// however many exchanges he has: by the share of them that was blocked, failed, or took long.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sluice/policy/types.hpp"

namespace sluice::rollout {

// Over users, of each one's share of his exchanges: the sum, and the sum of squares.
struct user_shares {
  double sum = 0, squares = 0;
  void add(double share) {
    sum += share;
    squares += share * share;
  }
  void add(const user_shares& other) {
    sum += other.sum;
    squares += other.squares;
  }
};

struct arm_counts {
  static constexpr std::size_t latency_steps = 20;
  std::string version;
  std::uint64_t users = 0;
  user_shares blocked, failed;
  std::array<user_shares, latency_steps> slower{};  // step i: more than 2^i microseconds inside Sluice; nothing is above the last
};

// What a node says of the versions that decide there, since this activation is in force there.
struct arms_report {
  policy::activation activation;
  std::vector<arm_counts> arms;
};

}  // namespace sluice::rollout
