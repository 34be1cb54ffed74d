// Does a rule find what nobody means to find? The harmless texts of golden sets tell, before traffic does: a pattern as wide as `.*`
// passes every test that its author thought of. Control plane only.
#pragma once

#include <span>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::policy {

struct build_report;

// Below this a single text is more than the share that a rule may match, so nothing can be said.
inline constexpr std::size_t harmless_texts_min = 100;
inline constexpr std::size_t harmless_percent_max = 1;

struct breadth {
  std::size_t texts = 0;  // cases of set `benign`
  [[nodiscard]] bool sufficient() const { return texts >= harmless_texts_min; }
};

// Holds each rule, as if it were bound to everybody, against the cases of set `benign`: their texts as a user's and as an answer. A rule
// that matches more of them than it may is an error at its pattern; a warning where a classifier decides, whose threshold has a report of
// its own, and where the rule only records (`allow`). With too few cases only
// an enforced rule that changes or stops more than half of some everyday sentences is refused. A bundle that `found` refuses already must have
// been checked; the rules that were not refused are judged all the same.
[[nodiscard]] breadth judge_breadth(const bundle_ast& bundle, std::span<const golden_case> cases, match::compile_backend& backend, shard_cache& cache,
                                    diagnostics& found);

// The same for what build() made of these files, with the golden sets among them: what they refuse has no snapshot any more.
[[nodiscard]] breadth hold_against_harmless_texts(build_report& built, const bundle_source& source, match::compile_backend& backend, shard_cache& cache);

}  // namespace sluice::policy
