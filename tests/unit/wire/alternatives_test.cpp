// What a model could have said instead, beside what it said. Goal: each alternative is judged as a text of its own, and where one is changed the
// list goes. Method: the same alternatives in every API that has some, in one piece and streamed.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/wire/dialect.hpp"
#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

// `token` instead of "fine".
json spelled(const std::string& token) {
  return {{"token", "fine"}, {"logprob", -1}, {"bytes", {1, 2}}, {"top_logprobs", json::array({{{"token", token}, {"logprob", -1}, {"bytes", {3, 4}}}})}};
}

struct api {
  const dialect& speaks;
  std::string path, request;
  json (*plain)(const std::string& token);
  json (*event)(const std::string& token);
  std::string stream_path = path;
};

std::vector<api> apis() {
  const auto chat = [](const char* key, const std::string& token) {
    return json{{"id", "c"}, {"choices", json::array({{{"index", 0}, {key, {{"role", "assistant"}, {"content", "fine"}}}, {"logprobs", {{"content", json::array({spelled(token)})}}}}})}};
  };
  static const auto of_chat = chat;
  const auto part = [](const std::string& token) { return json{{"type", "output_text"}, {"text", "fine"}, {"annotations", json::array()}, {"logprobs", json::array({spelled(token)})}}; };
  static const auto of_part = part;
  return {
      {openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", [](const std::string& t) { return of_chat("message", t); }, [](const std::string& t) { return of_chat("delta", t); }},
      {openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})",
       [](const std::string& t) { return json{{"choices", json::array({{{"index", 0}, {"text", "fine"}, {"logprobs", {{"tokens", {"fine"}}, {"top_logprobs", json::array({{{t, -1}}})}}}}})}}; },
       [](const std::string& t) { return json{{"choices", json::array({{{"index", 0}, {"text", "fine"}, {"logprobs", {{"tokens", {"fine"}}, {"top_logprobs", json::array({{{t, -1}}})}}}}})}}; },
       "/v1/completions"},
      {openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})",
       [](const std::string& t) { return json{{"id", "r"}, {"output", json::array({{{"type", "message"}, {"role", "assistant"}, {"content", json::array({of_part(t)})}}})}}; },
       [](const std::string& t) { return json{{"type", "response.output_text.delta"}, {"output_index", 0}, {"content_index", 0}, {"item_id", "i"}, {"delta", "fine"}, {"logprobs", json::array({spelled(t)})}}; }},
      {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[]})",
       [](const std::string& t) { return json{{"candidates", json::array({{{"index", 0}, {"content", {{"parts", json::array({{{"text", "fine"}}})}}}, {"logprobsResult", {{"topCandidates", json::array({{{"candidates", json::array({{{"token", t}}})}}})}}}}})}}; },
       [](const std::string& t) { return json{{"candidates", json::array({{{"index", 0}, {"content", {{"parts", json::array({{{"text", "fine"}}})}}}, {"logprobsResult", {{"topCandidates", json::array({{{"candidates", json::array({{{"token", t}}})}}})}}}}})}}; },
       "/v1beta/models/m:streamGenerateContent?alt=sse"},
      {ollama(), "/api/chat", R"({"model":"m","messages":[]})",
       [](const std::string& t) { return json{{"model", "m"}, {"message", {{"role", "assistant"}, {"content", "fine"}}}, {"logprobs", json::array({spelled(t)})}, {"done", true}}; },
       [](const std::string& t) { return json{{"model", "m"}, {"message", {{"role", "assistant"}, {"content", "fine"}}}, {"logprobs", json::array({spelled(t)})}, {"done", false}}; }},
  };
}

std::string written(const api& of, const json& event) {
  if (&of.speaks == &ollama()) return event.dump() + "\n";
  return (event.contains("type") ? "event: " + event["type"].get<std::string>() + "\n" : "") + "data: " + event.dump() + "\n\n";
}

TEST(alternatives, are_texts_of_an_answer_in_one_piece_and_go_when_one_is_changed) {
  for (const auto& of : apis()) {
    const auto body = of.plain("halden").dump();
    const auto r = of.speaks.read_response(of.speaks.classify("POST", of.path), body, 64);
    ASSERT_TRUE(r.has_value()) << of.path;
    const auto parts = (*r)->parts();
    const auto at = std::ranges::find(parts, "halden", &part::text);
    ASSERT_NE(at, parts.end()) << of.path;
    EXPECT_TRUE(at->editable) << of.path;
    EXPECT_EQ((*r)->edited({}), body);
    const std::vector<replacement> edits = {{static_cast<std::uint32_t>(at - parts.begin()), 0, 6, "[R]"}};
    const auto out = (*r)->edited(edits);
    EXPECT_EQ(out.find("halden"), std::string::npos) << out;
    EXPECT_EQ(out.find("[3,4]"), std::string::npos) << out << "\n: its bytes";
    EXPECT_NE(out.find("\"fine\""), std::string::npos) << out;
    EXPECT_TRUE(json::accept(out)) << out;
  }
}

TEST(alternatives, are_texts_of_a_streamed_answer_and_go_when_one_is_changed) {
  for (const auto& of : apis()) {
    const auto bytes = written(of, of.event("halden")) + written(of, of.event("halden"));
    testing::block_sink blocks("halden");
    const auto stopped = testing::run(of.speaks, of.stream_path, of.request, bytes, {}, blocks);
    EXPECT_EQ(stopped.last, status::blocked) << of.path;
    EXPECT_EQ(stopped.out.find("halden"), std::string::npos) << stopped.out;
    testing::pass_sink passes;
    EXPECT_TRUE(testing::run(of.speaks, of.stream_path, of.request, bytes, {}, passes).out.starts_with(bytes)) << of.path;
    EXPECT_EQ(std::ranges::count(passes.texts, "halden"), 1) << "judged once";
    testing::replace_sink edits("halden", "[R]");
    const auto t = testing::run(of.speaks, of.stream_path, of.request, bytes, {}, edits);
    EXPECT_EQ(t.out.find("halden"), std::string::npos) << t.out;
    EXPECT_EQ(t.out.find("[3,4]"), std::string::npos) << t.out;
    EXPECT_NE(t.out.find("fine"), std::string::npos) << t.out;
  }
}

}  // namespace
}  // namespace sluice::wire
