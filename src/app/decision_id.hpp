// Names of decisions: sortable by time, unique among nodes, and bound to their caller by a MAC, so that a node which holds
// the same secret can tell whose they are. 32 digits of Crockford's base32: 48 bits of milliseconds, 16 of the process and worker, 24 of a
// count, 72 of HMAC-SHA-256 over those and the caller (owner_of, identity.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/clock.hpp"

namespace sluice::app {

// One for each worker; not thread-safe.
class decision_ids {
 public:
  // `key`: derived for the purpose "decision-id". `origin`: random of the process, plus the worker's number.
  decision_ids(std::string key, std::uint16_t origin) : key_(std::move(key)), origin_(origin) {}
  [[nodiscard]] std::string next(wall_time time, std::string_view caller);

 private:
  std::string key_;
  std::uint16_t origin_;
  std::uint32_t count_ = 0;
};

// True when `id` was made for `caller` by a node with this key.
[[nodiscard]] bool belongs_to(std::string_view id, std::string_view caller, std::string_view key);

}  // namespace sluice::app
