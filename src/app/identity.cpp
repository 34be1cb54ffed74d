// See identity.hpp. Order of strength: defaults of the gateway, fields of a trusted proxy, the key's own entry.
#include "identity.hpp"

#include <algorithm>
#include <cstring>

#include "config_reader.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

bool read_digest(std::string_view text, crypto::digest& out) {
  if (text.size() != 64) return false;
  const auto value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = value(text[2 * i]), low = value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<unsigned char>(high << 4 | low);
  }
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

std::string_view upstream_of(const std::vector<upstream_config>& upstreams, std::string_view path) {
  std::string_view name;
  std::size_t best = 0;
  for (const auto& each : upstreams) {
    for (const auto& prefix : each.paths) {
      if (prefix.size() <= best || !path.starts_with(prefix)) continue;
      if (path.size() != prefix.size() && !prefix.ends_with('/') && path[prefix.size()] != '/') continue;
      best = prefix.size();
      name = each.name;
    }
  }
  return name;
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

std::string_view client_key(const http::request_head& head) {
  constexpr std::string_view scheme = "bearer ";
  const auto authorization = head.get("authorization");
  if (authorization.size() > scheme.size() && iequals(authorization.substr(0, scheme.size()), scheme)) {
    return trim(authorization.substr(scheme.size()));
  }
  const auto key = head.get("x-api-key");
  return key.empty() ? head.get("api-key") : key;
}

result<proxy::identity> identify(const context_config& rules, const std::vector<upstream_config>& upstreams,
                                 const key_table* keys, const http::request_head& head, const proxy::peer_info& peer) {
  proxy::identity out;
  const auto& d = rules.defaults;
  out.who = {.tenant = d.tenant, .region = d.region, .tier = d.tier, .user = d.user, .conversation = {}, .route = d.route, .model = {}};
  if (rules.route == route_by::path) out.who.route = head.path;
  if (rules.route == route_by::upstream) out.who.route = upstream_of(upstreams, head.path);
  if (trusted(rules.headers, peer.address)) {
    const auto& names = rules.headers;
    const std::pair<std::string_view, std::string*> fields[] = {
        {names.tenant, &out.who.tenant}, {names.region, &out.who.region}, {names.tier, &out.who.tier}, {names.user, &out.who.user},
        {names.conversation, &out.who.conversation}, {rules.route == route_by::header ? "x-route" : "", &out.who.route}};
    for (const auto& [name, to] : fields) {
      if (auto taken = take(head, name, *to); !taken) return std::unexpected(taken.error());
    }
  }
  if (keys != nullptr && (head.count("authorization") > 1 || head.count("x-api-key") > 1 || head.count("api-key") > 1)) {
    return fail(errc::refused, "more than one key is given; send one");
  }
  const auto key = client_key(head);
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
  return out;
}

}  // namespace sluice::app
