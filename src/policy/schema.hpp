// The policy language as data: the keys of every mapping, what they hold, and a line about each. The reader (reader.hpp) interprets
// these tables and refuses what they do not name; `sluice schema` prints them as JSON Schema and docs/policy_language.md as a
// reference. So there is one place that says what the language is.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "sluice/match/validator.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/text/derived.hpp"

namespace sluice::policy {

using words = std::span<const std::string_view>;

// Code points that the words of near and unless_near may stand away.
inline constexpr std::uint32_t within_max = 500;

enum class holds : std::uint8_t {
  text,        // a string
  name,        // a-z 0-9 - _
  word,        // one of `known`
  boolean,     // true | false
  whole,       // a number from `min` to `max` without a fraction
  real,        // a number from `min` to `max`
  date,        // YYYY-MM-DD
  duration,    // 15m
  clock,       // "HH:MM"
  time,        // RFC 3339
  texts,       // a list of strings, or one string
  text_list,   // a list of strings, at least one
  ids,         // a list of strings, also none
  word_list,   // a list of `known`, at least one
  phrase,      // a string, or a list whose items are strings or lists of strings
  mapping,     // `of`
  mappings,    // a list of `of`
  by_name,     // any names, each with `of`
  text_by_name,
  number_by_name,
  global_or,   // the word global, or `of`
  texts_or,    // a list of strings, or `of`
  item_list,   // a list of strings or `of`
  patch,       // any dotted field, any value
  refused,     // a word of the language that no version has
};

struct shape;

struct field {
  std::string_view key;
  policy::holds holds;
  std::string_view doc;
  bool required = false;
  words known = {};
  const shape* of = nullptr;
  double min = 0, max = std::numeric_limits<double>::max();
  words with = {};                   // means something only with these: kinds of the mapping, or values of its selector
  std::string_view otherwise = {};   // advice for who writes it elsewhere
  std::string_view since = "0.1";
  std::string_view retired = {};     // why the key says nothing any more: bundles that still have it are read, with a warning
};

struct shape {
  std::string_view name;       // "rule": of the definition in the JSON Schema
  std::string_view what;       // "a rule": in messages
  std::span<const field> fields;
  std::string_view selector = {};  // the key whose value decides which others mean something
  words kinds = {};                // exactly one of these keys must be there
};

[[nodiscard]] constexpr const field* find_field(const shape& in, std::string_view key) {
  for (const field& each : in.fields) {
    if (each.key == key) return &each;
  }
  return nullptr;
}

// schema_match.cpp
extern const shape match_shape, proximity_shape, classifier_shape, entropy_shape, item_shape, list_match_shape;
// schema_rule.cpp
extern const shape rule_shape, where_shape, action_shape, exception_shape, stream_shape, rollout_shape, promote_shape;
// schema_test.cpp
extern const shape scope_shape, time_shape, test_shape, context_shape, message_shape, expect_shape;
// schema_document.cpp
extern const shape bundle_shape, policy_shape, list_shape, macro_shape, overlay_shape, suite_shape, metadata_shape, limits_shape,
    on_error_shape, module_shape, model_shape, thresholds_shape, anomaly_shape, disclaimer_shape, audit_shape, patch_shape, override_shape;
// schema_gate.cpp
extern const shape breaker_shape, gate_shape, gate_rates_shape, gate_cost_shape, waiver_shape;

inline constexpr std::string_view document_kinds[] = {"Bundle", "Policy", "List", "Macro", "Overlay", "TestSuite"};
[[nodiscard]] const shape& shape_of_kind(std::size_t kind);  // in their order

// Words of the language in the order of their enums.
inline constexpr std::string_view enforcement_words[] = {"off", "shadow", "enforce"};
inline constexpr auto action_words = [] {
  std::array<std::string_view, action_count> out;
  for (std::size_t i = 0; i < action_count; ++i) out[i] = actions[i].name;
  return out;
}();
inline constexpr std::string_view role_words[] = {"system", "developer", "user", "assistant", "tool"};
inline constexpr std::string_view part_words[] = {"text",       "reasoning",   "refusal",    "tool_definition",
                                                  "tool_call",  "tool_result", "attachment", "annotation",
                                                  "transcript", "error",       "name"};
inline constexpr std::string_view direction_words[] = {"request", "response", "both"};
inline constexpr std::string_view severity_words[] = {"low", "medium", "high", "critical"};
inline constexpr words validator_words = match::validator_names;
inline constexpr auto decode_words = [] {
  std::array<std::string_view, text::decoders> out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = text::reading_names[i].name;
  return out;
}();
// The golden sets, and the checks of the gate that a person may set aside for a while: what a version is, and that it weakens nothing
// unseen, cannot be.
inline constexpr std::string_view golden_set_words[] = {"must_block", "must_pass", "benign", "attack", "perf", "holdout"};
inline constexpr std::string_view waivable_words[] = {"must_block", "must_pass", "expectations", "false_positives", "rule_false_positives",
                                                     "recall",     "changes",   "promises",     "cost"};
// The first three name what the views do anyway; the others ask for a further view. `collapse_space` and `spaced` are one.
inline constexpr std::string_view normalize_words[] = {"nfkc", "strip_zero_width", "confusables", "collapse_space", "spaced", "leet", "strip_marks"};

}  // namespace sluice::policy
