// Bodies: any cut of the bytes gives the same payload and the same verdict as the whole; one byte out of place is refused.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "sluice/http/head.hpp"

namespace sluice::http {
namespace {

using namespace std::string_literals;

struct outcome {
  body_reader::status status = body_reader::status::more;
  std::string payload;
  std::size_t consumed = 0;
  bool operator==(const outcome&) const = default;
};

// Feeds `piece` until nothing more is consumed; what is left over would be the next message.
void feed_all(body_reader& reader, std::string_view piece, outcome& into) {
  while (into.status == body_reader::status::more) {
    std::size_t used = 0;
    std::string_view payload;
    into.status = reader.feed(piece, used, payload);
    into.payload += payload;
    into.consumed += used;
    piece.remove_prefix(used);
    if (used == 0) return;
  }
}

outcome run(framing how, std::uint64_t length, const std::vector<std::string_view>& pieces) {
  body_reader reader(how, length);
  outcome out;
  for (const auto piece : pieces) feed_all(reader, piece, out);
  return out;
}

const std::string good = "5\r\nhello\r\n00001;a=b;c=\"d e\"\r\n,\r\nA\r\n 0123456\r\n\r\n0;last\r\nX-Trailer: y\r\nZ:\r\n\r\n";

TEST(body_reader, gives_the_same_payload_wherever_the_bytes_are_cut) {
  const std::string bytes = good + "GET / HTTP/1.1";
  const auto whole = run(framing::chunked, 0, {bytes});
  EXPECT_EQ(whole.status, body_reader::status::done);
  EXPECT_EQ(whole.payload, "hello, 0123456\r\n");
  EXPECT_EQ(whole.consumed, good.size());
  const std::string_view view = bytes;
  for (std::size_t a = 0; a <= bytes.size(); ++a) {
    for (std::size_t b = a; b <= bytes.size(); ++b) {
      ASSERT_EQ(run(framing::chunked, 0, {view.substr(0, a), view.substr(a, b - a), view.substr(b)}), whole) << a << " " << b;
    }
  }
}

TEST(body_reader, reads_a_sized_body_and_leaves_what_follows) {
  const std::string_view bytes = "0123456789GET /";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto got = run(framing::length, 10, {bytes.substr(0, cut), bytes.substr(cut)});
    EXPECT_EQ(got.status, body_reader::status::done);
    EXPECT_EQ(got.payload, "0123456789");
    EXPECT_EQ(got.consumed, 10u);
  }
  EXPECT_EQ(run(framing::length, 0, {"GET"}).status, body_reader::status::done);
  EXPECT_EQ(run(framing::none, 0, {"GET"}).consumed, 0u);
}

TEST(body_reader, ends_at_the_close_only_where_the_framing_says_so) {
  body_reader until_close(framing::until_close, 0);
  outcome out;
  feed_all(until_close, "abc", out);
  EXPECT_EQ(out.payload, "abc");
  EXPECT_EQ(until_close.on_eof(), body_reader::status::done);
  body_reader sized(framing::length, 5);
  EXPECT_EQ(sized.on_eof(), body_reader::status::refused);
  body_reader chunked(framing::chunked, 0);
  EXPECT_EQ(chunked.on_eof(), body_reader::status::refused);
  EXPECT_FALSE(chunked.reason().empty());
}

TEST(body_reader, refuses_chunks_that_another_parser_could_read_otherwise) {
  for (const std::string& bytes : std::vector<std::string>{
           "\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1\t\r\na\r\n", "1 ;x\r\na\r\n", "1\na\r\n", "1\ra\r\n",
           "1\r\r\na\r\n", "1;x\na\r\n", "1;x\r\r\na\r\n", "1;\0\r\na\r\n"s, "1;\x7f\r\na\r\n", "1\r\nab\r\n", "1\r\na\n", "1\r\na\rb", "1\r\na;\r\n",
           "2\r\na\r\n0\r\n\r\n", "1234567890abcdef\r\n", "0000000000000000\r\n", "1_0\r\n", "1.0\r\n", "1,1\r\n", "0\r\n\n", "0\n\n",
           "0\r\nX: y\n\r\n", "0\r\n folded: x\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\nX: a\0b\r\n\r\n"s, "0\r\n\rx", "0\r\nX: y\r\r\n",
           "1;" + std::string(600, 'x') + "\r\n", "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", "\xef\xbc\x91\r\na\r\n", ";\r\n"}) {
    const auto whole = run(framing::chunked, 0, {bytes});
    EXPECT_EQ(whole.status, body_reader::status::refused) << bytes;
    std::vector<std::string_view> single;
    for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(std::string_view(bytes).substr(i, 1));
    EXPECT_EQ(run(framing::chunked, 0, single).status, body_reader::status::refused) << bytes;
  }
}

TEST(body_reader, stays_refused) {
  body_reader reader(framing::chunked, 0);
  outcome out;
  feed_all(reader, "zz", out);
  ASSERT_EQ(out.status, body_reader::status::refused);
  std::size_t used = 0;
  std::string_view payload;
  EXPECT_EQ(reader.feed("0\r\n\r\n", used, payload), body_reader::status::refused);
  EXPECT_EQ(used, 0u);
}

TEST(append_chunk, writes_what_the_reader_reads_back) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string framed, plain;
    for (int piece = 0; piece < 5; ++piece) {
      std::string bytes(random() % 5000, '\0');
      for (auto& c : bytes) c = static_cast<char>(random());
      append_chunk(framed, bytes);
      plain += bytes;
    }
    framed += last_chunk;
    const std::size_t cut = random() % framed.size();
    const auto got = run(framing::chunked, 0, {std::string_view(framed).substr(0, cut), std::string_view(framed).substr(cut)});
    ASSERT_EQ(got.status, body_reader::status::done);
    ASSERT_EQ(got.payload, plain);
  }
  std::string nothing;
  append_chunk(nothing, "");
  EXPECT_EQ(nothing, "");
}

}  // namespace
}  // namespace sluice::http
