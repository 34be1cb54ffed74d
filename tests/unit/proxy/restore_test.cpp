// Values that leave as tokens and come back: whole exchanges, many at once. Goal: a thousand conversations, interleaved and cut at
// every byte, each have their own value back, and no upstream sees one.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/proxy/exchange.hpp"

namespace sluice::proxy {
namespace {

// Accounts of an invented form, so that there can be as many as are wanted.
const std::string policy_yaml = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: account
    direction: both
    match: {regex: '\bACC-[0-9]{6}\b'}
    action: {type: tokenize, token: "<ACCOUNT_{n}>", restore: true}
    tests: [{name: a, request: ACC-123456, expect: {rules: [account], text: "<ACCOUNT_1>"}}, {name: b, request: nothing, expect: {rules: []}}]
  - id: word
    direction: response
    match: {keywords: [quoted]}
    action: {type: redact, mask: "[W]"}
    tests: [{name: a, response: "a \"quoted\" word", expect: {rules: [word]}}, {name: b, response: nothing, expect: {rules: []}}]
  - id: text
    direction: request
    match: {regex: 'NOTE<[^>]*>'}
    action: {type: tokenize, restore: true}
    tests: [{name: a, request: "NOTE<a>", expect: {rules: [text], text: "<TOKEN_1>"}}, {name: b, request: nothing, expect: {rules: []}}]
)";

class fake_worker final : public services {
 public:
  fake_worker() {
    policy::bundle_source source;
    source.files.push_back(policy::make_source_file(
        "bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: [{use: p, bind: {scope: global}}]\n"));
    source.files.push_back(policy::make_source_file("p.yaml", policy_yaml));
    auto backend = match::in_process_backend();
    policy::shard_cache cache{""};
    const auto report = policy::build(source, parse_time("2026-11-23").value(), *backend, cache);
    EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
    active_->snapshot = report.snapshot;
    active_->activation = {1, 1};
    active_->freshness = policy::freshness::fresh;
  }
  mono_time mono() override { return now().mono; }
  instant now() override { return {mono_time(microseconds(++time_)), wall_time(microseconds(time_))}; }
  std::shared_ptr<const policy::active_policy> pin() override { return active_; }
  policy::scratch& scratch() override { return scratch_; }
  result<identity> identify(const http::request_head& head, const peer_info&) override {
    identity who{{}, "caller"};
    who.who.conversation = head.get("x-conversation");
    who.who.tenant = head.get("x-tenant");
    return who;
  }
  std::string decision_id(const identity&, wall_time) override { return "d"; }
  bool reserve_records() override { return true; }
  void release_records(unsigned) override {}
  void recall_tags(policy::context&) override {}
  void keep_tags(const policy::context&, const std::vector<std::string>&) override {}
  void record(const exchange_report& r) override {
    edits = r.edits;
    request_edits = r.request_edits;
  }
  worker_counters& counters() override { return counters_; }
  std::uint32_t edits = 0, request_edits = 0;

 private:
  std::shared_ptr<policy::active_policy> active_ = std::make_shared<policy::active_policy>();
  std::int64_t time_ = 0;
  policy::scratch scratch_;
  worker_counters counters_;
};

// One client's exchange, and what it was answered.
class conversation {
 public:
  conversation(const settings& config, services& worker, const std::string& id, const std::string& tenant = "t") : exchange_(config, worker) {
    fields_ = "X-Conversation: " + id + "\r\nX-Tenant: " + tenant + "\r\n";
  }

  // What the upstream was sent.
  std::string ask(const std::string& text, bool stream) {
    const auto body = R"({"model":"m",)" + std::string(stream ? R"("stream":true,)" : "") + R"("messages":[{"role":"user","content":")" + text + R"("}]})";
    head_ = "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n" + fields_ + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    http::request_head head;
    std::size_t used = 0;
    http::refusal why;
    EXPECT_EQ(http::parse_request_head(head_, {}, head, used, why), http::parse_status::complete) << why.reason;
    exchange_.begin(head, {"127.0.0.1"}, out_);
    exchange_.request_body(body, out_);
    exchange_.request_end(out_);
    return out_.upstream_request;
  }
  void begin_answer(bool stream) {
    answer_ = stream ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                     : "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
    http::response_head head;
    std::size_t used = 0;
    http::refusal why;
    EXPECT_EQ(http::parse_response_head(answer_, {}, false, head, used, why), http::parse_status::complete) << why.reason;
    exchange_.upstream_head(head, out_);
  }
  void bytes(std::string_view text) { exchange_.upstream_body(text, out_); }
  void event(const std::string& delta, const std::string& finish = "null") {
    bytes(R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{)" + delta + R"(},"finish_reason":)" + finish + "}]}\n\n");
  }
  void end() { exchange_.upstream_end(out_); }
  [[nodiscard]] const std::string& received() const { return out_.client; }
  // The values of this field in all events, joined; as written in JSON.
  [[nodiscard]] std::string streamed(const std::string& field = "content") const {
    std::string out;
    const auto lead = "\"" + field + "\":\"";
    for (auto at = received().find(lead); at != std::string::npos; at = received().find(lead, at)) {
      for (at += lead.size(); received()[at] != '"'; ++at) {
        if (received()[at] == '\\') out += received()[at++];
        out += received()[at];
      }
    }
    return out;
  }

 private:
  exchange exchange_;
  effects out_;
  std::string fields_, head_, answer_;
};

settings make_settings() {
  settings s;
  s.upstreams.push_back({"mock", &wire::openai(), {"/v1"}, "mock.example", ""});
  s.token_key = "a key of tokens";
  return s;
}

std::string token_in(const std::string& text, const std::string& name = "<ACCOUNT_") {
  const auto at = text.find(name);
  return at == std::string::npos ? "" : text.substr(at, text.find('>', at) + 1 - at);
}

struct restoring : ::testing::Test {
  settings config = make_settings();
  fake_worker worker;
};

TEST_F(restoring, a_value_leaves_as_a_token_and_comes_back_in_the_answer) {
  conversation c(config, worker, "1");
  const auto sent = c.ask("about ACC-123456", false);
  EXPECT_EQ(sent.find("123456"), std::string::npos);
  const auto token = token_in(sent);
  ASSERT_EQ(token.size(), 10 + 12u) << sent;
  c.begin_answer(false);
  c.bytes(R"({"choices":[{"index":0,"message":{"role":"assistant","content":"caf\u00e9: )" + token + R"( is fine, https://x.example/)" + token +
          R"( is not, ACC-777777 is new"},"logprobs":{"content":[]}}]})");
  c.end();
  EXPECT_NE(c.received().find(R"("caf\u00e9: ACC-123456 is fine, https://x.example/)" + token + R"( is not, <ACCOUNT_)"), std::string::npos) << c.received();
  EXPECT_EQ(c.received().find("777777"), std::string::npos);
  EXPECT_NE(c.received().find(R"("logprobs":null)"), std::string::npos);
  EXPECT_EQ(worker.request_edits, 1u);
  EXPECT_EQ(worker.edits, 2u);
}

TEST_F(restoring, the_same_turn_again_has_the_same_token_and_another_conversation_does_not_know_it) {
  conversation first(config, worker, "1"), again(config, worker, "1"), other(config, worker, "2"), elsewhere(config, worker, "1", "u");
  const auto token = token_in(first.ask("ACC-123456", false));
  EXPECT_EQ(token_in(again.ask("so: ACC-123456 and ACC-111111", false)), token);
  EXPECT_NE(token_in(other.ask("ACC-123456", false)), token);
  EXPECT_NE(token_in(elsewhere.ask("ACC-123456", false)), token);
  // The token of one conversation in the answer, and in the client's own text, of another.
  conversation thief(config, worker, "2");
  EXPECT_NE(thief.ask("what is " + token + " and ACC-000000?", true).find(token), std::string::npos);
  thief.begin_answer(true);
  thief.event(R"("content":"it is )" + token + R"(")");
  thief.event("", "\"stop\"");
  thief.end();
  EXPECT_EQ(thief.streamed(), "it is " + token);
  EXPECT_EQ(worker.edits, 0u);
}

TEST_F(restoring, a_token_cut_at_every_byte_of_a_stream_comes_back_whole) {
  for (std::size_t cut = 0; cut <= 40; ++cut) {
    conversation c(config, worker, "1");
    const auto token = token_in(c.ask("ACC-123456", true));
    const auto text = "a quoted " + token + " and <ACC ACC-555555.";
    c.begin_answer(true);
    c.event(R"("role":"assistant","content":")" + text.substr(0, cut) + R"(")");
    c.event(R"("content":")" + text.substr(cut) + R"(")");
    c.event("", "\"stop\"");
    c.bytes("data: [DONE]\n\n");
    c.end();
    const auto got = c.streamed();
    EXPECT_TRUE(got.starts_with("a [W] ACC-123456 and <ACC <ACCOUNT_") && got.ends_with(">.")) << cut << got;
    EXPECT_EQ(c.received().find(token), std::string::npos);
    EXPECT_EQ(worker.edits, 3u);
  }
}

TEST_F(restoring, tool_calls_have_values_back_as_json_in_json) {
  const std::string value = R"(NOTE<say \"hi\" \\ now>)";  // as the client writes it in JSON
  for (const bool stream : {false, true}) {
    conversation c(config, worker, "1");
    const auto token = token_in(c.ask(value, stream), "<TOKEN_");
    ASSERT_FALSE(token.empty());
    c.begin_answer(stream);
    const auto arguments = R"({\"to\":\"x\",\"note\":\")" + token + R"(\",\"url\":\"https://x.example/)" + token + R"(\"})";
    if (stream) {
      c.event(R"("tool_calls":[{"index":0,"id":"i","type":"function","function":{"name":"f","arguments":""}}])");
      const auto middle = arguments.find("TOKEN_") + 4;
      for (const auto& piece : {arguments.substr(0, middle), arguments.substr(middle)}) c.event(R"("tool_calls":[{"index":0,"function":{"arguments":")" + piece + R"("}}])");
      c.event("", "\"tool_calls\"");
      c.end();
    } else {
      c.bytes(R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"i","type":"function","function":{"name":"f","arguments":")" + arguments +
              R"("}}]}}]})");
      c.end();
    }
    EXPECT_EQ(c.streamed("arguments"), R"({\"to\":\"x\",\"note\":\"NOTE<say \\\"hi\\\" \\\\ now>\",\"url\":\"https://x.example/)" + token + R"(\"})") << c.received();
    EXPECT_EQ(worker.edits, 1u);
  }
}

// JSON in a string of JSON, up to three deep, is still JSON when the value is back; in a text it is as the client wrote it.
TEST_F(restoring, a_value_in_json_in_a_string_is_escaped_for_each_string) {
  using nlohmann::json;
  const std::string value = R"(NOTE<say "hi" \ now>)";
  const auto in_json = [](const std::string& text) { return json(text).dump(); };
  const auto without_quotes = [](const std::string& text) { return text.substr(1, text.size() - 2); };
  const auto nested = [](const std::string& z) { return json{{"in", json{{"z", z}, {"deep", json{{"z", z}}.dump()}}.dump()}, {"z", z}}.dump(); };
  for (const std::size_t step : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    const auto answered = [&](const std::function<std::string(const std::string&)>& said) {
      conversation c(config, worker, "1");
      const auto token = token_in(c.ask(without_quotes(in_json(value)), step > 0), "<TOKEN_");
      EXPECT_FALSE(token.empty());
      const auto text = said(token);
      c.begin_answer(step > 0);
      for (std::size_t at = 0; step > 0 && at < text.size(); at += step) c.event("\"content\":" + in_json(text.substr(at, step)));
      if (step > 0) c.event("", "\"stop\"");
      if (step == 0) c.bytes(R"({"choices":[{"index":0,"message":{"role":"assistant","content":)" + in_json(text) + "}}]}");
      c.end();
      return json::parse("\"" + c.streamed() + "\"").get<std::string>();
    };
    EXPECT_EQ(answered(nested), nested(value)) << step;
    EXPECT_EQ(answered([&](const std::string& token) { return nested("to " + token + ", and " + token); }), nested("to " + value + ", and " + value)) << step;
    for (const std::string before : {"it is ", "[1] says ", "{\"a\": 1} and ", "{\"in\": \"{\"} "}) {
      EXPECT_EQ(answered([&](const std::string& token) { return before + token + "."; }), before + value + ".") << step;
    }
    EXPECT_EQ(answered([&](const std::string& token) { return json{{"in", "not json: {\"z\": \"" + token + "\"}"}}.dump(); }), (json{{"in", "not json: {\"z\": \"" + value + "\"}"}}.dump())) << step;
  }
  // The same value has the same token wherever the client writes it.
  conversation plain(config, worker, "1"), deep(config, worker, "1");
  const auto token = token_in(plain.ask(without_quotes(in_json(value)), false), "<TOKEN_");
  const auto sent = deep.ask(without_quotes(in_json(nested(value))), false);
  EXPECT_NE(sent.find(without_quotes(in_json(nested(token)))), std::string::npos) << sent;
}

TEST_F(restoring, a_value_that_the_model_writes_out_reads_as_the_client_wrote_it) {
  for (const bool stream : {false, true}) {
    conversation c(config, worker, "1");
    (void)c.ask("ACC-123456", stream);
    c.begin_answer(stream);
    if (stream) {
      c.event(R"("content":"ACC-123456 it is")");
      c.event("", "\"stop\"");
    } else {
      c.bytes(R"({"choices":[{"index":0,"message":{"role":"assistant","content":"ACC-123456 it is"}}]})");
    }
    c.end();
    EXPECT_EQ(c.streamed(), "ACC-123456 it is");
  }
}

TEST_F(restoring, what_is_held_of_a_stream_that_dies_is_dropped) {
  conversation c(config, worker, "1");
  const auto token = token_in(c.ask("ACC-123456", true));
  c.begin_answer(true);
  c.event(R"("content":"a )" + token.substr(0, 12) + R"(")");
  EXPECT_EQ(c.streamed(), "a ");
}

TEST_F(restoring, a_thousand_conversations_at_once_keep_their_values_apart_and_lose_none) {
  constexpr std::size_t count = 1000;
  std::vector<std::unique_ptr<conversation>> all;
  std::vector<std::string> values, answers;
  std::string tokens;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back("ACC-" + std::to_string(100'000 + i / 2));  // each value is that of two conversations
    all.push_back(std::make_unique<conversation>(config, worker, std::to_string(i)));
    const auto sent = all.back()->ask("my account is " + values[i], true);
    ASSERT_EQ(sent.find("ACC-"), std::string::npos);
    const auto token = token_in(sent);
    ASSERT_EQ(tokens.find(token), std::string::npos);
    tokens += token;
    answers.push_back(token);
    all.back()->begin_answer(true);
  }
  // Each is answered with its own token and its neighbour's, a byte at a time, all in turn.
  std::vector<std::string> said;
  for (std::size_t i = 0; i < count; ++i) said.push_back("yours " + answers[i] + " theirs " + answers[(i + 1) % count] + ".");
  for (std::size_t at = 0; at < said[0].size(); ++at) {
    for (std::size_t i = 0; i < count; ++i) all[i]->event(R"("content":")" + said[i].substr(at, 1) + R"(")");
  }
  for (std::size_t i = 0; i < count; ++i) {
    all[i]->event("", "\"stop\"");
    all[i]->bytes("data: [DONE]\n\n");
    all[i]->end();
    EXPECT_EQ(all[i]->streamed(), "yours " + values[i] + " theirs " + answers[(i + 1) % count] + ".");
    EXPECT_EQ(worker.edits, 1u);
  }
}

TEST_F(restoring, shadow_changes_no_byte) {
  config.global_shadow = true;
  conversation c(config, worker, "1");
  const auto sent = c.ask("about ACC-123456", true);
  EXPECT_NE(sent.find("ACC-123456"), std::string::npos);
  c.begin_answer(true);
  c.event(R"("content":"<ACCOUNT_bcdfghjkmnpq> ACC-123456")");
  c.event("", "\"stop\"");
  c.end();
  EXPECT_EQ(c.streamed(), "<ACCOUNT_bcdfghjkmnpq> ACC-123456");
}

}  // namespace
}  // namespace sluice::proxy
