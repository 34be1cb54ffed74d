// Judging: what no bundle can be made to do is shown by evidence that was tampered with, and the same evidence gives the same report.
#include "sluice/rollout/gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::rollout {
namespace {

const wall_time today = parse_time("2026-11-23").value();

// Evidence with which every check passes or is skipped.
gate_evidence good() {
  gate_evidence out;
  out.bundle = "b";
  out.version = std::string(64, 'a');
  out.rules = {{.id = "stop", .policy = "p", .action = policy::action::block}};
  out.tests = {{.policy = "p", .rule = "stop", .test = "hit", .place = {}, .passed = true, .what = {}}};
  const auto add = [&](const std::string& id, const std::string& set, policy::action action) {
    policy::golden_case one;
    one.id = id;
    one.set = set;
    one.slice = {"s"};
    one.response = "text";
    policy::golden_result result{.id = id, .set = set, .place = {}};
    result.judged = set.starts_with("must_");
    result.action = action;
    if (action == policy::action::block) result.rules = {"stop"};
    out.cases.push_back(std::move(one));
    out.results.push_back(std::move(result));
  };
  add("mb", "must_block", policy::action::block);
  add("mp", "must_pass", policy::action::allow);
  add("perf", "perf", policy::action::allow);
  for (int i = 0; i < 3000; ++i) add("b" + std::to_string(i), "benign", policy::action::allow);
  for (int i = 0; i < 50; ++i) add("a" + std::to_string(i), "attack", policy::action::block);
  out.cost.compile = milliseconds(100);
  out.cost.database_bytes = 1000;
  out.cost.database_bytes_max = 2000;
  out.cost.perf_cases = 1;
  out.cost.case_us = {100};
  out.cost.rule_us = {{"stop", 5}};
  out.repeat.compared = out.cases.size();
  out.probes = {{.name = "bad", .needs = "benign", .possible = true, .red = true, .what = "seen"}, {.name = "lost", .needs = "must_block", .possible = true, .red = true, .what = "seen"}};
  return out;
}

gate_terms strict() {
  gate_terms out;
  out.has_block = true;
  out.limits.require = {"must_block", "must_pass", "benign", "attack", "perf"};
  out.limits.floors = {{"s", 0.9}};
  out.today = today;
  return out;
}

active_evidence same_as(const gate_evidence& candidate) {
  active_evidence out{.version = std::string(64, 'b'), .change = {}, .before = candidate.results, .tests = candidate.tests, .golden = candidate.results};
  out.has_must_block = true;
  return out;
}

std::vector<std::string> off(const gate_report& report) {
  std::vector<std::string> out;
  for (const auto& row : report.rows) {
    if (row.status > status::skipped) out.push_back(row.check + " " + std::string(to_string(row.status)));
  }
  return out;
}
using list = std::vector<std::string>;

TEST(gate, passes_good_evidence) {
  auto evidence = good();
  evidence.active = same_as(evidence);
  const auto report = judge(evidence, strict());
  EXPECT_EQ(report.verdict, verdict::pass);
  EXPECT_EQ(off(report), list{});
  EXPECT_EQ(report.rows.size(), 15u);
}

TEST(gate, says_the_same_of_the_same_and_another_time_is_no_other_report) {
  auto evidence = good();
  const auto report = judge(evidence, strict());
  EXPECT_EQ(judge(evidence, strict()).digest, report.digest);
  evidence.cost.case_us = {101};
  evidence.cost.compile = milliseconds(101);
  evidence.cost.rule_us = {{"stop", 6}};
  EXPECT_EQ(judge(evidence, strict()).digest, report.digest);
  evidence.results[1].rules = {"stop"};
  EXPECT_NE(judge(evidence, strict()).digest, report.digest);
}

TEST(gate, fails_what_is_decided_otherwise_the_second_time) {
  auto evidence = good();
  evidence.repeat.differing = {"b7"};
  EXPECT_EQ(off(judge(evidence, strict())), list{"determinism FAIL"});
  evidence.repeat = {.compared = 0, .differing = {}, .problem = "compiling it from nothing failed"};
  EXPECT_EQ(off(judge(evidence, strict())), list{"determinism FAIL"});
}

TEST(gate, fails_an_answer_that_ends_otherwise_in_pieces) {
  auto evidence = good();
  evidence.results[0].stream = "streamed in pieces of 1 code points, the answer ends otherwise than whole";
  evidence.results[0].passed = false;
  EXPECT_EQ(off(judge(evidence, strict())), list{"streaming FAIL"});
}

TEST(gate, fails_when_a_fault_put_in_on_purpose_is_not_noticed) {
  auto evidence = good();
  evidence.probes[0].red = false;
  EXPECT_EQ(off(judge(evidence, strict())), list{"self_check FAIL"});
  evidence.probes[0] = {.name = "bad", .needs = "must_pass or benign", .possible = false, .red = false, .what = "no case"};
  EXPECT_EQ(off(judge(evidence, strict())), list{"self_check INSUFFICIENT"});
  auto lenient = strict();
  lenient.limits.require = {"must_block"};
  EXPECT_EQ(off(judge(evidence, lenient)), list{"self_check warning"});
}

TEST(gate, fails_a_version_that_is_slower_than_the_active_one_but_for_noise) {
  auto evidence = good();
  evidence.active = same_as(evidence);
  evidence.cost.active_us = {100};
  evidence.cost.case_us = {1000};
  EXPECT_EQ(off(judge(evidence, strict())), list{"cost FAIL"});
  evidence.cost.case_us = {150};
  EXPECT_EQ(off(judge(evidence, strict())), list{});
}

TEST(gate, fails_a_rule_that_costs_more_than_its_limit) {
  auto evidence = good();
  evidence.cost.rule_us_max = 4;
  EXPECT_EQ(off(judge(evidence, strict())), list{"cost FAIL"});
  auto terms = strict();
  terms.limits.rule_us_max = 5;
  EXPECT_EQ(off(judge(evidence, terms)), list{});
}

TEST(gate, one_unlucky_attack_is_no_proof_and_five_are) {
  for (const auto& [lost, expected] : {std::pair{4, list{}}, std::pair{5, list{"changes FAIL"}}}) {
    auto evidence = good();
    evidence.active = same_as(evidence);
    auto terms = strict();
    terms.limits.floors.clear();
    for (int i = 0; i < lost; ++i) {
      auto& result = evidence.results[evidence.results.size() - 1 - static_cast<std::size_t>(i)];
      result.action = policy::action::allow;
      result.rules.clear();
    }
    EXPECT_EQ(off(judge(evidence, terms)), expected) << lost;
  }
}

TEST(gate, benign_decisions_may_change_in_two_of_a_thousand_without_a_word) {
  for (const auto& [changes, expected] : {std::pair{6, list{}}, std::pair{7, list{"changes FAIL"}}}) {
    auto evidence = good();
    evidence.active = same_as(evidence);
    for (std::size_t i = 0; i < static_cast<std::size_t>(changes); ++i) evidence.results[3 + i].action = policy::action::flag;
    EXPECT_EQ(off(judge(evidence, strict())), expected) << changes;
    auto terms = strict();
    terms.expected_change = "flags for a report";
    EXPECT_EQ(off(judge(evidence, terms)), list{});
  }
}

// Cases of the active version that the candidate left out.
void leave_out(gate_evidence& evidence, int n, const std::string& set, policy::action was, policy::action is) {
  auto& out = evidence.active->deleted;
  for (int i = 0; i < n; ++i) {
    policy::golden_case one;
    one.id = "gone" + std::to_string(i);
    one.set = set;
    one.slice = {"s"};
    policy::golden_result decided{.id = one.id, .set = set, .place = {}};
    decided.action = was;
    out.before.push_back(decided);
    decided.action = is;
    if (is == policy::action::block) decided.rules = {"stop"};
    out.now.push_back(std::move(decided));
    out.cases.push_back(std::move(one));
  }
}

TEST(gate, benign_cases_that_were_deleted_speak_against_what_blocks_them) {
  auto evidence = good();
  evidence.active = same_as(evidence);
  leave_out(evidence, 1, "benign", policy::action::allow, policy::action::block);
  leave_out(evidence, 400, "benign", policy::action::allow, policy::action::allow);
  auto terms = strict();
  terms.limits.false_positives_rule = 0.01;
  EXPECT_EQ(off(judge(evidence, terms)), list{"changes FAIL"}) << "one of 401, where one of 3401 would not show";
  const auto report = judge(evidence, terms);
  ASSERT_EQ(report.reasons.size(), 1u);
  EXPECT_TRUE(report.reasons[0].starts_with("changes: benign decisions of deleted cases: 1 of 401 change")) << report.reasons[0];
  const auto row = std::ranges::find(report.rows, "changes", &check_row::check);
  const auto named = std::ranges::find(row->findings, "benign decisions of deleted cases", &finding::of);
  ASSERT_EQ(named->examples.size(), 1u);
  EXPECT_TRUE(named->examples[0].ends_with(" gone0 (of the active version; deleted)")) << named->examples[0];
  // A word is enough for decisions that change; it is none for rates, nor for what chance does not explain.
  terms.expected_change = "a rival's name";
  EXPECT_EQ(off(judge(evidence, terms)), list{});
  leave_out(evidence, 20, "benign", policy::action::allow, policy::action::block);
  EXPECT_EQ(off(judge(evidence, terms)), (list{"false_positives FAIL", "changes FAIL"}));
}

TEST(gate, attacks_that_were_deleted_count_as_missed_where_they_are_missed_now) {
  auto evidence = good();
  evidence.active = same_as(evidence);
  leave_out(evidence, 40, "attack", policy::action::block, policy::action::block);
  leave_out(evidence, 40, "attack", policy::action::allow, policy::action::allow);
  EXPECT_EQ(off(judge(evidence, strict())), list{}) << "what was missed before may go";
  leave_out(evidence, 3, "attack", policy::action::block, policy::action::allow);
  EXPECT_EQ(off(judge(evidence, strict())), list{"recall INSUFFICIENT"});
  leave_out(evidence, 4, "attack", policy::action::block, policy::action::allow);
  const auto report = judge(evidence, strict());
  EXPECT_EQ(off(report), (list{"recall FAIL", "changes FAIL"}));
  EXPECT_TRUE(std::ranges::find(report.rows, "recall", &check_row::check)->summary.ends_with("; of them 7 cases of the active version that the change deletes: gone0, gone1, gone2, gone0, gone1, …"));
}

TEST(gate, without_demands_fails_only_what_is_proved) {
  auto evidence = good();
  for (std::size_t i = 0; i < 20; ++i) evidence.results[3 + i].action = policy::action::block;  // 0.67 %, proved above 0.44 %
  EXPECT_EQ(off(judge(evidence, strict())), list{"false_positives FAIL"});
  gate_terms none;
  none.today = today;
  EXPECT_EQ(off(judge(evidence, none)), list{"false_positives warning"});
  for (std::size_t i = 0; i < 60; ++i) evidence.results[3 + i].action = policy::action::block;
  EXPECT_EQ(off(judge(evidence, none)), list{"false_positives FAIL"});
}

TEST(gate, a_weaker_version_needs_a_second_person_and_cases_that_must_be_blocked) {
  auto evidence = good();
  evidence.active = same_as(evidence);
  evidence.active->change.effect = evidence.active->change.bundle_effect = policy::effect::weaker;
  evidence.active->change.bundle = {"on_error changed"};
  auto terms = strict();
  terms.actor = "ben@host";
  EXPECT_EQ(off(judge(evidence, terms)), list{"weakening FAIL"});
  for (const char* himself : {"ben", "Ben", " ben ", "BEN@other", "b e n"}) {
    terms.approved_by = himself;
    EXPECT_EQ(off(judge(evidence, terms)), list{"weakening FAIL"}) << himself;
  }
  terms.approved_by = "ada";
  EXPECT_EQ(off(judge(evidence, terms)), list{});
  evidence.active->has_must_block = false;
  EXPECT_EQ(judge(evidence, terms).verdict, verdict::insufficient);
  evidence.active->has_must_block = true;
  policy::rule_change rule;
  rule.rule = "r";
  rule.effect = policy::effect::weaker;
  evidence.active->change.rules = {rule};
  const auto report = judge(evidence, terms);
  const auto row = std::ranges::find(report.rows, "weakening", &check_row::check);
  ASSERT_NE(row, report.rows.end());
  list named;
  for (const auto& each : row->findings) named.push_back(each.of);
  EXPECT_EQ(named, (list{"rule r", "bundle"})) << "what the bundle does is told beside its rules";
}

TEST(gate, a_gate_that_asks_for_less_needs_a_second_person_too) {
  auto evidence = good();
  evidence.active = same_as(evidence);
  const auto terms = strict();
  evidence.gate = evidence.active->gate = terms.limits;
  EXPECT_EQ(off(judge(evidence, terms)), list{});
  const auto loosen = [&](auto&& how) {
    auto other = evidence;
    how(other.gate);
    auto approved = terms;
    approved.approved_by = "ada";
    EXPECT_EQ(off(judge(other, approved)), list{});
    return off(judge(other, terms)) == list{"weakening FAIL"};
  };
  using block = std::optional<policy::gate_spec>;
  EXPECT_TRUE(loosen([](block& gate) { gate.reset(); }));
  EXPECT_TRUE(loosen([](block& gate) { gate->require.pop_back(); }));
  EXPECT_TRUE(loosen([](block& gate) { gate->floors["s"] = 0.8; }));
  EXPECT_TRUE(loosen([](block& gate) { gate->false_positives_rule = 0.01; }));
  EXPECT_TRUE(loosen([](block& gate) { gate->waivers.push_back({.check = "recall", .of = {}, .by = "ben", .reason = "r", .expires = "2027-01-01", .place = {}}); }));
  EXPECT_TRUE(loosen([](block& gate) { gate->slower_max = 3; }));
  EXPECT_FALSE(loosen([](block& gate) { gate->floors["s"] = 0.95; }));
  EXPECT_FALSE(loosen([](block& gate) { gate->rule_us_max = 9; }));
  evidence.active->gate.reset();
  EXPECT_EQ(off(judge(evidence, terms)), list{});
}

TEST(gate, an_emergency_asks_no_golden_set_and_keeps_tests_and_costs) {
  auto evidence = good();
  evidence.results[0].what = "expected at least rewrite";
  auto terms = strict();
  terms.emergency = true;
  const auto report = judge(evidence, terms);
  EXPECT_EQ(to_string(report.verdict), "EMERGENCY") << "nobody takes it for a gate that asked everything";
  const auto skipped = skipped_checks(report, terms);
  EXPECT_EQ(skipped.size(), 13u);
  EXPECT_TRUE(std::ranges::find(skipped, "must_block") != skipped.end() && std::ranges::find(skipped, "cost") == skipped.end());
  EXPECT_TRUE(to_json(report, evidence, terms).contains(R"("skipped": [)"));
  EXPECT_TRUE(to_html(report, evidence, terms).contains("not asked, in an emergency"));
  EXPECT_TRUE(skipped_checks(judge(evidence, strict()), strict()).empty()) << "what nobody demanded was not skipped";
  evidence.cost.database_bytes = 3000;
  EXPECT_EQ(off(judge(evidence, terms)), list{"cost FAIL"});
  evidence.tests[0].passed = false;
  EXPECT_EQ(off(judge(evidence, terms)), (list{"tests FAIL", "cost FAIL"}));
}

}  // namespace
}  // namespace sluice::rollout
