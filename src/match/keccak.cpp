// See keccak.hpp.
#include "keccak.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::match {
namespace {

// The first 32 bits of the fractions of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> round_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

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

digest_256 sha256_short(std::span<const std::uint8_t> text) {
  std::array<std::uint32_t, 64> w{};
  std::array<std::uint8_t, 64> block{};
  const auto size = std::min<std::size_t>(text.size(), 55);
  std::copy_n(text.begin(), size, block.begin());
  block[size] = 0x80;
  block[62] = static_cast<std::uint8_t>(size * 8 >> 8);
  block[63] = static_cast<std::uint8_t>(size * 8);
  for (std::size_t i = 0; i < 64; ++i) w[i / 4] = w[i / 4] << 8 | block[i];
  for (std::size_t i = 16; i < 64; ++i) {
    const auto a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  constexpr std::array<std::uint32_t, 8> start = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  auto s = start;
  for (std::size_t i = 0; i < 64; ++i) {
    const auto one = s[7] + (std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
    const auto two = (std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    s = {one + two, s[0], s[1], s[2], s[3] + one, s[4], s[5], s[6]};
  }
  digest_256 out{};
  for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::uint8_t>((s[i / 4] + start[i / 4]) >> (24 - i % 4 * 8));
  return out;
}

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
