// Who is asking: from the client's key and from proxies the operator trusts, never from what a client can write by itself.
// Key tables are immutable and shared; identify() is called on worker threads and does not block.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "config.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/http/head.hpp"
#include "sluice/proxy/exchange.hpp"

namespace sluice::app {

struct key_entry {
  std::string tenant, region, tier, user;
};

struct digest_hash {
  std::size_t operator()(const crypto::digest& d) const;
};
using key_table = std::unordered_map<crypto::digest, key_entry, digest_hash>;

// A YAML mapping: SHA-256 of a key in hex → {tenant, region, tier, user}. Every mistake becomes a diagnostic.
[[nodiscard]] key_table read_keys(const std::string& file, std::string_view bytes, policy::diagnostics& found);

// The client's key: Authorization: Bearer, x-api-key, api-key, x-goog-api-key, or a parameter of the query (key, api-key, api_key,
// subscription-key, access_token); empty when there is none. errc::refused: credentials that differ, for the upstream may go by
// another one than the gateway, and a field that stands twice.
[[nodiscard]] result<std::string> client_key(const http::request_head& head);

// `keys` null: no keys_file is configured. errc::refused: an unknown caller, or fields that contradict each other. A route by
// upstream is left empty: routing is the exchange's.
[[nodiscard]] result<proxy::identity> identify(const context_config& rules, const key_table* keys, const http::request_head& head,
                                               const proxy::peer_info& peer);

// Whom a decision belongs to, and who says something of it: the credential or the address; where a key's entry, a trusted proxy or the
// gateway's defaults name a user or a tenant, these of it.
[[nodiscard]] std::string owner_of(const proxy::identity& who);

}  // namespace sluice::app
