// Overlays while a bundle is read: what they say, and the rules that they say it of, as YAML.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reader.hpp"

namespace sluice::policy {

struct patch_field {
  const yaml_node* key;    // the field, dotted
  const yaml_node* value;
  bool append;             // else replace
};

struct raw_patch {
  const overlay_ast* overlay;  // set once all of them are read
  const std::string* file;
  const yaml_node* at;
  std::string rule;
  std::vector<patch_field> fields;
  policy::place place;
};

// A rule as it was written.
struct rule_source {
  const std::string* file;
  const yaml_node* node;
  policy_ast* policy;
  rule_defaults defaults;
};

struct patching {
  std::map<std::string, rule_source>& rules;  // by id
  macro_table& macros;
  diagnostics& found;
};

[[nodiscard]] overlay_ast read_overlay(reading& in, const yaml_node& document, std::vector<raw_patch>& patches);
// Makes the variants of the policies in `rules`. Names and binds of all overlays must be known.
void apply_overlays(const patching& all, const std::vector<raw_patch>& patches);
// parse_bundle.cpp: an error when the rule asks for a disclaimer that its policy has not.
void check_disclaimer(reading& in, const yaml_node& node, const rule& of, const policy_ast& policy);
// False when no context fits both.
[[nodiscard]] bool scopes_meet(const scope& a, const scope& b);

}  // namespace sluice::policy
