// See vault_entries.hpp. An entry, before it is sealed: until when, in ms since 1970 (8 bytes, big-endian), the token's length (2 bytes),
// the token, the value.
#include "vault_entries.hpp"

#include <algorithm>

#include "ring_layout.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/sealed.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t time_bytes = 8, length_bytes = 2, field_bytes = 16;

std::string_view bytes_of(const crypto::digest& d) { return {reinterpret_cast<const char*>(d.data()), d.size()}; }

std::string led_by_length(std::string_view first, std::string_view second) {
  return std::to_string(first.size()) + ':' + std::string(first) + std::string(second);
}

void append_number(std::string& out, std::uint64_t n, std::size_t bytes) {
  for (auto i = bytes; i-- > 0;) out += static_cast<char>(n >> (8 * i) & 0xff);
}

std::uint64_t read_number(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

std::int64_t ms_of(wall_time t) { return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count(); }

}  // namespace

vault_entries::vault_entries(const std::string& ring, const crypto::digest& secret)
    : base_(ring_keys(ring).vault()), value_key_(crypto::derive_key(bytes_of(secret), "vault-values")) {
  name_key_ = bytes_of(crypto::derive_key(bytes_of(secret), "vault-names"));
}

std::string vault_entries::name_of(std::string_view tenant, std::string_view conversation) const {
  return base_ + hex(bytes_of(crypto::hmac_sha256(name_key_, led_by_length(tenant, conversation))));
}

std::string vault_entries::field_of(std::string_view name, std::string_view token) const {
  return hex(bytes_of(crypto::hmac_sha256(name_key_, led_by_length(name, token))).substr(0, field_bytes));
}

std::string vault_entries::sealed(std::string_view name, std::string_view field, const policy::kept_value& what, wall_time now) const {
  std::string plain;
  append_number(plain, static_cast<std::uint64_t>(ms_of(now) + what.ttl.count()), time_bytes);
  append_number(plain, what.token.size(), length_bytes);
  plain += what.token;
  plain += what.value;
  return crypto::seal(value_key_, plain, led_by_length(name, field));
}

std::optional<policy::kept_value> vault_entries::opened(std::string_view name, std::string_view field, std::string_view bytes, wall_time now) const {
  const auto plain = crypto::open_sealed(value_key_, bytes, led_by_length(name, field));
  if (!plain || plain->size() < time_bytes + length_bytes) return std::nullopt;
  std::string_view rest = *plain;
  const auto until = static_cast<std::int64_t>(read_number(rest.substr(0, time_bytes)));
  const auto size = read_number(rest.substr(time_bytes, length_bytes));
  rest.remove_prefix(time_bytes + length_bytes);
  if (size > rest.size()) return std::nullopt;
  return policy::kept_value{.token = std::string(rest.substr(0, size)), .value = std::string(rest.substr(size)),
                            .ttl = milliseconds(std::max<std::int64_t>(0, until - ms_of(now)))};
}

}  // namespace sluice::store
