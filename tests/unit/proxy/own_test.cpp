// Paths below /sluice/: the gateway's own, answered without judging, recording or asking an upstream.
#include <gtest/gtest.h>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

TEST(own_path, is_no_exchange_and_reaches_no_upstream) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, "{}", "/sluice/v1/anything");
  EXPECT_TRUE(t.out.done);
  EXPECT_FALSE(t.out.connect.has_value());
  EXPECT_FALSE(t.out.close_client);
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 404 ")) << t.out.client;
  EXPECT_NE(t.out.client.find("x-should-retry: false"), std::string::npos);
  EXPECT_TRUE(t.worker.records.empty());
  EXPECT_EQ(t.worker.counters().exchanges.value(), 0u);
  effects after;
  x.client_gone(0, after);
  EXPECT_TRUE(t.worker.records.empty()) << "nor does its end leave one";
}

TEST(own_path, asks_who_is_calling) {
  trace t;
  t.worker.unknown = true;
  exchange x(t.config, t.worker);
  t.request(x, "{}", "/sluice/v1/feedback");
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 401 ")) << t.out.client;
  EXPECT_TRUE(t.out.close_client) << "a body that is still on its way would be read as the next request";
}

TEST(own_path, takes_no_body_without_end) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, std::string(20'000, ' '), "/sluice/v1/feedback");
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 413 ")) << t.out.client;
  EXPECT_TRUE(t.out.close_client);
}

TEST(own_path, says_that_it_reads_no_coding) {
  for (const std::string coding : {"gzip", "identity"}) {
    trace t;
    exchange x(t.config, t.worker);
    http::request_head head;
    std::size_t used = 0;
    http::refusal why;
    const std::string text = "POST /sluice/v1/feedback HTTP/1.1\r\nHost: g\r\nContent-Encoding: " + coding + "\r\nContent-Length: 5\r\n\r\n";
    ASSERT_EQ(http::parse_request_head(text, {}, head, used, why), http::parse_status::complete);
    x.begin(head, {"127.0.0.1"}, t.out);
    EXPECT_EQ(t.out.done, coding == "gzip");
    if (!t.out.done) continue;
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 415 ")) << t.out.client;
    EXPECT_NE(t.out.client.find("Content-Encoding"), std::string::npos);
    EXPECT_TRUE(t.out.close_client);
  }
}

TEST(own_path, a_slow_or_broken_one_ends) {
  for (const bool slow : {true, false}) {
    trace t;
    exchange x(t.config, t.worker);
    http::request_head head;
    std::size_t used = 0;
    http::refusal why;
    const std::string text = "POST /sluice/v1/feedback HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\n";
    ASSERT_EQ(http::parse_request_head(text, {}, head, used, why), http::parse_status::complete);
    x.begin(head, {"127.0.0.1"}, t.out);
    ASSERT_FALSE(t.out.done);
    slow ? x.expired(t.out) : x.request_broken("the framing", t.out);
    EXPECT_TRUE(t.out.done && t.out.close_client);
    EXPECT_TRUE(t.out.client.starts_with(slow ? "HTTP/1.1 408 " : "HTTP/1.1 400 ")) << t.out.client;
    EXPECT_TRUE(t.worker.records.empty());
  }
}

}  // namespace
}  // namespace sluice::proxy
