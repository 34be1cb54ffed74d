// Text that a stream holds for its rules, in every dialect: it is bounded in bytes and in time, a client that waits for it is kept alive,
// and when the upstream dies it goes nowhere. Time is what the test says that it is: quiet(), expired() and a failure are calls.
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

// How a dialect begins to say something, goes on and ends.
struct speech {
  std::string path, body, type, opens;
  std::function<std::string(const std::string& text)> says;
  std::string closes;
  std::string sign_of_life, error, cut;  // what a client finds in the bytes
};

std::vector<speech> speeches() {
  const auto with = [](std::string before, std::string after) {
    return [before, after](const std::string& text) { return before + text + after; };
  };
  const std::string responses_at = R"("item_id":"m","output_index":0,"content_index":0)";
  return {
      {"/v1/chat/completions", ask("hi", true), "text/event-stream", "", with(R"(data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":")", R"("},"finish_reason":null}]})" "\n\n"),
       R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" "\n\ndata: [DONE]\n\n", ": held\n\n", R"(data: {"error":{"message":)", "content_filter"},
      {"/v1/completions", R"({"model":"m","prompt":"x","stream":true})", "text/event-stream", "", with(R"(data: {"choices":[{"index":0,"text":")", R"(","finish_reason":null}]})" "\n\n"),
       R"(data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]})" "\n\ndata: [DONE]\n\n", ": held\n\n", R"(data: {"error":{"message":)", "content_filter"},
      {"/v1/responses", R"({"model":"m","input":"x","stream":true})", "text/event-stream",
       R"(data: {"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","status":"in_progress","output":[]}})" "\n\n"
       R"(data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"m","type":"message","role":"assistant","status":"in_progress","content":[]}})" "\n\n",
       with(R"(data: {"type":"response.output_text.delta","sequence_number":2,)" + responses_at + R"(,"delta":")", R"("})" "\n\n"),
       R"(data: {"type":"response.completed","sequence_number":9,"response":{"id":"r","object":"response","status":"completed","output":[]}})" "\n\n", ": held\n\n", "event: error\n", "response.incomplete"},
      {"/v1/messages", R"({"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]})", "text/event-stream",
       "event: message_start\n" R"(data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"m","usage":{"output_tokens":1}}})" "\n\n"
       "event: content_block_start\n" R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})" "\n\n",
       with("event: content_block_delta\n" R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":")", R"("}})" "\n\n"),
       "event: content_block_stop\n" R"(data: {"type":"content_block_stop","index":0})" "\n\nevent: message_stop\n" R"(data: {"type":"message_stop"})" "\n\n", ": held\n\n", "event: error\n", R"("stop_reason":"refusal")"},
      {"/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[{"parts":[{"text":"hi"}]}]})", "text/event-stream", "",
       with(R"(data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":")", R"("}]}}]})" "\r\n\r\n"),
       R"(data: {"candidates":[{"index":0,"finishReason":"STOP"}]})" "\r\n\r\n", "\n2\r\n\r\n\r\n", R"(data: {"error":{"code":)", "SAFETY"},
      {"/v1beta/models/m:streamGenerateContent", R"({"contents":[{"parts":[{"text":"hi"}]}]})", "application/json", "[",
       with(R"({"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":")", R"("}]}}]})"), R"(,{"candidates":[{"index":0,"finishReason":"STOP"}]}])", "\n1\r\n\n\r\n", R"({"error":{"code":)", "SAFETY"},
      {"/api/chat", R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", "application/x-ndjson", "",
       with(R"({"model":"m","created_at":"t","message":{"role":"assistant","content":")", R"("},"done":false})" "\n"), R"({"model":"m","message":{"role":"assistant","content":""},"done":true})" "\n",
       R"("message":{"role":"assistant","content":""},"done":false})", R"({"error":")", "content_filter"},
      {"/api/generate", R"({"model":"m","prompt":"hi"})", "application/x-ndjson", "", with(R"({"model":"m","created_at":"t","response":")", R"(","done":false})" "\n"), R"({"model":"m","response":"","done":true})" "\n",
       R"("response":"","done":false})", R"({"error":")", "content_filter"},
  };
}

struct held : trace {
  explicit held(const speech& of, const std::string& yaml = policy_yaml, std::uint64_t bytes_max = 64u << 20) : trace(yaml), x(config, worker) {
    config.response_body_max = bytes_max;
    config.upstreams = {{"openai", &wire::openai(), {"/v1"}, "h", ""}, {"anthropic", &wire::anthropic(), {"/v1/messages"}, "h", ""},
                        {"gemini", &wire::gemini(), {"/v1beta"}, "h", ""}, {"ollama", &wire::ollama(), {"/api"}, "h", ""}};
    request(x, of.body, of.path);
    EXPECT_TRUE(out.connect.has_value()) << of.path << out.client;
    answer(x, "HTTP/1.1 200 OK\r\nContent-Type: " + of.type + "\r\nTransfer-Encoding: chunked\r\n\r\n", of.opens);
  }
  // What leaves for what happens.
  std::string on(const std::function<void()>& what) {
    out.client.clear();
    what();
    return out.client;
  }
  std::string says(const std::string& bytes) {
    return on([&] { x.upstream_body(bytes, out); });
  }
  std::string quiet() {
    return on([&] { x.quiet(out); });
  }
  exchange x;
};

TEST(held, text_is_waited_for_with_signs_of_life_that_clients_read_over) {
  for (const auto& of : speeches()) {
    held h(of);
    EXPECT_TRUE(h.x.streaming());
    const auto first = h.says(of.says("at the rival"));
    EXPECT_NE(first.find("at the "), std::string::npos) << of.path << first;
    EXPECT_EQ(first.find("rival"), std::string::npos) << of.path;
    EXPECT_EQ(h.quiet(), "") << "something left since the last time";
    for (int i = 0; i < 3; ++i) {
      const auto sign = h.quiet();
      EXPECT_NE(("\n" + sign).find(of.sign_of_life), std::string::npos) << of.path << sign;
      EXPECT_EQ(sign.find("rival"), std::string::npos);
    }
    const auto sep = of.opens == "[" ? "," : "";
    EXPECT_NE(h.says(sep + of.says("ry")).find("rivalry"), std::string::npos) << of.path << h.out.client;
    EXPECT_EQ(h.quiet(), "") << of.path;
    EXPECT_EQ(h.quiet(), "") << of.path << ": nothing is held, so the silence is the upstream's";
    (void)h.says(of.closes);
    (void)h.on([&] { h.x.upstream_end(h.out); });
    EXPECT_TRUE(h.out.done) << of.path;
    EXPECT_EQ(h.worker.records.back().response.verdict, policy::verdict::allow);
  }
}

// Death, silence and an answer that takes too long are one to what is held.
TEST(held, text_of_an_upstream_that_dies_goes_nowhere_and_the_error_is_the_dialects) {
  for (const auto& of : speeches()) {
    for (const auto what : {std::optional(upstream_failure::reset), std::optional(upstream_failure::idle_timeout), std::optional<upstream_failure>()}) {
      held h(of);
      (void)h.says(of.says("at the rival"));
      const auto last = h.on([&] { what ? h.x.upstream_failed(*what, "gone", h.out) : h.x.expired(h.out); });
      EXPECT_EQ(last.find("rival"), std::string::npos) << of.path << last;
      EXPECT_NE(last.find(of.error), std::string::npos) << of.path << last;
      EXPECT_EQ(last.find(of.cut), std::string::npos) << of.path << ": no rule ended it: " << last;
      EXPECT_TRUE(h.out.done && h.out.close_client) << of.path;
      EXPECT_EQ(h.quiet(), "");
    }
  }
}

// What an error is, a client reads from it in a stream as it does in an answer of its own.
TEST(held, text_of_an_upstream_that_is_silent_ends_in_an_error_that_says_so) {
  struct words {
    const char *path, *lost, *late;
  };
  const auto all = speeches();
  for (const auto& [path, lost, late] : std::initializer_list<words>{{"/v1/chat/completions", R"("code":"upstream_error")", R"("code":"upstream_timeout")"},
                                                                     {"/v1/completions", R"("code":"upstream_error")", R"("code":"upstream_timeout")"},
                                                                     {"/v1/responses", R"("code":"upstream_error")", R"("code":"upstream_timeout")"},
                                                                     {"/v1/messages", R"("type":"api_error")", R"("type":"timeout_error")"},
                                                                     {"/v1beta/models/m:streamGenerateContent?alt=sse", R"("code":502)", R"("code":504)"},
                                                                     {"/v1beta/models/m:streamGenerateContent", R"("status":"UNAVAILABLE")", R"("status":"DEADLINE_EXCEEDED")"}}) {
    const auto& of = *std::ranges::find(all, path, &speech::path);
    for (const auto what : {std::optional(upstream_failure::reset), std::optional(upstream_failure::idle_timeout), std::optional<upstream_failure>()}) {
      held h(of);
      (void)h.says(of.says("at the rival"));
      const auto last = h.on([&] { what ? h.x.upstream_failed(*what, "gone", h.out) : h.x.expired(h.out); });
      EXPECT_NE(last.find(what == upstream_failure::reset ? lost : late), std::string::npos) << path << last;
    }
  }
}

std::string whole(const std::string& action) {
  return R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: word
    direction: response
    match: {keywords: [rival bank]}
    action: )" + action + R"(
    stream: {hold: full}
    tests: [{name: a, response: the rival bank, expect: {rules: [word]}}, {name: b, response: nothing, expect: {rules: []}}]
)";
}

TEST(held, an_answer_that_a_rule_wants_whole_is_blocked_before_anything_of_it_left) {
  for (const auto& of : speeches()) {
    for (const bool waits : {false, true}) {
      held h(of, whole("{type: block, message: Not this.}"));
      const auto sep = of.opens == "[" ? "," : "";
      EXPECT_EQ(h.out.client, "") << of.path << ": not even what opens it";
      EXPECT_EQ(h.says(of.says("you may like the ")), "") << of.path;
      std::string all;
      if (waits) {
        all = h.quiet();
        EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << of.path << all;
        EXPECT_NE(("\n" + all).find(of.sign_of_life), std::string::npos) << of.path << all;
      }
      EXPECT_EQ(h.says(sep + of.says("rival bank")), "") << of.path;
      all += h.says(of.closes);
      if (!h.out.done) all += h.on([&] { h.x.upstream_end(h.out); });
      EXPECT_TRUE(h.out.done && h.out.abort_upstream) << of.path;
      EXPECT_EQ(all.find("may like"), std::string::npos) << of.path << all;
      EXPECT_EQ(all.find("rival"), std::string::npos) << of.path << all;
      EXPECT_TRUE(all.starts_with(waits ? "HTTP/1.1 200" : "HTTP/1.1 400")) << of.path << all;
      EXPECT_NE(all.find(waits ? of.cut : "Not this."), std::string::npos) << of.path << all;
      EXPECT_EQ(h.worker.records.back().status, waits ? 200 : 400);
      EXPECT_EQ(h.worker.records.back().response.verdict, policy::verdict::block);
    }
  }
}

TEST(held, an_answer_that_a_rule_wants_whole_leaves_at_its_end_as_it_came_or_edited) {
  for (const auto& of : speeches()) {
    for (const bool edits : {false, true}) {
      held h(of, whole("{type: redact, mask: \"[R]\"}"));
      const auto sep = of.opens == "[" ? "," : "";
      std::string all = h.says(of.says("you may like the ") + sep + of.says(edits ? "rival bank" : "rivalry"));
      EXPECT_EQ(all, "") << of.path;
      all += h.says(of.closes);
      all += h.on([&] { h.x.upstream_end(h.out); });
      EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << of.path << all;
      EXPECT_NE(all.find("you may like the "), std::string::npos) << of.path << all;
      EXPECT_NE(all.find(edits ? "[R]" : "rivalry"), std::string::npos) << of.path << all;
      EXPECT_EQ(all.find("rival bank"), std::string::npos) << of.path;
      EXPECT_EQ(h.quiet(), "");
    }
  }
}

TEST(held, an_answer_that_a_rule_wants_whole_and_whose_upstream_dies_is_an_error) {
  for (const auto& of : speeches()) {
    for (const bool waits : {false, true}) {
      held h(of, whole("{type: redact, mask: \"[R]\"}"));
      std::string all = h.says(of.says("you may like the "));
      if (waits) all += h.quiet();
      all += h.on([&] { h.x.upstream_failed(upstream_failure::reset, "gone", h.out); });
      EXPECT_TRUE(all.starts_with(waits ? "HTTP/1.1 200" : "HTTP/1.1 502")) << of.path << all;
      EXPECT_EQ(all.find("may like"), std::string::npos) << of.path << all;
      if (waits) EXPECT_NE(all.find(of.error), std::string::npos) << of.path << all;
    }
  }
}

TEST(held, text_has_a_bound_in_bytes_behind_which_the_answer_ends) {
  for (const auto& of : speeches()) {
    held h(of, whole("{type: redact, mask: \"[R]\"}"), 1000);
    const auto sep = of.opens == "[" ? "," : "";
    std::string all = h.says(of.says(std::string(400, 'x')));
    all += h.says(sep + of.says(std::string(400, 'x')));
    EXPECT_FALSE(h.out.done) << of.path << all;
    all += h.says(sep + of.says(std::string(400, 'x')));
    EXPECT_TRUE(h.out.done && h.out.abort_upstream) << of.path;
    EXPECT_EQ(all.find("xxx"), std::string::npos) << of.path;
    EXPECT_TRUE(all.starts_with("HTTP/1.1 502")) << of.path << all;
    EXPECT_EQ(h.worker.records.back().reason, "unreadable: more text is held for its rules than limits.response_body");
  }
}

// Where text may be put behind an answer, what follows the end of a text waits with it.
TEST(held, events_that_wait_for_the_end_of_an_answer_count_as_its_text_does) {
  const std::string adds = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: adds
    direction: response
    match: {keywords: [rival bank]}
    action: {type: append, text: " That is all.", on_structured: skip}
    tests: [{name: a, response: the rival bank, expect: {rules: [adds]}}, {name: b, response: nothing, expect: {rules: []}}]
)";
  const auto all = speeches();
  const auto of = std::ranges::find(all, "/v1/messages", &speech::path);
  held h(*of, adds, 10'000);
  (void)h.says(of->says("at the rival bank"));
  (void)h.says("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
  const std::string waits = "event: message_delta_of_another_kind\ndata: {\"type\":\"new_event\"}\n\n";
  std::size_t n = 0;
  std::string last;
  for (; n < 1000 && !h.out.done; ++n) last = h.says(waits);
  EXPECT_LT(n, 10'000 / waits.size());
  EXPECT_GT(n, 40u);
  EXPECT_TRUE(h.out.abort_upstream);
  EXPECT_NE(last.find(of->cut), std::string::npos) << last;
  EXPECT_EQ(h.worker.records.back().reason, "unreadable: more text is held for its rules than limits.response_body");
}

// What a stream says behind the text of its choice: the end of that, and more words.
struct last_words {
  std::string path, bytes;
};

std::vector<last_words> last_words_of_each() {
  return {
      {"/v1/chat/completions", R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" "\n\n" R"(data: {"choices":[],"note":"Some words."})" "\n\ndata: [DONE]\n\n"},
      {"/v1/responses", R"(data: {"type":"response.completed","sequence_number":9,"response":{"id":"r","object":"response","status":"completed","output":[],"note":"Some words."}})" "\n\n"},
      {"/v1/messages", "event: content_block_stop\n" R"(data: {"type":"content_block_stop","index":0})" "\n\nevent: message_delta\n" R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}})" "\n\n"
                       "event: message_stop\n" R"(data: {"type":"message_stop","note":"Some words."})" "\n\n"},
      {"/v1beta/models/m:streamGenerateContent?alt=sse", R"(data: {"candidates":[{"index":0,"finishReason":"STOP"}]})" "\r\n\r\n" R"(data: {"note":"Some words."})" "\r\n\r\n"},
      {"/v1beta/models/m:streamGenerateContent", R"(,{"candidates":[{"index":0,"finishReason":"STOP"}]},{"note":"Some words."}])"},
      {"/api/chat", R"({"model":"m","message":{"role":"assistant","content":""},"note":"Some words.","done":true})" "\n"},
      {"/api/generate", R"({"model":"m","response":"","note":"Some words.","done":true})" "\n"},
  };
}

std::string rewritten_as(const std::string& instead) {
  return R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
disclaimers:
  general: {text: No advice.}
rules:
  - id: advice
    direction: response
    match: {keywords: [invest]}
    action: {type: require_disclaimer, disclaimer: general, on_missing: rewrite, replacement: )" + instead + R"(}
    stream: {hold: full}
    tests: [{name: a, response: do invest, expect: {rules: [advice]}}, {name: b, response: nothing, expect: {rules: []}}]
)";
}

// Completions is not among them: it has no place for a text instead of another.
TEST(held, text_may_be_rewritten_to_a_longer_one_and_more_may_follow) {
  const auto all = speeches();
  for (const auto& last : last_words_of_each()) {
    const auto& of = *std::ranges::find(all, last.path, &speech::path);
    const std::string instead(200, 'w');
    held h(of, rewritten_as(instead));
    auto left = h.says(of.says("Do invest.")) + h.says(last.bytes);
    if (!h.out.done) left += h.on([&] { h.x.upstream_end(h.out); });
    EXPECT_NE(left.find(instead), std::string::npos) << of.path << left;
    EXPECT_NE(left.find("Some words."), std::string::npos) << of.path << left;
    EXPECT_EQ(left.find("invest"), std::string::npos) << of.path << left;
    EXPECT_TRUE(h.out.done && !h.out.abort_upstream) << of.path << left;
    EXPECT_EQ(h.worker.records.back().reason, "") << of.path;
  }
}

TEST(held, text_that_was_rewritten_to_a_shorter_one_is_held_no_more) {
  held h(speeches().front(), rewritten_as("Withdrawn."), 10'000);
  const std::string said = "Do invest. " + std::string(4000, 'x');
  std::string left;
  for (int i = 0; i < 5; ++i) {
    const auto of = R"(data: {"choices":[{"index":)" + std::to_string(i);
    left += h.says(of + R"(,"delta":{"content":")" + said + R"("},"finish_reason":null}]})" + "\n\n" + of + R"(,"delta":{},"finish_reason":"stop"}]})" + "\n\n");
  }
  left += h.says("data: [DONE]\n\n") + h.on([&] { h.x.upstream_end(h.out); });
  std::size_t withdrawn = 0;
  for (auto at = left.find("Withdrawn."); at != std::string::npos; at = left.find("Withdrawn.", at + 1)) ++withdrawn;
  EXPECT_EQ(withdrawn, 5u) << left;
  EXPECT_EQ(h.worker.records.back().reason, "");
}

// In shadow the client has had it, so that nothing need be held, and the rest passes unread.
TEST(held, text_past_its_bound_stops_nothing_in_shadow_and_is_not_followed_any_further) {
  for (const auto& of : speeches()) {
    held h(of, whole("{type: redact, mask: \"[R]\"}"), 1000);
    h.config.global_shadow = true;
    const auto sep = of.opens == "[" ? "," : "";
    for (int i = 0; i < 5; ++i) {
      const auto piece = (i == 0 ? "" : sep) + of.says(std::string(400, 'x'));
      EXPECT_NE(h.says(piece).find(piece), std::string::npos) << of.path;
    }
    EXPECT_NE(h.says(of.closes).find(of.closes), std::string::npos) << of.path;
    (void)h.on([&] { h.x.upstream_end(h.out); });
    EXPECT_TRUE(h.out.done && !h.out.abort_upstream) << of.path;
    const auto& record = h.worker.records.back();
    EXPECT_EQ(record.reason, "unreadable: more text is held for its rules than limits.response_body") << of.path;
    EXPECT_FALSE(record.unscanned.empty()) << of.path;
  }
}

}  // namespace
}  // namespace sluice::proxy
