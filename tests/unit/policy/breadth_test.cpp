// A rule that matches what nobody means to find is refused at its pattern, when there are texts enough to say so.
#include "sluice/policy/breadth.hpp"

#include <gtest/gtest.h>

#include "built.hpp"

namespace sluice::policy {
namespace {

using testing::built;
using testing::bundle_file;
using testing::clean;
using testing::one_policy;
using testing::policy_file;

// One harmless text a line; every `nth` holds the word "account".
std::vector<golden_case> harmless(std::size_t n, std::size_t nth, const std::string& set = "benign") {
  std::string lines;
  for (std::size_t i = 0; i < n; ++i) {
    lines += R"({"id":"g)" + std::to_string(i) + R"(","set":")" + set + R"(","request":")" + (nth > 0 && i % nth == 0 ? "my account " : "good day ") + std::to_string(i) + "\"}\n";
  }
  diagnostics found;
  auto cases = parse_golden("golden/a.jsonl", lines, found);
  EXPECT_EQ(cases.size(), n) << to_text(found);
  return cases;
}

struct judged {
  breadth how;
  diagnostics found;
};

judged judge(const build_report& report, std::span<const golden_case> cases) {
  EXPECT_TRUE(clean(report.found)) << to_text(report.found);
  const auto backend = match::in_process_backend();
  shard_cache cache{""};
  judged out;
  out.how = judge_breadth(report.bundle, cases, *backend, cache, out.found);
  return out;
}

std::string rule(const std::string& match, const std::string& direction = "request", const std::string& more = "    action: {type: block, message: m}\n") {
  const bool answer = direction == "response";
  return "  - id: wide\n    direction: " + direction + "\n    match: " + match + "\n" + more + "    tests: [{name: hit, " + (answer ? "response" : "request") +
         ": an account, expect: {rules: [wide]}}, {name: miss, " + (answer ? "response" : "request") + ": \"?\", expect: {rules: []}}]\n";
}

TEST(breadth, a_pattern_that_matches_everything_is_refused_at_its_place) {
  const auto got = judge(built(one_policy(rule("{regex: '(?i)[a-z]'}"))), harmless(100, 0));
  ASSERT_EQ(got.found.size(), 1u) << to_text(got.found);
  const auto& said = got.found[0];
  EXPECT_EQ(said.severity, severity::error);
  EXPECT_EQ(said.rule, "wide");
  EXPECT_GT(said.place.line, 0);
  EXPECT_GT(said.place.column, 0);
  EXPECT_TRUE(said.message.contains("100 of 100 harmless texts")) << said.message;
  EXPECT_TRUE(said.message.contains("golden/a.jsonl:1")) << said.message;
  EXPECT_FALSE(said.advice.empty());
}

TEST(breadth, one_in_a_hundred_may_match_and_two_may_not) {
  const auto report = built(one_policy(rule("{keywords: [account]}")));
  EXPECT_TRUE(judge(report, harmless(100, 100)).found.empty());
  EXPECT_TRUE(judge(report, harmless(200, 100)).found.empty());
  EXPECT_TRUE(has_errors(judge(report, harmless(100, 50)).found));
}

TEST(breadth, too_few_texts_say_nothing) {
  const auto report = built(one_policy(rule("{keywords: [account]}")));
  const auto few = judge(report, harmless(99, 1));
  EXPECT_FALSE(few.how.sufficient());
  EXPECT_TRUE(few.found.empty());
  EXPECT_EQ(judge(report, harmless(150, 1, "attack")).how.texts, 0u) << "only harmless texts count";
  EXPECT_TRUE(judge(report, harmless(100, 1)).how.sufficient());
}

// The text that it leaves alone holds nothing.
std::string with_blank(std::string rule) { return rule.replace(rule.find("\"?\""), 3, "\" \""); }

TEST(breadth, what_would_stop_nearly_everything_is_refused_without_a_harmless_text) {
  for (const char* match : {R"({regex: '\S'})", R"({regex: '(?i)[a-z]'})", R"({any: [{keywords: [account]}, {regex: '\w \w'}]})"}) {
    for (const char* direction : {"request", "response"}) {
      const auto got = judge(built(one_policy(with_blank(rule(match, direction)))), harmless(3, 0));
      ASSERT_EQ(got.found.size(), 1u) << match;
      EXPECT_EQ(got.found[0].severity, severity::error);
      EXPECT_TRUE(got.found[0].message.contains("of 20 everyday sentences")) << got.found[0].message;
    }
  }
  // What only records or adds may look at everything, and so may a rule in shadow.
  for (const char* more : {"    action: {type: flag}\n", "    action: {type: inject_system, text: t}\n"}) EXPECT_TRUE(judge(built(one_policy(with_blank(rule(R"({regex: '\S'})", "request", more)))), {}).found.empty()) << more;
}

TEST(breadth, rules_for_answers_and_shadow_rules_are_held_against_the_same_texts) {
  EXPECT_TRUE(has_errors(judge(built(one_policy(rule("{keywords: [account]}", "response"))), harmless(100, 10)).found));
  const auto shadow = "    enforcement: shadow\n    action: {type: flag}\n";
  auto text = rule("{keywords: [account]}", "request", shadow);
  text.replace(text.find("rules: [wide]"), 13, "shadow: [wide]");
  EXPECT_TRUE(has_errors(judge(built(one_policy(text)), harmless(100, 10)).found)) << "a shadow rule costs as much";
}

TEST(breadth, a_rule_that_is_bound_to_few_may_not_be_wide_either) {
  const auto report = built(testing::source_of({{"bundle.yaml", bundle_file("  - {use: p, bind: {tenant: [retail]}}\n")}, {"p.yaml", policy_file("p", rule("{keywords: [account]}"))}}));
  EXPECT_TRUE(has_errors(judge(report, harmless(100, 10)).found));
}

TEST(breadth, what_only_records_is_a_warning) {
  const auto got = judge(built(one_policy(rule("{keywords: [account]}", "request", "    action: {type: allow}\n"))), harmless(100, 10));
  ASSERT_EQ(got.found.size(), 1u);
  EXPECT_EQ(got.found[0].severity, severity::warning);
}

}  // namespace
}  // namespace sluice::policy
