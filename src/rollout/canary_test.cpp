// See canary_test.hpp.
#include "sluice/rollout/canary_test.hpp"

#include <cmath>

#include "sluice/rollout/shares.hpp"


namespace sluice::rollout {
namespace {

// Differences that the mixture has in mind: where the test is quickest, not what it can find.
constexpr double spread = 0.05;
constexpr double comparisons = 3;

std::string shares(const char* what, std::uint64_t hits, std::uint64_t n, std::uint64_t other_hits, std::uint64_t other_n) {
  return std::string(what) + ": " + percent(share(hits, n)) + " of " + std::to_string(n) + " exchanges, of what is live " + percent(share(other_hits, other_n)) + " of " + std::to_string(other_n);
}

// The step that all but one in a hundred of the live version's exchanges stay at or below.
std::size_t slow_step(const arm_counts& live) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < arm_counts::latency_steps; ++i) {
    below += live.added[i];
    if (below * 100 >= live.exchanges * 99) return i;
  }
  return arm_counts::latency_steps - 1;
}

std::uint64_t above(const arm_counts& of, std::size_t step) {
  std::uint64_t sum = 0;
  for (std::size_t i = step + 1; i < arm_counts::latency_steps; ++i) sum += of.added[i];
  return sum;
}

}  // namespace

double evidence_of_more(std::uint64_t hits, std::uint64_t n, std::uint64_t other_hits, std::uint64_t other_n, double margin) {
  if (n == 0 || other_n == 0) return 0;
  // Half a hit and half a miss more, so that shares of none have a variance.
  const auto rate = [](std::uint64_t k, std::uint64_t of) { return (static_cast<double>(k) + 0.5) / (static_cast<double>(of) + 1); };
  const double p = rate(hits, n), q = rate(other_hits, other_n);
  const double above_margin = p - q - margin;
  if (above_margin <= 0) return 0;
  const double variance = p * (1 - p) / static_cast<double>(n) + q * (1 - q) / static_cast<double>(other_n);
  const double mixed = spread * spread;
  return std::sqrt(variance / (variance + mixed)) * std::exp(mixed * above_margin * above_margin / (2 * variance * (variance + mixed)));
}

std::optional<std::string> why_abort(const arm_counts& canary, const arm_counts& live, const canary_terms& terms) {
  if (canary.exchanges < terms.exchanges_min || live.exchanges < terms.exchanges_min) return std::nullopt;
  const double shown = comparisons / terms.error;
  const auto more = [&](std::uint64_t hits, std::uint64_t other_hits, double margin) { return evidence_of_more(hits, canary.exchanges, other_hits, live.exchanges, margin) >= shown; };
  if (more(canary.blocked, live.blocked, terms.block_margin)) return shares("it blocks more", canary.blocked, canary.exchanges, live.blocked, live.exchanges);
  if (evidence_of_more(live.blocked, live.exchanges, canary.blocked, canary.exchanges, terms.block_margin) >= shown) {
    return shares("it blocks less", canary.blocked, canary.exchanges, live.blocked, live.exchanges);
  }
  if (more(canary.failed, live.failed, terms.fail_margin)) return shares("more fail", canary.failed, canary.exchanges, live.failed, live.exchanges);
  const auto step = slow_step(live);
  const auto slow = above(canary, step), others = above(live, step);
  if (more(slow, others, terms.slow_margin)) return shares(("more take longer than " + std::to_string(1ULL << step) + " µs").c_str(), slow, canary.exchanges, others, live.exchanges);
  return std::nullopt;
}

}  // namespace sluice::rollout
