// The wheel against plain deadlines; time is moved by hand, far ahead of the real clock.
#include "sluice/transport/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "sluice/transport/event_loop.hpp"

namespace sluice::transport {
namespace {

struct probe {
  void fire() { ++fired; }
  int fired = 0;
  timer_wheel::entry timer = deadline_of<&probe::fire>(this);
};

// The wheel's ticks count from its making, a moment before `start`: two ticks is what a deadline may be late.
constexpr milliseconds slack = 2 * timer_wheel::tick;

TEST(timer_wheel, fires_once_and_never_early) {
  event_loop loop;
  const auto start = mono_now();
  probe p;
  loop.wheel().arm(p.timer, milliseconds{250});
  EXPECT_TRUE(p.timer.armed());
  loop.wheel().advance(start + milliseconds{249});
  EXPECT_EQ(p.fired, 0);
  loop.wheel().advance(start + milliseconds{250} + slack);
  EXPECT_EQ(p.fired, 1);
  EXPECT_FALSE(p.timer.armed());
  loop.wheel().advance(start + milliseconds{100'000});
  EXPECT_EQ(p.fired, 1);
}

// What was armed behind seconds of work on the same thread has all of its time.
TEST(timer_wheel, counts_from_the_time_that_it_is_told) {
  event_loop loop;
  const auto start = mono_now();
  probe other, p;
  loop.wheel().arm(other.timer, milliseconds{100'000});
  const auto late = start + milliseconds{7'000};
  loop.wheel().arm(p.timer, milliseconds{5'000}, late);
  loop.wheel().advance(late + milliseconds{4'999});
  EXPECT_EQ(p.fired, 0);
  loop.wheel().advance(late + milliseconds{5'000} + slack);
  EXPECT_EQ(p.fired, 1);
}

TEST(timer_wheel, keeps_deadlines_longer_than_one_turn) {
  event_loop loop;
  const auto start = mono_now();
  probe p;
  loop.wheel().arm(p.timer, milliseconds{1'800'000});
  for (int ms = 0; ms < 1'800'000; ms += 5'000) loop.wheel().advance(start + milliseconds{ms});
  EXPECT_EQ(p.fired, 0);
  loop.wheel().advance(start + milliseconds{1'800'000} + slack);
  EXPECT_EQ(p.fired, 1);
}

TEST(timer_wheel, agrees_with_plain_deadlines_under_random_moves) {
  std::mt19937 random(7);
  event_loop loop;
  const auto start = mono_now();
  std::vector<std::unique_ptr<probe>> probes;
  constexpr milliseconds never{-1};
  std::vector<milliseconds> due(200, never);
  std::vector<int> expected(200, 0);
  for (int i = 0; i < 200; ++i) probes.push_back(std::make_unique<probe>());
  milliseconds now{0};
  for (int step = 0; step < 20'000; ++step) {
    const auto i = random() % 200;
    if (random() % 4 == 0) {
      loop.wheel().disarm(probes[i]->timer);
      due[i] = never;
    } else {
      const milliseconds after{1 + random() % (random() % 10 == 0 ? 300'000 : 3'000)};
      loop.wheel().arm(probes[i]->timer, after);
      due[i] = now + after;
    }
    now += milliseconds{random() % 200};
    loop.wheel().advance(start + now);
    for (std::size_t k = 0; k < 200; ++k) {
      if (due[k] == never) continue;
      const bool fired = probes[k]->fired == expected[k] + 1;
      ASSERT_TRUE(fired || probes[k]->fired == expected[k]);
      if (due[k] > now + timer_wheel::tick) ASSERT_FALSE(fired) << "early by " << (due[k] - now).count();
      if (due[k] + slack + timer_wheel::tick <= now) ASSERT_TRUE(fired) << "late by " << (now - due[k]).count();
      if (fired) ++expected[k], due[k] = never;
    }
  }
}

TEST(timer_wheel, lets_a_callback_destroy_its_neighbour_and_arm_itself_again) {
  struct chain {
    void fire() {
      ++fired;
      other.reset();
      wheel->arm(timer, milliseconds{100});
    }
    timer_wheel* wheel = nullptr;
    std::unique_ptr<probe> other;
    int fired = 0;
    timer_wheel::entry timer = deadline_of<&chain::fire>(this);
  };
  event_loop loop;
  const auto start = mono_now();
  chain c;
  c.wheel = &loop.wheel();
  c.other = std::make_unique<probe>();
  loop.wheel().arm(c.timer, milliseconds{100});
  loop.wheel().arm(c.other->timer, milliseconds{100});
  loop.wheel().advance(start + milliseconds{1000});
  EXPECT_EQ(c.other, nullptr);
  EXPECT_GE(c.fired, 3);
  EXPECT_EQ(loop.wheel().linked(), 1u);
}

TEST(timer_wheel, is_moved_by_its_own_ticker) {
  event_loop loop;
  probe p;
  const auto start = mono_now();
  loop.wheel().arm(p.timer, milliseconds{150});
  loop.io().run();  // ends by itself: an empty wheel has no ticker
  EXPECT_EQ(p.fired, 1);
  EXPECT_GE(mono_now() - start, milliseconds{150});
  EXPECT_LT(mono_now() - start, seconds{5});
}

}  // namespace
}  // namespace sluice::transport
