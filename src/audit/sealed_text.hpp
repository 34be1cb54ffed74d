// The judged text of a record as it stands in its line: sealed with AES-GCM under the key of its day and tenant, bound to its decision.
#pragma once

#include <string>

#include "sluice/audit/record.hpp"
#include "sluice/audit/text_keys.hpp"

namespace sluice::audit {

// The member's value: {"key": …, "sealed": …}, or {"omitted": why}.
[[nodiscard]] std::string sealed_text(const record& r, text_keys& keys);

// Of both sides, as reserve_text() counts them.
[[nodiscard]] std::size_t text_bytes(const record& r);

}  // namespace sluice::audit
