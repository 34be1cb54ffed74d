// The parts of a comparison: each adds to `out` what changed, and how much of a concern that is.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "diff_lattice.hpp"

namespace sluice::policy {

inline void note(rule_change& out, effect how, std::string detail) {
  out.effect = std::max(out.effect, how);
  out.details.push_back(std::move(detail));
}

// Of `from`, those that are not in `in`; sorted.
inline std::vector<std::string> missing_words(const std::vector<std::string>& from, const std::vector<std::string>& in) {
  std::vector<std::string> a = from, b = in, gone;
  std::ranges::sort(a);
  std::ranges::sort(b);
  std::ranges::set_difference(a, b, std::back_inserter(gone));
  return gone;
}

// Whether the rule, or what an overlay makes of it, is such.
bool is_any(const policy_ast& owner, const rule& of, const auto& is) {
  return is(of) || std::ranges::any_of(owner.variants, [&](const rule_variant& v) { return &owner.rules[v.base] == &of && is(v.rule); });
}

// True when a word or a pattern of the match is in the text. What else it asks for (words nearby, how often) would only say less often so.
[[nodiscard]] bool looks_for(const match_spec& match, const std::string& said);
// Texts that stand where a match of the rule stood.
[[nodiscard]] std::vector<std::string> put_in_place(const rule& of);

// diff_consequences.cpp: what a rule that does more takes away from others. `lattice`: of the pair; `was`: null, where there was none.
void compare_consequences(const placed_rule* was, const placed_rule& now, const lattice_result& lattice, rule_change& out);
void compare_action(const rule& a, const rule& b, rule_change& out);
void compare_bundle(const bundle_ast& before, const bundle_ast& after, bundle_diff& out);

}  // namespace sluice::policy
