// The words that the data plane and the control plane share about policies. No YAML, no Hyperscan.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

// In order of strength (flag and tag are equals). `allow` records only.
enum class action : std::uint8_t { allow, flag, tag, append, require_disclaimer, inject_system, rewrite, tokenize, redact, block };
inline constexpr std::size_t action_count = 10;
// Replaces the matched text or stops the exchange: a stream has to hold text for it.
constexpr bool changes_match(action a) { return a >= action::rewrite; }
// Adds text of its own once the whole request, or the whole of a choice, is known.
constexpr bool adds_text(action a) { return a >= action::append && a <= action::inject_system; }
enum class enforcement : std::uint8_t { off, shadow, enforce };
enum class direction : std::uint8_t { request = 1, response = 2, both = 3 };
enum class role : std::uint8_t { system, developer, user, assistant, tool };
enum class part_kind : std::uint8_t {
  text, reasoning, refusal, tool_definition, tool_call, tool_result, attachment, annotation, transcript, error, name
};
inline constexpr std::size_t part_kind_count = 11;

// What was done to an exchange, in order of strength; the value of x-sluice-verdict.
enum class verdict : std::uint8_t { allow, flag, edit, block };

std::string_view to_string(action a);
std::string_view to_string(enforcement e);
std::string_view to_string(direction d);
std::string_view to_string(role r);
std::string_view to_string(part_kind p);
std::string_view to_string(verdict v);

// Who is asking and where it goes. Filled only from what the operator trusts; an empty string matches no named scope.
struct context {
  std::string tenant, region, tier, user, conversation, route, model;
  std::vector<std::string> tags = {};   // of the conversation so far
  static constexpr std::int64_t no_time = INT64_MIN;
  std::int64_t minute = no_time;        // since 1970 in UTC; without it no time window fits
};

// When a rule, or a whole version, blocks more than anybody expected of it. Rates are of distinct users (docs/rollout.md).
struct breaker_terms {
  bool on = true;
  double rule = 0.1, version = 0.3;  // highest rates; of a rule that names none itself
  std::uint32_t users_min = 20;      // less is no evidence
};

// An activation makes a version live. Ordered; nodes only move forward. {0,0} is "none yet".
struct activation {
  std::uint64_t epoch = 0, generation = 0;
  auto operator<=>(const activation&) const = default;
};
std::string to_string(activation a);  // "1-17"

}  // namespace sluice::policy
