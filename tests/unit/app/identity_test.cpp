// Who is asking. The property that matters: nothing a client can write by itself changes a scope.
#include "identity.hpp"

#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

http::request_head head_with(std::vector<http::field> fields) {
  http::request_head head;
  head.method = "POST";
  head.path = head.target = "/v1/chat/completions";
  head.fields = std::move(fields);
  return head;
}

context_config rules() {
  context_config out;
  out.defaults.region = "eu";
  out.headers.trusted_proxies = {parse_address_block("10.0.0.0/8").value()};
  return out;
}

key_table keys() {
  policy::diagnostics found;
  auto out = read_keys("keys.yaml", crypto::sha256_hex("sk-acme") + ": {tenant: acme, tier: gold}\n", found);
  EXPECT_TRUE(found.empty()) << policy::to_text(found);
  return out;
}

const std::vector<upstream_config> upstreams = [] {
  std::vector<upstream_config> out(2);
  out[0].name = "a";
  out[0].paths = {"/v1"};
  out[1].name = "b";
  out[1].paths = {"/v1/chat"};
  return out;
}();

TEST(identity, ignores_headers_of_a_client_that_is_no_trusted_proxy) {
  const auto head = head_with({{"x-tenant", "evil"}, {"x-region", "moon"}, {"x-route", "free"}, {"x-conversation", "1"}});
  const auto got = identify(rules(), upstreams, nullptr, head, {.address = "192.0.2.1"}).value();
  EXPECT_EQ(got.who.tenant, "");
  EXPECT_EQ(got.who.region, "eu");
  EXPECT_EQ(got.who.conversation, "");
  EXPECT_EQ(got.who.route, "/v1/chat/completions");
  EXPECT_EQ(got.caller, "peer:192.0.2.1");
}

TEST(identity, takes_headers_of_a_trusted_proxy_and_refuses_them_twice) {
  auto by_header = rules();
  by_header.route = route_by::header;
  const auto head = head_with({{"X-Tenant", "acme"}, {"x-route", "support"}});
  const auto got = identify(by_header, upstreams, nullptr, head, {.address = "10.1.2.3"}).value();
  EXPECT_EQ(got.who.tenant, "acme");
  EXPECT_EQ(got.who.route, "support");
  const auto twice = identify(rules(), upstreams, nullptr, head_with({{"x-tenant", "evil"}, {"X-Tenant", "acme"}}), {.address = "10.1.2.3"});
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, errc::refused);
}

TEST(identity, a_key_wins_over_headers) {
  const auto table = keys();
  const auto head = head_with({{"authorization", "Bearer sk-acme"}, {"x-tenant", "other"}, {"x-region", "us"}});
  const auto got = identify(rules(), upstreams, &table, head, {.address = "10.1.2.3"}).value();
  EXPECT_EQ(got.who.tenant, "acme");
  EXPECT_EQ(got.who.tier, "gold");
  EXPECT_EQ(got.who.region, "us");
  EXPECT_TRUE(got.caller.starts_with("key:"));
  EXPECT_EQ(got.caller.find("sk-acme"), std::string::npos);
}

TEST(identity, finds_the_key_where_each_api_puts_it) {
  const auto table = keys();
  for (const http::field& field : {http::field{"Authorization", "bearer sk-acme"}, {"x-api-key", "sk-acme"}, {"API-Key", "sk-acme"}}) {
    EXPECT_EQ(identify(rules(), upstreams, &table, head_with({field}), {.address = "192.0.2.1"}).value().who.tenant, "acme") << field.name;
  }
}

TEST(identity, denies_unknown_callers_unless_told_otherwise) {
  const auto table = keys();
  auto open = rules();
  open.deny_unknown = false;
  for (const auto& head : {head_with({}), head_with({{"authorization", "Bearer sk-nobody"}})}) {
    const auto denied = identify(rules(), upstreams, &table, head, {.address = "192.0.2.1"});
    ASSERT_FALSE(denied.has_value());
    EXPECT_EQ(denied.error().code, errc::refused);
    EXPECT_EQ(denied.error().message.find("sk-nobody"), std::string::npos);
    EXPECT_EQ(identify(open, upstreams, &table, head, {.address = "192.0.2.1"}).value().who.tenant, "");
  }
  const auto two = head_with({{"authorization", "Bearer sk-acme"}, {"authorization", "Bearer sk-other"}});
  EXPECT_FALSE(identify(rules(), upstreams, &table, two, {.address = "192.0.2.1"}).has_value());
}

TEST(identity, routes_by_the_longest_prefix_of_an_upstream) {
  auto by_upstream = rules();
  by_upstream.route = route_by::upstream;
  EXPECT_EQ(identify(by_upstream, upstreams, nullptr, head_with({}), {.address = "192.0.2.1"}).value().who.route, "b");
}

TEST(read_keys, says_what_is_wrong_and_where) {
  policy::diagnostics found;
  (void)read_keys("keys.yaml", "sk-plain: {tenant: a}\n" + crypto::sha256_hex("x") + ": {tenent: a}\n", found);
  const auto text = policy::to_text(found);
  EXPECT_NE(text.find("keys.yaml:1:1: error: not the SHA-256 of a key"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean 'tenant'?"), std::string::npos) << text;
}

}  // namespace
}  // namespace sluice::app
