// What becomes of files that a node writes no more: they are packed, and removed when they are too old or too many. Before files go the
// log says so itself, in its chain, so that verify can tell what was retired from what was taken away. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/audit/log.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::audit {

struct retention {
  milliseconds age{0};       // since the last record of a file, by its own time; 0: for ever
  std::uint64_t bytes = 0;   // of all files of the node, as they lie on disk; 0: without bound
  bool pack = true;
};

struct kept_files {
  std::vector<std::string> packed, removed;  // names
  std::vector<std::string> problems;         // what could not be done, and why; it is tried again next time
  std::optional<wall_time> begins = {};      // when the first record was made that is still there, of any node; nothing where files stay for ever
};
// What is remembered from one look to the next; empty at the first.
struct retention_memory {
  std::map<std::string, std::pair<wall_time, wall_time>> times;  // of closed files: of their first and last record
  std::map<std::string, wall_time> begins = {};                  // of the first file of each node: of its first record
  std::optional<instant> seen;                                   // when it was looked last
  mono_time steady_since{};                                      // since then the clock was not set
  bool clock_was_set = false;                                    // not long ago
};
// How far the two clocks may part between two looks before the wall clock counts as set, and how long files do not go by their age after
// that, or after the first look, at most: with a clock that is ahead every file is old.
inline constexpr milliseconds clock_step{60'000}, clock_settles_max{3'600'000};

// An exchange may have been asked this long before a record that stands before its own, at most: keys of kept text stay so long when the records
// of their day are gone.
inline constexpr std::chrono::hours asked_before{48};

// Once over the files of this node. The two newest stay as they are: one is being written, one may be followed still. Files go by what their
// records say, not by what the disk says of them, and only where the first file that stays goes on behind the last record that goes: who may
// write into the folder does not have the log sign away what is still to be kept.
[[nodiscard]] kept_files tidy(log& to, const std::string& directory, const std::string& node, const retention& rules, instant now, retention_memory& memory);

}  // namespace sluice::audit
