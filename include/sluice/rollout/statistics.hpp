// What counts say about rates, exactly: no normal approximation, because the counts that matter here are small. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sluice::rollout {

inline constexpr double confidence = 0.95;

// Ends of the exact (Clopper and Pearson, 1934) one-sided interval for a rate of which `hits` in `n` were seen. Nothing seen (n = 0)
// says nothing: 0 and 1.
[[nodiscard]] double rate_upper(std::size_t hits, std::size_t n, double sure = confidence);
[[nodiscard]] double rate_lower(std::size_t hits, std::size_t n, double sure = confidence);

// The fewest cases of which `hits` show that the rate is at most `rate_max` (for hits = 0 about 3 / rate_max, the rule of three).
// `never` when no number does.
inline constexpr std::size_t never = static_cast<std::size_t>(-1);
[[nodiscard]] std::size_t cases_needed(double rate_max, std::size_t hits, double sure = confidence);

// The value that `part` of them do not pass. 0: there are none.
[[nodiscard]] double quantile(std::span<const double> sorted, double part);

// P(at least `hits` in `n`) where each has the chance `rate`: what a rate above it must stand up to.
[[nodiscard]] double binomial_tail(std::size_t hits, std::size_t n, double rate);

// Of paired cases `worse` went one way and `better` the other: the chance of at least so many of the first if neither way was likelier
// (McNemar's exact test, one-sided). 1 when no pair differs.
[[nodiscard]] double paired_worse(std::size_t worse, std::size_t better);

// Holm's step-down adjustment (1979): of many tests, reject those whose adjusted value is below the level, and the chance that any of
// them is a false alarm stays below it. In the order of the input.
[[nodiscard]] std::vector<double> holm(std::span<const double> p);

}  // namespace sluice::rollout
