// See canary_test.hpp.
#include "sluice/rollout/canary_test.hpp"

#include <algorithm>
#include <cmath>

#include "sluice/rollout/shares.hpp"

namespace sluice::rollout {
namespace {

// Differences that the mixture has in mind: where the test is quickest, not what it can find.
constexpr double spread = 0.05;
constexpr double comparisons = 4;

double mean(double sum, std::uint64_t users) { return users == 0 ? 0 : sum / static_cast<double>(users); }

// Of one user's share, with half a user of all and half a user of none more, so that what was never seen has a variance.
struct estimate {
  double mean, variance;
};
estimate estimated(const user_shares& of, std::uint64_t users) {
  const double n = static_cast<double>(users) + 1, m = (of.sum + 0.5) / n;
  return {m, std::max(0.0, (of.squares + 0.5) / n - m * m)};
}

std::string shares(const std::string& what, const user_shares& of, std::uint64_t users, const user_shares& other, std::uint64_t other_users) {
  return what + ": " + percent(mean(of.sum, users)) + " of the exchanges of each of " + std::to_string(users) + " users, of what is live " + percent(mean(other.sum, other_users)) + " of " +
         std::to_string(other_users);
}

// The step that all but one in a hundred of the live version's exchanges stay at or below.
std::size_t slow_step(const arm_counts& live) {
  const auto at = std::ranges::find_if(live.slower, [&](const user_shares& above) { return above.sum * 100 <= static_cast<double>(live.users); });
  return at == live.slower.end() ? arm_counts::latency_steps - 1 : static_cast<std::size_t>(at - live.slower.begin());
}

}  // namespace

double evidence_of_more(const user_shares& of, std::uint64_t users, const user_shares& other, std::uint64_t other_users, double margin) {
  if (users == 0 || other_users == 0) return 0;
  const auto p = estimated(of, users), q = estimated(other, other_users);
  const double above_margin = p.mean - q.mean - margin;
  if (above_margin <= 0) return 0;
  // Of few users the rare ones that make the spread are easily missed. If the arms are alike, so are their users: the wider one speaks for both.
  const double each = std::max(p.variance, q.variance);
  const double variance = each / static_cast<double>(users) + each / static_cast<double>(other_users);
  const double mixed = spread * spread;
  return std::sqrt(variance / (variance + mixed)) * std::exp(mixed * above_margin * above_margin / (2 * variance * (variance + mixed)));
}

std::optional<std::string> why_abort(const arm_counts& canary, const arm_counts& live, const canary_terms& terms) {
  if (canary.users < terms.users_min || live.users < terms.users_min) return std::nullopt;
  const double shown = comparisons / terms.error;
  const auto more = [&](const user_shares& of, const user_shares& other, double margin) { return evidence_of_more(of, canary.users, other, live.users, margin) >= shown; };
  const auto said = [&](const std::string& what, const user_shares& of, const user_shares& other) { return shares(what, of, canary.users, other, live.users); };
  if (more(canary.blocked, live.blocked, terms.block_margin)) return said("it blocks more", canary.blocked, live.blocked);
  if (evidence_of_more(live.blocked, live.users, canary.blocked, canary.users, terms.block_margin) >= shown) return said("it blocks less", canary.blocked, live.blocked);
  if (more(canary.failed, live.failed, terms.fail_margin)) return said("more fail", canary.failed, live.failed);
  const auto step = slow_step(live);
  if (!more(canary.slower[step], live.slower[step], terms.slow_margin)) return std::nullopt;
  return said("more take longer than " + std::to_string(1ULL << step) + " µs", canary.slower[step], live.slower[step]);
}

}  // namespace sluice::rollout
