// The part of a comparison that can be decided: what a rule does in each cell of scope × direction × role × part ×
// turn.
#pragma once

#include <string>
#include <vector>

#include "sluice/policy/diff.hpp"

namespace sluice::policy {

struct placed_rule {
  const policy_ast* owner;
  const policy::rule* rule;                // as its policy says it; overlays may put a variant in its place
  const bundle_ast* bundle = nullptr;      // whose overlays count; none: no overlay is in force
};

struct lattice_result {
  policy::effect effect = policy::effect::none;
  std::vector<std::string> cells;    // the first few in which it is weaker
  std::vector<std::string> details;  // what overlays change, where the rules themselves do not
  std::vector<std::string> tags;     // that it sets where it did not, or of texts at which it did not look
  bool exact = true;
};

// A number that grows with what the action does; 0: nothing that anybody sees.
[[nodiscard]] int strength_of(const action_spec& act);
[[nodiscard]] bool same_scope(const scope& a, const scope& b);
// diff.cpp: what one rule does against what another does, wherever both are in force. The first also knows of where they look.
// Both are `owner`'s.
[[nodiscard]] rule_change compare_content(const policy_ast& owner, const rule& was, const rule& now);
[[nodiscard]] rule_change compare_text(const placed_rule& was, const placed_rule& now);
// Where exchanges that cannot be recorded are refused (audit.on_full: block).
[[nodiscard]] lattice_result compare_needs_record(const bundle_ast& was, const bundle_ast& now);
// Either may be null: a rule that is not there does nothing anywhere.
[[nodiscard]] lattice_result compare_cells(const placed_rule* was, const placed_rule* now);

}  // namespace sluice::policy
