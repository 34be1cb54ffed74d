// Tags of conversations. Goal: what a rule tags is seen by the policies bound to the tag, in the same request and never in the same answer;
// rules in shadow tag for nobody but the shadow verdict; tags that lead in a circle do not compile.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/explain.hpp"
#include "sluice/policy/golden.hpp"

namespace sluice::policy {
namespace {

std::string rule(const std::string& id, const std::string& word, const std::string& action, const std::string& more = "direction: both\n") {
  return "  - id: " + id + "\n    " + more + "    match: {keywords: [" + word + "]}\n    action: " + action + "\n    tests:\n      - {name: hit, messages: [{role: user, content: " + word +
         "}], expect: {" + (more.contains("shadow") ? "shadow" : "rules_any") + ": [" + id + "]}}\n      - {name: miss, request: nothing, expect: {rules: []}}\n";
}

// `invest` tags, `bonds` is blocked where it did; and a chain of one more.
bundle_source tagging(const std::string& tagger = "direction: both\n", const std::string& more = {}) {
  return testing::source_of({{"bundle.yaml", testing::bundle_file("  - {use: ears, bind: {scope: global}}\n  - {use: then, bind: {conversation_tag: investing}}\n"
                                                                  "  - {use: last, bind: {conversation_tag: [deep]}}\n")},
                             {"a.yaml", testing::policy_file("ears", rule("ear", "invest", "{type: tag, tags: [investing]}", tagger))},
                             {"b.yaml", testing::policy_file("then", rule("bonds", "bonds", "{type: block, message: sorry}") + rule("deeper", "deep", "{type: tag, tags: [deep]}"))},
                             {"c.yaml", testing::policy_file("last", rule("end", "end", "{type: redact, mask: \"[E]\"}") + more)}});
}

struct asked {
  outcome what;
  context who;
};

asked ask(const snapshot& with, const std::vector<std::string>& messages, context who = {}, direction which = direction::request) {
  std::vector<text_part> parts;
  for (const auto& m : messages) parts.push_back({which == direction::request ? role::user : role::assistant, part_kind::text, true, true, m});
  scratch working;
  asked out{.what = {}, .who = std::move(who)};
  out.what = evaluate_either(with, out.who, parts, {.direction = which, .who = &out.who}, working).what;
  return out;
}

using strings = std::vector<std::string>;

TEST(policy_tags, brings_policies_into_force_for_the_request_that_sets_them) {
  const auto report = testing::built(tagging());
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  const auto& with = *report.snapshot;
  EXPECT_TRUE(with.asks_for_tags());
  EXPECT_EQ(ask(with, {"bonds"}).what.verdict, verdict::allow);
  const auto one = ask(with, {"bonds, please", "I invest"});
  EXPECT_EQ(one.what.verdict, verdict::block);
  EXPECT_EQ(one.what.tags, (strings{"investing"}));
  EXPECT_EQ(one.who.tags, (strings{"investing"}));
  // A tag that a tag brought into force.
  EXPECT_EQ(ask(with, {"deep end"}).what.verdict, verdict::allow);
  const auto chain = ask(with, {"invest", "deep", "the end"});
  EXPECT_EQ(chain.what.verdict, verdict::edit);
  EXPECT_EQ(chain.what.tags, (strings{"investing", "deep"}));
  EXPECT_EQ(chain.what.edits.size(), 1u);
  // A tag that the conversation has already.
  context known;
  known.tags = {"investing"};
  EXPECT_EQ(ask(with, {"bonds"}, known).what.verdict, verdict::block);
}

TEST(policy_tags, of_an_answer_wait_for_the_next_exchange) {
  const auto report = testing::built(tagging());
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  const auto whole = ask(*report.snapshot, {"invest in bonds"}, {}, direction::response);
  EXPECT_EQ(whole.what.verdict, verdict::flag);
  EXPECT_EQ(whole.what.tags, (strings{"investing"}));
  EXPECT_TRUE(whole.who.tags.empty());
  scratch working;
  stream_evaluator stream(report.snapshot, report.snapshot->rules_for({}), {direction::response}, working);
  const auto channel = stream.open(role::assistant, part_kind::text, true);
  std::string out;
  for (const char c : std::string("invest in bonds")) (void)stream.feed(channel, {&c, 1}, out);
  (void)stream.finish(channel, out);
  EXPECT_EQ(out, "invest in bonds");
  EXPECT_EQ(stream.result().tags, (strings{"investing"}));
}

TEST(policy_tags, of_rules_in_shadow_are_seen_by_the_shadow_verdict_alone) {
  const auto report = testing::built(tagging("direction: both\n    enforcement: shadow\n"));
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  const auto got = ask(*report.snapshot, {"invest", "bonds"});
  EXPECT_EQ(got.what.verdict, verdict::allow);
  EXPECT_EQ(got.what.shadow_verdict, verdict::block);
  EXPECT_TRUE(got.what.tags.empty());
  EXPECT_TRUE(got.who.tags.empty());
  ASSERT_EQ(got.what.findings.size(), 2u);
  for (const auto& each : got.what.findings) EXPECT_FALSE(each.enforced);
  // And the whole gateway in shadow: nothing is done, and the verdict says what would be.
  const auto enforced = testing::built(tagging());
  scratch working;
  context who;
  const text_part part{.text = "invest in bonds"};
  const auto all = evaluate_request(*enforced.snapshot, enforced.snapshot->rules_for(who), who, {&part, 1}, {.direction = direction::request, .global_shadow = true}, working);
  EXPECT_EQ(all.what.verdict, verdict::allow);
  EXPECT_EQ(all.what.shadow_verdict, verdict::block);
  EXPECT_TRUE(who.tags.empty());
  // It goes by the ruleset that the caller has looked up, and looks up another only for tags.
  context tagged;
  tagged.tags = {"investing"};
  const auto& others = enforced.snapshot->rules_for(tagged);
  EXPECT_EQ(evaluate_request(*enforced.snapshot, others, who, {&part, 1}, {.direction = direction::request, .global_shadow = true}, working).rules, &others);
}

TEST(policy_tags, that_lead_in_a_circle_do_not_compile_and_both_places_are_named) {
  const auto found = testing::checked(tagging("direction: both\n", rule("back", "back", "{type: tag, tags: [investing]}")));
  ASSERT_TRUE(has_errors(found));
  EXPECT_TRUE(testing::says(found, "tags lead in a circle"));
  EXPECT_TRUE(testing::says(found, "rule 'deeper' (b.yaml:"));
  EXPECT_TRUE(testing::says(found, "rule 'back' (c.yaml:"));
  // Off is out.
  EXPECT_TRUE(testing::clean(testing::checked(tagging("direction: both\n", rule("back", "back", "{type: tag, tags: [investing]}", "direction: both\n    enforcement: off\n")))));
  // One that asks for its own tag to excuse it.
  const auto own = testing::checked(testing::one_policy(rule("r", "invest", "{type: tag, tags: [a]}",
                                                             "direction: both\n    exceptions: [{id: x, when: {conversation_tag: a}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]\n")));
  EXPECT_TRUE(testing::says(own, "rule 'r' (p.yaml:"));
  EXPECT_TRUE(testing::says(own, "in a circle"));
}

// What cannot be looked for counts as found: else whoever makes the matcher give up is rid of the policies behind the tag.
TEST(policy_tags, are_set_when_their_matcher_gives_up) {
  const std::string shy = "  - id: shy\n    direction: both\n    match: {regex: 'zz', unless_near: [qq], within: 3}\n    action: {type: tag, tags: [investing]}\n    score: 3\n    tests:\n"
                          "      - {name: hit, request: zz, expect: {rules: [shy]}}\n      - {name: miss, request: zz qq, expect: {rules: []}}\n";
  std::string flood;
  for (int i = 0; i < 6000; ++i) flood += "zz qq ";
  const auto with = [&](const std::string& more) {
    auto source = tagging();
    for (auto& file : source.files) {
      if (file.path == "a.yaml") file = make_source_file("a.yaml", testing::policy_file("ears", shy, "thresholds: {anomaly: {request: 3, action: flag}}\n"));
      if (file.path == "bundle.yaml") file = make_source_file(file.path, file.bytes + more);
    }
    auto report = testing::built(source);
    EXPECT_NE(report.snapshot, nullptr) << to_text(report.found);
    return report.snapshot;
  };
  const auto strict = with("");
  EXPECT_EQ(ask(*strict, {"zz qq", "bonds"}).what.verdict, verdict::allow);
  const auto got = ask(*strict, {flood, "bonds"});
  EXPECT_EQ(got.what.tags, (strings{"investing"}));
  EXPECT_EQ(got.what.verdict, verdict::block);
  EXPECT_TRUE(got.what.reason.contains("matcher unavailable"));
  ASSERT_EQ(got.what.scores.size(), 1u);
  EXPECT_TRUE(got.what.scores[0].crossed);
  // The bundle may say otherwise.
  EXPECT_EQ(ask(*with("on_error: {matcher_unavailable: allow}\n"), {flood, "bonds"}).what.verdict, verdict::allow);
}

TEST(policy_tags, that_no_rule_sets_are_warned_of) {
  const auto found = testing::checked(testing::source_of(
      {{"bundle.yaml", testing::bundle_file("  - {use: p, bind: {conversation_tag: investing}}\n")}, {"p.yaml", testing::policy_file("p", rule("r", "x", "{type: flag}"))}}));
  EXPECT_TRUE(testing::clean(found));
  EXPECT_TRUE(testing::says(found, "asks for the conversation tag 'investing', which no rule sets"));
}

TEST(policy_tags, of_a_golden_request_are_there_for_its_answer) {
  const auto report = testing::built(tagging());
  diagnostics found;
  const auto cases = parse_golden("golden/a.jsonl", R"({"id": "a", "set": "must_block", "request": "I invest", "response": "buy bonds", "expect": {"action_at_least": "block"}}
{"id": "b", "set": "must_pass", "request": "hello", "response": "buy bonds"})", found);
  for (const auto& each : run_golden(cases, report.snapshot)) EXPECT_TRUE(each.passed) << each.id << ": " << each.what;
}

TEST(policy_tags, are_explained_with_the_rules_that_they_bring) {
  const auto report = testing::built(tagging());
  const auto why = explain(report.bundle, *report.snapshot, {.who = {}, .text = "invest in bonds"});
  EXPECT_EQ(why.verdict, verdict::block);
  EXPECT_EQ(why.tags, (strings{"investing"}));
  for (const auto& each : why.rules) {
    if (each.id == "bonds") EXPECT_EQ(each.matches.size(), 1u) << each.why_not;
  }
}

TEST(policy_tags, that_are_added_may_weaken_what_asks_for_them) {
  const auto with = [](const std::string& tags) {
    bundle_ast out;
    EXPECT_TRUE(testing::clean(testing::checked(
        testing::one_policy(rule("r", "invest", "{type: tag, tags: " + tags + "}") +
                            rule("s", "bonds", "{type: block, message: m}",
                                 "direction: both\n    exceptions: [{id: x, when: {conversation_tag: b}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]\n")),
        &out)));
    return out;
  };
  EXPECT_EQ(diff(with("[a]"), with("[a, b]")).effect, effect::may_weaken);
  EXPECT_EQ(diff(with("[b]"), with("[b, a]")).effect, effect::none);
  EXPECT_EQ(diff(with("[a, b]"), with("[a]")).effect, effect::may_weaken);
}

}  // namespace
}  // namespace sluice::policy
