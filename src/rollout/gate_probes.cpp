// The gate holds itself to account: a rule that blocks everything, and the loss of a rule, are put into the version, and the rows that
// should go red must. A golden set that would notice neither proves nothing by passing.
#include <algorithm>

#include "gate_rows.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t cases_max = 200;  // of a set: what these do not notice, more of the same would not

// Evidence of some cases under another version; the rest of it is not looked at.
gate_evidence evidence_of(std::vector<policy::golden_case> cases, const std::shared_ptr<const policy::snapshot>& with, unsigned threads) {
  gate_evidence out;
  out.cases = std::move(cases);
  out.results = run_cases(out.cases, with, threads, {.on = false});
  return out;
}

policy::policy_ast blocks_everything() {
  policy::policy_ast out;
  out.name = "~gate";  // no name of a policy
  out.binds = {policy::scope{}};
  policy::rule bad;
  bad.id = "~gate-blocks-everything";
  bad.match.kind = policy::match_spec::kind::regex;
  bad.match.regex.pattern = "(?s).";
  bad.action.type = policy::action::block;
  bad.action.message = "blocked";
  out.rules.push_back(std::move(bad));
  return out;
}

std::vector<policy::golden_case> some(const gate_evidence& evidence, std::string_view set) {
  std::vector<policy::golden_case> out;
  for (const auto& each : evidence.cases) {
    if (each.set == set && out.size() < cases_max) out.push_back(each);
  }
  return out;
}

probe with_bad_rule(const gate_evidence& evidence, const policy::build_report& build, const gather_options& how) {
  probe out{.name = "a rule that blocks everything", .needs = "must_pass or benign", .what = {}};
  auto cases = some(evidence, "must_pass");
  std::ranges::move(some(evidence, "benign"), std::back_inserter(cases));
  out.possible = !cases.empty();
  if (!out.possible) {
    out.what = "there is no golden case of set must_pass or benign";
    return out;
  }
  policy::bundle_ast bad = build.bundle;
  bad.policies.push_back(blocks_everything());
  policy::diagnostics found;
  const auto compiled = policy::compile(bad, how.backend, how.cache, found);
  if (compiled == nullptr) {
    out.what = "it could not be put in: " + policy::to_text(found);
    return out;
  }
  gate_terms strict;
  strict.limits.require = {"benign"};
  const auto seen = evidence_of(std::move(cases), compiled, how.threads);
  const bool pass = judge_strict_set(seen, strict, "must_pass").status == status::fail;
  const bool benign = judge_false_positives(seen, strict).status == status::fail;
  out.red = pass || benign;
  out.what = out.red ? std::string("noticed by ") + (pass ? "must_pass" : "") + (pass && benign ? " and " : "") + (benign ? "false_positives" : "") : "neither must_pass nor false_positives failed: what do their cases expect?";
  return out;
}

// The rule on which the most cases of must_block hang alone.
std::string most_needed(const gate_evidence& evidence) {
  std::map<std::string, std::size_t> alone;
  for (const auto& each : evidence.results) {
    if (each.set == "must_block" && each.what.empty() && each.rules.size() == 1) ++alone[each.rules.front()];
  }
  const auto most = std::ranges::max_element(alone, {}, [](const auto& entry) { return entry.second; });
  return most == alone.end() ? std::string() : most->first;
}

probe without_a_rule(const gate_evidence& evidence, const policy::build_report& build, const gather_options& how) {
  const std::string id = most_needed(evidence);
  probe out{.name = "the loss of a rule", .needs = "must_block", .what = {}};
  out.possible = !id.empty();
  if (!out.possible) {
    out.what = "no golden case of set must_block hangs on one rule alone";
    return out;
  }
  policy::bundle_ast bad = build.bundle;
  // In shadow, a rule stops nothing and its patterns stay compiled: the loss without the wait.
  policy::put_in_shadow(bad, id);
  policy::diagnostics found;
  const auto compiled = policy::compile(bad, how.backend, how.cache, found);
  if (compiled == nullptr) {
    out.what = "it could not be taken out: " + policy::to_text(found);
    return out;
  }
  std::vector<policy::golden_case> cases;
  for (std::size_t i = 0; i < evidence.results.size() && cases.size() < cases_max; ++i) {
    if (evidence.results[i].set == "must_block" && evidence.results[i].rules == std::vector<std::string>{id}) cases.push_back(evidence.cases[i]);
  }
  out.red = judge_strict_set(evidence_of(std::move(cases), compiled, how.threads), {}, "must_block").status == status::fail;
  out.what = out.red ? "without " + id + ", must_block fails" : "without " + id + ", must_block still passes: what do its cases expect?";
  return out;
}

}  // namespace

std::vector<probe> run_probes(const gate_evidence& evidence, const policy::build_report& build, const gather_options& how) {
  return {with_bad_rule(evidence, build, how), without_a_rule(evidence, build, how)};
}

}  // namespace sluice::rollout
