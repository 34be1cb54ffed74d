// How much a version's rules blocked before anybody depended on it: of benign golden cases, which its manifest says, and of users while it was
// in shadow, which the activation says that made it live. What a node's breaker expects of a rule rests on both (docs/rollout.md, "Breaker").
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace sluice::store {

struct block_share {
  double blocked = 0;  // of `of`: a user counts by the share of its exchanges, a case counts whole
  std::size_t of = 0;  // cases or users whom the rule concerns
};

struct shown_blocks {
  block_share all;                           // by any rule; of = 0: nothing is known
  std::map<std::string, block_share> rules;  // only those that blocked something or concern others than `all` does
  [[nodiscard]] block_share of(const std::string& rule) const;
};
// What nodes saw of one version, as one. A user may have asked several of them, and which nobody knows: so there are no more users than the node
// with the most saw, and the share is that of all nodes' together. Too few users make bounds wider, never too tight.
[[nodiscard]] shown_blocks together(std::span<const shown_blocks> nodes);

using shown_by_version = std::map<std::string, shown_blocks>;

// What is known of one version.
struct block_evidence {
  shown_blocks gate, shadow;
};

[[nodiscard]] std::string to_json(const shown_blocks& of);
[[nodiscard]] std::string to_json(const shown_by_version& of);
// What is no such text, or counts what cannot be, gives nothing: without evidence the bundle's own limits hold.
[[nodiscard]] shown_blocks shown_from(std::string_view json);
[[nodiscard]] shown_by_version shown_by_version_from(std::string_view json);

}  // namespace sluice::store
