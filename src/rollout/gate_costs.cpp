// What texts cost a version, and each of its rules: the times of the gate.
#include <algorithm>
#include <limits>
#include <utility>

#include "gate_rows.hpp"
#include "sluice/policy/explain.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t measured_max = 40;    // cases whose time is taken
constexpr std::size_t rule_cases_max = 10;  // of these, the longest: each costs every rule of the bundle several times

using cases_by_rule = std::map<std::string, std::vector<policy::golden_case>>;

std::size_t bytes_of(const policy::golden_case& each) {
  std::size_t out = each.response ? each.response->size() : 0;
  for (const auto& message : each.request) out += message.content.size();
  return out;
}

// The cases that times are taken of: set perf, or the longest of the others, or, where there is none, of the inline tests.
std::vector<const policy::golden_case*> measured_cases(std::span<const policy::golden_case> cases, const cases_by_rule& tests, std::size_t& perf) {
  std::vector<const policy::golden_case*> out;
  for (const auto& each : cases) {
    if (each.set == "perf") out.push_back(&each);
  }
  perf = out.size();
  constexpr std::size_t stand_ins = 10;
  if (out.empty()) {
    for (const auto& each : cases) out.push_back(&each);
  }
  for (auto rule = tests.begin(); cases.empty() && rule != tests.end(); ++rule) {
    for (const auto& each : rule->second) out.push_back(&each);
  }
  std::ranges::sort(out, [](const auto* a, const auto* b) { return std::pair(bytes_of(*b), a->id) < std::pair(bytes_of(*a), b->id); });
  out.resize(std::min(out.size(), perf > 0 ? measured_max : stand_ins));
  return out;
}

constexpr double ns_per_us = 1000;

// Calls f(rules, parts, options) for each side that the case has.
template <class F>
void each_side(const policy::snapshot& with, const policy::golden_case& of, F&& f) {
  for (const auto which : {policy::direction::request, policy::direction::response}) {
    if (const auto parts = policy::parts_of(of, which); !parts.empty()) f(with.rules_for(of.who), parts, policy::evaluate_options{.direction = which});
  }
}

double case_time(const policy::snapshot& with, const policy::golden_case& of, policy::scratch& working) {
  double ns = 0;
  each_side(with, of, [&](const auto& rules, const auto& parts, const auto& options) { ns += static_cast<double>(policy::cost_of_all(rules, parts, options, working)); });
  return ns / ns_per_us;
}

// Both versions in turn, and each case several times with all the others between: what else the machine does for a moment meets one
// measurement, and not all of one case or one version.
void measure_cases(const policy::snapshot& candidate, const policy::snapshot* active, const std::vector<const policy::golden_case*>& cases, cost_evidence& out) {
  constexpr int rounds = 3;
  policy::scratch mine, theirs;
  out.case_us.assign(cases.size(), std::numeric_limits<double>::infinity());
  if (active != nullptr) out.active_us = out.case_us;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      out.case_us[i] = std::min(out.case_us[i], case_time(candidate, *cases[i], mine));
      if (active != nullptr) out.active_us[i] = std::min(out.active_us[i], case_time(*active, *cases[i], theirs));
    }
  }
  std::ranges::sort(out.case_us);
  std::ranges::sort(out.active_us);
}

using times = std::map<std::string, std::vector<double>>;  // by rule, in microseconds

void add_times(const policy::snapshot& with, const policy::golden_case& of, policy::scratch& working, times& out) {
  each_side(with, of, [&](const auto& rules, const auto& parts, const auto& options) {
    for (const auto& [rule, ns] : policy::costs_alone(rules, parts, options, working)) out[with.rules()[rule].id].push_back(static_cast<double>(ns) / ns_per_us);
  });
}

// A rule that is in force for none of the cases is measured on its own tests.
std::map<std::string, double> measure_rules(const policy::snapshot& with, const std::vector<const policy::golden_case*>& cases, const cases_by_rule& tests) {
  policy::scratch working;
  times by_rule, by_tests;
  for (const auto* each : std::span(cases).first(std::min(cases.size(), rule_cases_max))) add_times(with, *each, working, by_rule);
  for (const auto& [rule, own] : tests) {
    for (auto each = own.begin(); each != own.end() && !by_rule.contains(rule) && !by_tests.contains(rule); ++each) add_times(with, *each, working, by_tests);
  }
  by_rule.merge(by_tests);
  constexpr double most = 0.99;
  std::map<std::string, double> out;
  for (auto& [rule, taken] : by_rule) {
    std::ranges::sort(taken);
    out[rule] = quantile(taken, most);
  }
  return out;
}

}  // namespace

void measure_times(const candidate& what, const policy::snapshot* active, cost_evidence& out) {
  const auto tests = policy::cases_of_tests(what.build.bundle);
  const auto measured = measured_cases(what.cases, tests, out.perf_cases);
  measure_cases(*what.build.snapshot, out.perf_cases > 0 ? active : nullptr, measured, out);
  out.rule_us = measure_rules(*what.build.snapshot, measured, tests);
}

}  // namespace sluice::rollout
