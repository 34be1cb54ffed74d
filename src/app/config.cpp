// sluice.yaml to a value: one function a section, then what only the whole can tell. See config.hpp.
#include "config.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <tuple>

#include "config_policy.hpp"
#include "config_reader.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::app {
namespace {

using std::string_view;

bool loopback(const std::string& address) { return address.starts_with("127.") || address == "::1" || address == "localhost"; }

void read_listen(section root, config& out) {
  root.text("address", out.listen.address);
  root.port("port", out.listen.port);
  section tls = root.sub("tls");
  tls.file("certificate", out.listen.tls.certificate);
  tls.file("key", out.listen.tls.key);
  tls.file("client_ca", out.listen.tls.client_ca);
  if (tls.present() && (out.listen.tls.certificate.empty() || out.listen.tls.key.empty())) {
    tls.complain("", "'listen.tls' needs both 'certificate' and 'key'", "name two PEM files");
  }
  tls.finish();
  root.finish();
}

void read_admin(section root, config& out) {
  root.text("address", out.admin.address);
  root.port("port", out.admin.port);
  root.file("token_file", out.admin.token_file);
  if (out.admin.token_file.empty() && !loopback(out.admin.address)) {
    root.complain("address", "the admin port is open to the network without a token",
                  "set 'admin.token_file', or listen on 127.0.0.1");
  }
  root.finish();
}

void refuse_one_port_twice(section& root, const config& out) {
  const auto everywhere = [](const std::string& address) { return address == "0.0.0.0" || address == "::"; };
  if (out.listen.port == 0 || out.listen.port != out.admin.port) return;
  if (out.listen.address != out.admin.address && !everywhere(out.listen.address) && !everywhere(out.admin.address)) return;
  root.complain("admin", "'listen' and 'admin' name the same port, " + std::to_string(out.admin.port), "give the admin port another one");
}

void read_node(section root, config& out) {
  root.text("id", out.node.id);
  section labels = root.sub("labels");
  labels.pairs(out.node.labels);
  root.finish();
}

void read_upstream(section& root, upstream_config& out) {
  root.text("name", out.name);
  root.text("base_url", out.url);
  root.text("dialect", out.dialect);
  root.file("ca_file", out.ca_file);
  root.list("paths", out.paths);
  root.list("models", out.models);
  root.list("response_headers", out.response_headers);
  for (auto& each : out.response_headers) {
    each = lower(each);
    if (!http::may_go_to_client(each.ends_with('*') ? each + "x" : each, "", out.response_headers)) root.complain("response_headers", "the header '" + each + "' never goes to clients", "docs/coverage.md says which do");
  }
  if (out.name.empty()) root.complain("name", "an upstream needs a 'name'");
  const auto parsed = parse_base_url(out.url);
  if (parsed) {
    out.parsed = *parsed;
  } else {
    root.complain("base_url", "'base_url' " + parsed.error().message, "write it like https://api.openai.com");
  }
  const auto* dialect = wire::find_dialect(out.dialect);
  if (dialect == nullptr) {
    std::string all;
    for (const auto name : wire::dialect_names()) all += (all.empty() ? "" : ", ") + std::string(name);
    root.complain("dialect", "there is no dialect '" + out.dialect + "'", "known: " + all);
  }
  for (const auto& prefix : out.paths) {
    // Requests keep the path of their API, so that a prefix which both name would be asked for twice.
    const auto path = prefix.substr(dialect == nullptr ? 0 : dialect->before_root(prefix));
    const auto& base = out.parsed.path;
    if (base.empty() || path.size() < 2 || !(base.ends_with(path) || path.starts_with(base + "/"))) continue;
    const auto& both = base.ends_with(path) ? path : base;
    root.complain("base_url", "'base_url' ends in " + both + ", with which each request's path begins: it would go to " + base + path + "/…",
                  "write it without " + both);
    break;
  }
  if (out.paths.empty()) root.complain("paths", "'paths' names no path", "write [\"/v1\"]");
  for (const auto& path : out.paths) {
    if (!path.starts_with('/')) root.complain("paths", "the path '" + path + "' does not begin with '/'");
  }
  root.finish();
}

void read_upstreams(section& root, config& out) {
  std::set<std::string> names;
  std::set<std::tuple<std::string, std::string, std::string>> claims;  // path, dialect, pattern
  for (section& each : root.items("upstreams")) {
    upstream_config read;
    read_upstream(each, read);
    if (!read.name.empty() && !names.insert(read.name).second) each.complain("name", "two upstreams are named '" + read.name + "'");
    for (const auto& path : read.paths) {
      // Upstreams may share a path when the API that knows a request tells them apart, or, of one API, the model.
      if (read.models.empty() && !claims.emplace(path, read.dialect, "").second) each.complain("paths", "the path '" + path + "' already leads to another upstream");
      for (const auto& model : read.models) {
        if (!claims.emplace(path, read.dialect, model).second) each.complain("models", "the model '" + model + "' of the path '" + path + "' already leads to another upstream");
      }
    }
    out.upstreams.push_back(std::move(read));
  }
  if (out.upstreams.empty() && !root.has("upstreams")) {
    root.complain("upstreams", "no upstream is named, so there is nobody to pass requests to",
                  "add upstreams: [{name: openai, base_url: \"https://api.openai.com\"}]");
  }
}

void read_header_names(section root, header_names& out) {
  root.list("trusted_proxies", out.trusted_text);
  for (const auto& text : out.trusted_text) {
    const auto block = parse_address_block(text);
    if (block) {
      out.trusted_proxies.push_back(*block);
    } else {
      root.complain("trusted_proxies", "'" + text + "' is not an address block", "write it like 10.0.0.0/8");
    }
  }
  root.text("tenant", out.tenant);
  root.text("region", out.region);
  root.text("tier", out.tier);
  root.text("user", out.user);
  root.text("conversation", out.conversation);
  root.finish();
}

void read_context(section root, context_config& out) {
  section defaults = root.sub("default");
  defaults.text("tenant", out.defaults.tenant);
  defaults.text("region", out.defaults.region);
  defaults.text("tier", out.defaults.tier);
  defaults.text("user", out.defaults.user);
  defaults.text("route", out.defaults.route);
  defaults.finish();
  root.file("keys_file", out.keys_file);
  static constexpr string_view unknown[] = {"deny", "default"};
  std::size_t index = 0;
  root.choice("unknown_caller", unknown, index);
  out.deny_unknown = index == 0;
  section route = root.sub("route");
  static constexpr string_view by[] = {"path", "upstream", "header"};
  index = 0;
  route.choice("by", by, index);
  out.route = static_cast<route_by>(index);
  route.finish();
  read_header_names(root.sub("headers"), out.headers);
  if (out.route == route_by::header && out.headers.trusted_proxies.empty()) {
    root.complain("route", "'context.route.by: header' needs 'context.headers.trusted_proxies'",
                  "a client's own header never selects a scope: name the proxies whose word counts");
  }
  root.finish();
}

void read_audit(section root, config& out) {
  audit_config& audit = out.audit;
  root.path("directory", audit.directory);
  if (audit.directory.empty()) audit.directory = out.policy.state_directory + "/audit";
  static constexpr string_view modes[] = {"interval", "always"};
  std::size_t index = 0;
  root.choice("sync", modes, index);
  audit.sync_always = index == 1;
  root.duration("interval", audit.interval);
  root.duration("checkpoint", audit.checkpoint);
  static constexpr string_view texts[] = {"masked", "none", "encrypted"};
  index = 0;
  root.choice("text", texts, index);
  audit.masked = index != 1;
  audit.encrypted = index == 2;
  static constexpr string_view full[] = {"block", "drop"};
  index = 0;
  root.choice("on_full", full, index);
  audit.block_when_full = index == 0;
  root.bytes("file_bytes", audit.file_bytes);
  root.boolean("compress", audit.keep.pack);
  section keep = root.sub("keep");
  keep.duration("age", audit.keep.age);
  keep.bytes("bytes", audit.keep.bytes);
  keep.finish();
  root.finish();
}

void read_limits(section root, limits_config& out) {
  root.bytes("request_body", out.request_body);
  root.bytes("response_body", out.response_body);
  std::uint64_t header_bytes = out.header_bytes;
  root.bytes("header_bytes", header_bytes);
  if (header_bytes < 1024 || header_bytes > (1u << 20)) {
    root.complain("header_bytes", "'limits.header_bytes' must be from 1KiB to 1MiB");
  } else {
    out.header_bytes = static_cast<std::uint32_t>(header_bytes);
  }
  root.number("decoding_ratio", 1u, 10'000u, out.decoding_ratio);
  root.number("json_depth", 1u, 1024u, out.json_depth);
  root.number("in_flight", 1u, 10'000'000u, out.in_flight);
  root.number("client_connections", 1u, 10'000'000u, out.client_connections);
  root.finish();
}

void read_deadlines(section root, net::deadlines& out) {
  root.duration("connect", out.connect);
  root.duration("first_byte", out.first_byte);
  root.duration("idle", out.idle);
  root.duration("whole", out.whole);
  root.duration("client_head", out.client_head);
  root.duration("client_body", out.client_body);
  root.duration("client_idle", out.client_idle);
  root.duration("keep_alive", out.keep_alive);
  root.finish();
}

void read_feedback(section root, feedback_config& out) {
  root.boolean("accept", out.accept);
  root.number("per_minute", 1u, 10'000u, out.per_minute);
  root.finish();
}

void read_attachments(section root, unreadable_config& out) {
  const auto read = [&](string_view key, wire::attachment_type type) {
    static constexpr string_view words[] = {"deny", "pass", "flag"};
    static constexpr proxy::unreadable_policy meant[] = {proxy::unreadable_policy::deny, proxy::unreadable_policy::pass, proxy::unreadable_policy::flag};
    std::size_t index = 0;
    root.choice(key, words, index);
    out.attachments[static_cast<std::size_t>(type)] = meant[index];
  };
  read("image", wire::attachment_type::image);
  read("audio", wire::attachment_type::audio);
  read("video", wire::attachment_type::video);
  read("pdf", wire::attachment_type::pdf);
  read("url", wire::attachment_type::url);
  read("other", wire::attachment_type::other);
  root.finish();
}

void read_unreadable(section root, unreadable_config& out) {
  static constexpr string_view words[] = {"deny", "pass"};
  const auto read = [&root](string_view key, bool& pass) {
    std::size_t index = pass ? 1 : 0;
    root.choice(key, words, index);
    pass = index == 1;
  };
  read("unknown_path", out.pass_unknown_path);
  read("unknown_part", out.pass_unknown_part);
  read("upstream_fetch", out.pass_upstream_fetch);
  static constexpr string_view forms[] = {"deny", "scan"};
  std::size_t form = 0;
  root.choice("forms", forms, form);
  out.scan_forms = form == 1;
  static constexpr string_view states[] = {"deny", "pass", "ledger"};
  std::size_t state = 0;
  root.choice("server_state", states, state);
  out.server_state = static_cast<proxy::unreadable_policy>(state);
  read_attachments(root.sub("attachments"), out);
  root.finish();
}

void read_top_level(section& root, config& out) {
  std::string workers = "auto";
  if (root.has("workers")) root.text("workers", workers);
  if (workers != "auto") {
    std::uint32_t count = 0;
    root.number("workers", 1u, 1024u, count);
    out.workers = count;
  }
  static constexpr string_view modes[] = {"enforce", "shadow"};
  std::size_t mode = 0;
  root.choice("mode", modes, mode);
  out.global_shadow = mode == 1;
  section log = root.sub("log");
  static constexpr std::array<string_view, 5> levels = {"debug", "info", "warn", "error", "off"};
  static constexpr std::array<string_view, 3> formats = {"auto", "json", "text"};
  std::size_t level = 1, format = 0;
  log.choice("level", levels, level);
  log.choice("format", formats, format);
  out.log_level = levels[level];
  out.log_format = formats[format];
  log.finish();
  section secrets = root.sub("secrets");
  secrets.file("key_file", out.secrets_file);
  secrets.finish();
}

}  // namespace

config read_config(const std::string& file, string_view bytes, policy::diagnostics& found) {
  config out;
  out.file = file;
  out.digest = crypto::sha256_hex(bytes);
  const auto documents = policy::parse_yaml(file, bytes, {.bytes_max = 1u << 20, .nodes_max = 100'000, .depth_max = 16}, found);
  if (policy::has_errors(found)) return out;
  if (documents.size() > 1) {
    found.push_back({.severity = policy::severity::error, .place = {.file = file, .line = documents[1].line, .column = 1},
                     .rule = {}, .message = "a second document", .advice = "a configuration is one; remove the '---'"});
    return out;
  }
  section root(file, found, out.named, documents.empty() ? nullptr : &documents[0], "");
  read_top_level(root, out);
  read_listen(root.sub("listen"), out);
  read_admin(root.sub("admin"), out);
  read_node(root.sub("node"), out);
  read_upstreams(root, out);
  read_policy(root.sub("policy"), out.policy);
  read_context(root.sub("context"), out.context);
  read_audit(root.sub("audit"), out);
  read_vault(root.sub("vault"), out);
  read_feedback(root.sub("feedback"), out.feedback);
  read_limits(root.sub("limits"), out.limits);
  read_deadlines(root.sub("deadlines"), out.deadlines);
  read_unreadable(root.sub("unreadable"), out.unreadable);
  read_ledger(root.sub("ledger"), out);
  refuse_one_port_twice(root, out);
  root.finish();
  std::ranges::sort(found, {}, [](const policy::diagnostic& d) { return std::tuple(d.place.line, d.place.column, std::string_view(d.message)); });
  return out;
}

config load_config(const std::string& file, policy::diagnostics& found) {
  const auto refuse = [&](const std::string& message, const std::string& advice) {
    found.push_back({.severity = policy::severity::error, .place = {.file = file, .line = 0, .column = 0}, .rule = {}, .message = message, .advice = advice});
    return config{};
  };
  std::error_code unknown;
  if (std::filesystem::is_directory(file, unknown)) {
    return refuse("is a folder, and a configuration is a file", "name the file in it, as " + (std::filesystem::path(file) / "sluice.yaml").string());
  }
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) return refuse("cannot be read", "does the file exist, and may this user read it?");
  return read_config(file, bytes, found);
}

}  // namespace sluice::app
