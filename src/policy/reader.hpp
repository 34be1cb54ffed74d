// Reading one mapping of a policy file by its table (schema.hpp): known keys and typed values. Everything that is wrong becomes a
// diagnostic with its place; reading goes on, so that one run shows every mistake.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/document.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::policy {

class macro_table;

// What every reading function shares for one file.
struct reading {
  const std::string& file;
  diagnostics& found;
  std::string rule = {};  // the rule being read, so that its diagnostics name it
  macro_table* macros = nullptr;

  void error(const yaml_node& at, std::string message, std::string advice = {});
  void warn(const yaml_node& at, std::string message, std::string advice = {});
  [[nodiscard]] policy::place place_of(const yaml_node& at) const;
};

// The members of a mapping by name, as its table says.
class object {
 public:
  // `what` names it in messages where the table's own word does not fit.
  object(reading& in, const yaml_node& node, const shape& of, std::string_view what = {});

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] const yaml_node& node() const { return node_; }
  [[nodiscard]] bool has(std::string_view key) const { return valid_ && node_.find(key) != nullptr; }
  // The value, or null when the key is not there. A key with an empty value is an error and reads as absent.
  [[nodiscard]] const yaml_node* get(std::string_view key) const;

  // Absent or wrong: empty, or what stands behind the comma.
  [[nodiscard]] std::string string(std::string_view key) const;  // an error when it is required and empty
  [[nodiscard]] std::string name(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key, bool otherwise) const;
  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t otherwise) const;
  [[nodiscard]] std::optional<double> real(std::string_view key) const;
  [[nodiscard]] std::string date(std::string_view key) const;  // YYYY-MM-DD
  [[nodiscard]] std::optional<milliseconds> duration(std::string_view key) const;
  // By its place in the table's words.
  [[nodiscard]] std::optional<std::size_t> word(std::string_view key) const;
  [[nodiscard]] std::vector<std::size_t> word_list(std::string_view key) const;
  template <class E>
  [[nodiscard]] E word(std::string_view key, E otherwise) const {
    const auto at = word(key);
    return at ? static_cast<E>(*at) : otherwise;
  }
  // Calls f(item) for each of a list; an error when it is none.
  template <class F>
  void each(std::string_view key, F&& f) const {
    const yaml_node* list = get(key);
    if (list == nullptr || !is_list(*list, key)) return;
    for (const yaml_node& item : list->items) f(item);
  }

 private:
  std::vector<std::string_view> check_keys(words known);  // the known ones that unknown keys are near to
  void check_belonging(const yaml_node& key, const field& of, const std::string& kind);
  [[nodiscard]] bool is_list(const yaml_node& value, std::string_view key) const;
  [[nodiscard]] const field& field_of(std::string_view key) const;

  reading& in_;
  const yaml_node& node_;
  const shape& shape_;
  std::string what_;
  bool valid_ = false;
};

// A scalar as text; a plain scalar that YAML readers take for a number, a boolean or null must be quoted.
[[nodiscard]] std::optional<std::string> read_string(reading& in, const yaml_node& node, std::string_view what);
[[nodiscard]] std::vector<std::string> read_strings(reading& in, const yaml_node& node, std::string_view what);
// A number, with or without a fraction.
[[nodiscard]] std::optional<double> read_real(const yaml_node& node);
// The index of the word in `known`; an error with a suggestion otherwise.
[[nodiscard]] std::optional<std::size_t> read_word(reading& in, const yaml_node& node, std::string_view what, words known);
// Lower-case letters, digits, '-' and '_'.
[[nodiscard]] bool is_name(std::string_view text);
[[nodiscard]] std::string read_name(reading& in, const yaml_node* node, std::string_view what);

// Macros by name, read when first asked for, so that their order in files does not matter.
class macro_table {
 public:
  // A second one of a name is an error. `file` and `document` must outlive the table.
  void add(reading& in, const yaml_node& document, const source_file& file, std::string name);
  // The match of a macro; nothing, with an error at `at`, when there is none or it leads back to itself.
  [[nodiscard]] std::optional<match_spec> find(reading& in, const yaml_node& at, const std::string& name);
  // Reads those that nobody asked for, and warns of them.
  void finish(diagnostics& found);

 private:
  struct entry {
    const source_file* file;
    const yaml_node* document;
    policy::place place;
    enum class state : std::uint8_t { unread, open, read } state = state::unread;
    match_spec match = {};
    bool used = false;
  };
  void read(entry& of, diagnostics& found);
  std::map<std::string, entry> entries_;
};

// parse_*.cpp, one for each kind of thing.
[[nodiscard]] scope read_scope(reading& in, const yaml_node& node, std::string_view what);
[[nodiscard]] match_spec read_match(reading& in, const yaml_node& node);
[[nodiscard]] match_spec phrase_of(reading& in, const yaml_node& node, std::uint64_t gap);
// `near`, `unless_near` and `within` of a match or an item.
void read_nearness(reading& in, const object& from, std::optional<proximity>& near, std::optional<proximity>& unless_near);
[[nodiscard]] action_spec read_action(reading& in, const yaml_node& node);
[[nodiscard]] test_spec read_test(reading& in, const yaml_node& node);
// What a policy says for those of its rules that say nothing.
struct rule_defaults {
  policy::enforcement ceiling = enforcement::enforce;
  std::optional<rollout_spec> rollout = {};
  std::optional<promote_spec> promote_when = {};
};
[[nodiscard]] rule read_rule(reading& in, const yaml_node& node, const rule_defaults& policy);
[[nodiscard]] rule_defaults read_defaults(reading& in, const object& from);
[[nodiscard]] std::optional<audit_spec> read_audit(reading& in, const object& from);
struct metadata {
  std::string name, title, owner, ticket, status, review_by, expires;
  policy::place place;
};
[[nodiscard]] metadata read_metadata(reading& in, const object& from);
[[nodiscard]] policy_ast read_policy(reading& in, const yaml_node& document);
[[nodiscard]] list_ast read_list(reading& in, const yaml_node& document);
[[nodiscard]] gate_spec read_gate(reading& in, const yaml_node& node);
[[nodiscard]] breaker_terms read_breaker(reading& in, const yaml_node& node);
[[nodiscard]] suite_ast read_suite(reading& in, const yaml_node& document);
// Fills what the bundle says; modules come back to be bound once every policy is known.
struct module_use {
  std::string policy;
  scope bind;
  policy::place place;
};
[[nodiscard]] std::vector<module_use> read_bundle(reading& in, const yaml_node& document, bundle_ast& out);

}  // namespace sluice::policy
