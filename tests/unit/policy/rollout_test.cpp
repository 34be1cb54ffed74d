// What differs by who asks: a rule enforced for a share of conversations, a redaction's hash, a block's message in the reader's language.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

std::shared_ptr<const snapshot> with_share(const std::string& rollout) {
  const auto made = testing::built(testing::one_policy(
      "  - id: r\n    direction: both\n    match: {keywords: [needle]}\n    action: {type: redact, mask: \"[R]\"}\n" + rollout +
      "    tests:\n      - {name: hit, request: a needle, expect: {rules: [r], text: \"a [R]\"}}\n      - {name: miss, request: hay, expect: {rules: []}}\n"));
  EXPECT_NE(made.snapshot, nullptr) << to_text(made.found);
  return made.snapshot;
}

context of_talk(const std::string& talk, const std::string& n = {}) {
  context who;
  who.tenant = "t" + n;
  who.user = n.empty() ? "" : "u" + n;
  who.conversation = talk;
  return who;
}

struct seen {
  bool enforced;
  std::string text;
};

seen whole(const snapshot& with, const context& who, scratch& working, std::string_view caller = {}) {
  const text_part part{.text = "a needle here"};
  const auto out = evaluate(with.rules_for(who), {&part, 1}, {.direction = direction::request, .who = &who, .caller = caller}, working);
  EXPECT_EQ(out.findings.size(), 1u);
  EXPECT_EQ(out.shadow_verdict, verdict::edit);
  EXPECT_EQ(out.findings[0].enforced, !out.edits.empty());
  return {out.findings[0].enforced, out.edits.empty() ? "a needle here" : "a [R] here"};
}

seen streamed(const std::shared_ptr<const snapshot>& with, const context& who, scratch& working) {
  stream_evaluator e(with, with->rules_for(who), {.direction = direction::response, .who = &who}, working);
  const auto channel = e.open(role::assistant, part_kind::text, true);
  std::string out;
  for (const char c : std::string_view("a needle here")) {
    const auto fed = out.size() + e.held_bytes(channel) + 1;
    (void)e.feed(channel, std::string_view(&c, 1), out);
    if (!may_change(with->rules_for(who), {.direction = direction::response, .who = &who}, role::assistant, part_kind::text)) {
      EXPECT_EQ(out.size(), fed) << "a rule outside of its rollout holds text";
    }
  }
  (void)e.finish(channel, out);
  return {e.result().findings.at(0).enforced, out};
}

TEST(rollout, takes_its_share_of_conversations_and_the_others_see_the_rule_in_shadow) {
  scratch working;
  const auto tenth = with_share("    rollout: {percentage: 10}\n"), third = with_share("    rollout: {percentage: 30}\n");
  int in_tenth = 0, in_third = 0;
  constexpr int conversations = 5000;
  for (int i = 0; i < conversations; ++i) {
    const auto who = of_talk("c" + std::to_string(i));
    const auto first = whole(*tenth, who, working);
    EXPECT_EQ(first.text, first.enforced ? "a [R] here" : "a needle here");
    const auto answer = streamed(tenth, who, working);
    EXPECT_EQ(answer.enforced, first.enforced) << "one conversation, one choice";
    EXPECT_EQ(answer.text, first.text);
    const auto more = whole(*third, who, working).enforced;
    EXPECT_TRUE(more || !first.enforced) << "a larger share holds the smaller";
    in_tenth += first.enforced ? 1 : 0;
    in_third += more ? 1 : 0;
  }
  EXPECT_NEAR(in_tenth, conversations / 10, 110);  // five standard deviations
  EXPECT_NEAR(in_third, conversations * 3 / 10, 165);
}

TEST(rollout, is_sticky_by_what_it_names_and_by_the_caller_when_nothing_else_is_known) {
  scratch working;
  const auto by_user = with_share("    rollout: {percentage: 50, by: user_id}\n"), by_tenant = with_share("    rollout: {percentage: 50, by: tenant}\n"),
             by_talk = with_share("    rollout: {percentage: 50}\n");
  int differ = 0;
  for (int i = 0; i < 200; ++i) {
    const auto n = std::to_string(i);
    const auto of = [&](const auto& with, const std::string& talk, std::string_view caller) {
      return whole(*with, of_talk(talk, n), working, caller).enforced;
    };
    EXPECT_EQ(of(by_user, "a", "x"), of(by_user, "b", "y"));
    EXPECT_EQ(of(by_tenant, "a", "x"), of(by_tenant, "b", "y"));
    EXPECT_EQ(of(by_talk, "a", "x"), of(by_talk, "a", "y"));
    differ += of(by_talk, "a", "x") != of(by_talk, "b", "x") ? 1 : 0;
    EXPECT_EQ(whole(*by_talk, {}, working, n).enforced, whole(*by_talk, {}, working, n).enforced);
  }
  EXPECT_GT(differ, 50);
}

TEST(rollout, has_its_ends) {
  scratch working;
  const auto none = with_share("    rollout: {percentage: 0}\n"), all = with_share("    rollout: {percentage: 100}\n");
  for (int i = 0; i < 200; ++i) {
    const auto who = of_talk(std::to_string(i));
    EXPECT_FALSE(whole(*none, who, working).enforced);
    EXPECT_TRUE(whole(*all, who, working).enforced);
  }
}

TEST(redaction_hash, tells_equal_values_of_one_tenant_whole_and_at_any_cut) {
  const auto made = testing::built(testing::one_policy(
      "  - id: r\n    direction: both\n    match: {regex: '\\d{4,6}'}\n    action: {type: redact, mask: \"[N]\", keep_first: 1, keep_last: 2, hash: true}\n"
      "    tests:\n      - {name: hit, request: is 12345, expect: {rules: [r], text: \"is 1[N]#0000000045\"}}\n      - {name: miss, request: hay, expect: {rules: []}}\n"
      "  - id: s\n    direction: both\n    match: {regex: 'no \\d{2}'}\n    action: {type: redact, mask: \"[S]\", hash: true}\n"
      "    tests:\n      - {name: both, request: no 12345, expect: {rules: [r, s], text: \"[S]\"}}\n      - {name: miss, request: hay, expect: {rules: []}}\n"));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  scratch working;
  const auto& rules = made.snapshot->rules_for({});
  const auto of = [&](std::string_view text, const context& who, std::string_view key) {
    const text_part part{.text = text};
    const auto out = evaluate(rules, {&part, 1}, {.direction = direction::request, .who = &who, .hash_key = key}, working);
    EXPECT_EQ(out.edits.size(), 1u);
    return out.edits.empty() ? std::string() : out.edits[0].replacement;
  };
  const auto one = of("12345", of_talk("a"), "k");
  EXPECT_TRUE(one.starts_with("1[N]#") && one.ends_with("45") && one.size() == 15) << one;
  EXPECT_EQ(of("and 12345 there", of_talk("b"), "k"), one);
  EXPECT_NE(of("12445", of_talk("a"), "k"), one);
  EXPECT_NE(of("12345", of_talk("a", "2"), "k"), one);
  EXPECT_NE(of("12345", of_talk("a"), "l"), one);
  const std::string text = "is 12345 so";
  const auto who = of_talk("a");
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    stream_evaluator e(made.snapshot, rules, {.direction = direction::response, .who = &who, .hash_key = "k"}, working);
    const auto channel = e.open(role::assistant, part_kind::text, true);
    std::string out;
    (void)e.feed(channel, std::string_view(text).substr(0, cut), out);
    (void)e.feed(channel, std::string_view(text).substr(cut), out);
    (void)e.finish(channel, out);
    EXPECT_EQ(out, "is " + one + " so") << cut;
  }
}

TEST(block_message, is_chosen_by_accept_language) {
  const std::map<std::string, std::string> all = {{"de", "nein"}, {"fr", "non"}, {"pt-br", "nao"}, {"zh-hant", "bu"}};
  const block_terms of{.message = "no", .i18n = &all};
  const std::pair<const char*, const char*> cases[] = {
      {"", "no"}, {"de", "nein"}, {"DE-at", "nein"}, {"fr;q=0.4, de;q=0.5", "nein"}, {"fr, de", "non"}, {"it, fr;q=0.1", "non"},
      {"pt", "no"}, {"pt-BR", "nao"}, {"zh-Hant-TW-x-a", "bu"}, {"zh", "no"}, {"*, de;q=0.5", "no"}, {"de;q=0", "no"}, {"de;q=0.000, fr", "non"},
      {"de ; q=0.2 , fr ; Q=0.1", "nein"}, {"de;level=1, fr", "non"}, {",,;,-,q=1", "no"}, {"de;q=x", "no"}};
  for (const auto& [field, expected] : cases) EXPECT_EQ(of.message_for(field), expected) << field;
  EXPECT_EQ(block_terms{.message = "no"}.message_for("de"), "no");
}

}  // namespace
}  // namespace sluice::policy
