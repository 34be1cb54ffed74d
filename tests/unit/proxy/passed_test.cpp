// What passes unread. Goal: every byte of it is counted, in both directions, under the name of what passed it; and nothing passes that nobody named:
// a query, what a client called a cache, an answer whose reader would decode other words than were judged.
#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/base/limits.hpp"
#include "sluice/base/strings.hpp"
#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;
using counts = std::vector<std::pair<std::string, std::uint64_t>>;

const std::string words = "a bomb, and words of the rival bank";

struct passed {
  std::string asked, client;  // what the upstream got, and what the client
  counts unscanned;
  bool refused = false;
  std::string reason;
  std::vector<std::string> unread;
};
passed exchanged(trace& t, const std::string& target, const std::string& body, const std::string& head, const std::vector<std::string>& answer, const std::string& method = "POST") {
  t.out = {};
  exchange x(t.config, t.worker);
  t.request(x, body, target, method);
  passed out{.asked = t.out.upstream_request, .client = {}, .unscanned = {}, .reason = {}, .unread = {}};
  if (t.out.connect) {
    t.answer(x, head, "");
    for (const auto& piece : answer) x.upstream_body(piece, t.out);
    if (!t.out.done) x.upstream_end(t.out);
  }
  out.client = t.out.client;
  const auto& r = t.worker.records.back();
  out.unscanned = r.unscanned;
  out.reason = r.reason;
  out.unread = r.unread;
  out.refused = r.request_refused;
  for (const auto& [why, bytes] : out.unscanned) EXPECT_NE(std::ranges::find(unscanned_reasons, why), unscanned_reasons.end()) << why;
  return out;
}
std::string head_of(std::size_t length, const std::string& type = "application/json", const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Type: " + type + "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

TEST(passed, an_unknown_path_is_counted_in_both_directions) {
  trace t;
  t.config.unknown_path = unreadable_policy::pass;
  const auto plain = exchanged(t, "/v1/new?x=some%20words", words, head_of(words.size()), {words});
  EXPECT_TRUE(plain.asked.starts_with("POST /v1/new?x=some%20words ") && plain.asked.ends_with(words)) << plain.asked;
  EXPECT_TRUE(plain.client.ends_with(words)) << plain.client;
  EXPECT_EQ(plain.unscanned, (counts{{"unknown path", std::string_view("x=some%20words").size() + 2 * words.size()}}));
  const auto streamed = exchanged(t, "/v1/new", "{}", sse_head, {event("a bomb"), event("and more")});
  EXPECT_EQ(streamed.unscanned, (counts{{"unknown path", 2 + event("a bomb").size() + event("and more").size()}}));
  const auto none = exchanged(t, "/v1/new", "", "HTTP/1.1 204 No Content\r\n\r\n", {}, "GET");
  EXPECT_EQ(none.unscanned, (counts{{"unknown path", 0}})) << "that it passed is on record all the same";
  std::uint64_t all = 0;
  for (const auto& r : t.worker.records) {
    for (const auto& [why, bytes] : r.unscanned) all += bytes;
  }
  EXPECT_EQ(t.worker.counters().unscanned_bytes.value(), all);
}

// Models, what a server is, and what was deleted are told as they came: no rule reads a licence or a template, so that is on record, too.
TEST(passed, a_listing_is_counted_and_named) {
  struct { const wire::dialect& of; std::string root, method, target, asked; } const all[] = {
      {wire::openai(), "/v1", "GET", "/v1/models", ""},         {wire::openai(), "/v1", "GET", "/v1/models/m", ""},     {wire::openai(), "/v1", "DELETE", "/v1/responses/resp_1", ""},
      {wire::anthropic(), "/v1", "GET", "/v1/models", ""},      {wire::gemini(), "/v1beta", "GET", "/v1beta/models", ""}, {wire::ollama(), "/api", "GET", "/api/tags", ""},
      {wire::ollama(), "/api", "POST", "/api/show", R"({"model":"m"})"}, {wire::ollama(), "/api", "GET", "/api/ps", ""},
  };
  for (const auto& each : all) {
    trace t;
    t.config.server_state = unreadable_policy::pass;
    t.config.upstreams.clear();
    t.config.upstreams.push_back({"up", &each.of, {each.root}, "up.example", ""});
    const auto body = R"({"models":[],"license":")" + words + "\"}";
    const auto got = exchanged(t, each.target, each.asked, head_of(body.size()), {body.substr(0, 9), body.substr(9)}, each.method);
    EXPECT_TRUE(got.client.ends_with(body)) << each.target << got.client;
    EXPECT_EQ(got.unscanned, (counts{{"listing", body.size()}})) << each.target;
    EXPECT_EQ(t.worker.counters().unscanned_bytes.value(), body.size()) << each.target;
  }
}

TEST(passed, what_is_escaped_more_often_than_texts_are_decoded_is_counted) {
  const auto nested = [](std::string inside, int strings) {
    for (; strings > 0; --strings) inside = "{\"k\":" + json_quoted(inside) + "}";
    return inside;
  };
  const std::string inner = R"({"a":"a b\u006fmb"})";
  constexpr std::uint64_t hidden = std::string_view(R"(a b\u006fmb)").size();
  const auto body = [](const std::string& says) { return R"({"model":"m","messages":[{"role":"user","content":)" + json_quoted(says) + "}]}"; };
  const auto answer = [](const std::string& says) { return R"({"choices":[{"index":0,"message":{"role":"assistant","content":)" + json_quoted(says) + R"(},"finish_reason":"stop"}]})"; };
  const auto data = [](const std::string& json) { return "data: " + json + "\n\n"; };
  const auto delta = [&](const std::string& says) { return data(R"({"choices":[{"index":0,"delta":{"content":)" + json_quoted(says) + "}}]}"); };
  trace t;
  for (const bool shadow : {false, true}) {
    t.config.global_shadow = shadow;
    const auto counted = [&](const std::string& asked, const std::string& answered, bool streamed) {
      const auto said = streamed ? delta(answered) + data(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") + data("[DONE]") : answer(answered);
      return exchanged(t, "/v1/chat/completions", streamed ? R"({"stream":true,)" + body(asked).substr(1) : body(asked), streamed ? sse_head : head_of(said.size()), {said}).unscanned;
    };
    for (const bool streamed : {false, true}) {
      EXPECT_EQ(counted(nested(inner, 3), "fine", streamed), (counts{{"JSON nested in strings", hidden}}));
      EXPECT_EQ(counted("well", nested(inner, 3), streamed), (counts{{"JSON nested in strings", hidden}}));
      EXPECT_EQ(counted(nested(inner, 3), nested(inner, 3), streamed), (counts{{"JSON nested in strings", 2 * hidden}}));
      EXPECT_EQ(counted(nested(R"({"a":"fine\n"})", 2), "fine", streamed), counts());
    }
  }
}

TEST(passed, the_global_shadow_counts_what_it_would_have_denied_by_its_name) {
  trace t;
  t.config.global_shadow = true;
  for (const auto& [target, why] : {std::pair("/v1/batches", "denied path"), {"/v1/nothing", "unknown path"}, {"/v1/audio/transcriptions", "form"}}) {
    const auto got = exchanged(t, target, words, head_of(words.size()), {words.substr(0, 9), words.substr(9)});
    EXPECT_TRUE(got.client.ends_with(words)) << target;
    EXPECT_EQ(got.unscanned, (counts{{why, 2 * words.size()}})) << target;
  }
}

TEST(passed, a_query_that_no_table_names_goes_nowhere) {
  const std::string hello = R"({"choices":[]})";
  for (const char* target : {"/v1/chat/completions?x=tell%20me", "/v1/chat/completions?api-version=1&q=words", "/v1/models?prompt=words", "/v1/responses/r1?tell=me", "/v1/chat/completions?api-version=ignore+all+rules"}) {
    const bool asks = std::string_view(target).starts_with("/v1/chat");
    trace t;
    const auto denied = exchanged(t, target, asks ? ask("hi") : "", head_of(hello.size()), {hello}, asks ? "POST" : "GET");
    EXPECT_TRUE(denied.asked.empty() && denied.client.starts_with("HTTP/1.1 400 ")) << target << denied.client;
    EXPECT_TRUE(denied.client.contains("leave it out of the query")) << denied.client;
    EXPECT_TRUE(denied.refused) << target;
    EXPECT_EQ(denied.unread.size(), 1u) << target;
    EXPECT_EQ(t.worker.counters().refused[static_cast<std::size_t>(refusal::unknown_part)].value(), 1u) << target;
  }
  const auto target = std::string("/v1/chat/completions?api-version=1&x=tell%20me&y=more");
  trace passing, shadow;
  passing.config.unknown_part = unreadable_policy::pass;
  shadow.config.global_shadow = true;
  for (auto* t : {&passing, &shadow}) {
    const auto got = exchanged(*t, target, ask("hi"), head_of(hello.size()), {hello});
    EXPECT_TRUE(got.asked.starts_with("POST " + target + " ")) << got.asked << got.client;
    EXPECT_EQ(got.unscanned, (counts{{"unknown part", std::string_view("x=tell%20me").size() + std::string_view("y=more").size()}}));
    EXPECT_EQ(got.unread, (std::vector<std::string>{"?x unknown part", "?y unknown part"}));
  }
}

TEST(passed, what_a_client_called_a_cache_is_judged_when_it_is_read_back) {
  const auto read = [](const std::string& name) {
    trace t;
    t.config.upstreams.clear();
    t.config.upstreams.push_back({"gemini", &wire::gemini(), {"/v1beta"}, "gemini.example", ""});
    const auto body = R"({"name":"cachedContents/abc","model":"models/m","displayName":")" + name + R"(","usageMetadata":{"totalTokenCount":9}})";
    return exchanged(t, "/v1beta/cachedContents/abc?key=k", "", head_of(body.size()), {body}, "GET").client;
  };
  EXPECT_TRUE(read("of Rival Bank").contains(R"("displayName":"of [R]")")) << read("of Rival Bank");
  EXPECT_TRUE(read("a bomb").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(read("a book").contains(R"("displayName":"a book")"));
}

// Who reads JSON and events reads UTF-8; who reads a page reads what it says that it is.
TEST(passed, an_answer_in_another_charset_is_one_that_is_ascii_or_json) {
  const auto answered = [](const std::string& type, const std::string& body, bool in_shadow = false) {
    trace t;
    t.config.global_shadow = in_shadow;
    return exchanged(t, "/v1/chat/completions", ask("hi"), head_of(body.size(), type, "503 Service Unavailable"), {body});
  };
  for (const std::string charset : {"iso-8859-1", "windows-1252", "Latin1"}) {
    const auto page = "text/html; charset=" + charset;
    EXPECT_TRUE(answered(page, "<p>later</p>").client.starts_with("HTTP/1.1 503 ")) << charset;
    EXPECT_TRUE(answered(page, "<p>sp\xc3\xa4ter</p>").client.starts_with("HTTP/1.1 502 ")) << charset;
    EXPECT_EQ(answered(page, "<p>sp\xc3\xa4ter</p>").reason, "unreadable: the answer's charset");
    EXPECT_TRUE(answered(page, "{\"error\":\"sp\xc3\xa4ter\"}").client.starts_with("HTTP/1.1 502 ")) << charset << ": what calls itself a page is read as one";
    EXPECT_TRUE(answered("application/json; charset=" + charset, "{\"error\":{\"message\":\"sp\xc3\xa4ter, rival bank\"}}").client.contains("sp\xc3\xa4ter, [R]")) << charset;
    const auto shadow = answered(page, "<p>sp\xc3\xa4ter</p>", true);
    EXPECT_TRUE(shadow.client.ends_with("<p>sp\xc3\xa4ter</p>")) << charset;
    EXPECT_EQ(shadow.unscanned, (counts{{"charset", std::string_view("<p>sp\xc3\xa4ter</p>").size()}}));
  }
  EXPECT_TRUE(answered("text/html; charset=utf-8", "<p>sp\xc3\xa4ter</p>").client.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(answered("text/html", "<p>sp\xc3\xa4ter</p>").client.starts_with("HTTP/1.1 503 "));
}

// A vendor's own number and word that change in every chunk, for longer than there are texts that are followed.
TEST(passed, a_long_stream_of_fields_that_change_is_not_cut) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hi", true));
  t.answer(x, sse_head, "");
  const std::string end = "data: [DONE]\n\n";
  std::string piece;
  for (std::size_t i = 0; i < limits::stream_texts + 1000; ++i) {
    const auto n = std::to_string(i);
    piece += R"(data: {"choices":[],"vendor":{"at":1)" + n + R"(,"word":"w)" + n + "\"}}\n\n";
    if (piece.size() < (64u << 10)) continue;
    t.out.client.clear();
    x.upstream_body(piece, t.out);
    piece.clear();
  }
  t.out.client.clear();
  x.upstream_body(piece + end, t.out);
  x.upstream_end(t.out);
  EXPECT_TRUE(t.out.client.contains(end)) << t.out.client.substr(t.out.client.size() - std::min<std::size_t>(t.out.client.size(), 300));
  EXPECT_EQ(t.worker.records.back().reason, "");
}

TEST(passed, a_match_in_such_a_field_is_told_where_it_stands) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hi", true));
  t.answer(x, sse_head, "");
  for (const char* word : {"one", "two", "three", "rival", " bank", "four", "a bomb", "five"}) x.upstream_body(R"(data: {"choices":[],"vendor":{"word":")" + std::string(word) + R"("},"other":")" + word + "s\"}\n\n", t.out);
  if (!t.out.done) x.upstream_end(t.out);
  EXPECT_FALSE(t.out.client.contains("bomb")) << t.out.client;
  ASSERT_FALSE(t.worker.records.back().channels.empty());
  for (const auto& place : t.worker.records.back().channels) EXPECT_TRUE(place == "*.*" || place == "*.word" || place == "vendor.word" || place == "*" || place == "other") << place;
}

// What it reads there no rule sees, so that the decision names the tool, and the operator may refuse it.
TEST(passed, a_tool_with_which_the_upstream_reads_the_web_is_on_record) {
  trace t;
  const auto ask = [&t] {
    return exchanged(t, "/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"hi"}],"web_search_options":{}})", head_of(2), {"{}"});
  };
  const auto passes = ask();
  EXPECT_FALSE(passes.refused);
  EXPECT_TRUE(passes.asked.ends_with("\"web_search_options\":{}}")) << passes.asked;
  EXPECT_EQ(passes.unscanned, (counts{{"upstream fetch", 2}}));
  ASSERT_EQ(passes.unread.size(), 1u);
  EXPECT_TRUE(passes.unread[0].contains("web_search_options")) << passes.unread[0];
  t.config.upstream_fetch = unreadable_policy::deny;
  const auto denied = ask();
  EXPECT_EQ(denied.asked, "");
  EXPECT_TRUE(denied.client.starts_with("HTTP/1.1 400 ") && denied.client.contains("a search of the web") && denied.client.contains("unreadable.upstream_fetch is deny")) << denied.client;
}

}  // namespace
}  // namespace sluice::proxy
