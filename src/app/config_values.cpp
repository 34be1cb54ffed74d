// The values of sluice.yaml that have a grammar of their own: base URLs and address blocks. And the way back, to YAML.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "config.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

bool parse_address(std::string_view text, unsigned char (&out)[16], bool& v4) {
  const std::string copy(text);
  in_addr four{};
  if (inet_pton(AF_INET, copy.c_str(), &four) == 1) {
    std::memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    std::memcpy(out + 12, &four, 4);
    v4 = true;
    return true;
  }
  v4 = false;
  return inet_pton(AF_INET6, copy.c_str(), out) == 1;
}

template <class T>
bool whole_number(std::string_view text, T& out) {
  const auto* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, out);
  return !text.empty() && code == std::errc() && at == end;
}

std::string time_text(milliseconds t) {
  if (t.count() % 1000 != 0) return std::to_string(t.count()) + "ms";
  return std::to_string(t.count() / 1000) + "s";
}

std::string list_text(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const auto& each : items) out += (out.size() > 1 ? ", " : "") + json_quoted(each);
  return out + "]";
}

std::string optional_line(std::string_view indent_and_key, const std::string& value) {
  return value.empty() ? std::string() : std::string(indent_and_key) + ": " + json_quoted(value) + "\n";
}

std::string show_ring(const std::string& indent, const store::redis_endpoint& redis, const std::string& ring, const std::string& password_file) {
  std::vector<std::string> sentinels;
  for (const auto& each : redis.sentinels) sentinels.push_back(each.host + ":" + std::to_string(each.port));
  // By Sentinels, who know the port.
  const auto url = sentinels.empty() ? redis.display() : (redis.tls ? "rediss://" : "redis://") + redis.host;
  return indent + "url: " + json_quoted(url) + "\n" + (sentinels.empty() ? "" : indent + "sentinels: " + list_text(sentinels) + "\n") + indent + "ring: " + json_quoted(ring) + "\n" +
         optional_line(indent + "password_file", password_file) + optional_line(indent + "ca_file", redis.ca_file);
}

// Of what gateways of a fleet keep for each other.
std::string show_shared(const std::string& name, const vault_settings& s) {
  if (!s.redis) return {};
  return name + ":\n  redis:\n" + show_ring("    ", *s.redis, s.ring, s.password_file) + "  timeout: " + time_text(s.timeout) + "\n";
}

std::string show_source(const source_config& s) {
  if (s.https) {
    return "    https:\n      url: " + json_quoted(s.https->url) + "\n      ring: " + json_quoted(s.ring) + "\n      wait: " + time_text(s.https->wait) + "\n      poll: " + time_text(s.poll) + "\n" +
           optional_line("      token_file", s.https->token_file) + optional_line("      ca_file", s.https->ca_file);
  }
  if (!s.redis) return "    directory: " + json_quoted(s.directory) + "\n";
  return "    redis:\n" + show_ring("      ", *s.redis, s.ring, s.password_file) + "      poll: " + time_text(s.poll) + "\n";
}

std::string show_front(const config& c) {
  std::string out = "listen:\n  address: " + json_quoted(c.listen.address) + "\n  port: " + std::to_string(c.listen.port) + "\n";
  if (!c.listen.tls.certificate.empty()) {
    out += "  tls:\n" + optional_line("    certificate", c.listen.tls.certificate) + optional_line("    key", c.listen.tls.key) +
           optional_line("    client_ca", c.listen.tls.client_ca);
  }
  out += "admin:\n  address: " + json_quoted(c.admin.address) + "\n  port: " + std::to_string(c.admin.port) + "\n" +
         optional_line("  token_file", c.admin.token_file);
  out += "node:\n  id: " + json_quoted(c.node.id) + "\n";
  if (!c.node.labels.empty()) out += "  labels:\n";
  for (const auto& [key, value] : c.node.labels) out += "    " + json_quoted(key) + ": " + json_quoted(value) + "\n";
  out += "workers: " + (c.workers == 0 ? std::string("auto") : std::to_string(c.workers)) + "\n";
  out += std::string("mode: ") + (c.global_shadow ? "shadow" : "enforce") + "\n";
  out += "log:\n  level: " + c.log_level + "\n  format: " + c.log_format + "\n";
  out += "upstreams:\n";
  for (const auto& u : c.upstreams) {
    out += "  - name: " + json_quoted(u.name) + "\n    base_url: " + json_quoted(u.url) + "\n    dialect: " + u.dialect +
           "\n    paths: " + list_text(u.paths) + "\n" + (u.models.empty() ? "" : "    models: " + list_text(u.models) + "\n") +
           (u.response_headers.empty() ? "" : "    response_headers: " + list_text(u.response_headers) + "\n") + optional_line("    ca_file", u.ca_file);
  }
  return out;
}

std::string show_context(const context_config& c) {
  static constexpr std::string_view routes[] = {"path", "upstream", "header"};
  std::string out = "context:\n  default:\n";
  out += "    tenant: " + json_quoted(c.defaults.tenant) + "\n    region: " + json_quoted(c.defaults.region) +
         "\n    tier: " + json_quoted(c.defaults.tier) + "\n    user: " + json_quoted(c.defaults.user) +
         "\n    route: " + json_quoted(c.defaults.route) + "\n";
  out += optional_line("  keys_file", c.keys_file);
  out += std::string("  unknown_caller: ") + (c.deny_unknown ? "deny" : "default") + "\n";
  out += "  route:\n    by: " + std::string(routes[static_cast<std::size_t>(c.route)]) + "\n";
  out += "  headers:\n    trusted_proxies: " + list_text(c.headers.trusted_text) + "\n    tenant: " + json_quoted(c.headers.tenant) +
         "\n    region: " + json_quoted(c.headers.region) + "\n    tier: " + json_quoted(c.headers.tier) +
         "\n    user: " + json_quoted(c.headers.user) + "\n    conversation: " + json_quoted(c.headers.conversation) + "\n";
  return out;
}

}  // namespace

result<base_url> parse_base_url(std::string_view text) {
  base_url out;
  if (text.empty()) return fail(errc::invalid_argument, "is missing");
  if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
    out.tls = false;
  } else {
    return fail(errc::invalid_argument, "must begin with http:// or https://");
  }
  if (text.find_first_of("?#@ \\") != std::string_view::npos) {
    return fail(errc::invalid_argument, "may hold a host, a port and a path, nothing else");
  }
  const auto slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  out.path = text.substr(slash);
  while (out.path.ends_with('/')) out.path.pop_back();
  out.authority = authority;
  out.port = out.tls ? 443 : 80;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return fail(errc::invalid_argument, "has '[' without ']'");
    out.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
  } else {
    out.host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(out.host.size());
  }
  if (out.host.empty()) return fail(errc::invalid_argument, "names no host");
  if (authority.empty()) return out;
  if (authority[0] != ':' || !whole_number(authority.substr(1), out.port) || out.port == 0) {
    return fail(errc::invalid_argument, "has a port that is not a number from 1 to 65535");
  }
  return out;
}

result<address_block> parse_address_block(std::string_view text) {
  address_block out;
  const auto slash = text.find('/');
  bool v4 = false;
  if (!parse_address(text.substr(0, slash), out.bytes, v4)) {
    return fail(errc::invalid_argument, "'" + std::string(text) + "' is not an IP address");
  }
  if (slash == std::string_view::npos) return out;
  unsigned bits = 0;
  if (!whole_number(text.substr(slash + 1), bits) || bits > (v4 ? 32u : 128u)) {
    return fail(errc::invalid_argument, "'" + std::string(text) + "' has a prefix length that is out of range");
  }
  out.bits = v4 ? bits + 96 : bits;
  return out;
}

bool address_block::contains(std::string_view address) const {
  unsigned char other[16] = {};
  bool v4 = false;
  if (!parse_address(address, other, v4)) return false;
  const unsigned whole = bits / 8, rest = bits % 8;
  if (std::memcmp(bytes, other, whole) != 0) return false;
  return rest == 0 || ((bytes[whole] ^ other[whole]) >> (8 - rest)) == 0;
}

std::string subscriber_of(std::string_view address) {
  constexpr unsigned network_bytes = 8;
  unsigned char bytes[16] = {};
  bool v4 = false;
  static constexpr unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!parse_address(address, bytes, v4) || v4 || std::memcmp(bytes, mapped, sizeof mapped) == 0) return std::string(address);
  std::memset(bytes + network_bytes, 0, sizeof bytes - network_bytes);
  char text[INET6_ADDRSTRLEN] = {};
  return std::string(inet_ntop(AF_INET6, bytes, text, sizeof text)) + "/64";
}

std::string show_config(const config& c) {
  const auto choice = [](bool first, const char* yes, const char* no) { return std::string(first ? yes : no) + "\n"; };
  std::string out = show_front(c);
  out += "policy:\n  source:\n" + show_source(c.policy.source);
  out += "  on_unavailable: " + choice(c.policy.fail_closed, "fail_closed", "last_known_good");
  out += "  max_stale: " + time_text(c.policy.max_stale) + "\n  state_directory: " + json_quoted(c.policy.state_directory) + "\n";
  if (!c.policy.trust_file.empty()) {
    out += "  trust:\n" + optional_line("    keys_file", c.policy.trust_file) + "    require_signature: " + choice(c.policy.require_signature, "true", "false") +
           "    require_gate: " + choice(c.policy.require_gate, "true", "false") + "    require_approval: " + choice(c.policy.require_approval, "true", "false");
  }
  out += "  snapshot_bytes_max: " + std::to_string(c.policy.snapshot_bytes_max) + "\n  pin_max: " + time_text(c.policy.pin_max) + "\n  shadow_cpu_percent: " + std::to_string(c.policy.shadow_cpu_percent) + "\n";
  out += "  compile_cpu_max: " + time_text(c.policy.compile_cpu_max) + "\n  compile_memory_max: " + std::to_string(c.policy.compile_memory_max) + "\n";
  out += show_context(c.context);
  out += "audit:\n  directory: " + json_quoted(c.audit.directory) + "\n  sync: " + choice(c.audit.sync_always, "always", "interval");
  out += "  interval: " + time_text(c.audit.interval) + "\n  checkpoint: " + time_text(c.audit.checkpoint) + "\n  text: " + (c.audit.encrypted ? "encrypted\n" : choice(c.audit.masked, "masked", "none"));
  out += "  on_full: " + choice(c.audit.block_when_full, "block", "drop");
  out += "  file_bytes: " + std::to_string(c.audit.file_bytes) + "\n  compress: " + choice(c.audit.keep.pack, "true", "false");
  if (c.audit.keep.age.count() != 0 || c.audit.keep.bytes != 0) {
    out += "  keep:\n" + (c.audit.keep.age.count() == 0 ? std::string() : "    age: " + time_text(c.audit.keep.age) + "\n") +
           (c.audit.keep.bytes == 0 ? std::string() : "    bytes: " + std::to_string(c.audit.keep.bytes) + "\n");
  }
  if (!c.secrets_file.empty()) out += "secrets:\n" + optional_line("  key_file", c.secrets_file);
  out += show_shared("vault", c.vault) + show_shared("ledger", c.ledger);
  if (c.ledger.redis) out += "  handles_max: " + std::to_string(c.ledger.handles_max) + "\n";
  out += "feedback:\n  accept: " + choice(c.feedback.accept, "true", "false") + "  per_minute: " + std::to_string(c.feedback.per_minute) + "\n";
  out += "limits:\n  request_body: " + std::to_string(c.limits.request_body) + "\n  response_body: " +
         std::to_string(c.limits.response_body) + "\n  header_bytes: " + std::to_string(c.limits.header_bytes) +
         "\n  decoding_ratio: " + std::to_string(c.limits.decoding_ratio) + "\n  json_depth: " + std::to_string(c.limits.json_depth) + "\n  in_flight: " + std::to_string(c.limits.in_flight) +
         "\n  client_connections: " + std::to_string(c.limits.client_connections) + "\n";
  const auto& d = c.deadlines;
  out += "deadlines:\n  connect: " + time_text(d.connect) + "\n  first_byte: " + time_text(d.first_byte) + "\n  idle: " +
         time_text(d.idle) + "\n  whole: " + time_text(d.whole) + "\n  client_head: " + time_text(d.client_head) +
         "\n  client_body: " + time_text(d.client_body) + "\n  client_idle: " + time_text(d.client_idle) + "\n  keep_alive: " + time_text(d.keep_alive) + "\n";
  out += "unreadable:\n  unknown_path: " + choice(c.unreadable.pass_unknown_path, "pass", "deny") + "  unknown_part: " +
         choice(c.unreadable.pass_unknown_part, "pass", "deny") + "  forms: " + choice(c.unreadable.scan_forms, "scan", "deny") + "  server_state: " +
         std::string(proxy::to_string(c.unreadable.server_state)) + "\n  upstream_fetch: " + choice(c.unreadable.pass_upstream_fetch, "pass", "deny") + "\n  attachments:\n";
  for (std::size_t i = 0; i < wire::attachment_names.size(); ++i) {
    out += "    " + std::string(wire::attachment_names[i]) + ": " + std::string(proxy::to_string(c.unreadable.attachments[i])) + "\n";
  }
  return out;
}

}  // namespace sluice::app
