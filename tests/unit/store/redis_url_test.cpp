// Which Redis URLs are understood, and that a password never shows.
#include <gtest/gtest.h>

#include "sluice/store/redis_url.hpp"

namespace sluice::store {

TEST(redis_url, takes_a_host_alone_and_knows_the_port) {
  const auto to = parse_redis_url("redis://cache.internal");
  ASSERT_TRUE(to);
  EXPECT_EQ(to->host, "cache.internal");
  EXPECT_EQ(to->port, 6379);
  EXPECT_FALSE(to->tls);
}

TEST(redis_url, takes_user_password_port_and_database_decoded) {
  const auto to = parse_redis_url("rediss://gate:p%40ss%2Fword@10.0.0.1:7000/3");
  ASSERT_TRUE(to);
  EXPECT_TRUE(to->tls);
  EXPECT_EQ(to->user, "gate");
  EXPECT_EQ(to->password, "p@ss/word");
  EXPECT_EQ(to->host, "10.0.0.1");
  EXPECT_EQ(to->port, 7000);
  EXPECT_EQ(to->database, 3);
  EXPECT_EQ(to->display(), "rediss://10.0.0.1:7000/3");
}

TEST(redis_url, takes_an_ipv6_address) {
  const auto to = parse_redis_url("redis://[::1]:6380");
  ASSERT_TRUE(to);
  EXPECT_EQ(to->host, "::1");
  EXPECT_EQ(to->port, 6380);
}

TEST(redis_url, knows_a_sentinel_with_and_without_its_port) {
  EXPECT_EQ(parse_sentinel("10.0.0.1")->port, 26379);
  EXPECT_EQ(parse_sentinel("[::1]:7000")->host, "::1");
  EXPECT_EQ(parse_sentinel("a.internal:7000")->port, 7000);
  for (const char* bad : {"", ":7000", "h:0", "h:70000", "h:x", "[::1"}) EXPECT_FALSE(parse_sentinel(bad)) << bad;
  auto to = parse_redis_url("redis://gateway@sluice").value();
  to.sentinels = {parse_sentinel("10.0.0.1").value()};
  EXPECT_EQ(to.display(), "redis://sluice (by Sentinel)");
}

TEST(redis_url, refuses_what_is_none_and_says_how_to_write_one) {
  for (const char* url : {"", "localhost:6379", "http://x", "redis://", "redis://:6379", "redis://h:0", "redis://h:70000", "redis://h:", "redis://h:x",
                          "redis://h/x", "redis://h/-1", "redis://[::1"}) {
    const auto to = parse_redis_url(url);
    ASSERT_FALSE(to) << url;
    EXPECT_NE(to.error().message.find("redis://host:6379"), std::string::npos) << url;
  }
}

}  // namespace sluice::store
