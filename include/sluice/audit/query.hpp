// Reading logs back: filter, follow, verify the chain, and say which version was active when.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::audit {

struct filter {
  std::optional<wall_time> from, to;
  std::string decision, tenant, rule, policy, verdict, shadow_verdict, version, activation, user, conversation;
  std::size_t limit = 0;  // the newest so many; 0: all
};

// Calls `line` for each record line (JSON text without newline) that fits, of all nodes in the order of their times, until it returns false.
[[nodiscard]] result<void> query(const std::vector<std::string>& directories, const filter& f,
                                 const std::function<bool(const std::string& line)>& line);

struct active_version {
  std::string node, boot, activation, version, freshness;
  wall_time since;
};
// Which version each node enforced at `when`: the last "activated" or "state" event of its chain at or before it.
[[nodiscard]] result<std::vector<active_version>> active_at(const std::vector<std::string>& directories, wall_time when);

struct verify_report {
  std::uint64_t records = 0, files = 0, boots = 0;
  std::vector<std::string> problems;  // "file:line: what"
  bool torn_tail = false;             // the last line of the last file is incomplete: repaired at next start, not a break
};
[[nodiscard]] result<verify_report> verify(const std::vector<std::string>& directories);

// Calls `line` for records as they are written, starting with the last `back`; returns when `stop` says so.
[[nodiscard]] result<void> tail(const std::string& directory, std::size_t back, const std::function<bool(const std::string&)>& line,
                                const std::function<bool()>& stop);

}  // namespace sluice::audit
