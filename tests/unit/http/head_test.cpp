// The framing guard against hostile heads: each vector is a smuggling or injection trick that some server once accepted.
// Two oracles: the whole vector is refused with the stated status, and no prefix of it is ever taken for a complete head.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sluice/http/head.hpp"

namespace sluice::http {
namespace {

using namespace std::string_literals;

struct vector_case {
  std::string bytes;
  int status;
};

const std::string get = "GET /v1/models HTTP/1.1\r\n";
const std::string post = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n";

std::vector<vector_case> request_line_vectors() {
  const std::string host = "\r\nHost: a\r\n\r\n";
  return {
      {"GET /\r\n\r\n", 400},
      {"GET  / HTTP/1.1" + host, 400},
      {"GET /  HTTP/1.1" + host, 400},
      {"GET / HTTP/1.1 " + host, 400},
      {" GET / HTTP/1.1" + host, 400},
      {"\tGET / HTTP/1.1" + host, 400},
      {"GET\t/\tHTTP/1.1" + host, 400},
      {"GET /\tx HTTP/1.1" + host, 400},
      {"GET / HTTP/1.2" + host, 505},
      {"GET / HTTP/2.0" + host, 505},
      {"GET / HTTP/0.9" + host, 505},
      {"GET / HTTP/3.0" + host, 505},
      {"GET / http/1.1" + host, 400},
      {"GET / HTTP/1,1" + host, 400},
      {"GET / HTTP/11" + host, 400},
      {"GET / HTTP/1.10" + host, 400},
      {"GET / HTTP/01.1" + host, 400},
      {"GET / HTTP/ 1.1" + host, 400},
      {"GET / HTTPS/1.1" + host, 400},
      {"GET / XTTP/1.1" + host, 400},
      {"GET / " + host, 400},
      {"GET" + host, 400},
      {"/ HTTP/1.1" + host, 400},
      {"G\0ET / HTTP/1.1"s + host, 400},
      {"G(ET / HTTP/1.1" + host, 400},
      {"GET: / HTTP/1.1" + host, 400},
      {"\"GET\" / HTTP/1.1" + host, 400},
      {"GET /\0 HTTP/1.1"s + host, 400},
      {"GET /\x01 HTTP/1.1" + host, 400},
      {"GET /\x7f HTTP/1.1" + host, 400},
      {"GET /\x80 HTTP/1.1" + host, 400},
      {"GET /caf\xc3\xa9 HTTP/1.1" + host, 400},
      {"GET /#frag HTTP/1.1" + host, 400},
      {"GET /a\rb HTTP/1.1" + host, 400},
      {"GET v1/models HTTP/1.1" + host, 400},
      {"GET * HTTP/1.1" + host, 400},
      {"GET a:80 HTTP/1.1" + host, 400},
      {"GET http:// HTTP/1.1" + host, 400},
      {"GET http:///x HTTP/1.1" + host, 400},
      {"GET http://b/x HTTP/1.1" + host, 400},
      {"GET http://a@b/x HTTP/1.1" + host, 400},
      {"GET http://a:81/x HTTP/1.1" + host, 400},
      {"GET ftp://a/x HTTP/1.1" + host, 400},
      {"CONNECT a:443 HTTP/1.1" + host, 501},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\n", 400},
      {"\n\nGET / HTTP/1.1" + host, 400},
      {"\r\n\r\nGET / HTTP/1.1" + host, 400},
      {"\x16\x03\x01\x02", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
  };
}

std::vector<vector_case> field_vectors() {
  const auto with = [](const std::string& lines) { return get + "Host: a\r\n" + lines + "\r\n"; };
  return {
      {get + "\r\n", 400},
      {get + "Accept: */*\r\n\r\n", 400},
      {get + "Host: a\r\nHost: a\r\n\r\n", 400},
      {get + "Host: a\r\nhost: b\r\n\r\n", 400},
      {get + "Host: a, b\r\n\r\n", 400},
      {get + "Host: a b\r\n\r\n", 400},
      {get + "Host: a/b\r\n\r\n", 400},
      {get + "Host: u@a\r\n\r\n", 400},
      {get + "Host:\r\n\r\n", 400},
      {get + "Host: a:b\r\n\r\n", 400},
      {get + "Host: a:123456\r\n\r\n", 400},
      {get + "Host: [::1\r\n\r\n", 400},
      {get + "Host: [x]\r\n\r\n", 400},
      {get + "Host: a?b\r\n\r\n", 400},
      {get + "Host: a#b\r\n\r\n", 400},
      {get + "Host: a\\b\r\n\r\n", 400},
      {get + "Host : a\r\n\r\n", 400},
      {get + " Host: a\r\n\r\n", 400},
      {with("X: 1\r\n folded\r\n"), 400},
      {with("X: 1\r\n\tfolded\r\n"), 400},
      {with("X: 1\r\n \r\n"), 400},
      {with("X : 1\r\n"), 400},
      {with("X\t: 1\r\n"), 400},
      {with(": 1\r\n"), 400},
      {with("X\r\n"), 400},
      {with("X Y: 1\r\n"), 400},
      {with("X\0Y: 1\r\n"s), 400},
      {with("X\x0bY: 1\r\n"), 400},
      {with("X(Y): 1\r\n"), 400},
      {with("X\x80: 1\r\n"), 400},
      {with("X@: 1\r\n"), 400},
      {with("\"X\": 1\r\n"), 400},
      {with("X: a\0b\r\n"s), 400},
      {with("X: a\x01" "b\r\n"), 400},
      {with("X: a\x08" "b\r\n"), 400},
      {with("X: a\x0b" "b\r\n"), 400},
      {with("X: a\x0c" "b\r\n"), 400},
      {with("X: a\x1f" "b\r\n"), 400},
      {with("X: a\x7f" "b\r\n"), 400},
      {with("X: a\rb\r\n"), 400},
      {with("X: a\r\r\n"), 400},
      {with("X: a\nY: b\r\n"), 400},
      {with("X: a\n"), 400},
      {with("X: \r\n\n"), 400},
      {get + "Host: a\r\n\n", 400},
      {get + "Host: a\n\r\n", 400},
      {with("Expect: 200-ok\r\n"), 417},
      {with("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 417},
      {with("Expect: 100-continue, x\r\n"), 417},
  };
}

std::vector<vector_case> framing_vectors() {
  const auto with = [](const std::string& lines) { return post + lines + "\r\n"; };
  const std::string te = "Transfer-Encoding: ";
  const std::string cl = "Content-Length: ";
  return {
      {with(cl + "5\r\n" + te + "chunked\r\n"), 400},
      {with(te + "chunked\r\n" + cl + "5\r\n"), 400},
      {with(te + "chunked\r\n" + cl + "0\r\n"), 400},
      {with(cl + "5\r\n" + te + "identity\r\n"), 400},
      {with(cl + "5\r\n" + cl + "5\r\n"), 400},
      {with(cl + "5\r\n" + cl + "6\r\n"), 400},
      {with(cl + "5\r\ncontent-length: 5\r\n"), 400},
      {with(cl + "5, 5\r\n"), 400},
      {with(cl + "5,6\r\n"), 400},
      {with(cl + "+5\r\n"), 400},
      {with(cl + "-5\r\n"), 400},
      {with(cl + "\r\n"), 400},
      {with(cl + "0x5\r\n"), 400},
      {with(cl + "5 5\r\n"), 400},
      {with(cl + "5;\r\n"), 400},
      {with(cl + "5.0\r\n"), 400},
      {with(cl + "5e0\r\n"), 400},
      {with(cl + "\"5\"\r\n"), 400},
      {with(cl + "five\r\n"), 400},
      {with(cl + "1234567890123456789\r\n"), 400},
      {with(cl + "18446744073709551621\r\n"), 400},
      {with(cl + "5\x0b\r\n"), 400},
      {with(cl + "\xef\xbc\x95\r\n"), 400},
      {with("Content-Length : 5\r\n"), 400},
      {with("Content-Length\t: 5\r\n"), 400},
      {with(" Content-Length: 5\r\n"), 400},
      {with(te + "chunked\r\n" + te + "chunked\r\n"), 400},
      {with(te + "chunked\r\n" + te + "identity\r\n"), 400},
      {with(te + "\r\n"), 501},
      {with(te + "identity\r\n"), 501},
      {with(te + "gzip\r\n"), 501},
      {with(te + "gzip, chunked\r\n"), 501},
      {with(te + "chunked, gzip\r\n"), 501},
      {with(te + "chunked, chunked\r\n"), 501},
      {with(te + "chunked,\r\n"), 501},
      {with(te + ",chunked\r\n"), 501},
      {with(te + "xchunked\r\n"), 501},
      {with(te + "chunkedx\r\n"), 501},
      {with(te + "chunk\r\n"), 501},
      {with(te + "\"chunked\"\r\n"), 501},
      {with(te + "chunked;q=1\r\n"), 501},
      {with(te + "chunked\x0b\r\n"), 400},
      {with(te + "\x0b" "chunked\r\n"), 400},
      {with(te + "\x0c" "chunked\r\n"), 400},
      {with(te + "chunked\0\r\n"s), 400},
      {with(te + "\xc2\xa0" "chunked\r\n"), 501},
      {with(te + "ch\xc3\xbcnked\r\n"), 501},
      {with("Transfer-Encoding : chunked\r\n"), 400},
      {with("Transfer-Encoding\t: chunked\r\n"), 400},
      {with("Transfer-Encoding\x0b: chunked\r\n"), 400},
      {with("Transfer-Encoding:\r\n chunked\r\n"), 400},
      {with("Transfer-Encoding:\r\n\tchunked\r\n"), 400},
      {with("X: y\rTransfer-Encoding: chunked\r\n"), 400},
      {with("X: y\nTransfer-Encoding: chunked\r\n"), 400},
      {with("X: y\0Transfer-Encoding: chunked\r\n"s), 400},
      {with("\x01Transfer-Encoding: chunked\r\n"), 400},
      {with("Transfer-Encoding\r\n: chunked\r\n"), 400},
      {"POST / HTTP/1.0\r\nHost: a\r\n" + te + "chunked\r\n\r\n", 400},
  };
}

std::vector<vector_case> all_vectors() {
  auto all = request_line_vectors();
  for (const auto& more : {field_vectors(), framing_vectors()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

parse_status parse(std::string_view bytes, request_head& head, std::size_t& consumed, refusal& why) {
  return parse_request_head(bytes, {}, head, consumed, why);
}

TEST(framing_guard, refuses_every_hostile_head_with_its_status) {
  const auto vectors = all_vectors();
  ASSERT_GE(vectors.size(), 150u);
  for (const auto& v : vectors) {
    request_head head;
    std::size_t consumed = 0;
    refusal why;
    EXPECT_EQ(parse(v.bytes, head, consumed, why), parse_status::refused) << v.bytes;
    EXPECT_EQ(why.status, v.status) << v.bytes << "\n" << why.reason;
    EXPECT_FALSE(why.reason.empty());
  }
}

TEST(framing_guard, takes_no_prefix_of_a_hostile_head_for_a_head) {
  for (const auto& v : all_vectors()) {
    bool refused = false;
    for (std::size_t n = 0; n <= v.bytes.size(); ++n) {
      request_head head;
      std::size_t consumed = 0;
      refusal why;
      const auto got = parse(std::string_view(v.bytes).substr(0, n), head, consumed, why);
      EXPECT_NE(got, parse_status::complete) << v.bytes.substr(0, n);
      EXPECT_TRUE(!refused || got == parse_status::refused) << "a refusal was taken back: " << v.bytes;
      refused = got == parse_status::refused;
    }
  }
}

TEST(request_head, is_incomplete_until_its_last_byte_and_leaves_what_follows) {
  const std::string head_bytes =
      "POST /v1/chat/completions?api-version=1 HTTP/1.1\r\nHost: api.example:8080\r\nauthorization:  Bearer x \t\r\n"
      "Content-Length: 12\r\nExpect: 100-Continue\r\nX-Empty:\r\nX-Bytes: caf\xc3\xa9\r\n\r\n";
  const std::string bytes = head_bytes + "GET / HTTP/1.1\r\n";
  for (std::size_t n = 0; n < head_bytes.size(); ++n) {
    request_head head;
    std::size_t consumed = 0;
    refusal why;
    ASSERT_EQ(parse(std::string_view(bytes).substr(0, n), head, consumed, why), parse_status::incomplete) << n << why.reason;
  }
  request_head head;
  std::size_t consumed = 0;
  refusal why;
  ASSERT_EQ(parse(bytes, head, consumed, why), parse_status::complete) << why.reason;
  EXPECT_EQ(consumed, head_bytes.size());
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/chat/completions");
  EXPECT_EQ(head.query, "api-version=1");
  EXPECT_EQ(head.get("Authorization"), "Bearer x");
  EXPECT_EQ(head.get("x-empty"), "");
  EXPECT_EQ(head.count("HOST"), 1u);
  EXPECT_EQ(head.framing, framing::length);
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_TRUE(head.keep_alive);
}

TEST(request_head, accepts_the_plain_forms_that_clients_send) {
  struct accepted {
    std::string bytes;
    framing how;
    bool keep_alive;
  };
  const std::vector<accepted> cases = {
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", framing::none, true},
      {"GET / HTTP/1.0\r\n\r\n", framing::none, false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", framing::none, true},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: foo, Close\r\n\r\n", framing::none, false},
      {"GET http://a:80/x?y HTTP/1.1\r\nHost: A:80\r\n\r\n", framing::none, true},
      {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", framing::none, true},
      {"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n", framing::chunked, true},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", framing::length, true},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n", framing::length, true},
  };
  for (const auto& c : cases) {
    request_head head;
    std::size_t consumed = 0;
    refusal why;
    ASSERT_EQ(parse(c.bytes, head, consumed, why), parse_status::complete) << c.bytes << why.reason;
    EXPECT_EQ(consumed, c.bytes.size());
    EXPECT_EQ(head.framing, c.how) << c.bytes;
    EXPECT_EQ(head.keep_alive, c.keep_alive) << c.bytes;
  }
}

TEST(request_head, does_not_inherit_anything_from_the_message_before) {
  request_head head;
  std::size_t consumed = 0;
  refusal why;
  ASSERT_EQ(parse("POST /a?b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", head, consumed, why),
            parse_status::complete);
  ASSERT_EQ(parse("GET /c HTTP/1.1\r\nHost: a\r\n\r\n", head, consumed, why), parse_status::complete);
  EXPECT_EQ(head.fields.size(), 1u);
  EXPECT_EQ(head.query, "");
  EXPECT_EQ(head.framing, framing::none);
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_FALSE(head.expect_continue);
}

TEST(request_head, is_refused_as_soon_as_a_limit_is_passed) {
  const limits bounds{.head_bytes_max = 256, .fields_max = 3};
  request_head head;
  std::size_t consumed = 0;
  refusal why;
  EXPECT_EQ(parse_request_head("GET /" + std::string(300, 'a'), bounds, head, consumed, why), parse_status::refused);
  EXPECT_EQ(why.status, 414);
  EXPECT_EQ(parse_request_head(get + "Host: a\r\nX: " + std::string(300, 'a'), bounds, head, consumed, why), parse_status::refused);
  EXPECT_EQ(why.status, 431);
  EXPECT_EQ(parse_request_head(get + "Host: a\r\nA: 1\r\nB: 1\r\nC: 1\r\n", bounds, head, consumed, why), parse_status::refused);
  EXPECT_EQ(why.status, 431);
  EXPECT_EQ(parse_request_head(get + "Host: a\r\nA: 1\r\nB: 1\r\n\r\n", bounds, head, consumed, why), parse_status::complete);
}

parse_status answer(std::string_view bytes, response_head& head, bool to_head = false) {
  std::size_t consumed = 0;
  refusal why;
  return parse_response_head(bytes, {}, to_head, head, consumed, why);
}

TEST(response_head, frames_an_answer_by_its_status_its_fields_and_its_request) {
  response_head head;
  ASSERT_EQ(answer("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", head), parse_status::complete);
  EXPECT_EQ(head.framing, framing::length);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(answer("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", head), parse_status::complete);
  EXPECT_EQ(head.framing, framing::chunked);
  ASSERT_EQ(answer("HTTP/1.1 200 \r\n\r\n", head), parse_status::complete);
  EXPECT_EQ(head.framing, framing::until_close);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(answer("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", head, true), parse_status::complete);
  EXPECT_EQ(head.framing, framing::none);
  for (const char* bodiless : {"100 Continue", "103 Early Hints", "204 No Content", "304 Not Modified"}) {
    ASSERT_EQ(answer("HTTP/1.1 " + std::string(bodiless) + "\r\nContent-Length: 7\r\n\r\n", head), parse_status::complete);
    EXPECT_EQ(head.framing, framing::none) << bodiless;
  }
  ASSERT_EQ(answer("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n", head), parse_status::complete);
  EXPECT_FALSE(head.keep_alive);
}

TEST(response_head, refuses_what_could_desynchronise_a_pooled_connection) {
  for (const std::string& bytes : std::vector<std::string>{
           "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
           "HTTP/1.1 200 O\0K\r\n\r\n"s, "HTTP/1.1 200 OK\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    response_head head;
    EXPECT_EQ(answer(bytes, head), parse_status::refused) << bytes;
  }
  response_head head;
  EXPECT_EQ(answer("SSH-2.0", head), parse_status::refused);
  EXPECT_EQ(answer("HTT", head), parse_status::incomplete);
}

}  // namespace
}  // namespace sluice::http
