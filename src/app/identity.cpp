// See identity.hpp. Order of strength: defaults of the gateway, fields of a trusted proxy, the key's own entry.
#include "identity.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "config_reader.hpp"
#include "sluice/base/percent.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

bool read_digest(std::string_view text, crypto::digest& out) {
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != out.size()) return false;
  std::ranges::copy(*bytes, out.begin());
  return true;
}

bool trusted(const header_names& names, std::string_view address) {
  return std::ranges::any_of(names.trusted_proxies, [address](const address_block& block) { return block.contains(address); });
}

// A field that stands twice is refused: the proxy adds its own behind what the client sent, and nobody can tell which is which.
result<void> take(const http::request_head& head, std::string_view name, std::string& out) {
  const auto count = name.empty() ? 0 : head.count(name);
  if (count > 1) return fail(errc::refused, "the field " + std::string(name) + " is given twice");
  if (count == 1) out = head.get(name);
  return {};
}

// Of a part of a query, as an upstream reads it.
std::string decoded(std::string_view text) {
  std::string spaced(text), out;
  std::ranges::replace(spaced, '+', ' ');
  percent_decode(spaced, out);
  return out;
}

constexpr std::string_view bearer = "bearer";
constexpr std::array key_fields = {std::string_view("authorization"), std::string_view("x-api-key"), std::string_view("api-key"),
                                   std::string_view("x-goog-api-key")};
constexpr std::array key_parameters = {std::string_view("key"), std::string_view("api-key"), std::string_view("api_key"),
                                       std::string_view("subscription-key"), std::string_view("access_token")};

bool one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::any_of(names, [name](std::string_view each) { return iequals(name, each); });
}

// Calls `found` with each credential of the request: its value, and whether it is a key (Basic and the like are none).
template <class Found>
void each_credential(const http::request_head& head, const Found& found) {
  for (const auto& field : head.fields) {
    if (!one_of(field.name, key_fields)) continue;
    const std::string_view value = trim(field.value);
    const bool has_scheme = iequals(field.name, key_fields[0]);
    if (!has_scheme) {
      if (!value.empty()) found(value, true);
      continue;
    }
    const bool is_bearer = istarts_with(value, bearer) && (value.size() == bearer.size() || value[bearer.size()] == ' ');
    const auto credential = is_bearer ? trim(value.substr(bearer.size())) : value;
    if (!credential.empty()) found(credential, is_bearer);
  }
  for (auto rest = head.query; !rest.empty();) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || !one_of(decoded(pair.substr(0, equals)), key_parameters)) continue;
    if (const auto value = decoded(pair.substr(equals + 1)); !value.empty()) found(value, true);
  }
}

void prefer(std::string& to, const std::string& own) {
  if (!own.empty()) to = own;
}

}  // namespace

std::size_t digest_hash::operator()(const crypto::digest& d) const {
  std::size_t out = 0;
  std::memcpy(&out, d.data(), sizeof out);
  return out;
}

key_table read_keys(const std::string& file, std::string_view bytes, policy::diagnostics& found) {
  key_table out;
  const auto documents = policy::parse_yaml(file, bytes, {}, found);
  if (documents.empty() || documents[0].kind == policy::yaml_node::kind::null) return out;
  std::vector<named_path> none;
  section root(file, found, none, &documents[0], "");
  for (const auto& [key, value] : documents[0].members) {
    section entry = root.sub(key.scalar);
    key_entry read;
    entry.text("tenant", read.tenant);
    entry.text("region", read.region);
    entry.text("tier", read.tier);
    entry.text("user", read.user);
    entry.finish();
    crypto::digest digest{};
    if (read_digest(key.scalar, digest)) {
      out.emplace(digest, std::move(read));
    } else {
      found.push_back({.severity = policy::severity::error,
                       .place = {.file = file, .line = key.line, .column = key.column},
                       .rule = {},
                       .message = "not the SHA-256 of a key: 64 digits 0-9 a-f are wanted",
                       .advice = "printf %s \"$KEY\" | sha256sum"});
    }
  }
  return out;
}

result<std::string> client_key(const http::request_head& head) {
  std::string first, key;
  std::size_t different = 0;
  each_credential(head, [&](std::string_view value, bool is_key) {
    if (first.empty()) {
      first = value;
      if (is_key) key = value;
    } else if (value != first) {
      ++different;
    }
  });
  const bool twice = std::ranges::any_of(key_fields, [&](std::string_view name) { return head.count(name) > 1; });
  if (different == 0 && !twice) return key;
  return fail(errc::refused, "the request carries more than one key, in its fields or in its query; send one");
}

result<proxy::identity> identify(const context_config& rules, const key_table* keys, const http::request_head& head, const proxy::peer_info& peer) {
  proxy::identity out;
  const auto& d = rules.defaults;
  out.who = {.tenant = d.tenant, .region = d.region, .tier = d.tier, .user = d.user, .conversation = {}, .route = d.route, .model = {}};
  if (rules.route == route_by::path) out.who.route = head.path;
  if (rules.route == route_by::upstream) out.who.route.clear();  // the exchange fills it in when it routes
  if (trusted(rules.headers, peer.address)) {
    const auto& names = rules.headers;
    const std::pair<std::string_view, std::string*> fields[] = {
        {names.tenant, &out.who.tenant}, {names.region, &out.who.region}, {names.tier, &out.who.tier}, {names.user, &out.who.user},
        {names.conversation, &out.who.conversation}, {rules.route == route_by::header ? "x-route" : "", &out.who.route}};
    for (const auto& [name, to] : fields) {
      if (auto taken = take(head, name, *to); !taken) return std::unexpected(taken.error());
    }
  }
  const auto given = client_key(head);
  if (!given) return std::unexpected(given.error());
  const std::string& key = *given;
  if (key.empty()) {
    out.caller = "peer:" + std::string(peer.address);
  } else {
    const auto digest = crypto::sha256(key);
    out.caller = "key:" + hex(std::span(digest).first(16));
    const auto at = keys == nullptr ? key_table::const_iterator{} : keys->find(digest);
    if (keys != nullptr && at != keys->end()) {
      prefer(out.who.tenant, at->second.tenant);
      prefer(out.who.region, at->second.region);
      prefer(out.who.tier, at->second.tier);
      prefer(out.who.user, at->second.user);
      return out;
    }
  }
  if (keys != nullptr && rules.deny_unknown) {
    return fail(errc::refused, key.empty() ? "no key was given; send one as Authorization: Bearer"
                                           : "this key is not known to the gateway; ask its operator to add it");
  }
  // A key that nobody vouches for is made up as easily as another: whoever has a thousand of them is one.
  if (out.who.user.empty()) out.counted_as = "peer:" + subscriber_of(peer.address);
  return out;
}

std::string owner_of(const proxy::identity& who) {
  std::string out = who.caller;
  if (!who.who.user.empty()) out += "\nuser:" + who.who.user;
  if (!who.who.tenant.empty()) out += "\ntenant:" + who.who.tenant;
  return out;
}

}  // namespace sluice::app
