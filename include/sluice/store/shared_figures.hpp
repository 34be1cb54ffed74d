// What a memory in Redis that gateways share has done: the vault, the ledger.
#pragma once

#include <cstdint>

namespace sluice::store {

struct shared_figures {
  std::uint64_t asked = 0, unavailable = 0;  // questions; those that were not, or not wholly, answered
  std::uint64_t kept = 0, recalled = 0;      // values of the vault, handles of the ledger
  std::uint64_t unreadable = 0;              // entries that did not open: of another secret, or altered
  bool connected = false;
};

}  // namespace sluice::store
