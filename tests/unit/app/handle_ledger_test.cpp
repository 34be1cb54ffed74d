// The ledger of handles. Goal: a handle is found by its own tenant and dialect alone, the newest word on it counts, memory is bounded.
#include "handle_ledger.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

constexpr mono_time begin{std::chrono::hours(1)};

std::shared_ptr<const proxy::ledger_entry> entry(std::string version, bool whole = true) {
  auto made = std::make_shared<proxy::ledger_entry>();
  made->version = std::move(version);
  made->whole = whole;
  return made;
}

TEST(handle_ledger, knows_a_handle_of_the_same_tenant_and_dialect_only) {
  handle_ledger all;
  all.keep({"acme", "openai", "resp_1"}, begin, entry("v1", false));
  all.keep({"acme", "openai", "resp_1"}, begin, entry("v2"));
  const auto known = all.recall({"acme", "openai", "resp_1"}, begin);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->version, "v2");
  EXPECT_TRUE(known->whole);
  for (const auto& other : {proxy::ledger_key{"other", "openai", "resp_1"}, {"", "openai", "resp_1"}, {"acme", "gemini", "resp_1"}, {"acme", "openai", "resp_2"},
                            {"acmeo", "penai", "resp_1"}, {"acme", "openairesp_1", ""}}) {
    EXPECT_EQ(all.recall(other, begin), nullptr);
  }
}

TEST(handle_ledger, forgets_thirty_days_after_the_last_use) {
  handle_ledger all;
  const auto days = [](int n) { return begin + std::chrono::hours(24 * n); };
  all.keep({"t", "openai", "a"}, begin, entry("v"));
  all.keep({"t", "openai", "b"}, begin, entry("v"));
  EXPECT_NE(all.recall({"t", "openai", "a"}, days(20)), nullptr);
  EXPECT_NE(all.recall({"t", "openai", "a"}, days(49)), nullptr);
  EXPECT_EQ(all.recall({"t", "openai", "b"}, days(49)), nullptr);
}

TEST(handle_ledger, takes_a_bounded_room_and_the_quietest_goes_first) {
  handle_ledger all(1u << 20);
  auto big = std::make_shared<proxy::ledger_entry>();
  big->who.user = std::string(300, 'u');
  for (int i = 0; i < 20'000; ++i) {
    all.keep({"t", "openai", std::to_string(i)}, begin, big);
    EXPECT_NE(all.recall({"t", "openai", "0"}, begin), nullptr);  // in use, so it stays
  }
  EXPECT_LT(all.size() * (300 + sizeof(proxy::ledger_entry)), 1u << 20);
  EXPECT_GT(all.size(), 500u);
  EXPECT_EQ(all.recall({"t", "openai", "1"}, begin), nullptr);
}

}  // namespace
}  // namespace sluice::app
