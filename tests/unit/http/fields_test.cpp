// What travels on: allow-list upstream, hop-by-hop dropped both ways, heads written anew.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sluice/http/fields.hpp"

namespace sluice::http {
namespace {

TEST(request_fields, go_upstream_only_from_the_allow_list) {
  for (const char* name : {"Authorization", "x-api-key", "API-KEY", "x-goog-api-key", "Content-Type", "ACCEPT", "User-Agent", "OpenAI-Beta",
                           "openai-organization", "anthropic-version", "Anthropic-Beta", "x-stainless-retry-count", "Idempotency-Key",
                           "traceparent", "tracestate", "X-Request-Id", "x-client-request-id"}) {
    EXPECT_TRUE(may_go_upstream(name)) << name;
  }
  for (const char* name : {"Host", "Cookie", "Connection", "Transfer-Encoding", "Content-Length", "Upgrade", "TE", "Trailer", "Expect",
                           "Accept-Encoding", "Content-Encoding", "X-Forwarded-For", "Forwarded", "x-portkey-custom-host", "x-sluice-tenant",
                           "Proxy-Authorization", "openai-", "openai", "xopenai-beta", "authorization2", "HTTP2-Settings", "x-tenant", "Range"}) {
    EXPECT_FALSE(may_go_upstream(name)) << name;
  }
}

TEST(response_fields, go_to_the_client_unless_they_belong_to_the_hop) {
  for (const char* name : {"content-type", "x-request-id", "openai-processing-ms", "x-ratelimit-remaining-tokens", "retry-after", "cf-ray",
                           "x-should-retry", "date", "vary", "X-Request-Id", "ratelimit", "apim-request-id"}) {
    EXPECT_TRUE(may_go_to_client(name, "")) << name;
  }
  for (const char* name : {"Content-Length", "transfer-encoding", "Connection", "keep-alive", "Proxy-Authenticate", "proxy-status", "Upgrade",
                           "Trailer", "ETag", "Digest", "Content-MD5", "Repr-Digest", "Alt-Svc", "x-sluice-verdict", "X-Sluice-Decision"}) {
    EXPECT_FALSE(may_go_to_client(name, "")) << name;
  }
  EXPECT_FALSE(may_go_to_client("X-Request-Id", "close, x-request-id"));
  EXPECT_FALSE(may_go_to_client("x-request-id", "X-Request-Id"));
  EXPECT_TRUE(may_go_to_client("x-request-id", "close, x-request-id2"));
  // An upstream's own words do not go unless the operator says so, and what leads around the gateway never does.
  const std::vector<std::string> more = {"x-foo", "x-groq-*", "location", "etag"};
  for (const char* name : {"set-cookie", "x-foo", "link", "www-authenticate", "server", "x-groq-region", "openai", "ratelimits"}) EXPECT_FALSE(may_go_to_client(name, "")) << name;
  for (const char* name : {"X-Foo", "x-groq-region"}) EXPECT_TRUE(may_go_to_client(name, "", more)) << name;
  for (const char* name : {"x-food", "x-groq-", "Location", "etag"}) EXPECT_FALSE(may_go_to_client(name, "", more)) << name;
}

request_head sample(std::vector<field> fields) {
  request_head head;
  head.method = "POST";
  head.target = "/client/path";
  head.fields = std::move(fields);
  return head;
}

TEST(upstream_request, is_written_anew) {
  const auto head = sample({{"Host", "evil"}, {"authorization", "Bearer k"}, {"Content-Length", "999"}, {"Transfer-Encoding", "chunked"},
                            {"Accept-Encoding", "gzip"}, {"content-type", "application/json"}, {"Cookie", "a=b"}, {"Connection", "close"}});
  std::string out;
  append_upstream_request(out, head, "api.example", "/v1/x?y", 12);
  EXPECT_EQ(out,
            "POST /v1/x?y HTTP/1.1\r\nHost: api.example\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\n"
            "Accept-Encoding: identity\r\nContent-Length: 12\r\n\r\n");
  std::string bodiless;
  append_upstream_request(bodiless, sample({}), "h", "/", -1);
  EXPECT_EQ(bodiless, "POST / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: identity\r\n\r\n");
}

TEST(upstream_request, drops_what_any_connection_field_names) {
  std::string out;
  append_upstream_request(out, sample({{"Connection", "close, OpenAI-Beta"}, {"openai-beta", "x"}, {"connection", "x-api-key"}, {"X-Api-Key", "k"}}),
                          "h", "/", 0);
  EXPECT_EQ(out, "POST / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: identity\r\nContent-Length: 0\r\n\r\n");
}

TEST(client_response, has_words_and_numbers_of_an_upstream_and_no_prose) {
  response_head from;
  from.fields = {{"date", "Sun, 29 Nov 2026 18:03:53 GMT"}, {"openai-organization", "a secret thing"}, {"retry-after", "tell no one"}, {"retry-after", "7"}, {"x-ratelimit-reset-tokens", "6m0s"},
                 {"ratelimit", "limit=100, remaining=50"}, {"server-timing", "gfet4t7; dur=12"}, {"x-foo", "a secret thing"}, {"x-request-id", std::string(1100, 'x')}};
  std::string out;
  const std::vector<std::string> more = {"x-foo"};
  append_client_response(out, 200, &from, {}, client_framing::none, 0, true, 1, more);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\ndate: Sun, 29 Nov 2026 18:03:53 GMT\r\nretry-after: 7\r\nx-ratelimit-reset-tokens: 6m0s\r\nratelimit: limit=100, remaining=50\r\n"
                 "server-timing: gfet4t7; dur=12\r\nx-foo: a secret thing\r\n\r\n");
}

TEST(client_response, has_dates_and_nothing_that_is_only_as_long_as_one) {
  const auto goes = [](const std::string& value) {
    response_head from;
    from.fields = {{"openai-note", value}};
    std::string out;
    append_client_response(out, 200, &from, {}, client_framing::none, 0, true, 1, {});
    return out.contains("openai-note");
  };
  EXPECT_TRUE(goes("Sun, 06 Nov 1994 08:49:37 GMT"));
  EXPECT_TRUE(goes("Sat, 31 Dec 2033 23:59:60 GMT"));
  for (const char* other : {"xxx,forbidden words 12345 GMT", "Hey, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Bad 1994 08:49:37 GMT", "unM, 06 Nov 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT",
                            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_FALSE(goes(other)) << other;
  }
}

TEST(client_response, states_exactly_one_framing) {
  response_head from;
  from.fields = {{"Content-Type", "text/plain"}, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}, {"Connection", "X-Hop"},
                 {"X-Hop", "1"}, {"X-Request-Id", "upstream"}};
  const std::vector<extra_field> extra = {{"x-request-id", "mine"}, {"x-sluice-decision", "d"}};
  std::string out;
  append_client_response(out, 200, &from, extra, client_framing::chunked, 0, true, 1);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nx-request-id: mine\r\nx-sluice-decision: d\r\nTransfer-Encoding: chunked\r\n\r\n");
  out.clear();
  append_client_response(out, 400, nullptr, {}, client_framing::length, 7, false, 1);
  EXPECT_EQ(out, "HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
  out.clear();
  append_client_response(out, 200, nullptr, {}, client_framing::close, 0, true, 0);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  out.clear();
  append_client_response(out, 204, nullptr, {}, client_framing::none, 0, true, 0);
  EXPECT_EQ(out, "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
}

TEST(hop_by_hop, covers_the_fixed_names_and_those_that_connection_lists) {
  for (const char* name : {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection", "HTTP2-Settings"}) {
    EXPECT_TRUE(is_hop_by_hop(name, "")) << name;
  }
  EXPECT_TRUE(is_hop_by_hop("x-a", " x-b ,\tX-A"));
  EXPECT_FALSE(is_hop_by_hop("x-c", "x-a, x-b"));
}

}  // namespace
}  // namespace sluice::http
