// The wheel against an oracle of plain deadlines, with time handed in.
#include "sluice/transport/timer_wheel.hpp"

#include <memory>
#include <random>
#include <vector>

namespace sluice::transport {
namespace {

struct probe {
  int fired = 0;
  wheel_timer timer{[](void* self) { ++static_cast<probe*>(self)->fired; }, this};
};

TEST(timer_wheel, fires_once_and_never_early) {
  const mono_time zero{};
  timer_wheel wheel(zero);
  probe p;
  wheel.arm(p.timer, zero, milliseconds{250});
  wheel.advance(zero + milliseconds{249});
  EXPECT_EQ(p.fired, 0);
  wheel.advance(zero + milliseconds{350});
  EXPECT_EQ(p.fired, 1);
  wheel.advance(zero + milliseconds{10'000});
  EXPECT_EQ(p.fired, 1);
  EXPECT_FALSE(p.timer.armed());
}

TEST(timer_wheel, keeps_deadlines_longer_than_one_turn) {
  const mono_time zero{};
  timer_wheel wheel(zero);
  probe p;
  wheel.arm(p.timer, zero, milliseconds{1'800'000});
  for (int ms = 0; ms < 1'800'000; ms += 5'000) wheel.advance(zero + milliseconds{ms});
  EXPECT_EQ(p.fired, 0);
  wheel.advance(zero + milliseconds{1'800'100});
  EXPECT_EQ(p.fired, 1);
}

TEST(timer_wheel, agrees_with_plain_deadlines_under_random_moves) {
  std::mt19937 random(7);
  const mono_time zero{};
  timer_wheel wheel(zero);
  std::vector<std::unique_ptr<probe>> probes;
  std::vector<milliseconds> due(200, milliseconds{-1});
  std::vector<int> expected(200, 0);
  for (int i = 0; i < 200; ++i) probes.push_back(std::make_unique<probe>());
  milliseconds now{0};
  for (int step = 0; step < 20'000; ++step) {
    const auto i = random() % 200;
    if (random() % 4 == 0) {
      probes[i]->timer.disarm();
      due[i] = milliseconds{-1};
    } else {
      const milliseconds after{1 + random() % (random() % 10 == 0 ? 300'000 : 3'000)};
      wheel.arm(probes[i]->timer, zero + now, after);
      due[i] = now + after;
    }
    now += milliseconds{random() % 200};
    wheel.advance(zero + now);
    for (std::size_t k = 0; k < 200; ++k) {
      // What fell due a tick ago must have fired; what is not due must not.
      if (due[k].count() >= 0 && due[k] + milliseconds{100} <= now) {
        ++expected[k];
        ASSERT_EQ(probes[k]->fired, expected[k]);
        due[k] = milliseconds{-1};
      } else if (due[k].count() >= 0 && due[k] > now) {
        ASSERT_EQ(probes[k]->fired, expected[k]);
      } else if (due[k].count() >= 0 && probes[k]->fired == expected[k] + 1) {
        ++expected[k];
        due[k] = milliseconds{-1};
      }
    }
  }
}

TEST(timer_wheel, lets_a_callback_destroy_its_neighbour) {
  struct pair {
    std::unique_ptr<probe> other;
    wheel_timer timer{[](void* self) { static_cast<pair*>(self)->other.reset(); }, this};
  };
  const mono_time zero{};
  timer_wheel wheel(zero);
  pair p;
  p.other = std::make_unique<probe>();
  wheel.arm(p.other->timer, zero, milliseconds{100});
  wheel.arm(p.timer, zero, milliseconds{100});  // first in the slot's list
  wheel.advance(zero + milliseconds{200});
  EXPECT_EQ(p.other, nullptr);
  EXPECT_EQ(wheel.armed(), 0u);
}

}  // namespace
}  // namespace sluice::transport
