// Checks of what a version costs, that it decides the same twice and in pieces, and that this gate would notice a bad one.
#include <algorithm>
#include <cstdio>

#include "gate_rows.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

constexpr double noise_us = 50;  // below it, a difference of two times says nothing

std::string micros(double us) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f µs", us);
  return text;
}

finding at_most(const std::string& of, const std::string& what, bool holds) { return {.of = of, .status = holds ? status::pass : status::fail, .what = what, .examples = {}}; }

}  // namespace

check_row judge_cost(const gate_evidence& evidence, const gate_terms& terms) {
  check_row row{.check = "cost", .summary = {}, .findings = {}};
  const cost_evidence& cost = evidence.cost;
  if (cost.compile) {
    add(row, at_most("compile", "compiled from nothing in " + std::to_string(cost.compile->count()) + " ms; at most " + std::to_string(terms.limits.compile_max.count()), *cost.compile <= terms.limits.compile_max));
  }
  if (cost.compile_bytes > 0) {
    add(row, at_most("compile_bytes", "the compiler held " + std::to_string(cost.compile_bytes) + " bytes; at most " + std::to_string(terms.limits.compile_bytes_max), cost.compile_bytes <= terms.limits.compile_bytes_max));
  }
  const std::uint64_t bytes_max = terms.limits.database_bytes_max.value_or(cost.database_bytes_max);
  add(row, at_most("database_bytes", std::to_string(cost.database_bytes) + " bytes compiled; at most " + std::to_string(bytes_max), cost.database_bytes <= bytes_max));
  if (const auto limit = terms.limits.rule_us_max ? terms.limits.rule_us_max : cost.rule_us_max) {
    for (const auto& [rule, us] : cost.rule_us) {
      if (us > *limit) add(row, at_most(rule, "takes " + micros(us) + " on 99 of 100 cases; at most " + std::to_string(*limit), false));
    }
    for (const rule_facts& each : evidence.rules) {
      if (each.enforcement == policy::enforcement::off || cost.rule_us.contains(each.id)) continue;
      add(row, {.of = each.id, .status = status::warning, .what = "its time is not known: it is in force for no case, nor for a test of its own", .examples = {}});
    }
  }
  const double p99 = quantile(cost.case_us, 0.99), active_p99 = quantile(cost.active_us, 0.99);
  if (!cost.active_us.empty() && cost.perf_cases > 0) {
    add(row, at_most("evaluation", "p99 " + micros(p99) + ", the active version's " + micros(active_p99), p99 <= terms.limits.slower_max * active_p99 + noise_us));
  }
  if (cost.perf_cases == 0 && !terms.emergency) {
    lack(row, terms.requires_set("perf"), {.of = "perf", .what = "no golden case of set perf: times are of the longest cases of other sets", .examples = {}, .missing = 1});
  }
  row.summary = std::to_string(cost.database_bytes >> 10) + " KiB compiled" + (cost.compile ? " in " + std::to_string(cost.compile->count()) + " ms" : "") +
                (cost.compile_bytes > 0 ? " and " + std::to_string(cost.compile_bytes >> 20) + " MiB" : "");
  if (!cost.case_us.empty()) {
    row.summary += "; a case p50 " + micros(quantile(cost.case_us, 0.5)) + ", p99 " + micros(p99) + ", most " + micros(cost.case_us.back());
  }
  return row;
}

check_row judge_determinism(const gate_evidence& evidence) {
  check_row row{.check = "determinism", .summary = {}, .findings = {}};
  const repeat_evidence& again = evidence.repeat;
  row.summary = counted(again.compared, "case", "cases") + " decided again by a version compiled from nothing for the plainest processor, " + std::to_string(again.differing.size()) + " differently";
  if (!again.problem.empty()) add(row, {.of = {}, .status = status::fail, .what = again.problem, .examples = {}});
  for (const std::string& id : again.differing) {
    if (row.findings.size() == examples_max) break;
    add(row, {.of = id, .status = status::fail, .what = "decided otherwise the second time", .examples = {}});
  }
  if (again.compared == 0 && again.problem.empty()) row.status = status::skipped;
  return row;
}

check_row judge_streaming(const gate_evidence& evidence) {
  check_row row{.check = "streaming", .summary = {}, .findings = {}};
  std::size_t n = 0;
  for (std::size_t i = 0; i < evidence.results.size(); ++i) {
    n += evidence.cases[i].response ? 1 : 0;
    const auto& each = evidence.results[i];
    if (!each.stream.empty()) add(row, {.of = each.id, .status = status::fail, .what = each.stream, .examples = {example_of(each)}});
  }
  row.summary = counted(n, "answer", "answers") + " in pieces of several sizes, " + std::to_string(row.findings.size()) + " otherwise than whole";
  if (n == 0) row.status = status::skipped;
  return row;
}

check_row judge_self_check(const gate_evidence& evidence, const gate_terms& terms) {
  check_row row{.check = "self_check", .summary = {}, .findings = {}};
  std::size_t noticed = 0;
  for (const probe& each : evidence.probes) {
    if (!each.possible) {
      const bool demanded = each.needs == "must_block" ? terms.requires_set("must_block") : terms.requires_set("must_pass") || terms.requires_set("benign");
      lack(row, demanded, {.of = each.name, .what = "nothing here could notice it: " + each.what, .examples = {}, .missing = 1});
      continue;
    }
    noticed += each.red ? 1 : 0;
    add(row, {.of = each.name, .status = each.red ? status::pass : status::fail, .what = each.what, .examples = {}});
  }
  row.summary = std::to_string(noticed) + " of " + counted(evidence.probes.size(), "fault", "faults") + " put in on purpose noticed";
  if (evidence.probes.empty()) row.status = status::skipped;
  return row;
}

}  // namespace sluice::rollout
