// The words that the data plane and the control plane share about policies. No YAML, no Hyperscan.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

// What was done to an exchange, in order of strength; the value of x-sluice-verdict.
enum class verdict : std::uint8_t { allow, flag, edit, block };

// In order of strength (see actions below). `allow` records only. CONTRIBUTING.md says what a new one needs.
enum class action : std::uint8_t { allow, flag, tag, append, require_disclaimer, inject_system, rewrite, tokenize, redact, block };
struct action_traits {
  action is;
  std::string_view name;         // in the language, records and answers of the admin API
  int strength;                  // equals do not beat each other
  policy::verdict verdict;       // of text that can be edited
  bool changes_match = false;    // replaces the matched text or stops the exchange: a stream has to hold text for it
  bool adds_text = false;        // of its own, once the whole request, or the whole of a choice, is known
};
inline constexpr auto actions = std::to_array<action_traits>({
    {action::allow, "allow", 0, verdict::allow},
    {action::flag, "flag", 1, verdict::flag},
    {action::tag, "tag", 1, verdict::flag},
    {action::append, "append", 2, verdict::edit, false, true},
    {action::require_disclaimer, "require_disclaimer", 2, verdict::edit, false, true},
    {action::inject_system, "inject_system", 3, verdict::edit, false, true},
    {action::rewrite, "rewrite", 4, verdict::edit, true},
    {action::tokenize, "tokenize", 5, verdict::edit, true},
    {action::redact, "redact", 6, verdict::edit, true},
    {action::block, "block", 7, verdict::block, true},
});
inline constexpr std::size_t action_count = actions.size();
[[nodiscard]] constexpr const action_traits& traits_of(action a) { return actions[static_cast<std::size_t>(a)]; }
static_assert([] {
  for (std::size_t i = 0; i < action_count; ++i) {
    if (actions[i].is != static_cast<action>(i) || (i > 0 && actions[i].strength < actions[i - 1].strength)) return false;
  }
  return true;
}(), "each action has its row, and the rows are in order of strength");
static_assert(actions.back().is == action::block, "the strongest is the last");
constexpr bool changes_match(action a) { return traits_of(a).changes_match; }
constexpr bool adds_text(action a) { return traits_of(a).adds_text; }
enum class enforcement : std::uint8_t { off, shadow, enforce };
enum class direction : std::uint8_t { request = 1, response = 2, both = 3 };
enum class role : std::uint8_t { system, developer, user, assistant, tool };
inline constexpr std::size_t role_count = 5;
enum class part_kind : std::uint8_t {
  text, reasoning, refusal, tool_definition, tool_call, tool_result, attachment, annotation, transcript, error, name
};
inline constexpr std::size_t part_kind_count = 11;

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
  bool operator==(const context&) const = default;
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
