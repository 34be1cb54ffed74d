// Of whose exchanges a version in shadow would have blocked how many, by rule, as block_rates counts them once it is live: each user weighs
// one, and counts only where a rule concerns him. One thread; pure.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/rollout/judged_exchange.hpp"
#include "sluice/rollout/user_sample.hpp"
#include "sluice/store/shown_blocks.hpp"

namespace sluice::rollout {

class shadow_tally {
 public:
  // Keeps nothing of the snapshot: what it saw is asked for when the version has long ended.
  explicit shadow_tally(const policy::snapshot& of);
  [[nodiscard]] const std::string& version() const { return version_; }

  // `rules`: of a snapshot of that version, those in force for this exchange. Of more than user_sample::users_max users a fair sample is followed.
  void see(const judged_exchange& one, const policy::ruleset& rules);
  [[nodiscard]] store::shown_blocks shown() const;

 private:
  struct entry {  // of a user in a context
    std::uint64_t user = 0, context = 0;
    std::uint32_t seen = 0, blocked = 0;
    std::unordered_map<std::uint32_t, std::uint32_t> by;  // times, by rule
  };
  std::string version_;
  std::vector<std::string> ids_;  // of its rules, by number
  std::vector<bool> may_block_;   // those that it enforces
  user_sample followed_;
  user_table<entry> users_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> contexts_;  // rules that may block there
};

}  // namespace sluice::rollout
