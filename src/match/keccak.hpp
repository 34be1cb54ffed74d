// The two digests that addresses of coins are checked with, over short texts (55 and 135 bytes at most). Private to the validators:
// nothing secret passes here. What has to be kept safe uses the module crypto; OpenSSL 3.0 has no Keccak.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace sluice::match {

using digest_256 = std::array<std::uint8_t, 32>;

[[nodiscard]] digest_256 sha256_short(std::span<const std::uint8_t> text);     // FIPS 180-4
[[nodiscard]] digest_256 keccak256_short(std::span<const std::uint8_t> text);  // Keccak[c=512] with the padding before FIPS 202

}  // namespace sluice::match
