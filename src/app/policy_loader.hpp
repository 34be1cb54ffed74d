// What a node does with a candidate: all passes of policy::build in this process, Hyperscan in a child, unchanged databases
// from the cache. Keeps what the last versions were made of, for explain. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/admin/api.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sluice/store/agent.hpp"

namespace sluice::app {

class policy_loader {
 public:
  explicit policy_loader(const std::string& state_directory);
  [[nodiscard]] store::apply_result apply(const policy::bundle_source& source, const std::string& version);
  // What this snapshot was made of; null when it is not among the last ones.
  [[nodiscard]] std::shared_ptr<const admin::loaded_bundle> made_of(const policy::snapshot* snapshot) const;

 private:
  std::unique_ptr<match::compile_backend> backend_;
  policy::shard_cache cache_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const admin::loaded_bundle>> loaded_;  // the newest last
};

}  // namespace sluice::app
