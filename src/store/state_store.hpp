// What a node remembers on disk: the highest activation it has seen, the last healthy versions with their files, and when it
// last heard from its source. Every file is written whole (temporary, fsync, rename, fsync of the folder). One thread, where a member does not
// say otherwise.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/policy/source.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/store/agent.hpp"

namespace sluice::store {

struct healthy_version {
  std::string version;
  policy::activation activation;      // under which it last ran
  bool proven = false;                // it was in force for agent_config::goes_well_after, and nothing crashed
};

struct node_state {
  std::string source;                 // whose activations these are: "directory", or the ring; numbers of two sources do not compare
  policy::activation highest;         // seen and accepted; never goes back
  policy::activation active;
  policy::activation began;           // the first that was taken of this source; 0-0: a release took it that did not remember that
  std::string began_record;           // SHA-256 of what its record says
  std::string version;                // of `active`; empty: none
  std::vector<healthy_version> healthy;  // newest first
  std::vector<std::string> was_live;  // versions that this source made live here, newest first, also those whose files are gone
  std::vector<std::string> revoked;   // in the ring, when this node last agreed with it of what is live
  std::vector<demotion> demotions;    // of versions that run
  shown_by_version gate, shadow;      // what versions blocked before they were live
  std::string record;                 // SHA-256 of what the record of `active` says; "": its source has no records, or a release that kept none took it
  std::string made_live;              // the last record that a key of the role activate signed, as it stood; "": none
  std::optional<wall_time> last_contact, last_activation;
  // The memory was damaged: what `highest` was is not known, until the source gives an activation.
  bool highest_lost = false;
};

struct opened_state {
  node_state state;
  std::string damage;                 // what was found damaged and what became of it; empty: nothing
  bool unreadable = false;            // the state file is there and could not be read: it must not be written over
};

class state_store {
 public:
  static constexpr std::size_t versions_kept = 3, names_kept = 100, revoked_kept = 1000;
  explicit state_store(std::string directory) : directory_(std::move(directory)) {}

  // Makes the folder, reads what is there, removes what a write that failed left. A state file that is damaged, of another
  // release, or gone while versions are there, is put aside; one that cannot be read stays as it is. The versions that verify are found again, the last used first, and
  // `highest_lost` says that an older activation can no longer be told from a newer one.
  [[nodiscard]] result<opened_state> open();
  [[nodiscard]] result<void> save(const node_state& state);
  // After a save() that failed: the new state has its name all the same, and only a crash brings the one before back. What either names stays.
  [[nodiscard]] bool in_doubt() const { return renamed_; }
  void save_contact(wall_time when);
  // A version in two steps, so that the first, which waits for the disk, goes on while the version is built. Its files, synced, under a name
  // that the next start removes; from any thread.
  [[nodiscard]] result<void> write_version(const std::string& version, const policy::bundle_source& source) const;
  // Then either its own name, which survives a crash from the next save() on, or nothing of it.
  [[nodiscard]] result<void> keep_version(const std::string& version);
  void discard_version(const std::string& version);
  // Checked against its name.
  [[nodiscard]] result<policy::bundle_source> load_version(const std::string& version) const;
  // A version that is on disk already was used again: after damage, the last used is the first that is tried.
  [[nodiscard]] result<void> mark_used(const std::string& version);
  void remove_version(const std::string& version);
  void prune(const std::vector<healthy_version>& keep);

 private:
  void remove_leftovers() const;
  [[nodiscard]] opened_state recover(const std::string& why) const;
  [[nodiscard]] result<void> replace(const std::string& name) const;
  [[nodiscard]] std::string version_file(const std::string& version) const { return "versions/" + version + ".bundle"; }
  std::string directory_;
  bool renamed_ = false;
};

}  // namespace sluice::store
