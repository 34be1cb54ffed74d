// Text in the place of identifiers. Goal: what an upstream says there piece by piece is one text as soon as any of it shows that it is text,
// while identifiers alone are judged by nobody. Method: a phrase in two pieces in every field of the tables that may grow, and what comes between.
#include <gtest/gtest.h>

#include <algorithm>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string phrase = "crimson falcon";

struct place {
  const dialect& speaks;
  std::string path, request;
  std::function<std::string(const std::string&)> says;  // an event with this there
};

std::string data(const json& e) { return (e.contains("type") ? "event: " + e["type"].get<std::string>() + "\n" : "") + "data: " + e.dump() + "\n\n"; }

std::vector<place> places() {
  const auto chat = [](const char* key) {
    return [key](const std::string& word) { return data({{"object", "chat.completion.chunk"}, {key, word}, {"choices", json::array({{{"index", 0}, {"delta", {{"content", "x"}}}}})}}); };
  };
  const auto call_id = [](const std::string& word) {
    return data({{"choices", json::array({{{"index", 0}, {"delta", {{"tool_calls", json::array({{{"index", 0}, {"id", word}, {"function", {{"arguments", ""}}}}})}}}}})}});
  };
  const auto signature = [](const std::string& word) { return data({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "signature_delta"}, {"signature", word}}}}); };
  const auto item = [](const std::string& word) { return data({{"type", "response.in_progress"}, {"item_id", word}}); };
  const auto version = [](const std::string& word) { return data({{"modelVersion", word}, {"candidates", json::array()}}); };
  const auto line = [](const char* key) { return [key](const std::string& word) { return json{{"done", false}, {key, word}}.dump() + "\n"; }; };
  const auto sse_id = [](const std::string& word) { return "id: " + word + "\ndata: {\"choices\":[]}\n\n"; };
  const auto comment = [](const std::string& word) { return ": " + word + "\n\n"; };
  const std::string asks = R"({"messages":[],"stream":true})";
  return {{openai(), "/v1/chat/completions", asks, chat("id")},
          {openai(), "/v1/chat/completions", asks, chat("model")},
          {openai(), "/v1/chat/completions", asks, chat("system_fingerprint")},
          {openai(), "/v1/chat/completions", asks, chat("obfuscation")},
          {openai(), "/v1/chat/completions", asks, call_id},
          {openai(), "/v1/chat/completions", asks, sse_id},
          {openai(), "/v1/chat/completions", asks, comment},
          {anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"stream":true})", signature},
          {openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})", item},
          {gemini(), "/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[]})", version},
          {ollama(), "/api/chat", R"({"model":"m","messages":[]})", line("model")}};
}

status said(const place& at, const std::vector<std::string>& words, channel_sink& sink) {
  std::string bytes;
  for (const auto& w : words) bytes += at.says(w);
  return testing::run(at.speaks, at.path, at.request, bytes, {}, sink).last;
}

TEST(marks, that_go_on_as_text_are_one_text_with_it) {
  for (const auto& at : places()) {
    SCOPED_TRACE(at.path + " " + at.says("?"));
    for (const std::vector<std::string>& words : {std::vector<std::string>{"crimson", " falcon"}, {"crimson ", "falcon"}, {"crim", "son", " fal", "con"}, {"crimson", " ", "falcon"}}) {
      testing::block_sink blocks(phrase);
      EXPECT_EQ(said(at, words, blocks), status::blocked) << json(words).dump();
    }
    // A word that came twice was said twice.
    testing::block_sink twice("haha, no");
    EXPECT_EQ(said(at, {"ha", "ha", ", no"}, twice), status::blocked);
  }
}

// More of them than are kept: which places they had is still known.
TEST(marks, of_which_there_are_too_many_are_no_text_any_more) {
  const auto id = [](const std::string& word) { return data({{"id", word}, {"choices", json::array()}}); };
  std::string many;
  for (int i = 0; i < 8000; ++i) many += data({{"id", "chatcmpl-1"}, {"choices", json::array({{{"index", i % 100}, {"delta", {{"tool_calls", json::array({{{"index", i / 100}, {"id", std::string(120, static_cast<char>('a' + i % 26))}}})}}}}})}});
  const std::string path = "/v1/chat/completions", asks = R"({"messages":[],"stream":true})";
  testing::pass_sink fits, passes;
  EXPECT_EQ(testing::run(openai(), path, asks, id("crimson") + many, {}, fits).last, status::ok);
  EXPECT_EQ(testing::run(openai(), path, asks, id("crimson") + many + id(" falcon"), {}, passes).last, status::unreadable);
}

TEST(marks, alone_are_judged_by_nobody) {
  for (const auto& at : places()) {
    const bool line = at.says("?").find("\"?\"") == std::string::npos;  // of the framing: each is judged where it stands
    testing::pass_sink sink;
    EXPECT_EQ(said(at, {"chatcmpl-1", "chatcmpl-1", "chatcmpl-2", "c2lnbmF0dXJl"}, sink), status::ok) << at.path;
    EXPECT_EQ(std::ranges::any_of(sink.texts, [](const std::string& t) { return t.find("chatcmpl-1chatcmpl") != std::string::npos; }), false) << at.path;
    EXPECT_EQ(std::ranges::count(sink.texts, "c2lnbmF0dXJl"), line ? 1 : 0) << at.path;
  }
}

// Of events that repeat each other but for their text the marks are not looked at again; they were said all the same.
TEST(marks, of_events_that_repeat_are_said_each_time) {
  const auto chunk = [](const std::string& id, const std::string& says, int choice = 0) {
    return data({{"id", id}, {"model", "m"}, {"choices", json::array({{{"index", choice}, {"delta", {{"content", says}}}}})}});
  };
  const auto run = [](const std::string& bytes, const std::string& word) {
    testing::block_sink blocks(word);
    return testing::run(openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", bytes, {}, blocks).last;
  };
  EXPECT_EQ(run(chunk("ha", "a") + chunk("ha", "b") + chunk("ha", "c") + chunk(", no", "d"), "hahaha, no"), status::blocked);
  EXPECT_EQ(run(chunk("ha", "a") + chunk("ha", "b") + chunk("ho", "c") + chunk("ho", "c") + chunk(", no", "d"), "hahahoho, no"), status::blocked);
  EXPECT_EQ(run(chunk("ha", "a") + chunk("ha", "b") + "id: he\n" + chunk("ha", "c") + "id:  he\n" + chunk("ha", "d") + chunk(", no", "e"), "hahahaha, no"), status::blocked);
  EXPECT_EQ(run(chunk("ha", "a") + chunk("ha", "b", 1) + chunk("ha", "c") + chunk(", no", "d"), "hahaha, no"), status::blocked) << "whatever choice an event is of";
}

// A type says by which rows an event is read: where it changes, nothing of the event before holds.
TEST(marks, behind_another_type_are_looked_at) {
  const auto run = [](const dialect& speaks, const char* path, const char* request, const std::string& bytes) {
    testing::block_sink blocks("my secret");
    return testing::run(speaks, path, request, bytes, {}, blocks).last;
  };
  const auto signature = [](const char* type, const char* says) { return data({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", type}, {"signature", says}}}}); };
  EXPECT_EQ(run(openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})",
                data({{"type", "x"}, {"item_id", "a"}}) + data({{"type", "response.in_progress"}, {"item_id", "my secret is here"}})), status::blocked);
  EXPECT_EQ(run(anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"stream":true})", signature("zz", "a") + signature("signature_delta", "my secret is here")), status::blocked);
}

// Also where a type that no table has says the rest, and where two stand at one place of a list that grows.
TEST(marks, go_on_through_every_door) {
  testing::block_sink blocks(phrase);
  EXPECT_EQ(testing::run(openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})",
                         data({{"type", "response.in_progress"}, {"item_id", "crimson"}}) + data({{"type", "x"}, {"item_id", " falcon"}}), {}, blocks).last, status::blocked);
  const auto parts = [](const char* first, const char* second, int at) {
    return data({{"created", at}, {"choices", json::array({{{"index", 0}, {"delta", {{"content", json::array({{{"type", first}}, {{"type", second}}})}}}}})}});
  };
  testing::block_sink both("bababa!! no");
  EXPECT_EQ(testing::run(openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", parts("b", "a", 1) + parts("b", "a", 2) + parts("b", "a", 3) + parts("!", "! no", 4), {}, both).last, status::blocked);
}

// The identifiers of two calls are two, whatever stands at the same row of the table.
TEST(marks, of_two_places_are_two_texts) {
  const auto id = [](int call, const char* word) {
    return data({{"choices", json::array({{{"index", 0}, {"delta", {{"tool_calls", json::array({{{"index", call}, {"id", word}, {"function", {{"arguments", ""}}}}})}}}}})}});
  };
  const auto run = [](const std::string& bytes) {
    testing::block_sink blocks(phrase);
    return testing::run(openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", bytes, {}, blocks).last;
  };
  EXPECT_EQ(run(id(0, "crimson") + id(1, " falcon")), status::ok);
  EXPECT_EQ(run(id(0, "crimson") + id(1, "crimson") + id(0, "-") + id(1, " falcon")), status::blocked);
  EXPECT_EQ(run(id(0, "crimson") + id(1, "x") + id(0, " falcon")), status::blocked);
}

// What is kept of a stream's identifiers does not grow with it.
TEST(marks, without_end_are_read_on) {
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += data({{"id", "c"}, {"obfuscation", std::to_string(1'000'000 + i) + std::string(static_cast<std::size_t>(i % 40), 'p')}, {"choices", json::array()}});
  bytes += data({{"obfuscation", "crimson"}, {"choices", json::array()}}) + data({{"obfuscation", " falcon"}, {"choices", json::array()}});
  testing::block_sink blocks(phrase);
  EXPECT_EQ(testing::run(openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", bytes, {}, blocks).last, status::blocked);
}

}  // namespace
}  // namespace sluice::wire
