// What a golden set shows of a rule in shadow, beside what the rule asks for.
#include "sluice/rollout/promotion.hpp"

#include <gtest/gtest.h>

namespace sluice::rollout {
namespace {

policy::bundle_ast bundle(policy::promote_spec wanted, policy::enforcement how = policy::enforcement::shadow) {
  policy::rule rule;
  rule.id = "r";
  rule.enforcement = how;
  rule.promote_when = wanted;
  policy::policy_ast owner;
  owner.name = "p";
  owner.binds = {policy::scope{}};
  owner.rules.push_back(rule);
  policy::bundle_ast out;
  out.policies.push_back(owner);
  return out;
}

struct golden {
  std::vector<policy::golden_case> cases;
  std::vector<policy::golden_result> results;

  // `n` requests of a set, of which the first `hits` are found in shadow.
  void add(const std::string& set, std::size_t n, std::size_t hits) {
    for (std::size_t i = 0; i < n; ++i) {
      policy::golden_case one;
      one.set = set;
      one.request = {{.who = policy::role::user, .content = "x"}};
      cases.push_back(one);
      policy::golden_result said;
      said.set = set;
      if (i < hits) said.shadow = {"other", "r"};
      results.push_back(said);
    }
  }
};

golden sets(std::size_t benign, std::size_t wrong) {
  golden out;
  out.add("benign", benign, wrong);
  out.add("attack", 40, 35);
  out.add("holdout", 500, 500);
  return out;
}

promotion judge(policy::promote_spec wanted, std::size_t benign, std::size_t wrong) {
  const auto held = sets(benign, wrong);
  const auto out = promotions(bundle(wanted), held.cases, held.results);
  EXPECT_EQ(out.size(), 1u);
  return out.at(0);
}

TEST(promotion, is_met_when_the_sample_is_large_enough_to_show_the_rate) {
  const auto got = judge({.min_samples = 600, .fpr_upper95 = 0.005}, 598, 0);
  EXPECT_EQ(got.shown, evidence::met);
  EXPECT_EQ(got.samples, 638u) << "a holdout set is nobody's evidence here";
  EXPECT_EQ(got.found, 35u);
}

TEST(promotion, too_few_cases_are_insufficient_and_never_met) {
  EXPECT_EQ(judge({.min_samples = 600, .fpr_upper95 = 0.005}, 550, 0).shown, evidence::insufficient);
  EXPECT_EQ(judge({.min_samples = 0, .fpr_upper95 = 0.005}, 597, 0).shown, evidence::insufficient);
  EXPECT_EQ(judge({.min_samples = 700, .fpr_upper95 = 0.005}, 598, 0).shown, evidence::insufficient);
  EXPECT_EQ(promotions(bundle({.fpr_upper95 = 0.5}), {}, {}).at(0).shown, evidence::insufficient);
}

TEST(promotion, a_rate_above_the_bound_is_too_wide) {
  const auto got = judge({.min_samples = 100, .fpr_upper95 = 0.005}, 600, 4);
  EXPECT_EQ(got.shown, evidence::too_wide);
  EXPECT_EQ(got.wrong, 4u);
}

TEST(promotion, a_case_that_the_rule_could_not_see_is_no_evidence) {
  const auto held = sets(600, 0);
  auto answers = bundle({.min_samples = 1});
  answers.policies[0].rules[0].direction = policy::direction::response;
  EXPECT_EQ(promotions(answers, held.cases, held.results).at(0).samples, 0u);
  auto elsewhere = bundle({.min_samples = 1});
  elsewhere.policies[0].binds[0].region = {"eu"};
  EXPECT_EQ(promotions(elsewhere, held.cases, held.results).at(0).samples, 0u);
  EXPECT_EQ(promotions(elsewhere, held.cases, held.results).at(0).shown, evidence::insufficient);
}

TEST(promotion, says_what_is_missing_and_who_can_show_it) {
  const auto said = told(judge({.min_samples = 3000, .fpr_upper95 = 0.001, .min_days = 7}, 100, 0));
  EXPECT_TRUE(said.contains("INSUFFICIENT: 140 labelled cases of 3000")) << said;
  EXPECT_TRUE(said.contains("35 of 40 that are not harmless")) << said;
  EXPECT_TRUE(said.contains("at most 2.95 % with 95 % confidence, wanted 0.1 %")) << said;
  EXPECT_TRUE(said.contains("7 days in shadow are for the decision log")) << said;
}

TEST(promotion, only_rules_in_shadow_wait_for_it) {
  EXPECT_TRUE(promotions(bundle({.min_samples = 1}, policy::enforcement::enforce), {}, {}).empty());
}

}  // namespace
}  // namespace sluice::rollout
