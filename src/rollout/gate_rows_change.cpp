// Checks against the active version: which decisions change and whether for the worse, what is weaker, and whether what it promised holds.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <set>

#include "gate_rows.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/rollout/feedback.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

constexpr double level = 1 - confidence;
constexpr double unexplained_max = 0.002;  // of benign decisions that change without a word why

// Cases that two versions decide differently, one way and the other.
struct pairs {
  std::size_t worse = 0, better = 0, deleted = 0;  // deleted: of the worse
  std::vector<std::string> examples;  // of the worse
  void count(bool was_good, bool is_good, const compared_case& of) {
    if (was_good == is_good) return;
    ++(is_good ? better : worse);
    if (is_good) return;
    deleted += of.deleted ? 1 : 0;
    if (examples.size() < examples_max) examples.push_back(example_of(of));
  }
};
using family = std::map<std::string, pairs>;  // by what is tested

// Whether a family of tests shows that something got worse: falsely, of a change that changed nothing, as seldom as a single test would. The totals
// are one family, slices and rules another, so that a hundred slices hide no loss in total: one of the two is wrong at most twice as often.
void judge_family(const family& all, check_row& row) {
  std::vector<double> p;
  std::vector<const family::value_type*> tests;
  for (const auto& test : all) {
    if (test.second.worse + test.second.better == 0) continue;
    tests.push_back(&test);
    p.push_back(paired_worse(test.second.worse, test.second.better));
  }
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const auto& [of, counts] = *tests[i];
    char chance[32];
    std::snprintf(chance, sizeof chance, "%.3g", adjusted[i]);
    finding made{.of = of, .what = std::to_string(counts.worse) + " cases got worse and " + std::to_string(counts.better) + " better (p = " + chance + ", exact paired test" +
                                   (tests.size() > 1 ? ", Holm over " + std::to_string(tests.size()) + " tests)" : ")") +
                                   (counts.deleted > 0 ? "; " + counted(counts.deleted, "of them is a case", "of them are cases") + " of the active version that the change deletes" : ""),
                 .examples = counts.examples};
    if (adjusted[i] < level) made.status = status::fail;
    add(row, std::move(made));
  }
}

bool decision_differs(const policy::golden_result& was, const policy::golden_result& now) { return was.action != now.action || was.texts != now.texts; }

bool has_rule(const policy::golden_result& in, const std::string& rule) { return std::ranges::find(in.rules, rule) != in.rules.end(); }

// How many benign decisions are others, whether for the worse or not.
void judge_unexplained(const pairs& changed, std::size_t n, const gate_terms& terms, const std::string& of, check_row& row) {
  if (changed.worse == 0) return;
  finding made{.of = of, .what = std::to_string(changed.worse) + " of " + std::to_string(n) + " change", .examples = changed.examples};
  if (share(changed.worse, n) > unexplained_max && terms.expected_change.empty()) {
    made.status = status::fail;
    made.what += ", more than " + percent(unexplained_max) + ": say why with --expected-change";
  } else if (!terms.expected_change.empty()) {
    made.what += "; expected: " + terms.expected_change;
  }
  add(row, std::move(made));
}

void compare_benign(const gate_evidence& evidence, const gate_terms& terms, family& total, family& parts, check_row& row) {
  std::set<std::string> changing;
  for (const rule_facts& rule : evidence.rules) {
    if (policy::changes_match(rule.action)) changing.insert(rule.id);
  }
  std::size_t n = 0, n_deleted = 0;
  pairs changed, changed_deleted;
  for (const auto& each : compared_cases(evidence)) {
    const auto& [of, was, now, deleted] = each;
    if (of.set != "benign") continue;
    ++(deleted ? n_deleted : n);
    (deleted ? changed_deleted : changed).count(true, !decision_differs(was, now), each);
    total["benign"].count(!touched(was), !touched(now), each);
    for (const auto& slice : of.slice) parts["benign/" + slice].count(!touched(was), !touched(now), each);
    for (const auto* ids : {&was.rules, &now.rules}) {
      for (const auto& id : *ids) {
        if (has_rule(was, id) != has_rule(now, id) && changing.contains(id)) parts["rule " + id].count(!has_rule(was, id), !has_rule(now, id), each);
      }
    }
  }
  judge_unexplained(changed, n, terms, "benign decisions", row);
  // By themselves: among thousands that nobody touched, the three that were swapped would not show.
  judge_unexplained(changed_deleted, n_deleted, terms, "benign decisions of deleted cases", row);
}

void compare_attacks(const gate_evidence& evidence, family& total, family& parts) {
  for (const auto& each : compared_cases(evidence)) {
    if (each.of.set != "attack") continue;
    const bool was_caught = caught(each.before), is_caught = caught(each.now);
    total["attack"].count(was_caught, is_caught, each);
    for (const auto& slice : each.of.slice) parts["attack/" + slice].count(was_caught, is_caught, each);
  }
}

check_row without_active(const char* check) { return {.check = check, .status = status::skipped, .summary = "no active version to hold it against (--against)", .findings = {}}; }

}  // namespace

check_row judge_changes(const gate_evidence& evidence, const gate_terms& terms) {
  if (!evidence.active) return without_active("changes");
  check_row row{.check = "changes", .summary = {}, .findings = {}};
  std::size_t blocked = 0, passed = 0, text = 0, rules = 0;
  for (const auto& each : policy::diff_decisions(evidence.active->before, evidence.results)) {
    const bool was = policy::changes_match(each.before), is = policy::changes_match(each.after);
    ++(was != is ? (is ? blocked : passed) : each.text_differs || each.before != each.after ? text : rules);
  }
  row.summary = "of " + counted(evidence.results.size(), "case", "cases") + " " + std::to_string(blocked) + " newly changed or blocked, " + std::to_string(passed) + " newly passed, " + std::to_string(text) +
                " with another text or action, " + std::to_string(rules) + " by other rules";
  if (const auto n = evidence.active->deleted.cases.size(); n > 0) row.summary += "; and " + counted(n, "case", "cases") + " of the active version that the change deletes";
  family totals, parts;
  compare_benign(evidence, terms, totals, parts, row);
  compare_attacks(evidence, totals, parts);
  judge_family(totals, row);
  judge_family(parts, row);
  return row;
}

std::vector<std::string> loosened(const std::optional<policy::gate_spec>& was, const std::optional<policy::gate_spec>& now) {
  std::vector<std::string> out;
  if (!was) return out;
  if (!now) return {"the block is gone"};
  for (const auto& set : was->require) {
    if (std::ranges::find(now->require, set) == now->require.end()) out.push_back("set " + set + " is not required any more");
  }
  for (const auto& [slice, floor] : was->floors) {
    const auto at = now->floors.find(slice);
    if (at == now->floors.end() || at->second < floor) out.push_back("the floor of " + slice + " is " + (at == now->floors.end() ? "gone" : "lower"));
  }
  const auto higher = [&](const char* what, double before, double after) {
    if (after > before) out.push_back(std::string(what) + " may be higher");
  };
  higher("false_positives.total", was->false_positives_total, now->false_positives_total);
  higher("false_positives.slice", was->false_positives_slice, now->false_positives_slice);
  higher("false_positives.rule", was->false_positives_rule, now->false_positives_rule);
  // Without a word, the bundle's own limits hold, which are no part of the block.
  const auto bound = [](const auto& limit) { return limit ? static_cast<double>(*limit) : std::numeric_limits<double>::infinity(); };
  higher("cost.compile", static_cast<double>(was->compile_max.count()), static_cast<double>(now->compile_max.count()));
  higher("cost.compile_bytes", static_cast<double>(was->compile_bytes_max), static_cast<double>(now->compile_bytes_max));
  higher("cost.database_bytes", bound(was->database_bytes_max), bound(now->database_bytes_max));
  higher("cost.rule_us", bound(was->rule_us_max), bound(now->rule_us_max));
  higher("cost.slower", was->slower_max, now->slower_max);
  for (const auto& waiver : now->waivers) {
    const auto same = [&](const policy::gate_waiver& other) { return other.check == waiver.check && (other.of.empty() || other.of == waiver.of) && other.expires >= waiver.expires; };
    if (std::ranges::none_of(was->waivers, same)) out.push_back(waiver.check + (waiver.of.empty() ? "" : " of " + waiver.of) + " is waived until " + waiver.expires);
  }
  return out;
}

bool same_person(const std::string& a, const std::string& b) { return person(a.substr(0, a.find('@'))) == person(b.substr(0, b.find('@'))); }

bool weaker(const policy::bundle_ast& was, const policy::bundle_ast& now) {
  return policy::diff(was, now).effect >= policy::effect::may_weaken || !loosened(was.gate, now.gate).empty();
}

check_row judge_weakening(const gate_evidence& evidence, const gate_terms& terms) {
  if (!evidence.active) return without_active("weakening");
  const auto& change = evidence.active->change;
  const bool certain = change.effect == policy::effect::weaker;
  check_row row{.check = "weakening", .summary = std::string(certain ? "WEAKER" : "may be weaker") + " than version " + evidence.active->version.substr(0, 12), .findings = {}};
  const auto less = loosened(evidence.active->gate, evidence.gate);
  if (change.effect < policy::effect::may_weaken && less.empty()) {
    row.summary = change.effect == policy::effect::none ? "nothing that decides changed" : "nothing is weaker than in version " + evidence.active->version.substr(0, 12);
    return row;
  }
  const bool alone = terms.approved_by.empty(), self = !alone && same_person(terms.approved_by, terms.actor);
  const std::string word = alone ? "a second person must agree: --approved-by NAME" : self ? "the second person must be another than " + terms.actor : "approved by " + terms.approved_by;
  const auto weaker = [&](const std::string& of, const std::string& what) { add(row, {.of = of, .status = alone || self ? status::fail : status::pass, .what = what + "; " + word, .examples = {}}); };
  for (const auto& each : change.rules) {
    if (each.effect < policy::effect::may_weaken) continue;
    const std::string where = each.cells.empty() ? "" : (each.cells == std::vector<std::string>{"everywhere"} ? " " : " in ") + join(each.cells, "; ");
    const std::string details = each.kind == policy::rule_change::kind::removed ? "removed" : join(each.details, "; ");
    weaker("rule " + each.rule, std::string(to_string(each.effect)) + where + (details.empty() ? "" : " (" + details + ")"));
  }
  if (!less.empty()) weaker("gate", "it asks for less (" + join(less, "; ") + ")");
  if (change.effect < policy::effect::may_weaken) {
    row.summary = "the rules are no weaker, and the gate asks for less than that of version " + evidence.active->version.substr(0, 12);
    return row;
  }
  if (change.bundle_effect >= policy::effect::may_weaken) weaker("bundle", std::string(to_string(change.bundle_effect)) + " (" + join(change.bundle, "; ") + ")");
  if (!evidence.active->has_must_block) {
    add(row, {.of = "must_block", .status = status::insufficient, .what = "the active version has no golden set must_block to hold the change against", .examples = {}, .missing = 1});
  }
  return row;
}

check_row judge_replay(const gate_evidence& evidence, const gate_terms& terms) {
  check_row row{.check = "replay", .status = status::skipped, .summary = "no decisions to decide again (--decisions)", .findings = {}};
  if (!evidence.replayed) return row;
  const auto& all = *evidence.replayed;
  row.status = status::pass;
  std::size_t stopped = 0, passed = 0, otherwise = 0;
  std::map<std::string, std::vector<std::string>> by_rule;  // decisions that a rule now finds, or no longer
  for (const auto& each : all.changes) {
    const bool was = each.before >= policy::verdict::edit, is = each.after >= policy::verdict::edit;
    ++(was == is ? otherwise : is ? stopped : passed);
    for (const auto& id : each.rules_after) {
      if (std::ranges::find(each.rules_before, id) == each.rules_before.end()) by_rule["rule " + id + " finds more"].push_back(each.id);
    }
    for (const auto& id : each.rules_before) {
      if (std::ranges::find(each.rules_after, id) == each.rules_after.end()) by_rule["rule " + id + " finds less"].push_back(each.id);
    }
  }
  row.summary = "of " + counted(all.decisions, "logged decision", "logged decisions") + " " + std::to_string(stopped) + " newly changed or blocked, " + std::to_string(passed) + " newly passed, " +
                std::to_string(otherwise) + " by other rules or actions; " + std::to_string(all.without_text) + " have no text to decide by";
  if (all.decisions == 0) {
    lack(row, false, {.of = "decisions", .what = "none of " + std::to_string(all.without_text) + " decisions can be decided again: is audit.text encrypted, and --secret right?", .examples = {}, .missing = 1});
    return row;
  }
  for (auto& [what, ids] : by_rule) {
    finding made{.of = what, .status = status::pass, .what = counted(ids.size(), "decision", "decisions"), .examples = std::move(ids)};
    if (made.examples.size() > examples_max) made.examples.resize(examples_max);
    add(row, std::move(made));
  }
  const auto touched_otherwise = stopped + passed;
  if (share(touched_otherwise, all.decisions) > unexplained_max) {
    const bool explained = !terms.expected_change.empty();
    add(row, {.of = "decisions", .status = explained ? status::pass : status::fail,
              .what = std::to_string(touched_otherwise) + " of " + std::to_string(all.decisions) + " end otherwise, more than " + percent(unexplained_max) +
                      (explained ? "; expected: " + terms.expected_change : ": say why with --expected-change"),
              .examples = {}});
  }
  return row;
}

check_row judge_promises(const gate_evidence& evidence) {
  if (!evidence.active) return without_active("promises");
  check_row row{.check = "promises", .summary = {}, .findings = {}};
  for (const auto& test : evidence.active->tests) {
    if (!test.passed) add(row, {.of = test.rule + "/" + test.test, .status = status::fail, .what = "a test of the active version: " + test.what, .examples = {to_string(test.place)}});
  }
  for (const auto& each : evidence.active->golden) {
    if (each.judged && !each.what.empty()) add(row, {.of = each.id, .status = status::fail, .what = "a golden case of the active version: " + each.what, .examples = {example_of(each)}});
  }
  row.summary = counted(evidence.active->tests.size(), "test", "tests") + " and " + counted(evidence.active->golden.size(), "golden case", "golden cases") + " of the active version, " +
                std::to_string(row.findings.size()) + " broken" + (row.findings.empty() ? "" : " (one that is meant to be needs a waiver: {check: promises, of: NAME, …})");
  if (const auto gone = evidence.active->tests_without_rule; gone > 0) row.summary += "; " + counted(gone, "test", "tests") + " of rules that are gone not counted: weakening names those";
  return row;
}

}  // namespace sluice::rollout
