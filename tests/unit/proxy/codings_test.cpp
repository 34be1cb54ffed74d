// Compressed bodies of both directions, as traces: read, and sent on without their coding; what cannot be read is refused.
#include <gtest/gtest.h>

#include "sluice/http/zstd.hpp"
#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;
using counts = std::vector<std::pair<std::string, std::uint64_t>>;

std::string packed(const std::string& text) {
  http::zstd_encoder encoder;
  std::string out;
  EXPECT_TRUE(encoder.feed(text, out));
  EXPECT_TRUE(encoder.finish(out));
  return out;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
std::string answer_of(const std::string& said) { return R"({"choices":[{"index":0,"message":{"role":"assistant","content":")" + said + R"("}}]})"; }
std::string coded_head(const std::string& type, const std::string& coding = "zstd") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nContent-Encoding: " + coding + "\r\nTransfer-Encoding: chunked\r\n\r\n";
}
const std::string coded = "Content-Encoding: zstd\r\n";

TEST(codings, a_compressed_request_is_judged_and_goes_upstream_without_its_coding) {
  trace t;
  t.fields = coded;
  exchange x(t.config, t.worker);
  t.request(x, packed(ask("about Rival Bank now")));
  ASSERT_TRUE(t.out.connect.has_value()) << t.out.client;
  EXPECT_TRUE(t.out.upstream_request.ends_with("\r\n\r\n" + ask("about [R] now")));
  EXPECT_FALSE(has(t.out.upstream_request, "Content-Encoding"));
  EXPECT_TRUE(has(t.out.upstream_request, "Content-Length: " + std::to_string(ask("about [R] now").size()) + "\r\n"));
  trace blocked;
  blocked.fields = coded;
  exchange y(blocked.config, blocked.worker);
  blocked.request(y, packed(ask("a bomb")));
  EXPECT_TRUE(has(blocked.out.client, "content_filter")) << blocked.out.client;
  EXPECT_FALSE(blocked.out.connect.has_value());
}

TEST(codings, a_request_that_cannot_be_decoded_is_refused_in_the_dialect) {
  struct bad {
    std::string fields, body, status;
  };
  const auto whole = packed(ask("hi"));
  for (const auto& each : {bad{coded, whole.substr(0, whole.size() - 1), "400"}, {coded, whole + "{}", "400"}, {coded, ask("hi"), "400"},
                           {coded, packed(ask(std::string(3u << 20, 'a'))), "413"}, {"Content-Encoding: compress\r\n", ask("hi"), "415"},
                           {"Content-Encoding: zstd, zstd\r\n", packed(whole), "415"}, {coded + coded, whole, "415"},
                           {"Content-Encoding: identity\r\n" + coded, whole, "415"}}) {
    trace t;
    t.fields = each.fields;
    exchange x(t.config, t.worker);
    t.request(x, each.body);
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 " + each.status + " ")) << each.fields << t.out.client;
    EXPECT_TRUE(has(t.out.client, R"("type":"invalid_request_error")")) << t.out.client;
    EXPECT_EQ(has(t.out.client, "\r\naccept-encoding: gzip, deflate, br, zstd\r\n"), each.status == "415") << t.out.client;
    EXPECT_FALSE(t.out.connect.has_value());
    EXPECT_TRUE(t.worker.records.back().request_refused);
  }
}

TEST(codings, the_bounds_on_what_a_request_becomes_are_the_configurations) {
  const auto body = packed(ask(std::string(2u << 20, 'a')));
  for (const bool large : {false, true}) {
    for (const std::uint32_t ratio : {100u, 1'000'000u}) {
      trace t;
      t.config.decoding_ratio_max = ratio;
      if (!large) t.config.request_body_max = 1u << 20;
      t.fields = coded;
      exchange x(t.config, t.worker);
      t.request(x, body);
      EXPECT_EQ(t.out.connect.has_value(), large && ratio == 1'000'000) << large << ratio;
    }
  }
}

TEST(codings, an_answer_that_is_compressed_unasked_is_judged_and_leaves_without_its_coding) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("x"));
  t.answer(x, coded_head("application/json"), packed(answer_of("rival bank it is")));
  x.upstream_end(t.out);
  EXPECT_TRUE(t.out.client.ends_with("\r\n\r\n" + answer_of("[R] it is"))) << t.out.client;
  EXPECT_FALSE(has(t.out.client, "Content-Encoding"));
  trace s;
  exchange y(s.config, s.worker);
  s.request(y, ask("x", true));
  s.answer(y, coded_head("text/event-stream"), "");
  for (const char c : packed(event("a bo") + event("mb now"))) y.upstream_body(std::string_view(&c, 1), s.out);
  EXPECT_TRUE(has(s.out.client, "content_filter")) << s.out.client;
  EXPECT_TRUE(has(s.out.client, R"("content":"a ")")) << s.out.client;
  EXPECT_FALSE(has(s.out.client, "Content-Encoding"));
  EXPECT_TRUE(s.out.abort_upstream);
}

TEST(codings, an_answer_that_cannot_be_decoded_is_withheld_and_a_stream_cut) {
  const auto good = packed(answer_of("hi"));
  struct bad {
    std::string head, body;
  };
  for (const auto& each : {bad{coded_head("application/json", "compress"), good}, {coded_head("application/json", "zstd, gzip"), good},
                           {coded_head("application/json"), good.substr(0, good.size() - 1)}, {coded_head("application/json"), answer_of("hi")},
                           {coded_head("application/json"), packed(std::string(3u << 20, 'a'))}, {coded_head("text/event-stream"), event("hi")}}) {
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, ask("x", true));
    t.answer(x, each.head, each.body);
    if (!t.out.done) x.upstream_end(t.out);
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 502 ")) << each.head << t.out.client;
    EXPECT_TRUE(t.worker.records.back().reason.starts_with("unreadable: compressed answer")) << t.worker.records.back().reason;
  }
  // What was released before is ended as the dialect ends a stream.
  const auto two = packed(event("one")) + packed(event("two"));
  for (const auto& bytes : {packed(event("one")) + "no zstd", two.substr(0, two.size() - 4)}) {
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, ask("x", true));
    const auto first = packed(event("one")).size();
    t.answer(x, coded_head("text/event-stream"), bytes.substr(0, first));
    x.upstream_body(std::string_view(bytes).substr(first), t.out);
    if (!t.out.done) x.upstream_end(t.out);
    EXPECT_TRUE(has(t.out.client, "one") && has(t.out.client, "content_filter")) << t.out.client;
    EXPECT_TRUE(t.worker.records.back().reason.starts_with("unreadable: compressed answer")) << t.worker.records.back().reason;
  }
}

TEST(codings, the_global_shadow_reads_compressed_bodies_and_changes_no_byte_of_them) {
  const auto asked = packed(ask("a bomb", true));
  for (const bool streamed : {false, true}) {
    trace t;
    t.config.global_shadow = true;
    t.fields = coded;
    exchange x(t.config, t.worker);
    t.request(x, asked);
    ASSERT_TRUE(t.out.connect.has_value()) << t.out.client;
    EXPECT_TRUE(t.out.upstream_request.ends_with("\r\n\r\n" + asked));
    EXPECT_TRUE(has(t.out.upstream_request, "Content-Encoding: zstd\r\n"));
    const auto said = packed(streamed ? event("a bomb") + "data: [DONE]\n\n" : answer_of("a bomb"));
    t.answer(x, coded_head(streamed ? "text/event-stream" : "application/json"), said);
    x.upstream_end(t.out);
    EXPECT_TRUE(has(t.out.client, said)) << streamed;
    EXPECT_TRUE(has(t.out.client, "Content-Encoding: zstd\r\n"));
    const auto& record = t.worker.records.back();
    EXPECT_EQ(record.request.findings.size(), 1u);
    EXPECT_EQ(record.response.findings.size(), 1u);
    EXPECT_EQ(record.response.shadow_verdict, policy::verdict::block);
    EXPECT_EQ(record.unscanned, counts{});
  }
}

TEST(codings, the_global_shadow_passes_what_it_cannot_decode) {
  const auto good = packed(answer_of("hi"));
  for (const auto& body : {good.substr(0, good.size() - 1), std::string("\x1f\x8b raw")}) {
    trace t;
    t.config.global_shadow = true;
    exchange x(t.config, t.worker);
    t.request(x, ask("x"));
    t.answer(x, coded_head("application/json"), body.substr(0, 3));
    x.upstream_body(std::string_view(body).substr(3), t.out);
    x.upstream_end(t.out);
    EXPECT_TRUE(has(t.out.client, "Content-Encoding: zstd\r\n"));
    EXPECT_EQ(body_of(t.out.client), body);
    EXPECT_EQ(t.worker.records.back().unscanned, (counts{{"compressed answer", body.size()}}));
  }
}

// SDKs decode an answer as it says: these bytes are other words to them.
TEST(charsets, an_answer_in_another_charset_goes_nowhere) {
  for (const char* type : {"text/plain; charset=utf-16le", "application/json; charset=utf-7", "application/json; charset=\"cp037\"", "text/event-stream; charset=utf-16"}) {
    for (const char* status : {"200 OK", "403 Forbidden"}) {
      trace t;
      exchange x(t.config, t.worker);
      t.request(x, ask("x", true));
      t.answer(x, "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + type + "\r\nContent-Length: 17\r\n\r\n", "zorb+AGw-att plim");
      if (!t.out.done) x.upstream_end(t.out);
      EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 502 ") && !has(t.out.client, "plim")) << type << t.out.client;
      EXPECT_EQ(t.worker.records.back().reason, "unreadable: the answer's charset");
      trace shadow;
      shadow.config.global_shadow = true;
      exchange y(shadow.config, shadow.worker);
      shadow.request(y, ask("x", true));
      shadow.answer(y, "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + type + "\r\nContent-Length: 17\r\n\r\n", "zorb+AGw-att plim");
      if (!shadow.out.done) y.upstream_end(shadow.out);
      EXPECT_TRUE(has(shadow.out.client, "zorb+AGw-att plim")) << shadow.out.client;
      EXPECT_EQ(shadow.worker.records.back().unscanned, (counts{{"charset", 17}}));
    }
  }
}

TEST(charsets, what_web_servers_call_latin_is_ascii_or_not_read) {
  const auto answered = [](const std::string& body) {
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, ask("x"));
    t.answer(x, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n", body);
    if (!t.out.done) x.upstream_end(t.out);
    return t.out.client;
  };
  EXPECT_TRUE(answered("<p>later</p>").starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(answered("<p>sp\xe4ter</p>").starts_with("HTTP/1.1 502 "));
  EXPECT_TRUE(answered(std::string("a\0 \0b\0", 6)).starts_with("HTTP/1.1 502 ")) << "UTF-16, whatever it calls itself";
}

TEST(charsets, a_stream_of_utf_16_is_not_passed_on) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("x", true));
  std::string wide;
  for (const char c : event("a bomb")) wide += std::string(1, c) + '\0';
  t.answer(x, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", wide);
  if (!t.out.done) x.upstream_end(t.out);
  EXPECT_FALSE(has(t.out.client, std::string("b\0o\0m", 5))) << t.out.client;
}

}  // namespace
}  // namespace sluice::proxy
