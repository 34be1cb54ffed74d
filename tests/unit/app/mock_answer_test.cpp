// The test model's answers, as bytes: plain, streamed, with tools, and its lies.
#include "mock_answer.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "sluice/http/head.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

struct answered {
  std::string bytes, body;
  int status = 0;
  bool closed = false, whole = true;
  std::vector<json> events;
  bool done = false;
};

answered ask(const json& request, const mock_options& options = {}, std::string_view path = "/v1/chat/completions",
             std::string_view method = "POST") {
  const auto body = request.dump();
  auto answer = answer_to({.method = method, .path = path, .body = body}, options, 1, wall_time{});
  answered out;
  using then = mock_answer::step::then;
  for (auto what = then::more; what == then::more;) {
    what = answer->next(out.bytes).what;
    out.closed = what == then::close;
  }
  http::response_head head;
  http::refusal why;
  std::size_t at = 0;
  EXPECT_EQ(http::parse_response_head(out.bytes, {}, false, head, at, why), http::parse_status::complete) << why.reason;
  out.status = head.status;
  http::body_reader reader(head.framing, head.content_length);
  for (auto status = http::body_reader::status::more; status == http::body_reader::status::more;) {
    std::size_t consumed = 0;
    std::string_view payload;
    status = reader.feed(std::string_view(out.bytes).substr(at), consumed, payload);
    out.body += payload;
    at += consumed;
    if (consumed == 0 && status == http::body_reader::status::more) {
      out.whole = false;
      break;
    }
  }
  for (std::size_t begin = 0, end = 0; (end = out.body.find("\n\n", begin)) != std::string::npos; begin = end + 2) {
    const auto event = out.body.substr(begin, end - begin);
    if (event == "data: [DONE]") {
      out.done = true;
    } else if (const auto data = event.find("data: "); data != std::string::npos) {
      out.events.push_back(json::parse(event.substr(data + 6), nullptr, false));
    }
  }
  return out;
}

json chat(const std::string& text, json more = json::object()) {
  json out = {{"model", "mock"}, {"messages", {{{"role", "system"}, {"content", "be kind"}}, {{"role", "user"}, {"content", text}}}}};
  out.update(more);
  return out;
}

TEST(mock_answer, says_what_the_user_said_for_each_choice) {
  const auto got = ask(chat("Grüße 😀 \"x\"", {{"n", 2}}));
  const auto body = json::parse(got.body);
  EXPECT_EQ(got.status, 200);
  ASSERT_EQ(body["choices"].size(), 2u);
  EXPECT_EQ(body["choices"][1]["message"]["content"], "Grüße 😀 \"x\"");
  EXPECT_EQ(body["choices"][1]["index"], 1);
  EXPECT_EQ(body["usage"]["total_tokens"], body["usage"]["prompt_tokens"].get<int>() + body["usage"]["completion_tokens"].get<int>());
}

TEST(mock_answer, as_a_stream_is_the_same_text_in_tokens) {
  const std::string text = "My card is 4111111111111111, ünïcödé too";
  const auto got = ask(chat(text, {{"stream", true}, {"n", 2}, {"stream_options", {{"include_usage", true}}}}));
  std::string first, second;
  int finished = 0;
  for (const auto& event : got.events) {
    for (const auto& choice : event["choices"]) {
      (choice["index"] == 0 ? first : second) += choice["delta"].value("content", "");
      finished += choice["finish_reason"] == "stop" ? 1 : 0;
    }
  }
  EXPECT_EQ(first, text);
  EXPECT_EQ(second, text);
  EXPECT_EQ(finished, 2);
  EXPECT_TRUE(got.done && got.whole);
  EXPECT_GT(got.events.size(), 10u);
  EXPECT_TRUE(got.events.back()["choices"].empty());
  EXPECT_TRUE(got.events.back()["usage"].is_object());
}

TEST(mock_answer, calls_a_tool_when_the_request_demands_it) {
  const json tools = {{{"type", "function"}, {"function", {{"name", "look_up"}}}}};
  const auto plain = json::parse(ask(chat("hi", {{"tools", tools}, {"tool_choice", "required"}})).body);
  EXPECT_EQ(plain["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(plain["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "look_up");
  const auto streamed = ask(chat("please look_up this", {{"tools", tools}, {"stream", true}}));
  std::string arguments;
  for (const auto& event : streamed.events) {
    for (const auto& call : event["choices"][0]["delta"].value("tool_calls", json::array())) arguments += call["function"]["arguments"].get<std::string>();
  }
  EXPECT_EQ(json::parse(arguments)["text"], "please look_up this");
  EXPECT_EQ(json::parse(ask(chat("hi", {{"tools", tools}})).body)["choices"][0]["finish_reason"], "stop");
}

TEST(mock_answer, speaks_responses_whole_and_as_numbered_events) {
  const json request = {{"model", "mock"}, {"instructions", "be kind"}, {"input", {{{"role", "user"}, {"content", {{{"type", "input_text"}, {"text", "two words"}}}}}}}};
  const auto said = [](const json& response) { return response["output"][0]["content"][0]["text"]; };
  EXPECT_EQ(said(json::parse(ask(request, {}, "/v1/responses").body)), "two words");
  EXPECT_EQ(said(json::parse(ask({{"input", "hi"}}, {}, "/v1/responses").body)), "hi");
  auto streamed = request;
  streamed["stream"] = true;
  const auto got = ask(streamed, {}, "/v1/responses");
  std::string text;
  for (std::size_t i = 0; i < got.events.size(); ++i) {
    EXPECT_EQ(got.events[i]["sequence_number"], i);
    if (got.events[i]["type"] == "response.output_text.delta") text += got.events[i]["delta"].get<std::string>();
  }
  EXPECT_EQ(text, "two words");
  EXPECT_EQ(got.events.back()["type"], "response.completed");
  EXPECT_EQ(said(got.events.back()["response"]), "two words");
  streamed.update({{"tools", {{{"type", "function"}, {"name", "look_up"}}}}, {"tool_choice", "required"}});
  EXPECT_EQ(json::parse(ask(streamed, {}, "/v1/responses").events.back()["response"]["output"][0]["arguments"].get<std::string>())["text"], "two words");
  EXPECT_EQ(json::parse(ask(json::object(), {}, "/v1/responses").body)["error"]["message"], "Missing required parameter: 'input'.");
}

TEST(mock_answer, speaks_messages_whole_and_as_named_events) {
  json request = {{"model", "mock"}, {"max_tokens", 9}, {"messages", {{{"role", "user"}, {"content", "two words"}}}}};
  const auto plain = json::parse(ask(request, {}, "/v1/messages").body);
  EXPECT_EQ(plain["content"][0]["text"], "two words");
  EXPECT_EQ(plain["stop_reason"], "end_turn");
  request["stream"] = true;
  const auto got = ask(request, {}, "/v1/messages");
  std::string text;
  for (const auto& e : got.events) {
    if (e["type"] == "content_block_delta") text += e["delta"]["text"].get<std::string>();
  }
  EXPECT_EQ(text, "two words");
  EXPECT_EQ(got.events.front()["type"], "message_start");
  EXPECT_EQ(got.events.back()["type"], "message_stop");
  request.update({{"tools", {{{"name", "look_up"}, {"input_schema", json::object()}}}}, {"tool_choice", {{"type", "any"}}}});
  std::string input;
  for (const auto& e : ask(request, {}, "/v1/messages").events) {
    if (e["type"] == "content_block_delta") input += e["delta"]["partial_json"].get<std::string>();
  }
  EXPECT_EQ(json::parse(input)["text"], "two words");
  request["model"] = "mock-529";
  EXPECT_EQ(json::parse(ask(request, {}, "/v1/messages").body)["type"], "error");
}

// A stream of Gemini (events end as HTTP's lines do) or Ollama, as its JSON values.
std::vector<json> values_of(const answered& got) {
  std::vector<json> out;
  std::istringstream lines(got.body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: ")) line.erase(0, 6);
    if (auto read = json::parse(line, nullptr, false); read.is_object()) out.push_back(std::move(read));
  }
  return out;
}

TEST(mock_answer, speaks_gemini_whole_as_events_and_as_one_list) {
  json request = {{"contents", {{{"role", "user"}, {"parts", {{{"text", "two words"}}}}}}}};
  const auto said = [](const json& each) { return each["candidates"][0]["content"]["parts"][0].value("text", ""); };
  const auto plain = json::parse(ask(request, {}, "/v1beta/models/mock:generateContent").body);
  EXPECT_EQ(said(plain), "two words");
  EXPECT_EQ(plain["modelVersion"], "mock");
  EXPECT_EQ(plain["candidates"][0]["finishReason"], "STOP");
  const auto events = values_of(ask(request, {}, "/v1beta/models/mock:streamGenerateContent?alt=sse"));
  const auto list = json::parse(ask(request, {}, "/v1beta/models/mock:streamGenerateContent").body);
  EXPECT_EQ(json(events), list);
  std::string text;
  for (const auto& each : list) text += said(each);
  EXPECT_EQ(text, "two words");
  EXPECT_EQ(list.back()["candidates"][0]["finishReason"], "STOP");
  request["tools"] = {{{"functionDeclarations", {{{"name", "look_up"}}}}}};
  request["toolConfig"] = {{"functionCallingConfig", {{"mode", "ANY"}}}};
  for (const auto& each : {json::parse(ask(request, {}, "/v1beta/models/mock:generateContent").body),
                           json::parse(ask(request, {}, "/v1beta/models/mock:streamGenerateContent").body)[0]}) {
    EXPECT_EQ(each["candidates"][0]["content"]["parts"][0]["functionCall"]["args"]["text"], "two words");
  }
  EXPECT_EQ(json::parse(ask(request, {}, "/v1beta/models/mock-429:generateContent").body)["error"]["status"], "RESOURCE_EXHAUSTED");
}

TEST(mock_answer, speaks_ollama_streamed_unless_told_otherwise) {
  json request = {{"model", "mock"}, {"messages", {{{"role", "user"}, {"content", "two words"}}}}};
  std::string text;
  const auto lines = values_of(ask(request, {}, "/api/chat"));
  for (const auto& each : lines) text += each["message"]["content"].get<std::string>();
  EXPECT_EQ(text, "two words");
  EXPECT_EQ(lines.size(), tokens_of("two words").size() + 1);
  EXPECT_EQ(lines.back()["done"], true);
  request["stream"] = false;
  EXPECT_EQ(json::parse(ask(request, {}, "/api/chat").body)["message"]["content"], "two words");
  request["tools"] = {{{"type", "function"}, {"function", {{"name", "two"}}}}};
  EXPECT_EQ(json::parse(ask(request, {}, "/api/chat").body)["message"]["tool_calls"][0]["function"]["arguments"]["text"], "two words");
  EXPECT_EQ(json::parse(ask({{"model", "mock"}, {"prompt", "two words"}, {"stream", false}}, {}, "/api/generate").body)["response"], "two words");
  EXPECT_EQ(json::parse(ask({{"model", "mock-500"}, {"prompt", "x"}}, {}, "/api/generate").body)["error"], "The mock failed as it was asked to.");
}

TEST(mock_answer, lies_as_its_model_says) {
  EXPECT_EQ(ask(chat("x", {{"model", "mock-500"}})).status, 500);
  EXPECT_EQ(ask(chat("x", {{"model", "mock-429"}})).status, 429);
  for (const char* model : {"mock-cut", "mock-wrong-length"}) {
    for (const bool stream : {false, true}) {
      const auto got = ask(chat("one two three four five six", {{"model", model}, {"stream", stream}}));
      EXPECT_TRUE(got.closed) << model;
      EXPECT_FALSE(got.whole) << model;
      EXPECT_FALSE(got.done) << model;
    }
  }
  EXPECT_TRUE(json::parse(ask(chat("x", {{"model", "mock-garbage"}})).body, nullptr, false).is_discarded());
  EXPECT_EQ(answer_to({.method = "POST", .path = "/v1/chat/completions", .body = chat("x", {{"model", "mock-slow"}}).dump()},
                      {.slow = milliseconds(77)}, 1, {})->first_wait(), milliseconds(77));
}

TEST(mock_answer, answers_by_script) {
  const auto lines = parse_script("s.jsonl", "{\"when\":\"weather\",\"answer\":\"sunny\"}\n\n{\"answer\":\"what?\"}\n").value();
  EXPECT_EQ(json::parse(ask(chat("the weather?"), {.script = lines}).body)["choices"][0]["message"]["content"], "sunny");
  EXPECT_EQ(json::parse(ask(chat("hello"), {.script = lines}).body)["choices"][0]["message"]["content"], "what?");
  const auto bad = parse_script("s.jsonl", "{\"answer\":\"a\"}\nnope\n");
  ASSERT_FALSE(bad.has_value());
  EXPECT_TRUE(bad.error().message.starts_with("s.jsonl:2:")) << bad.error().message;
}

TEST(mock_answer, refuses_like_the_api_does) {
  EXPECT_EQ(ask(json::array()).status, 400);
  EXPECT_EQ(ask({{"model", "mock"}}).status, 400);
  EXPECT_EQ(ask({}, {}, "/v1/nothing").status, 404);
  EXPECT_EQ(ask({}, {}, "/v1/chat/completions", "GET").status, 405);
  EXPECT_EQ(json::parse(ask({}, {}, "/v1/models", "GET").body)["data"][0]["id"], "mock");
  EXPECT_TRUE(json::parse(ask({}, {}, "/v1/models/x", "GET").body).contains("id"));
}

TEST(tokens_of, lose_nothing_and_cut_no_code_point) {
  for (const std::string text : {"", " ", "a", "word word", "4111111111111111", "ünïcödéünïcödé 😀😀😀😀😀😀", "\n\n x\t"}) {
    std::string joined;
    for (const auto& token : tokens_of(text)) {
      EXPECT_FALSE(token.empty());
      EXPECT_NE(token[0] & 0xc0, 0x80);
      joined += token;
    }
    EXPECT_EQ(joined, text);
  }
}

}  // namespace
}  // namespace sluice::app
