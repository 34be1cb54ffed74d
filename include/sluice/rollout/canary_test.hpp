// A canary against what is live, while both decide: looked at as often as one likes. Each comparison is a mixture sequential
// probability ratio test (Robbins 1970; Johari, Koomen, Pekelis and Walsh, "Always valid inference", Operations Research 70, 2022): the
// probability that it ever says "differs" of two shares that differ by no more than the margin is at most `error`, whenever one stops.
// It compares means over users, so that nobody weighs more by sending more. It takes users to be independent, and means over them to be
// about normally distributed, which `users_min` is for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sluice/rollout/arm_counts.hpp"

namespace sluice::rollout {

struct canary_terms {
  // How much more of its users' exchanges the canary may block (or fewer), fail, or take longer with than 99 in 100 of the others.
  double block_margin = 0.02, fail_margin = 0.01, slow_margin = 0.02;
  double error = 0.001;          // of the four comparisons (more and fewer blocked, more failed, more slow) together
  std::uint64_t users_min = 20;  // of each
};

// How much the evidence speaks for a mean above the other's by more than the margin: at 1/error it is shown. 0: nothing does.
[[nodiscard]] double evidence_of_more(const user_shares& of, std::uint64_t users, const user_shares& other, std::uint64_t other_users, double margin);

// Why the canary has to end: "it blocks more: 33.1 % of the exchanges of each of 61 users, of what is live 1.2 % of 540". Nothing: go on.
[[nodiscard]] std::optional<std::string> why_abort(const arm_counts& canary, const arm_counts& live, const canary_terms& terms);

}  // namespace sluice::rollout
