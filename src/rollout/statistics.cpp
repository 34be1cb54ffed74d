// See statistics.hpp. The binomial's tail is the regularised incomplete beta function, and its inverse gives the intervals.
#include "sluice/rollout/statistics.hpp"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <numeric>
#include <utility>

namespace sluice::rollout {
namespace {

double real(std::size_t n) { return static_cast<double>(n); }

}  // namespace

double rate_upper(std::size_t hits, std::size_t n, double sure) {
  if (hits >= n) return 1;
  return boost::math::ibeta_inv(real(hits) + 1, real(n - hits), sure);
}

double rate_lower(std::size_t hits, std::size_t n, double sure) {
  if (hits == 0 || n == 0) return 0;
  return boost::math::ibeta_inv(real(std::min(hits, n)), real(n - std::min(hits, n)) + 1, 1 - sure);
}

std::size_t cases_needed(double rate_max, std::size_t hits, double sure) {
  if (rate_max <= 0) return never;
  if (rate_max >= 1) return hits;
  constexpr std::size_t cases_max = std::size_t{1} << 40;
  std::size_t low = hits, high = hits + 1;  // low does not show it, high is to
  while (rate_upper(hits, high, sure) > rate_max) {
    low = high;
    high *= 2;
    if (high > cases_max) return never;
  }
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (rate_upper(hits, middle, sure) > rate_max ? low : high) = middle;
  }
  return high;
}

double quantile(std::span<const double> sorted, double part) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(std::ceil(part * real(sorted.size())));
  return sorted[std::clamp<std::size_t>(at, 1, sorted.size()) - 1];
}

double binomial_tail(std::size_t hits, std::size_t n, double rate) {
  if (hits == 0) return 1;
  if (hits > n || rate <= 0) return 0;
  if (rate >= 1) return 1;
  return boost::math::ibeta(real(hits), real(n - hits) + 1, rate);
}

double paired_worse(std::size_t worse, std::size_t better) {
  constexpr double either_way = 0.5;
  return binomial_tail(worse, worse + better, either_way);
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(p[i], i); });
  std::vector<double> out(p.size());
  double highest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    highest = std::max(highest, std::min(1.0, p[order[rank]] * real(p.size() - rank)));
    out[order[rank]] = highest;
  }
  return out;
}

}  // namespace sluice::rollout
