// See config_policy.hpp.
#include "config_policy.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::app {
namespace {

using std::string_view;

// What `policy.source.redis`, `vault.redis` and `ledger.redis` have in common: where it is, and which ring.
void read_ring(section& root, string_view name, std::optional<store::redis_endpoint>& redis, std::string& ring, std::string& password_file) {
  std::string url, ca_file;
  std::vector<std::string> sentinels;
  root.text("url", url);
  root.list("sentinels", sentinels);
  root.text("ring", ring);
  root.file("password_file", password_file);
  root.file("ca_file", ca_file);
  if (!root.present()) return;
  auto endpoint = store::parse_redis_url(url);
  if (endpoint) {
    endpoint->ca_file = ca_file;
    for (const auto& each : sentinels) {
      if (auto at = store::parse_sentinel(each)) endpoint->sentinels.push_back(*at);
      else root.complain("sentinels", at.error().message, "sentinels: [\"10.0.0.1:26379\", \"10.0.0.2:26379\"]; the host in 'url' is then the name by which they know the master");
    }
    redis = *endpoint;
  } else {
    root.complain("url", "'" + std::string(name) + ".url' " + endpoint.error().message, "write it like redis://127.0.0.1:6379");
  }
  if (const auto wrong = store::wrong_ring_name(ring); !wrong.empty()) root.complain("ring", wrong);
}

void read_redis(section root, source_config& out) {
  read_ring(root, "policy.source.redis", out.redis, out.ring, out.password_file);
  root.duration("poll", out.poll);
  root.finish();
}

void read_https(section root, source_config& out) {
  https_config read;
  root.text("url", read.url);
  root.text("ring", out.ring);
  root.file("token_file", read.token_file);
  root.file("ca_file", read.ca_file);
  root.duration_or_zero("wait", read.wait);
  root.duration("poll", out.poll);
  if (root.present()) {
    if (!read.url.starts_with("https://")) root.complain("url", "'policy.source.https.url' must begin with https://", "write it like https://policies.example.com/prod.tar.gz");
    out.https = read;
  }
  root.finish();
}

// What gateways of a fleet keep for each other.
void read_shared(section& root, std::string_view name, vault_settings& out, const std::string& secrets_file) {
  const std::string quoted = "'" + std::string(name) + "'";
  section redis = root.sub("redis");
  read_ring(redis, std::string(name) + ".redis", out.redis, out.ring, out.password_file);
  redis.finish();
  root.duration("timeout", out.timeout);
  if (root.present() && !root.has("redis")) root.complain("redis", quoted + " names no Redis", "set 'redis: {url: …, ring: …}', or remove " + quoted);
  // Gateways that each made their own secret could not read what the others keep, and none what it kept before its disk was new.
  if (root.present() && secrets_file.empty()) root.complain("", quoted + " needs 'secrets.key_file'", "give all gateways of the fleet the same secret");
}

}  // namespace

void read_policy(section root, policy_config& out) {
  section source = root.sub("source");
  source.path("directory", out.source.directory);
  read_redis(source.sub("redis"), out.source);
  read_https(source.sub("https"), out.source);
  const int named = (source.has("directory") ? 1 : 0) + (source.has("redis") ? 1 : 0) + (source.has("https") ? 1 : 0);
  if (named > 1) source.complain("redis", "'policy.source' names more than one source", "keep one of directory, redis and https");
  if (named == 0) {
    root.complain("source", "'policy.source' names no source of policies",
                  "set 'directory: policies', 'redis: {url: …, ring: …}' or 'https: {url: …}'");
  }
  source.finish();
  static constexpr string_view reactions[] = {"last_known_good", "fail_closed"};
  std::size_t reaction = 0;
  root.choice("on_unavailable", reactions, reaction);
  out.fail_closed = reaction == 1;
  root.duration("max_stale", out.max_stale);
  root.path("state_directory", out.state_directory);
  root.bytes("snapshot_bytes_max", out.snapshot_bytes_max);
  root.duration("pin_max", out.pin_max);
  root.duration("compile_cpu_max", out.compile_cpu_max);
  root.number("shadow_cpu_percent", 1u, 100u, out.shadow_cpu_percent);
  root.bytes("compile_memory_max", out.compile_memory_max);
  section trust = root.sub("trust");
  trust.file("keys_file", out.trust_file);
  trust.boolean("require_signature", out.require_signature);
  trust.boolean("require_gate", out.require_gate);
  trust.boolean("require_approval", out.require_approval);
  if ((out.require_gate || out.require_approval) && !out.require_signature) {
    trust.complain("require_signature", "what a manifest says of gates and approvals counts only when it must be signed", "set 'require_signature: true' too");
  }
  if (out.require_signature && out.trust_file.empty()) {
    trust.complain("require_signature", "signatures are required, and nobody is trusted to sign", "name a 'keys_file'; sluice keygen prints its entries");
  }
  // A setting that would be ignored is worse than one that is missing.
  if (!out.trust_file.empty() && source.has("directory")) trust.complain("keys_file", "a directory carries no signatures", "sign what goes through Redis or HTTPS, or remove 'trust'");
  trust.finish();
  root.finish();
}

void read_vault(section root, config& out) {
  read_shared(root, "vault", out.vault, out.secrets_file);
  root.finish();
}

void read_ledger(section root, config& out) {
  read_shared(root, "ledger", out.ledger, out.secrets_file);
  root.number("handles_max", 1000u, 1'000'000'000u, out.ledger.handles_max);
  if (root.present() && out.unreadable.server_state != proxy::unreadable_policy::ledger) {
    root.complain("", "'ledger' does nothing here", "set 'unreadable.server_state: ledger', or remove 'ledger'");
  }
  root.finish();
}

}  // namespace sluice::app
