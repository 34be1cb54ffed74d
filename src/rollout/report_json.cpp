// The report as JSON, and the digest over what in it does not depend on the machine's mood: no times.
#include <cmath>
#include <nlohmann/json.hpp>

#include "report.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::rollout {
namespace {

using json = nlohmann::ordered_json;

json of(const rate& r) {
  // Twelve digits: the last ones of a double are the library's affair.
  constexpr double digits = 1e12;
  json out = {{"name", r.name}, {"hits", r.hits}, {"cases", r.n}, {"bound95", std::round(r.bound * digits) / digits}};
  if (r.limit) out["limit"] = *r.limit;
  return out;
}

json of(const std::vector<rate>& rates) {
  json out = json::array();
  for (const rate& each : rates) out.push_back(of(each));
  return out;
}

// `timed`: with what was measured in time, which the row of costs says in words.
json rows_of(const gate_report& report, bool timed) {
  json out = json::array();
  for (const check_row& row : report.rows) {
    json findings = json::array();
    const bool silent = row.check == "cost" && !timed;
    for (const finding& each : row.findings) {
      json one = {{"of", each.of}, {"status", to_string(each.status)}};
      if (!silent) one["what"] = each.what;
      if (!each.examples.empty()) one["examples"] = each.examples;
      if (each.missing > 0) one["missing"] = each.missing;
      findings.push_back(std::move(one));
    }
    json one = {{"check", row.check}, {"status", to_string(row.status)}};
    if (!silent) one["summary"] = row.summary;
    one["findings"] = std::move(findings);
    out.push_back(std::move(one));
  }
  return out;
}

json rules_of(const gate_report& report, bool timed) {
  json out = json::array();
  for (const rule_report& each : report.rules) {
    json one = {{"rule", each.rule.id},
                {"policy", each.rule.policy},
                {"enforcement", policy::to_string(each.rule.enforcement)},
                {"action", policy::to_string(each.rule.action)},
                {"tests", each.tests},
                {"failed", each.failed},
                {"golden_hits", each.golden_hits},
                {"shadow_hits", each.shadow_hits},
                {"false_positives", of(each.false_positives)}};
    if (timed) one["us_p99"] = each.us;
    out.push_back(std::move(one));
  }
  return out;
}

json changes_of(const gate_report& report) {
  json out = json::array();
  for (const auto& each : report.changes) {
    out.push_back({{"id", each.id}, {"set", each.set}, {"place", to_string(each.place)}, {"before", policy::to_string(each.before)}, {"after", policy::to_string(each.after)},
                   {"rules_before", each.rules_before}, {"rules_after", each.rules_after}, {"text_differs", each.text_differs}});
  }
  return out;
}

json failed_of(const gate_evidence& evidence) {
  json out = json::array();
  const auto tests = [&](const std::vector<policy::test_result>& all, const char* from) {
    for (const auto& each : all) {
      if (!each.passed) out.push_back({{"from", from}, {"id", each.rule + "/" + each.test}, {"place", to_string(each.place)}, {"what", each.what}});
    }
  };
  const auto cases = [&](const std::vector<policy::golden_result>& all, const char* from) {
    for (const auto& each : all) {
      if (!each.passed) out.push_back({{"from", from}, {"id", each.id}, {"place", to_string(each.place)}, {"what", each.what + (each.what.empty() || each.stream.empty() ? "" : "; ") + each.stream}});
    }
  };
  tests(evidence.tests, "tests");
  cases(evidence.results, "golden");
  if (!evidence.active) return out;
  tests(evidence.active->tests, "tests of the active bundle");
  cases(evidence.active->golden, "golden sets of the active bundle");
  return out;
}

json document_of(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms, bool timed) {
  json out = {{"verdict", to_string(report.verdict)}};
  if (timed) out["reasons"] = report.reasons;
  out["bundle"] = evidence.bundle;
  out["version"] = evidence.version;
  out["golden_digest"] = evidence.golden_digest;
  out["engine"] = evidence.engine;
  if (evidence.active) {
    out["against"] = evidence.active->version;
    out["effect"] = policy::to_string(evidence.active->change.effect);
  }
  if (!terms.approved_by.empty()) out["approved_by"] = terms.approved_by;
  if (!terms.expected_change.empty()) out["expected_change"] = terms.expected_change;
  if (terms.emergency) {
    out["emergency"] = true;
    out["skipped"] = skipped_checks(report, terms);
  }
  if (evidence.replayed) {
    json changed = json::array();
    for (const auto& each : evidence.replayed->changes) {
      changed.push_back({{"id", each.id}, {"before", policy::to_string(each.before)}, {"after", policy::to_string(each.after)}, {"rules_before", each.rules_before}, {"rules_after", each.rules_after}});
    }
    out["replayed"] = {{"decisions", evidence.replayed->decisions}, {"without_text", evidence.replayed->without_text}, {"changes", std::move(changed)}};
  }
  out["tests"] = evidence.tests.size();
  out["golden"] = evidence.results.size();
  out["checks"] = rows_of(report, timed);
  out["false_positives"] = of(report.false_positives);
  out["recall"] = of(report.recall);
  out["rules"] = rules_of(report, timed);
  out["changes"] = changes_of(report);
  out["failed"] = failed_of(evidence);
  if (!timed) return out;
  json cost = {{"database_bytes", evidence.cost.database_bytes}, {"perf_cases", evidence.cost.perf_cases}, {"case_us", evidence.cost.case_us}};
  if (evidence.cost.compile) cost["compile_ms"] = evidence.cost.compile->count();
  if (evidence.cost.compile_bytes > 0) cost["compile_bytes"] = evidence.cost.compile_bytes;
  out["cost"] = std::move(cost);
  out["digest"] = report.digest;
  return out;
}

}  // namespace

std::string digest_of(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms) {
  const nlohmann::json canonical = parse_bounded<nlohmann::json>(document_of(report, evidence, terms, false).dump(-1, ' ', false, json::error_handler_t::replace), record_bounds);
  return crypto::sha256_hex(canonical.dump());
}

std::string to_json(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms) {
  return document_of(report, evidence, terms, true).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::rollout
