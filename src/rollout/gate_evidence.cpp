// Gathering: the candidate's cases by several threads, the same once more by a version compiled from nothing, the active version's cases
// both ways, and what it costs. The slow part of the gate; judging is quick.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "gate_rows.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t block = 64;           // cases that a thread takes at once
constexpr std::size_t repeat_max = 2'000;   // cases decided twice: evenly picked when there are more
constexpr std::size_t single_max = 1'000;   // answers without a finding that are streamed code point by code point: evenly picked when there are more

using rule_ids = std::set<std::string>;

rule_ids ids_of(const policy::policy_ast& of) {
  rule_ids out;
  for (const auto& rule : of.rules) out.insert(rule.id);
  return out;
}

// The tests as far as they can be met where only these rules are left: what they expect of others is left out, and so is a test that expects
// something of others alone, as are the inline tests of rules that are gone: the comparison of the bundles names those. `gone` counts them.
std::vector<policy::test_spec> tests_for(const rule_ids& left, std::vector<policy::test_spec> tests, std::size_t& gone) {
  const auto is_gone = [&](const std::string& id) { return !left.contains(id); };
  std::vector<policy::test_spec> out;
  for (auto& test : tests) {
    auto& expect = test.expect;
    std::size_t named = 0, lost = 0;
    const auto trim = [&](std::vector<std::string>& ids) {
      named += ids.size();
      lost += std::erase_if(ids, is_gone);
    };
    if (expect.rules) trim(*expect.rules);
    trim(expect.rules_any);
    trim(expect.shadow);
    if (lost > 0 && lost == named) ++gone;
    else out.push_back(std::move(test));
  }
  return out;
}

// The candidate with the active bundle's tests in place of its own: those of rules, wherever the rule stands now, and those of suites.
struct promised_tests {
  policy::bundle_ast bundle;
  std::size_t gone = 0;  // tests of rules and policies that the candidate has no more
};

promised_tests with_tests_of(const policy::bundle_ast& active, const policy::bundle_ast& candidate) {
  promised_tests out{.bundle = candidate};
  std::map<std::string, const policy::rule*> old;
  for (const auto& owner : active.policies) {
    for (const auto& rule : owner.rules) old.emplace(rule.id, &rule);
  }
  std::map<std::string, rule_ids> left;
  rule_ids& all = left[""];  // of the bundle, as a suite without a policy names it
  for (auto& owner : out.bundle.policies) {
    const auto& ids = left[owner.name] = ids_of(owner);
    all.insert(ids.begin(), ids.end());
    for (auto& rule : owner.rules) {
      const auto at = old.find(rule.id);
      rule.tests = at == old.end() ? std::vector<policy::test_spec>{} : tests_for(ids, at->second->tests, out.gone);
    }
  }
  for (const auto& [id, rule] : old) out.gone += all.contains(id) ? 0 : rule->tests.size();
  out.bundle.suites.clear();
  for (const auto& suite : active.suites) {
    const auto at = left.find(suite.policy);
    auto made = suite;
    if (at == left.end()) out.gone += suite.tests.size();
    else made.tests = tests_for(at->second, suite.tests, out.gone);
    if (at != left.end()) out.bundle.suites.push_back(std::move(made));
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
  return a.action == b.action && a.rules == b.rules && a.shadow == b.shadow && a.texts == b.texts && a.what == b.what;
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

// The candidate's word on them is there already; the active version decides them whole and once, so that a set that was swapped costs little more.
deleted_evidence decide_deleted(const gate_evidence& candidate, std::span<const policy::golden_result> now, const gather_options& how) {
  deleted_evidence out;
  for (const std::size_t i : deleted_cases(how.active_cases, candidate.cases)) {
    out.cases.push_back(how.active_cases[i]);
    out.now.push_back(now[i]);
  }
  out.before = run_cases(out.cases, how.active->snapshot, how.threads, {.on = false});
  return out;
}

void add_active(gate_evidence& out, const candidate& what, const gather_options& how, const std::function<void(std::size_t)>& done) {
  const auto& active = *how.active;
  active_evidence made{.version = active.bundle.version, .change = policy::diff(active.bundle, what.build.bundle), .before = {}, .tests = {}, .golden = {}};
  const auto promised = with_tests_of(active.bundle, what.build.bundle);
  made.tests_without_rule = promised.gone;
  policy::diagnostics found;
  made.tests = policy::run_tests(promised.bundle, how.backend, how.cache, found);
  made.before = run_cases(out.cases, active.snapshot, how.threads, {.on = false}, done);
  made.golden = run_cases(how.active_cases, what.build.snapshot, how.threads, streams_for(how.active_cases), done);
  made.deleted = decide_deleted(out, made.golden, how);
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

// Compiles for the plainest processor: nodes have others than whoever pushes.
class for_any_processor final : public match::compile_backend {
 public:
  explicit for_any_processor(match::compile_backend& of) : of_(of) {}
  result<std::string> compile(const match::pattern_set& set) override { return of_.compile({.patterns = set.patterns, .plainest = true}); }
  result<void> try_classifier(std::string_view bytes) override { return of_.try_classifier(bytes); }

 private:
  match::compile_backend& of_;
};

// The version once more, from nothing, beside the first run, and by other machine code.
struct second_version {
  std::shared_ptr<const policy::snapshot> snapshot;
  policy::diagnostics found;
  milliseconds took{0};
  std::uint64_t bytes = 0;  // that its compiler held at most
  void compile(const policy::bundle_ast& bundle, match::compile_backend& backend) {
    const mono_time begin = mono_now();
    policy::shard_cache nothing{""};
    for_any_processor other(backend);
    backend.forget_peak();
    snapshot = policy::compile(bundle, other, nothing, found);
    bytes = backend.peak_bytes();
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
  if (how.from_nothing) out.cost.compile_bytes = second.bytes;
  out.benign = benign_blocks(out.cases, out.results, what.build.bundle, *what.build.snapshot);
  out.benign_seen = benign_by_rule(out.cases, out.results, what.build, how.threads);
  if (second.snapshot != nullptr) out.repeat = repeat(out.cases, out.results, second.snapshot, how.threads);
  if (how.from_nothing && second.snapshot == nullptr) out.repeat.problem = "compiling it from nothing failed: " + policy::to_text(second.found);
  if (how.active != nullptr && how.golden) add_active(out, what, how, done);
  if (how.decisions != nullptr) out.replayed = decide_again(*how.decisions, what.build.snapshot);
  if (how.golden) out.probes = run_probes(out, what.build, how);
  measure_times(what, how.active != nullptr ? how.active->snapshot.get() : nullptr, out.cost);
  return out;
}

}  // namespace sluice::rollout
