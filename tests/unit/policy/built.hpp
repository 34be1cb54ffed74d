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

inline std::string policy_file(const std::string& name, const std::string& rules, const std::string& more = {}) {
  return "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: " + name + ", owner: o}\n" + more + "rules:\n" + rules;
}
inline std::string bundle_file(const std::string& modules, const std::string& more = {}) {
  return "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\n" + more + "modules:\n" + modules;
}

}  // namespace sluice::policy::testing
