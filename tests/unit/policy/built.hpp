// Bundles compiled in a test, in this process and in memory.
#pragma once

#include "sluice/match/compiler.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sources.hpp"

namespace sluice::policy::testing {

inline build_report built(const bundle_source& source, wall_time day = today,
                          expired_exceptions how = expired_exceptions::refuse) {
  static const auto backend = match::in_process_backend();
  static shard_cache cache{""};
  return build(source, day, *backend, cache, how);
}

// Of a bundle, or of one policy with these rules, that builds.
inline std::shared_ptr<const snapshot> snapshot_of(const bundle_source& source) {
  auto report = built(source);
  EXPECT_NE(report.snapshot, nullptr) << to_text(report.found);
  return report.snapshot;
}
inline std::shared_ptr<const snapshot> snapshot_of(const std::string& rules, const std::string& more = {}) { return snapshot_of(one_policy(rules, more)); }

// A rule with a test that it is found in `hit`, and one that it is not in "~". `body`: its other lines.
inline std::string rule_found_in(const std::string& hit, const std::string& id, const std::string& direction, const std::string& match, const std::string& body) {
  return "  - id: " + id + "\n    direction: " + direction + "\n    match: " + match + "\n" + body + "    tests:\n      - {name: hit, " + (direction == "response" ? "response" : "request") + ": \"" + hit +
         "\", expect: {rules_any: [" + id + "]}}\n      - {name: miss, request: \"~\", expect: {rules: []}}\n";
}

inline std::string policy_file(const std::string& name, const std::string& rules, const std::string& more = {}) {
  return "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: " + name + ", owner: o}\n" + more + "rules:\n" + rules;
}
inline std::string bundle_file(const std::string& modules, const std::string& more = {}) {
  return "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\n" + more + "modules:\n" + modules;
}

}  // namespace sluice::policy::testing
