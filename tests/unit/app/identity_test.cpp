// Who is asking. The property that matters: nothing a client can write by itself changes a scope.
#include "identity.hpp"

#include <deque>

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

TEST(identity, ignores_headers_of_a_client_that_is_no_trusted_proxy) {
  const auto head = head_with({{"x-tenant", "evil"}, {"x-region", "moon"}, {"x-route", "free"}, {"x-conversation", "1"}});
  const auto got = identify(rules(), nullptr, head, {.address = "192.0.2.1"}).value();
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
  const auto got = identify(by_header, nullptr, head, {.address = "10.1.2.3"}).value();
  EXPECT_EQ(got.who.tenant, "acme");
  EXPECT_EQ(got.who.route, "support");
  const auto twice = identify(rules(), nullptr, head_with({{"x-tenant", "evil"}, {"X-Tenant", "acme"}}), {.address = "10.1.2.3"});
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, errc::refused);
}

TEST(identity, a_key_wins_over_headers) {
  const auto table = keys();
  const auto head = head_with({{"authorization", "Bearer sk-acme"}, {"x-tenant", "other"}, {"x-region", "us"}});
  const auto got = identify(rules(), &table, head, {.address = "10.1.2.3"}).value();
  EXPECT_EQ(got.who.tenant, "acme");
  EXPECT_EQ(got.who.tier, "gold");
  EXPECT_EQ(got.who.region, "us");
  EXPECT_TRUE(got.caller.starts_with("key:"));
  EXPECT_EQ(got.caller.find("sk-acme"), std::string::npos);
}

// Otherwise one attacker would be as many users as he likes, and each of them a voice against a rule.
TEST(identity, a_key_that_nobody_knows_counts_as_its_address) {
  const auto table = keys();
  auto open = rules();
  open.deny_unknown = false;
  const auto counted = [&](const key_table* known, const std::string& key, const char* address) {
    return identify(open, known, head_with({{"authorization", "Bearer " + key}}), {.address = address}).value().counted_as;
  };
  for (const auto* known : {static_cast<const key_table*>(nullptr), &table}) {
    EXPECT_EQ(counted(known, "sk-made-up-1", "192.0.2.1"), "peer:192.0.2.1");
    EXPECT_EQ(counted(known, "sk-made-up-2", "192.0.2.1"), "peer:192.0.2.1");
    EXPECT_EQ(counted(known, "sk-made-up-1", "::ffff:192.0.2.2"), "peer:::ffff:192.0.2.2");
    EXPECT_EQ(counted(known, "sk-made-up-1", "2001:db8:1:2:3:4:5:6"), "peer:2001:db8:1:2::/64");
    EXPECT_EQ(counted(known, "sk-made-up-1", "2001:db8:1:2:ffff::9"), "peer:2001:db8:1:2::/64");
    EXPECT_EQ(counted(known, "sk-made-up-1", "2001:db8:1:3::1"), "peer:2001:db8:1:3::/64");
  }
  EXPECT_EQ(counted(&table, "sk-acme", "192.0.2.1"), "") << "a known key counts as itself";
  const auto none = identify(open, nullptr, head_with({}), {.address = "2001:db8:1:2::7"}).value();
  EXPECT_EQ(none.caller, "peer:2001:db8:1:2::7");
  EXPECT_EQ(none.counted_as, "peer:2001:db8:1:2::/64");
  const auto proxied = identify(open, nullptr, head_with({{"authorization", "Bearer x"}, {"x-user", "ada"}}), {.address = "10.1.2.3"}).value();
  EXPECT_EQ(proxied.who.user, "ada") << "whom a trusted proxy names counts as that user";
}

TEST(identity, finds_the_key_where_each_api_puts_it) {
  const auto table = keys();
  for (const http::field& field : {http::field{"Authorization", "bearer sk-acme"}, {"x-api-key", "sk-acme"}, {"API-Key", "sk-acme"}, {"X-Goog-Api-Key", "sk-acme"}}) {
    EXPECT_EQ(identify(rules(), &table, head_with({field}), {.address = "192.0.2.1"}).value().who.tenant, "acme") << field.name;
  }
}

TEST(identity, denies_unknown_callers_unless_told_otherwise) {
  const auto table = keys();
  auto open = rules();
  open.deny_unknown = false;
  for (const auto& head : {head_with({}), head_with({{"authorization", "Bearer sk-nobody"}})}) {
    const auto denied = identify(rules(), &table, head, {.address = "192.0.2.1"});
    ASSERT_FALSE(denied.has_value());
    EXPECT_EQ(denied.error().code, errc::refused);
    EXPECT_EQ(denied.error().message.find("sk-nobody"), std::string::npos);
    EXPECT_EQ(identify(open, &table, head, {.address = "192.0.2.1"}).value().who.tenant, "");
  }
  const auto two = head_with({{"authorization", "Bearer sk-acme"}, {"authorization", "Bearer sk-other"}});
  EXPECT_FALSE(identify(rules(), &table, two, {.address = "192.0.2.1"}).has_value());
}

http::request_head asking(const std::string& query, std::vector<http::field> fields = {}) {
  auto head = head_with(std::move(fields));
  static std::deque<std::string> kept;  // a head has views
  head.target = kept.emplace_back("/v1/chat/completions?" + query);
  head.query = head.target.substr(head.target.find('?') + 1);
  return head;
}

TEST(identity, finds_the_key_in_the_query) {
  const auto table = keys();
  for (const char* query : {"key=sk-acme", "alt=sse&key=sk-acme", "key=sk%2Dacme", "%6bey=sk-acme", "KEY=sk-acme&x", "api-key=sk-acme", "access_token=sk-acme"}) {
    const auto got = identify(rules(), &table, asking(query), {.address = "192.0.2.1"});
    ASSERT_TRUE(got) << query;
    EXPECT_EQ(got->who.tenant, "acme") << query;
  }
  EXPECT_FALSE(identify(rules(), &table, asking("monkey=sk-acme&key="), {.address = "192.0.2.1"}));
}

// The upstream might bill, and obey, another than the one that the gateway goes by.
TEST(identity, refuses_credentials_that_differ_with_and_without_a_keys_file) {
  const auto table = keys();
  const http::field bearer{"authorization", "Bearer sk-acme"};
  const std::vector<http::request_head> two = {
      head_with({bearer, {"x-api-key", "sk-other"}}),
      head_with({{"x-api-key", "sk-acme"}, {"Api-Key", "sk-other"}}),
      head_with({bearer, {"x-goog-api-key", "sk-other"}}),
      head_with({{"authorization", "Basic c2stYWNtZQ=="}, {"x-api-key", "sk-acme"}}),
      head_with({bearer, bearer}),
      asking("key=sk-other", {bearer}),
      asking("key=sk-acme&key=sk-other"),
      asking("key=sk-acme&ke%79=sk-other"),
  };
  for (const auto& head : two) {
    for (const auto* known : {&table, static_cast<const key_table*>(nullptr)}) {
      const auto got = identify(rules(), known, head, {.address = "192.0.2.1"});
      ASSERT_FALSE(got) << head.target << " " << head.fields.size();
      EXPECT_EQ(got.error().code, errc::refused);
      EXPECT_TRUE(got.error().message.contains("more than one key"));
      EXPECT_FALSE(got.error().message.contains("sk-"));
    }
  }
}

TEST(identity, takes_one_credential_that_is_given_in_several_places) {
  const auto table = keys();
  const auto head = asking("key=sk-acme", {{"authorization", "Bearer sk-acme"}, {"x-goog-api-key", "sk-acme"}, {"api-key", ""}});
  EXPECT_EQ(identify(rules(), &table, head, {.address = "192.0.2.1"}).value().who.tenant, "acme");
}

TEST(identity, leaves_a_route_by_upstream_to_the_exchange) {
  auto by_upstream = rules();
  by_upstream.route = route_by::upstream;
  EXPECT_EQ(identify(by_upstream, nullptr, head_with({}), {.address = "192.0.2.1"}).value().who.route, "");
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
