// The gate that a version passes before it goes live: evidence is gathered once (gather), and judged by terms (judge), check by check.
// Judging is pure: the same evidence and terms give the same report, byte for byte. Control plane only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/audit/replay.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/store/shown_blocks.hpp"

namespace sluice::rollout {

// In order of concern. `skipped`: there was nothing to hold against it, and nobody demanded it.
enum class status : unsigned char { pass, skipped, warning, waived, insufficient, fail };
std::string_view to_string(status s);

// `emergency`: what was asked passes, and golden sets were not asked.
enum class verdict : unsigned char { pass, emergency, insufficient, fail };
std::string_view to_string(verdict v);

// What is demanded, and what people said on the way.
struct gate_terms {
  policy::gate_spec limits;
  bool has_block = false;                     // the bundle has a `gate` block; without it what is missing is a warning
  std::optional<double> false_positives_max;  // of the command line: demands set `benign`
  std::string actor, approved_by, expected_change;
  wall_time today;
  bool emergency = false;                     // golden sets are not asked
  [[nodiscard]] bool requires_set(std::string_view set) const;
};
[[nodiscard]] gate_terms terms_of(const policy::bundle_ast& bundle, wall_time today);

struct rule_facts {
  std::string id, policy;
  policy::enforcement enforcement = policy::enforcement::enforce;
  policy::action action = policy::action::flag;
};

struct cost_evidence {
  std::optional<milliseconds> compile;         // from nothing; not measured when the caller did not ask
  std::uint64_t compile_bytes = 0;             // the most that the compiler held; 0: not measured
  std::uint64_t database_bytes = 0, database_bytes_max = 0;
  std::optional<std::uint32_t> rule_us_max;    // of the bundle's limits
  std::size_t perf_cases = 0;                  // 0: the longest cases of other sets stood in
  std::vector<double> case_us, active_us;      // of each case measured, sorted
  std::map<std::string, double> rule_us;       // 99 in 100 cases are cheaper
};

// The same cases again, by a version compiled from nothing, one after the other from the last to the first.
struct repeat_evidence {
  std::size_t compared = 0;
  std::vector<std::string> differing;  // ids
  std::string problem;                 // why it could not be repeated
};

// A fault that was put into the version to see whether the gate notices.
struct probe {
  std::string name, needs;  // needs: the sets that could notice it
  bool possible = false, red = false;
  std::string what;
};

// Cases of the active version's sets benign and attack that the candidate does not have: who deletes a case in the change that it speaks against
// gains nothing by it.
struct deleted_evidence {
  std::vector<policy::golden_case> cases;
  std::vector<policy::golden_result> before, now;  // of each case, by the active version and by the candidate
};

struct active_evidence {
  std::string version;
  policy::bundle_diff change;
  std::vector<policy::golden_result> before;   // the candidate's cases by the active version, in their order
  std::vector<policy::test_result> tests;      // the active version's, by the candidate
  std::vector<policy::golden_result> golden;   // the active version's, by the candidate
  std::size_t tests_without_rule = 0;          // its tests of rules and policies that the candidate has no more: nobody can run them
  bool has_must_block = false;
  std::optional<policy::gate_spec> gate = {};  // what the active version demanded of itself
  deleted_evidence deleted = {};
};

// Decisions of a log, decided again by the candidate.
struct replayed_evidence {
  struct change {
    std::string id;
    policy::verdict before = policy::verdict::allow, after = policy::verdict::allow;
    std::vector<std::string> rules_before, rules_after;
  };
  std::size_t decisions = 0, without_text = 0;  // compared; and not, because their text was not kept
  std::vector<change> changes;
};

// What a rule sees of set benign: where it is in force, for who the case says is asking, and anywhere where the case does not say.
struct rule_benign {
  std::size_t n = 0, hits = 0;
  std::size_t with_text = 0;  // of `n`: cases that have text of the rule's direction
  std::vector<std::string> examples = {};  // of the hits
};

struct gate_evidence {
  std::string bundle, version, golden_digest, engine;
  std::vector<std::string> refusals;  // why the bundle was refused; then nothing else is known
  std::vector<rule_facts> rules;
  std::vector<policy::test_result> tests;
  std::vector<policy::golden_case> cases;
  std::vector<policy::golden_result> results;  // of each case
  cost_evidence cost;
  repeat_evidence repeat;
  std::vector<probe> probes;
  std::optional<policy::gate_spec> gate = {};  // what the candidate demands
  std::optional<active_evidence> active;
  std::optional<replayed_evidence> replayed = {};  // where a log was given
  store::shown_blocks benign = {};                 // blocked of set benign, for the breakers
  std::map<std::string, rule_benign> benign_seen = {};  // by rule, of those that change or block; of others: each case as it is
};

struct finding {
  std::string of;        // a slice, a rule, a case, …
  rollout::status status = rollout::status::pass;
  std::string what;
  std::vector<std::string> examples;  // cases by place and id, never their text
  std::size_t missing = 0;            // how many more cases would settle it
};

struct check_row {
  std::string check;
  rollout::status status = rollout::status::pass;
  std::string summary;
  std::vector<finding> findings;
};

// A rate with its exact 95 % bound: upper for false positives, lower for recall.
struct rate {
  std::string name;
  std::size_t hits = 0, n = 0;
  double bound = 1;
  std::optional<double> limit = {};
};

struct rule_report {
  rule_facts rule;
  std::size_t tests = 0, failed = 0, golden_hits = 0, shadow_hits = 0;
  rate false_positives;
  double us = 0;
};

struct gate_report {
  rollout::verdict verdict = rollout::verdict::fail;
  std::vector<std::string> reasons;
  std::vector<check_row> rows;
  std::vector<rule_report> rules;
  std::vector<rate> false_positives, recall;  // total first, then by slice
  std::vector<policy::decision_change> changes;
  std::string digest;                         // SHA-256 of the report without times
};

// Whether two names are one person's: with and without the host, and however they are written.
[[nodiscard]] bool same_person(const std::string& a, const std::string& b);
// Whether something is weaker in `now`, or may be, or its gate asks for less: of two bundles that were checked.
[[nodiscard]] bool weaker(const policy::bundle_ast& was, const policy::bundle_ast& now);
// What a `gate` block does not ask for any more that the one before did, in words; empty: it asks for as much.
[[nodiscard]] std::vector<std::string> loosened(const std::optional<policy::gate_spec>& was, const std::optional<policy::gate_spec>& now);
[[nodiscard]] gate_report judge(const gate_evidence& evidence, const gate_terms& terms);
// The checks that were not asked, because it was an emergency.
[[nodiscard]] std::vector<std::string> skipped_checks(const gate_report& report, const gate_terms& terms);

// The report for machines: pretty, in the order of reading. Its digest covers it in canonical form (keys sorted, no white space) without
// times, costs and the digest itself.
[[nodiscard]] std::string to_json(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms);
// One page with its charts, which asks for nothing from elsewhere.
[[nodiscard]] std::string to_html(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms);

struct candidate {
  const policy::build_report& build;   // with a snapshot
  std::string golden_digest;
  std::vector<policy::golden_case> cases;  // in an emergency only their texts count, to take times by
};
// A line of a decision log, with its text where that was kept and could be opened.
struct logged_exchange {
  std::string line;
  std::optional<audit::kept_exchange> text;
};
struct gather_options {
  match::compile_backend& backend;
  policy::shard_cache& cache;
  const policy::build_report* active = nullptr;       // with a snapshot
  std::vector<policy::golden_case> active_cases = {};
  unsigned threads = 2;
  const std::vector<logged_exchange>* decisions = nullptr;  // of a log, to be decided again
  bool golden = true;                                  // false: emergency
  bool from_nothing = true;                            // compile once more, without the cache
  std::function<void(std::size_t done, std::size_t all)> progress = {};  // from one thread at a time
};
[[nodiscard]] gate_evidence gather(const candidate& what, const gather_options& how);

// Of the cases of set `benign` how many are blocked, by rule, as far as a rule could see them.
[[nodiscard]] store::shown_blocks benign_blocks(std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results, const policy::bundle_ast& bundle, const policy::snapshot& with);

// The same of the rules that change or block: what each matches of what it sees.
[[nodiscard]] std::map<std::string, rule_benign> benign_by_rule(std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results, const policy::build_report& build, unsigned threads);

// A golden set held against a snapshot by several threads.
[[nodiscard]] std::vector<policy::golden_result> run_cases(std::span<const policy::golden_case> cases, const std::shared_ptr<const policy::snapshot>& with,
                                                           unsigned threads, policy::golden_streams streams = {}, const std::function<void(std::size_t)>& done = {});

}  // namespace sluice::rollout
