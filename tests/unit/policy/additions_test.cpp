// Rules that add text: beside the system's words, and behind answers.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::policy {
namespace {

using namespace testing;

// A rule for requests that finds `word`, with a test that shows it.
std::string injecting(const std::string& id, const std::string& word, const std::string& action, const std::string& more = {}) {
  return "  - id: " + id + "\n    direction: request\n    match: {keywords: [" + word + "]}\n    action: {type: inject_system, " + action + "}\n" + more +
         "    tests:\n      - {name: a, request: a " + word + ", expect: {rules_any: [" + id + "], shadow: []}}\n      - {name: b, request: hay, expect: {rules_none: [" + id + "]}}\n";
}

outcome asked(const build_report& made, std::string_view text, bool takes_system_words = true) {
  EXPECT_NE(made.snapshot, nullptr) << to_text(made.found);
  if (made.snapshot == nullptr) return {};
  scratch working;
  const text_part part{.role = role::user, .kind = part_kind::text, .text = text};
  evaluate_options options{.direction = direction::request};
  options.takes_system_words = takes_system_words;
  return evaluate(made.snapshot->rules_for({}), {&part, 1}, options, working);
}

TEST(policy_additions, system_words_come_in_the_order_of_policies_and_ids_whatever_matched_first) {
  const auto source = source_of({{"bundle.yaml", bundle_file("  - {use: zeta, bind: {scope: global}}\n  - {use: alpha, bind: {scope: global}}\n")},
                                 {"a.yaml", policy_file("zeta", injecting("a-1", "one", "text: Z1"))},
                                 {"z.yaml", policy_file("alpha", injecting("z-2", "two", "text: A2") + injecting("b-1", "three", "text: A1") +
                                                                     injecting("c-1", "four", "text: first, position: prepend") + injecting("d-1", "five", "text: A1"))}});
  const auto made = built(source);
  for (const char* text : {"one two three four five one", "five four three two one"}) {
    const auto got = asked(made, text);
    EXPECT_EQ(got.system.before, "first") << text;
    EXPECT_EQ(got.system.behind, "A1\n\nA2\n\nZ1") << text;  // what two rules say alike is said once
    EXPECT_EQ(got.system.rules, 5u);
    EXPECT_EQ(got.verdict, verdict::edit);
    EXPECT_TRUE(got.edits.empty());
  }
  const auto none = asked(made, "hay");
  EXPECT_EQ(none.system.rules, 0u);
  EXPECT_EQ(none.verdict, verdict::allow);
}

TEST(policy_additions, a_request_without_a_place_for_them_is_refused_unless_the_rule_says_skip) {
  const auto blocks = asked(built(one_policy(injecting("r", "bonds", "text: x"))), "bonds", false);
  EXPECT_EQ(blocks.verdict, verdict::block);
  EXPECT_TRUE(blocks.block.message.contains("no place for them"));
  EXPECT_EQ(blocks.system.rules, 0u);
  ASSERT_EQ(blocks.findings.size(), 1u);
  EXPECT_EQ(blocks.findings[0].action, action::block);
  const auto skips = asked(built(one_policy(injecting("r", "bonds", "text: x, on_structured: skip"))), "bonds", false);
  EXPECT_EQ(skips.verdict, verdict::flag);
  EXPECT_EQ(skips.findings.at(0).action, action::flag);
  EXPECT_EQ(skips.system.rules, 0u);
}

TEST(policy_additions, a_blocked_request_gets_no_words_and_a_rule_in_shadow_adds_none) {
  const std::string block = "  - id: stop\n    direction: request\n    match: {keywords: [bomb]}\n    action: {type: block, message: m}\n"
                            "    tests: [{name: a, request: bomb, expect: {rules_any: [stop]}}, {name: b, request: hay, expect: {rules: []}}]\n";
  const auto blocked = asked(built(one_policy(injecting("r", "bonds", "text: x") + block)), "bonds and a bomb");
  EXPECT_EQ(blocked.verdict, verdict::block);
  EXPECT_TRUE(blocked.system.behind.empty());
  const std::string shadow = "  - id: r\n    direction: request\n    enforcement: shadow\n    match: {keywords: [bonds]}\n    action: {type: inject_system, text: x}\n"
                             "    tests: [{name: a, request: bonds, expect: {shadow: [r], action: allow}}, {name: b, request: hay, expect: {rules: []}}]\n";
  const auto tried = built(one_policy(shadow));
  const auto made = asked(tried, "bonds");
  EXPECT_EQ(made.verdict, verdict::allow);
  EXPECT_EQ(made.shadow_verdict, verdict::edit);
  EXPECT_EQ(made.system.rules, 0u);
  EXPECT_EQ(asked(tried, "bonds", false).shadow_verdict, verdict::block);
}

TEST(policy_additions, an_exception_keeps_the_words_out) {
  const std::string exception = "    exceptions:\n      - {id: x, match: {keywords: [bonds of friendship]}, reason: r, owner: o, ticket: t, expires: 2027-01-01}\n";
  const auto made = built(one_policy("  - id: r\n    direction: request\n    match: {keywords: [bonds, bonds of friendship]}\n    action: {type: inject_system, text: x}\n" + exception +
                                     "    tests:\n      - {name: a, request: bonds, expect: {rules: [r], action: inject_system}}\n"
                                     "      - {name: b, request: bonds of friendship, expect: {rules: [], suppressed: [x]}}\n"));
  EXPECT_EQ(asked(made, "bonds of friendship").system.rules, 0u);
  EXPECT_EQ(asked(made, "bonds").system.behind, "x");
}

TEST(policy_additions, explain_shows_the_words) {
  const auto made = built(one_policy(injecting("r", "bonds", "text: General only., position: prepend")));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  const auto why = explain(made.bundle, *made.snapshot, {.who = {}, .text = "bonds?"});
  EXPECT_EQ(why.verdict, verdict::edit);
  EXPECT_EQ(why.text, "bonds?");
  EXPECT_EQ(why.system.before, "General only.");
}

TEST(policy_additions, are_refused_in_the_other_direction) {
  const auto rule = [](const char* direction, const std::string& action) {
    return checked(one_policy("  - id: r\n    direction: " + std::string(direction) + "\n    match: {keywords: [needle]}\n    action: " + action +
                              "\n    tests: [{name: a, request: needle, expect: {rules: [r]}}]\n"));
  };
  for (const char* direction : {"both", "response"}) {
    EXPECT_TRUE(says(rule(direction, "{type: inject_system, text: x}"), "inject_system adds to requests, and the rule says direction: " + std::string(direction)));
  }
  EXPECT_TRUE(clean(rule("request", "{type: inject_system, text: x}")));
}

TEST(policy_additions, diff_says_when_what_is_added_or_where_it_may_be_left_out_changed) {
  const auto with = [](const std::string& action) {
    bundle_ast ast;
    EXPECT_TRUE(clean(checked(one_policy(injecting("r", "bonds", action)), &ast)));
    return ast;
  };
  const auto was = with("text: x");
  EXPECT_EQ(diff(was, with("text: y")).effect, effect::may_weaken);
  EXPECT_EQ(diff(was, with("text: x, position: prepend")).effect, effect::may_weaken);
  EXPECT_EQ(diff(was, with("text: x, on_structured: skip")).effect, effect::weaker);
  EXPECT_EQ(diff(with("text: x, on_structured: skip"), was).effect, effect::stronger);
  EXPECT_EQ(diff(was, with("text: x")).effect, effect::none);
}

}  // namespace
}  // namespace sluice::policy
