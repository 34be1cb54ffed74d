// The comparison of a canary with what is live: how often it errs when looked at all the time, and how soon it sees what is there.
#include "sluice/rollout/canary_test.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::rollout {
namespace {

struct arms {
  arm_counts canary, live;
  std::mt19937_64 dice;
  explicit arms(std::uint64_t seed) : dice(seed) {}
  void run(std::size_t exchanges, double canary_share, double blocks, double others_block, double fails = 0.001, double others_fail = 0.001, double slow = 0.01, double others_slow = 0.01) {
    std::uniform_real_distribution<double> u;
    for (std::size_t i = 0; i < exchanges; ++i) {
      const bool mine = u(dice) < canary_share;
      auto& to = mine ? canary : live;
      ++to.exchanges;
      to.blocked += u(dice) < (mine ? blocks : others_block) ? 1 : 0;
      to.failed += u(dice) < (mine ? fails : others_fail) ? 1 : 0;
      ++to.added[u(dice) < (mine ? slow : others_slow) ? 12 : 6];
    }
  }
};

TEST(canary_test, an_equal_canary_is_not_aborted_however_often_one_looks) {
  int aborted = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    arms a(seed);
    for (int look = 0; look < 100; ++look) {
      a.run(200, 0.1, 0.05, 0.05);
      if (why_abort(a.canary, a.live, {})) {
        ++aborted;
        break;
      }
    }
  }
  EXPECT_LE(aborted, 2) << "of 300, each looked at 100 times; the stated error is 1 in 1,000";
}

TEST(canary_test, a_difference_at_the_margin_is_within_the_stated_error) {
  int aborted = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    arms a(seed);
    bool ended = false;
    for (int look = 0; look < 100 && !ended; ++look) {
      a.run(200, 0.2, 0.07, 0.05);
      ended = why_abort(a.canary, a.live, {}).has_value();
    }
    aborted += ended ? 1 : 0;
  }
  EXPECT_LE(aborted, 2);
}

// The exchanges until the abort, and what it says.
std::pair<std::size_t, std::string> until_abort(double blocks, double others_block, double fails, double slow) {
  arms a(7);
  for (std::size_t n = 0; n < 100'000; n += 100) {
    if (const auto why = why_abort(a.canary, a.live, {})) return {n, *why};
    a.run(100, 0.1, blocks, others_block, fails, 0.001, slow, 0.01);
  }
  return {100'000, ""};
}

TEST(canary_test, what_is_worse_ends_and_says_why) {
  const auto [third, blocks] = until_abort(0.33, 0.01, 0.001, 0.01);
  EXPECT_LE(third, 4000u);
  EXPECT_TRUE(blocks.starts_with("it blocks more: ")) << blocks;
  const auto [lost, less] = until_abort(0.0, 0.1, 0.001, 0.01);
  EXPECT_LE(lost, 20'000u);
  EXPECT_TRUE(less.starts_with("it blocks less: ")) << less;
  const auto [failing, fails] = until_abort(0.01, 0.01, 0.2, 0.01);
  EXPECT_LE(failing, 4000u);
  EXPECT_TRUE(fails.starts_with("more fail: ")) << fails;
  const auto [late, slow] = until_abort(0.01, 0.01, 0.001, 0.5);
  EXPECT_LE(late, 4000u);
  EXPECT_TRUE(slow.starts_with("more take longer than ")) << slow;
}

TEST(canary_test, little_traffic_is_no_evidence) {
  arm_counts canary{.version = {}, .exchanges = 199, .blocked = 199, .failed = 0, .added = {}}, live{.version = {}, .exchanges = 10'000, .blocked = 0, .failed = 0, .added = {}};
  canary.added[1] = 199;
  live.added[1] = 10'000;
  EXPECT_FALSE(why_abort(canary, live, {}));
  ++canary.exchanges;
  EXPECT_TRUE(why_abort(canary, live, {}));
}

}  // namespace
}  // namespace sluice::rollout
