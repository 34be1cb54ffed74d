// Checks in which a single miss decides: inline tests, must_block and must_pass, and whatever else says what it expects.

#include "gate_rows.hpp"

namespace sluice::rollout {

check_row judge_tests(const gate_evidence& evidence) {
  check_row row{.check = "tests", .summary = {}, .findings = {}};
  for (const std::string& why : evidence.refusals) add(row, {.of = "bundle", .status = status::fail, .what = why, .examples = {}});
  for (const auto& test : evidence.tests) {
    if (!test.passed) add(row, {.of = test.rule + "/" + test.test, .status = status::fail, .what = test.what, .examples = {to_string(test.place)}});
  }
  row.summary = evidence.refusals.empty() ? "the schema and limits hold; " + counted(evidence.tests.size(), "inline test", "inline tests") + ", " + std::to_string(row.findings.size()) + " failed"
                                          : "the bundle was refused";
  return row;
}

check_row judge_strict_set(const gate_evidence& evidence, const gate_terms& terms, const std::string& set) {
  check_row row{.check = set, .summary = {}, .findings = {}};
  std::size_t n = 0, missed = 0;
  for (const auto& each : evidence.results) {
    if (each.set != set) continue;
    ++n;
    if (each.what.empty()) continue;
    ++missed;
    add(row, {.of = each.id, .status = status::fail, .what = each.what, .examples = {example_of(each)}});
  }
  row.summary = counted(n, "case", "cases") + ", " + std::to_string(missed) + " missed";
  if (n == 0) lack(row, terms.requires_set(set), {.of = {}, .what = "no golden case of set " + set, .examples = {}, .missing = 1});
  return row;
}

check_row judge_expectations(const gate_evidence& evidence) {
  check_row row{.check = "expectations", .summary = {}, .findings = {}};
  std::size_t n = 0, missed = 0;
  for (const auto& each : evidence.results) {
    if (each.set == "must_block" || each.set == "must_pass" || !each.judged) continue;
    ++n;
    if (each.what.empty()) continue;
    ++missed;
    add(row, {.of = each.id, .status = status::fail, .what = each.what, .examples = {example_of(each)}});
  }
  row.summary = counted(n, "case", "cases") + " of other sets that say what they expect, " + std::to_string(missed) + " missed";
  if (n == 0) row.status = status::skipped;
  return row;
}

}  // namespace sluice::rollout
