// Reading logs back: filter, follow, verify the chain, and say which version was active when.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::audit {

// How a user, a conversation or a matched value stands in a log; `key` is log_config::value_key.
[[nodiscard]] std::string keyed_hash(std::string_view key, std::string_view value);
// Which key that is, as each boot's "start" tells it.
[[nodiscard]] std::string names_key(std::string_view key);
// Whether no boot of these logs that tells its key had this one: what was hashed with it cannot be found there.
[[nodiscard]] result<bool> another_key(const std::vector<std::string>& directories, std::string_view key);

struct filter {
  std::optional<wall_time> from, to;
  std::string decision, event, tenant, route, model, rule, policy, verdict, shadow_verdict, version, activation;
  std::string reason;       // or a part of it
  bool checkpoints = true;  // without `event`: those of the chain too
  std::string user, conversation, value;  // as keyed_hash(); value: of a finding
  std::size_t limit = 0;  // the newest so many; 0: all
  std::size_t skip = 0;   // without the newest so many: the page before
  // The number of the last record of a boot that whoever asks has had; nothing: he has had none. Files without a later one are not read: what is
  // asked again and again of a log that grows costs what is new. Of the others all lines count.
  std::function<std::optional<std::uint64_t>(const std::string& node, const std::string& boot)> had = {};
};

// Calls `line` for each record line (JSON text without newline) that fits, of all nodes in the order of their times, until it returns false.
// Returns how many fit, those before the limit too.
[[nodiscard]] result<std::size_t> query(const std::vector<std::string>& directories, const filter& f,
                                 const std::function<bool(const std::string& line)>& line);

struct active_version {
  std::string node, boot, activation, version, freshness;
  wall_time since;                    // the version, under this activation
  wall_time state_since;              // its freshness
  bool shadow = false;                // the gateway's `mode: shadow`: it enforced nothing
  std::vector<std::string> demoted;   // rules that the version enforces and that were in shadow; sorted
  // What decided for a share of conversations beside it, where something did; the share in words.
  std::string canary = {}, canary_share = {};
  std::vector<std::string> canary_demoted = {};
  // By how much the node's clock was set back at most in these logs; 0: never. Then a time may have come more than once, and each has a row.
  seconds set_back{0};
  std::size_t one_of = 1;
  // The node's disk took no events about that time, and some were lost: until then another version may have been in force. Nothing: none were.
  std::optional<wall_time> lost_until = {};
  // Nobody knows what was in force: the node's log was written last before the time, by more than it is ever silent, and does not say that the
  // node was stopped. The rest is what was in force then. `goes_on`: when the node started again.
  std::optional<wall_time> last_seen = {}, goes_on = {};
  // Nor here: what there is of the node's log begins so late, and is not its begin. The rest is empty.
  std::optional<wall_time> log_begins = {};
  [[nodiscard]] bool known() const { return !last_seen && !log_begins; }
};
// What each node enforced when its clock showed `when`, by the events of its chain since its last start: control_event says which. A node that
// was not running, or was not there yet, has no row.
[[nodiscard]] result<std::vector<active_version>> active_at(const std::vector<std::string>& directories, wall_time when);

struct verify_options {
  std::vector<std::string> keys;     // public keys in hex; a checkpoint by another is a problem. Empty: any one key, of which the report says
  std::vector<std::string> anchors;  // checkpoint lines that were kept elsewhere: each must still be there
  // Checkpoints that a ring in Redis has, of any node; nothing: it was not asked. Who writes there need not be trusted: only those count that
  // one of `keys` signed, the others are problems. Where logs of their node are given, each must be in them or retired.
  struct ring_entry {
    std::string place;  // for people: "entry 1700000000000-0"
    std::string line;
  };
  std::optional<std::vector<ring_entry>> ring = {};
  bool complete = false;             // every node was stopped: a log that does not end with its closing checkpoint was cut
  std::vector<std::string> nodes = {};  // each must have a log here
};
struct verify_report {
  std::uint64_t records = 0, files = 0, boots = 0, checkpoints = 0;
  std::vector<std::string> problems;  // "file:line: what"
  std::vector<std::string> notes;     // what is no break and yet worth a look
  std::vector<std::string> keys;      // public keys that signed checkpoints
  bool torn_tail = false;             // the last line of the last file is incomplete: repaired at next start, not a break
  struct log_end {
    std::string node, boot;
    std::uint64_t sequence = 0, unsigned_records = 0;  // unsigned: behind the last checkpoint
    bool closed = false;                               // ends with the checkpoint of a stop
    std::uint64_t ring_sequence = 0;                   // the newest of its checkpoints that the ring has, too; 0: none
    std::uint64_t first = 0;                           // its first record; those before it were retired
  };
  std::vector<log_end> ends;
};
[[nodiscard]] result<verify_report> verify(const std::vector<std::string>& directories, const verify_options& options = {});

// What lies in a log's folder, for whoever copies it: names in writing order, bytes written so far.
struct stored_file {
  std::string name;
  std::uint64_t bytes = 0;
};
[[nodiscard]] result<std::vector<stored_file>> stored_files(const std::string& directory);
// At most `bytes_max` bytes of one of them, from `offset` on. errc::not_found for any other name.
[[nodiscard]] result<std::string> read_piece(const std::string& directory, const std::string& name, std::uint64_t offset, std::size_t bytes_max);

// Calls `line` for records as they are written, starting with the last `back`; returns when `stop` says so.
[[nodiscard]] result<void> tail(const std::string& directory, std::size_t back, const std::function<bool(const std::string&)>& line,
                                const std::function<bool()>& stop, bool checkpoints = true);

}  // namespace sluice::audit
