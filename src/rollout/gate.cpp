// The rows in their order, waivers, and what they come to.
#include "sluice/rollout/gate.hpp"

#include <algorithm>
#include <array>

#include "gate_rows.hpp"
#include "report.hpp"

namespace sluice::rollout {
namespace {

constexpr std::array<std::string_view, 6> status_words = {"pass", "skipped", "warning", "waived", "INSUFFICIENT", "FAIL"};
constexpr std::array<std::string_view, 4> verdict_words = {"PASS", "EMERGENCY", "INSUFFICIENT", "FAIL"};

bool over(const std::string& day, wall_time today) {
  const auto begin = parse_time(day);
  return !begin || *begin + std::chrono::days(1) <= today;
}

void waive(check_row& row, const gate_terms& terms) {
  for (const auto& waiver : terms.limits.waivers) {
    if (waiver.check != row.check) continue;
    const bool expired = over(waiver.expires, terms.today);
    for (finding& each : row.findings) {
      if (each.status < status::insufficient || (!waiver.of.empty() && waiver.of != each.of)) continue;
      each.what += expired ? "; the waiver of " + waiver.by + " ended on " + waiver.expires
                           : "; waived by " + waiver.by + " until " + waiver.expires + ": " + waiver.reason;
      if (!expired) each.status = status::waived;
    }
  }
  row.status = row.findings.empty() ? row.status : std::ranges::max_element(row.findings, {}, &finding::status)->status;
}

std::vector<check_row> judged(const gate_evidence& evidence, const gate_terms& terms) {
  std::vector<check_row> rows = {judge_tests(evidence)};
  if (!evidence.refusals.empty()) return rows;
  const auto skip = [&](const char* check) { rows.push_back({.check = check, .status = status::skipped, .summary = "an emergency: golden sets were not asked", .findings = {}}); };
  if (terms.emergency) {
    for (const char* check : {"must_block", "must_pass", "expectations", "false_positives", "rule_false_positives", "recall", "changes", "weakening", "promises", "replay"}) skip(check);
    rows.push_back(judge_cost(evidence, terms));
    for (const char* check : {"determinism", "streaming", "self_check"}) skip(check);
    return rows;
  }
  rows.push_back(judge_strict_set(evidence, terms, "must_block"));
  rows.push_back(judge_strict_set(evidence, terms, "must_pass"));
  rows.push_back(judge_expectations(evidence));
  rows.push_back(judge_false_positives(evidence, terms));
  rows.push_back(judge_rule_false_positives(evidence, terms));
  rows.push_back(judge_recall(evidence, terms));
  rows.push_back(judge_changes(evidence, terms));
  rows.push_back(judge_weakening(evidence, terms));
  rows.push_back(judge_promises(evidence));
  rows.push_back(judge_replay(evidence, terms));
  rows.push_back(judge_cost(evidence, terms));
  rows.push_back(judge_determinism(evidence));
  rows.push_back(judge_streaming(evidence));
  rows.push_back(judge_self_check(evidence, terms));
  return rows;
}

std::vector<rule_report> rule_reports(const gate_evidence& evidence, const gate_terms& terms) {
  std::map<std::string, rule_report> by_id;
  for (const rule_facts& each : evidence.rules) {
    const auto cost = evidence.cost.rule_us.find(each.id);
    by_id[each.id] = {.rule = each, .false_positives = false_positives_of(evidence, terms, each.id), .us = cost == evidence.cost.rule_us.end() ? 0 : cost->second};
  }
  for (const auto& test : evidence.tests) {
    const auto at = by_id.find(test.rule);
    if (at == by_id.end()) continue;  // of a suite
    ++at->second.tests;
    at->second.failed += test.passed ? 0 : 1;
  }
  for (const auto& each : evidence.results) {
    for (const auto& id : each.rules) ++by_id[id].golden_hits;
    for (const auto& id : each.shadow) ++by_id[id].shadow_hits;
  }
  std::vector<rule_report> out;
  for (auto& [id, line] : by_id) out.push_back(std::move(line));
  return out;
}

}  // namespace

std::string_view to_string(status s) { return status_words[static_cast<std::size_t>(s)]; }
std::string_view to_string(verdict v) { return verdict_words[static_cast<std::size_t>(v)]; }

bool gate_terms::requires_set(std::string_view set) const {
  return std::ranges::find(limits.require, set) != limits.require.end() || (set == "benign" && false_positives_max);
}

gate_terms terms_of(const policy::bundle_ast& bundle, wall_time today) {
  return {.limits = bundle.gate.value_or(policy::gate_spec{}), .has_block = bundle.gate.has_value(), .false_positives_max = {}, .actor = {}, .approved_by = {}, .expected_change = {}, .today = today};
}

std::string counted(std::size_t n, const char* one, const char* many) { return std::to_string(n) + " " + (n == 1 ? one : many); }

std::string example_of(const policy::golden_result& result) { return to_string(result.place) + " " + result.id; }

void add(check_row& row, finding made) {
  row.status = std::max(row.status, made.status);
  row.findings.push_back(std::move(made));
}

void lack(check_row& row, bool demanded, finding made) {
  made.status = demanded ? status::insufficient : status::warning;
  add(row, std::move(made));
}

std::vector<std::string> skipped_checks(const gate_report& report, const gate_terms& terms) {
  std::vector<std::string> out;
  if (!terms.emergency) return out;
  for (const check_row& row : report.rows) {
    if (row.status == status::skipped) out.push_back(row.check);
  }
  return out;
}

gate_report judge(const gate_evidence& evidence, const gate_terms& terms) {
  gate_report out;
  out.rows = judged(evidence, terms);
  out.verdict = terms.emergency ? verdict::emergency : verdict::pass;
  for (check_row& row : out.rows) {
    waive(row, terms);
    if (row.status == status::fail) out.verdict = verdict::fail;
    if (row.status == status::insufficient) out.verdict = std::max(out.verdict, verdict::insufficient);
    for (const finding& each : row.findings) {
      if (each.status >= status::insufficient) out.reasons.push_back(row.check + (each.of.empty() ? "" : ": " + each.of) + ": " + each.what);
    }
  }
  out.rules = rule_reports(evidence, terms);
  out.false_positives = false_positive_rates(evidence, terms);
  out.recall = recall_rates(evidence, terms);
  if (evidence.active) out.changes = policy::diff_decisions(evidence.active->before, evidence.results);
  out.digest = digest_of(out, evidence, terms);
  return out;
}

}  // namespace sluice::rollout
