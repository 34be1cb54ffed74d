// The chain on its way to disk: links lines into a batch, writes it, syncs in groups, goes on in a new file when one is full, and makes
// good a sync that failed. The spool thread's own, but for what says otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "background_sync.hpp"
#include "checkpoint.hpp"
#include "disk_reserve.hpp"
#include "files.hpp"
#include "format.hpp"
#include "standing.hpp"
#include "sluice/audit/log.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::audit {

class chain_writer {
 public:
  explicit chain_writer(const log_config& config) : config_(config) {}
  ~chain_writer();
  chain_writer(const chain_writer&) = delete;
  chain_writer& operator=(const chain_writer&) = delete;

  // Continues the chain of this node in the first file of a new boot.
  [[nodiscard]] result<void> open();

  // One turn: first what comes into the batch, while there is room, then write, then keep_up.
  [[nodiscard]] bool room() const { return batch_.size() < batch_bytes_max; }
  void add(const record& r);
  void add(const control_event& e);
  // Events were lost: what runs now is this, and the chain says so.
  void restate(const standing_state& now);
  void checkpoint_when_due(std::string_view kind, bool now);
  // On a full disk it keeps the batch, and tries again with the next one. `makes_room`: once it is written, files can go, so it may have
  // the reserve.
  void write(bool sync_too, bool makes_room);
  // Syncs, goes on in a new file, repairs. `waited_for`: somebody waits for the sync; `last`: no turn comes after this one.
  void keep_up(bool waited_for, bool last);
  [[nodiscard]] bool waiting() const { return !batch_.empty(); }  // lines that could not be written

  // As of what is on disk.
  [[nodiscard]] const log::statistics& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t synced_beside() const { return beside_.done(); }  // from any thread
  [[nodiscard]] bool checkpoints_begun() const { return checkpoints_ && checkpoints_->begun(); }

 private:
  static constexpr std::size_t batch_bytes_max = 1u << 20;
  static constexpr std::uint64_t reserve_bytes = 2 * batch_bytes_max;  // a batch, its last line, and a checkpoint

  [[nodiscard]] line_context context() { return {config_, same_, ++sequence_}; }
  [[nodiscard]] std::string current_file() const { return config_.directory + "/" + file_name(config_.node, counts_.boot, file_number_); }
  void chain();
  void checkpoint(std::string_view kind);
  void link(const crypto::signing_key* signing);
  [[nodiscard]] result<void> open_file();
  void go_on_in_a_new_file();
  void restate();
  void note_faults();
  void note_synced();
  void sync();
  void sync_beside();
  void look_beside();
  void sync_failed(const std::string& what, int why);
  void write_batch(bool sync_too);
  void repair();
  void postpone_repair();

  const log_config& config_;
  int fd_ = -1;
  std::uint32_t file_number_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::string hash_;
  std::uint64_t sequence_ = 0, chained_ = 0;  // counts_ has what is on disk
  same_in_all same_;
  std::optional<checkpoint_schedule> checkpoints_;  // none: without a key
  std::string batch_, line_, newest_checkpoint_;
  bool unsynced_ = false;
  mono_time synced_{};
  // What a failed sync left in doubt: the kernel may have dropped what it could not write, and says so only once. So no later sync of
  // the same file makes it good; a new file does, which says what may be missing.
  std::uint64_t written_to_ = 0;                 // the last record that is whole in the file
  std::uint64_t synced_to_ = 0, beside_to_ = 0;  // of the last sync that went well, and of the one under way
  std::string beside_file_;                      // which file that one syncs
  std::string write_fault_, sync_fault_;         // what fails at the moment; empty: nothing
  mono_time repair_at_{};
  milliseconds repair_after_{0};
  int write_error_ = 0;                          // of the last write that failed
  mono_time reserve_at_{};
  disk_reserve reserve_{config_.directory + "/" + config_.node + ".reserve", reserve_bytes};
  log::statistics counts_;
  background_sync beside_;
  standing_state standing_;
};

}  // namespace sluice::audit
