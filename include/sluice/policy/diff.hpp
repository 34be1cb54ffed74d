// What changes from one bundle to another. For rules whose match is the same, "weaker" is decided exactly: on every
// cell of scope × direction × role × part, by what the rule would do there. For the rest (patterns, validators,
// exceptions with a match) text decides, which nobody can prove: it `may_weaken`. Control plane only; both bundles must
// have been checked.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/golden.hpp"

namespace sluice::policy {

// In order of concern. `changed`: something is done or said otherwise, and not less of it.
enum class effect : unsigned char { none, changed, stronger, may_weaken, weaker };
std::string_view to_string(effect e);

struct rule_change {
  enum class kind : unsigned char { added, removed, changed };
  rule_change::kind kind = rule_change::kind::changed;
  std::string rule, policy;
  policy::effect effect = policy::effect::none;
  std::vector<std::string> details;  // one a sentence: what changed
  std::vector<std::string> cells;    // where it is weaker now: "tenant=retail region=*", the first few
  policy::place place;               // in the newer bundle, of a removed rule in the older one
};

struct bundle_diff {
  std::vector<rule_change> rules;                // by rule id
  std::vector<std::string> bundle;               // changes of what it says beside its rules: on_error, thresholds, audit, breaker, limits
  policy::effect bundle_effect = policy::effect::none;  // the strongest concern of those
  policy::effect effect = policy::effect::none;         // and of all
};
[[nodiscard]] bundle_diff diff(const bundle_ast& before, const bundle_ast& after);

struct decision_change {
  std::string id, set;
  policy::place place;
  policy::action before, after;
  std::vector<std::string> rules_before, rules_after;
  bool text_differs = false;
};
[[nodiscard]] std::vector<decision_change> diff_decisions(std::span<const golden_result> before,
                                                          std::span<const golden_result> after);

}  // namespace sluice::policy
