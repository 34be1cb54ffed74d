// sluice.yaml as a plain value (docs/configuration.md). Reading reports every mistake at once, each with file:line:column;
// a configuration that has one is not used at all. Relative paths are relative to the folder of the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config_reader.hpp"
#include "sluice/audit/retention.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/net/deadlines.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/store/redis_url.hpp"

namespace sluice::app {

struct tls_files {
  std::string certificate, key, client_ca;
};

struct base_url {
  bool tls = true;
  std::string host;        // as connected to; brackets of an IPv6 address removed
  std::string authority;   // the Host field: host, and the port when it is not the scheme's
  std::uint16_t port = 443;
  std::string path;        // "" or "/prefix", no slash at the end
};
// http:// and https:// only; no user, query or fragment.
[[nodiscard]] result<base_url> parse_base_url(std::string_view text);

struct upstream_config {
  std::string name, url, dialect = "openai", ca_file;
  base_url parsed;
  std::vector<std::string> paths{"/v1"};
  std::vector<std::string> response_headers;  // that go to clients as well; lower case, '*' at an end for any
  std::vector<std::string> models;  // patterns with '*'; empty: every model that no other upstream of the path names
};

// An address block, "10.0.0.0/8" or "2001:db8::/32". IPv4 stands as its IPv4-mapped IPv6 form.
struct address_block {
  unsigned char bytes[16] = {};
  unsigned bits = 128;
  [[nodiscard]] bool contains(std::string_view address) const;
};
[[nodiscard]] result<address_block> parse_address_block(std::string_view text);
// An address without what one subscriber chooses freely: of IPv6 its first 64 bits, "2001:db8:1:2::/64"; of IPv4 all of it.
[[nodiscard]] std::string subscriber_of(std::string_view address);

struct https_config {
  std::string url, token_file, ca_file;
  milliseconds wait{60'000};                     // how long the server may hold its answer back; 0: it is asked at each poll
};

struct source_config {
  std::string directory;                         // one of directory, redis and https
  std::optional<https_config> https;
  std::optional<store::redis_endpoint> redis;
  std::string ring = "default", password_file;
  milliseconds poll{5000};
};

struct policy_config {
  source_config source;
  bool fail_closed = false;
  milliseconds max_stale = std::chrono::hours(24);
  std::string state_directory = "/var/lib/sluice";
  std::string trust_file;          // whose signatures count
  bool require_signature = false, require_gate = false, require_approval = false;
  milliseconds compile_cpu_max{60'000};             // of one compile, in the child
  std::uint64_t compile_memory_max = 2ull << 30;
  std::uint64_t snapshot_bytes_max = 1ull << 30;
  milliseconds pin_max = std::chrono::minutes(15);
  std::uint32_t shadow_cpu_percent = 25;  // of one processor, for a version in shadow
};

struct default_context {
  std::string tenant, region, tier, user, route;
};

enum class route_by : std::uint8_t { path, upstream, header };

struct header_names {
  std::vector<address_block> trusted_proxies;
  std::vector<std::string> trusted_text;  // as written, for `config show`
  std::string tenant = "x-tenant", region = "x-region", tier = "x-tier", user = "x-user", conversation = "x-conversation";
};

struct context_config {
  default_context defaults;
  std::string keys_file;
  bool deny_unknown = true;  // asked only where keys_file is set
  route_by route = route_by::path;
  header_names headers;
};

struct audit_config {
  std::string directory;  // default: <state_directory>/audit
  bool sync_always = false;
  milliseconds interval{50};
  milliseconds checkpoint{10'000};
  bool masked = true;     // text: masked or encrypted; none stores no matched values at all
  bool encrypted = false; // what was judged, sealed
  bool block_when_full = true;
  std::uint64_t file_bytes = 256ull << 20;
  audit::retention keep;
};

// Where gateways of a fleet keep what they share. The vault: values that a later request does not repeat; without a Redis there is none.
struct vault_settings {
  std::optional<store::redis_endpoint> redis;
  std::string ring = "default", password_file;
  milliseconds timeout{500};
};
// Of handles; without a Redis each gateway has its own, in memory.
struct ledger_settings : vault_settings {
  std::uint32_t handles_max = 1'000'000;
};

struct feedback_config {
  bool accept = true;
  std::uint32_t per_minute = 20;  // of one caller
};

struct limits_config {
  std::uint64_t request_body = 64ull << 20, response_body = 64ull << 20;
  std::uint32_t header_bytes = 32 * 1024, decoding_ratio = 100, json_depth = 64, in_flight = 10'000, client_connections = 20'000;
};

struct unreadable_config {
  bool pass_unknown_path = false, pass_unknown_part = false, pass_upstream_fetch = true, scan_forms = false;
  proxy::unreadable_policy server_state = proxy::unreadable_policy::deny;
  std::array<proxy::unreadable_policy, wire::attachment_names.size()> attachments{};  // by wire::attachment_type
};

struct config {
  std::string file;
  struct {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;
    tls_files tls;
  } listen;
  struct {
    std::string address = "127.0.0.1";
    std::uint16_t port = 9090;
    std::string token_file;
  } admin;
  struct {
    std::string id = "auto";
    std::vector<std::pair<std::string, std::string>> labels;
  } node;
  unsigned workers = 0;  // 0: auto
  bool global_shadow = false;
  std::string log_level = "info", log_format = "auto";
  std::vector<upstream_config> upstreams;
  policy_config policy;
  context_config context;
  audit_config audit;
  std::string secrets_file;
  vault_settings vault;
  ledger_settings ledger;
  feedback_config feedback;
  limits_config limits;
  net::deadlines deadlines;
  unreadable_config unreadable;
  std::string digest;  // SHA-256 (hex) of the file's bytes
  std::vector<named_path> named;  // files and folders, with their places
};

// From bytes. `file` is the name in diagnostics and the base of relative paths.
[[nodiscard]] config read_config(const std::string& file, std::string_view bytes, policy::diagnostics& found);
// From disk; a file that cannot be read is a diagnostic too. What it names is not looked at: config_files.hpp.
[[nodiscard]] config load_config(const std::string& file, policy::diagnostics& found);
// Every key with its value, as sluice.yaml; secrets are files and stay names, a password in a URL is left out.
[[nodiscard]] std::string show_config(const config& c);

}  // namespace sluice::app
