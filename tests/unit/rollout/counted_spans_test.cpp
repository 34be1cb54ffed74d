// A chat client sends its history again: what is found there counts once.
#include "sluice/rollout/counted_spans.hpp"

#include <gtest/gtest.h>

namespace sluice::rollout {
namespace {

constexpr std::uint32_t wild = 3;

struct conversation {
  policy::context who = [] {
    policy::context out;
    out.tenant = "acme";
    out.user = "u1";
    out.conversation = "c1";
    return out;
  }();
  std::vector<policy::snapshot::rule_info> infos = [] {
    std::vector<policy::snapshot::rule_info> out(5);
    for (std::size_t i = 0; i < out.size(); ++i) out[i].id = "r" + std::to_string(i);
    return out;
  }();
  counted_spans counted;

  // Which rules are counted of a request in which this one blocks these texts.
  std::vector<std::uint32_t> ask(const std::vector<std::pair<std::string, bool>>& texts, std::uint32_t rule = wild) {
    policy::outcome request;
    if (!texts.empty()) request.verdict = policy::verdict::block, request.blocked_by = {rule};
    for (const auto& [text, last_turn] : texts) {
      request.findings.push_back({.rule = rule, .part = 0, .begin = 0, .end = 1, .action = policy::action::block, .enforced = true, .value = text, .last_turn = last_turn});
    }
    judged_exchange one;
    describe(one, who, "key", "effective", request, {}, infos);
    EXPECT_EQ(one.blocked, !texts.empty());
    counted.keep_new(one);
    EXPECT_EQ(one.blocked, !one.blocked_by.empty());
    return one.blocked_by;
  }
};

using rules = std::vector<std::uint32_t>;

TEST(counted_spans, what_a_conversation_sends_again_counts_once) {
  conversation c;
  EXPECT_EQ(c.ask({{"tax", true}}), rules{wild});
  for (int turn = 0; turn < 20; ++turn) EXPECT_EQ(c.ask({{"tax", false}}), rules{}) << turn;
  EXPECT_EQ(c.ask({{"tax", false}, {"tax", true}}), rules{wild}) << "it is said once more, in the last turn";
  EXPECT_EQ(c.ask({{"tax", false}, {"loan", false}}), rules{wild}) << "another text, that was never counted";
  EXPECT_EQ(c.ask({{"tax", false}, {"loan", false}}), rules{});
  EXPECT_EQ(c.ask({{"tax", false}}, 4), rules{4U}) << "another rule";
  c.counted.forget();
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild});
}

// Workers hand their exchanges on side by side.
TEST(counted_spans, the_same_turn_counts_once_in_whichever_order_it_and_its_history_are_seen) {
  conversation c;
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild});
  EXPECT_EQ(c.ask({{"tax", true}}), rules{}) << "the turn of that history";
  EXPECT_EQ(c.ask({{"tax", false}}), rules{});
  EXPECT_EQ(c.ask({{"tax", true}}), rules{wild}) << "it is said once more";
}

TEST(counted_spans, whoever_asks_once_has_everything_in_his_last_turn) {
  conversation c;
  c.who.conversation.clear();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(c.ask({{"tax", true}}), rules{wild}) << i;
}

TEST(counted_spans, the_first_request_that_is_seen_of_a_conversation_may_have_a_long_history) {
  conversation c;
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild});
  c.who.conversation = "c2";
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild});
  EXPECT_EQ(c.ask({{"tax", false}}), rules{});
  c.who.tenant = "beta";
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild}) << "another tenant's conversation of that name";
  // Where no conversation is known, a user's are one.
  c.who.conversation.clear();
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild});
  EXPECT_EQ(c.ask({{"tax", false}}), rules{});
  c.who.user = "u2";
  EXPECT_EQ(c.ask({{"tax", false}}), rules{wild});
}

TEST(counted_spans, what_blocks_without_a_match_counts_each_time) {
  counted_spans counted;
  for (int i = 0; i < 3; ++i) {
    judged_exchange one{.user = 1, .tenant = 1, .context = 0, .blocked_by = {}, .blocked = true};
    counted.keep_new(one);
    EXPECT_TRUE(one.blocked);
    one.blocked_by = {wild};
    counted.keep_new(one);
    EXPECT_EQ(one.blocked_by, rules{wild});
  }
}

TEST(counted_spans, what_is_sent_again_stays_and_what_is_not_goes) {
  conversation c;
  EXPECT_EQ(c.ask({{"tax", true}}), rules{wild});
  for (std::size_t n = 0; n < 4 * counted_spans::kept_min; ++n) {
    judged_exchange one{.user = 1, .tenant = 1, .context = 0, .blocked_by = {wild}, .blocked = true, .spans = {{wild, n, false}}};
    c.counted.keep_new(one);
    if (n % 1000 == 0) EXPECT_EQ(c.ask({{"tax", false}}), rules{}) << n;
  }
  judged_exchange first{.user = 1, .tenant = 1, .context = 0, .blocked_by = {wild}, .blocked = true, .spans = {{wild, 0, false}}};
  c.counted.keep_new(first);
  EXPECT_TRUE(first.blocked) << "the memory has a bound";
}

}  // namespace
}  // namespace sluice::rollout
