// Gathering: what is held against the active version, and what a version costs, measured on bundles that are compiled here.
#include <gtest/gtest.h>

#include <algorithm>

#include "../policy/built.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::rollout {
namespace {

using policy::testing::built;
using policy::testing::bundle_file;
using policy::testing::policy_file;
using policy::testing::source_of;

// Holds as many bytes as the patterns have that it compiles at once.
class weighing final : public match::compile_backend {
 public:
  result<std::string> compile(const match::pattern_set& set) override {
    std::uint64_t held = 0;
    for (const auto& each : set.patterns) held += each.expression.size();
    peak_ = std::max(peak_, held);
    return inner_->compile(set);
  }
  result<void> try_classifier(std::string_view bytes) override { return inner_->try_classifier(bytes); }
  std::uint64_t peak_bytes() const override { return peak_; }
  void forget_peak() override { peak_ = 0; }

 private:
  std::unique_ptr<match::compile_backend> inner_ = match::in_process_backend();
  std::uint64_t peak_ = 0;
};

// A rule that blocks what matches.
std::string blocking(const std::string& id, const std::string& word, const std::string& tests = {}) {
  const auto own = tests.empty() ? "{name: hit, request: the " + word + ", expect: {rules_any: [" + id + "]}}" : tests;
  return "  - id: " + id + "\n    direction: request\n    match: {regex: '" + word + "'}\n    action: {type: block, message: m}\n    tests: [" + own + ", {name: miss, request: hay, expect: {rules_none: [" + id + "]}}]\n";
}
std::string suite(const std::string& name, const std::string& policy, const std::string& tests) {
  return "apiVersion: sluice/v1\nkind: TestSuite\nmetadata: {name: " + name + ", owner: o}\n" + (policy.empty() ? "" : "policy: " + policy + "\n") + "tests:\n" + tests;
}

using files = std::vector<std::pair<std::string, std::string>>;
policy::build_report bundle(const std::string& rules, files more = {}, const std::string& limits = {}) {
  more.emplace_back("bundle.yaml", bundle_file("  - {use: p, bind: {tenant: acme}}\n", limits));
  more.emplace_back("p.yaml", policy_file("p", rules));
  auto out = built(source_of(std::move(more)));
  EXPECT_NE(out.snapshot, nullptr) << policy::to_text(out.found);
  return out;
}

struct bench {
  weighing backend;
  policy::shard_cache cache{""};
  gate_evidence gathered(const policy::build_report& build, const policy::build_report* active, bool golden = true, std::vector<policy::golden_case> cases = {}) {
    return gather({.build = build, .golden_digest = {}, .cases = std::move(cases)}, {.backend = backend, .cache = cache, .active = active, .threads = 1, .golden = golden});
  }
};

std::vector<std::string> broken_promises(const gate_evidence& of) {
  const auto report = judge(of, {});
  const auto row = std::ranges::find(report.rows, "promises", &check_row::check);
  std::vector<std::string> out;
  if (row == report.rows.end()) return out;
  for (const auto& each : row->findings) out.push_back(each.of);
  return out;
}
using list = std::vector<std::string>;

TEST(gate_evidence, an_inline_test_that_was_dropped_is_still_promised) {
  bench of;
  const auto active = bundle(blocking("stop", "(thorn|needle)", "{name: hit, request: a needle, expect: {rules: [stop]}}, {name: thorn, request: a thorn, expect: {rules: [stop]}}"));
  const auto candidate = bundle(blocking("stop", "needle", "{name: hit, request: a needle, expect: {rules: [stop]}}"));
  EXPECT_EQ(broken_promises(of.gathered(candidate, &active)), list{"stop/thorn"});
  EXPECT_EQ(broken_promises(of.gathered(active, &active)), list{});
}

TEST(gate_evidence, a_test_suite_that_was_dropped_or_emptied_is_still_promised) {
  bench of;
  const auto both = blocking("stop", "needle") + blocking("more", "thorn");
  const auto thorn = suite("own", "p", "  - {name: thorn, request: a thorn, expect: {rules: [more]}}\n"), all = suite("all", "", "  - {name: sharp, context: {tenant: acme}, request: a thorn, expect: {action: block}}\n");
  const auto active = bundle(both, {{"own.yaml", thorn}, {"all.yaml", all}});
  const auto weak = blocking("stop", "needle") + blocking("more", "thorns");
  EXPECT_EQ(broken_promises(of.gathered(bundle(weak), &active)), (list{"more/hit", "own/thorn", "all/sharp"}));
  const auto emptied = suite("own", "p", "  - {name: other, request: hay, expect: {rules: []}}\n");
  EXPECT_EQ(broken_promises(of.gathered(bundle(weak, {{"own.yaml", emptied}}), &active)), (list{"more/hit", "own/thorn", "all/sharp"}));
  EXPECT_EQ(broken_promises(of.gathered(bundle(both), &active)), list{}) << "what they say still holds";
}

TEST(gate_evidence, what_a_suite_says_of_rules_that_are_gone_is_for_the_comparison) {
  bench of;
  const auto active = bundle(blocking("stop", "needle") + blocking("more", "thorn"),
                             {{"own.yaml", suite("own", "p", "  - {name: thorn, request: a thorn, expect: {rules: [more], action: block}}\n  - {name: both, request: a needle and a thorn, expect: {rules: [more, stop]}}\n")}});
  const auto seen = of.gathered(bundle(blocking("stop", "needle")), &active);
  EXPECT_EQ(broken_promises(seen), list{});
  EXPECT_EQ(seen.active->tests_without_rule, 3u) << "two inline tests, and the one of the suite that is of that rule alone";
}

policy::golden_case asked(const std::string& id, const std::string& set, const std::string& text, const std::string& slice = "s") {
  policy::golden_case out;
  out.id = id;
  out.set = set;
  out.slice = {slice};
  out.request = {{.who = policy::role::user, .content = text, .part = policy::part_kind::text}};
  out.who.tenant = "acme";
  return out;
}

TEST(gate_evidence, cases_that_were_deleted_or_rewritten_are_decided_by_both_versions_and_renamed_ones_are_not) {
  bench of;
  const auto active = bundle(blocking("stop", "needle")), candidate = bundle(blocking("stop", "(needle|thorn)"));
  auto other_tenant = asked("d", "attack", "a needle");
  other_tenant.who.tenant = "globex";
  const std::vector<policy::golden_case> before = {asked("a", "benign", "a thorn"), asked("b", "benign", "hay"), asked("c", "attack", "needle"), asked("d", "attack", "a needle"), asked("p", "perf", "gone")};
  const std::vector<policy::golden_case> now = {asked("a", "benign", "hay and hay"), asked("renamed", "benign", "hay", "t"), other_tenant};
  const auto seen = gather({.build = candidate, .golden_digest = {}, .cases = now}, {.backend = of.backend, .cache = of.cache, .active = &active, .active_cases = before, .threads = 1});
  const auto& deleted = seen.active->deleted;
  list ids;
  for (const auto& each : deleted.now) ids.push_back(each.id);
  EXPECT_EQ(ids, (list{"a", "c", "d"}));
  ASSERT_EQ(deleted.before.size(), 3u);
  EXPECT_EQ(deleted.before[0].action, policy::action::allow);
  EXPECT_EQ(deleted.now[0].action, policy::action::block);
  EXPECT_EQ(deleted.cases[2].who.tenant, "acme");
}

// Another version that was compiled before, by the same compiler, is none of the candidate's.
TEST(gate_evidence, what_the_compiler_held_for_another_version_is_not_the_candidates) {
  bench of;
  std::string huge = "(";
  for (int i = 0; i < 500; ++i) huge += "word" + std::to_string(i) + "|";
  const auto before = bundle(blocking("stop", "needle") + blocking("huge", huge + "thorn)", "{name: hit, request: a thorn, expect: {rules_any: [huge]}}"));
  policy::diagnostics found;
  ASSERT_NE(policy::compile(before.bundle, of.backend, of.cache, found), nullptr);
  ASSERT_GT(of.backend.peak_bytes(), 1000u);
  const auto seen = of.gathered(bundle(blocking("stop", "needle")), nullptr);
  EXPECT_GT(seen.cost.compile_bytes, 0u);
  EXPECT_LT(seen.cost.compile_bytes, 1000u);
}

// Its golden sets are not asked; what its rules cost is seen on its tests, each in a context in which the rule is in force.
TEST(gate_evidence, an_emergency_measures_every_rule_and_compiles_from_nothing) {
  bench of;
  const auto candidate = bundle(blocking("stop", "needle") + blocking("more", "thorn"), {}, "limits: {rule_cpu_us_p99: 1}\n");
  policy::golden_case perf;
  perf.id = "perf";
  perf.set = "perf";
  perf.request = {{.who = policy::role::user, .content = "no tenant, no rule", .part = policy::part_kind::text}};
  for (const auto& cases : {std::vector<policy::golden_case>{}, std::vector{perf}}) {
    auto seen = of.gathered(candidate, nullptr, false, cases);
    EXPECT_TRUE(seen.cases.empty()) << "no golden set is asked";
    EXPECT_TRUE(seen.cost.compile);
    EXPECT_GT(seen.cost.compile_bytes, 0u);
    EXPECT_EQ(seen.cost.rule_us.size(), 2u);
    gate_terms terms;
    terms.emergency = true;
    for (auto& [rule, us] : seen.cost.rule_us) us = 0.5;
    EXPECT_EQ(judge(seen, terms).verdict, verdict::emergency);
    seen.cost.rule_us["more"] = 2;
    EXPECT_EQ(judge(seen, terms).verdict, verdict::fail);
    terms.limits.rule_us_max = 2;
    EXPECT_EQ(judge(seen, terms).verdict, verdict::emergency);
    terms.limits.compile_bytes_max = 1;
    EXPECT_EQ(judge(seen, terms).verdict, verdict::fail);
  }
}

TEST(gate_evidence, a_rule_whose_time_is_not_known_does_not_pass_in_silence) {
  bench of;
  auto seen = of.gathered(bundle(blocking("stop", "needle"), {}, "limits: {rule_cpu_us_p99: 5000}\n"), nullptr);
  const auto cost = [&] {
    const auto report = judge(seen, {});
    return std::ranges::find(report.rows, "cost", &check_row::check)->findings;
  };
  const auto named = [](const auto& all) { return std::ranges::any_of(all, [](const finding& f) { return f.of == "stop" && f.status == status::warning; }); };
  EXPECT_FALSE(named(cost()));
  seen.cost.rule_us.clear();
  EXPECT_TRUE(named(cost()));
}

}  // namespace
}  // namespace sluice::rollout
