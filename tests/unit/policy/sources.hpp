// Bundles written in a test, and what was found in them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sluice/policy/build.hpp"

namespace sluice::policy::testing {

inline bundle_source source_of(std::vector<std::pair<std::string, std::string>> files) {
  bundle_source out;
  for (auto& [path, bytes] : files) out.files.push_back(make_source_file(path, std::move(bytes)));
  std::ranges::sort(out.files, {}, &source_file::path);
  return out;
}

inline const wall_time today = parse_time("2026-11-23").value();

// A bundle of one policy `p`, whose rules are given as YAML.
inline bundle_source one_policy(const std::string& rules, const std::string& more = {}) {
  return source_of(
      {{"bundle.yaml",
        "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n"
        "  - {use: p, bind: {scope: global}}\n"},
       {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rules + more}});
}

// A rule with the given match, action and direction, and tests that fit the word "needle".
inline std::string rule_with(const std::string& match, const std::string& rest = "action: {type: flag}") {
  return "  - id: r\n    direction: request\n    match: " + match + "\n    " + rest +
         "\n    tests:\n      - {name: hit, request: a needle, expect: {rules: [r]}}\n"
         "      - {name: miss, request: hay, expect: {rules: []}}\n";
}

inline diagnostics parsed(const bundle_source& source, bundle_ast* out = nullptr) {
  diagnostics found;
  bundle_ast ast = parse(source, found);
  if (out != nullptr) *out = std::move(ast);
  return found;
}

inline diagnostics checked(const bundle_source& source, bundle_ast* out = nullptr) {
  diagnostics found;
  bundle_ast ast = parse(source, found);
  if (!has_errors(found)) check(ast, today, found);
  if (out != nullptr) *out = std::move(ast);
  return found;
}

inline const diagnostic* find(const diagnostics& found, std::string_view text) {
  for (const diagnostic& each : found) {
    if (to_text(each).contains(text)) return &each;
  }
  return nullptr;
}

// GoogleTest assertion: something found says `text`.
inline ::testing::AssertionResult says(const diagnostics& found, std::string_view text) {
  if (find(found, text) != nullptr) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "nothing says \"" << text << "\" in:\n" << to_text(found);
}
inline ::testing::AssertionResult clean(const diagnostics& found) {
  if (!has_errors(found)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << to_text(found);
}

}  // namespace sluice::policy::testing
