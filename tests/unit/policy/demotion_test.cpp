// A version with rules in shadow, made without compiling: the same as if they had been written so.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

const std::string two_rules = R"(  - id: stop
    direction: both
    match: {keywords: [needle]}
    action: {type: block, message: "No."}
    max_block_rate: 0.02
    tests: [{name: hit, request: a needle, expect: {rules: [stop]}}, {name: miss, request: hay, expect: {rules: []}}]
  - id: hide
    direction: both
    match: {keywords: [thread]}
    action: {type: redact, mask: "[R]"}
    never_demote: true
    tests: [{name: hit, request: a thread, expect: {rules: [hide]}}, {name: miss, request: hay, expect: {rules: []}}]
)";

std::shared_ptr<const snapshot> made() {
  const auto out = testing::built(testing::one_policy(two_rules));
  EXPECT_NE(out.snapshot, nullptr) << to_text(out.found);
  return out.snapshot;
}

outcome judged(const snapshot& with, std::string_view text) {
  scratch working;
  const text_part part{.text = text};
  return evaluate(with.rules_for({}), {&part, 1}, {.direction = direction::request}, working);
}

TEST(policy_demotion, a_demoted_rule_matches_and_does_nothing_and_the_others_stay) {
  const auto before = made();
  const auto after = in_shadow(*before, {"stop", "unknown"});
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->version(), before->version());
  EXPECT_EQ(after->demoted(), std::vector<std::string>{"stop"});
  EXPECT_TRUE(before->demoted().empty());
  EXPECT_EQ(judged(*before, "a needle").verdict, verdict::block);
  const auto spared = judged(*after, "a needle and a thread");
  EXPECT_EQ(spared.verdict, verdict::edit);
  EXPECT_EQ(spared.shadow_verdict, verdict::block);
  EXPECT_EQ(spared.findings.size(), 2u);
  EXPECT_EQ(after->rules()[0].enforcement, enforcement::shadow);
}

TEST(policy_demotion, what_is_in_force_then_has_another_hash) {
  const auto before = made();
  const auto one = in_shadow(*before, {"stop"}), both = in_shadow(*before, {"hide", "stop"}), none = in_shadow(*before, {});
  const auto hash = [](const snapshot& s) { return effective_hash(s.rules_for({})); };
  EXPECT_NE(hash(*before), hash(*one));
  EXPECT_NE(hash(*one), hash(*both));
  EXPECT_EQ(hash(*before), hash(*none));
  EXPECT_EQ(hash(*both), hash(*in_shadow(*made(), {"stop", "hide"}))) << "the same on every node, in any order";
}

TEST(policy_demotion, a_bundle_says_what_its_breaker_may_do) {
  auto source = testing::one_policy(two_rules);
  for (auto& f : source.files) {
    if (f.path == "bundle.yaml") f = make_source_file(f.path, f.bytes + "breaker: {rule: 0.05, version: 0.2, users_min: 50}\n");
  }
  const auto out = testing::built(source);
  ASSERT_NE(out.snapshot, nullptr) << to_text(out.found);
  const auto terms = out.snapshot->breaker();
  EXPECT_TRUE(terms.on);
  EXPECT_DOUBLE_EQ(terms.rule, 0.05);
  EXPECT_DOUBLE_EQ(terms.version, 0.2);
  EXPECT_EQ(terms.users_min, 50u);
  EXPECT_EQ(out.snapshot->rules()[0].max_block_rate, 0.02);
  EXPECT_FALSE(out.snapshot->rules()[0].never_demote);
  EXPECT_TRUE(out.snapshot->rules()[1].never_demote);
}

TEST(policy_demotion, it_is_known_which_rules_nobody_but_a_person_may_demote) {
  const auto out = testing::built(testing::one_policy(two_rules));
  EXPECT_TRUE(never_demoted(*out.snapshot, "hide") && never_demoted(out.bundle, "hide"));
  EXPECT_FALSE(never_demoted(*out.snapshot, "stop") || never_demoted(out.bundle, "stop"));
  EXPECT_FALSE(never_demoted(*out.snapshot, "none") || never_demoted(out.bundle, "none"));
}

std::string small(const std::string& id, const std::string& action, const std::string& more = {}) {
  return "  - {id: " + id + ", direction: request, match: {keywords: [" + id + "zq]}, action: " + action + more + ", tests: [{name: a, request: " + id + "zq, context: {tags: [weapons, summed]}, expect: {rules_any: [" + id + "]}}]}\n";
}

TEST(policy_demotion, what_a_rule_that_stays_needs_of_others_stays_too) {
  const std::string block = "{type: block, message: m}", stays = ", never_demote: true";
  const auto out = testing::built(testing::source_of(
      {{"bundle.yaml", testing::bundle_file("  - {use: marks, bind: {scope: global}}\n  - {use: guard, bind: {conversation_tag: [weapons]}}\n  - {use: sum, bind: {scope: global}}\n"
                                            "  - {use: alone, bind: {scope: global}}\n  - {use: strict, bind: {conversation_tag: [strict]}}\n")},
       {"marks.yaml", testing::policy_file("marks", small("about", "{type: tag, tags: [weapons]}") + small("more", "{type: tag, tags: [summed]}") + small("other", "{type: tag, tags: [sports]}") +
                                                        small("hard", "{type: tag, tags: [strict]}") + small("plain", block))},
       {"guard.yaml", testing::policy_file("guard", small("bomb", block, stays) + small("beside", block))},
       {"sum.yaml", testing::policy_file("sum", small("one", "{type: allow}", stays + ", score: 2") + small("two", "{type: allow}", ", score: 2") + small("three", block), "scope: {conversation_tag: [summed]}\nthresholds: {anomaly: {request: 4}}\n")},
       {"alone.yaml", testing::policy_file("alone", small("must", block, stays) + small("scored", "{type: allow}", ", score: 1") + small("patched", "{type: flag}", stays), "thresholds: {anomaly: {request: 4}}\n")},
       {"strict.yaml", "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: strict, owner: o}\npatches:\n  - {rule: patched, override: {replace: {action: " + block + "}}}\n"}}));
  ASSERT_NE(out.snapshot, nullptr) << to_text(out.found);
  const std::set<std::string> kept = {"about", "bomb", "hard", "more", "must", "one", "patched", "two"};
  EXPECT_EQ(never_demoted_rules(out.bundle), kept);
  for (const auto& each : out.snapshot->rules()) {
    EXPECT_EQ(each.never_demote, kept.contains(each.id)) << each.id;
    EXPECT_EQ(never_demoted(*out.snapshot, each.id), kept.contains(each.id)) << each.id;
  }
}

TEST(policy_demotion, what_a_bundle_was_made_of_goes_to_shadow_alike) {
  auto bundle = testing::built(testing::one_policy(two_rules)).bundle;
  put_in_shadow(bundle, "stop");
  EXPECT_EQ(bundle.policies[0].rules[0].enforcement, enforcement::shadow);
  EXPECT_EQ(bundle.policies[0].rules[1].enforcement, enforcement::enforce);
}

}  // namespace
}  // namespace sluice::policy
