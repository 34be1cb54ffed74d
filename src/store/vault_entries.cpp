// See vault_entries.hpp. An entry, before it is sealed for its time: the token's length (2 bytes), the token, the value.
#include "vault_entries.hpp"

#include "ring_layout.hpp"
#include "sluice/base/strings.hpp"
#include "timed_seal.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t length_bytes = 2, field_bytes = 16;

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
  append_number(plain, what.token.size(), length_bytes);
  plain += what.token;
  plain += what.value;
  return seal_for(value_key_, plain, led_by_length(name, field), now, what.ttl);
}

std::optional<policy::kept_value> vault_entries::opened(std::string_view name, std::string_view field, std::string_view bytes, wall_time now) const {
  const auto entry = open_seal(value_key_, bytes, led_by_length(name, field), now);
  if (!entry || entry->plain.size() < length_bytes) return std::nullopt;
  std::string_view rest = entry->plain;
  const auto size = read_number(rest.substr(0, length_bytes));
  rest.remove_prefix(length_bytes);
  if (size > rest.size()) return std::nullopt;
  return policy::kept_value{.token = std::string(rest.substr(0, size)), .value = std::string(rest.substr(size)), .ttl = entry->left};
}

}  // namespace sluice::store
