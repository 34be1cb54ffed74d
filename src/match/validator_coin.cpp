// Addresses of coins, by the checksums they carry.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "keccak.hpp"
#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

bool base58check(std::string_view text) {
  static constexpr std::string_view alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  if (text.size() < 26 || text.size() > 35) return false;
  std::array<std::uint8_t, 25> bytes{};
  for (const char c : text) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) return false;
    auto carry = static_cast<unsigned>(value);
    for (std::size_t i = bytes.size(); i > 0; --i) {
      carry += bytes[i - 1] * 58u;
      bytes[i - 1] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  if (bytes[0] != 0 && bytes[0] != 5) return false;
  const auto check = sha256_short(sha256_short(std::span(bytes).first(21)));
  return std::equal(check.begin(), check.begin() + 4, bytes.begin() + 21);
}

std::uint32_t polymod(std::span<const std::uint8_t> values) {
  static constexpr std::uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  std::uint32_t check = 1;
  for (const auto value : values) {
    const auto top = check >> 25;
    check = (check & 0x1ffffff) << 5 ^ value;
    for (std::size_t i = 0; i < 5; ++i) check ^= (top >> i & 1) != 0 ? generator[i] : 0;
  }
  return check;
}

bool segwit(std::string_view text) {
  static constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  if (text.size() < 14 || text.size() > 90) return false;
  const bool upper = text.starts_with("BC1");
  std::vector<std::uint8_t> values = {3, 3, 0, 2, 3};  // "bc", expanded
  for (const char c : text.substr(3)) {
    const char low = upper && is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    if (upper && c >= 'a' && c <= 'z') return false;
    const auto value = alphabet.find(low);
    if (value == std::string_view::npos) return false;
    values.push_back(static_cast<std::uint8_t>(value));
  }
  const auto version = values[5];
  const auto data = values.size() - 5 - 1 - 6;  // groups of five bits
  const auto program = data * 5 / 8;
  if (version > 16 || data * 5 % 8 > 4 || program < 2 || program > 40) return false;
  if (version == 0 && program != 20 && program != 32) return false;
  return polymod(values) == (version == 0 ? 1u : 0x2bc830a3u);
}

}  // namespace

bool btc_valid(std::string_view text) {
  return text.starts_with("bc1") || text.starts_with("BC1") ? segwit(text) : base58check(text);
}

bool eth_valid(std::string_view text) {
  if (text.size() != 42 || !text.starts_with("0x")) return false;
  const auto digits = text.substr(2);
  std::array<std::uint8_t, 40> lowered{};
  bool some_upper = false, some_lower = false;
  for (std::size_t i = 0; i < 40; ++i) {
    const char c = digits[i];
    const bool upper = c >= 'A' && c <= 'F', lower = c >= 'a' && c <= 'f';
    if (!upper && !lower && !is_digit(c)) return false;
    some_upper = some_upper || upper;
    some_lower = some_lower || lower;
    lowered[i] = static_cast<std::uint8_t>(upper ? c - 'A' + 'a' : c);
  }
  if (!some_upper || !some_lower) return !all_same(digits);
  const auto digest = keccak256_short(lowered);
  for (std::size_t i = 0; i < 40; ++i) {
    const auto nibble = i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15;
    if (!is_digit(digits[i]) && is_upper(digits[i]) != (nibble >= 8)) return false;
  }
  return true;
}

}  // namespace sluice::match
