// Snapshots that are no longer in force and that exchanges still hold. Their memory and their age have bounds; who is over one is
// named, the oldest first, and the caller ends the streams on it. A swap waits for none of them. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::app {

class pinned_snapshots {
 public:
  using pointer = std::shared_ptr<const policy::snapshot>;
  pinned_snapshots(std::uint64_t bytes_max, milliseconds pin_max) : bytes_max_(bytes_max), pin_max_(pin_max) {}

  // These are in force from `t` on: one, and what runs beside it, a canary and a version in shadow.
  void activate(const std::vector<pointer>& snapshots, mono_time t);
  void activate(const pointer& snapshot, mono_time t) { activate(std::vector{snapshot}, t); }
  // Those whose streams have to end now. Each is named once.
  [[nodiscard]] std::vector<pointer> overdue(mono_time t);

  struct usage {
    std::size_t snapshots = 0;  // besides those in force
    std::uint64_t bytes = 0;    // of all, what they share counted once
  };
  [[nodiscard]] usage now_held();

 private:
  struct entry {
    std::weak_ptr<const policy::snapshot> snapshot;
    mono_time superseded;
    bool ending = false;
  };
  void add_in_force(std::vector<pointer>& to) const;
  [[nodiscard]] std::uint64_t bytes_of(const std::vector<pointer>& held) const;

  std::uint64_t bytes_max_;
  milliseconds pin_max_;
  std::vector<std::weak_ptr<const policy::snapshot>> in_force_;
  std::vector<entry> older_;  // the oldest first
};

}  // namespace sluice::app
