// Counts what one version does for whom it decides, by user, for arm_counts. One thread; pure.
#pragma once

#include <cstdint>

#include "sluice/rollout/arm_counts.hpp"
#include "sluice/rollout/user_sample.hpp"

namespace sluice::rollout {

class arm_tally {
 public:
  // `user`: a hash (judged_exchange.hpp). Of more than user_sample::users_max users a fair sample is followed.
  void see(std::uint64_t user, bool blocked, bool failed, std::uint64_t added_us);
  [[nodiscard]] arm_counts counts(std::string version) const;

 private:
  struct entry {
    std::uint64_t user = 0, context = 0;
    std::uint32_t seen = 0, blocked = 0, failed = 0;
    std::array<std::uint32_t, arm_counts::latency_steps> added{};  // by the first step that it does not exceed
  };
  user_sample followed_;
  user_table<entry> users_;
};

}  // namespace sluice::rollout
