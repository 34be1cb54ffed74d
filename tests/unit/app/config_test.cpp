// sluice.yaml: a good file gives its values, a bad one gives every mistake with its place and one advice each.
#include "config_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace sluice::app {
namespace {

constexpr std::string_view least = R"(upstreams:
  - {name: openai, base_url: "https://api.openai.com"}
policy:
  source: {directory: policies}
)";

std::string problems(std::string_view text) {
  policy::diagnostics found;
  (void)read_config("/etc/sluice/sluice.yaml", text, found);
  return policy::to_text(found);
}

TEST(config, needs_little_and_fills_in_the_rest) {
  policy::diagnostics found;
  const auto c = read_config("/etc/sluice/sluice.yaml", least, found);
  EXPECT_EQ(policy::to_text(found), "");
  EXPECT_EQ(c.listen.port, 8080);
  EXPECT_EQ(c.admin.port, 9090);
  EXPECT_FALSE(c.global_shadow);
  EXPECT_EQ(c.policy.source.directory, "/etc/sluice/policies");
  EXPECT_EQ(c.audit.directory, "/var/lib/sluice/audit");
  EXPECT_TRUE(c.audit.block_when_full);
  EXPECT_EQ(c.limits.request_body, 64u << 20);
  EXPECT_EQ(c.upstreams.at(0).parsed.port, 443);
  EXPECT_FALSE(c.unreadable.pass_unknown_path);
}

TEST(config, upstreams_of_one_path_are_told_apart_by_their_api_or_their_models) {
  const auto with = [](const std::string& more) {
    return problems("upstreams:\n  - {name: a, base_url: \"http://x\"}\n  - {name: b, base_url: \"http://y\", " + more + "}\npolicy: {source: {directory: p}}\n");
  };
  for (const char* more : {R"(dialect: gemini, paths: ["/v1beta", "/v1"])", "dialect: anthropic", R"(models: ["m-*"])", R"(dialect: gemini, paths: ["/v1"], models: ["g-*"])"}) EXPECT_EQ(with(more), "") << more;
  EXPECT_NE(with("dialect: openai").find("already leads to another upstream"), std::string::npos);
}

TEST(config, what_it_shows_reads_back_as_the_same) {
  policy::diagnostics found;
  const auto text = std::string(least) + R"(
workers: 3
mode: shadow
node: {labels: {zone: "a b"}}
context:
  default: {region: eu}
  unknown_caller: default
  route: {by: header}
  headers: {trusted_proxies: [10.0.0.0/8, "fd00::/8"], tenant: x-org}
limits: {request_body: 1MiB, in_flight: 7}
deadlines: {connect: 250ms}
unreadable: {unknown_part: pass, server_state: ledger, upstream_fetch: deny}
audit: {on_full: drop, text: none, sync: always}
secrets: {key_file: master}
vault: {redis: {url: "redis://v@redis.internal:7000/2", ring: fleet, password_file: vault-password}, timeout: 250ms}
ledger: {redis: {url: "rediss://l@redis.internal", ring: fleet}, handles_max: 5000}
)";
  const auto first = read_config("/etc/sluice/sluice.yaml", text, found);
  ASSERT_EQ(policy::to_text(found), "");
  const auto shown = show_config(first);
  const auto second = read_config("/etc/sluice/sluice.yaml", shown, found);
  ASSERT_EQ(policy::to_text(found), "") << shown;
  EXPECT_EQ(show_config(second), shown);
  EXPECT_EQ(second.workers, 3u);
  EXPECT_TRUE(second.global_shadow);
  EXPECT_EQ(second.context.headers.trusted_proxies.size(), 2u);
  EXPECT_EQ(second.deadlines.connect, milliseconds(250));
  ASSERT_TRUE(second.vault.redis);
  EXPECT_EQ(second.vault.redis->port, 7000);
  EXPECT_EQ(second.vault.redis->database, 2);
  EXPECT_EQ(second.vault.ring, "fleet");
  EXPECT_EQ(second.vault.password_file, "/etc/sluice/vault-password");
  EXPECT_EQ(second.vault.timeout, milliseconds(250));
  ASSERT_TRUE(second.ledger.redis);
  EXPECT_TRUE(second.ledger.redis->tls);
  EXPECT_EQ(second.ledger.timeout, milliseconds(500));
  EXPECT_EQ(second.ledger.handles_max, 5000u);
}

TEST(config, says_every_mistake_at_once_with_its_place) {
  const auto text = problems("listn: {port: 1}\nlisten: {port: 99999}\nmode: enforcing\nupstreams:\n  - {name: a, base_url: \"ftp://x\"}\n"
                             "policy:\n  source: {directory: p}\n  max_stale: soon\n");
  EXPECT_NE(text.find("sluice.yaml:1:1: error: unknown key 'listn'; did you mean 'listen'?"), std::string::npos) << text;
  EXPECT_NE(text.find("sluice.yaml:2:16: error: 'listen.port' is '99999'"), std::string::npos) << text;
  EXPECT_NE(text.find("sluice.yaml:3:7: error: 'mode' is 'enforcing'; it can be enforce, shadow; did you mean 'enforce'?"), std::string::npos)
      << text;
  EXPECT_NE(text.find("'base_url' must begin with http:// or https://"), std::string::npos) << text;
  EXPECT_NE(text.find("sluice.yaml:8:14: error: 'policy.max_stale' is 'soon'"), std::string::npos) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 5) << text;
}

TEST(config, a_wait_may_be_none_where_that_means_something) {
  const auto with = [](const std::string& more) { return problems("upstreams: [{name: a, base_url: \"http://x\"}]\npolicy: {source: {https: {url: \"https://p/b.tar.gz\", " + more + "}}}\n"); };
  for (const char* none : {"0s", "0ms", "0m"}) EXPECT_FALSE(with(std::string("wait: ") + none).contains("duration")) << with(std::string("wait: ") + none);
  EXPECT_TRUE(with("wait: soon").contains("'policy.source.https.wait' is 'soon', which is not a duration"));
  EXPECT_TRUE(with("poll: 0s").contains("'policy.source.https.poll' is '0s', which is not a duration"));
}

TEST(config, refuses_what_would_be_ignored_or_unsafe) {
  const auto with = [](std::string_view more) { return problems(std::string(least) + std::string(more)); };
  EXPECT_NE(with("admin: {address: 0.0.0.0}\n").find("without a token"), std::string::npos);
  EXPECT_NE(with("context: {route: {by: header}}\n").find("trusted_proxies"), std::string::npos);
  EXPECT_NE(with("context: {headers: {trusted_proxies: [10.0.0.0/40]}}\n").find("not an address block"), std::string::npos);
  EXPECT_NE(with("listen: {tls: {certificate: a.pem}}\n").find("both 'certificate' and 'key'"), std::string::npos);
  EXPECT_NE(with("vault: {timeout: 1s}\nsecrets: {key_file: k}\n").find("'vault' names no Redis"), std::string::npos);
  EXPECT_NE(with("vault: {redis: {url: \"redis://r\"}}\n").find("'vault' needs 'secrets.key_file'"), std::string::npos);
  EXPECT_NE(with("vault: {redis: {url: \"http://r\"}}\nsecrets: {key_file: k}\n").find("'vault.redis.url'"), std::string::npos);
  EXPECT_NE(with("ledger: {redis: {url: \"redis://r\"}}\nsecrets: {key_file: k}\n").find("'ledger' does nothing here"), std::string::npos);
  EXPECT_NE(with("ledger: {redis: {url: \"redis://r\"}}\nunreadable: {server_state: ledger}\n").find("'ledger' needs 'secrets.key_file'"), std::string::npos);
  EXPECT_NE(with("audit: {text: clear}\n").find("it can be masked, none, encrypted"), std::string::npos);
  EXPECT_NE(problems("upstreams: [{name: a, base_url: \"http://x\"}]\npolicy: {source: {}}\n").find("names no source"), std::string::npos);
  EXPECT_NE(problems("upstreams: [{name: a, base_url: \"http://x\"}]\npolicy: {source: {directory: p}, trust: {require_signature: true}}\n")
                .find("nobody is trusted to sign"),
            std::string::npos);
  EXPECT_NE(problems("upstreams: [{name: a, base_url: \"http://x\"}]\npolicy: {source: {directory: p}, trust: {keys_file: k.yaml}}\n")
                .find("a directory carries no signatures"),
            std::string::npos);
  EXPECT_NE(problems("").find("no upstream is named"), std::string::npos);
  EXPECT_NE(problems("- a\n").find("must hold keys"), std::string::npos);
  EXPECT_NE(problems("a: [").find("error"), std::string::npos);
}

TEST(config, looks_at_the_files_that_it_names) {
  const auto folder = std::filesystem::temp_directory_path() / ("sluice-config-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "policies");
  const auto write = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text; };
  const auto said = [&] {
    policy::diagnostics found;
    check_named_files(load_config((folder / "sluice.yaml").string(), found), found);
    return policy::to_text(found);
  };
  write("keys.yaml", "0000000000000000000000000000000000000000000000000000000000000000: {teir: gold}\n");
  write("sluice.yaml", "listen: {tls: {certificate: a.pem, key: b.pem}}\nsecrets: {key_file: gone}\n" + std::string(least) +
                           "  state_directory: keys.yaml/state\ncontext: {keys_file: keys.yaml}\n");
  const auto text = said();
  for (const auto* part : {"'listen.tls.certificate': ", "a.pem cannot be read", "'secrets.key_file'", "did you mean 'tier'?", "7:20: error: 'policy.state_directory'", "keys.yaml is no folder"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  // A folder of policies may come later, and paths mean the same from wherever they are read.
  write("sluice.yaml", "upstreams: [{name: a, base_url: \"http://x\"}]\npolicy: {source: {directory: not-yet}, state_directory: s}\n");
  EXPECT_NE(said().find("sluice.yaml:2:30: warning: 'policy.source.directory': the bundle folder " + (folder / "not-yet").string()), std::string::npos) << said();
  std::filesystem::remove_all(folder);
}

TEST(config, refuses_ports_and_addresses_that_cannot_work) {
  const auto with = [](std::string_view more) { return problems(std::string(least) + std::string(more)); };
  EXPECT_NE(with("listen: {port: 7000}\nadmin: {port: 7000}\n").find("name the same port, 7000"), std::string::npos);
  const auto twice = problems("upstreams: [{name: a, base_url: \"http://x/v1\"}]\npolicy: {source: {directory: p}}\n");
  EXPECT_NE(twice.find("it would go to /v1/v1/…; write it without /v1"), std::string::npos) << twice;
  const auto at = [](std::string_view url) { return problems("upstreams: [{name: a, base_url: \"" + std::string(url) + "\"}]\npolicy: {source: {directory: p}}\n"); };
  EXPECT_NE(at("http://h/openai/v1/").find("write it without /v1"), std::string::npos);
  EXPECT_EQ(at("http://h/openai"), "");
  // What stands before the API's path is taken off, so that the upstream may have it again.
  const auto under = [](std::string_view base, std::string_view more) {
    return problems("upstreams: [{name: a, base_url: \"http://h" + std::string(base) + "\", paths: [\"/vllm/v1\"]" + std::string(more) + "}]\npolicy: {source: {directory: p}}\n");
  };
  EXPECT_EQ(under("/vllm", ", response_headers: [x-foo, \"X-Groq-*\"]"), "");
  EXPECT_NE(under("/v1", "").find("write it without /v1"), std::string::npos);
  for (const char* never : {"Location", "etag", "x-sluice-verdict", "transfer-encoding"}) {
    EXPECT_NE(under("", ", response_headers: [" + std::string(never) + "]").find("never goes to clients"), std::string::npos) << never;
  }
  EXPECT_EQ(with("listen: {address: 127.0.0.2, port: 9090}\n"), "");
  EXPECT_NE(with("listen: {address: 0.0.0.0, port: 9090}\n").find("name the same port"), std::string::npos);
  EXPECT_EQ(with("listen: {port: 0}\nadmin: {port: 0}\n"), "");
}

TEST(config, paths_are_whole_wherever_it_is_read_from) {
  policy::diagnostics found;
  const auto c = read_config("conf/sluice.yaml", least, found);
  EXPECT_EQ(c.policy.source.directory, std::filesystem::current_path() / "conf/policies");
  const auto again = read_config("elsewhere/sluice.yaml", show_config(c), found);
  EXPECT_EQ(policy::to_text(found), "");
  EXPECT_EQ(show_config(again), show_config(c));
}

TEST(base_url, is_taken_apart) {
  const auto plain = parse_base_url("http://127.0.0.1:8081").value();
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.host, "127.0.0.1");
  EXPECT_EQ(plain.port, 8081);
  EXPECT_EQ(plain.authority, "127.0.0.1:8081");
  EXPECT_EQ(plain.path, "");
  const auto six = parse_base_url("https://[::1]/prefix/").value();
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.authority, "[::1]");
  EXPECT_EQ(six.path, "/prefix");
  for (const std::string_view bad : {"", "api.openai.com", "https://", "https://u:p@h", "https://h:0", "https://h:x", "https://h?q", "https://[::1"}) {
    EXPECT_FALSE(parse_base_url(bad).has_value()) << bad;
  }
}

TEST(address_block, holds_what_it_says) {
  const auto ten = parse_address_block("10.1.0.0/15").value();
  EXPECT_TRUE(ten.contains("10.0.255.1"));
  EXPECT_TRUE(ten.contains("10.1.0.1"));
  EXPECT_TRUE(ten.contains("::ffff:10.1.0.1"));
  EXPECT_FALSE(ten.contains("10.2.0.1"));
  EXPECT_FALSE(ten.contains("nonsense"));
  EXPECT_TRUE(parse_address_block("fd00::/8").value().contains("fdff::1"));
  EXPECT_TRUE(parse_address_block("127.0.0.1").value().contains("127.0.0.1"));
  EXPECT_FALSE(parse_address_block("127.0.0.1").value().contains("127.0.0.2"));
  EXPECT_TRUE(parse_address_block("0.0.0.0/0").value().contains("8.8.8.8"));
  EXPECT_FALSE(parse_address_block("0.0.0.0/0").value().contains("2001:db8::1"));
  for (const std::string_view bad : {"", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1"}) {
    EXPECT_FALSE(parse_address_block(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace sluice::app
