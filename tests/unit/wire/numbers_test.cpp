// Numbers in fields of an answer that no table knows: they are read like words, in one piece and streamed, in every dialect; those of a list each by
// itself and as the text that they spell, as bytes and as code points.
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

// What a citation refers to, tokens and embeddings: nothing in them is a reason to lose an answer.
TEST(unknown_numbers, in_a_list_pass_where_no_rule_finds_anything) {
  for (const auto& list : {"[1]", "[]", "[116,104]", "[null,116,104,101]", "[\"\",116,104]", "[{},[],true,116]", "[[\"a\",116]]", "[128000,9906,-1,0.5,1e300]", "[55296,1]", "[255,200]", "[[1,2],[3]]"}) {
    const json more = {{"x", json::parse(list)}};
    for (const auto& of : apis()) {
      SCOPED_TRACE(of.path + more.dump());
      if (!of.event.is_null()) {
        testing::pass_sink sink;
        const auto t = run(of, with(of.event, more), sink, 3);
        EXPECT_NE(t.last, status::unreadable);
        EXPECT_NE(t.last, status::blocked);
        EXPECT_NE(t.out.find(json::parse(list).dump()), std::string::npos);
        EXPECT_TRUE(sink.unread_paths.empty());
      }
      if (!of.answer.is_null()) EXPECT_TRUE(read(of, with(of.answer, more)).second.empty());
    }
  }
}

TEST(unknown_numbers, in_a_list_are_read_each_by_itself) {
  const json more = {{"x", {1, card, 2, card}}};
  for (const auto& of : apis()) {
    SCOPED_TRACE(of.path);
    if (!of.event.is_null()) {
      testing::block_sink sink("4111111111111111");
      EXPECT_EQ(run(of, with(of.event, more), sink).last, status::blocked);
    }
    if (!of.answer.is_null()) EXPECT_EQ(std::ranges::count(read(of, with(of.answer, more)).first, "4111111111111111"), 1);
  }
}

// The numbers that spell a text: as code points, as UTF-16 and as the bytes of UTF-8, wherever in the list other values stand.
struct spelling {
  std::string list, text;
};
const spelling spellings[] = {
    {"[115,101,99,114,101,116]", "secret"},
    {"[115.0,1.01e2,99,114,101,116]", "secret"},
    {"[null,115,101,{},99,114,\"\",101,[7],116]", "secret"},
    {"[90,252,114,105,99,104]", "Z\u00fcrich"},
    {"[90,195,188,114,105,99,104]", "Z\u00fcrich"},
    {"[97,55357,56832,98]", "a\U0001f600b"},
    {"[97,128512,98]", "a\U0001f600b"},
    {"[97,240,159,152,128,98]", "a\U0001f600b"},
    {"[-1,115,101,99,114,101,116,1114112,115]", "secret"},
};

TEST(unknown_numbers, in_a_list_are_read_as_what_they_spell) {
  for (const auto& s : spellings) {
    for (const auto& more : {json{{"x", json::parse(s.list)}}, json{{"a", {{{"b", json::parse(s.list)}}}}}}) {
      for (const auto& of : apis()) {
        SCOPED_TRACE(of.path + more.dump());
        if (!of.event.is_null()) {
          testing::block_sink sink(s.text);
          EXPECT_EQ(run(of, with(of.event, more), sink).last, status::blocked);
        }
        if (!of.answer.is_null()) {
          const auto texts = read(of, with(of.answer, more)).first;
          EXPECT_TRUE(std::ranges::any_of(texts, [&](const auto& t) { return t.find(s.text) != std::string::npos; }));
        }
      }
    }
  }
}

TEST(unknown_numbers, in_lists_of_several_events_spell_one_text) {
  for (const auto& s : spellings) {
    if (s.list.find('[', 1) != std::string::npos || s.list.find("55357") != std::string::npos) continue;  // half of a pair by itself is no text
    for (const auto& of : apis()) {
      if (of.event.is_null()) continue;
      SCOPED_TRACE(of.path + s.list);
      std::string bytes;
      for (const auto& number : json::parse(s.list)) {
        if (!number.is_number()) continue;
        const auto event = with(of.event, {{"x", json::array({number})}}).dump();
        bytes += of.lines ? event + "\n" : "data: " + event + "\n\n";
      }
      testing::block_sink sink(s.text);
      EXPECT_EQ(testing::run(of.speaks, of.path, of.request, bytes, {}, sink).last, status::blocked);
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

TEST(unknown_numbers, of_a_list_that_a_stream_repeats_are_read_once) {
  for (const auto& of : apis()) {
    if (of.event.is_null() || of.lines || of.event.contains("type")) continue;
    testing::pass_sink sink;
    EXPECT_EQ(run(of, with(of.event, {{"x", {104, 105, 90000000}}}), sink, 50).last, status::ok) << of.path;
    EXPECT_EQ(std::ranges::count(sink.texts, "hi "), 1);
    EXPECT_EQ(std::ranges::count(sink.texts, "90000000"), 1);
  }
}

}  // namespace
}  // namespace sluice::wire
