// Streams that end before their time. Goal: behind every event of a full stream of every dialect, a cut-off and an upstream's death are
// one ending that a strict client takes, whatever was open, and what was held does not leave. Method: all prefixes, all ways to end.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "ending_clients.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

// A stream of everything that its dialect streams. Pieces end in "se", which the judge of these tests holds for "secret"; texts do not.
struct speech {
  std::string name;
  const dialect& speaks;
  std::string path, request;
  std::vector<std::string> events;
  std::string bad;  // an event with the word that is blocked
  std::function<std::unique_ptr<testing::client>()> listener;
  std::string opens, error_event;  // opens: before the first event, where the framing has something there
};

std::string sse(const json& e, const std::string& end = "\n\n") {
  return (e.contains("type") ? "event: " + e["type"].get<std::string>() + "\n" : "") + "data: " + e.dump() + end;
}

speech chat() {
  const auto chunk = [](int n, const json& delta, const json& finish = nullptr) {
    return sse({{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", n}, {"delta", delta}, {"finish_reason", finish}}})}});
  };
  const auto call = [&](const std::string& arguments, bool first) {
    json made = {{"index", 0}, {"function", {{"arguments", arguments}}}};
    if (first) made.update({{"id", "t"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", arguments}}}});
    return chunk(0, {{"tool_calls", json::array({made})}});
  };
  return {"chat", openai(), "/v1/chat/completions", R"({"messages":[],"stream":true,"n":2})",
          {chunk(0, {{"role", "assistant"}, {"content", ""}}), chunk(0, {{"reasoning_content", "I rea se"}}), chunk(0, {{"reasoning_content", "cond it"}}), chunk(0, {{"content", "one se"}}), chunk(1, {{"role", "assistant"}, {"content", "two se"}}),
           chunk(0, {{"content", "cond se"}}), chunk(0, {{"content", "lf"}}), call("", true), call("{\"a\":\"se", false), call("cond\"}", false), chunk(1, {{"refusal", "no se"}}), chunk(1, {{"refusal", "cond"}}), chunk(0, json::object(), "tool_calls"),
           chunk(1, {{"content", "lf"}}), chunk(1, json::object(), "stop"), sse({{"id", "c"}, {"choices", json::array()}, {"usage", {{"total_tokens", 1}}}}), "data: [DONE]\n\n"},
          chunk(2, {{"role", "assistant"}, {"content", "a bomb"}}), [] { return std::make_unique<testing::choices_client>(true); }, "", R"(data: {"error":{"message":"out of order"}})" "\n\n"};
}

speech completions() {
  const auto chunk = [](int n, const std::string& text, const json& finish = nullptr) {
    return sse({{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", n}, {"text", text}, {"finish_reason", finish}}})}});
  };
  return {"completions", openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})",
          {chunk(0, "one se"), chunk(1, "two se"), chunk(0, "cond self"), chunk(0, "", "stop"), chunk(1, "lf"), chunk(1, "", "length"), "data: [DONE]\n\n"},
          chunk(2, "a bomb"), [] { return std::make_unique<testing::choices_client>(false); }, "", R"(data: {"error":{"message":"out of order"}})" "\n\n"};
}

speech responses() {
  std::vector<std::string> out;
  const auto say = [&](const std::string& type, json more) {
    more.update({{"type", type}, {"sequence_number", static_cast<int>(out.size())}});
    out.push_back(sse(more));
  };
  const auto response = [](const std::string& how, const json& output) {
    return json{{"response", {{"id", "r"}, {"object", "response"}, {"status", how}, {"model", "m"}, {"incomplete_details", nullptr}, {"error", nullptr}, {"output", output}}}};
  };
  const auto text_item = [&](int n, const std::string& family, const std::string& part_type, const std::string& parts, const std::vector<std::string>& pieces, json item) {
    const bool summary = parts == "summary";
    const std::string index = summary ? "summary_index" : "content_index", part_event = summary ? "response.reasoning_summary_part" : "response.content_part";
    const json at = {{"item_id", item["id"]}, {"output_index", n}, {index, 0}};
    const auto with = [&](json more) { more.update(at); return more; };
    say("response.output_item.added", {{"output_index", n}, {"item", item}});
    say(part_event + ".added", with({{"part", {{"type", part_type}, {"text", ""}}}}));
    std::string all;
    for (const auto& p : pieces) {
      say("response." + family + ".delta", with({{"delta", p}}));
      all += p;
    }
    const json part = {{"type", part_type}, {"text", all}};
    say("response." + family + ".done", with({{"text", all}}));
    say(part_event + ".done", with({{"part", part}}));
    item[parts] = json::array({part});
    say("response.output_item.done", {{"output_index", n}, {"item", item}});
    return item;
  };
  say("response.created", response("in_progress", json::array()));
  say("response.in_progress", response("in_progress", json::array()));
  json all = json::array();
  all.push_back(text_item(0, "reasoning_summary_text", "summary_text", "summary", {"I rea se", "cond it"}, {{"id", "rs"}, {"type", "reasoning"}, {"summary", json::array()}}));
  all.push_back(text_item(1, "output_text", "output_text", "content", {"one se", "cond it"}, {{"id", "msg"}, {"type", "message"}, {"role", "assistant"}, {"status", "in_progress"}, {"content", json::array()}}));
  json call = {{"id", "fc"}, {"type", "function_call"}, {"call_id", "t"}, {"name", "f"}, {"arguments", ""}, {"status", "in_progress"}};
  say("response.output_item.added", {{"output_index", 2}, {"item", call}});
  for (const char* p : {"{\"a\":\"se", "cond\"}"}) say("response.function_call_arguments.delta", {{"item_id", "fc"}, {"output_index", 2}, {"delta", p}});
  call["arguments"] = "{\"a\":\"second\"}";
  say("response.function_call_arguments.done", {{"item_id", "fc"}, {"output_index", 2}, {"arguments", call["arguments"]}});
  say("response.output_item.done", {{"output_index", 2}, {"item", call}});
  all.push_back(call);
  say("response.completed", response("completed", all));
  const auto bad = sse({{"type", "response.output_text.delta"}, {"sequence_number", 900}, {"item_id", "z"}, {"output_index", 9}, {"content_index", 0}, {"delta", "a bomb"}});
  return {"responses", openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})", out, bad, [] { return std::make_unique<testing::responses_client>(); }, "",
          sse({{"type", "error"}, {"sequence_number", 901}, {"message", "out of order"}, {"error", {{"message", "out of order"}}}})};
}

speech messages() {
  const auto block = [](int n, const json& begin, const std::vector<json>& deltas) {
    std::vector<std::string> out = {sse({{"type", "content_block_start"}, {"index", n}, {"content_block", begin}})};
    for (const auto& d : deltas) out.push_back(sse({{"type", "content_block_delta"}, {"index", n}, {"delta", d}}));
    out.push_back(sse({{"type", "content_block_stop"}, {"index", n}}));
    return out;
  };
  const auto text = [](const char* type, const char* key, const std::string& t) { return json{{"type", type}, {key, t}}; };
  std::vector<std::string> out = {sse({{"type", "message_start"}, {"message", {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"content", json::array()}, {"model", "m"}, {"stop_reason", nullptr}, {"usage", {{"output_tokens", 1}}}}}}),
                                  sse({{"type", "ping"}})};
  for (const auto& b : {block(0, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}, {text("thinking_delta", "thinking", "I rea se"), text("thinking_delta", "thinking", "cond it"), text("signature_delta", "signature", "c2ln")}),
                        block(1, {{"type", "text"}, {"text", ""}}, {text("text_delta", "text", "one se"), text("text_delta", "text", "cond it")}),
                        block(2, {{"type", "tool_use"}, {"id", "t"}, {"name", "f"}, {"input", json::object()}}, {text("input_json_delta", "partial_json", "{\"a\":\"se"), text("input_json_delta", "partial_json", "cond\"}")})}) {
    out.insert(out.end(), b.begin(), b.end());
  }
  out.push_back(sse({{"type", "message_delta"}, {"delta", {{"stop_reason", "tool_use"}, {"stop_sequence", nullptr}}}, {"usage", {{"output_tokens", 2}}}}));
  out.push_back(sse({{"type", "message_stop"}}));
  return {"messages", anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"stream":true})", out,
          sse({{"type", "content_block_delta"}, {"index", 7}, {"delta", text("text_delta", "text", "a bomb")}}), [] { return std::make_unique<testing::messages_client>(); }, "",
          sse({{"type", "error"}, {"error", {{"type", "overloaded_error"}, {"message", "out of order"}}}})};
}

speech gemini_stream(bool array) {
  const auto said = [](int n, const json& part, const json& finish = nullptr) {
    json c = {{"index", n}};
    if (!part.is_null()) c["content"] = {{"role", "model"}, {"parts", json::array({part})}};
    if (!finish.is_null()) c["finishReason"] = finish;
    return json{{"candidates", json::array({c})}};
  };
  std::vector<std::string> out;
  for (const auto& e : {said(0, {{"text", "I rea se"}, {"thought", true}}), said(0, {{"text", "cond it"}, {"thought", true}}), said(0, {{"text", "one se"}}), said(1, {{"text", "two se"}}), said(0, {{"text", "cond it"}}),
                        said(0, {{"functionCall", {{"name", "f"}, {"args", {{"a", "second"}}}}}}), said(0, nullptr, "STOP"), said(1, {{"text", "lf"}}), said(1, nullptr, "STOP")}) {
    out.push_back(array ? (out.empty() ? "[" : ",\n") + e.dump() : sse(e, "\r\n\r\n"));
  }
  if (array) out.push_back("]");
  const auto bad = said(2, {{"text", "a bomb"}});
  const json error = {{"error", {{"code", 500}, {"message", "out of order"}, {"status", "INTERNAL"}}}};
  return {array ? "gemini, an array" : "gemini", gemini(), array ? "/v1beta/models/m:streamGenerateContent" : "/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[]})", out,
          array ? ",\n" + bad.dump() : sse(bad, "\r\n\r\n"), [array] { return std::make_unique<testing::gemini_client>(array); }, array ? "[" : "", array ? ",\n" + error.dump() : sse(error, "\r\n\r\n")};
}

speech ollama_stream(bool chat) {
  const auto line = [&](const json& says, bool done = false) {
    json e = {{"model", "m"}, {"created_at", "2026-01-01T00:00:00Z"}, {"done", done}};
    if (done) e["done_reason"] = "stop";
    if (chat) {
      e["message"] = says;
      e["message"]["role"] = "assistant";
    } else {
      e.update(says);
    }
    return e.dump() + "\n";
  };
  const char* content = chat ? "content" : "response";
  std::vector<std::string> out = {line({{content, ""}, {"thinking", "I rea se"}}), line({{content, ""}, {"thinking", "cond it"}}), line({{content, "one se"}}), line({{content, "cond it"}})};
  if (chat) out.push_back(line({{content, ""}, {"tool_calls", json::array({{{"function", {{"name", "f"}, {"arguments", {{"a", "second"}}}}}}})}}));
  out.push_back(line({{content, ""}}, true));
  return {chat ? "ollama chat" : "ollama generate", ollama(), chat ? "/api/chat" : "/api/generate", chat ? R"({"model":"m","messages":[]})" : R"({"model":"m","prompt":"x"})", out,
          line({{content, "a bomb"}}), [] { return std::make_unique<testing::ollama_client>(); }, "", R"({"error":"out of order"})" "\n"};
}

std::vector<speech> speeches() {
  return {chat(), completions(), responses(), messages(), gemini_stream(false), gemini_stream(true), ollama_stream(true), ollama_stream(false)};
}

endpoint endpoint_of(const speech& of) {
  const std::string_view path = of.path;
  const auto query = std::min(path.find('?'), path.size());
  auto to = of.speaks.classify("POST", path.substr(0, query));
  to.query = path.substr(std::min(query + 1, path.size()));
  return to;
}

// Holds "se" for "secret", and blocks at "bomb".
class judge final : public testing::replace_sink {
 public:
  judge() : replace_sink("secret", "[R]") {}
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    return text.find("bomb") != std::string_view::npos ? status::blocked : replace_sink::feed(c, text, out);
  }
};

enum class way : std::uint8_t { blocked, unreadable, superseded, dead, done };

// The bytes that a client has of the first `count` events, when the stream then ends in this way. `rest`: what the upstream would still say.
struct told {
  std::string out;
  bool ended = false;  // by itself, before
};
told ended(const speech& of, std::size_t count, way how, std::string_view message) {
  const auto to = endpoint_of(of);
  const auto request = of.speaks.read_request(to, of.request, 64);
  const auto stream = of.speaks.open_stream(to, **request, 64);
  judge sink;
  told t;
  for (std::size_t i = 0; i < count; ++i) t.ended = stream->feed(of.events[i], sink, t.out) == status::done;
  if (t.ended) return t;
  if (how == way::blocked || how == way::unreadable) {
    const auto bad = how == way::blocked ? (count == 0 && !of.opens.empty() ? of.opens + of.bad.substr(of.bad.find('{')) : of.bad)
                                         : (of.bad.starts_with("event: ") ? of.bad.substr(0, of.bad.find("data: ")) : "") + (of.bad.find("data: ") == std::string::npos ? "{broken}\n" : "data: {broken}\n\n");
    const auto s = stream->feed(bad, sink, t.out);
    if (s == status::done) return t.ended = true, t;  // behind its end nothing is read
    EXPECT_TRUE(s == status::blocked || s == status::unreadable || (s == status::ok && how == way::unreadable)) << of.name << " " << count;
    if (s == status::ok) (void)stream->end(true, sink, t.out);  // half an element shows only then
  }
  if (how == way::done) EXPECT_NE(stream->end(true, sink, t.out), status::blocked);
  how == way::dead ? stream->fail(gateway_error::upstream, message, "d1", t.out) : stream->cut(message, t.out);
  // Latched: nothing that comes behind changes it.
  const auto once = t.out;
  stream->cut(message, t.out);
  stream->fail(gateway_error::upstream, message, "d1", t.out);
  if (count < of.events.size()) (void)stream->feed(of.events[count], sink, t.out);
  stream->cut(message, t.out);
  EXPECT_EQ(t.out, once) << of.name << " " << count;
  return t;
}

TEST(ending, in_every_state_of_every_dialect_is_one_that_a_strict_client_takes) {
  int endings = 0;
  for (const auto& of : speeches()) {
    for (std::size_t count = 0; count <= of.events.size(); ++count) {
      for (const auto how : {way::blocked, way::unreadable, way::superseded, way::dead}) {
        for (const char* message : {"", "Not here."}) {
          if (how == way::dead && *message == 0) continue;
          const auto t = ended(of, count, how, message);
          const auto heard = of.listener()->hear(t.out);
          EXPECT_EQ(heard.complaint, "") << of.name << " behind " << count << " events, way " << static_cast<int>(how) << ":\n" << t.out;
          EXPECT_EQ(t.out.find("bomb"), std::string::npos) << of.name << " " << count;
          if (t.ended) {
            EXPECT_FALSE(heard.filtered || heard.failed) << of.name;
            continue;
          }
          if (count < of.events.size()) EXPECT_EQ(heard.failed, how == way::dead) << of.name << " " << count << "\n" << t.out;
          if (how != way::dead && count < of.events.size()) EXPECT_TRUE(heard.filtered) << of.name << " behind " << count << ":\n" << t.out;
          for (const auto& [name, text] : heard.texts) EXPECT_FALSE(text.ends_with("se")) << of.name << " " << count << ": held text of " << name << " left: " << text;
          ++endings;
        }
      }
    }
  }
  EXPECT_GT(endings, 500);
}

// A body can end as HTTP has it and be half an answer all the same: then nothing of what was held leaves, and the client is told.
TEST(ending, of_an_answer_without_its_end_is_a_failure_of_the_upstream) {
  // Of the last events of a whole answer, how many say no more than that it ends.
  const std::map<std::string_view, std::size_t> may_be_missing = {{"chat", 2}, {"completions", 1}};
  int broken = 0;
  for (const auto& of : speeches()) {
    const auto to = endpoint_of(of);
    const auto request = of.speaks.read_request(to, of.request, 64);
    const auto spare = may_be_missing.contains(of.name) ? may_be_missing.at(of.name) : 0;
    for (std::size_t count = 0; count <= of.events.size(); ++count) {
      // Also within the event that comes next.
      for (const bool half : {false, true}) {
        if (half && count == of.events.size()) continue;
        const auto stream = of.speaks.open_stream(to, **request, 64);
        judge sink;
        std::string out;
        auto s = status::ok;
        for (std::size_t i = 0; i < count && s == status::ok; ++i) s = stream->feed(of.events[i], sink, out);
        if (half && s == status::ok) s = stream->feed(std::string_view(of.events[count]).substr(0, of.events[count].size() / 2), sink, out);
        const auto before = out;
        if (s == status::ok) s = stream->end(true, sink, out);
        if (!half && count + spare >= of.events.size()) {
          EXPECT_TRUE(s == status::ok || s == status::done) << of.name << " " << count;
          continue;
        }
        if (half && of.events[count] == "]") continue;  // it has no half
        ASSERT_EQ(s, status::broken_off) << of.name << " behind " << count << (half ? " and a half" : "");
        EXPECT_EQ(out, before) << of.name << " " << count << ": what was held left";
        stream->fail(gateway_error::upstream, "Broken off.", "d1", out);
        const auto heard = of.listener()->hear(out);
        EXPECT_TRUE(heard.failed && heard.complaint.empty()) << of.name << " behind " << count << ": " << heard.complaint << "\n" << out;
        ++broken;
      }
    }
  }
  EXPECT_GT(broken, 100);
}

// What leaves as it comes, because no rule may stop it, is judged all the same.
// A text that leaves as it comes, and arguments of a call, are judged to their end whatever ends the answer; of a text that is held nothing leaves.
struct open_sink : testing::pass_sink {
  std::vector<bool> over;
  std::uint32_t open(role who, part_kind kind, bool editable, std::string name, std::int64_t choice) override {
    over.push_back(false);
    return pass_sink::open(who, kind, editable, std::move(name), choice);
  }
  status finish(std::uint32_t c, std::string& out) override {
    over[c] = true;
    return pass_sink::finish(c, out);
  }
  status end_open() override {
    over.assign(over.size(), true);
    return status::released;
  }
};

TEST(ending, by_an_error_or_a_death_leaves_nothing_unjudged) {
  for (const auto& of : speeches()) {
    const auto to = endpoint_of(of);
    const auto request = of.speaks.read_request(to, of.request, 64);
    for (std::size_t count = 1; count + 1 < of.events.size(); ++count) {
      for (const bool dies : {false, true}) {
        const auto stream = of.speaks.open_stream(to, **request, 64);
        open_sink sink;
        std::string out;
        for (std::size_t i = 0; i < count; ++i) (void)stream->feed(of.events[i], sink, out);
        if (!dies && stream->feed(of.error_event, sink, out) == status::ok) (void)stream->end(true, sink, out);
        if (dies) EXPECT_EQ(stream->end(false, sink, out), status::ok) << of.name;
        EXPECT_TRUE(std::ranges::all_of(sink.over, [](bool each) { return each; })) << of.name << " behind " << count;
        if (of.events[count - 1].find("cond\\\"}") == std::string::npos) continue;  // the end of a call's arguments
        EXPECT_TRUE(std::ranges::find(sink.texts, "second") != sink.texts.end()) << of.name << json(sink.texts).dump();
      }
    }
  }
}

TEST(ending, that_is_missing_leaves_nothing_unjudged) {
  for (const auto& of : speeches()) {
    const auto to = endpoint_of(of);
    const auto request = of.speaks.read_request(to, of.request, 64);
    for (std::size_t count = 1; count <= of.events.size(); ++count) {
      if (of.events[count - 1].find("cond\\\"}") == std::string::npos) continue;  // the end of a call's arguments
      const auto stream = of.speaks.open_stream(to, **request, 64);
      testing::pass_sink sink;
      std::string out;
      for (std::size_t i = 0; i < count; ++i) (void)stream->feed(of.events[i], sink, out);
      EXPECT_EQ(stream->end(true, sink, out), status::broken_off) << of.name;
      EXPECT_TRUE(std::ranges::find(sink.texts, "second") != sink.texts.end()) << of.name << json(sink.texts).dump();
      break;
    }
  }
}

// Gemini says nothing behind a prompt that it does not answer.
TEST(ending, of_a_prompt_that_was_refused_is_one) {
  const auto of = gemini_stream(false);
  const auto to = endpoint_of(of);
  const auto request = of.speaks.read_request(to, of.request, 64);
  const auto stream = of.speaks.open_stream(to, **request, 64);
  judge sink;
  std::string out;
  EXPECT_EQ(stream->feed(sse({{"promptFeedback", {{"blockReason", "SAFETY"}}}}, "\r\n\r\n"), sink, out), status::ok);
  EXPECT_EQ(stream->end(true, sink, out), status::ok);
}

// The client has the upstream's own error: what follows it ends no better, and no second error is raised.
TEST(ending, behind_an_error_of_the_upstream_adds_no_other) {
  for (const auto& of : speeches()) {
    for (std::size_t count = 1; count + 1 < of.events.size(); ++count) {
      for (const auto how : {way::blocked, way::dead}) {
        auto with = of;
        with.events.resize(count);
        with.events.push_back(of.error_event);
        const auto t = ended(with, count + 1, how, "Not here.");
        const auto at = t.out.find("out of order");
        ASSERT_NE(at, std::string::npos) << of.name;
        ASSERT_EQ(t.out.find("error", t.out.find('\n', at)), std::string::npos) << of.name << " behind " << count << ":\n" << t.out;
        ASSERT_EQ(t.out.find("bomb"), std::string::npos) << of.name;
      }
    }
  }
}

// As with an upstream that dies: what was held when it told its error does not leave, however it ends its stream then.
TEST(ending, behind_an_error_of_the_upstream_drops_what_is_held) {
  const auto left = [](const speech& of, std::size_t count, const std::string& rest) {
    const auto to = endpoint_of(of);
    const auto request = of.speaks.read_request(to, of.request, 64);
    const auto stream = of.speaks.open_stream(to, **request, 64);
    judge sink;
    std::string out;
    for (std::size_t i = 0; i < count; ++i) (void)stream->feed(of.events[i], sink, out);
    const auto before = out.size();
    auto s = stream->feed(rest, sink, out);
    if (s == status::ok) s = stream->end(true, sink, out);
    EXPECT_NE(s, status::blocked) << of.name;
    return out.substr(before);
  };
  for (const auto& of : speeches()) {
    const auto last = of.events.back();
    const auto tail = last == "data: [DONE]\n\n" || last == "]" ? last : std::string();
    for (std::size_t count = 1; count + 1 < of.events.size(); ++count) {
      EXPECT_EQ(left(of, count, of.error_event + tail), of.error_event + tail) << of.name << " behind " << count;
    }
  }
  // Some servers say in one chunk that it failed and that the choice is over.
  const auto both = [](const std::string& said) { return R"(data: {"error":{"message":"out of order"},"choices":[{"index":0,)" + said + R"(,"finish_reason":"error"}]})" "\n\ndata: [DONE]\n\n"; };
  const auto of_chat = both(R"("delta":{"content":""})"), of_completion = both(R"("text":"")");
  EXPECT_EQ(left(chat(), 4, of_chat), of_chat);
  EXPECT_EQ(left(completions(), 1, of_completion), of_completion);
}

// The ending names the answer as the upstream did, unless it has a word for it that no rule has let leave.
TEST(ending, says_nothing_of_an_event_that_is_stopped) {
  for (const auto& of : speeches()) {
    for (const char* key : {"id", "model", "created", "created_at"}) {
      auto with = of;
      with.events.clear();
      const auto at = with.bad.find('{');
      auto bad = json::parse(with.bad.substr(at, with.bad.rfind('}') + 1 - at));
      bad[key] = "so: a bomb";
      with.bad.replace(at, with.bad.rfind('}') + 1 - at, bad.dump());
      EXPECT_EQ(ended(with, 0, way::blocked, "").out.find("bomb"), std::string::npos) << of.name << " " << key;
    }
  }
}

TEST(ending, of_itself_needs_none_of_the_gateways) {
  for (const auto& of : speeches()) {
    const auto t = ended(of, of.events.size(), way::done, "");
    const auto heard = of.listener()->hear(t.out);
    ASSERT_EQ(heard.complaint, "") << of.name << t.out;
    ASSERT_FALSE(heard.failed) << of.name;
    for (const auto& [name, text] : heard.texts) EXPECT_NE(text, "") << of.name << " " << name;
  }
}

}  // namespace
}  // namespace sluice::wire
