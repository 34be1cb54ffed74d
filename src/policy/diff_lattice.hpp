// The part of a comparison that can be decided: what a rule does in each cell of scope × direction × role × part ×
// turn.
#pragma once

#include <string>
#include <vector>

#include "sluice/policy/diff.hpp"

namespace sluice::policy {

struct placed_rule {
  const policy_ast* owner;
  const policy::rule* rule;
};

struct lattice_result {
  policy::effect effect = policy::effect::none;
  std::vector<std::string> cells;  // the first few in which it is weaker
  bool exact = true;
};

[[nodiscard]] bool same_scope(const scope& a, const scope& b);
// diff.cpp: what one rule does against what another does, wherever both are in force.
[[nodiscard]] rule_change compare_content(const rule& was, const rule& now);
// Either may be null: a rule that is not there does nothing anywhere.
[[nodiscard]] lattice_result compare_cells(const placed_rule* was, const placed_rule* now);

}  // namespace sluice::policy
