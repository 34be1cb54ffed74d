// What a node remembers of conversations. Goal: tags stay while a conversation goes on, tenants never see each other's, memory is bounded.
#include "conversation_tags.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::app {
namespace {

using strings = std::vector<std::string>;
constexpr mono_time begin{std::chrono::hours(1)};

strings known(conversation_tags& in, std::string_view tenant, std::string_view conversation, mono_time now = begin) {
  strings out;
  in.recall(tenant, conversation, now, out);
  return out;
}

TEST(conversation_tags, are_kept_by_tenant_and_conversation) {
  conversation_tags all;
  all.keep("acme", "c1", begin, {"a"});
  all.keep("acme", "c1", begin, {"b", "a"});
  EXPECT_EQ(known(all, "acme", "c1"), (strings{"a", "b"}));
  EXPECT_TRUE(known(all, "other", "c1").empty());
  EXPECT_TRUE(known(all, "acme", "c2").empty());
  // Names that read alike when put together are two.
  all.keep("ab", "c", begin, {"x"});
  EXPECT_TRUE(known(all, "a", "bc").empty());
  strings had{"b", "z"};
  all.recall("acme", "c1", begin, had);
  EXPECT_EQ(had, (strings{"b", "z", "a"}));
}

TEST(conversation_tags, are_forgotten_a_day_after_the_last_exchange) {
  conversation_tags all;
  all.keep("t", "c", begin, {"a"});
  EXPECT_FALSE(known(all, "t", "c", begin + std::chrono::hours(23)).empty());
  EXPECT_FALSE(known(all, "t", "c", begin + std::chrono::hours(46)).empty());
  EXPECT_TRUE(known(all, "t", "c", begin + std::chrono::hours(71)).empty());
  EXPECT_EQ(all.size(), 0u);
}

TEST(conversation_tags, take_a_bounded_room_and_the_quietest_goes_first) {
  conversation_tags all(1u << 20);
  for (int i = 0; i < 100'000; ++i) {
    all.keep("t", std::to_string(i), begin, {"a", "b"});
    EXPECT_EQ(known(all, "t", "0").empty(), false);  // in use, so it stays
  }
  EXPECT_LT(all.size(), 5'000u);
  EXPECT_GT(all.size(), 1'000u);
  EXPECT_FALSE(known(all, "t", "99999").empty());
  EXPECT_TRUE(known(all, "t", "1").empty());
  strings many;
  for (int i = 0; i < 1000; ++i) many.push_back("t" + std::to_string(i));
  all.keep("t", "many", begin, many);
  EXPECT_EQ(known(all, "t", "many").size(), conversation_tags::tags_max);
}

TEST(conversation_tags, are_shared_by_threads) {
  conversation_tags all;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&all, t] {
      for (int i = 0; i < 2000; ++i) {
        all.keep("t", std::to_string(i % 50), begin, {"tag" + std::to_string(t)});
        (void)known(all, "t", std::to_string(i % 50));
      }
    });
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(all.size(), 50u);
  EXPECT_EQ(known(all, "t", "7").size(), 4u);
}

}  // namespace
}  // namespace sluice::app
