// What points into a streamed text, or says it aloud, while the text is not decided: it waits, and leaves as one of the text as it left.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

// Of a stream that says "a secret so" and something of it before "secret" is whole.
struct copied {
  const dialect& speaks;
  const char* path;
  std::string bytes;
};

std::string sse(const json& e) { return "data: " + e.dump() + "\n\n"; }

json chunk(const json& delta, const json& finish = nullptr) {
  return {{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}})}};
}
json citation(int begin, int end) { return {{"type", "url_citation"}, {"url_citation", {{"start_index", begin}, {"end_index", end}, {"title", "T"}, {"url", "U"}}}}; }

std::string chat_stream_of(const std::vector<json>& deltas) {
  std::string out;
  for (const auto& each : deltas) out += sse(chunk(each));
  return out + sse(chunk(json::object(), "stop")) + "data: [DONE]\n\n";
}

std::string response_stream_of(const std::vector<json>& between) {
  const json part = {{"type", "output_text"}, {"text", ""}, {"annotations", json::array()}};
  std::vector<json> all = {{{"type", "response.created"}, {"response", {{"id", "r"}, {"object", "response"}, {"status", "in_progress"}, {"output", json::array()}}}},
                           {{"type", "response.output_item.added"}, {"output_index", 0}, {"item", {{"id", "i"}, {"type", "message"}, {"role", "assistant"}, {"status", "in_progress"}, {"content", json::array()}}}},
                           {{"type", "response.content_part.added"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", 0}, {"part", part}}};
  all.insert(all.end(), between.begin(), between.end());
  all.push_back({{"type", "response.completed"}, {"response", {{"id", "r"}, {"object", "response"}, {"status", "completed"}, {"output", json::array()}}}});
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i]["sequence_number"] = i;
    out += "event: " + all[i]["type"].get<std::string>() + "\n" + sse(all[i]);
  }
  return out;
}
json of_text(const char* type, const json& more) {
  json out = {{"type", type}, {"item_id", "i"}, {"output_index", 0}, {"content_index", 0}};
  out.update(more);
  return out;
}

// The stream as a client gets it, the same at every cut of the bytes.
std::vector<json> left_of(const copied& of, const std::string& word) {
  const auto run = [&](const std::vector<std::size_t>& cuts) {
    testing::replace_sink sink(word, "[R]");
    sink.passes_unread = true;
    return testing::run(of.speaks, of.path, R"({"model":"m","input":"q","contents":[],"messages":[],"stream":true})", of.bytes, cuts, sink).out;
  };
  const auto out = run({});
  for (std::size_t cut = 1; cut < of.bytes.size(); ++cut) {
    if (run({cut}) != out) ADD_FAILURE() << "cut at " << cut;
  }
  if (out.starts_with("[")) return json::parse(out).get<std::vector<json>>();
  std::vector<json> events;
  for (const auto& line : testing::lines_of(out)) {
    if (line.starts_with("data: {")) events.push_back(json::parse(line.substr(6)));
  }
  return events;
}

TEST(waiting_copies, of_a_chat_follow_the_text_that_they_point_into) {
  const auto said = [](const char* text) { return json{{"content", text}}; };
  const json cited = {{"annotations", json::array({citation(2, 8)})}};
  for (const bool ends : {false, true}) {  // with its text, or with the choice
    const copied of{openai(), "/v1/chat/completions", chat_stream_of(ends ? std::vector<json>{said("a secret"), said(" is sec"), cited} : std::vector<json>{said("a sec"), cited, said("ret"), said(" so")})};
    for (const auto& [word, end] : {std::pair("secret", 5), {"secure", 8}}) {
      std::string text;
      json told = json::array();
      for (const auto& e : left_of(of, word)) {
        const auto& delta = e["choices"][0]["delta"];
        text += delta.value("content", "");
        for (const auto& each : delta.value("annotations", json::array())) told.push_back(each);
      }
      const std::string all = ends ? "a secret is sec" : "a secret so", edited = ends ? "a [R] is sec" : "a [R] so";
      EXPECT_EQ(text, end == 5 ? edited : all);
      EXPECT_EQ(told, json::array({citation(2, end)})) << word << ends;
    }
  }
}

TEST(waiting_copies, of_a_chat_say_nothing_aloud_that_was_changed) {
  const auto says = [](const char* text) { return json{{"audio", {{"id", "a"}, {"transcript", text}}}}; };
  const auto sounds = [](const char* data) { return json{{"audio", {{"data", data}}}}; };
  const copied of{openai(), "/v1/chat/completions", chat_stream_of({says("a sec"), sounds("QUJD"), sounds("REVG"), says("ret so"), sounds("R0hJ")})};
  for (const auto& [word, expected] : {std::pair("secret", ""), {"secure", "QUJDREVGR0hJ"}}) {
    std::string text, data;
    for (const auto& e : left_of(of, word)) {
      const auto audio = e["choices"][0]["delta"].value("audio", json::object());
      text += audio.value("transcript", "");
      data += audio.value("data", "");
    }
    EXPECT_EQ(text, *expected == 0 ? "a [R] so" : "a secret so");
    EXPECT_EQ(data, expected);
  }
}

TEST(waiting_copies, of_a_response_follow_the_text_that_they_point_into) {
  const auto piece = [](const char* text) { return of_text("response.output_text.delta", {{"delta", text}}); };
  const json note = of_text("response.output_text.annotation.added", {{"annotation_index", 0}, {"annotation", {{"type", "url_citation"}, {"start_index", 2}, {"end_index", 8}, {"title", "T"}, {"url", "U"}}}});
  for (const auto& pieces : {std::vector<json>{piece("a sec"), note, piece("ret so"), of_text("response.output_text.done", {{"text", "a secret so"}})},
                             {piece("a secret so sec"), note, of_text("response.output_text.done", {{"text", "a secret so sec"}})}}) {
    const copied of{openai(), "/v1/responses", response_stream_of(pieces)};
    for (const auto& [word, end] : {std::pair("secret", 5), {"secure", 8}}) {
      std::vector<int> told;
      std::int64_t last = -1;
      bool done = false;
      for (const auto& e : left_of(of, word)) {
        EXPECT_GT(e["sequence_number"], last) << e;
        last = e["sequence_number"];
        done = done || e["type"] == "response.output_text.done";
        if (e["type"] != "response.output_text.annotation.added") continue;
        EXPECT_FALSE(done) << "behind its text's end";
        EXPECT_EQ(e["annotation"]["start_index"], 2);
        told.push_back(e["annotation"]["end_index"]);
      }
      EXPECT_EQ(told, std::vector{end}) << word;
    }
  }
}

TEST(waiting_copies, of_a_response_say_nothing_aloud_that_was_changed) {
  const auto says = [](const char* text) { return json{{"type", "response.audio.transcript.delta"}, {"delta", text}}; };
  const auto sounds = [](const char* data) { return json{{"type", "response.audio.delta"}, {"delta", data}}; };
  const copied of{openai(), "/v1/responses", response_stream_of({says("a sec"), sounds("QUJD"), says("ret so"), sounds("REVG"), {{"type", "response.audio.transcript.done"}}, sounds("R0hJ"), {{"type", "response.audio.done"}}})};
  for (const auto& [word, expected] : {std::pair("secret", ""), {"secure", "QUJDREVGR0hJ"}}) {
    std::string text, data;
    for (const auto& e : left_of(of, word)) {
      if (e["type"] == "response.audio.transcript.delta") text += e["delta"];
      if (e["type"] == "response.audio.delta") data += e["delta"];
    }
    EXPECT_EQ(text, *expected == 0 ? "a [R] so" : "a secret so");
    EXPECT_EQ(data, expected);
  }
}

TEST(waiting_copies, of_a_gemini_answer_follow_the_text_that_they_point_into) {
  const auto answer = [](json candidate) {
    candidate["index"] = 0;
    return json{{"candidates", json::array({std::move(candidate)})}};
  };
  const auto says = [](const char* text) { return json{{"content", {{"role", "model"}, {"parts", json::array({{{"text", text}}})}}}}; };
  const json cited = {{"citationMetadata", {{"citations", json::array({{{"startIndex", 2}, {"endIndex", 8}, {"uri", "U"}}})}}}};
  auto last = says("ret so");
  last["finishReason"] = "STOP";
  const std::vector<json> all = {answer(says("a sec")), answer(cited), answer(last)};
  std::string events, array = "[";
  for (const auto& e : all) {
    events += sse(e);
    array += (array == "[" ? "" : ",\n") + e.dump();
  }
  for (const auto& bytes : {events, array + "]"}) {
    const copied of{gemini(), "/v1beta/models/m:streamGenerateContent", bytes};
    for (const auto& [word, end] : {std::pair("secret", 5), {"secure", 8}}) {
      std::vector<int> told;
      for (const auto& e : left_of(of, word)) {
        const auto& c = e["candidates"][0];
        if (c.contains("citationMetadata") && !c["citationMetadata"].is_null()) told.push_back(c["citationMetadata"]["citations"][0]["endIndex"]);
      }
      EXPECT_EQ(told, std::vector{end}) << word;
    }
  }
}

// They count as held text does.
TEST(waiting_copies, are_told_to_the_sink_and_go_with_a_cut) {
  class counting final : public testing::replace_sink {
   public:
    using replace_sink::replace_sink;
    status count_kept(std::uint64_t bytes) override {
      told.push_back(bytes);
      return bytes > 1000 ? status::failed : status::released;
    }
    std::vector<std::uint64_t> told;
  } sink("secret", "[R]");
  const auto long_note = json{{"annotations", json::array({{{"type", "url_citation"}, {"url_citation", {{"start_index", 2}, {"end_index", 8}, {"title", std::string(600, 'x')}}}}})}};
  const auto bytes = chat_stream_of({{{"content", "a sec"}}, long_note, long_note});
  const auto t = testing::run(openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", bytes, {}, sink);
  EXPECT_EQ(t.last, response_stream::status::blocked);
  EXPECT_EQ(sink.told.size(), 2u);
  EXPECT_EQ(t.out.find("xxx"), std::string::npos);
}

}  // namespace
}  // namespace sluice::wire
