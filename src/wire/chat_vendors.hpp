// What servers that speak Chat Completions add to it. Sources: their API references.
#pragma once

#include "table.hpp"

namespace sluice::wire {

[[nodiscard]] std::span<const row> vendor_request_rows();
[[nodiscard]] std::span<const row> vendor_response_rows();
[[nodiscard]] std::span<const row> vendor_chunk_rows();

}  // namespace sluice::wire
