// Who pays when a client goes, dawdles or half-closes; and what of a client's bytes may reach an upstream.
#include <gtest/gtest.h>

#include <vector>

#include "fixture.hpp"

namespace sluice::net::testing {
namespace {

using namespace std::string_literals;

const std::string last_request = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST(departure, a_reset_after_a_half_close_ends_the_exchange) {
  running r;
  auto c = r.client();
  c.send(last_request);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  c.finish_writing();
  u.send("HTTP/1.1 200 OK\r\n\r\none");
  (void)c.until("one\r\n");  // so the half-close was understood as one
  c.reset();
  EXPECT_TRUE(u.at_end());
  EXPECT_TRUE(proxy::fake_log().has("gone /x"));
}

TEST(departure, a_half_close_behind_pipelined_requests_is_no_departure) {
  running r;
  auto c = r.client();
  c.send(std::string(get_x) + last_request);
  c.finish_writing();
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  const auto got = c.all();
  EXPECT_EQ(got.find(relayed_hi), 0u);
  EXPECT_NE(got.find("hi", relayed_hi.size()), std::string::npos);
}

TEST(vault, an_answer_reaches_the_exchange_that_waits_for_it_and_the_connection_goes_on) {
  running r;
  auto a = r.client(), b = r.client();
  const std::string ask = "GET /vault HTTP/1.1\r\nHost: a\r\n\r\n";
  a.send(ask + ask);
  ASSERT_TRUE(proxy::fake_log().wait_for("asked 1"));
  b.send(ask);
  ASSERT_TRUE(proxy::fake_log().wait_for("asked 2"));
  r.server->vault_answered(0, 2, {.available = true, .values = {{.token = "t", .value = "second", .ttl = seconds(1)}}});
  EXPECT_TRUE(b.until("second").ends_with("second"));
  r.server->vault_answered(0, 1, {.available = true, .values = {{.token = "t", .value = "first", .ttl = seconds(1)}}});
  EXPECT_TRUE(a.until("first").ends_with("first"));
  // The request that was sent ahead is taken up.
  ASSERT_TRUE(proxy::fake_log().wait_for("asked 3"));
  r.server->vault_answered(0, 3, {});
  EXPECT_TRUE(a.until("nothing").ends_with("nothing"));
  EXPECT_TRUE(proxy::fake_log().has("vault unavailable"));
}

TEST(vault, an_answer_that_nobody_waits_for_any_more_is_dropped) {
  running r;
  auto gone = r.client(), next = r.client();
  gone.send("GET /vault HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(proxy::fake_log().wait_for("asked 1"));
  gone.reset();
  ASSERT_TRUE(proxy::fake_log().wait_for("gone /vault"));
  r.server->vault_answered(0, 1, {.available = true, .values = {}});
  r.server->vault_answered(0, 99, {.available = true, .values = {}});
  next.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(next.until("\r\n\r\n").find("200"), std::string::npos);
  EXPECT_FALSE(proxy::fake_log().has("vault "));
}

TEST(departure, a_client_that_takes_nothing_is_let_go_in_time) {
  running r([](server_config& c) {
    c.write_buffer_max = 64 * 1024;
    c.deadlines.client_body = milliseconds{200};
  });
  auto c = r.client(4 * 1024);
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(256 * 1024, 'z');
  // Sending fails once the connection is given up; a blocked send would only return after the peer's ten seconds.
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 400; ++i) u.send(piece);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
  EXPECT_TRUE(proxy::fake_log().has("gone /x"));
}

// Each vector hides a second request. Either the guard refuses the whole and closes, or one request arrives and the
// hidden one does not.
TEST(smuggling, no_hidden_request_is_ever_answered) {
  running r;
  const std::string hidden = "GET /echo?hidden HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string post = "POST /echo HTTP/1.1\r\nHost: a\r\n";
  std::vector<std::string> vectors;
  for (const std::string& te :
       {"Transfer-Encoding: xchunked"s, "Transfer-Encoding : chunked"s, "Transfer-Encoding: chunked, identity"s,
        "Transfer-Encoding:\x0b"
        "chunked"s,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x"s, "X: y\nTransfer-Encoding: chunked"s,
        " Transfer-Encoding: chunked"s, "X:\r\n Transfer-Encoding: chunked"s, "Transfer-Encoding: \"chunked\""s,
        "Transfer-Encoding: chunked\0"s, "Transfer-Encoding: chunked"s, "transfer-encoding: Chunked"s,
        "Transfer-Encoding\t: chunked"s, "Transfer-Encoding: identity"s, "Transfer-Encoding:\r\n\tchunked"s}) {
    vectors.push_back(post + "Content-Length: 4\r\n" + te + "\r\n\r\n5c\r\n" + hidden + "\r\n\r\n0\r\n\r\n");
    vectors.push_back(post + te + "\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX" + hidden);
  }
  for (const std::string& cl : {"Content-Length: 0\r\nContent-Length: 90"s, "Content-Length: 0, 90"s,
                                "Content-Length: +0"s, "Content-Length: 0x0"s, "Content-Length : 0"s,
                                "Content-Length:\r\n 0"s, "Content-Length: 0\x0b"s, "Content-Length: "s}) {
    vectors.push_back(post + cl + "\r\n\r\n" + hidden + "\r\n\r\n");
  }
  for (const std::string& chunk :
       {"0x1"s, "+1"s, " 1"s, "1 "s, "1\n"s, "1;\n"s, "g"s, ""s, "00000000000000001"s, "ffffffffffffffff1"s}) {
    vectors.push_back(post + "Transfer-Encoding: chunked\r\n\r\n" + chunk + "\r\nZ\r\n0\r\n\r\n" + hidden);
  }
  for (const auto& v : vectors) {
    auto c = r.client();
    c.send(v);
    const auto got = c.all();
    EXPECT_TRUE(got.starts_with("HTTP/1.1 4") || got.starts_with("HTTP/1.1 5")) << v << "\n=>\n" << got;
    EXPECT_EQ(got.find("HTTP/1.1", 1), std::string::npos) << "two answers to\n" << v << "\n=>\n" << got;
  }
}

}  // namespace
}  // namespace sluice::net::testing
