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

TEST(policy_demotion, what_a_bundle_was_made_of_goes_to_shadow_alike) {
  auto bundle = testing::built(testing::one_policy(two_rules)).bundle;
  put_in_shadow(bundle, "stop");
  EXPECT_EQ(bundle.policies[0].rules[0].enforcement, enforcement::shadow);
  EXPECT_EQ(bundle.policies[0].rules[1].enforcement, enforcement::enforce);
}

}  // namespace
}  // namespace sluice::policy
