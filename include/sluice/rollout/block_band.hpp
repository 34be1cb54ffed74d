// What share of users a rule is expected to block at most, and why: the limit of the breaker. Pure. docs/rollout.md says the same to operators:
// three times what it showed before it was live, never above the bundle's own limit; a person's `max_block_rate` counts before all of it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/store/shown_blocks.hpp"

namespace sluice::rollout {

enum class band_source : std::uint8_t { stated, shadow, gate, bundle };
[[nodiscard]] std::string_view to_string(band_source s);

struct block_band {
  double limit = 1;                          // highest share of users
  band_source from = band_source::bundle;
  bool capped = false;                       // what was shown would allow more
  store::block_share shown = {};             // in shadow, or in benign golden cases
};

// Room for what changes from day to day, above the 95 % bound of what was shown; and what a rule is granted however little it showed: few hits
// are chance, and golden cases of set `benign` do not say how much of live traffic is rightly blocked.
inline constexpr double band_times = 3, band_least_shadow = 0.02, band_least_gate = 0.05;

[[nodiscard]] block_band band_of(const std::string& rule, std::optional<double> stated, const policy::breaker_terms& terms, const store::block_evidence& evidence);
// Of all rules together; `highest`: of what a single one is allowed. It never gets less than that.
[[nodiscard]] block_band band_of_version(const policy::breaker_terms& terms, const store::block_evidence& evidence, double highest);

// "10.0 % (the bundle's; in shadow it blocked 320 of 800 users)"
[[nodiscard]] std::string told(const block_band& band);

// The band of each rule that may block, in the snapshot's order, each id once, and of the version.
struct version_bands {
  std::string version;
  block_band all;
  std::vector<std::pair<std::string, block_band>> rules;
};
[[nodiscard]] version_bands bands_of(const policy::snapshot& of, const store::block_evidence& evidence);

// A rule that blocked more users in shadow than it will be allowed to, as far as 95 % confidence goes: live, it would soon be demoted.
struct over_band {
  std::string rule;
  block_band band;
};
[[nodiscard]] std::vector<over_band> over_band_in_shadow(const policy::bundle_ast& bundle, const store::block_evidence& evidence);

// Whether the breaker of a node could ever demote the rule: it is enforced, blocks by itself or by its policy's sum, and nobody but a person is to
// demote it otherwise. Of any other a heartbeat that says so was invented.
[[nodiscard]] bool may_demote(const policy::bundle_ast& bundle, const std::string& rule);

}  // namespace sluice::rollout
