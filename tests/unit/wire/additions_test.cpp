// Text behind answers: at the end of each choice, whole and streamed, in the dialect's own form and with every other byte as it came.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using testing::adding_sink;

constexpr const char* chat_path = "/v1/chat/completions";
constexpr const char* gemini_path = "/v1beta/models/m:generateContent";
constexpr const char* gemini_stream_path = "/v1beta/models/m:streamGenerateContent";

// The answer with " +" behind each choice that takes it.
std::string plain(const dialect& speaks, const char* path, const std::string& body) {
  const auto made = speaks.read_response(speaks.classify("POST", path), body, 64);
  EXPECT_TRUE(made) << body;
  if (!made) return {};
  std::vector<text_addition> additions;
  const auto choices = (*made)->choices();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (!choices[i].structured) additions.push_back({static_cast<std::int32_t>(i), " +\""});
  }
  for (const auto& p : (*made)->parts()) EXPECT_LT(p.choice, static_cast<std::int32_t>(choices.size()));
  const auto out = (*made)->edited({}, additions);
  EXPECT_TRUE(json::accept(out)) << out;
  EXPECT_EQ((*made)->edited({}, {}), body);
  return out;
}

std::string chat(const std::string& message, const char* end = "stop") {
  return R"({ "choices":[{"index":0,"message":)" + message + R"(,"finish_reason":")" + end + R"("}]})";
}

TEST(answer_additions, chat_completions_has_them_in_the_content) {
  const auto is = [](const std::string& before, const std::string& after) { EXPECT_EQ(plain(openai(), chat_path, chat(before)), chat(after)); };
  is(R"({"role":"assistant","content":"hi"})", R"({"role":"assistant","content":"hi +\""})");
  is(R"({"role":"assistant","content":"","refusal":null})", R"({"role":"assistant","content":" +\"","refusal":null})");
  is(R"({"content":null,"refusal":"No."})", R"({"content":" +\"","refusal":"No."})");
  is(R"({"role":"assistant"})", R"({"content":" +\"","role":"assistant"})");
  is(R"({"content":[{"type":"text","text":"hi"}]})", R"({"content":[{"type":"text","text":"hi"},{"type":"text","text":" +\""}]})");
  is(R"({"content":"hi","tool_calls":[]})", R"({"content":"hi +\"","tool_calls":[]})");
  for (const char* structured : {R"({"content":"hi","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]})",
                                 R"({"content":null,"function_call":{"name":"f","arguments":"{}"}})"}) {
    is(structured, structured);
  }
  EXPECT_EQ(plain(openai(), chat_path, R"({"choices":[{"index":0,"message":{"content":"a"}},{"index":1,"message":{"content":"b"}}]})"),
            R"({"choices":[{"index":0,"message":{"content":"a +\""}},{"index":1,"message":{"content":"b +\""}}]})");
}

TEST(answer_additions, anthropic_has_them_in_its_last_text) {
  const auto is = [](const std::string& before, const std::string& after) {
    EXPECT_EQ(plain(anthropic(), "/v1/messages", R"({"type":"message","content":)" + before + "}"), R"({"type":"message","content":)" + after + "}");
  };
  is(R"([{"type":"text","text":"a"}])", R"([{"type":"text","text":"a +\""}])");
  is(R"([{"type":"text","text":"a"},{"type":"text","text":"b","citations":[]}])", R"([{"type":"text","text":"a"},{"type":"text","text":"b +\"","citations":[]}])");
  is(R"([{"type":"text","text":"a"},{"type":"server_tool_use","id":"1","name":"web_search","input":{}}])",
     R"([{"type":"text","text":"a"},{"type":"server_tool_use","id":"1","name":"web_search","input":{}},{"type":"text","text":" +\""}])");
  is("[]", R"([{"type":"text","text":" +\""}])");
  is(R"([{"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"f","input":{}}])", R"([{"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"f","input":{}}])");
}

TEST(answer_additions, an_anthropic_block_that_is_rewritten_to_nothing_goes) {
  const std::string body = R"({"content":[{"type":"text","text":"a"}, {"type":"text","text":"b"},{"type":"text","text":"c"},{"type":"text","text":"d"}]})";
  const auto made = anthropic().read_response(anthropic().classify("POST", "/v1/messages"), body, 64);
  ASSERT_TRUE(made.has_value());
  std::vector<replacement> edits;
  for (std::uint32_t i = 0; i < (*made)->parts().size(); ++i) {
    if ((*made)->parts()[i].kind == part_kind::text && (*made)->parts()[i].text != "d") edits.push_back({i, 0, 1, i == 0 ? "new" : ""});
  }
  ASSERT_EQ(edits.size(), 3u);
  EXPECT_EQ((*made)->edited(edits), R"({"content":[{"type":"text","text":"new"},{"type":"text","text":"d"}]})");
}

TEST(answer_additions, gemini_has_them_in_each_candidates_last_part) {
  const auto is = [](const std::string& before, const std::string& after) { EXPECT_EQ(plain(gemini(), gemini_path, before), after); };
  is(R"({"candidates":[{"content":{"parts":[{"text":"a"},{"text":"b"}]}},{"content":{"parts":[{"text":"c"}]}}]})",
     R"({"candidates":[{"content":{"parts":[{"text":"a"},{"text":"b +\""}]}},{"content":{"parts":[{"text":"c +\""}]}}]})");
  is(R"({"candidates":[{"content":{"parts":[{"text":"so","thought":true}]}}]})", R"({"candidates":[{"content":{"parts":[{"text":"so","thought":true},{"text":" +\""}]}}]})");
  is(R"({"candidates":[{"finishReason":"MAX_TOKENS"}]})", R"({"candidates":[{"content":{"parts":[{"text":" +\""}],"role":"model"},"finishReason":"MAX_TOKENS"}]})");
  is(R"({"candidates":[{"content":{"role":"model"}}]})", R"({"candidates":[{"content":{"parts":[{"text":" +\""}],"role":"model"}}]})");
  is(R"({"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"name":"f","args":{}}}]}}]})", R"({"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"name":"f","args":{}}}]}}]})");
}

TEST(answer_additions, ollama_has_them_in_its_text) {
  EXPECT_EQ(plain(ollama(), "/api/chat", R"({"message":{"role":"assistant","content":"a"},"done":true})"), R"({"message":{"role":"assistant","content":"a +\""},"done":true})");
  EXPECT_EQ(plain(ollama(), "/api/generate", R"({"response":"a","done":true})"), R"({"response":"a +\"","done":true})");
  const std::string call = R"({"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true})";
  EXPECT_EQ(plain(ollama(), "/api/chat", call), call);
}

TEST(answer_additions, responses_has_them_behind_its_last_text) {
  const auto is = [](const std::string& before, const std::string& after) {
    const auto whole = [](const std::string& output) { return R"({"object":"response","status":"completed","output":)" + output + "}"; };
    EXPECT_EQ(plain(openai(), "/v1/responses", whole(before)), whole(after));
  };
  is(R"([{"type":"message","content":[{"type":"output_text","text":"a"}]}])", R"([{"type":"message","content":[{"type":"output_text","text":"a +\""}]}])");
  is(R"([{"type":"message","content":[{"type":"output_text","text":"a"}]},{"type":"web_search_call","id":"w"}])",
     R"([{"type":"message","content":[{"type":"output_text","text":"a"}]},{"type":"web_search_call","id":"w"},{"id":"msg_sluice","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":" +\"","annotations":[],"logprobs":[]}]}])");
  for (const char* call : {"function_call", "custom_tool_call"}) {
    const auto same = R"([{"type":"message","content":[{"type":"output_text","text":"a"}]},{"type":")" + std::string(call) + R"(","name":"f"}])";
    is(same, same);
  }
}

TEST(answer_additions, requests_say_whether_the_answer_is_to_be_structured) {
  const auto asks = [](const dialect& speaks, const char* path, const std::string& body) {
    const auto made = speaks.read_request(speaks.classify("POST", path), body, 64);
    EXPECT_TRUE(made) << body;
    return made && (*made)->json_answer();
  };
  const auto with = [](const char* more) { return std::string(R"({"model":"m","prompt":"q","contents":[],"messages":[{"role":"user","content":"q"}])") + more + "}"; };
  EXPECT_FALSE(asks(openai(), chat_path, with("")));
  EXPECT_FALSE(asks(openai(), chat_path, with(R"(,"response_format":{"type":"text"})")));
  EXPECT_TRUE(asks(openai(), chat_path, with(R"(,"response_format":{"type":"json_object"})")));
  EXPECT_TRUE(asks(openai(), chat_path, with(R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}})")));
  EXPECT_TRUE(asks(openai(), chat_path, with(R"(,"guided_json":{})")));
  EXPECT_FALSE(asks(openai(), "/v1/responses", R"({"model":"m","input":"q","text":{"format":{"type":"text"}}})"));
  EXPECT_TRUE(asks(openai(), "/v1/responses", R"({"model":"m","input":"q","text":{"format":{"type":"json_schema","name":"n","schema":{}}}})"));
  EXPECT_FALSE(asks(anthropic(), "/v1/messages", with(R"(,"output_config":{"effort":"low"})")));
  EXPECT_TRUE(asks(anthropic(), "/v1/messages", with(R"(,"output_config":{"format":{"type":"json_schema","schema":{}}})")));
  EXPECT_TRUE(asks(anthropic(), "/v1/messages", with(R"(,"output_format":{"type":"json_schema","schema":{}})")));
  EXPECT_FALSE(asks(gemini(), gemini_path, with(R"(,"generationConfig":{"responseMimeType":"text/plain"})")));
  EXPECT_TRUE(asks(gemini(), gemini_path, with(R"(,"generationConfig":{"responseMimeType":"application/json"})")));
  EXPECT_TRUE(asks(gemini(), gemini_path, with(R"(,"generation_config":{"response_mime_type":"text/x.enum"})")));
  EXPECT_TRUE(asks(gemini(), gemini_path, with(R"(,"generationConfig":{"responseJsonSchema":{}})")));
  EXPECT_FALSE(asks(ollama(), "/api/chat", with(R"(,"format":"")")));
  EXPECT_TRUE(asks(ollama(), "/api/chat", with(R"(,"format":"json")")));
  EXPECT_TRUE(asks(ollama(), "/api/generate", with(R"(,"format":{"type":"object"})")));
}

testing::trace run(const dialect& speaks, const char* path, const std::string& bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}) {
  return testing::run(speaks, path, R"({"model":"m","max_tokens":9,"prompt":"q","contents":[],"messages":[]})", bytes, cuts, sink);
}

// The same at each cut of the bytes, with a fresh sink.
std::string at_every_cut(const dialect& speaks, const char* path, const std::string& bytes, bool keep = false) {
  adding_sink sink(" +", keep);
  const auto out = run(speaks, path, bytes, sink).out;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    adding_sink again(" +", keep);
    const auto cut_out = run(speaks, path, bytes, again, {cut}).out;
    if (cut_out != out) ADD_FAILURE() << "cut at " << cut << ":\n" << cut_out << "\nnot\n" << out;
  }
  return out;
}

std::string chunk(int index, const std::string& delta, const char* finish = nullptr) {
  return R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":)" + std::to_string(index) + R"(,"delta":)" + delta +
         R"(,"finish_reason":)" + (finish == nullptr ? "null" : "\"" + std::string(finish) + "\"") + "}]}\n\n";
}

TEST(answer_additions, a_streamed_chat_has_them_before_each_choices_last_event) {
  const std::string done = "data: [DONE]\n\n";
  const auto begin = chunk(0, R"({"content":"a"})") + chunk(1, R"({"content":"b"})");
  EXPECT_EQ(at_every_cut(openai(), chat_path, begin + chunk(1, "{}", "length") + chunk(0, "{}", "stop") + done),
            begin + chunk(1, R"({"content":" +"})") + chunk(1, "{}", "length") + chunk(0, R"({"content":" +"})") + chunk(0, "{}", "stop") + done);
  // Into the event itself where it still says something.
  EXPECT_EQ(at_every_cut(openai(), chat_path, chunk(0, R"({"content":"a"})", "stop") + done), chunk(0, R"({"content":"a +"})", "stop") + done);
  // Without an end, before the stream's.
  EXPECT_EQ(at_every_cut(openai(), chat_path, chunk(0, R"({"content":"a"})") + done), chunk(0, R"({"content":"a"})") + chunk(0, R"({"content":" +"})") + done);
  const auto call = chunk(0, R"({"tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":""}}]})") + chunk(0, "{}", "tool_calls") + done;
  EXPECT_EQ(at_every_cut(openai(), chat_path, call), call);
  // An empty list of calls is none.
  EXPECT_EQ(at_every_cut(openai(), chat_path, chunk(0, R"({"content":"a","tool_calls":[]})", "stop") + done), chunk(0, R"({"content":"a +","tool_calls":[]})", "stop") + done);
}

std::string say(const json& event) { return "event: " + event["type"].get<std::string>() + "\ndata: " + event.dump() + "\n\n"; }
std::string begins(int index, const char* type = "text") {
  return say({{"type", "content_block_start"}, {"index", index}, {"content_block", std::string(type) == "text" ? json{{"type", "text"}, {"text", ""}} : json{{"type", type}, {"id", "t"}, {"name", "f"}, {"input", json::object()}}}});
}
std::string delta(int index, const char* text) {
  return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" + std::to_string(index) + ",\"delta\":{\"type\":\"text_delta\",\"text\":\"" + text + "\"}}\n\n";
}
std::string ends(int index) { return say({{"type", "content_block_stop"}, {"index", index}}); }
const std::string started = say({{"type", "message_start"}, {"message", {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", json::array()}}}});
std::string over(const char* why) { return say({{"type", "message_delta"}, {"delta", {{"stop_reason", why}}}, {"usage", {{"output_tokens", 1}}}}) + say({{"type", "message_stop"}}); }
const std::string ping = say({{"type", "ping"}});

TEST(answer_additions, a_streamed_anthropic_answer_has_them_in_its_last_text_block) {
  const auto one = started + begins(0) + delta(0, "a");
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", one + ends(0) + ping + over("max_tokens")), one + ping + delta(0, " +") + ends(0) + over("max_tokens"));
  const auto two = one + ends(0) + begins(1) + delta(1, "b");
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", two + ends(1) + over("end_turn")), two + delta(1, " +") + ends(1) + over("end_turn"));
  // Behind another kind of block a text block of its own.
  const auto searched = one + ends(0) + begins(1, "server_tool_use") + ends(1);
  const auto out = at_every_cut(anthropic(), "/v1/messages", searched + over("end_turn"));
  EXPECT_EQ(out, searched + "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n" +
                     delta(2, " +") + "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n" + over("end_turn"));
  const auto call = one + ends(0) + begins(1, "tool_use") + ends(1) + over("tool_use");
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", call), call);
}

TEST(answer_additions, what_an_anthropic_answer_said_is_kept_to_its_end_where_rules_may_still_change_it) {
  // What was fed leaves behind the end, each text in its own block; calls and pings stand where they stood.
  const auto bytes = started + begins(0) + delta(0, "a") + ends(0) + begins(1, "server_tool_use") + ends(1) + begins(2) + delta(2, "b") + ends(2) + over("end_turn");
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", bytes, true),
            started + begins(0) + delta(0, "") + delta(0, "a") + ends(0) + begins(1, "server_tool_use") + ends(1) + begins(2) + delta(2, "") + delta(2, "b +") + ends(2) + over("end_turn"));
  adding_sink rewrites("", true);
  rewrites.rewritten = "new";
  EXPECT_EQ(run(anthropic(), "/v1/messages", bytes, rewrites).out,
            started + begins(0) + delta(0, "") + delta(0, "new") + ends(0) + begins(1, "server_tool_use") + ends(1) + over("end_turn"));
  // Of a block of which nothing is left nothing is told, and those behind it move up.
  adding_sink again("", true);
  again.rewritten = "new";
  EXPECT_EQ(run(anthropic(), "/v1/messages", started + begins(0) + delta(0, "a") + ends(0) + begins(1) + delta(1, "b") + ends(1) + begins(2, "server_tool_use") + ends(2) + over("end_turn"), again).out,
            started + begins(0) + delta(0, "") + delta(0, "new") + ends(0) + begins(1, "server_tool_use") + ends(1) + over("end_turn"));
  // Whatever their lines look like.
  for (const std::string name : {"data:", "data:  ", "id: 1\ndata: ", "data: \ndata: "}) {
    const auto lines = [&](std::string events) {
      for (auto at = events.find("data: {"); at != std::string::npos; at = events.find("data: {", at + name.size())) events.replace(at, 6, name);
      return events;
    };
    adding_sink moved("", true);
    moved.rewritten = "new";
    const auto came = lines(started + begins(0) + delta(0, "a") + ends(0) + begins(1) + delta(1, "b") + ends(1) + begins(2, "server_tool_use") + ends(2) + over("end_turn"));
    EXPECT_EQ(run(anthropic(), "/v1/messages", came, moved).out,
              lines(started + begins(0) + delta(0, "")) + delta(0, "new") + lines(ends(0) + begins(1, "server_tool_use") + ends(1) + over("end_turn"))) << name;
  }
  // So does what is put behind all of them in a block of its own.
  adding_sink moves(" +", true);
  moves.rewritten = "new";
  const auto behind = run(anthropic(), "/v1/messages", started + begins(0) + delta(0, "a") + ends(0) + begins(1) + delta(1, "b") + ends(1) + begins(2, "thinking") + ends(2) + over("end_turn"), moves).out;
  EXPECT_NE(behind.find(begins(1, "thinking") + ends(1)), std::string::npos) << behind;
  EXPECT_NE(behind.find(R"("index":2,"content_block":{"type":"text")"), std::string::npos) << behind;
  EXPECT_EQ(behind.find(R"("index":3)"), std::string::npos) << behind;
  // Cut there, the client has a whole message of what it has seen: the first block, which is open, and the message.
  adding_sink blocks("", true);
  blocks.blocks = true;
  const auto cut = testing::run(anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[]})", bytes, {}, blocks, "No.");
  EXPECT_EQ(cut.last, response_stream::status::blocked);
  EXPECT_TRUE(cut.out.starts_with(started + begins(0) + delta(0, "") + "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n")) << cut.out;
  EXPECT_NE(cut.out.find(R"("index":1,"content_block":{"type":"text")"), std::string::npos) << cut.out;
  EXPECT_EQ(cut.out.find("\"a\""), std::string::npos);
  EXPECT_NE(cut.out.find("\"refusal\""), std::string::npos);
}

const std::string interim = say({{"type", "message_delta"}, {"delta", {{"stop_reason", nullptr}}}, {"usage", {{"output_tokens", 1}}}});

// A message_delta without a reason to stop ends nothing.
TEST(answer_additions, an_anthropic_answer_that_tells_its_usage_before_its_end_has_them_at_its_end) {
  const auto first = started + begins(0) + delta(0, "a");
  const auto bytes = first + ends(0) + interim + begins(1) + delta(1, "b") + ends(1) + interim + over("end_turn");
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", bytes), first + ends(0) + interim + begins(1) + delta(1, "b") + delta(1, " +") + ends(1) + interim + over("end_turn"));
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", bytes, true),
            started + begins(0) + delta(0, "") + delta(0, "a") + ends(0) + interim + begins(1) + delta(1, "") + delta(1, "b +") + ends(1) + interim + over("end_turn"));
  // Within a block, too.
  EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", first + interim + delta(0, "b") + ends(0) + over("end_turn")), first + interim + delta(0, "b") + delta(0, " +") + ends(0) + over("end_turn"));
  adding_sink rewrites("", true);
  rewrites.rewritten = "new";
  EXPECT_EQ(run(anthropic(), "/v1/messages", bytes, rewrites).out, started + begins(0) + delta(0, "") + delta(0, "new") + ends(0) + interim + interim + over("end_turn"));
  EXPECT_EQ(rewrites.closed.size(), 1u);
}

TEST(answer_additions, an_anthropic_message_says_nothing_behind_its_end) {
  const auto end = over("end_turn");
  const auto reason = end.substr(0, end.find("event: message_stop"));
  for (const auto& late : {begins(1) + delta(1, "late") + ends(1), begins(1, "tool_use") + ends(1), delta(0, "late"), delta(1, "late")}) {
    adding_sink sink(" +");
    const auto out = run(anthropic(), "/v1/messages", started + begins(0) + delta(0, "a") + reason + late + say({{"type", "message_stop"}}), sink);
    EXPECT_EQ(out.last, response_stream::status::unreadable) << late;
    EXPECT_TRUE(out.out.starts_with(started + begins(0) + delta(0, "a"))) << out.out;
    EXPECT_LT(out.out.find(" +"), out.out.find(reason)) << out.out;
    EXPECT_EQ(out.out.find("late"), std::string::npos) << out.out;
    EXPECT_NE(out.out.find("message_stop"), std::string::npos) << out.out;
  }
}

TEST(answer_additions, each_of_several_anthropic_messages_has_its_own) {
  const auto end = over("end_turn");
  const auto reason = end.substr(0, end.find("event: message_stop"));
  const auto first = started + begins(0) + delta(0, "a") + ends(0) + begins(1) + delta(1, "b"), second = started + begins(0) + delta(0, "c");
  for (const auto& between : {reason, std::string()}) {
    EXPECT_EQ(at_every_cut(anthropic(), "/v1/messages", first + ends(1) + between + second + ends(0) + end), first + delta(1, " +") + ends(1) + between + second + delta(0, " +") + ends(0) + end);
  }
  // In a block of its own where a message ends with none of text, whatever the one before had.
  const auto out = at_every_cut(anthropic(), "/v1/messages", first + ends(1) + reason + started + end);
  EXPECT_NE(out.rfind(R"("index":0,"content_block")"), std::string::npos) << out;
  EXPECT_EQ(out.find(R"("index":2)"), std::string::npos) << out;
  // A piece of a text of the message before goes on with nothing.
  adding_sink sink(" +");
  EXPECT_EQ(run(anthropic(), "/v1/messages", started + begins(0) + delta(0, "a") + started + delta(0, "b") + end, sink).last, response_stream::status::unreadable);
}

TEST(answer_additions, an_upstream_error_leaves_at_once_and_what_waits_does_not) {
  adding_sink sink(" +", true);
  const auto error = say({{"type", "error"}, {"error", {{"type", "overloaded_error"}, {"message", "busy"}}}});
  EXPECT_EQ(run(anthropic(), "/v1/messages", started + begins(0) + delta(0, "a") + ends(0) + error, sink).out, started + begins(0) + delta(0, "") + error);
}

TEST(answer_additions, a_streamed_gemini_answer_has_them_in_each_candidates_last_event) {
  const auto event = [](const std::string& candidate) { return "data: {\"candidates\":[" + candidate + "]}\n\n"; };
  const auto text = [](int index, const std::string& words, const char* end = "") {
    return R"({"content":{"parts":[{"text":")" + words + R"("}],"role":"model"},)" + end + R"("index":)" + std::to_string(index) + "}";
  };
  const char* stop = R"("finishReason":"STOP",)";
  EXPECT_EQ(at_every_cut(gemini(), gemini_stream_path, event(text(0, "a")) + event(text(0, "b", stop))), event(text(0, "a")) + event(text(0, "b +", stop)));
  const std::string stopped = R"({"finishReason":"MAX_TOKENS","index":0})";
  const auto end = event(stopped);
  EXPECT_EQ(at_every_cut(gemini(), gemini_stream_path, event(text(0, "a")) + end), event(text(0, "a")) + event(text(0, " +")) + end);
  EXPECT_EQ(at_every_cut(gemini(), gemini_stream_path, "[" + std::string("{\"candidates\":[") + text(0, "a") + "," + text(1, "b", stop) + "]},\n{\"candidates\":[" + stopped + "]}\n]"),
            "[{\"candidates\":[" + text(0, "a") + "," + text(1, "b +", stop) + "]},\n{\"candidates\":[" + text(0, " +") + "]},\n{\"candidates\":[" + stopped + "]}\n]");
  const auto call = event(R"({"content":{"parts":[{"functionCall":{"name":"f","args":{}}}],"role":"model"},"finishReason":"STOP","index":0})");
  EXPECT_EQ(at_every_cut(gemini(), gemini_stream_path, call), call);
}

TEST(answer_additions, a_gemini_answer_that_nothing_ends_gets_a_text_once) {
  const auto saying = [](const std::string& words) { return R"(data: {"candidates":[{"content":{"parts":[{"text":")" + words + R"("}],"role":"model"},"finishReason":"STOP","index":0}]})"; };
  for (const char* end : {"", "\n", "\n\n"}) {
    adding_sink sink(" +");
    EXPECT_EQ(run(gemini(), gemini_stream_path, saying("a") + end, sink).out, saying("a +") + end);
    EXPECT_EQ(sink.closed.size(), 1u);
  }
}

// Some servers name a finish reason in every event: what was judged again asks for the same text again, and a client has it already.
TEST(answer_additions, a_gemini_candidate_that_goes_on_after_its_end_gets_a_text_once) {
  const auto event = [](const std::string& words) {
    return R"(data: {"candidates":[{"content":{"parts":[{"text":")" + words + R"("}],"role":"model"},"finishReason":"STOP","index":0}]})" "\n\n";
  };
  for (const bool keep : {false, true}) {
    EXPECT_EQ(at_every_cut(gemini(), gemini_stream_path, event("a") + event("b") + event("c"), keep), event("a +") + event("b") + event("c")) << keep;
  }
}

TEST(answer_additions, a_streamed_ollama_answer_has_them_before_its_last_line) {
  const auto line = [](const std::string& text, bool done = false) {
    return R"({"model":"m","created_at":"t","message":{"role":"assistant","content":")" + text + R"("},"done":)" + (done ? "true" : "false") + "}\n";
  };
  EXPECT_EQ(at_every_cut(ollama(), "/api/chat", line("a") + line("", true)), line("a") + line(" +") + line("", true));
  EXPECT_EQ(at_every_cut(ollama(), "/api/chat", line("a") + line("b", true)), line("a") + line("b +", true));
  EXPECT_EQ(at_every_cut(ollama(), "/api/chat", line("a") + line("", true), true), line("") + line("a +") + line("", true));
  const std::string generate = R"({"model":"m","created_at":"t","response":"a","done":false})" "\n";
  EXPECT_EQ(at_every_cut(ollama(), "/api/generate", generate + R"({"model":"m","created_at":"t","response":"","done":true,"done_reason":"length"})" "\n"),
            generate + R"({"model":"m","created_at":"t","response":" +","done":false})" "\n" R"({"model":"m","created_at":"t","response":"","done":true,"done_reason":"length"})" "\n");
  const auto call = R"({"model":"m","created_at":"t","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false})" "\n" + line("", true);
  EXPECT_EQ(at_every_cut(ollama(), "/api/chat", call), call);
}

TEST(answer_additions, an_answer_that_breaks_off_gets_none) {
  const auto request = openai().read_request(openai().classify("POST", chat_path), R"({"messages":[]})", 64);
  const auto stream = openai().open_stream(openai().classify("POST", chat_path), **request, 64);
  adding_sink sink(" +");
  std::string out;
  const auto bytes = chunk(0, R"({"content":"a"})");
  EXPECT_EQ(stream->feed(bytes, sink, out), response_stream::status::ok);
  EXPECT_EQ(stream->end(false, sink, out), response_stream::status::ok);
  EXPECT_EQ(out, bytes);
  EXPECT_TRUE(sink.closed.empty());
}

}  // namespace
}  // namespace sluice::wire
