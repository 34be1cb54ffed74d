// What a node does with a candidate: all passes of policy::build in this process, Hyperscan in a child, unchanged databases from the cache;
// where nobody has checked it, all that `sluice check` asks. Keeps what living snapshots were made of, for explain, and keeps none of them alive. Thread-safe.
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
  policy_loader(const std::string& state_directory, match::compile_limits limits, bool has_vault);
  ~policy_loader();
  // One at a time.
  [[nodiscard]] store::apply_result apply(const policy::bundle_source& source, store::was_checked checked);
  // The same snapshot with these rules in shadow; null where that cannot be.
  [[nodiscard]] std::shared_ptr<const policy::snapshot> in_shadow(const std::shared_ptr<const policy::snapshot>& of, const std::vector<std::string>& rules);
  // The snapshot with what it was made of; null when it was not made here.
  [[nodiscard]] std::shared_ptr<const admin::loaded_bundle> made_of(const std::shared_ptr<const policy::snapshot>& snapshot) const;

 private:
  class noting_backend;
  std::unique_ptr<noting_backend> backend_;
  policy::shard_cache cache_;
  bool has_vault_;
  mutable std::mutex mutex_;
  struct made {
    std::weak_ptr<const policy::snapshot> snapshot;
    std::shared_ptr<const policy::bundle_ast> bundle;
  };
  std::vector<made> made_;
};

}  // namespace sluice::app
