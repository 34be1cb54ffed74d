// Checkpoints on their way to a real Redis: all of them in their order, those that waited for it, and of too many the newest.
#include "sluice/store/checkpoint_stream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "redis_server.hpp"
#include "ring_layout.hpp"

namespace sluice::store {
namespace {

using namespace testing;

bool within_twenty_seconds(const std::function<bool()>& holds) {
  for (const auto end = mono_now() + seconds(20); mono_now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return holds();
}

kept_checkpoints kept_in(const redis_server& redis) { return read_checkpoints(redis.endpoint(), "test", seconds(5)).value(); }

TEST(checkpoint_stream, has_what_was_sent_in_its_order_and_the_last_one_of_a_stop) {
  SLUICE_NEEDS_REDIS();
  const redis_server redis;
  EXPECT_TRUE(kept_in(redis).entries.empty());
  constexpr std::size_t many = 2500;  // more than a page
  {
    checkpoint_sender to(redis.endpoint(), "test", [](const std::string&, const std::string& message) { ADD_FAILURE() << message; });
    to.set_reachable(true);
    for (std::size_t i = 0; i < many - 1; ++i) {
      to.add("line " + std::to_string(i));
      if (i % 500 == 0) ASSERT_TRUE(within_twenty_seconds([&] { return to.stats().waiting == 0; }));
    }
    to.add("line " + std::to_string(many - 1));
    EXPECT_EQ(to.stats().skipped, 0u);
  }
  const auto kept = kept_in(redis);
  EXPECT_EQ(kept.stream, "{sluice:test}:checkpoints");
  ASSERT_EQ(kept.entries.size(), many);
  for (std::size_t i = 0; i < many; ++i) ASSERT_EQ(kept.entries[i].line, "line " + std::to_string(i));
  EXPECT_EQ(kept.added, many);
  redis.run({"XTRIM", kept.stream, "MAXLEN", "10"});
  EXPECT_EQ(kept_in(redis).entries.size(), 10u);
  EXPECT_EQ(kept_in(redis).added, many) << "what was removed is missed";
}

TEST(checkpoint_stream, gets_the_newest_of_those_that_waited_for_it) {
  SLUICE_NEEDS_REDIS();
  redis_server redis;
  redis.kill();
  std::atomic<int> warned{0}, told{0};
  checkpoint_sender to(redis.endpoint(), "test", [&](const std::string& level, const std::string&) { ++(level == "warn" ? warned : told); });
  to.set_reachable(true);
  constexpr std::size_t extra = 5;
  for (std::size_t i = 0; i < checkpoint_sender::waiting_max + extra; ++i) to.add("line " + std::to_string(i));
  EXPECT_EQ(to.stats().waiting, checkpoint_sender::waiting_max);
  EXPECT_EQ(to.stats().skipped, extra);
  EXPECT_TRUE(within_twenty_seconds([&] { return warned.load() == 1; }));
  redis.start();
  ASSERT_TRUE(within_twenty_seconds([&] { return to.stats().waiting == 0; }));
  EXPECT_EQ(to.stats().sent, checkpoint_sender::waiting_max);
  EXPECT_EQ(told.load(), 1);
  const auto kept = kept_in(redis);
  EXPECT_EQ(kept.entries.front().line, "line " + std::to_string(extra));
  EXPECT_EQ(kept.entries.back().line, "line " + std::to_string(checkpoint_sender::waiting_max + extra - 1));
}

TEST(checkpoint_stream, is_left_alone_until_the_source_reaches_redis_and_has_the_last_ones_all_the_same) {
  SLUICE_NEEDS_REDIS();
  const redis_server redis;
  {
    checkpoint_sender to(redis.endpoint(), "test", [](const std::string&, const std::string&) {});
    to.add("first");
    std::this_thread::sleep_for(milliseconds(50));  // no event tells that nothing is tried
    EXPECT_EQ(to.stats().waiting, 1u);
    to.set_reachable(true);
    ASSERT_TRUE(within_twenty_seconds([&] { return to.stats().sent == 1; }));
    to.set_reachable(false);
    to.add("last");
  }
  EXPECT_EQ(kept_in(redis).entries.back().line, "last");
}

TEST(checkpoint_stream, of_a_redis_that_is_away_keeps_nobody_from_ending) {
  SLUICE_NEEDS_REDIS();
  redis_server redis;
  redis.kill();
  const auto begin = mono_now();
  {
    checkpoint_sender to(redis.endpoint(), "test", [](const std::string&, const std::string&) {});
    to.set_reachable(true);
    to.add("line");
  }
  EXPECT_LT(mono_now() - begin, seconds(6));
  EXPECT_FALSE(read_checkpoints(redis.endpoint(), "test", seconds(1)));
}

}  // namespace
}  // namespace sluice::store
