// What rules that are not in force for everybody see of set benign, and that the gate takes nothing else for proof.
#include <gtest/gtest.h>

#include <algorithm>

#include "../policy/built.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::rollout {
namespace {

using policy::testing::rule_found_in;

struct scoped_bundle {
  policy::build_report build;
  std::vector<policy::golden_case> cases;

  explicit scoped_bundle(const std::string& bind) {
    const auto block = [](const std::string& word, const std::string& id, const std::string& direction) {
      return rule_found_in(word, id, direction, "{keywords: [" + word + "]}", "    action: {type: block, message: No.}\n");
    };
    policy::bundle_source source;
    source.files = {policy::make_source_file("bundle.yaml", policy::testing::bundle_file("  - {use: p, bind: {scope: global}}\n  - {use: q, bind: " + bind + "}\n")),
                    policy::make_source_file("p.yaml", policy::testing::policy_file("p", block("tax", "asked", "request") + block("loan", "answered", "response"))),
                    policy::make_source_file("q.yaml", policy::testing::policy_file("q", block("transfer", "bound", "request")))};
    build = policy::testing::built(source);
    EXPECT_NE(build.snapshot, nullptr) << policy::to_text(build.found);
  }
  void add(std::size_t n, const std::string& text, const std::string& tenant = {}) {
    for (std::size_t i = 0; i < n; ++i) {
      policy::golden_case one;
      one.id = "c" + std::to_string(cases.size());
      one.set = "benign";
      one.who.tenant = tenant;
      one.request.push_back({.who = policy::role::user, .content = text, .part = policy::part_kind::text});
      cases.push_back(std::move(one));
    }
  }
  // Of the check rule_false_positives alone.
  [[nodiscard]] check_row judged() const {
    gate_evidence evidence;
    evidence.cases = cases;
    evidence.results = policy::run_golden(cases, build.snapshot);
    for (const auto& owner : build.bundle.policies) {
      for (const auto& rule : owner.rules) evidence.rules.push_back({.id = rule.id, .policy = owner.name, .enforcement = rule.enforcement, .action = rule.action.type});
    }
    evidence.benign_seen = benign_by_rule(evidence.cases, evidence.results, build, 1);
    gate_terms terms;
    terms.has_block = true;
    terms.limits.require = {"benign"};
    terms.limits.false_positives_rule = 0.05;
    const auto report = judge(evidence, terms);
    return *std::ranges::find(report.rows, std::string("rule_false_positives"), &check_row::check);
  }
};

TEST(gate_scopes, a_rule_that_is_bound_is_shown_by_what_it_would_do_there) {
  for (const std::string bind : {"{tenant: [retail]}", "{region: [eu]}", "{tier: [gold], model: [m]}"}) {
    scoped_bundle of(bind);
    of.add(48, "hello");
    of.add(24, "a transfer to my mother");
    const auto row = of.judged();
    EXPECT_EQ(row.status, status::fail) << bind;
    const auto bad = std::ranges::find(row.findings, std::string("bound"), &finding::of);
    ASSERT_NE(bad, row.findings.end()) << bind;
    EXPECT_TRUE(bad->what.starts_with("24 of 72 ")) << bad->what;
    EXPECT_FALSE(bad->examples.empty());
  }
}

TEST(gate_scopes, a_case_that_says_who_asks_counts_for_nobody_else) {
  scoped_bundle of("{tenant: [retail]}");
  of.add(80, "hello", "other");
  of.add(10, "hello", "retail");
  const auto row = of.judged();
  EXPECT_EQ(row.status, status::insufficient);
  const auto few = std::ranges::find_if(row.findings, [](const finding& each) { return each.of.contains("bound"); });
  ASSERT_NE(few, row.findings.end());
  EXPECT_TRUE(few->what.starts_with("0 of 10 ")) << few->what;
  EXPECT_EQ(few->missing, 49u) << "59 without a match show 5 %";
}

TEST(gate_scopes, requests_alone_say_little_of_a_rule_for_answers) {
  scoped_bundle of("{tenant: [retail]}");
  of.add(72, "hello");
  const auto row = of.judged();
  EXPECT_EQ(row.status, status::warning);
  EXPECT_TRUE(std::ranges::any_of(row.findings, [](const finding& each) { return each.of.contains("answered") && each.what.starts_with("0 of 0 "); }));
  const auto seen = benign_by_rule(of.cases, policy::run_golden(of.cases, of.build.snapshot), of.build, 1);
  EXPECT_EQ(seen.at("answered").with_text, 0u);
  EXPECT_EQ(seen.at("asked").with_text, 72u);
  EXPECT_EQ(seen.at("bound").n, 72u);
}

}  // namespace
}  // namespace sluice::rollout
