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

void compare_action(const rule& a, const rule& b, rule_change& out);
void compare_bundle(const bundle_ast& before, const bundle_ast& after, bundle_diff& out);

}  // namespace sluice::policy
