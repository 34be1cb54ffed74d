// See demo_files.hpp.
#include "demo_files.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <vector>

#include "demo_bundle.hpp"
#include "gateway_setup.hpp"
#include "trust_file.hpp"
#include "sluice/base/durable_file.hpp"

namespace sluice::app::demo {
namespace {

namespace fs = std::filesystem;

// Ports that nobody listens on: all are held until the last is found, so that they differ.
result<std::vector<std::uint16_t>> free_ports(std::size_t count) {
  std::vector<int> sockets;
  std::vector<std::uint16_t> out;
  while (out.size() < count) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof where;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) sockets.push_back(fd);
    auto* address = reinterpret_cast<sockaddr*>(&where);
    if (fd < 0 || ::bind(fd, address, length) != 0 || ::getsockname(fd, address, &length) != 0) break;
    out.push_back(ntohs(where.sin_port));
  }
  const int why = errno;
  for (const int fd : sockets) ::close(fd);
  if (out.size() < count) return fail(errc::io, std::string("no free port on 127.0.0.1: ") + std::strerror(why));
  return out;
}

// The users of docs/deploy.md, for this ring. A test holds the two against each other.
std::string redis_users(const std::string& gateway_password, const std::string& publisher_password) {
  const std::string key = std::string("{sluice:") + ring + "}:", notify = " &" + key + "notify", none = " resetkeys resetchannels -@all";
  const auto writes = [&key](std::initializer_list<const char*> names) {
    std::string out = " %R~" + key + "*";
    for (const char* name : names) out += " ~" + key + name;
    return out;
  };
  return "user default off\nuser gateway on >" + gateway_password + none +
         " +auth +select +ping +role +get +hget +hgetall +hset +expire +zadd +zrange +zremrangebyscore +xrevrange +xadd +smembers +time +subscribe +unsubscribe" +
         writes({"node:*", "ack:*", "nodes", "feedback", "labels"}) + notify + " (+xadd ~" + key + "checkpoints)\nuser publisher on >" + publisher_password + none +
         " +auth +select +ping +role +info +get +set +del +exists +hget +hmget +hgetall +hset +sadd +srem +sismember +smembers +wait +zadd +zcard +zrem +zscore +zrange +zrevrange +xadd +xrevrange +xinfo|stream +pttl +publish +eval" +
         writes({"blob:*", "manifest:*", "versions", "head", "log", "revoked", "freeze", "stops", "controller", "feedback", "labels"}) + notify + "\n";
}

std::string redis_conf(const layout& of, const std::string& users) {
  return "# Keeps nothing on disk: when it comes back, it comes back empty.\nbind 127.0.0.1\nport " + std::to_string(of.at.redis) + "\ndir " + of.path("redis") + "\npidfile " + of.path("redis/pid") + "\nlogfile " + of.log("redis") +
         "\nsave \"\"\nappendonly no\n" + users;
}

std::string gateway_conf(const layout& of, std::size_t n) {
  const auto text = [](std::uint16_t port) { return std::to_string(port); };
  return "# docs/configuration.md explains every key.\nlisten: {address: 127.0.0.1, port: " + text(of.at.data[n]) + "}\nadmin: {address: 127.0.0.1, port: " + text(of.at.admin[n]) + "}\nnode: {id: " + of.gateway_name(n) +
         ", labels: {zone: " + std::string(1, static_cast<char>('a' + n)) + "}}\nworkers: 1\nupstreams:\n  - {name: model, base_url: \"" + of.url(of.at.model) + "\", dialect: openai, paths: [\"/v1\"]}\npolicy:\n  source:\n    redis: {url: \"redis://gateway@127.0.0.1:" +
         text(of.at.redis) + "\", ring: " + ring + ", password_file: ../redis/gateway-password, poll: 1s}\n  state_directory: state\n  trust: {keys_file: ../trusted.yaml, require_signature: true, require_gate: true}\n" +
         "context:\n  default: {tenant: retail, region: eu}\n  headers: {trusted_proxies: [127.0.0.1/32], tenant: x-tenant, user: x-user, conversation: x-conversation}\naudit: {directory: audit, text: encrypted}\nsecrets: {key_file: ../secret}\n";
}

// What a shell of the reader's needs. `ask` shows of an answer the status, the verdict, the decision and the text.
std::string env_text(const layout& of, const std::string& program) {
  std::string out = "# Read by a shell: . " + of.path("env") + "\nexport PATH=\"" + fs::path(program).parent_path().string() + ":$PATH\"\nexport SLUICE_REDIS='" + of.publisher_url + "' SLUICE_RING=" + ring + "\nexport SLUICE_TRUST='" + of.path("trusted.yaml") + "'\n";
  for (std::size_t n = 0; n < gateway_count; ++n) {
    const auto number = std::to_string(n + 1);
    out += "GW" + number + "=" + of.url(of.at.data[n]) + " ADMIN" + number + "=" + of.url(of.at.admin[n]) + "\n";
  }
  return out + R"sh(# ask URL TEXT: what a gateway makes of a question: status, verdict, decision, and what the customer reads.
ask() {
  curl -s "$1/v1/chat/completions" -H 'content-type: application/json' -w ' %{http_code} %header{x-sluice-verdict} %header{x-sluice-decision}' \
    -d "{\"model\":\"mock\",\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]}" |
    tr '\n' ' ' | sed -E 's/.*"(content|message)": ?"(([^"\\]|\\.)*)".* ([0-9]+ [a-z]+ [0-9a-z]+)$/\4: \2\n/'
}
)sh";
}

struct keys_text {
  std::string pem, trusted;
};
keys_text make_key() {
  const auto key = crypto::signing_key::generate();
  const auto roles = static_cast<unsigned>(store::key_role::build) | static_cast<unsigned>(store::key_role::activate);
  return {key.to_pem(), "keys:\n" + trusted_key_text({.name = "operations", .public_key = key.public_key(), .roles = roles, .not_after = {}})};
}

}  // namespace

result<ports> choose_ports(std::uint16_t first) {
  constexpr std::size_t count = 2 * gateway_count + 2;
  std::vector<std::uint16_t> all;
  if (first == 0) {
    auto found = free_ports(count);
    if (!found) return std::unexpected(found.error());
    all = std::move(*found);
  }
  while (all.size() < count) {
    const auto port = static_cast<std::uint16_t>(first + all.size());
    if (!port_is_free("127.0.0.1", port, "listen")) return fail(errc::io, "port " + std::to_string(port) + " of 127.0.0.1 is in use");
    all.push_back(port);
  }
  ports out;
  for (std::size_t n = 0; n < gateway_count; ++n) {
    out.data[n] = all[2 * n];
    out.admin[n] = all[2 * n + 1];
  }
  out.redis = all[count - 2];
  out.model = all[count - 1];
  return out;
}

result<layout> write_files(const std::string& directory, const ports& at, const std::string& program) {
  layout out{.directory = directory, .at = at, .publisher_url = {}};
  std::vector<std::string> folders = {"redis", "log", "policies/lists", "policies/golden"};
  std::vector<std::pair<std::string, std::string>> files;
  for (auto& [path, content] : bundle()) files.emplace_back("policies/" + path, content);
  for (std::size_t n = 0; n < gateway_count; ++n) {
    folders.push_back(out.gateway_name(n));
    files.emplace_back(out.gateway_name(n) + "/sluice.yaml", gateway_conf(out, n));
  }
  for (const auto& each : folders) {
    std::error_code failed;
    fs::create_directories(out.path(each), failed);
    if (failed) return fail(errc::io, "cannot make " + out.path(each) + ": " + failed.message());
  }
  const auto secret = kept_secret(out.path("secret")), gateway = kept_secret(out.path("redis/gateway-password")), publisher = kept_secret(out.path("redis/publisher-password"));
  for (const auto* each : {&secret, &gateway, &publisher}) {
    if (!*each) return std::unexpected(each->error());
  }
  out.publisher_url = "redis://publisher:" + *publisher + "@127.0.0.1:" + std::to_string(at.redis);
  const auto key = make_key();
  files.emplace_back("operations.pem", key.pem);
  files.emplace_back("trusted.yaml", key.trusted);
  files.emplace_back("redis/redis.conf", redis_conf(out, redis_users(*gateway, *publisher)));
  files.emplace_back("env", env_text(out, program));
  for (const auto& [path, content] : files) {
    if (auto written = replace_file(out.path(path), content); !written) return std::unexpected(written.error());
  }
  return out;
}

}  // namespace sluice::app::demo
