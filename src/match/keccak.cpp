// See keccak.hpp.
#include "keccak.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::match {
namespace {

// Iota's constants come out of the shift register of FIPS 202, algorithm 5.
constexpr std::array<std::uint64_t, 24> iota_constants = [] {
  std::array<std::uint64_t, 24> out{};
  std::uint8_t state = 1;
  for (auto& word : out) {
    for (int j = 0; j <= 6; ++j) {
      if ((state & 1) != 0) word |= std::uint64_t{1} << ((1 << j) - 1);
      state = static_cast<std::uint8_t>(state << 1 ^ ((state & 0x80) != 0 ? 0x71 : 0));
    }
  }
  return out;
}();

void keccak_f(std::array<std::uint64_t, 25>& lanes) {
  for (const auto constant : iota_constants) {
    std::array<std::uint64_t, 5> parity{};
    for (std::size_t i = 0; i < 25; ++i) parity[i % 5] ^= lanes[i];
    for (std::size_t i = 0; i < 25; ++i) lanes[i] ^= parity[(i + 4) % 5] ^ std::rotl(parity[(i + 1) % 5], 1);
    // Rho and pi: along one path through all lanes but the first.
    std::size_t x = 1, y = 0;
    auto moved = lanes[1];
    for (int t = 0; t < 24; ++t) {
      const auto next = (2 * x + 3 * y) % 5;
      x = y;
      y = next;
      moved = std::exchange(lanes[x + 5 * y], std::rotl(moved, (t + 1) * (t + 2) / 2 % 64));
    }
    for (std::size_t row = 0; row < 25; row += 5) {
      const std::array<std::uint64_t, 5> old = {lanes[row], lanes[row + 1], lanes[row + 2], lanes[row + 3], lanes[row + 4]};
      for (std::size_t i = 0; i < 5; ++i) lanes[row + i] = old[i] ^ (~old[(i + 1) % 5] & old[(i + 2) % 5]);
    }
    lanes[0] ^= constant;
  }
}

}  // namespace

digest_256 keccak256_short(std::span<const std::uint8_t> text) {
  constexpr std::size_t rate = 136;
  std::array<std::uint8_t, rate> block{};
  const auto size = std::min(text.size(), rate - 1);
  std::copy_n(text.begin(), size, block.begin());
  block[size] = 0x01;
  block[rate - 1] |= 0x80;
  std::array<std::uint64_t, 25> lanes{};
  for (std::size_t i = 0; i < rate; ++i) lanes[i / 8] |= std::uint64_t{block[i]} << i % 8 * 8;
  keccak_f(lanes);
  digest_256 out{};
  for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>(lanes[i / 8] >> i % 8 * 8);
  return out;
}

}  // namespace sluice::match
