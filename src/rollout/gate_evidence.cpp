// Gathering: the candidate's cases by several threads, the same once more by a version compiled from nothing, the active version's cases
// both ways, and what texts cost. The slow part of the gate; judging is quick.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "gate_rows.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t block = 64;           // cases that a thread takes at once
constexpr std::size_t repeat_max = 2'000;   // cases decided twice: evenly picked when there are more
constexpr std::size_t measured_max = 40;    // cases whose time is taken
constexpr std::size_t rule_cases_max = 10;  // of these, the longest: each costs every rule of the bundle several times
constexpr std::size_t single_max = 1'000;   // answers without a finding that are streamed code point by code point: evenly picked when there are more

// The candidate with the active bundle's tests in place of its own. Expectations about rules that are gone cannot be met and are left out:
// the comparison of the bundles names the rules.
policy::bundle_ast with_tests_of(const policy::bundle_ast& active, policy::bundle_ast candidate) {
  std::map<std::string, const policy::rule*> old;
  for (const auto& owner : active.policies) {
    for (const auto& rule : owner.rules) old.emplace(rule.id, &rule);
  }
  for (auto& owner : candidate.policies) {
    std::set<std::string> ids;
    for (const auto& rule : owner.rules) ids.insert(rule.id);
    for (auto& rule : owner.rules) {
      rule.tests.clear();
      const auto at = old.find(rule.id);
      if (at == old.end()) continue;
      rule.tests = at->second->tests;
      for (auto& test : rule.tests) {
        const auto gone = [&](const std::string& id) { return !ids.contains(id); };
        if (test.expect.rules) std::erase_if(*test.expect.rules, gone);
        std::erase_if(test.expect.rules_any, gone);
        std::erase_if(test.expect.shadow, gone);
      }
    }
  }
  return candidate;
}

// Tests of rules that the candidate has no more.
std::size_t tests_without_rule(const policy::bundle_ast& active, const policy::bundle_ast& candidate) {
  std::set<std::string> kept;
  for (const auto& owner : candidate.policies) {
    for (const auto& rule : owner.rules) kept.insert(rule.id);
  }
  std::size_t out = 0;
  for (const auto& owner : active.policies) {
    for (const auto& rule : owner.rules) out += kept.contains(rule.id) ? 0 : rule.tests.size();
  }
  return out;
}

std::vector<rule_facts> facts_of(const policy::bundle_ast& bundle) {
  std::vector<rule_facts> out;
  for (const auto& owner : bundle.policies) {
    for (const auto& rule : owner.rules) out.push_back({.id = rule.id, .policy = owner.name, .enforcement = rule.enforcement, .action = rule.action.type});
  }
  return out;
}

bool same_decision(const policy::golden_result& a, const policy::golden_result& b) {
  return a.action == b.action && a.rules == b.rules && a.shadow == b.shadow && a.text == b.text && a.what == b.what;
}

policy::golden_streams streams_for(std::span<const policy::golden_case> cases) {
  const auto answers = static_cast<std::size_t>(std::ranges::count_if(cases, [](const auto& each) { return each.response.has_value(); }));
  return {.on = true, .single_one_in = std::max<std::size_t>(1, (answers + single_max - 1) / single_max)};
}

// Last case first, so that nothing hides behind the order. Whole only: that streams end as wholes do was seen the first time.
repeat_evidence repeat(std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results, const std::shared_ptr<const policy::snapshot>& with, unsigned threads) {
  repeat_evidence out;
  std::vector<policy::golden_case> picked;
  std::vector<std::size_t> index;
  const std::size_t step = std::max<std::size_t>(1, (cases.size() + repeat_max - 1) / repeat_max);
  for (std::size_t i = 0; i < cases.size(); i += step) index.insert(index.begin(), i);
  for (const std::size_t i : index) picked.push_back(cases[i]);
  const auto again = run_cases(picked, with, threads, {.on = false});
  out.compared = again.size();
  for (std::size_t i = 0; i < again.size(); ++i) {
    if (!same_decision(again[i], results[index[i]])) out.differing.push_back(again[i].id);
  }
  return out;
}

double quantile99(std::vector<double> values) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(values.size()))) - 1];
}

std::size_t bytes_of(const policy::golden_case& each) {
  std::size_t out = each.response ? each.response->size() : 0;
  for (const auto& message : each.request) out += message.content.size();
  return out;
}

// The cases that times are taken of: set perf, or the longest of the others.
std::vector<const policy::golden_case*> measured_cases(std::span<const policy::golden_case> cases, std::size_t& perf) {
  std::vector<const policy::golden_case*> out;
  for (const auto& each : cases) {
    if (each.set == "perf") out.push_back(&each);
  }
  perf = out.size();
  constexpr std::size_t stand_ins = 10;
  if (out.empty()) {
    for (const auto& each : cases) out.push_back(&each);
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

std::map<std::string, double> measure_rules(const policy::snapshot& with, const std::vector<const policy::golden_case*>& cases) {
  policy::scratch working;
  std::map<std::string, std::vector<double>> by_rule;
  for (const auto* each : std::span(cases).first(std::min(cases.size(), rule_cases_max))) {
    each_side(with, *each, [&](const auto& rules, const auto& parts, const auto& options) {
      for (const auto& [rule, ns] : policy::costs_alone(rules, parts, options, working)) by_rule[with.rules()[rule].id].push_back(static_cast<double>(ns) / ns_per_us);
    });
  }
  std::map<std::string, double> out;
  for (auto& [rule, times] : by_rule) out[rule] = quantile99(std::move(times));
  return out;
}

void add_active(gate_evidence& out, const candidate& what, const gather_options& how, const std::function<void(std::size_t)>& done) {
  const auto& active = *how.active;
  active_evidence made{.version = active.bundle.version, .change = policy::diff(active.bundle, what.build.bundle), .before = {}, .tests = {}, .golden = {}};
  made.tests_without_rule = tests_without_rule(active.bundle, what.build.bundle);
  policy::diagnostics found;
  made.tests = policy::run_tests(with_tests_of(active.bundle, what.build.bundle), how.backend, how.cache, found);
  made.before = run_cases(out.cases, active.snapshot, how.threads, {.on = false}, done);
  made.golden = run_cases(how.active_cases, what.build.snapshot, how.threads, streams_for(how.active_cases), done);
  made.gate = active.bundle.gate;
  made.has_must_block = std::ranges::any_of(how.active_cases, [](const auto& each) { return each.set == "must_block"; });
  out.active = std::move(made);
}

replayed_evidence decide_again(const std::vector<logged_exchange>& decisions, const std::shared_ptr<const policy::snapshot>& with) {
  replayed_evidence out;
  for (const auto& each : decisions) {
    const auto was = audit::recorded_decision(each.line);
    if (!was) continue;
    const auto is = each.text && !was->by_gateway ? audit::decide_again(each.line, *each.text, with) : fail(errc::not_found, "");
    if (!is) {
      ++out.without_text;
      continue;
    }
    ++out.decisions;
    if (was->verdict == is->verdict && was->rules == is->rules) continue;
    out.changes.push_back({.id = was->id, .before = was->verdict, .after = is->verdict, .rules_before = was->rules, .rules_after = is->rules});
  }
  return out;
}

// The version once more, from nothing, beside the first run.
struct second_version {
  std::shared_ptr<const policy::snapshot> snapshot;
  policy::diagnostics found;
  milliseconds took{0};
  void compile(const policy::bundle_ast& bundle, match::compile_backend& backend) {
    const mono_time begin = mono_now();
    policy::shard_cache nothing{""};
    snapshot = policy::compile(bundle, backend, nothing, found);
    took = std::chrono::duration_cast<milliseconds>(mono_now() - begin);
  }
};

}  // namespace

std::vector<policy::golden_result> run_cases(std::span<const policy::golden_case> cases, const std::shared_ptr<const policy::snapshot>& with, unsigned threads,
                                             policy::golden_streams streams, const std::function<void(std::size_t)>& done) {
  std::vector<policy::golden_result> out(cases.size());
  std::atomic<std::size_t> next{0};
  std::mutex telling;
  const auto work = [&] {
    for (std::size_t begin = next.fetch_add(block); begin < cases.size(); begin = next.fetch_add(block)) {
      const auto some = cases.subspan(begin, std::min(block, cases.size() - begin));
      std::ranges::move(policy::run_golden(some, with, streams), out.begin() + static_cast<std::ptrdiff_t>(begin));
      if (!done) continue;
      const std::scoped_lock hold(telling);
      done(some.size());
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t useful = (cases.size() + block - 1) / block;
    for (std::size_t i = 1; i < std::min<std::size_t>(std::max(threads, 1u), useful); ++i) others.emplace_back(work);
    work();
  }
  return out;
}

gate_evidence gather(const candidate& what, const gather_options& how) {
  gate_evidence out;
  out.bundle = what.build.bundle.name;
  out.version = what.build.bundle.version;
  out.golden_digest = what.golden_digest;
  out.rules = facts_of(what.build.bundle);
  out.cost.database_bytes = what.build.snapshot->memory_bytes();
  out.cost.database_bytes_max = what.build.bundle.limits.database_bytes_max;
  out.cost.rule_us_max = what.build.bundle.limits.rule_cpu_us_p99;
  out.gate = what.build.bundle.gate;
  policy::diagnostics found;
  out.tests = policy::run_tests(what.build.bundle, what.build.snapshot, found);
  if (how.golden) out.cases = what.cases;
  const auto measured = measured_cases(out.cases, out.cost.perf_cases);
  std::size_t finished = 0;
  const std::size_t all = out.cases.size() * (how.active != nullptr ? 2 : 1) + how.active_cases.size();
  const auto done = [&](std::size_t n) {
    finished += n;
    if (how.progress) how.progress(finished, all);
  };
  second_version second;
  {
    std::jthread compiling;
    if (how.from_nothing) compiling = std::jthread([&] { second.compile(what.build.bundle, how.backend); });
    out.results = run_cases(out.cases, what.build.snapshot, how.threads, streams_for(out.cases), done);
  }
  if (how.from_nothing) out.cost.compile = second.took;
  if (how.from_nothing) out.cost.compile_bytes = how.backend.peak_bytes();
  out.benign = benign_blocks(out.cases, out.results, what.build.bundle, *what.build.snapshot);
  out.benign_seen = benign_by_rule(out.cases, out.results, what.build, how.threads);
  if (second.snapshot != nullptr) out.repeat = repeat(out.cases, out.results, second.snapshot, how.threads);
  if (how.from_nothing && second.snapshot == nullptr) out.repeat.problem = "compiling it from nothing failed: " + policy::to_text(second.found);
  if (how.active != nullptr && how.golden) add_active(out, what, how, done);
  if (how.decisions != nullptr) out.replayed = decide_again(*how.decisions, what.build.snapshot);
  if (how.golden) out.probes = run_probes(out, what.build, how);
  measure_cases(*what.build.snapshot, how.active != nullptr && out.cost.perf_cases > 0 ? how.active->snapshot.get() : nullptr, measured, out.cost);
  out.cost.rule_us = measure_rules(*what.build.snapshot, measured);
  return out;
}

}  // namespace sluice::rollout
