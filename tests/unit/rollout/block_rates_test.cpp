// When the breaker acts, and when it must not: traffic of many users on a clock that the test moves.
#include "sluice/rollout/block_rates.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice::rollout {
namespace {

constexpr std::uint32_t narrow = 0, wild = 1, guarded = 2;

std::vector<watched_rule> three_rules(double limit) {
  return {{.id = "narrow", .band = {.limit = limit}}, {.id = "wild", .band = {.limit = limit}}, {.id = "guarded", .band = {.limit = limit}, .never_demote = true}};
}

class traffic {
 public:
  explicit traffic(policy::breaker_terms terms = {}, std::function<bool(std::uint64_t, std::uint32_t)> applies = [](std::uint64_t, std::uint32_t) { return true; }, double limit = 0.1)
      : rates(three_rules(limit), terms, {.limit = terms.version}, std::move(applies)) {}

  static std::uint64_t hashed(std::uint64_t n) {
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
    n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
    return n ^ (n >> 31);
  }
  void ask(std::uint64_t user, std::vector<std::uint32_t> blocked_by = {}, std::uint64_t tenant = 1, std::uint64_t context = 0) {
    rates.see({.user = hashed(user), .tenant = tenant, .context = context, .blocked_by = blocked_by, .blocked = !blocked_by.empty()}, at);
  }
  std::vector<std::string> demoted() {
    std::vector<std::string> out;
    for (const auto& trip : rates.look(at)) out.insert(out.end(), trip.rules.begin(), trip.rules.end());
    return out;
  }
  block_rates rates;
  mono_time at{seconds(1000)};
};

using names = std::vector<std::string>;

TEST(block_rates, a_rule_that_blocks_a_third_of_users_is_demoted_within_the_short_window) {
  traffic t;
  seconds until{-1};
  for (int s = 0; s < 60 && until.count() < 0; ++s, t.at += seconds(1)) {
    for (std::uint64_t i = 0; i < 10; ++i) {
      const auto user = static_cast<std::uint64_t>(s) * 10 + i;
      t.ask(user, user % 3 == 0 ? std::vector{wild} : std::vector<std::uint32_t>{});
    }
    if (t.demoted() == names{"wild"}) until = seconds(s);
  }
  ASSERT_GE(until.count(), 0);
  EXPECT_LT(until.count(), 30);
}

TEST(block_rates, a_rule_within_its_limit_stays_for_hours_of_traffic) {
  traffic t;
  for (int s = 0; s < 3 * 3600; ++s, t.at += seconds(1)) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto user = static_cast<std::uint64_t>(s % 500) * 4 + i;
      t.ask(user, traffic::hashed(static_cast<std::uint64_t>(s) * 4 + i) % 100 < 5 ? std::vector{narrow} : std::vector<std::uint32_t>{});
    }
    ASSERT_EQ(t.demoted(), names{}) << s;
  }
}

TEST(block_rates, one_user_who_sends_what_is_blocked_demotes_nothing) {
  traffic t;
  for (int s = 0; s < 600; ++s, t.at += seconds(1)) {
    for (int i = 0; i < 50; ++i) t.ask(7, {wild});
    for (std::uint64_t i = 0; i < 30; ++i) t.ask(100 + i);
    ASSERT_EQ(t.demoted(), names{}) << s;
  }
}

TEST(block_rates, one_tenants_users_together_demote_nothing_for_the_others) {
  traffic t;
  for (int s = 0; s < 600; ++s, t.at += seconds(1)) {
    for (std::uint64_t i = 0; i < 60; ++i) t.ask(1000 + i, {wild}, 66);
    for (std::uint64_t i = 0; i < 60; ++i) t.ask(i, {}, 1 + i % 3);
    ASSERT_EQ(t.demoted(), names{}) << s;
  }
}

TEST(block_rates, a_few_accounts_elsewhere_speak_for_no_other_tenant) {
  for (const std::uint64_t elsewhere : {1U, 4U}) {
    traffic t;
    for (std::uint64_t i = 0; i < 25; ++i) t.ask(1000 + i, {wild}, 66);
    for (std::uint64_t i = 0; i < elsewhere; ++i) t.ask(i, {wild}, 7);
    for (std::uint64_t i = 0; i < 8; ++i) t.ask(100 + i, {}, 7);
    EXPECT_EQ(t.demoted(), names{}) << elsewhere;
  }
  traffic t;
  for (std::uint64_t i = 0; i < 25; ++i) t.ask(1000 + i, {wild}, 66);
  for (std::uint64_t i = 0; i < 25; ++i) t.ask(i, {wild}, 7);
  EXPECT_EQ(t.demoted(), names{"wild"}) << "as many as would trip it there are evidence";
  // A rule that blocks one tenant's users always and a quarter of the others is wild.
  traffic uneven;
  for (std::uint64_t i = 0; i < 30; ++i) uneven.ask(1000 + i, {wild}, 66);
  for (std::uint64_t i = 0; i < 60; ++i) uneven.ask(i, i % 4 == 0 ? std::vector{wild} : std::vector<std::uint32_t>{}, 1 + i % 2);
  EXPECT_EQ(uneven.demoted(), names{"wild"});
}

TEST(block_rates, less_than_the_minimum_of_users_is_no_evidence) {
  traffic t;
  for (std::uint64_t user = 0; user < 19; ++user) t.ask(user, {wild});
  EXPECT_EQ(t.demoted(), names{});
  t.ask(19, {wild});
  EXPECT_EQ(t.demoted(), names{"wild"});
}

// The figures of docs/rollout.md, "Where there is one tenant".
TEST(block_rates, where_there_is_one_tenant_enough_accounts_trip_the_default_limit) {
  double limit = 0;
  const auto trips = [&](std::uint64_t accounts, std::uint64_t others) {
    traffic t({}, [](std::uint64_t, std::uint32_t) { return true; }, limit);
    for (std::uint64_t i = 0; i < accounts; ++i) t.ask(10'000 + i, {wild});
    for (std::uint64_t i = 0; i < others; ++i) t.ask(i);
    return t.demoted() == names{"wild"};
  };
  using row = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  for (const auto& [at, rows] : {std::pair(0.1, row{{20, 0}, {18, 50}, {88, 500}}), {0.05, row{{20, 0}, {12, 50}, {49, 500}}}, {0.02, row{{20, 0}, {8, 50}, {25, 500}}}}) {
    limit = at;
    for (const auto& [accounts, others] : rows) {
      EXPECT_TRUE(trips(accounts, others)) << accounts << " beside " << others << " at " << limit;
      EXPECT_FALSE(trips(accounts - 1, others)) << accounts - 1 << " beside " << others << " at " << limit;
    }
  }
}

TEST(block_rates, a_guarded_rule_is_told_of_and_not_demoted) {
  traffic t;
  for (std::uint64_t user = 0; user < 50; ++user) t.ask(user, {guarded});
  const auto trips = t.rates.look(t.at);
  ASSERT_EQ(trips.size(), 1u);
  EXPECT_EQ(trips[0].rules, names{});
  EXPECT_TRUE(told(trips[0]).starts_with("rule guarded blocked 100")) << told(trips[0]);
  EXPECT_TRUE(t.rates.look(t.at).empty()) << "once a window";
}

TEST(block_rates, only_users_whom_the_rule_concerns_count) {
  traffic t({}, [](std::uint64_t context, std::uint32_t rule) { return rule != wild || context == 9; });
  for (std::uint64_t user = 0; user < 2000; ++user) t.ask(user);
  for (std::uint64_t user = 5000; user < 5040; ++user) t.ask(user, {wild}, 1, 9);
  EXPECT_EQ(t.demoted(), names{"wild"}) << "all of the 40 users who meet it are blocked, whatever the 2,000 others do";
}

TEST(block_rates, rules_that_are_each_within_their_limit_trip_together_as_the_version) {
  std::vector<watched_rule> many;
  for (int i = 0; i < 8; ++i) many.push_back({.id = "r" + std::to_string(i), .band = {.limit = 0.1}});
  block_rates rates(many, {}, {.limit = 0.3}, [](std::uint64_t, std::uint32_t) { return true; });
  const mono_time at{seconds(5)};
  for (std::uint64_t user = 0; user < 400; ++user) {
    const bool blocked = user % 20 < 10;
    rates.see({.user = traffic::hashed(user), .tenant = 1, .context = 0, .blocked_by = blocked ? std::vector{static_cast<std::uint32_t>(user % 20 % 8)} : std::vector<std::uint32_t>{}, .blocked = blocked}, at);
  }
  const auto trips = rates.look(at);
  ASSERT_EQ(trips.size(), 1u);
  EXPECT_EQ(trips[0].what, "the version");
  EXPECT_EQ(trips[0].rules.size(), 8u);
}

TEST(block_rates, what_only_a_guarded_rule_blocks_is_not_held_against_the_version) {
  traffic t;
  for (std::uint64_t user = 0; user < 300; ++user) t.ask(user, user % 2 == 0 ? std::vector{guarded} : user % 50 == 1 ? std::vector{narrow} : std::vector<std::uint32_t>{});
  EXPECT_EQ(t.demoted(), names{}) << "an attack that the guarded rule stops takes no other rule away";
}

TEST(block_rates, what_one_wild_rule_blocked_is_not_held_against_the_others) {
  traffic t;
  names all;
  for (int s = 0; s < 400; ++s, t.at += seconds(1)) {
    for (std::uint64_t i = 0; i < 20; ++i) {
      const auto user = static_cast<std::uint64_t>(s) * 20 + i;
      const bool still_there = s < 60;  // a node that is slow to follow
      t.ask(user, user % 50 == 0 ? std::vector{narrow} : still_there && user % 2 == 0 ? std::vector{wild} : std::vector<std::uint32_t>{});
    }
    for (const auto& rule : t.demoted()) all.push_back(rule);
  }
  EXPECT_EQ(all, names{"wild"});
}

TEST(block_rates, a_rule_that_was_armed_again_is_judged_by_what_comes) {
  traffic t;
  for (std::uint64_t user = 0; user < 40; ++user) t.ask(user, {wild});
  EXPECT_EQ(t.demoted(), names{"wild"});
  t.rates.rearm("wild");
  EXPECT_EQ(t.demoted(), names{});
  for (std::uint64_t user = 0; user < 40; ++user) t.ask(user, {wild});
  EXPECT_EQ(t.demoted(), names{"wild"});
}

TEST(block_rates, of_more_users_than_are_followed_a_sample_tells_the_same) {
  traffic t;
  for (std::uint64_t user = 0; user < 100'000; ++user) t.ask(user, user % 5 == 0 ? std::vector{wild} : std::vector<std::uint32_t>{});
  const auto trips = t.rates.look(t.at);
  ASSERT_EQ(trips.size(), 1u);
  EXPECT_LE(trips[0].users, user_sample::users_max);
  EXPECT_NEAR(trips[0].rate, 0.2, 0.05);
}

// Each rule that is looked at costs a pass over all that was seen, so that whoever trips hundreds of rules at once must not make it hundreds of passes.
TEST(block_rates, a_few_users_who_trip_many_rules_cost_no_more_than_those_who_trip_one) {
  constexpr std::uint32_t many = 200;
  const auto look = [](std::uint32_t tripped) {
    std::vector<watched_rule> rules;
    for (std::uint32_t i = 0; i < many; ++i) rules.push_back({.id = "r" + std::to_string(i), .band = {.limit = 0.1}});
    block_rates rates(rules, {}, {.limit = 0.3}, [](std::uint64_t, std::uint32_t) { return true; });
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < tripped; ++i) all.push_back(i);
    mono_time at{seconds(5)};
    for (int slice = 0; slice < 60; ++slice, at += seconds(5)) {
      for (std::uint64_t user = 0; user < 3000; ++user) rates.see({.user = traffic::hashed(user), .tenant = 1, .context = user % 50, .blocked_by = user < 20 ? all : std::vector<std::uint32_t>{}, .blocked = user < 20}, at);
    }
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(rates.look(at).empty());
    return std::chrono::steady_clock::now() - begin;
  };
  const auto one = std::min(look(1), look(1)), all = look(many);
  EXPECT_LT(all, 20 * one) << std::chrono::duration<double>(all).count() << " s, and " << std::chrono::duration<double>(one).count() << " s of one rule";
}

// A crowd must not blind the breaker for those who stay when it has gone.
TEST(block_rates, after_a_crowd_all_users_are_followed_again) {
  traffic t;
  for (std::uint64_t user = 0; user < 300'000; ++user) t.ask(user);
  EXPECT_EQ(t.demoted(), names{});
  EXPECT_LE(t.rates.users(), user_sample::users_max);
  EXPECT_GT(t.rates.users(), user_sample::users_max / 4);
  const auto quiet = [&] {
    for (int s = 0; s < 360; ++s, t.at += seconds(1)) {
      for (std::uint64_t user = 0; user < 40; ++user) t.ask(1'000'000 + user);
      EXPECT_EQ(t.demoted(), names{}) << s;
    }
  };
  quiet();
  EXPECT_EQ(t.rates.users(), 40u);
  for (std::uint64_t user = 0; user < 40; ++user) t.ask(1'000'000 + user, {wild});
  EXPECT_EQ(t.demoted(), names{}) << "within the short window they were also let pass";
  t.at += block_rates::long_window + seconds(60);
  for (std::uint64_t user = 0; user < 40; ++user) t.ask(1'000'000 + user, {wild});
  EXPECT_EQ(t.demoted(), names{"wild"});
}

TEST(block_rates, what_is_judged_anew_is_judged_by_all_users) {
  traffic t;
  for (std::uint64_t user = 0; user < 300'000; ++user) t.ask(user, user % 3 == 0 ? std::vector{wild} : std::vector<std::uint32_t>{});
  EXPECT_EQ(t.demoted(), names{"wild"});
  for (std::uint64_t user = 0; user < 40; ++user) t.ask(1'000'000 + user, {narrow});
  EXPECT_EQ(t.demoted(), names{"narrow"});
}

}  // namespace
}  // namespace sluice::rollout
