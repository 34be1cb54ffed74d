// The upstream's side of the server: pooling, the one retry, aborts, back-pressure, deadlines and TLS.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "fixture.hpp"

namespace sluice::net::testing {
namespace {

TEST(upstream, is_kept_and_used_again) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  for (int i = 0; i < 5; ++i) {
    if (i != 0) c.send(get_x);
    EXPECT_TRUE(u.until("\r\n\r\n").starts_with("GET /x HTTP/1.1\r\nHost: upstream\r\n"));
    u.send(ok_hi);
    ASSERT_EQ(c.exactly(relayed_hi.size()), relayed_hi);
  }
  EXPECT_FALSE(r.upstream.pending(0));
  EXPECT_EQ(r.counters().upstream_connections.value(), 1);
}

TEST(upstream, head_and_body_of_one_read_leave_in_one_write) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  // TCP_NODELAY is on, so two writes would be two segments, and this read would most likely find the first alone.
  char got[4096];
  const auto n = ::recv(c.fd(), got, sizeof got, 0);
  EXPECT_EQ(std::string_view(got, static_cast<std::size_t>(std::max<ssize_t>(n, 0))), relayed_hi);
}

TEST(upstream, pieces_of_a_stream_leave_as_they_come) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(c.until("\r\n\r\n"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const std::string_view piece : {"1\r\na\r\n", "2\r\nbc\r\n"}) {
    u.send(piece);
    EXPECT_EQ(c.exactly(piece.size()), piece);
  }
  u.send("0\r\n\r\n");
  EXPECT_EQ(c.exactly(5), "0\r\n\r\n");
}

TEST(upstream, is_let_go_when_the_snapshot_of_a_stream_has_to_go_and_the_connection_goes_on) {
  running r;
  auto waiting = r.client(), idle = r.client(), c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  EXPECT_TRUE(c.until("a\r\n").ends_with("1\r\na\r\n"));
  waiting.send(get_x);
  auto later = r.upstream.accept();
  (void)later.until("\r\n\r\n");
  r.server->supersede(nullptr);
  EXPECT_EQ(c.exactly(5), "0\r\n\r\n");
  EXPECT_EQ(u.until("x"), "") << "nobody reads that answer any more";
  later.send(ok_hi);
  EXPECT_EQ(waiting.exactly(relayed_hi.size()), relayed_hi);
  c.send(get_x);
  (void)later.until("\r\n\r\n");
  later.send(ok_hi);
  EXPECT_EQ(c.exactly(relayed_hi.size()), relayed_hi);
}

TEST(upstream, interim_answers_are_skipped) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + std::string(ok_hi));
  EXPECT_EQ(c.exactly(relayed_hi.size()), relayed_hi);
}

TEST(upstream, that_went_stale_in_the_pool_is_replaced_once) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  (void)c.exactly(relayed_hi.size());
  c.send(get_x);
  // The server side reads the request on the old connection and goes without a byte of an answer.
  (void)u.until("\r\n\r\n");
  u.close();
  auto fresh = r.upstream.accept();
  EXPECT_TRUE(fresh.until("\r\n\r\n").starts_with("GET /x"));
  fresh.close();  // a fresh one is not tried again
  EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
  EXPECT_FALSE(r.upstream.pending(50));
}

// However soon it goes: what a POST makes would be made twice.
TEST(upstream, that_read_a_post_is_not_sent_it_again) {
  const std::string post = "POST /x HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2\r\n\r\nhi";
  for (const bool hard : {false, true}) {
    running r;
    auto c = r.client();
    c.send(post);
    auto u = r.upstream.accept();
    (void)u.until("\r\n\r\nhi");
    u.send(ok_hi);
    (void)c.exactly(relayed_hi.size());
    c.send(post);
    (void)u.until("\r\n\r\nhi");
    hard ? u.reset() : u.close();
    EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
    EXPECT_FALSE(r.upstream.pending(50));
  }
}

TEST(upstream, that_had_time_to_work_on_a_request_is_not_asked_again) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  (void)c.exactly(relayed_hi.size());
  c.send(get_x);
  (void)u.until("\r\n\r\n");
  EXPECT_FALSE(r.upstream.pending(1200));
  u.close();
  EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
  EXPECT_FALSE(r.upstream.pending(50));
}

TEST(upstream, that_began_to_answer_is_never_asked_again) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send(ok_hi);
  (void)c.exactly(relayed_hi.size());
  c.send(get_x);
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 2");
  u.close();
  EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
  EXPECT_FALSE(r.upstream.pending(50));
}

TEST(upstream, is_let_go_when_its_client_goes) {
  running r;
  for (const bool hard : {false, true}) {
    proxy::fake_log().clear();
    auto c = r.client();
    c.send(get_x);
    auto u = r.upstream.accept();
    (void)u.until("\r\n\r\n");
    if (hard) c.reset();
    else c.close();
    EXPECT_TRUE(u.at_end());
    EXPECT_TRUE(proxy::fake_log().wait_for("gone /x"));
  }
}

TEST(upstream, that_breaks_off_leaves_a_body_that_is_seen_to_be_incomplete) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  (void)c.until("abc\r\n");
  u.close();
  EXPECT_EQ(c.all(), "");  // no last chunk
}

TEST(upstream, is_not_read_while_its_client_is_slow) {
  running r([](server_config& c) { c.write_buffer_max = 64 * 1024; });
  auto c = r.client(8 * 1024);
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  // Far more than socket buffers hold: a blocking send only gets through when somebody reads.
  constexpr std::size_t size = 64u << 20;
  std::atomic<std::size_t> sent{0};
  std::thread upstream([&] {
    u.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    const std::string piece(64 * 1024, 'z');
    for (std::size_t n = 0; n < size; n += piece.size()) {
      u.send(piece);
      sent += piece.size();
    }
  });
  // Wait until it stands still: two looks apart that see the same.
  std::size_t before = 1;
  while (before != sent) {
    before = sent;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_LT(sent, size / 2);
  (void)c.until("\r\n\r\n");
  std::size_t got = 0;
  while (got < size) {
    const auto head = c.until("\r\n");
    const auto n = std::strtoull(head.c_str(), nullptr, 16);
    ASSERT_GT(n, 0u);
    ASSERT_EQ(c.exactly(n + 2).size(), n + 2);
    got += n;
  }
  EXPECT_EQ(c.exactly(5), "0\r\n\r\n");
  upstream.join();
}

TEST(upstream, has_deadlines_for_its_first_byte_and_its_silence) {
  running r([](server_config& c) { c.deadlines.first_byte = c.deadlines.idle = milliseconds{150}; });
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
  EXPECT_TRUE(proxy::fake_log().has("failed " + std::to_string(static_cast<int>(proxy::upstream_failure::first_byte_timeout))));
  auto d = r.client();
  d.send(get_x);
  auto v = r.upstream.accept();
  (void)v.until("\r\n\r\n");
  v.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(d.all().ends_with("abc\r\n"));
  EXPECT_TRUE(proxy::fake_log().has("failed " + std::to_string(static_cast<int>(proxy::upstream_failure::idle_timeout))));
}

TEST(upstream, that_is_not_there_is_a_connect_failure) {
  auto gone = std::make_unique<listener>();
  const auto port = gone->port();
  gone.reset();
  running r([&](server_config& c) { c.upstreams[0].port = port; });
  auto c = r.client();
  c.send(get_x);
  EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
  EXPECT_TRUE(proxy::fake_log().has("failed " + std::to_string(static_cast<int>(proxy::upstream_failure::connect))));
}

TEST(upstream, that_does_not_speak_http_is_a_bad_response) {
  running r;
  auto c = r.client();
  c.send(get_x);
  auto u = r.upstream.accept();
  (void)u.until("\r\n\r\n");
  u.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  EXPECT_TRUE(c.until("\r\n\r\n").starts_with("HTTP/1.1 502"));
  EXPECT_TRUE(proxy::fake_log().has("failed " + std::to_string(static_cast<int>(proxy::upstream_failure::bad_response))));
}

// A TLS upstream is another server of ours with a certificate made for this test.
struct certificates {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("sluice-net-" + std::to_string(::getpid()));
  std::string certificate = (folder / "cert.pem").string(), key = (folder / "key.pem").string();
  bool made = false;
  explicit certificates(const std::string& name) {
    std::filesystem::create_directories(folder);
    const auto command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
                         " -addext subjectAltName=DNS:" + name + " -keyout " + key + " -out " + certificate + " 2>/dev/null";
    made = std::system(command.c_str()) == 0;
  }
  ~certificates() { std::filesystem::remove_all(folder); }
};

std::string through_tls(const std::string& certified_name, bool trusted) {
  const certificates files(certified_name);
  if (!files.made) return "no openssl";
  running secure([&](server_config& c) {
    c.tls_certificate = files.certificate;
    c.tls_key = files.key;
  });
  running front([&](server_config& c) {
    c.upstreams[0] = {"localhost", secure.server->port(), true, trusted ? files.certificate : ""};
  });
  auto c = front.client();
  std::string got;
  for (int i = 0; i < 2; ++i) {
    // The inner server relays too, to its own plain upstream, so that big answers cross TLS in both directions.
    c.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'q'));
    if (!trusted || certified_name != "localhost") return c.until("\r\n\r\n");
    static thread_local std::unique_ptr<peer> inner;
    if (i == 0) inner = std::make_unique<peer>(secure.upstream.accept());
    (void)inner->until("\r\n\r\n");
    if (inner->exactly(1'000'000) != std::string(1'000'000, 'q')) return "request was damaged";
    inner->send(ok_hi);
    got = c.exactly(relayed_hi.size());
    if (i == 1) inner.reset();
  }
  return got;
}

TEST(upstream, over_tls_is_verified_and_used_again) { EXPECT_EQ(through_tls("localhost", true), relayed_hi); }

TEST(upstream, over_tls_without_a_trusted_certificate_is_refused) {
  EXPECT_TRUE(through_tls("localhost", false).starts_with("HTTP/1.1 502"));
  EXPECT_TRUE(proxy::fake_log().has("failed " + std::to_string(static_cast<int>(proxy::upstream_failure::tls))));
}

TEST(upstream, over_tls_with_another_name_is_refused) {
  EXPECT_TRUE(through_tls("elsewhere.example", true).starts_with("HTTP/1.1 502"));
  EXPECT_TRUE(proxy::fake_log().has("failed " + std::to_string(static_cast<int>(proxy::upstream_failure::tls))));
}

}  // namespace
}  // namespace sluice::net::testing
