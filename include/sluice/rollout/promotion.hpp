// What golden sets show of the rules that wait in shadow for what their `promote_when` asks. Days in shadow are not theirs to show.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/golden.hpp"

namespace sluice::rollout {

enum class evidence : unsigned char { met, insufficient, too_wide };

struct promotion {
  std::string rule, policy;
  policy::promote_spec wanted;
  std::size_t samples = 0;   // labelled cases (benign, must_pass, must_block, attack) of its direction, for whom it is bound
  std::size_t harmless = 0;  // of these, benign and must_pass
  std::size_t found = 0;     // of those that are not harmless, how many it matches
  std::size_t wrong = 0;     // of the harmless ones, how many it matches
  double fpr_upper95 = 1;
  evidence shown = evidence::insufficient;
};

[[nodiscard]] std::string_view to_string(evidence shown);

// One for each rule in shadow that says `promote_when`, in the bundle's order. `results` are those of `cases`, one for one.
[[nodiscard]] std::vector<promotion> promotions(const policy::bundle_ast& bundle, std::span<const policy::golden_case> cases,
                                                std::span<const policy::golden_result> results);

// Whether the policy is bound for whoever asks so: what others ask says nothing about its rules.
[[nodiscard]] bool in_force(const policy::policy_ast& owner, const policy::context& who);

// In a sentence, for people.
[[nodiscard]] std::string told(const promotion& of);

}  // namespace sluice::rollout
