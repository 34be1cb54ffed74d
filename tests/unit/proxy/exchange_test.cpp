// The exchange as a trace: what arrives, and what net is asked to do. No socket, no clock; the policy is a real one, compiled in
// this process.
#include "sluice/proxy/exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

TEST(exchange, a_clean_request_goes_upstream_with_its_bytes_and_only_allowed_fields) {
  trace t;
  exchange x(t.config, t.worker);
  const auto body = ask("hello   \\u0041");
  t.request(x, body);
  ASSERT_TRUE(t.out.connect.has_value());
  EXPECT_TRUE(t.out.upstream_request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_TRUE(t.out.upstream_request.ends_with("\r\n\r\n" + body));
  EXPECT_NE(t.out.upstream_request.find("Bearer k"), std::string::npos);
  EXPECT_EQ(t.out.upstream_request.find("X-Evil"), std::string::npos);
  EXPECT_NE(t.out.upstream_request.find("mock.example"), std::string::npos);
  const std::string reply = R"({"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]})";
  t.answer(x, json_head, reply);
  x.upstream_end(t.out);
  EXPECT_TRUE(t.out.done);
  EXPECT_FALSE(t.out.close_client);
  EXPECT_TRUE(t.out.client.ends_with("\r\n\r\n" + reply));
  EXPECT_NE(t.out.client.find("x-sluice-policy: 1-7:"), std::string::npos);
  EXPECT_NE(t.out.client.find("x-sluice-verdict: allow\r\n"), std::string::npos);
  ASSERT_EQ(t.worker.records.size(), 1u);
  EXPECT_EQ(t.worker.records[0].status, 200);
  EXPECT_EQ(t.worker.records[0].bytes, t.out.client.size());
}

TEST(exchange, edits_go_out_in_both_directions_and_into_the_record) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("about Rival Bank now"));
  EXPECT_TRUE(t.out.upstream_request.ends_with(ask("about [R] now")));
  t.answer(x, json_head, R"({"choices":[{"index":0,"message":{"role":"assistant","content":"rival bank it is"}}]})");
  x.upstream_end(t.out);
  EXPECT_NE(t.out.client.find("[R] it is"), std::string::npos);
  EXPECT_NE(t.out.client.find("x-sluice-verdict: edit"), std::string::npos);
  EXPECT_EQ(t.worker.records[0].request_edits, 1u);
  EXPECT_EQ(t.worker.records[0].edits, 1u);
}

TEST(exchange, a_refusal_of_an_api_that_has_none_is_an_error) {
  for (const auto& [target, body, status] : {std::tuple("/v1/chat/completions", ask("some gossip"), 200), {"/v1/embeddings", R"({"model":"m","input":"some gossip"})", 400},
                                             {"/v1/moderations", R"({"input":"some gossip"})", 400}, {"/v1/responses/input_tokens", R"({"model":"m","input":"some gossip"})", 400}}) {
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, body, target);
    EXPECT_EQ(t.worker.records.at(0).status, status) << target << t.out.client;
    EXPECT_NE(t.out.client.find("Let us not."), std::string::npos) << target << t.out.client;
  }
}

TEST(exchange, what_stands_before_the_path_of_an_api_chooses_the_upstream_and_goes) {
  for (const auto& [paths, base, target, asked] : {std::tuple("/vllm/v1", "", "/vllm/v1/chat/completions?api-version=1", "POST /v1/chat/completions?api-version=1 HTTP"),
                                                   {"/vllm", "", "/vllm/v1/chat/completions", "POST /v1/chat/completions HTTP"},
                                                   {"/vllm/v1", "/far", "/vllm/v1/chat/completions", "POST /far/v1/chat/completions HTTP"},
                                                   {"/v1", "/far", "/v1/chat/completions?api-version=1", "POST /far/v1/chat/completions?api-version=1 HTTP"}}) {
    trace t;
    t.config.upstreams.push_back({"second", &wire::openai(), {paths}, "second.example", base});
    if (std::string_view(paths) == "/v1") t.config.upstreams.erase(t.config.upstreams.begin());
    exchange x(t.config, t.worker);
    t.request(x, ask("about Rival Bank now"), target);
    EXPECT_TRUE(t.out.upstream_request.starts_with(asked)) << t.out.upstream_request << t.out.client;
    EXPECT_TRUE(t.out.upstream_request.ends_with(ask("about [R] now"))) << target;
    EXPECT_NE(t.out.upstream_request.find("second.example"), std::string::npos) << target;
  }
}

TEST(exchange, a_model_that_is_asked_about_leads_to_its_upstream) {
  trace t;
  t.config.upstreams.push_back({"gpt", &wire::openai(), {"/v1"}, "gpt.example", "", {"gpt-*"}});
  for (const auto& [target, host] : {std::pair("/v1/models/gpt-4o", "gpt.example"), {"/v1/models/other", "mock.example"}, {"/v1/models", "mock.example"}}) {
    exchange x(t.config, t.worker);
    t.out = {};
    t.request(x, "", target, "GET");
    EXPECT_NE(t.out.upstream_request.find(host), std::string::npos) << target << t.out.upstream_request;
    x.client_gone(0, t.out);
  }
}

TEST(exchange, an_upstreams_own_headers_go_to_clients_as_the_operator_says) {
  for (const bool allowed : {false, true}) {
    trace t;
    if (allowed) t.config.upstreams[0].response_headers = {"x-foo"};
    exchange x(t.config, t.worker);
    t.request(x, ask("hi"));
    t.answer(x, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\nX-Foo: bar\r\nSet-Cookie: a=b\r\nopenai-processing-ms: 12\r\n\r\n", R"({"choices":[]})");
    x.upstream_end(t.out);
    EXPECT_EQ(t.out.client.find("X-Foo: bar") != std::string::npos, allowed) << t.out.client;
    EXPECT_EQ(t.out.client.find("Set-Cookie"), std::string::npos);
    EXPECT_NE(t.out.client.find("openai-processing-ms: 12"), std::string::npos);
  }
}

TEST(exchange, names_on_record_the_part_that_it_cannot_read) {
  for (const auto how : {unreadable_policy::deny, unreadable_policy::pass}) {
    trace t;
    t.config.unknown_part = how;
    exchange x(t.config, t.worker);
    t.request(x, R"({"model":"m","messages":[{"role":"user","content":"hi"}],"vendor":{"note":"some words"}})");
    if (how == unreadable_policy::pass) x.client_gone(0, t.out);
    ASSERT_FALSE(t.worker.records.empty());
    EXPECT_EQ(t.worker.records[0].unread, std::vector<std::string>{"vendor unknown part"});
  }
}

TEST(exchange, what_the_gateway_stops_itself_is_counted_by_reason) {
  trace t;
  const auto refused = [&t](refusal why) { return t.worker.counters().refused[static_cast<std::size_t>(why)].value(); };
  const auto send = [&t](const std::string& body, const std::string& target, const std::string& method) {
    exchange x(t.config, t.worker);
    t.out = {};
    t.request(x, body, target, method);
  };
  send("{}", "/v1/nothing", "POST");
  send("{}", "/elsewhere", "POST");
  send("", "/v1/chat/completions", "GET");
  send("{", "/v1/chat/completions", "POST");
  send(ask("a bomb"), "/v1/chat/completions", "POST");  // by a rule: no refusal
  t.worker.unknown = true;
  send(ask("hi"), "/v1/chat/completions", "POST");
  EXPECT_EQ(refused(refusal::unknown_path) + refused(refusal::denied_path), 2u);
  EXPECT_EQ(refused(refusal::method), 1u);
  EXPECT_EQ(refused(refusal::unreadable_request), 1u);
  EXPECT_EQ(refused(refusal::unknown_caller), 1u);
  std::uint64_t all = 0;
  for (const auto& each : t.worker.counters().refused) all += each.value();
  EXPECT_EQ(all, 5u);
  EXPECT_EQ(t.worker.counters().blocked.value(), 6u);
}

TEST(exchange, a_wrong_method_is_told_the_right_one) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, "", "/v1/chat/completions", "GET");
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 405 "));
  EXPECT_NE(t.out.client.find("\r\nallow: POST\r\n"), std::string::npos) << t.out.client;
  exchange y(t.config, t.worker);
  t.out = {};
  t.request(y, "{}", "/v1/models", "POST");
  EXPECT_NE(t.out.client.find("\r\nallow: GET, HEAD\r\n"), std::string::npos) << t.out.client;
}

// What a server makes of such a path is its own affair, so none of them passes where unknown paths do.
TEST(exchange, an_unknown_path_that_may_be_a_known_one_does_not_pass) {
  trace t;
  t.config.unknown_path = unreadable_policy::pass;
  const auto asked = [&](const std::string& path) {
    t.out = {};
    exchange x(t.config, t.worker);
    t.request(x, ask("a bomb"), path);
    return t.out.connect ? "passed" : t.out.client.substr(9, 3);
  };
  for (const char* path : {"/v1//chat/completions", "/v1/./chat/completions", "/v1/x/../chat/completions", "/v1/%63hat/completions", "/v1/chat%2fcompletions", "/v1/chat\\completions", "/v1/CHAT/completions",
                           "/v1/Chat/Completions/", "/v1/new%20api"}) {
    EXPECT_EQ(asked(path), "400") << path;
  }
  for (const char* path : {"/v1/chat/completions;a=b", "/v1/chat/completions%20", "/v1/chat/completions/"}) EXPECT_TRUE(asked(path) == "400" || asked(path) == "403") << path;
  for (const char* path : {"/v1/new", "/v1/New/Api", "/v1/new/", "/v1/new.api/a%3Ab"}) EXPECT_EQ(asked(path), "passed") << path;
}

TEST(exchange, what_shadow_would_have_done_is_counted_apart) {
  trace t;
  t.config.global_shadow = true;
  exchange x(t.config, t.worker);
  t.request(x, ask("a bomb"));
  t.answer(x, json_head, R"({"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]})");
  x.upstream_end(t.out);
  EXPECT_EQ(t.worker.counters().shadow_blocked.value(), 1u);
  EXPECT_EQ(t.worker.counters().blocked.value() + t.worker.counters().shadow_edited.value() + t.worker.counters().shadow_flagged.value(), 0u);
}

TEST(exchange, a_blocked_request_never_reaches_an_upstream) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("a bomb", true));
  EXPECT_FALSE(t.out.connect.has_value());
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 400 "));
  EXPECT_NE(t.out.client.find("content_filter"), std::string::npos);
  EXPECT_NE(t.out.client.find("Not here."), std::string::npos);
  EXPECT_NE(t.out.client.find("x-should-retry: false"), std::string::npos);
  EXPECT_NE(t.out.client.find("messages[0].content"), std::string::npos);
  EXPECT_TRUE(t.out.done);
  EXPECT_EQ(t.worker.records[0].request.verdict, policy::verdict::block);
}

TEST(exchange, a_rule_may_refuse_in_the_dialects_own_way) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("gossip", true));
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(t.out.client.find("text/event-stream"), std::string::npos);
  EXPECT_NE(t.out.client.find("Let us not."), std::string::npos);
}

TEST(exchange, a_stream_is_cut_where_a_rule_blocks_and_nothing_of_the_match_leaves) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hi", true));
  t.answer(x, sse_head, event("one ") + event("a bo"));
  EXPECT_NE(t.out.client.find("x-sluice-verdict: allow, pending"), std::string::npos);
  x.upstream_body(event("mb here"), t.out);
  EXPECT_TRUE(t.out.done);
  EXPECT_TRUE(t.out.abort_upstream);
  EXPECT_EQ(t.out.client.find("bo\""), std::string::npos);
  EXPECT_EQ(t.out.client.find("mb"), std::string::npos);
  EXPECT_NE(t.out.client.find("content_filter"), std::string::npos);
  EXPECT_NE(t.out.client.find("data: [DONE]"), std::string::npos);
  EXPECT_TRUE(t.out.client.ends_with("0\r\n\r\n"));
  ASSERT_EQ(t.worker.records.size(), 2u);
  EXPECT_EQ(t.worker.records[0].kind, report_kind::opened);
  EXPECT_EQ(t.worker.records[1].kind, report_kind::closed);
  EXPECT_EQ(t.worker.records[1].response.verdict, policy::verdict::block);
  EXPECT_EQ(t.worker.records[1].bytes, t.out.client.size());
}

TEST(exchange, a_block_speaks_the_clients_language) {
  const auto asked = [](const std::string& text, const std::string& language) {
    trace t;
    t.fields = "Accept-Language: " + language + "\r\n";
    exchange x(t.config, t.worker);
    t.request(x, ask(text));
    return t.out.client;
  };
  EXPECT_NE(asked("a bomb", "de-CH, en;q=0.5").find("Hier nicht."), std::string::npos);
  EXPECT_NE(asked("a bomb", "it").find("Not here."), std::string::npos);
  EXPECT_NE(asked("gossip", "fr").find("Laissons cela."), std::string::npos);
  trace t;
  t.fields = "Accept-Language: de\r\n";
  exchange x(t.config, t.worker);
  t.request(x, ask("hi", true));
  t.answer(x, sse_head, event("one ") + event("a bomb "));
  EXPECT_NE(t.out.client.find("Hier nicht."), std::string::npos);
}

TEST(exchange, a_rollout_is_the_same_in_both_directions_of_a_conversation_and_changes_no_byte_outside_of_it) {
  int inside = 0;
  for (int i = 0; i < 40; ++i) {
    trace t;
    t.worker.conversation = "c" + std::to_string(i);
    exchange x(t.config, t.worker);
    t.request(x, ask("halfway there", true));
    const bool enforced = t.worker.records.empty() && t.out.upstream_request.find("[T] there") != std::string::npos;
    if (!enforced) EXPECT_TRUE(t.out.upstream_request.ends_with(ask("halfway there", true)));
    inside += enforced ? 1 : 0;
    t.answer(x, sse_head, event("it is half") + event("way now ") + "data: [DONE]\n\n");
    x.upstream_end(t.out);
    EXPECT_EQ(t.out.client.find("[T]") != std::string::npos, enforced);
    if (!enforced) EXPECT_NE(t.out.client.find(event("it is half")), std::string::npos);
    ASSERT_FALSE(t.worker.records.empty());
    const auto& last = t.worker.records.back();
    EXPECT_EQ(last.request.findings.at(0).enforced, enforced);
    EXPECT_EQ(last.response.findings.at(0).enforced, enforced);
    EXPECT_EQ(last.response.shadow_verdict, policy::verdict::edit);
  }
  EXPECT_GT(inside, 5);
  EXPECT_LT(inside, 35);
}

TEST(exchange, a_stream_that_blocks_before_its_first_byte_is_a_400) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hi", true));
  t.answer(x, sse_head, event("bomb !"));
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(t.out.done);
}

TEST(exchange, a_dead_upstream_is_502_before_and_an_error_event_within_a_stream) {
  trace before;
  exchange x(before.config, before.worker);
  before.request(x, ask("hi"));
  x.upstream_failed(upstream_failure::connect, "refused", before.out);
  EXPECT_TRUE(before.out.client.starts_with("HTTP/1.1 502 "));
  trace within;
  exchange y(within.config, within.worker);
  within.request(y, ask("hi", true));
  within.answer(y, sse_head, event("one ") + event("a bo"));
  y.upstream_failed(upstream_failure::reset, "reset", within.out);
  EXPECT_EQ(within.out.client.find("bo\""), std::string::npos);
  EXPECT_NE(within.out.client.find("\"error\""), std::string::npos);
  EXPECT_EQ(within.out.client.find("[DONE]"), std::string::npos);
}

TEST(exchange, a_client_that_goes_stops_the_upstream_and_is_on_record) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hi"));
  x.client_gone(0, t.out);
  EXPECT_TRUE(t.out.abort_upstream);
  ASSERT_EQ(t.worker.records.size(), 1u);
  EXPECT_EQ(t.worker.records[0].reason, "client closed");
}

TEST(exchange, refuses_in_the_dialect_what_it_may_not_or_cannot_pass) {
  struct expected {
    std::string body, target, method;
    int status;
  };
  for (const auto& e : {expected{ask("x"), "/v1/unknown", "POST", 404}, {ask("x"), "/other", "POST", 404}, {"", "/v1/chat/completions", "GET", 405},
                        {ask("x"), "/v1/images/generations", "POST", 403}, {"{", "/v1/chat/completions", "POST", 400},
                        {R"({"messages":[],"messages":[]})", "/v1/chat/completions", "POST", 400},
                        {R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]})", "/v1/chat/completions", "POST", 400}}) {
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, e.body, e.target, e.method);
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 " + std::to_string(e.status))) << e.target << ": " << t.out.client.substr(0, 60);
    EXPECT_NE(t.out.client.find("\"error\""), std::string::npos);
    EXPECT_FALSE(t.out.connect.has_value());
    EXPECT_NE(t.out.client.find("x-sluice-verdict: block\r\n"), std::string::npos);
    ASSERT_EQ(t.worker.records.size(), 1u);
    EXPECT_TRUE(t.worker.records[0].request_refused);
    std::uint64_t counted = 0;
    for (const auto& each : t.worker.counters().refused) counted += each.value();
    EXPECT_EQ(counted, 1u);
    EXPECT_EQ(t.out.client.find("\r\nallow: POST\r\n") != std::string::npos, e.status == 405);
    EXPECT_FALSE(t.worker.records[0].reason.empty());
  }
}

// Whoever is refused while his body is on its way cannot be read on; told so, he asks again on another connection.
TEST(exchange, an_answer_that_ends_the_connection_says_so) {
  const auto answered = [](trace& t, const std::string& body, const std::string& target) {
    exchange x(t.config, t.worker);
    t.request(x, body, target, "POST");
    const bool said = t.out.client.find("\r\nConnection: close\r\n") != std::string::npos || t.out.client.find("\r\nconnection: close\r\n") != std::string::npos;
    EXPECT_EQ(said, t.out.close_client) << t.out.client;
    return t.out.close_client;
  };
  trace full;
  full.worker.full = true;
  EXPECT_TRUE(answered(full, ask("x"), "/v1/chat/completions"));
  EXPECT_TRUE(full.out.client.starts_with("HTTP/1.1 503")) << full.out.client;
  trace unknown, read;
  EXPECT_TRUE(answered(unknown, ask("x"), "/v1/unknown"));
  EXPECT_FALSE(answered(read, "{", "/v1/chat/completions")) << "its body was read to the end";
  trace large;
  large.config.request_body_max = 4;
  EXPECT_TRUE(answered(large, ask("x"), "/v1/chat/completions"));
}

TEST(exchange, a_body_where_none_belongs_is_as_unknown_as_any_part) {
  for (const auto& [method, target] : {std::pair{"GET", "/v1/models"}, {"DELETE", "/v1/responses/resp_1"}}) {
    for (const auto how : {unreadable_policy::deny, unreadable_policy::pass}) {
      trace t;
      t.config.unknown_part = how;
      exchange x(t.config, t.worker);
      t.request(x, R"({"x":"bomb"})", target, method);
      EXPECT_EQ(t.out.connect.has_value(), how == unreadable_policy::pass) << method;
      if (how == unreadable_policy::pass) continue;
      EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 400")) << t.out.client;
      EXPECT_EQ(t.worker.records.back().reason, "unreadable: unknown part");
    }
    for (const std::string nothing : {"", "{}", " {} \n"}) {
      trace t;
      exchange x(t.config, t.worker);
      t.request(x, nothing, target, method);
      EXPECT_TRUE(t.out.connect.has_value()) << method << nothing;
    }
  }
}

TEST(exchange, has_a_direction_when_something_is_missing) {
  trace unknown;
  unknown.worker.unknown = true;
  exchange a(unknown.config, unknown.worker);
  unknown.request(a, ask("x"));
  EXPECT_TRUE(unknown.out.client.starts_with("HTTP/1.1 401 "));
  trace full;
  full.worker.full = true;
  exchange b(full.config, full.worker);
  full.request(b, ask("x"));
  EXPECT_TRUE(full.out.client.starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(full.worker.without_place, 1);
  trace none;
  none.worker.active_->snapshot = policy::snapshot::deny_all();
  exchange c(none.config, none.worker);
  none.request(c, ask("x"));
  EXPECT_TRUE(none.out.client.starts_with("HTTP/1.1 503 "));
  trace old;
  old.worker.active_->refuse_all = true;
  exchange d(old.config, old.worker);
  old.request(d, ask("x"));
  EXPECT_TRUE(old.out.client.starts_with("HTTP/1.1 503 "));
}

TEST(exchange, the_global_shadow_passes_everything_unchanged_and_says_what_would_have_been) {
  trace t;
  t.config.global_shadow = true;
  exchange x(t.config, t.worker);
  const auto body = ask("a bomb at the rival bank", true);
  t.request(x, body);
  ASSERT_TRUE(t.out.connect.has_value());
  EXPECT_TRUE(t.out.upstream_request.ends_with(body));
  const auto answer = event("a bo") + event("mb") + "data: [DONE]\n\n";
  t.answer(x, sse_head, answer);
  x.upstream_end(t.out);
  EXPECT_NE(t.out.client.find("mb"), std::string::npos);
  EXPECT_EQ(t.worker.records.back().request.verdict, policy::verdict::allow);
  EXPECT_EQ(t.worker.records.back().request.shadow_verdict, policy::verdict::block);
  EXPECT_EQ(t.worker.records.back().response.shadow_verdict, policy::verdict::block);
}

using counts = std::vector<std::pair<std::string, std::uint64_t>>;

// What the client got behind the head, chunks joined.
std::string whole_body_of(const std::string& client) {
  auto rest = std::string_view(client).substr(client.find("\r\n\r\n") + 4);
  http::body_reader reader(http::framing::chunked, 0);
  std::string out;
  for (;;) {
    std::size_t used = 0;
    std::string_view payload;
    const auto got = reader.feed(rest, used, payload);
    rest.remove_prefix(used);
    out += payload;
    if (got != http::body_reader::status::more || used == 0) return got == http::body_reader::status::done ? out : out + "(not whole)";
  }
}

TEST(exchange, the_global_shadow_lets_a_stream_on_that_cannot_be_read_and_records_how_much) {
  const auto good = event("a bo") + event("mb now");
  const std::string twice = "data: {\"choices\":[],\"choices\":[]}\n\n";
  const auto huge = "data: {\"x\":\"" + std::string((1u << 20) + 1, 'x') + "\"}\n\n";
  for (const auto& bad : {twice, huge, std::string("data: \x1f\x8b\n\n")}) {
    const auto all = good + bad + event("behind") + "data: [DONE]\n\n";
    for (const std::size_t step : {std::size_t{7}, std::size_t{1000}, all.size()}) {
      if (step == 7 && bad.size() > 1000) continue;
      trace t;
      t.config.global_shadow = true;
      exchange x(t.config, t.worker);
      t.request(x, ask("x", true));
      t.answer(x, sse_head, "");
      for (std::size_t at = 0; at < all.size(); at += step) x.upstream_body(std::string_view(all).substr(at, step), t.out);
      x.upstream_end(t.out);
      EXPECT_TRUE(whole_body_of(t.out.client) == all) << step;
      EXPECT_FALSE(t.out.abort_upstream);
      ASSERT_EQ(t.worker.records.size(), 2u);
      const auto& closed = t.worker.records.back();
      EXPECT_EQ(closed.kind, report_kind::closed);
      EXPECT_EQ(closed.response.findings.size(), 1u);
      EXPECT_EQ(closed.response.verdict, policy::verdict::allow);
      EXPECT_EQ(closed.response.shadow_verdict, policy::verdict::block);
      EXPECT_TRUE(closed.reason.starts_with("unreadable: ")) << closed.reason;
      EXPECT_EQ(closed.unscanned, (counts{{"unreadable answer", all.size() - good.size()}}));
    }
  }
}

TEST(exchange, the_global_shadow_passes_compressed_answers_that_cannot_be_read_as_they_came) {
  for (const char* type : {"text/event-stream", "application/json"}) {
    trace t;
    t.config.global_shadow = true;
    exchange x(t.config, t.worker);
    t.request(x, ask("x", true));
    t.answer(x, "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", "\x1f\x8b raw");
    x.upstream_end(t.out);
    EXPECT_EQ(whole_body_of(t.out.client), "\x1f\x8b raw");
    EXPECT_NE(t.out.client.find("Content-Encoding: gzip\r\n"), std::string::npos);
    ASSERT_FALSE(t.worker.records.empty());
    EXPECT_EQ(t.worker.records.back().unscanned, (counts{{"compressed answer", 6}}));
    EXPECT_EQ(t.worker.records.back().reason, "unreadable: compressed answer: it is no gzip, or changed");
  }
}

TEST(exchange, the_global_shadow_passes_requests_that_cannot_be_read_and_their_answers) {
  struct unread {
    std::string fields, body, why;
  };
  for (const auto& each : {unread{"", R"({"messages":[],"messages":[]})", "unreadable request"}, unread{"Content-Encoding: gzip\r\n", "\x1f\x8b", "compressed request"}}) {
    trace t;
    t.config.global_shadow = true;
    t.fields = each.fields;
    exchange x(t.config, t.worker);
    t.request(x, each.body);
    ASSERT_TRUE(t.out.connect.has_value()) << t.out.client;
    EXPECT_TRUE(t.out.upstream_request.ends_with("\r\n\r\n" + each.body));
    EXPECT_NE(t.out.upstream_request.find(each.fields), std::string::npos);
    t.answer(x, sse_head, event("a bomb"));
    x.upstream_end(t.out);
    EXPECT_EQ(whole_body_of(t.out.client), event("a bomb"));
    ASSERT_EQ(t.worker.records.size(), 1u);
    const auto& record = t.worker.records[0];
    EXPECT_EQ(record.unscanned, (counts{{each.why, each.body.size() + event("a bomb").size()}}));
    EXPECT_FALSE(record.request_refused);
    EXPECT_EQ(record.request.shadow_verdict, policy::verdict::block);
    EXPECT_TRUE(record.reason.starts_with("unreadable: "));
    for (const auto& [reason, bytes] : record.unscanned) EXPECT_NE(std::ranges::find(unscanned_reasons, reason), unscanned_reasons.end());
  }
}

TEST(exchange, what_passes_unscanned_for_one_reason_is_one_sum) {
  trace t;
  t.config.attachments.fill(unreadable_policy::pass);
  exchange x(t.config, t.worker);
  t.request(x, R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}},{"type":"image_url","image_url":{"url":"v"}}]}]})");
  ASSERT_TRUE(t.out.connect.has_value());
  t.answer(x, "HTTP/1.1 204 No Content\r\n\r\n", "");
  ASSERT_EQ(t.worker.records.size(), 1u);
  ASSERT_EQ(t.worker.records[0].unscanned.size(), 1u);
  EXPECT_NE(std::ranges::find(unscanned_reasons, t.worker.records[0].unscanned[0].first), unscanned_reasons.end());
}

TEST(exchange, an_answer_that_the_client_left_is_counted_once) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("a bomb"));
  x.client_gone(10, t.out);
  ASSERT_EQ(t.worker.records.size(), 2u);
  EXPECT_EQ(t.worker.records.back().kind, report_kind::aborted);
  EXPECT_EQ(t.worker.counters().blocked.value(), 1u);
}

TEST(exchange, a_route_by_upstream_is_the_one_with_the_longest_prefix) {
  for (const auto& [target, route] : {std::pair{"/v1/chat/completions", "chat"}, {"/v1/embeddings", "all"}, {"/v1/chatty", "all"}, {"/v2/chat", ""}}) {
    trace t;
    t.config.route_is_upstream = true;
    t.config.upstreams = {{"all", &wire::openai(), {"/v1"}, "a.example", ""}, {"chat", &wire::openai(), {"/v1/chat"}, "b.example", ""}};
    exchange x(t.config, t.worker);
    t.request(x, ask("a bomb"), target);
    ASSERT_EQ(t.worker.records.size(), 1u) << target;
    EXPECT_EQ(t.worker.records[0].route, route) << target;
  }
}

TEST(exchange, refuses_an_unknown_caller_in_the_dialect_of_the_path) {
  trace t;
  t.worker.unknown = true;
  t.config.upstreams.push_back({"claude", wire::find_dialect("anthropic"), {"/v1/messages"}, "c.example", ""});
  exchange x(t.config, t.worker);
  t.request(x, ask("x"), "/v1/messages");
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 401 "));
  EXPECT_NE(t.out.client.find("\"type\":\"authentication_error\""), std::string::npos) << t.out.client;
}

TEST(exchange, a_stream_on_a_snapshot_that_has_to_go_is_cut_off_and_what_is_held_is_dropped) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hello", true));
  t.answer(x, sse_head, event("fine bom"));  // a rule waits for the rest of its word
  x.supersede(policy::snapshot::deny_all().get(), t.out);
  EXPECT_FALSE(t.out.done) << "another one";
  x.supersede(t.worker.active_->snapshot.get(), t.out);
  EXPECT_TRUE(t.out.done && t.out.abort_upstream);
  EXPECT_NE(t.out.client.find("\"finish_reason\":\"content_filter\""), std::string::npos) << t.out.client;
  EXPECT_EQ(t.out.client.find("bom"), std::string::npos) << t.out.client;
  EXPECT_TRUE(t.out.client.ends_with("0\r\n\r\n"));
  ASSERT_EQ(t.worker.records.size(), 2u);
  EXPECT_EQ(t.worker.records[1].kind, report_kind::closed);
  EXPECT_EQ(t.worker.records[1].reason, "policy_superseded");
  EXPECT_EQ(t.worker.counters().refused[static_cast<std::size_t>(refusal::policy_superseded)].value(), 1u);
  EXPECT_EQ(t.worker.counters().blocked.value(), 1u);
}

TEST(exchange, an_answer_that_is_awaited_when_its_snapshot_has_to_go_becomes_no_stream) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hello", true));
  x.supersede(t.worker.active_->snapshot.get(), t.out);
  EXPECT_FALSE(t.out.done);
  t.answer(x, sse_head, "");
  EXPECT_TRUE(t.out.done && t.out.abort_upstream);
  EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 503 ")) << t.out.client;
  EXPECT_EQ(t.worker.records.back().reason, "policy_superseded");
  // One in a piece comes through: it ends by itself.
  trace plain;
  exchange y(plain.config, plain.worker);
  plain.request(y, ask("hello"));
  y.supersede(plain.worker.active_->snapshot.get(), plain.out);
  plain.answer(y, json_head, R"({"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]})");
  y.upstream_end(plain.out);
  EXPECT_TRUE(plain.out.client.starts_with("HTTP/1.1 200 ")) << plain.out.client;
}

TEST(exchange, a_head_that_the_guard_refuses_is_answered_with_the_guards_status) {
  for (const int status : {400, 408, 414, 417, 431, 501, 503, 505}) {
    trace t;
    exchange x(t.config, t.worker);
    x.refuse_head({status, "why"}, {"127.0.0.1"}, t.out);
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 " + std::to_string(status) + " ")) << t.out.client.substr(0, 40);
    EXPECT_NE(t.out.client.find("x-should-retry: false\r\n"), std::string::npos);
    EXPECT_TRUE(t.out.close_client);
  }
  trace slow;
  exchange x(slow.config, slow.worker);
  http::request_head head;
  head.method = "POST";
  head.path = head.target = "/v1/chat/completions";
  x.begin(head, {"127.0.0.1"}, slow.out);
  x.expired(slow.out);
  EXPECT_TRUE(slow.out.client.starts_with("HTTP/1.1 408 "));
}

TEST(exchange, the_answer_to_head_says_how_long_the_body_would_be) {
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, "", "/v1/models", "HEAD");
  ASSERT_TRUE(t.out.connect.has_value());
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1234\r\n\r\n";
  http::response_head head;
  std::size_t used = 0;
  http::refusal why;
  ASSERT_EQ(http::parse_response_head(text, {}, true, head, used, why), http::parse_status::complete);
  x.upstream_head(head, t.out);
  EXPECT_NE(t.out.client.find("\r\nContent-Length: 1234\r\n"), std::string::npos) << t.out.client;
  EXPECT_TRUE(t.out.client.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace sluice::proxy
