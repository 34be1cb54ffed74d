// The comparison of a canary with what is live: how often it errs when looked at all the time, how soon it sees what is there, and what one
// user can do.
#include "sluice/rollout/canary_test.hpp"

#include <gtest/gtest.h>

#include <random>

#include "sluice/rollout/arm_tally.hpp"

namespace sluice::rollout {
namespace {

std::uint64_t hashed(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
  return n ^ (n >> 31);
}

// How often what a user sends is blocked, fails or is slow, under one version.
struct chances {
  double blocked = 0.05, failed = 0.001, slow = 0.01;
};

// Users come by and by, each has an arm for good, and some of them are of another kind than most.
struct arms {
  arm_tally canary, live;
  std::mt19937_64 dice;
  std::uint64_t users = 0, salt;
  double canary_share = 0.1, heavy = 0;  // share of users of whom 90 % is blocked under any version
  explicit arms(std::uint64_t seed) : dice(seed), salt(seed * 1'000'003) {}
  void run(std::size_t exchanges, chances with_canary, chances with_live) {
    std::uniform_real_distribution<double> u;
    for (std::size_t i = 0; i < exchanges; ++i) {
      if (users < 1000 && (users == 0 || u(dice) < 0.3)) ++users;
      const auto who = hashed(salt + dice() % users);
      const auto is = [&](std::uint64_t what, double share) { return static_cast<double>(hashed(who + what) % 10'000) < share * 10'000; };
      const bool mine = is(1, canary_share);
      auto chance = mine ? with_canary : with_live;
      if (is(2, heavy)) chance.blocked = 0.9;
      (mine ? canary : live).see(who, u(dice) < chance.blocked, u(dice) < chance.failed, u(dice) < chance.slow ? 4000 : 60);
    }
  }
  [[nodiscard]] std::optional<std::string> why() const { return why_abort(canary.counts("canary"), live.counts("live"), {}); }
};

int aborted(int runs, double canary_share, double heavy, chances with_canary) {
  int out = 0;
  for (int seed = 0; seed < runs; ++seed) {
    arms a(static_cast<std::uint64_t>(seed));
    a.canary_share = canary_share;
    a.heavy = heavy;
    bool ended = false;
    for (int look = 0; look < 50 && !ended; ++look) {
      a.run(100, with_canary, {});
      ended = a.why().has_value();
    }
    out += ended ? 1 : 0;
  }
  return out;
}

TEST(canary_test, an_equal_canary_is_not_aborted_however_often_one_looks_and_whoever_its_users_are) {
  for (const double share : {0.05, 0.3}) {
    for (const double heavy : {0.0, 0.05, 0.3}) EXPECT_LE(aborted(100, share, heavy, {}), 1) << share << " " << heavy;
  }
}

TEST(canary_test, a_difference_at_the_margin_is_within_the_stated_error) {
  EXPECT_LE(aborted(200, 0.2, 0, {.blocked = 0.07}), 1);
}

// The exchanges until the abort, and what it says.
std::pair<std::size_t, std::string> until_abort(chances with_canary, chances with_live) {
  arms a(7);
  for (std::size_t n = 0; n < 50'000; n += 100) {
    if (const auto why = a.why()) return {n, *why};
    a.run(100, with_canary, with_live);
  }
  return {50'000, ""};
}

TEST(canary_test, what_is_worse_ends_and_says_why) {
  const auto [third, blocks] = until_abort({.blocked = 0.33}, {.blocked = 0.01});
  EXPECT_LE(third, 4000u);
  EXPECT_TRUE(blocks.starts_with("it blocks more: ")) << blocks;
  EXPECT_NE(blocks.find(" % of the exchanges of each of "), std::string::npos) << blocks;
  const auto [lost, less] = until_abort({.blocked = 0.0}, {.blocked = 0.1});
  EXPECT_LE(lost, 20'000u);
  EXPECT_TRUE(less.starts_with("it blocks less: ")) << less;
  const auto [failing, fails] = until_abort({.failed = 0.2}, {});
  EXPECT_LE(failing, 4000u);
  EXPECT_TRUE(fails.starts_with("more fail: ")) << fails;
  const auto [late, slow] = until_abort({.slow = 0.5}, {});
  EXPECT_LE(late, 4000u);
  EXPECT_TRUE(slow.starts_with("more take longer than 64 µs: ")) << slow;
}

// `blocked` users of whom everything is blocked, and others of whom nothing is.
arm_counts counted(std::uint64_t users, std::uint64_t blocked) {
  const auto sum = static_cast<double>(blocked);
  return {.version = {}, .users = users, .blocked = {sum, sum}, .failed = {}};
}

TEST(canary_test, one_user_ends_no_canary_whatever_he_sends) {
  for (const std::uint64_t users : {20, 50, 500}) {
    arm_tally canary, live;
    for (int n = 0; n < 100'000; ++n) canary.see(hashed(0), true, true, 1'000'000);
    for (std::uint64_t user = 1; user < users; ++user) canary.see(hashed(user), false, false, 60);
    for (std::uint64_t user = 0; user < 1000; ++user) live.see(hashed(10'000 + user), false, false, 60);
    EXPECT_EQ(why_abort(canary.counts("canary"), live.counts("live"), {}), std::nullopt) << users;
  }
}

// The figures of docs/rollout.md, "Controller".
TEST(canary_test, enough_accounts_end_one) {
  for (const auto& [users, loud] : {std::pair(20ULL, 17ULL), {50, 29}, {100, 30}, {500, 39}}) {
    EXPECT_TRUE(why_abort(counted(users, loud), counted(9 * users, 0), {})) << loud << " of " << users;
    EXPECT_FALSE(why_abort(counted(users, loud - 1), counted(9 * users, 0), {})) << loud - 1 << " of " << users;
  }
}

TEST(canary_test, few_users_are_no_evidence) {
  EXPECT_FALSE(why_abort(counted(19, 19), counted(1000, 0), {}));
  EXPECT_TRUE(why_abort(counted(20, 20), counted(1000, 0), {}));
  EXPECT_FALSE(why_abort(counted(1000, 1000), counted(19, 0), {}));
}

TEST(arm_tally, weighs_each_user_once) {
  arm_tally tally;
  for (int n = 0; n < 100; ++n) tally.see(1, true, false, 1);
  for (int n = 0; n < 4; ++n) tally.see(2, n == 0, n < 2, n < 3 ? 100 : 1000);
  const auto counts = tally.counts("v");
  EXPECT_EQ(counts.version, "v");
  EXPECT_EQ(counts.users, 2u);
  EXPECT_DOUBLE_EQ(counts.blocked.sum, 1.25);
  EXPECT_DOUBLE_EQ(counts.blocked.squares, 1 + 0.0625);
  EXPECT_DOUBLE_EQ(counts.failed.sum, 0.5);
  EXPECT_DOUBLE_EQ(counts.slower[6].sum, 1) << "all of the second's took longer than 64 µs";
  EXPECT_DOUBLE_EQ(counts.slower[7].sum, 0.25);
  EXPECT_DOUBLE_EQ(counts.slower[10].sum, 0);
}

TEST(arm_tally, of_many_users_a_sample_tells_the_same) {
  arm_tally tally;
  for (std::uint64_t user = 0; user < 50'000; ++user) tally.see(hashed(user), user % 5 == 0, false, 60);
  const auto counts = tally.counts("v");
  EXPECT_LE(counts.users, user_sample::users_max);
  EXPECT_GT(counts.users, user_sample::users_max / 4);
  EXPECT_NEAR(counts.blocked.sum / static_cast<double>(counts.users), 0.2, 0.04);
}

}  // namespace
}  // namespace sluice::rollout
