// Numbers in fields of an answer that no table knows: they are read like words, in one piece and streamed, in every dialect; a list of them is
// something that no rule can read.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

struct api {
  const dialect& speaks;
  std::string path, request;
  json answer, event;  // in one piece, and one of a stream; null where there is none
  bool lines = false;  // its stream is lines of JSON
};

std::vector<api> apis() {
  const json candidate = {{"candidates", json::array({{{"index", 0}, {"content", {{"role", "model"}, {"parts", json::array({{{"text", "a"}}})}}}}})}};
  return {
      {openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", json::parse(R"({"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]})"),
       json::parse(R"({"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]})")},
      {openai(), "/v1/completions", R"({"model":"m","prompt":"q","stream":true})", json::parse(R"({"choices":[{"index":0,"text":"a","finish_reason":"stop"}]})"),
       json::parse(R"({"choices":[{"index":0,"text":"a","finish_reason":null}]})")},
      {openai(), "/v1/responses", R"({"model":"m","input":"q","stream":true})", json::parse(R"({"id":"r","output":[]})"), json::parse(R"({"type":"response.in_progress"})")},
      {openai(), "/v1/embeddings", R"({"model":"m","input":"q"})", json::parse(R"({"data":[{"index":0,"embedding":[0.5,1]}]})"), nullptr},
      {anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"stream":true})", json::parse(R"({"type":"message","content":[]})"), json::parse(R"({"type":"ping"})")},
      {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[]})", candidate, nullptr},
      {gemini(), "/v1beta/models/m:streamGenerateContent", R"({"contents":[]})", nullptr, candidate},
      {ollama(), "/api/chat", R"({"model":"m","messages":[]})", json::parse(R"({"message":{"role":"assistant","content":"a"},"done":true})"),
       json::parse(R"({"message":{"role":"assistant","content":"a"},"done":false})"), true},
  };
}

json with(json body, const json& more) {
  body.update(more);
  return body;
}
testing::trace run(const api& of, const json& event, channel_sink& sink, int times = 1) {
  std::string bytes;
  for (int i = 0; i < times; ++i) bytes += of.lines ? event.dump() + "\n" : "data: " + event.dump() + "\n\n";
  return testing::run(of.speaks, of.path, of.request, bytes, {}, sink);
}
// The texts and what cannot be read of an answer in one piece.
std::pair<std::vector<std::string>, std::vector<std::string>> read(const api& of, const json& answer) {
  const auto to = of.speaks.classify("POST", of.path);
  const auto bytes = answer.dump();
  const auto body = of.speaks.read_response(to, bytes, 64);
  EXPECT_TRUE(body.has_value()) << bytes;
  std::pair<std::vector<std::string>, std::vector<std::string>> out;
  if (!body) return out;
  for (const auto& p : (*body)->parts()) out.first.emplace_back(p.text);
  for (const auto& u : (*body)->unread_parts()) out.second.push_back(u.path);
  return out;
}

const json card = 4111111111111111;

TEST(unknown_numbers, are_read_where_they_stand_alone) {
  for (const auto& more : {json{{"card", card}}, json{{"a", {{"b", {{"card", card}}}}}}, json{{"list", json::array({{{"card", card}}})}}}) {
    for (const auto& of : apis()) {
      SCOPED_TRACE(of.path + more.dump());
      if (!of.event.is_null()) {
        testing::block_sink sink("4111111111111111");
        const auto t = run(of, with(of.event, more), sink);
        EXPECT_EQ(t.last, status::blocked);
        EXPECT_EQ(t.out.find("41111"), std::string::npos);
      }
      if (!of.answer.is_null()) EXPECT_EQ(std::ranges::count(read(of, with(of.answer, more)).first, "4111111111111111"), 1);
    }
  }
}

TEST(unknown_numbers, with_an_exponent_are_read_as_they_are_spoken_too) {
  const auto of = apis().front();
  for (const std::string& number : {std::string("4.111111111111111e15"), std::string("0.4111111111111111e16"), std::string("0.04111111111111111E+17"), "0." + std::string(90, '0') + "4111111111111111e106"}) {
    testing::pass_sink sink;
    EXPECT_EQ(testing::run(of.speaks, of.path, of.request, "data: {\"choices\":[],\"card\":" + number + "}\n\n", {}, sink).last, status::ok);
    EXPECT_EQ(std::ranges::count(sink.texts, "4111111111111111"), 1) << number;
  }
}

TEST(unknown_numbers, in_a_list_cannot_be_read_wherever_the_first_stands) {
  for (const auto& list : {"[116,104]", "[null,116,104,101]", "[\"\",116,104]", "[{},[],true,116]", "[[\"a\",116]]"}) {
    const json more = {{"x", json::parse(list)}};
    const std::string path = std::string_view(list).starts_with("[[") ? "x[0]" : "x";
    for (const auto& of : apis()) {
      SCOPED_TRACE(of.path + more.dump());
      if (!of.event.is_null()) {
        testing::pass_sink sink;
        EXPECT_EQ(run(of, with(of.event, more), sink).last, status::unreadable);
        EXPECT_EQ(sink.unread_paths, std::vector<std::string>{path});
        testing::pass_sink passes;
        passes.passes_unread = true;
        EXPECT_EQ(run(of, with(of.event, more), passes).last, status::ok);
        EXPECT_EQ(passes.unread_paths, std::vector<std::string>{path});
      }
      if (!of.answer.is_null()) EXPECT_EQ(read(of, with(of.answer, more)).second, std::vector<std::string>{path});
    }
  }
}

// An upstream says the same numbers in each event, as a gateway's limits are: they cost one look.
TEST(unknown_numbers, that_a_stream_repeats_are_read_once) {
  for (const auto& of : apis()) {
    if (of.event.is_null() || of.lines || of.event.contains("type")) continue;
    testing::pass_sink sink;
    const json more = {{"limit", 77}, {"left", {{"of", 77}, {"seconds", 5}}}};
    EXPECT_EQ(run(of, with(of.event, more), sink, 50).last, status::ok) << of.path;
    EXPECT_EQ(std::ranges::count(sink.texts, "77"), 1);
    EXPECT_EQ(std::ranges::count(sink.texts, "5"), 1);
  }
}

}  // namespace
}  // namespace sluice::wire
