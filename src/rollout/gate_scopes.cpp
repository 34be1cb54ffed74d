// What each rule sees of set benign: a case that names a context counts where the rule is in force for it, and one that names none says something of
// every context, so that it is asked where the rule is bound, too.
#include <algorithm>
#include <map>
#include <optional>

#include "gate_rows.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::rollout {
namespace {

// Whether a rule of this id is enforced for whoever asks so.
bool in_force(const policy::snapshot& with, const std::string& rule, const policy::context& who) {
  const auto& ruleset = with.rules_for(who);
  const auto& infos = with.rules();
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    if (infos[i].id == rule && infos[i].enforcement == policy::enforcement::enforce && policy::applies(ruleset, i)) return true;
  }
  return false;
}

// The cases that name no context, all in one context or another.
struct elsewhere {
  policy::context where;
  std::vector<policy::golden_result> results;
};

// One context for each policy that nobody's is, unless it is in force in one of those already.
std::vector<elsewhere> bound_contexts(const policy::bundle_ast& bundle, const policy::snapshot& with) {
  std::vector<elsewhere> out;
  for (const auto& owner : bundle.policies) {
    const auto where = policy::context_of(owner);
    if (!where) continue;
    const bool missing = std::ranges::any_of(owner.rules, [&](const policy::rule& rule) {
      if (rule.enforcement != policy::enforcement::enforce || !policy::changes_match(rule.action.type) || in_force(with, rule.id, {})) return false;
      return in_force(with, rule.id, *where) && std::ranges::none_of(out, [&](const elsewhere& each) { return in_force(with, rule.id, each.where); });
    });
    if (missing) out.push_back({.where = *where, .results = {}});
  }
  return out;
}

void count(rule_benign& to, const policy::golden_case& of, const policy::golden_result& result, const policy::rule& rule) {
  ++to.n;
  to.with_text += has_text(of, rule.direction) ? 1 : 0;
  if (std::ranges::find(result.rules, rule.id) == result.rules.end()) return;
  ++to.hits;
  if (to.examples.size() < examples_max) to.examples.push_back(example_of(result));
}

}  // namespace

std::map<std::string, rule_benign> benign_by_rule(std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results, const policy::build_report& build, unsigned threads) {
  const auto& with = *build.snapshot;
  std::vector<policy::golden_case> free;  // of any context
  std::vector<std::size_t> benign;
  std::vector<std::optional<std::size_t>> place(results.size());  // of a case in `free`
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (cases[i].set != "benign") continue;
    benign.push_back(i);
    if (cases[i].who != policy::context{}) continue;
    place[i] = free.size();
    free.push_back(cases[i]);
  }
  auto others = free.empty() ? std::vector<elsewhere>{} : bound_contexts(build.bundle, with);
  for (auto& each : others) {
    for (auto& one : free) one.who = each.where;
    each.results = run_cases(free, build.snapshot, threads, {.on = false});
  }
  std::map<std::string, rule_benign> out;
  for (const auto& owner : build.bundle.policies) {
    for (const auto& rule : owner.rules) {
      if (rule.enforcement != policy::enforcement::enforce || !policy::changes_match(rule.action.type)) continue;
      const bool everywhere = in_force(with, rule.id, {});
      const auto other = std::ranges::find_if(others, [&](const elsewhere& each) { return !everywhere && in_force(with, rule.id, each.where); });
      std::map<const policy::ruleset*, bool> known;
      rule_benign seen;
      for (const auto i : benign) {
        if (place[i] && !everywhere) {
          if (other != others.end()) count(seen, cases[i], other->results[*place[i]], rule);
          continue;
        }
        const auto [here, fresh] = known.try_emplace(&with.rules_for(cases[i].who), false);
        if (fresh) here->second = in_force(with, rule.id, cases[i].who);
        if (here->second) count(seen, cases[i], results[i], rule);
      }
      out[rule.id] = std::move(seen);
    }
  }
  return out;
}

}  // namespace sluice::rollout
