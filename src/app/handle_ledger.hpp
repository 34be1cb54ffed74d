// Which texts that upstreams hold have gone through this gateway, by the handles that later requests call them by, and how they were
// judged (unreadable.server_state: ledger). Shared by all workers.
//
// In memory: after a restart, and on another node, a handle is one that nobody knows, and so is refused. The one that gateways share is
// store/ledger.hpp.
#pragma once

#include "keyed_memory.hpp"
#include "sluice/proxy/exchange.hpp"

namespace sluice::app {

struct ledger_key {
  std::string_view tenant, dialect, handle;
};

class handle_ledger {
 public:
  static constexpr std::chrono::hours idle_max{24 * 30};  // since a handle was last used: upstreams keep no response longer
  static constexpr std::size_t bytes_max = 64u << 20;     // of all; past it the handle that was quiet longest is forgotten

  explicit handle_ledger(std::size_t bytes = bytes_max) : known_(bytes, idle_max) {}

  // Null: not known.
  [[nodiscard]] std::shared_ptr<const proxy::ledger_entry> recall(const ledger_key& of, mono_time now);
  // Where it is known as blocked, it stays so. False: it was not kept, because something else is there than what it was to be kept instead of.
  bool keep(const ledger_key& of, mono_time now, proxy::kept_handle what);
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct kept {
    std::shared_ptr<const proxy::ledger_entry> entry;
    [[nodiscard]] std::size_t bytes() const;
  };
  [[nodiscard]] static std::string key_of(const ledger_key& of) { return keyed_memory<kept>::key_of({of.tenant, of.dialect, of.handle}); }
  keyed_memory<kept> known_;
};

}  // namespace sluice::app
