// An entry of the ledger as bytes, for the gateways that share one. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/proxy/exchange.hpp"

namespace sluice::app {

[[nodiscard]] std::string to_bytes(const proxy::ledger_entry& entry);
// Null: of another release, which is as good as not known.
[[nodiscard]] std::shared_ptr<const proxy::ledger_entry> entry_from(std::string_view bytes, std::string stored = {});

}  // namespace sluice::app
