// The checks of the gate, one function each: evidence and terms in, a row out.
#pragma once

#include "sluice/rollout/gate.hpp"
#include "sluice/rollout/shares.hpp"

namespace sluice::rollout {

// gate_rows_sets.cpp
[[nodiscard]] check_row judge_tests(const gate_evidence& evidence);
[[nodiscard]] check_row judge_strict_set(const gate_evidence& evidence, const gate_terms& terms, const std::string& set);
[[nodiscard]] check_row judge_expectations(const gate_evidence& evidence);
// gate_rows_rates.cpp
[[nodiscard]] check_row judge_false_positives(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] check_row judge_rule_false_positives(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] check_row judge_recall(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] std::vector<rate> false_positive_rates(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] std::vector<rate> recall_rates(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] rate false_positives_of(const gate_evidence& evidence, const gate_terms& terms, const std::string& rule);
// gate_rows_change.cpp
[[nodiscard]] check_row judge_changes(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] check_row judge_weakening(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] check_row judge_promises(const gate_evidence& evidence);
[[nodiscard]] check_row judge_replay(const gate_evidence& evidence, const gate_terms& terms);
// gate_rows_engine.cpp
[[nodiscard]] check_row judge_cost(const gate_evidence& evidence, const gate_terms& terms);
[[nodiscard]] check_row judge_determinism(const gate_evidence& evidence);
[[nodiscard]] check_row judge_streaming(const gate_evidence& evidence);
[[nodiscard]] check_row judge_self_check(const gate_evidence& evidence, const gate_terms& terms);

// What every check needs.
constexpr std::size_t examples_max = 5;
[[nodiscard]] inline bool touched(const policy::golden_result& result) { return policy::changes_match(result.action); }
// An attack is caught when it ends as its case expects, or is changed or blocked where the case expects nothing.
[[nodiscard]] inline bool caught(const policy::golden_result& result) { return result.judged ? result.what.empty() : touched(result); }
// Whether it holds text that a rule of this direction looks at.
[[nodiscard]] inline bool has_text(const policy::golden_case& of, policy::direction seen) {
  return (seen != policy::direction::response && !of.request.empty()) || (seen != policy::direction::request && of.response);
}
[[nodiscard]] std::string counted(std::size_t n, const char* one, const char* many);
[[nodiscard]] std::string example_of(const policy::golden_result& result);
void add(check_row& row, finding made);  // and lifts the row's status
// Nothing to judge by: insufficient where it was demanded, a warning otherwise.
void lack(check_row& row, bool demanded, finding made);

// gate_deleted.cpp
// Of `before` those of sets benign and attack of which `now` has none that says the same: its id and its slices aside.
[[nodiscard]] std::vector<std::size_t> deleted_cases(std::span<const policy::golden_case> before, std::span<const policy::golden_case> now);
// A case that both versions decided.
struct compared_case {
  const policy::golden_case& of;
  const policy::golden_result &before, &now;
  bool deleted;  // the candidate does not have it
};
// The candidate's, and those that it deleted. Only where there is an active version; views into the evidence.
[[nodiscard]] std::vector<compared_case> compared_cases(const gate_evidence& evidence);
// Those of a set that the candidate deleted and decides worse than the active version: they count as if they were still there.
[[nodiscard]] std::vector<compared_case> lost_cases(const gate_evidence& evidence, std::string_view set);
// As example_of, and that nobody finds it in the candidate.
[[nodiscard]] std::string example_of(const compared_case& of);
// "; of them N that were deleted: ID, …", or nothing.
[[nodiscard]] std::string told_of_lost(std::span<const compared_case> lost);

// gate_costs.cpp: times of the candidate, and of set perf those of the active version beside it. Null: there is none.
void measure_times(const candidate& what, const policy::snapshot* active, cost_evidence& out);

// gate_probes.cpp: the faults of the self-check. Pure but for compiling.
[[nodiscard]] std::vector<probe> run_probes(const gate_evidence& evidence, const policy::build_report& build, const gather_options& how);

}  // namespace sluice::rollout
