// Reading one mapping of a policy file: known keys, keys that a later version will know, and typed values. Everything
// that is wrong becomes a diagnostic with its place; reading goes on, so that one run shows every mistake.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/document.hpp"

namespace sluice::policy {

// What every reading function shares for one file.
struct reading {
  const std::string& file;
  diagnostics& found;
  std::string rule = {};  // the rule being read, so that its diagnostics name it

  void error(const yaml_node& at, std::string message, std::string advice = {});
  void warn(const yaml_node& at, std::string message, std::string advice = {});
  [[nodiscard]] policy::place place_of(const yaml_node& at) const;
};

using words = std::span<const std::string_view>;

// "'tokenize' is not supported by this version": for what the language has and this release has not.
void refuse_later(reading& in, const yaml_node& at, std::string_view what);

// The members of a mapping by name. `what` names it in messages ("a rule"). `later`: keys of the language that this
// version refuses by name.
class object {
 public:
  object(reading& in, const yaml_node& node, std::string_view what, words known, words later = {});

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] const yaml_node& node() const { return node_; }
  // The value, or null when the key is not there. A key with an empty value is an error and reads as absent.
  [[nodiscard]] const yaml_node* get(std::string_view key) const;
  // The same, and an error when it is missing.
  [[nodiscard]] const yaml_node* need(std::string_view key) const;

  [[nodiscard]] std::string string(std::string_view key) const;  // empty when absent or wrong
  [[nodiscard]] std::string need_string(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const;  // a list, or one string
  [[nodiscard]] bool boolean(std::string_view key, bool otherwise) const;
  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t otherwise, std::uint64_t max) const;
  [[nodiscard]] std::string date(std::string_view key) const;  // YYYY-MM-DD

 private:
  reading& in_;
  const yaml_node& node_;
  std::string what_;
  bool valid_ = false;
};

// A scalar as text; a plain scalar that YAML readers take for a number, a boolean or null must be quoted.
[[nodiscard]] std::optional<std::string> read_string(reading& in, const yaml_node& node, std::string_view what);
[[nodiscard]] std::vector<std::string> read_strings(reading& in, const yaml_node& node, std::string_view what);
// The index of the word in `known`; an error with a suggestion otherwise.
[[nodiscard]] std::optional<std::size_t> read_word(reading& in, const yaml_node& node, std::string_view what,
                                                   words known, words later = {});
// Lower-case letters, digits, '-' and '_'.
[[nodiscard]] bool is_name(std::string_view text);
[[nodiscard]] std::string read_name(reading& in, const yaml_node* node, std::string_view what);

// Words of the language in the order of their enums.
inline constexpr std::string_view enforcement_words[] = {"off", "shadow", "enforce"};
inline constexpr std::string_view action_words[] = {"allow",         "flag",    "tag",      "append", "require_disclaimer",
                                                    "inject_system", "rewrite", "tokenize", "redact", "block"};
static_assert(std::size(action_words) == action_count);
inline constexpr std::string_view role_words[] = {"system", "developer", "user", "assistant", "tool"};
inline constexpr std::string_view part_words[] = {"text",       "reasoning",   "refusal",    "tool_definition",
                                                  "tool_call",  "tool_result", "attachment", "annotation",
                                                  "transcript", "error",       "name"};

// parse_*.cpp, one for each kind of thing.
[[nodiscard]] scope read_scope(reading& in, const yaml_node& node, std::string_view what);
[[nodiscard]] enforcement read_enforcement(reading& in, const object& from, enforcement otherwise);
[[nodiscard]] match_spec read_match(reading& in, const yaml_node& node);
[[nodiscard]] test_spec read_test(reading& in, const yaml_node& node);
[[nodiscard]] rule read_rule(reading& in, const yaml_node& node, enforcement ceiling);
struct metadata {
  std::string name, title, owner, ticket, status, review_by, expires;
  policy::place place;
};
[[nodiscard]] metadata read_metadata(reading& in, const object& from, std::string_view kind);
[[nodiscard]] policy_ast read_policy(reading& in, const yaml_node& document);
[[nodiscard]] list_ast read_list(reading& in, const yaml_node& document);
// Fills what the bundle says; modules come back to be bound once every policy is known.
struct module_use {
  std::string policy;
  scope bind;
  policy::place place;
};
[[nodiscard]] std::vector<module_use> read_bundle(reading& in, const yaml_node& document, bundle_ast& out);

}  // namespace sluice::policy
