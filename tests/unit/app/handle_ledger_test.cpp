// The ledger of handles. Goal: a handle is found by its own tenant and dialect alone, the newest word on it counts, memory is bounded.
#include "handle_ledger.hpp"
#include "ledger_bytes.hpp"

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
  all.keep({"acme", "openai", "resp_1"}, begin, {.id = {}, .as = entry("v1", false)});
  all.keep({"acme", "openai", "resp_1"}, begin, {.id = {}, .as = entry("v2")});
  const auto known = all.recall({"acme", "openai", "resp_1"}, begin);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->version, "v2");
  EXPECT_TRUE(known->whole);
  for (const auto& other : {ledger_key{"other", "openai", "resp_1"}, {"", "openai", "resp_1"}, {"acme", "gemini", "resp_1"}, {"acme", "openai", "resp_2"},
                            {"acmeo", "penai", "resp_1"}, {"acme", "openairesp_1", ""}}) {
    EXPECT_EQ(all.recall(other, begin), nullptr);
  }
}

TEST(handle_ledger, forgets_thirty_days_after_the_last_use) {
  handle_ledger all;
  const auto days = [](int n) { return begin + std::chrono::hours(24 * n); };
  all.keep({"t", "openai", "a"}, begin, {.id = {}, .as = entry("v")});
  all.keep({"t", "openai", "b"}, begin, {.id = {}, .as = entry("v")});
  EXPECT_NE(all.recall({"t", "openai", "a"}, days(20)), nullptr);
  EXPECT_NE(all.recall({"t", "openai", "a"}, days(49)), nullptr);
  EXPECT_EQ(all.recall({"t", "openai", "b"}, days(49)), nullptr);
}

TEST(handle_ledger, keeps_an_entry_instead_of_what_was_seen_and_of_nothing_else) {
  handle_ledger all;
  const ledger_key of{"t", "openai", "conv_1"};
  const auto keeps = [&](std::shared_ptr<const proxy::ledger_entry> as, std::shared_ptr<const proxy::ledger_entry> instead_of) {
    return all.keep(of, begin, {.id = {}, .as = std::move(as), .instead_of = std::move(instead_of)});
  };
  const auto seen = entry("v"), mark_of_a = entry("v", false), mark_of_b = entry("v", false);
  EXPECT_FALSE(keeps(mark_of_a, seen)) << "nothing is there";
  EXPECT_EQ(all.size(), 0u);
  EXPECT_TRUE(keeps(seen, nullptr));
  EXPECT_TRUE(keeps(mark_of_a, seen));
  EXPECT_FALSE(keeps(mark_of_b, seen));
  EXPECT_FALSE(keeps(seen, mark_of_b));
  EXPECT_EQ(all.recall(of, begin), mark_of_a);
  EXPECT_TRUE(keeps(seen, mark_of_a));
  EXPECT_EQ(all.recall(of, begin), seen);
}

TEST(handle_ledger, what_was_blocked_stays_so) {
  handle_ledger all;
  auto blocked = std::make_shared<proxy::ledger_entry>();
  blocked->verdict = policy::verdict::block;
  all.keep({"t", "openai", "conv_1"}, begin, {.id = {}, .as = blocked});
  all.keep({"t", "openai", "conv_1"}, begin, {.id = {}, .as = entry("v")});
  EXPECT_EQ(all.recall({"t", "openai", "conv_1"}, begin)->verdict, policy::verdict::block);
}

TEST(handle_ledger, an_entry_comes_back_from_its_bytes_and_damaged_ones_are_none) {
  proxy::ledger_entry made{.version = "v1", .verdict = policy::verdict::edit, .whole = false, .who = {}};
  made.who = {.tenant = "acme", .region = "eu", .tier = "", .user = "a:b", .conversation = "3:c", .route = "r", .model = "m", .tags = {"seen", ""}};
  const auto bytes = to_bytes(made);
  const auto read = entry_from(bytes);
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->version, "v1");
  EXPECT_EQ(read->verdict, policy::verdict::edit);
  EXPECT_FALSE(read->whole);
  EXPECT_EQ(read->who, made.who);
  for (const bool left : {false, true}) {
    made.left = left;
    EXPECT_EQ(entry_from(to_bytes(made))->left, left);
    EXPECT_FALSE(entry_from(to_bytes(made))->whole);
  }
  const auto tags = bytes.find("4:seen");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto part = entry_from(std::string_view(bytes).substr(0, i));
    EXPECT_TRUE(part == nullptr || i == tags || i == tags + 6) << i;
  }
  EXPECT_EQ(entry_from("2" + bytes.substr(1)), nullptr);
}

TEST(handle_ledger, takes_a_bounded_room_and_the_quietest_goes_first) {
  handle_ledger all(1u << 20);
  auto big = std::make_shared<proxy::ledger_entry>();
  big->who.user = std::string(300, 'u');
  for (int i = 0; i < 20'000; ++i) {
    all.keep({"t", "openai", std::to_string(i)}, begin, {.id = {}, .as = big});
    EXPECT_NE(all.recall({"t", "openai", "0"}, begin), nullptr);  // in use, so it stays
  }
  EXPECT_LT(all.size() * (300 + sizeof(proxy::ledger_entry)), 1u << 20);
  EXPECT_GT(all.size(), 500u);
  EXPECT_EQ(all.recall({"t", "openai", "1"}, begin), nullptr);
}

}  // namespace
}  // namespace sluice::app
