// Bytes that are sealed for a place and a time: who holds Redis can neither read, alter or move them, nor make them last. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {

[[nodiscard]] std::string_view bytes_of(const crypto::digest& d);
// So that no two pairs read alike.
[[nodiscard]] std::string led_by_length(std::string_view first, std::string_view second);
// Big-endian.
void append_number(std::string& out, std::uint64_t n, std::size_t bytes);
[[nodiscard]] std::uint64_t read_number(std::string_view bytes);

// Opens at `place` only, until `ttl` from `now` on.
[[nodiscard]] std::string seal_for(const crypto::digest& key, std::string_view plain, std::string_view place, wall_time now, milliseconds ttl);
struct opened_seal {
  std::string plain;
  milliseconds left;  // 0: its time is over
};
// Nothing: of another key, from another place, or altered.
[[nodiscard]] std::optional<opened_seal> open_seal(const crypto::digest& key, std::string_view sealed, std::string_view place, wall_time now);

}  // namespace sluice::store
