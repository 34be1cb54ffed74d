// A share of a processor, on a clock that the test moves.
#include "sluice/rollout/cpu_budget.hpp"

#include <gtest/gtest.h>

namespace sluice::rollout {
namespace {

TEST(cpu_budget, lets_through_its_share_and_no_more) {
  mono_time t{seconds(100)};
  cpu_budget budget(25, milliseconds(1000), t);
  microseconds used{0};
  for (int i = 0; i < 1'000'000; ++i, t += microseconds(100)) {  // a hundred seconds
    budget.refill(t);
    if (!budget.open()) continue;
    budget.spend(microseconds(70), t);
    used += microseconds(70);
  }
  EXPECT_NEAR(static_cast<double>(used.count()), 25e6, 0.3e6);
}

TEST(cpu_budget, keeps_of_unused_time_one_burst) {
  mono_time t{seconds(100)};
  cpu_budget budget(10, milliseconds(1000), t);
  t += seconds(3600);
  budget.refill(t);
  budget.spend(milliseconds(99), t);
  EXPECT_TRUE(budget.open());
  budget.spend(milliseconds(2), t);
  EXPECT_FALSE(budget.open()) << "a second at 10 % is 100 ms, however long nothing was done";
  budget.refill(t + milliseconds(5));
  EXPECT_FALSE(budget.open());
  budget.refill(t + milliseconds(11));
  EXPECT_TRUE(budget.open());
}

TEST(cpu_budget, small_steps_of_the_clock_are_not_lost) {
  mono_time t{seconds(100)};
  cpu_budget budget(1, milliseconds(1000), t);
  budget.spend(milliseconds(20), t);
  for (int i = 0; i < 1'100'000; ++i) budget.refill(t += microseconds(1));
  EXPECT_TRUE(budget.open()) << "11 ms came back, one microsecond at a time, and 10 were owed";
}

}  // namespace
}  // namespace sluice::rollout
