// The digest that addresses of Ethereum are checked with, over short texts (135 bytes at most): libcrypto has Keccak only with the padding
// of FIPS 202, which is another function. Private to the validators: nothing secret passes here.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace sluice::match {

using digest_256 = std::array<std::uint8_t, 32>;

[[nodiscard]] digest_256 keccak256_short(std::span<const std::uint8_t> text);  // Keccak[c=512] with the padding before FIPS 202

}  // namespace sluice::match
