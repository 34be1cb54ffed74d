// See decision_id.hpp.
#include "decision_id.hpp"

#include <array>
#include <cstring>

#include "sluice/crypto/digest.hpp"

namespace sluice::app {
namespace {

constexpr std::string_view digits = "0123456789abcdefghjkmnpqrstvwxyz";  // in ASCII order, so that text sorts as time does
constexpr std::size_t bare_bytes = 11, mac_bytes = 9, digit_count = 32;
using raw = std::array<unsigned char, bare_bytes + mac_bytes>;

void sign(raw& id, std::string_view caller, std::string_view key) {
  std::string signed_text(reinterpret_cast<const char*>(id.data()), bare_bytes);
  signed_text += caller;
  const auto mac = crypto::hmac_sha256(key, signed_text);
  std::memcpy(id.data() + bare_bytes, mac.data(), mac_bytes);
}

std::string text_of(const raw& id) {
  std::string out(digit_count, '0');
  std::uint32_t bits = 0;
  unsigned have = 0;
  std::size_t at = 0;
  for (const unsigned char byte : id) {
    bits = bits << 8 | byte;
    for (have += 8; have >= 5; have -= 5) out[at++] = digits[bits >> (have - 5) & 31];
  }
  return out;
}

bool raw_of(std::string_view text, raw& out) {
  if (text.size() != digit_count) return false;
  std::uint32_t bits = 0;
  unsigned have = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const auto value = digits.find(c);
    if (value == std::string_view::npos) return false;
    bits = bits << 5 | static_cast<std::uint32_t>(value);
    for (have += 5; have >= 8; have -= 8) out[at++] = static_cast<unsigned char>(bits >> (have - 8));
  }
  return true;
}

}  // namespace

std::string decision_ids::next(wall_time time, std::string_view caller) {
  raw id{};
  const auto ms = static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(time.time_since_epoch()).count());
  for (std::size_t i = 0; i < 6; ++i) id[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
  id[6] = static_cast<unsigned char>(origin_ >> 8);
  id[7] = static_cast<unsigned char>(origin_);
  ++count_;
  for (std::size_t i = 0; i < 3; ++i) id[8 + i] = static_cast<unsigned char>(count_ >> (16 - 8 * i));
  sign(id, caller, key_);
  return text_of(id);
}

bool belongs_to(std::string_view id, std::string_view caller, std::string_view key) {
  raw given{};
  if (!raw_of(id, given)) return false;
  raw made = given;
  sign(made, caller, key);
  return crypto::equal_constant_time(text_of(made), id);
}

}  // namespace sluice::app
