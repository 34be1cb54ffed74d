// Replies from bytes, in any pieces; bounds; and bytes that are no reply.
#include "redis_reply.hpp"

#include <gtest/gtest.h>

namespace sluice::store {
namespace {

using kind = decltype(redis_reply::kind);

constexpr std::string_view nested = "*4\r\n$3\r\nfoo\r\n:-7\r\n*2\r\n$-1\r\n+OK\r\n-ERR no\r\n";

void check_nested(const redis_reply& r) {
  ASSERT_EQ(r.items.size(), 4u);
  EXPECT_EQ(r.items[0].text, "foo");
  EXPECT_EQ(r.items[1].integer, -7);
  ASSERT_EQ(r.items[2].items.size(), 2u);
  EXPECT_EQ(r.items[2].items[0].kind, kind::nil);
  EXPECT_EQ(r.items[2].items[1].text, "OK");
  EXPECT_EQ(r.items[3].kind, kind::error);
  EXPECT_EQ(r.items[3].text, "ERR no");
}

TEST(redis_reply, is_the_same_for_every_cut_of_its_bytes) {
  for (std::size_t cut = 0; cut <= nested.size(); ++cut) {
    redis_reply_reader reader;
    ASSERT_TRUE(reader.feed(nested.substr(0, cut)));
    auto early = reader.next();
    ASSERT_TRUE(early);
    EXPECT_EQ(early->has_value(), cut == nested.size());
    if (*early) {
      check_nested(**early);
      continue;
    }
    ASSERT_TRUE(reader.feed(nested.substr(cut)));
    const auto whole = reader.next();
    ASSERT_TRUE(whole && *whole) << cut;
    check_nested(**whole);
  }
}

TEST(redis_reply, several_in_one_piece_come_one_by_one) {
  redis_reply_reader reader;
  ASSERT_TRUE(reader.feed("+a\r\n+b\r\n:3\r\n"));
  EXPECT_EQ(reader.next().value()->text, "a");
  EXPECT_EQ(reader.next().value()->text, "b");
  EXPECT_EQ(reader.next().value()->integer, 3);
  EXPECT_FALSE(reader.next().value().has_value());
}

TEST(redis_reply, finds_fields_of_a_flat_array) {
  redis_reply_reader reader;
  ASSERT_TRUE(reader.feed("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"));
  const auto r = reader.next().value().value();
  EXPECT_EQ(r.field("b"), "2");
  EXPECT_EQ(r.field("c"), "");
}

TEST(redis_reply, what_is_none_is_refused) {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\n", "$-5\r\n", "*-2\r\n", "$x\r\n", "\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    redis_reply_reader reader;
    ASSERT_TRUE(reader.feed(bytes));
    const auto r = reader.next();
    ASSERT_FALSE(r) << bytes;
    EXPECT_EQ(r.error().code, errc::parse);
  }
}

TEST(redis_reply, an_array_that_promises_too_much_costs_nothing) {
  for (const char* bytes : {"*2147483647\r\n", "*1000001\r\n", "*2\r\n*999999\r\n"}) {
    redis_reply_reader reader;
    ASSERT_TRUE(reader.feed(bytes));
    EXPECT_FALSE(reader.next()) << bytes;
  }
}

TEST(redis_reply, an_endless_value_ends_at_the_bound) {
  redis_reply_reader reader;
  ASSERT_TRUE(reader.feed("$500000000\r\n"));
  const std::string piece(1 << 20, 'x');
  std::size_t fed = 0;
  while (reader.feed(piece)) fed += piece.size();
  EXPECT_LE(fed, redis_reply_reader::reply_bytes_max);
}

}  // namespace
}  // namespace sluice::store
