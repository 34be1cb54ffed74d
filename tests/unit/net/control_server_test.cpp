// The admin API's server: what a handler sees, what a client gets, and what is refused.
#include "sluice/net/control_server.hpp"

#include "fixture.hpp"

namespace sluice::net::testing {
namespace {

TEST(control_server, hands_on_requests_and_keeps_connections) {
  auto made = control_server::open("127.0.0.1", 0, [](const control_request& q) {
    return control_response{q.path == "/x" ? 200 : 404, "text/plain", q.method + "|" + q.query + "|" + q.body + "|" + q.authorization};
  });
  ASSERT_TRUE(made.has_value());
  auto c = peer::connect((*made)->port());
  for (int i = 0; i < 2; ++i) {
    c.send("POST /x?a=b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 200"));
    EXPECT_EQ(c.exactly(20), "POST|a=b|hi|Bearer t");
  }
  c.send("GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(c.all().starts_with("HTTP/1.1 404"));
}

TEST(control_server, tells_a_name_from_an_address) {
  auto made = control_server::open("127.0.0.1", 0, [](const control_request& q) {
    return control_response{.status = q.by_name ? 403 : 200, .body = {}};
  });
  ASSERT_TRUE(made.has_value());
  for (const char* host : {"127.0.0.1", "127.0.0.1:9090", "[::1]:9090", "[::1]", "localhost", "LOCALHOST:80", "10.1.2.3", ""}) {
    auto c = peer::connect((*made)->port());
    c.send("GET /y HTTP/1.1\r\nHost: " + std::string(host) + "\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(c.all().starts_with("HTTP/1.1 200")) << host;
  }
  for (const char* host : {"evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example", "sluice", "[evil", "[evil.example]"}) {
    auto c = peer::connect((*made)->port());
    c.send("GET /y HTTP/1.1\r\nHost: " + std::string(host) + "\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(c.all().starts_with("HTTP/1.1 403")) << host;
  }
}

TEST(control_server, refuses_bodies_beyond_its_bound_and_what_is_not_http) {
  auto made = control_server::open("127.0.0.1", 0, [](const control_request&) { return control_response{}; });
  ASSERT_TRUE(made.has_value());
  auto big = peer::connect((*made)->port());
  big.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n");
  EXPECT_TRUE(big.all().starts_with("HTTP/1.1 413"));
  auto odd = peer::connect((*made)->port());
  odd.send("\x16\x03\x01 hello\r\n\r\n");
  EXPECT_TRUE(odd.all().starts_with("HTTP/1.1 400"));
}

TEST(control_server, says_why_it_cannot_listen) {
  auto first = control_server::open("127.0.0.1", 0, [](const control_request&) { return control_response{}; });
  ASSERT_TRUE(first.has_value());
  auto second = control_server::open("127.0.0.1", (*first)->port(), [](const control_request&) { return control_response{}; });
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find(std::to_string((*first)->port())), std::string::npos);
}

}  // namespace
}  // namespace sluice::net::testing
