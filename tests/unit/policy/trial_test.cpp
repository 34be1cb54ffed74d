// What inline tests and the gate hold a stream against: an answer that is blocked as a whole lets out what stands before the match, no more.
#include "trial.hpp"

#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/text/derived.hpp"

namespace sluice::policy {
namespace {

using testing::built;
using testing::one_policy;

std::string rule(const std::string& id, const std::string& word, const std::string& action) {
  return "  - id: " + id + "\n    direction: response\n    match: {keywords: [" + word + "]}\n    action: " + action + "\n    tests:\n      - {name: hit, response: a " + word +
         ", expect: {rules_any: [" + id + "]}}\n      - {name: miss, response: hay, expect: {rules: []}}\n";
}

trial_input answer_of(const std::string& text) {
  trial_input out;
  out.direction = direction::response;
  out.messages = {{.who = role::assistant, .content = text}};
  return out;
}

TEST(trial, of_a_blocked_answer_only_what_stands_before_the_match_may_leave) {
  const auto report = built(one_policy(rule("stop", "needle", "{type: block, message: m}") + rule("hide", "secret needle", "{type: redact, mask: \"#\"}") +
                                       rule("mask", "name", "{type: redact, mask: \"(name)\"}")));
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  scratch working;
  const auto allowed = [&](const std::string& answer, const std::string& left) {
    const auto input = answer_of(answer);
    const auto whole = try_whole(*report.snapshot, input, working);
    EXPECT_EQ(whole.verdict, verdict::block);
    auto streamed = try_stream(report.snapshot, input, working);
    EXPECT_TRUE(left_before_block(whole, streamed)) << streamed.text;
    streamed.text = left;
    return left_before_block(whole, streamed);
  };
  EXPECT_TRUE(allowed("take a needle now", ""));
  EXPECT_TRUE(allowed("take a needle now", "take a "));
  EXPECT_FALSE(allowed("take a needle now", "take a n"));
  EXPECT_FALSE(allowed("take a needle now", "take a needle now"));
  EXPECT_TRUE(allowed("the name and a needle", "the (name) and a "));
  EXPECT_FALSE(allowed("the name and a needle", "the name and a "));
  EXPECT_FALSE(allowed("the name and a needle", "the (name) and a n"));
  // An edit that reaches into what is blocked does not leave before it either.
  EXPECT_TRUE(allowed("a secret needle", "a "));
  EXPECT_FALSE(allowed("a secret needle", "a #"));
}

TEST(trial, a_rule_that_is_known_at_the_end_holds_the_answer_whatever_was_checked) {
  static const auto backend = match::in_process_backend();
  static shard_cache cache{""};
  for (const action what : {action::redact, action::block}) {
    for (const int asked : {0, 1, 2, 3}) {
      diagnostics found;
      auto ast = parse(one_policy(rule("r", "halden bank", "{type: flag}")), found);
      auto& r = ast.policies.at(0).rules.at(0);
      r.action.type = what;
      r.action.mask = "[R]";
      if (asked == 0) r.match.views = static_cast<std::uint8_t>(extra_view::leet);
      if (asked == 1) r.match.decode = text::bit(text::reading::html);
      if (asked == 2) r.match.min_count = 2;
      if (asked == 3) {
        auto child = r.match;
        child.views = static_cast<std::uint8_t>(extra_view::spaced);
        r.match = match_spec{};
        r.match.kind = match_spec::kind::any;
        r.match.children = {child};
      }
      const auto with = compile(ast, *backend, cache, found);
      ASSERT_NE(with, nullptr) << to_text(found);
      EXPECT_TRUE(holds_answers(with->rules_for({}), {.direction = direction::response}));
      scratch working;
      for (const std::string answer : {"Try H4lden B4nk today", "Try halden &#98;ank today", "halden bank, Halden Bank", "h a l d e n  b a n k", "A plain answer"}) {
        const auto input = answer_of(answer);
        const auto whole = try_whole(*with, input, working), streamed = try_stream(with, input, working);
        EXPECT_EQ(whole.verdict, streamed.verdict) << answer;
        if (whole.verdict == verdict::block) EXPECT_EQ(streamed.text, "") << answer;
        if (whole.verdict != verdict::block) EXPECT_EQ(streamed.text, whole.text) << answer;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::policy
