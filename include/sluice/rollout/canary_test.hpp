// A canary against what is live, while both decide: looked at as often as one likes. Each comparison is a mixture sequential
// probability ratio test (Robbins 1970; Johari, Koomen, Pekelis and Walsh, "Always valid inference", Operations Research 70, 2022): the
// probability that it ever says "differs" of two shares that differ by no more than the margin is at most `error`, whenever one stops.
// It takes exchanges to be independent, and shares to be about normally distributed, which `exchanges_min` is for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sluice/rollout/arm_counts.hpp"

namespace sluice::rollout {

struct canary_terms {
  // How much more of the canary's exchanges may be blocked (or fewer), fail, or take longer than 99 in 100 of the others.
  double block_margin = 0.02, fail_margin = 0.01, slow_margin = 0.02;
  double error = 0.001;              // of all three together
  std::uint64_t exchanges_min = 200; // of each
};

// How much the evidence speaks for a share above the other's by more than the margin: at 1/error it is shown. 0: nothing does.
[[nodiscard]] double evidence_of_more(std::uint64_t hits, std::uint64_t n, std::uint64_t other_hits, std::uint64_t other_n, double margin);

// Why the canary has to end: "blocked 9.1 % of 1,204 exchanges, what is live 1.0 % of 20,011; …". Nothing: go on.
[[nodiscard]] std::optional<std::string> why_abort(const arm_counts& canary, const arm_counts& live, const canary_terms& terms);

}  // namespace sluice::rollout
