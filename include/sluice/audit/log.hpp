// The hash-chained decision log: bounded queues from the workers, one spool thread, group commit, rotation.
//
// Files: <directory>/<node>-<boot>-<n>.jsonl, append only. Each line ends with "prev" and "hash": hash is SHA-256 over the
// line without its hash member, prev is the hash of the line before; the first line of a file repeats the last hash of the
// file before it, the first of a boot that of the boot before. A torn last line is cut off at start and counted. Signed checkpoints
// stand in the chain at the begin and end of a boot and between (docs/audit.md).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "sluice/audit/record.hpp"
#include "sluice/audit/text_keys.hpp"
#include "sluice/base/result.hpp"
#include "sluice/crypto/signing.hpp"

namespace sluice::audit {

enum class sync_mode : std::uint8_t { interval, always };

struct log_config {
  std::string directory, node;
  std::string engine;                 // build version for each record
  std::string config_digest;
  std::string value_key;              // HMAC key for matched values; never empty
  sync_mode sync = sync_mode::interval;
  milliseconds interval{50};
  std::size_t queue_records = 16384;  // per producer
  std::uint64_t file_bytes_max = 256ull << 20;
  bool store_masked = true;           // masked matched values in the findings; false: none
  std::shared_ptr<text_keys> text;    // keeps text, sealed with these; null: keeps none. The spool thread's alone
  bool shadow = false;                // the gateway's `mode: shadow`
  std::shared_ptr<const crypto::signing_key> signing;  // of checkpoints; null: the log has none
  milliseconds checkpoint_interval{10'000};
  std::uint64_t checkpoint_records = 10'000;           // at most so many lie between two
  // The line of the newest checkpoint, once it is written: for whoever keeps it elsewhere. On the spool thread.
  std::function<void(const std::string& line)> on_checkpoint = {};
};

class log {
 public:
  // Opens or continues the log and starts the spool thread.
  // `beside`: further producers, with numbers behind the others, whose queues are small.
  [[nodiscard]] static result<std::unique_ptr<log>> open(log_config config, std::size_t producers, std::size_t beside = 0);
  ~log();  // writes all that is queued, however much, syncs, ends with a "stop" event; what a full disk does not take is lost

  // From worker `producer`, none of them blocks. Keeps places for the records of one exchange, so that none of them is lost. False: there
  // is no room, or the disk failed, and nothing is kept; what that means for the exchange, on_full says, which is not the log's matter.
  [[nodiscard]] bool reserve(std::size_t producer, std::size_t records);
  void release(std::size_t producer, std::size_t records);  // of reserved ones that are not needed any more
  // A record to be filled whole (it still holds an older one, for its memory), then publish(). `reserved`: it takes one of the places
  // that were kept, and there is one. Null: full, and the record is counted as lost.
  [[nodiscard]] record* claim(std::size_t producer, bool reserved = false);
  void publish(std::size_t producer);
  // For text of that size to wait for the disk in memory; false: it must be left out, for too much waits already. From any thread.
  [[nodiscard]] bool reserve_text(std::size_t bytes);
  // From a control thread. While the disk is full a few hundred wait; what comes then is counted as lost.
  void event(control_event e);
  // Blocks until what was pushed before is on disk, or could not be written: stats() says which. For tests, shutdown and retention.
  void flush();

  struct statistics {
    std::uint64_t written = 0, dropped = 0, bytes = 0, syncs = 0, sync_failures = 0, torn_repaired = 0;
    bool failed = false;               // records cannot be written, or a sync failed and has not been made good: `failure` says which
    bool full = false;                 // it failed because the disk has no room
    bool reserve_held = false;         // there is room on the disk for a "retired" event all the same
    std::string failure, boot, last_hash;
    std::uint64_t sequence = 0;
  };
  [[nodiscard]] statistics stats() const;

 private:
  struct impl;
  explicit log(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::audit
