// What a node remembers on disk: the highest activation it has seen, the last healthy versions with their files, and when it
// last heard from its source. Every file is written whole (temporary, fsync, rename, fsync of the folder). One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/policy/source.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::store {

struct healthy_version {
  std::string version;
  policy::activation activation;      // under which it last ran
};

struct node_state {
  std::string source;                 // whose activations these are: "directory", or the ring; numbers of two sources do not compare
  policy::activation highest;         // seen and accepted; never goes back
  policy::activation active;
  std::string version;                // of `active`; empty: none
  std::vector<healthy_version> healthy;  // newest first
  std::optional<wall_time> last_contact;
};

class state_store {
 public:
  static constexpr std::size_t versions_kept = 3;
  explicit state_store(std::string directory) : directory_(std::move(directory)) {}

  // Makes the folder, reads what is there. A damaged state file is an error: a node that forgot its highest activation could be rolled back.
  [[nodiscard]] result<node_state> open();
  [[nodiscard]] result<void> save(const node_state& state);
  void save_contact(wall_time when);
  [[nodiscard]] result<void> save_version(const std::string& version, const policy::bundle_source& source);
  // Checked against its name.
  [[nodiscard]] result<policy::bundle_source> load_version(const std::string& version) const;
  void prune(const std::vector<healthy_version>& keep);

 private:
  [[nodiscard]] result<void> write_whole(const std::string& name, const std::string& bytes, bool sync);
  std::string directory_;
};

}  // namespace sluice::store
