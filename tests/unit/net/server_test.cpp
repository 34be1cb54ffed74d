// The client's side of the server, over real sockets: order, framing, bounds, deadlines and ends of connections.
#include "sluice/net/server.hpp"

#include <atomic>
#include <future>
#include <thread>

#include "fixture.hpp"

namespace sluice::net::testing {
namespace {

std::string echoed(std::string_view text) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + std::string(text);
}
std::string echo(std::string_view text, std::string_view extra = "") {
  return "POST /echo HTTP/1.1\r\nHost: a\r\n" + std::string(extra) + "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + std::string(text);
}

TEST(server, answers_many_requests_on_one_connection) {
  running r;
  auto c = r.client();
  for (int i = 0; i < 50; ++i) {
    const auto text = "body " + std::to_string(i);
    c.send(echo(text));
    ASSERT_EQ(c.exactly(echoed(text).size()), echoed(text));
  }
  EXPECT_EQ(r.counters().client_connections.value(), 1);
}

TEST(server, answers_pipelined_requests_in_their_order) {
  running r;
  auto c = r.client();
  std::string sent, expected;
  for (int i = 0; i < 300; ++i) {
    sent += echo(std::to_string(i));
    expected += echoed(std::to_string(i));
  }
  c.send(sent);
  EXPECT_EQ(c.exactly(expected.size()), expected);
}

TEST(server, reads_a_request_cut_at_any_byte) {
  running r;
  const std::string sent = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n";
  auto c = r.client();
  for (std::size_t cut = 1; cut < sent.size(); ++cut) {
    c.send(std::string_view(sent).substr(0, cut));
    if (cut % 7 == 0) std::this_thread::yield();
    c.send(std::string_view(sent).substr(cut));
    ASSERT_EQ(c.exactly(echoed("abcde").size()), echoed("abcde")) << cut;
  }
}

TEST(server, invites_a_body_that_waits_for_an_invitation) {
  running r;
  auto c = r.client();
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(c.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  c.send("ok");
  EXPECT_EQ(c.exactly(echoed("ok").size()), echoed("ok"));
}

TEST(server, does_not_take_an_unread_body_for_a_request) {
  running r;
  auto c = r.client();
  c.send("POST /too-large HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto got = c.all();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413"));
  EXPECT_EQ(got.find("200 OK"), std::string::npos);
}

TEST(server, refuses_a_bad_head_and_closes) {
  running r;
  for (const std::string_view bad : {"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
                                     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    auto c = r.client();
    c.send(bad);
    EXPECT_TRUE(c.all().starts_with("HTTP/1.1 400")) << bad;
  }
}

TEST(server, refuses_bad_chunks_and_closes) {
  running r;
  auto c = r.client();
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n");
  EXPECT_TRUE(c.all().starts_with("HTTP/1.1 400"));
}

TEST(server, closes_when_asked_to_and_after_http_1_0) {
  running r;
  auto c = r.client();
  c.send(echo("x", "Connection: close\r\n"));
  EXPECT_TRUE(c.all().ends_with("\r\n\r\nx"));
  auto old = r.client();
  old.send("POST /echo HTTP/1.0\r\nContent-Length: 1\r\n\r\ny");
  EXPECT_TRUE(old.all().ends_with("\r\n\r\ny"));
}

TEST(server, serves_a_client_that_half_closed_after_its_only_request) {
  running r;
  auto c = r.client();
  c.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  c.finish_writing();
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  EXPECT_TRUE(c.all().ends_with("2\r\nhi\r\n0\r\n\r\n"));
  EXPECT_FALSE(proxy::fake_log().has("gone"));
}

TEST(server, ends_slow_heads_slow_bodies_and_idle_connections) {
  running r([](server_config& c) {
    c.deadlines.client_head = c.deadlines.client_body = c.deadlines.client_idle = milliseconds{150};
  });
  auto head = r.client(), body = r.client(), idle = r.client();
  head.send("GET /x HT");
  body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
  EXPECT_TRUE(idle.at_end());
  EXPECT_TRUE(head.all().starts_with("HTTP/1.1 408"));
  EXPECT_TRUE(body.all().starts_with("HTTP/1.1 408"));
}

TEST(server, bounds_the_length_of_a_whole_exchange) {
  running r([](server_config& c) { c.deadlines.whole = milliseconds{150}; });
  auto c = r.client();
  c.send("GET /busy-wait HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(c.all().starts_with("HTTP/1.1 408"));
  EXPECT_TRUE(proxy::fake_log().has("expired /busy-wait"));
}

TEST(server, bounds_an_exchange_whose_answer_is_taken_too_slowly) {
  running r([](server_config& c) { c.deadlines.whole = milliseconds{300}; });
  auto c = r.client(4096);
  c.send(echo(std::string(32u << 20, 'x')));  // more than sockets take by themselves
  EXPECT_TRUE(proxy::fake_log().wait_for("gone"));
}

TEST(server, asks_a_stream_at_intervals_whether_its_client_needs_a_sign_of_life) {
  running r([](server_config& c) { c.deadlines.keep_alive = milliseconds{120}; });
  auto c = r.client();
  c.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  (void)c.until(": held\n\n");
  (void)c.until(": held\n\n");
  u.send("2\r\nhi\r\n0\r\n\r\n");
  EXPECT_TRUE(c.until("0\r\n\r\n").ends_with("2\r\nhi\r\n0\r\n\r\n"));
  // A plain answer is not asked.
  c.send(get_x);
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  EXPECT_EQ(c.until("0\r\n\r\n"), relayed_hi);
  EXPECT_FALSE(proxy::fake_log().has("quiet /x"));
}

TEST(server, refuses_what_exceeds_the_in_flight_limit) {
  running r([](server_config& c) { c.in_flight_max = 1; });
  auto first = r.client();
  first.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  auto second = r.client();
  second.send(echo("x"));
  EXPECT_TRUE(second.all().starts_with("HTTP/1.1 503"));
  u.send(ok_hi);
  EXPECT_EQ(first.exactly(relayed_hi.size()), relayed_hi);
  // The place is free again, also after a refusal.
  first.send(echo("y"));
  EXPECT_EQ(first.exactly(echoed("y").size()), echoed("y"));
}

TEST(server, closes_connections_beyond_its_limit) {
  running r([](server_config& c) { c.client_connections_max = 1; });
  auto first = r.client();
  first.send(echo("x"));
  EXPECT_EQ(first.exactly(echoed("x").size()), echoed("x"));
  auto second = r.client();
  EXPECT_TRUE(second.at_end());
}

TEST(server, lets_an_exchange_end_when_it_stops) {
  running r;
  auto idle = r.client(), busy = r.client();
  idle.send(echo("x"));
  (void)idle.exactly(echoed("x").size());
  busy.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  auto stopped = std::async(std::launch::async, [&] { return r.server->stop(milliseconds{10'000}); });
  EXPECT_TRUE(idle.at_end());
  u.send(ok_hi);
  EXPECT_EQ(busy.all(), relayed_hi);
  busy.close();
  EXPECT_EQ(stopped.get(), 0u);
}

TEST(server, cuts_what_does_not_end_within_the_bound) {
  running r;
  auto busy = r.client();
  busy.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  EXPECT_EQ(r.server->stop(milliseconds{50}), 1u);
  EXPECT_TRUE(busy.at_end());
  EXPECT_TRUE(u.at_end());
  EXPECT_TRUE(proxy::fake_log().has("gone /x"));
}

TEST(server, runs_tasks_on_every_worker) {
  running r([](server_config& c) { c.workers = 3; });
  std::atomic<unsigned> seen{0};
  std::promise<void> all;
  r.server->post_each([&](unsigned worker) {
    if (seen.fetch_add(1u << worker) + (1u << worker) == 7u) all.set_value();
  });
  EXPECT_EQ(all.get_future().wait_for(seconds{10}), std::future_status::ready);
  EXPECT_EQ(r.server->workers(), 3u);
}

TEST(server, says_why_it_cannot_listen) {
  running r;
  server_config config;
  config.address = "not-an-address";
  auto made = net::server::open(config, std::make_shared<proxy::settings>(), [&](unsigned) -> proxy::services& { return *r.services; });
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message.find("not-an-address"), std::string::npos);
}

}  // namespace
}  // namespace sluice::net::testing
