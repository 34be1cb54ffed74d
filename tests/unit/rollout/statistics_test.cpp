// Intervals and tests against published tables and against plain sums of binomial terms.
#include "sluice/rollout/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::rollout {
namespace {

// The slow way: terms of the binomial distribution, one by one.
double summed_tail(std::size_t hits, std::size_t n, double rate) {
  double sum = 0;
  for (std::size_t i = hits; i <= n; ++i) {
    const auto k = static_cast<double>(i), m = static_cast<double>(n);
    sum += std::exp(std::lgamma(m + 1) - std::lgamma(k + 1) - std::lgamma(m - k + 1) + k * std::log(rate) + (m - k) * std::log1p(-rate));
  }
  return sum;
}

// Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods", Statistics in Medicine 17 (1998),
// table I, method 5: two-sided 95 % limits of Clopper and Pearson.
TEST(statistics, intervals_are_those_that_newcombe_printed) {
  struct row {
    std::size_t hits, n;
    double lower, upper;
  };
  for (const row& r : {row{81, 263, 0.2527, 0.3676}, row{15, 148, 0.0578, 0.1617}, row{0, 20, 0.0000, 0.1684}, row{1, 29, 0.0009, 0.1776}}) {
    EXPECT_NEAR(rate_lower(r.hits, r.n, 0.975), r.lower, 5e-5) << r.hits << " of " << r.n;
    EXPECT_NEAR(rate_upper(r.hits, r.n, 0.975), r.upper, 5e-5) << r.hits << " of " << r.n;
  }
}

// Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249 (1983): after n cases without an event the rate
// is below about 3/n; Wilks (1941): 59 cases for 5 %, 299 for 1 %.
TEST(statistics, nothing_seen_needs_three_over_the_rate) {
  EXPECT_EQ(cases_needed(0.05, 0), 59u);
  EXPECT_EQ(cases_needed(0.01, 0), 299u);
  for (const double rate : {0.02, 0.005, 0.001, 0.0001}) EXPECT_NEAR(static_cast<double>(cases_needed(rate, 0)) * rate, 3, 0.03) << rate;
  EXPECT_NEAR(rate_upper(0, 10), 0.2589, 5e-5);
}

TEST(statistics, cases_needed_is_the_first_number_that_shows_it) {
  for (const double rate : {0.2, 0.01, 0.005, 0.001}) {
    for (const std::size_t hits : {0u, 1u, 2u, 3u, 5u, 40u}) {
      const std::size_t n = cases_needed(rate, hits);
      EXPECT_LE(rate_upper(hits, n), rate) << hits;
      EXPECT_GT(rate_upper(hits, n - 1), rate) << hits;
    }
  }
  EXPECT_EQ(cases_needed(0.005, 5), 2100u);
  EXPECT_EQ(cases_needed(0.001, 0), 2995u);
  EXPECT_EQ(cases_needed(0, 0), never);
  EXPECT_EQ(cases_needed(1, 0), 0u);
}

TEST(statistics, the_ends_of_an_interval_leave_five_percent_beyond_them) {
  for (const std::size_t n : {1u, 7u, 100u, 2'000u}) {
    for (const std::size_t hits : {std::size_t{0}, std::size_t{1}, n / 3, n - 1, n}) {
      const double upper = rate_upper(hits, n), lower = rate_lower(hits, n);
      const double seen = static_cast<double>(hits) / static_cast<double>(n);
      EXPECT_LE(lower, seen);
      EXPECT_GE(upper, seen);
      if (hits < n) EXPECT_NEAR(1 - summed_tail(hits + 1, n, upper), 0.05, 1e-9) << hits << " of " << n;
      if (hits > 0) EXPECT_NEAR(summed_tail(hits, n, lower), 0.05, 1e-9) << hits << " of " << n;
    }
  }
  EXPECT_EQ(rate_upper(0, 0), 1);
  EXPECT_EQ(rate_lower(0, 0), 0);
  EXPECT_EQ(rate_upper(3, 3), 1);
}

TEST(statistics, tails_are_the_sums_of_their_terms) {
  for (const std::size_t n : {1u, 10u, 500u}) {
    for (const double rate : {0.001, 0.3, 0.5, 0.97}) {
      for (const std::size_t hits : {std::size_t{1}, (n + 1) / 2, n}) EXPECT_NEAR(binomial_tail(hits, n, rate), summed_tail(hits, n, rate), 1e-10);
    }
  }
  EXPECT_EQ(binomial_tail(0, 5, 0.5), 1);
  EXPECT_EQ(binomial_tail(6, 5, 0.5), 0);
  EXPECT_EQ(binomial_tail(1, 5, 0), 0);
}

// Siegel, "Nonparametric Statistics" (1956), table D: one-tailed probabilities of the binomial test at 1/2.
TEST(statistics, paired_test_is_that_of_siegels_table) {
  struct row {
    std::size_t fewer, all;
    double p;
  };
  for (const row& r : {row{0, 5, 0.031}, row{1, 8, 0.035}, row{1, 10, 0.011}, row{3, 15, 0.018}, row{5, 20, 0.021}, row{7, 25, 0.022}}) {
    EXPECT_NEAR(paired_worse(r.all - r.fewer, r.fewer), r.p, 5e-4) << r.fewer << " of " << r.all;
  }
  EXPECT_NEAR(paired_worse(4, 0), 0.0625, 1e-12);
  EXPECT_EQ(paired_worse(0, 0), 1);
  EXPECT_GT(paired_worse(3, 9), 0.9);
}

// Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
TEST(statistics, holm_multiplies_by_the_tests_that_are_left_and_never_falls) {
  const std::vector<double> p = {0.01, 0.04, 0.03, 0.005};
  const std::vector<double> expected = {0.03, 0.06, 0.06, 0.02};
  const auto got = holm(p);
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
  EXPECT_TRUE(holm({}).empty());
  EXPECT_EQ(holm(std::vector<double>{0.7, 0.8})[1], 1);
}

}  // namespace
}  // namespace sluice::rollout
