// Answers that a rule wants whole (stream.hold: full) and that say several texts: what is judged is what the same answer in one piece says, and once one
// of them is blocked, or the upstream died, nothing of the others leaves either, whatever sign of life went before.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;
using nlohmann::json;

std::string data(const json& event) { return "data: " + event.dump() + "\n\n"; }
std::string named(const json& event) { return "event: " + event["type"].get<std::string>() + "\n" + data(event); }

// An answer of several texts: `first` of them leave the dialect before `last` comes.
struct api {
  const char* name;
  const wire::dialect& dialect;
  std::string target, request, type;
  std::vector<std::string> (*stream)(const std::vector<std::string>& texts);  // what comes, text by text, and the end
  json (*plain)(const std::vector<std::string>& texts);
  std::string sign_of_life, error;
  std::function<bool(const std::string& client)> ends_filtered;  // as the dialect's SDKs want the whole of such a stream
};

json output_text(const std::string& text) { return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}}; }
json message(const json& content) { return {{"id", "i"}, {"type", "message"}, {"role", "assistant"}, {"status", "completed"}, {"content", content}}; }
json response(const std::string& status, const json& output) { return {{"id", "r"}, {"object", "response"}, {"status", status}, {"model", "m"}, {"output", output}}; }
json responses_plain(const std::vector<std::string>& texts) {
  json content = json::array();
  for (const auto& t : texts) content.push_back(output_text(t));
  return response("completed", json::array({message(content)}));
}
std::vector<std::string> responses_stream(const std::vector<std::string>& texts) {
  auto open = message(json::array());
  open["status"] = "in_progress";
  std::vector<std::string> out = {named({{"type", "response.created"}, {"sequence_number", 0}, {"response", response("in_progress", json::array())}}) +
                                  named({{"type", "response.output_item.added"}, {"sequence_number", 1}, {"output_index", 0}, {"item", open}})};
  int number = 2;
  const auto event = [&](const std::string& type, json more, std::size_t part) {
    more.update({{"type", type}, {"sequence_number", number++}, {"output_index", 0}, {"item_id", "i"}, {"content_index", part}});
    return named(more);
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out.back() += event("response.content_part.added", {{"part", output_text("")}}, i) + event("response.output_text.delta", {{"delta", texts[i]}}, i) +
                  event("response.output_text.done", {{"text", texts[i]}}, i) + event("response.content_part.done", {{"part", output_text(texts[i])}}, i);
    out.emplace_back();
  }
  const auto whole = responses_plain(texts);
  out.back() = named({{"type", "response.output_item.done"}, {"sequence_number", number}, {"output_index", 0}, {"item", whole["output"][0]}}) +
               named({{"type", "response.completed"}, {"sequence_number", number + 1}, {"response", whole}});
  return out;
}

json anthropic_plain(const std::vector<std::string>& texts) {
  json blocks = json::array();
  for (const auto& t : texts) blocks.push_back({{"type", "text"}, {"text", t}});
  return {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", blocks}, {"stop_reason", "end_turn"}};
}
std::vector<std::string> anthropic_stream(const std::vector<std::string>& texts) {
  std::vector<std::string> out = {named({{"type", "message_start"}, {"message", {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", json::array()}, {"usage", {{"output_tokens", 1}}}}}})};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out.back() += named({{"type", "content_block_start"}, {"index", i}, {"content_block", {{"type", "text"}, {"text", ""}}}}) +
                  named({{"type", "content_block_delta"}, {"index", i}, {"delta", {{"type", "text_delta"}, {"text", texts[i]}}}}) + named({{"type", "content_block_stop"}, {"index", i}});
    out.emplace_back();
  }
  out.back() = named({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}}}, {"usage", {{"output_tokens", 1}}}}) + named({{"type", "message_stop"}});
  return out;
}

json chunk(const json& choice) { return {{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", json::array({choice})}}; }
// Its texts are choices, each finished before the next begins.
std::vector<std::string> chat_stream(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out.push_back(data(chunk({{"index", i}, {"delta", {{"role", "assistant"}, {"content", texts[i]}}}, {"finish_reason", nullptr}})) +
                  data(chunk({{"index", i}, {"delta", json::object()}, {"finish_reason", "stop"}})));
  }
  out.emplace_back("data: [DONE]\n\n");
  return out;
}
json chat_plain(const std::vector<std::string>& texts) {
  json choices = json::array();
  for (std::size_t i = 0; i < texts.size(); ++i) choices.push_back({{"index", i}, {"message", {{"role", "assistant"}, {"content", texts[i]}}}, {"finish_reason", "stop"}});
  return {{"id", "c"}, {"object", "chat.completion"}, {"created", 1}, {"model", "m"}, {"choices", choices}};
}
// The first text is thoughts.
std::vector<std::string> thoughts_stream(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out.push_back(data(chunk({{"index", 0}, {"delta", {{"role", "assistant"}, {i == 0 ? "reasoning_content" : "content", texts[i]}}}, {"finish_reason", nullptr}})));
  }
  out.push_back(data(chunk({{"index", 0}, {"delta", json::object()}, {"finish_reason", "stop"}})) + "data: [DONE]\n\n");
  return out;
}
std::vector<std::string> completions_stream(const std::vector<std::string>& texts) {
  const auto choice = [](std::size_t i, const std::string& text, const json& why) {
    return data({{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", i}, {"text", text}, {"finish_reason", why}}})}});
  };
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(choice(i, texts[i], nullptr) + choice(i, "", "stop"));
  out.emplace_back("data: [DONE]\n\n");
  return out;
}
json candidate(std::size_t i, const std::string& text) { return {{"candidates", json::array({{{"index", i}, {"content", {{"role", "model"}, {"parts", json::array({{{"text", text}}})}}}, {"finishReason", "STOP"}}})}}; }
std::vector<std::string> gemini_events(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back("data: " + candidate(i, texts[i]).dump() + "\r\n\r\n");
  out.emplace_back();
  return out;
}
std::vector<std::string> gemini_array(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back((i == 0 ? "[" : ",\n") + candidate(i, texts[i]).dump());
  out.emplace_back("]");
  return out;
}
std::vector<std::string> ollama_stream(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(json({{"model", "m"}, {"created_at", "t"}, {"message", {{"role", "assistant"}, {i == 0 ? "thinking" : "content", texts[i]}}}, {"done", false}}).dump() + "\n");
  out.push_back(json({{"model", "m"}, {"message", {{"role", "assistant"}, {"content", ""}}}, {"done", true}}).dump() + "\n");
  return out;
}

std::vector<json> events_of(const std::string& client) {
  std::vector<json> out;
  const auto body = body_of(client);
  for (std::size_t at = 0; (at = body.find("data: ", at)) != std::string::npos; ++at) {
    const auto text = body.substr(at + 6, body.find_first_of("\r\n", at) - at - 6);
    if (text != "[DONE]") out.push_back(json::parse(text));
  }
  return out;
}
bool types_are(const std::string& client, const std::vector<std::string>& types) {
  std::vector<std::string> got;
  for (const auto& e : events_of(client)) got.push_back(e["type"]);
  return got == types;
}
bool one_choice(const std::string& client, const char* why, const json& delta) {
  const auto all = events_of(client);
  if (all.empty() || !body_of(client).ends_with("data: [DONE]\n\n")) return false;
  for (const auto& e : all) {
    if (e["choices"].size() != 1 || e["choices"][0]["index"] != 0) return false;
  }
  return all.front()["choices"][0].value("delta", json()) == delta && all.back()["choices"][0]["finish_reason"] == why;
}

const std::vector<api>& apis() {
  const std::string says_hi = R"({"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]})", contents = R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}]})";
  const auto chat_ends = [](const std::string& client) { return one_choice(client, "content_filter", {{"role", "assistant"}}); };
  const auto safety = json::parse(R"([{"candidates":[{"finishReason":"SAFETY","index":0}]}])");
  static const std::vector<api> all = {
      {"chat", wire::openai(), "/v1/chat/completions", says_hi, "text/event-stream", chat_stream, chat_plain, ": held\n\n", R"("error":{"message":)", chat_ends},
      {"chat, thoughts", wire::openai(), "/v1/chat/completions", says_hi, "text/event-stream", thoughts_stream, nullptr, ": held\n\n", R"("error":{"message":)", chat_ends},
      {"completions", wire::openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})", "text/event-stream", completions_stream, nullptr, ": held\n\n", R"("error":{"message":)",
       [](const std::string& client) { return one_choice(client, "content_filter", json()); }},
      {"responses", wire::openai(), "/v1/responses", R"({"model":"m","input":"hi","stream":true})", "text/event-stream", responses_stream, responses_plain, ": held\n\n", "event: error\n",
       [](const std::string& client) { return types_are(client, {"response.created", "response.incomplete"}) && events_of(client)[1]["response"]["output"].empty(); }},
      {"messages", wire::anthropic(), "/v1/messages", says_hi, "text/event-stream", anthropic_stream, anthropic_plain, ": held\n\n", "event: error\n",
       [](const std::string& client) { return types_are(client, {"message_start", "message_delta", "message_stop"}) && events_of(client)[1]["delta"]["stop_reason"] == "refusal"; }},
      {"gemini, events", wire::gemini(), "/v1beta/models/m:streamGenerateContent?alt=sse", contents, "text/event-stream", gemini_events, nullptr, "\r\n", R"("error":{"code":)",
       [safety](const std::string& client) { return json(events_of(client)) == safety; }},
      {"gemini, array", wire::gemini(), "/v1beta/models/m:streamGenerateContent", contents, "application/json", gemini_array, nullptr, "\n", R"("error":{"code":)",
       [safety](const std::string& client) { return json::parse(body_of(client)) == safety; }},
      // An upstream frames as it likes.
      {"gemini, events that were not asked for", wire::gemini(), "/v1beta/models/m:streamGenerateContent", contents, "text/event-stream", gemini_events, nullptr, "\r\n", R"("error":{"code":)",
       [safety](const std::string& client) { return json(events_of(client)) == safety; }},
      {"ollama", wire::ollama(), "/api/chat", R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", "application/x-ndjson", ollama_stream, nullptr, R"("content":""},"done":false})",
       R"({"error":")", [](const std::string& client) { const auto body = body_of(client); return std::ranges::count(body, '\n') == 2 && body.ends_with(R"("done_reason":"content_filter"})" "\n"); }},
  };
  return all;
}

std::string policy_of(const std::string& rules) {
  return "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rules;
}
std::string rule(const std::string& id, const std::string& match, const std::string& action, const std::string& hit, const std::string& more = "") {
  return "  - id: " + id + "\n    direction: response\n    match: " + match + "\n    action: " + action + "\n    stream: {hold: full}\n" + more +
         "    tests: [{name: a, response: \"" + hit + "\", expect: {rules: [" + id + "]}}, {name: b, response: nothing, expect: {rules: []}}]\n";
}

struct held : trace {
  held(const api& of, const std::string& yaml, std::uint64_t bytes_max = 64u << 20) : trace(yaml), x(config, worker) {
    config.response_body_max = bytes_max;
    config.upstreams = {{"up", &of.dialect, {"/v1", "/v1beta", "/api"}, "h", ""}};
    request(x, of.request, of.target);
    EXPECT_TRUE(out.connect.has_value()) << of.name << out.client;
    answer(x, "HTTP/1.1 200 OK\r\nContent-Type: " + of.type + "\r\nTransfer-Encoding: chunked\r\n\r\n", "");
  }
  void says(const std::string& bytes) {
    if (!out.done && !bytes.empty()) x.upstream_body(bytes, out);
  }
  void ends() {
    if (!out.done) x.upstream_end(out);
    EXPECT_TRUE(out.done);
  }
  exchange x;
};

const std::string stops = policy_of(rule("word", "{keywords: [rival bank]}", "{type: block, message: Not this.}", "the rival bank", "    where: {parts: [text]}\n"));

TEST(held_whole, of_an_answer_of_several_texts_none_leaves_when_one_is_blocked) {
  for (const auto& of : apis()) {
    for (const bool waits : {false, true}) {
      held h(of, stops);
      const auto all = of.stream({"nice weather", "the rival bank"});
      h.says(all[0]);
      EXPECT_EQ(h.out.client, "") << of.name;
      if (waits) h.x.quiet(h.out);
      EXPECT_EQ(h.out.client.find(of.sign_of_life) != std::string::npos, waits) << of.name << h.out.client;
      for (std::size_t i = 1; i < all.size(); ++i) h.says(all[i]);
      h.ends();
      EXPECT_EQ(h.out.client.find("weather"), std::string::npos) << of.name << h.out.client;
      EXPECT_EQ(h.out.client.find("rival"), std::string::npos) << of.name << h.out.client;
      EXPECT_TRUE(h.out.client.starts_with(waits ? "HTTP/1.1 200" : "HTTP/1.1 400")) << of.name << h.out.client;
      if (waits) EXPECT_TRUE(of.ends_filtered(h.out.client)) << of.name << h.out.client;
      EXPECT_EQ(h.worker.records.back().response.verdict, policy::verdict::block) << of.name;
    }
  }
}

TEST(held_whole, of_an_answer_whose_upstream_dies_or_that_grows_too_large_no_text_leaves) {
  for (const auto& of : apis()) {
    for (const bool waits : {false, true}) {
      for (const bool dies : {false, true}) {
        held h(of, stops, dies ? 64u << 20 : 4000);
        const auto all = of.stream({"nice weather", std::string(5000, 'x')});
        h.says(all[0]);
        if (waits) h.x.quiet(h.out);
        dies ? h.x.upstream_failed(upstream_failure::reset, "gone", h.out) : h.says(all[1]);
        EXPECT_TRUE(h.out.done) << of.name;
        EXPECT_EQ(h.out.client.find("weather"), std::string::npos) << of.name << h.out.client;
        EXPECT_EQ(h.out.client.find("xx"), std::string::npos) << of.name << h.out.client;
        EXPECT_TRUE(h.out.client.starts_with(waits ? "HTTP/1.1 200" : "HTTP/1.1 502")) << of.name << h.out.client;
        if (waits && dies) EXPECT_NE(h.out.client.find(of.error), std::string::npos) << of.name << h.out.client;
        if (waits && !dies) EXPECT_TRUE(of.ends_filtered(h.out.client)) << of.name << h.out.client;
      }
    }
  }
}

TEST(held_whole, an_answer_of_several_texts_leaves_with_all_of_them) {
  for (const auto& of : apis()) {
    for (const bool waits : {false, true}) {
      held h(of, stops);
      for (const auto& each : of.stream({"nice weather", "the rivalry"})) {
        h.says(each);
        if (waits) h.x.quiet(h.out);
      }
      h.ends();
      EXPECT_NE(h.out.client.find("nice weather"), std::string::npos) << of.name << h.out.client;
      EXPECT_NE(h.out.client.find("the rivalry"), std::string::npos) << of.name << h.out.client;
      EXPECT_FALSE(h.out.abort_upstream) << of.name;
    }
  }
}

// What the client has of a stream under these rules, and of the same answer in one piece.
policy::verdict verdict_of(const api& of, const std::string& yaml, const std::vector<std::string>& texts, bool stream, std::string* client = nullptr) {
  if (stream) {
    held h(of, yaml);
    for (const auto& each : of.stream(texts)) h.says(each);
    h.ends();
    if (client != nullptr) *client = h.out.client;
    return h.worker.records.back().response.verdict;
  }
  trace t(yaml);
  t.config.upstreams = {{"up", &of.dialect, {"/v1"}, "h", ""}};
  exchange x(t.config, t.worker);
  auto asked = json::parse(of.request);
  asked.erase("stream");
  t.request(x, asked.dump(), of.target);
  t.answer(x, json_head, of.plain(texts).dump());
  if (!t.out.done) x.upstream_end(t.out);
  if (client != nullptr) *client = t.out.client;
  return t.worker.records.back().response.verdict;
}

const std::string of_several = policy_of(
    rule("fruit", "{all: [{keywords: [melon]}, {keywords: [grape]}]}", "{type: block, message: No fruit.}", "melon and grape") +
    rule("many", "{keywords: [plum], min_count: 3}", "{type: block, message: Too many.}", "plum plum plum") +
    rule("near", "{regex: '\\bfig\\b', near: [tree], within: 30}", "{type: block, message: No trees.}", "a fig tree") +
    rule("seam", "{keywords: [black swan]}", "{type: block, message: No birds.}", "black swan") +
    rule("coded", "{keywords: [hemlock], decode: [base64]}", "{type: block, message: No poison.}", "hemlock") +
    rule("alone", "{all: [{keywords: [cherry]}, {not: {keywords: [leaf]}}]}", "{type: block, message: No cherries.}", "cherry") +
    rule("far", "{regex: '\\bnut\\b', unless_near: [shell], within: 30}", "{type: block, message: No nuts.}", "a nut") +
    rule("mark", "{all: [{keywords: [olive]}, {keywords: [pear]}]}", "{type: flag}", "olive, pear"));

TEST(held_whole, what_several_texts_say_together_is_found_as_in_an_answer_of_one_piece) {
  const std::vector<std::pair<std::vector<std::string>, policy::verdict>> all = {
      {{"a melon", "a grape"}, policy::verdict::block}, {{"a melon", "nothing", "a grape"}, policy::verdict::block},   {{"plum, plum", "plum"}, policy::verdict::block},
      {{"plum", "plum"}, policy::verdict::allow},       {{"a fig", "a tree"}, policy::verdict::block},                 {{"the black", "swan"}, policy::verdict::block},
      {{"bla", "ck swan"}, policy::verdict::block},     {{"an olive", "a pear"}, policy::verdict::flag},               {{"a melon", "a pear"}, policy::verdict::allow},
      {{"hem", "lock"}, policy::verdict::block},        {{"a leaf", "cherry"}, policy::verdict::block},          {{"a nut", "shell"}, policy::verdict::block},
      {{"a nut shell", "x"}, policy::verdict::allow},   {{"olive and pear", "olive", "pear"}, policy::verdict::flag}};
  for (const auto& of : apis()) {
    if (of.plain == nullptr || of.plain == chat_plain) continue;
    for (const auto& [texts, expected] : all) {
      const auto shown = std::string(of.name) + ": " + json(texts).dump();
      std::string client;
      EXPECT_EQ(verdict_of(of, of_several, texts, false), expected) << shown;
      EXPECT_EQ(verdict_of(of, of_several, texts, true, &client), expected) << shown;
      EXPECT_TRUE(client.starts_with(expected == policy::verdict::block ? "HTTP/1.1 400" : "HTTP/1.1 200")) << shown << client;
    }
  }
  // Choices are answers beside each other.
  EXPECT_EQ(verdict_of(apis()[0], of_several, {"a melon", "a grape"}, false), policy::verdict::allow);
  EXPECT_EQ(verdict_of(apis()[0], of_several, {"a melon", "a grape"}, true), policy::verdict::allow);
}

TEST(held_whole, any_texts_have_the_verdict_of_an_answer_of_one_piece) {
  constexpr std::array words = {"melon", "grape", "plum", "fig", "tree", "black", "swan", "bla", "ck", "hem", "lock", "olive", "pear", "cherry", "leaf", "nut", "shell", "nu", "t", "x", "", " ", "aGVtbG9jaw==", "\n"};
  std::mt19937 random(7);
  for (const auto& of : apis()) {
    if (of.plain == nullptr) continue;
    std::array<int, 4> count{};
    int unlike = 0;
    for (int i = 0; i < 400; ++i) {
      std::vector<std::string> texts(1 + random() % 4);
      for (auto& text : texts) {
        for (auto n = random() % 4; n > 0; --n) text += std::string(text.empty() || random() % 3 == 0 ? "" : " ") + words[random() % words.size()];
      }
      const auto plain = verdict_of(of, of_several, texts, false), streamed = verdict_of(of, of_several, texts, true);
      // Each text is judged when it ended, before the next may take the edge from its last word: what the first texts say as an answer stops it, too.
      auto strictest = plain;
      for (auto n = texts.size(); streamed != plain && --n > 0;) strictest = std::max(strictest, verdict_of(of, of_several, {texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(n)}, false));
      EXPECT_TRUE(streamed == plain || (streamed > plain && streamed <= strictest)) << of.name << json(texts).dump() << static_cast<int>(plain) << static_cast<int>(streamed);
      unlike += streamed != plain ? 1 : 0;
      ++count[static_cast<std::size_t>(plain)];
    }
    EXPECT_LT(unlike, 4);
    EXPECT_GT(count[static_cast<std::size_t>(policy::verdict::block)], 40);
    EXPECT_GT(count[static_cast<std::size_t>(policy::verdict::allow)], 40);
  }
}

// Each text is written when it ended: what would be edited of several together stops the answer, and nothing of it leaves.
TEST(held_whole, what_would_be_edited_in_several_texts_together_stops_a_stream) {
  const auto yaml = policy_of(rule("fruit", "{all: [{keywords: [melon]}, {keywords: [grape]}]}", "{type: redact, mask: \"[F]\"}", "melon and grape") +
                              rule("seam", "{keywords: [black swan]}", "{type: redact, mask: \"[S]\"}", "black swan"));
  for (const auto& of : apis()) {
    if (of.plain == nullptr || of.plain == chat_plain) continue;
    for (const auto& texts : std::vector<std::vector<std::string>>{{"a melon", "a grape"}, {"the black", "swan"}, {"the bla", "ck swan"}}) {
      std::string client;
      EXPECT_EQ(verdict_of(of, yaml, texts, false), policy::verdict::edit) << of.name;
      EXPECT_EQ(verdict_of(of, yaml, texts, true, &client), policy::verdict::block) << of.name << json(texts).dump();
      EXPECT_TRUE(client.starts_with("HTTP/1.1 400")) << client;
    }
    for (const auto& texts : std::vector<std::vector<std::string>>{{"a melon, a grape", "x"}, {"x", "the black swan", "melon, grape"}}) {
      std::string client;
      EXPECT_EQ(verdict_of(of, yaml, texts, true, &client), policy::verdict::edit) << of.name << json(texts).dump();
      EXPECT_EQ(client.find("melon"), std::string::npos) << client;
    }
  }
}

// What a rule found in a text by itself counts once.
TEST(held_whole, a_score_is_no_other_for_being_asked_twice) {
  const auto yaml = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
thresholds: {anomaly: {response: 10, action: block}}
rules:
)" + rule("one", "{keywords: [melon]}", "{type: flag}", "melon", "    score: 3\n") + rule("over", "{keywords: [black swan]}", "{type: flag}", "black swan", "    score: 3\n") +
                    rule("held", "{keywords: [never said]}", "{type: block, message: No.}", "never said");
  for (const auto& of : apis()) {
    if (of.plain == nullptr || of.plain == chat_plain) continue;
    for (const auto& [texts, expected] : std::vector<std::pair<std::vector<std::string>, policy::verdict>>{
             {{"melon", "melon", "melon"}, policy::verdict::flag}, {{"melon melon", "melon melon"}, policy::verdict::block}, {{"melon black", "swan", "melon"}, policy::verdict::flag}, {{"bla", "ck swan, melon, melon"}, policy::verdict::flag},
             {{"melon melon bla", "ck swan melon"}, policy::verdict::block}}) {
      EXPECT_EQ(verdict_of(of, yaml, texts, false), expected) << of.name << json(texts).dump();
      EXPECT_EQ(verdict_of(of, yaml, texts, true), expected) << of.name << json(texts).dump();
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
