// What becomes of files that a node writes no more: they are packed, and removed when they are too old or too many. Before files go the
// log says so itself, in its chain, so that verify can tell what was retired from what was taken away. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/audit/log.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::audit {

struct retention {
  milliseconds age{0};       // since the last record of a file; 0: for ever
  std::uint64_t bytes = 0;   // of all files of the node, as they lie on disk; 0: without bound
  bool pack = true;
};

struct kept_files {
  std::vector<std::string> packed, removed;  // names
  std::vector<std::string> problems;         // what could not be done, and why; it is tried again next time
};
// Once over the files of this node. The two newest stay as they are: one is being written, one may be followed still.
[[nodiscard]] kept_files tidy(log& to, const std::string& directory, const std::string& node, const retention& rules, wall_time now);

}  // namespace sluice::audit
