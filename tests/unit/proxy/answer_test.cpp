// Answers in every status and shape: each is judged, or withheld with an error in the dialect; and what a stream may make the gateway
// hold has a bound.
#include <gtest/gtest.h>

#include "sluice/base/limits.hpp"
#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

std::string head(int status, const std::string& type) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n\r\n";
}

// What the client reads of an answer, and the exchange's record in `t`.
std::string answered(trace& t, const std::string& head_text, const std::string& body, bool stream = false) {
  t.out = {};
  t.worker.records.clear();
  exchange x(t.config, t.worker);
  t.request(x, ask("hello", stream));
  t.answer(x, head_text, body);
  if (!t.out.done) x.upstream_end(t.out);
  EXPECT_TRUE(t.out.done);
  return t.out.client;
}

TEST(answer, of_an_error_is_edited_in_its_json) {
  trace t;
  for (const char* type : {"application/json", "application/problem+json", "text/plain", "text/html"}) {
    const auto out = answered(t, head(429, type), R"({"error":{"message":"ask \u0072ival bank","type":"x","code":7}})");
    EXPECT_TRUE(out.starts_with("HTTP/1.1 429")) << out;
    EXPECT_NE(out.find(R"("message":"ask [R]")"), std::string::npos) << type << out;
    EXPECT_EQ(t.worker.records.back().channels, std::vector<std::string>({"error.message"}));
  }
}

TEST(answer, of_an_error_is_blocked_however_it_hides) {
  trace t;
  for (const char* body : {R"({"error":{"message":"a bo\u006db"}})", R"([{"error":{"message":"a bo\u006db"}}])", R"({"error":{"message":"a bo\u006db"})", R"(a bo\u006db)",
                           R"({"bo\u006db":1})", R"({"a":{"b":["bo\u006db"]}})", R"({"error":{"code":{"x":"a bomb"}}})", "a bomb"}) {
    const auto out = answered(t, head(500, "application/json"), body);
    EXPECT_TRUE(out.starts_with("HTTP/1.1 400")) << body << out;
    EXPECT_EQ(t.worker.records.back().response.verdict, policy::verdict::block) << body;
  }
  const auto raw = R"(<html>{"x": "rival \u0062ank"}</html>)";
  EXPECT_TRUE(answered(t, head(500, "text/html"), raw).starts_with("HTTP/1.1 400")) << "what only a lenient reader sees is no text to edit";
  EXPECT_NE(answered(t, head(500, "text/html"), "<p>Rival Bank</p>").find("<p>[R]</p>"), std::string::npos);
}

TEST(answer, that_is_a_stream_is_judged_as_one_whatever_its_status) {
  trace t;
  const auto out = answered(t, head(503, "text/event-stream"), event("a rival ") + event("bank here") + "data: {\"error\":{\"message\":\"no rival bank\"}}\n\ndata: [DONE]\n\n", true);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 503")) << out;
  EXPECT_NE(out.find("[R] here"), std::string::npos) << out;
  EXPECT_NE(out.find("no [R]"), std::string::npos) << out;
  EXPECT_EQ(out.find("bank"), std::string::npos) << out;
  EXPECT_TRUE(answered(t, head(429, "text/event-stream"), event("a bomb here"), true).starts_with("HTTP/1.1 400"));
}

TEST(answer, that_succeeds_and_is_no_json_is_withheld) {
  trace t;
  for (const int status : {200, 201, 206}) {
    const auto out = answered(t, head(status, "text/plain"), "hello");
    EXPECT_TRUE(out.starts_with("HTTP/1.1 502")) << status;
    EXPECT_NE(out.find("x-should-retry: false"), std::string::npos);
    EXPECT_EQ(t.worker.records.back().reason, "unreadable: the answer is not JSON");
  }
}

const std::string untyped_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(answer, that_is_json_is_read_as_json_whatever_it_calls_itself) {
  trace t;
  for (const auto& as : {untyped_head, head(200, "text/plain"), head(200, "text/html; charset=utf-8"), head(200, "application/octet-stream")}) {
    const auto said = [&](const std::string& text) { return answered(t, as, " \n" R"({"choices":[{"index":0,"message":{"role":"assistant","content":")" + text + R"("}}]})"); };
    EXPECT_TRUE(said("of the rival \\u0062ank").contains(R"("content":"of the [R]")")) << as;
    EXPECT_TRUE(said("a bo\\u006db").starts_with("HTTP/1.1 400")) << as;
    EXPECT_TRUE(said("hello").starts_with("HTTP/1.1 200")) << as;
    EXPECT_EQ(t.worker.records.back().response.verdict, policy::verdict::allow);
  }
}

TEST(answer, that_is_no_json_is_told_by_what_it_called_itself) {
  trace t;
  EXPECT_TRUE(answered(t, head(200, "text/html; charset=utf-8"), "<html>").contains("it came with Content-Type: text/html."));
  EXPECT_TRUE(answered(t, untyped_head, "hello").contains("it came without a Content-Type."));
  EXPECT_TRUE(answered(t, head(200, "text/html"), "{broken").contains("which came with Content-Type: text/html, could not be read"));
  EXPECT_TRUE(answered(t, head(200, "a bomb"), "hello").contains("a Content-Type that is no media type"));
}

TEST(answer, that_points_elsewhere_is_withheld) {
  trace t;
  for (const int status : {301, 302, 303, 307, 308}) {
    const auto out = answered(t, "HTTP/1.1 " + std::to_string(status) + " Found\r\nLocation: https://elsewhere.example/v1\r\nContent-Length: 0\r\n\r\n", "");
    EXPECT_TRUE(out.starts_with("HTTP/1.1 502") && out.contains("a redirect (" + std::to_string(status) + ")") && out.contains("upstreams[].base_url")) << out;
    EXPECT_FALSE(out.contains("elsewhere")) << out;
    EXPECT_EQ(t.worker.records.back().reason, "unreadable: a redirect");
  }
  EXPECT_TRUE(answered(t, "HTTP/1.1 304 Not Modified\r\n\r\n", "").starts_with("HTTP/1.1 304"));
  t.config.global_shadow = true;
  EXPECT_TRUE(answered(t, "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/v1\r\nContent-Length: 0\r\n\r\n", "").starts_with("HTTP/1.1 302"));
}

TEST(answer, that_is_larger_than_may_be_held_is_withheld) {
  trace t;
  t.config.response_body_max = 1000;
  const auto out = answered(t, json_head, R"({"choices":[{"message":{"content":")" + std::string(1000, 'x') + R"("}}]})");
  EXPECT_TRUE(out.starts_with("HTTP/1.1 502")) << out;
  EXPECT_NE(out.find(R"("code":"upstream_error")"), std::string::npos) << out;
  EXPECT_TRUE(t.out.abort_upstream);
}

const std::string full_yaml = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: word
    direction: both
    match: {keywords: [rival bank]}
    action: {type: redact, mask: "[R]"}
    stream: {hold: full}
    tests: [{name: a, request: the rival bank, expect: {rules: [word]}}, {name: b, request: nothing, expect: {rules: []}}]
)";

TEST(answer, whose_stream_is_held_in_full_has_a_bound) {
  trace t(full_yaml);
  t.config.response_body_max = 1000;
  const auto fits = answered(t, sse_head, event(std::string(400, 'x')) + event(std::string(400, 'y')) + "data: [DONE]\n\n", true);
  EXPECT_TRUE(fits.starts_with("HTTP/1.1 200")) << fits;
  EXPECT_NE(fits.find(std::string(400, 'x') + std::string(400, 'y')), std::string::npos) << fits;
  const auto out = answered(t, sse_head, event(std::string(400, 'x')) + event(std::string(400, 'y')) + event(std::string(400, 'z')) + "data: [DONE]\n\n", true);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 502")) << out;
  EXPECT_EQ(out.find("xxx"), std::string::npos) << out;
  EXPECT_EQ(t.worker.records.back().reason, "unreadable: more text is held for its rules than limits.response_body");
}

// Annotations count code points, and a value that was put back in has moved what nobody can count.
TEST(answer, that_was_edited_has_citations_where_their_words_are_now) {
  trace t;
  const auto cited = [](int begin, int end) {
    return R"({"type":"url_citation","url_citation":{"start_index":)" + std::to_string(begin) + R"(,"end_index":)" + std::to_string(end) + R"(,"title":"T","url":"https://x.example"}})";
  };
  const auto note = [&](int begin, int end) { return R"(data: {"choices":[{"index":0,"delta":{"annotations":[)" + cited(begin, end) + R"(]},"finish_reason":null}]})" + "\n\n"; };
  const auto end = R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" + std::string("\n\ndata: [DONE]\n\n");
  const auto out = answered(t, sse_head, event("\xc3\xa9 the rival ") + event("bank so") + note(6, 16) + note(17, 19) + end, true);
  EXPECT_NE(out.find(note(6, 9)), std::string::npos) << out;
  EXPECT_NE(out.find(note(10, 12)), std::string::npos) << out;
  const auto plain = answered(t, json_head, R"({"choices":[{"index":0,"message":{"role":"assistant","content":"é the rival bank so","annotations":[)" + cited(17, 19) + R"(]},"finish_reason":"stop"}]})");
  EXPECT_NE(plain.find(cited(10, 12)), std::string::npos) << plain;
}

TEST(answer, in_more_than_a_stream_may_hold_ends_as_the_dialect_says) {
  trace t;
  std::string choices;
  for (std::size_t i = 0; i <= limits::choices; ++i) {
    choices += R"(data: {"id":"c","choices":[{"index":)" + std::to_string(i) + R"(,"delta":{"content":"hello there"}}]})" + std::string("\n\n");
  }
  for (const auto& bytes : {event("hello there") + "data: \"" + std::string(limits::event_bytes, 'x') + "\"\n\n", choices,
                            event("hello there") + R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" + "\n\n" + event("more")}) {
    const auto out = answered(t, sse_head, bytes, true);
    EXPECT_TRUE(out.starts_with("HTTP/1.1 200"));
    EXPECT_NE(out.find("hello there"), std::string::npos);
    EXPECT_TRUE(out.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << out.substr(out.size() - 200);
    EXPECT_TRUE(t.worker.records.back().reason.starts_with("unreadable: ")) << t.worker.records.back().reason;
    EXPECT_TRUE(t.out.abort_upstream);
  }
}

}  // namespace
}  // namespace sluice::proxy
