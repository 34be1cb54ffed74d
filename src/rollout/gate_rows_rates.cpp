// Checks of rates: how often harmless text is touched, in all, by slice and by rule, and how much of what is harmful is caught. A rate
// passes when its exact 95 % bound does; where it was demanded, a rate that is over its limit fails and a bound that is over it is
// insufficient evidence. Where nobody demanded it, only what is proved fails: a rate whose other bound is over the limit too.
#include <algorithm>
#include <map>
#include <set>

#include "gate_rows.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t slice_min = 300;  // cases from which a slice is judged by itself

std::set<std::string> slices_of(const gate_evidence& evidence, std::string_view set) {
  std::set<std::string> out;
  for (const auto& each : evidence.cases) {
    if (each.set == set) out.insert(each.slice.begin(), each.slice.end());
  }
  for (const auto& each : lost_cases(evidence, set)) out.insert(each.of.slice.begin(), each.of.slice.end());
  return out;
}

bool in_slice(const policy::golden_case& of, const std::string& slice) { return slice.empty() || std::ranges::find(of.slice, slice) != of.slice.end(); }

// Cases of a set (and of a slice, unless it is empty), with those that were deleted because they would have told, and those for which `counts` holds.
template <class Counts>
rate counted_rate(const gate_evidence& evidence, std::string_view set, const std::string& slice, const Counts& counts) {
  rate out{.name = slice.empty() ? "total" : slice};
  for (std::size_t i = 0; i < evidence.results.size(); ++i) {
    const auto& each = evidence.cases[i];
    if (each.set != set || !in_slice(each, slice)) continue;
    ++out.n;
    out.hits += counts(evidence.results[i]) ? 1 : 0;
  }
  for (const auto& each : lost_cases(evidence, set)) {
    if (!in_slice(each.of, slice)) continue;
    ++out.n;
    out.hits += counts(each.now) ? 1 : 0;
  }
  return out;
}

// What is to be said of a rate of things that should not be.
finding judge_rate(const rate& of, double limit, bool demanded, const std::string& what_happened) {
  const double seen = share(of.hits, of.n);
  const std::string said = std::to_string(of.hits) + " of " + std::to_string(of.n) + " " + what_happened + " (" + percent(seen) + ", with 95 % confidence at most " + percent(of.bound) +
                           "; the limit is " + percent(limit) + ")";
  finding out{.of = of.name, .what = said, .examples = {}};
  if (of.bound <= limit) return out;
  if (demanded ? seen > limit : rate_lower(of.hits, of.n) > limit) {
    out.status = status::fail;
    return out;
  }
  out.status = demanded ? status::insufficient : status::warning;
  const std::size_t needed = cases_needed(limit, of.hits);
  if (needed != never && needed > of.n) {
    out.missing = needed - of.n;
    out.what += ": " + std::to_string(out.missing) + " more cases would show it, if no further one is";
  }
  return out;
}

template <class Counts>
void add_examples(finding& to, const gate_evidence& evidence, std::string_view set, const std::string& slice, const Counts& counts) {
  for (std::size_t i = 0; i < evidence.results.size() && to.examples.size() < examples_max; ++i) {
    const auto& each = evidence.cases[i];
    if (each.set != set || !counts(evidence.results[i])) continue;
    if (in_slice(each, slice)) to.examples.push_back(example_of(evidence.results[i]));
  }
  for (const auto& each : lost_cases(evidence, set)) {
    if (to.examples.size() < examples_max && in_slice(each.of, slice) && counts(each.now)) to.examples.push_back(example_of(each));
  }
}

bool may_be_false_positive(const rule_facts& rule) { return rule.enforcement == policy::enforcement::enforce && policy::changes_match(rule.action); }

}  // namespace

std::vector<rate> false_positive_rates(const gate_evidence& evidence, const gate_terms& terms) {
  std::vector<rate> out;
  const auto measure = [&](const std::string& slice, double limit) {
    rate one = counted_rate(evidence, "benign", slice, touched);
    one.bound = rate_upper(one.hits, one.n);
    one.limit = limit;
    out.push_back(std::move(one));
  };
  measure({}, terms.false_positives_max.value_or(terms.limits.false_positives_total));
  for (const std::string& slice : slices_of(evidence, "benign")) measure(slice, terms.limits.false_positives_slice);
  return out;
}

std::vector<rate> recall_rates(const gate_evidence& evidence, const gate_terms& terms) {
  std::vector<rate> out;
  const auto measure = [&](const std::string& slice) {
    rate one = counted_rate(evidence, "attack", slice, caught);
    one.bound = rate_lower(one.hits, one.n);
    if (const auto floor = terms.limits.floors.find(slice); floor != terms.limits.floors.end()) one.limit = floor->second;
    out.push_back(std::move(one));
  };
  measure({});
  auto slices = slices_of(evidence, "attack");
  for (const auto& [slice, floor] : terms.limits.floors) slices.insert(slice);
  for (const std::string& slice : slices) measure(slice);
  return out;
}

rate false_positives_of(const gate_evidence& evidence, const gate_terms& terms, const std::string& rule) {
  rate out{.name = rule};
  if (const auto seen = evidence.benign_seen.find(rule); seen != evidence.benign_seen.end()) {
    out.hits = seen->second.hits;
    out.n = seen->second.n;
    for (const auto& each : lost_cases(evidence, "benign")) {
      if (std::ranges::find(each.now.rules, rule) == each.now.rules.end()) continue;
      ++out.n;
      ++out.hits;
    }
  } else {
    out = counted_rate(evidence, "benign", {}, [&](const policy::golden_result& each) { return std::ranges::find(each.rules, rule) != each.rules.end(); });
    out.name = rule;
  }
  out.bound = rate_upper(out.hits, out.n);
  out.limit = terms.limits.false_positives_rule;
  return out;
}

check_row judge_false_positives(const gate_evidence& evidence, const gate_terms& terms) {
  check_row row{.check = "false_positives", .summary = {}, .findings = {}};
  const bool demanded = terms.requires_set("benign");
  const auto rates = false_positive_rates(evidence, terms);
  const rate& total = rates.front();
  row.summary = std::to_string(total.hits) + " of " + std::to_string(total.n) + " benign cases changed or blocked; at most " + percent(total.bound) + " with 95 % confidence" + told_of_lost(lost_cases(evidence, "benign"));
  if (total.n == 0) {
    lack(row, demanded, {.of = {}, .what = "no golden case of set benign: " + std::to_string(cases_needed(*total.limit, 0)) + " would show a rate of " + percent(*total.limit) + ", if none is changed",
                         .examples = {}, .missing = cases_needed(*total.limit, 0)});
    return row;
  }
  for (const rate& each : rates) {
    const bool is_total = &each == &total;
    if (!is_total && each.n < slice_min) {
      add(row, {.of = each.name, .what = std::to_string(each.hits) + " of " + std::to_string(each.n) + " changed or blocked; a slice is judged from " + std::to_string(slice_min) + " cases on", .examples = {}});
      continue;
    }
    finding made = judge_rate(each, *each.limit, demanded, "changed or blocked");
    if (made.status >= status::warning) add_examples(made, evidence, "benign", is_total ? std::string() : each.name, touched);
    add(row, std::move(made));
  }
  return row;
}

namespace {

using rules_by_cases = std::map<std::size_t, std::vector<std::string>>;  // by how many cases they see

std::string named(const std::vector<std::string>& rules) {
  constexpr std::size_t most = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(most, rules.size()); ++i) out += (i == 0 ? "" : ", ") + rules[i];
  return out + (rules.size() > most ? ", …" : "");
}

// Those without a match that see as many cases all say the same: one line for them.
void add_quiet(check_row& row, const rules_by_cases& quiet, std::size_t benign, double limit, bool demanded) {
  for (const auto& [n, rules] : quiet) {
    finding made = judge_rate({.name = {}, .hits = 0, .n = n, .bound = rate_upper(0, n)}, limit, demanded, "benign cases matched");
    made.of = counted(rules.size(), "rule", "rules") + " without a match" + (n == benign ? "" : ": " + named(rules));
    if (n != benign) made.what += "; the other cases name contexts in which they are not in force";
    add(row, std::move(made));
  }
}

// A case without text of a rule's direction shows little of it: said, and no reason to refuse a version.
void add_without_text(check_row& row, const gate_evidence& evidence, double limit) {
  rules_by_cases few;
  for (const rule_facts& each : evidence.rules) {
    const auto seen = evidence.benign_seen.find(each.id);
    if (may_be_false_positive(each) && seen != evidence.benign_seen.end() && seen->second.hits == 0 && seen->second.with_text < seen->second.n) few[seen->second.with_text].push_back(each.id);
  }
  for (const auto& [n, rules] : few) {
    finding made = judge_rate({.name = {}, .hits = 0, .n = n, .bound = rate_upper(0, n)}, limit, false, "benign cases that have text of their direction matched");
    if (made.status == status::pass) continue;
    made.of = counted(rules.size(), "rule", "rules") + " of one direction: " + named(rules);
    made.status = status::warning;
    add(row, std::move(made));
  }
}

}  // namespace

check_row judge_rule_false_positives(const gate_evidence& evidence, const gate_terms& terms) {
  check_row row{.check = "rule_false_positives", .summary = {}, .findings = {}};
  const bool demanded = terms.requires_set("benign");
  const auto benign = counted_rate(evidence, "benign", {}, [](const auto&) { return false; });
  std::size_t rules = 0, quiet = 0;
  rules_by_cases without;
  for (const rule_facts& each : evidence.rules) {
    if (!may_be_false_positive(each)) continue;
    ++rules;
    const rate one = false_positives_of(evidence, terms, each.id);
    if (one.hits == 0) {
      ++quiet;
      without[one.n].push_back(each.id);
      continue;
    }
    finding made = judge_rate(one, *one.limit, demanded, "benign cases matched");
    if (const auto seen = evidence.benign_seen.find(each.id); seen != evidence.benign_seen.end()) {
      made.examples = seen->second.examples;
      for (const auto& lost : lost_cases(evidence, "benign")) {
        if (made.examples.size() < examples_max && std::ranges::find(lost.now.rules, each.id) != lost.now.rules.end()) made.examples.push_back(example_of(lost));
      }
    } else {
      add_examples(made, evidence, "benign", {}, [&](const policy::golden_result& r) { return std::ranges::find(r.rules, each.id) != r.rules.end(); });
    }
    add(row, std::move(made));
  }
  const double limit = terms.limits.false_positives_rule;
  row.summary = counted(rules, "rule that changes or blocks", "rules that change or block") + ", " + std::to_string(quiet) + " of them match no benign case; each at most " + percent(limit);
  if (rules == 0) {
    row.status = std::max(row.status, status::skipped);
    return row;
  }
  add_quiet(row, without, benign.n, limit, demanded);
  add_without_text(row, evidence, limit);
  return row;
}

check_row judge_recall(const gate_evidence& evidence, const gate_terms& terms) {
  check_row row{.check = "recall", .summary = {}, .findings = {}};
  const auto rates = recall_rates(evidence, terms);
  const rate& total = rates.front();
  row.summary = std::to_string(total.hits) + " of " + std::to_string(total.n) + " attack cases caught; at least " + percent(total.bound) + " with 95 % confidence" + told_of_lost(lost_cases(evidence, "attack"));
  if (total.n == 0 && terms.limits.floors.empty()) {
    lack(row, terms.requires_set("attack"), {.of = {}, .what = "no golden case of set attack", .examples = {}, .missing = 1});
    return row;
  }
  for (const rate& each : rates) {
    if (!each.limit) continue;
    const double floor = *each.limit;
    const std::string said = std::to_string(each.hits) + " of " + std::to_string(each.n) + " caught (" + percent(share(each.hits, each.n)) + ", with 95 % confidence at least " + percent(each.bound) +
                             "; the floor is " + percent(floor) + ")";
    finding made{.of = each.name, .what = said, .examples = {}};
    if (each.bound < floor) {
      made.status = each.n > 0 && share(each.hits, each.n) < floor ? status::fail : status::insufficient;
      const std::size_t needed = cases_needed(1 - floor, each.n - each.hits);
      if (made.status == status::insufficient && needed != never && needed > each.n) {
        made.missing = needed - each.n;
        made.what += ": " + std::to_string(made.missing) + " more cases would show it, if all are caught";
      }
      add_examples(made, evidence, "attack", each.name, [](const auto& r) { return !caught(r); });
    }
    add(row, std::move(made));
  }
  return row;
}

}  // namespace sluice::rollout
