// Answers in one piece.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

const endpoint chat = openai().classify("POST", "/v1/chat/completions");

TEST(chat_response, lists_every_choice_and_channel) {
  const std::string body = R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"ONE","reasoning_content":"WHY","annotations":[{"type":"url_citation","url_citation":{"title":"TITLE","url":"URL"}}]},"finish_reason":"stop"},
   {"index":1,"message":{"role":"assistant","refusal":"NO","tool_calls":[{"id":"c","type":"function","function":{"name":"F","arguments":"{\"a\":\"ARG\"}"}}]},"finish_reason":"stop"}],"x_vendor":{"note":"VENDOR"}})";
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  for (const char* text : {"ONE", "WHY", "TITLE", "URL", "NO", "F", "ARG", "VENDOR"}) {
    EXPECT_TRUE(std::any_of((*r)->parts().begin(), (*r)->parts().end(), [&](const part& p) { return p.text == text; })) << text;
  }
}

TEST(chat_response, logprobs_of_an_edited_choice_are_dropped_and_the_others_stay) {
  const std::string body = R"({"choices":[{"index":0,"message":{"content":"my SECRET"},"logprobs":{"content":[{"token":"SECRET","bytes":[83]}]}},{"index":1,"message":{"content":"fine"},"logprobs":{"content":[{"token":"fine"}]}}]})";
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  std::vector<replacement> edits;
  for (std::uint32_t i = 0; i < (*r)->parts().size(); ++i) {
    if ((*r)->parts()[i].text == "my SECRET") edits.push_back({i, 3, 9, "[R]"});
  }
  ASSERT_EQ(edits.size(), 1u);
  const auto out = (*r)->edited(edits);
  EXPECT_EQ(out.find("SECRET"), std::string::npos);
  const auto j = json::parse(out);
  EXPECT_TRUE(j["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(j["choices"][1]["logprobs"]["content"][0]["token"], "fine");
  EXPECT_EQ((*r)->edited({}), body);
}

TEST(chat_response, of_the_wrong_kind_is_read_or_refused) {
  for (const char* body : {R"({"choices":{"0":{"message":{"content":"HIDDEN"}}}})", R"({"choices":"HIDDEN"})", R"({"choices":["HIDDEN"]})", R"({"choices":[["HIDDEN"]]})",
                           R"({"choices":[{"message":"HIDDEN"}]})", R"({"choices":[{"message":["HIDDEN"]}]})", R"({"choices":[{"message":{"content":{"a":"HIDDEN"}}}]})",
                           R"({"choices":[{"message":{"content":[{"type":"text","text":"HIDDEN"}]}}]})", R"({"choices":[{"message":{"tool_calls":"HIDDEN"}}]})",
                           R"({"choices":[{"finish_reason":{"HIDDEN":1}}]})", R"({"id":"HIDDEN words"})", R"({"model":["HIDDEN"]})", R"({"usage":"HIDDEN"})",
                           R"({"choices":[{"logprobs":"HIDDEN"}]})", R"({"choices":[{"token_ids":[1,2]}]})"}) {
    const std::string text = body;
    const auto r = openai().read_response(chat, text, 64);
    if (!r) continue;
    EXPECT_TRUE(!(*r)->unread_parts().empty() || std::ranges::any_of((*r)->parts(), [](const part& p) { return p.text == "HIDDEN" || p.text == "HIDDEN words"; })) << body;
  }
  for (const std::string& body : {std::string(R"(["HIDDEN"])"), std::string(R"("HIDDEN")"), std::string("4111111111111111"), std::string()}) {
    EXPECT_FALSE(openai().read_response(chat, body, 64).has_value()) << body;
  }
}

TEST(chat_response, of_an_edited_choice_has_its_citations_moved_and_no_voice) {
  const std::string body = R"({"choices":[{"message":{"content":"my SECRET so","audio":{"id":"a","data":"QUJD","transcript":"my SECRET"},"annotations":[{"type":"url_citation","url_citation":{"start_index":3,"end_index":9,"title":"SECRET"}},{"type":"url_citation","url_citation":{"start_index":10,"end_index":12,"title":"T"}}]}}],"prompt_logprobs":[{"1":{"decoded_token":"x"}}]})";
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  std::vector<replacement> edits;
  for (std::uint32_t i = 0; i < (*r)->parts().size(); ++i) {
    const auto at = (*r)->parts()[i].text.find("SECRET");
    if (at != std::string_view::npos) edits.push_back({i, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + 6), "[R]"});
  }
  EXPECT_EQ(edits.size(), 3u);
  const auto message = json::parse((*r)->edited(edits))["choices"][0]["message"];
  EXPECT_EQ(message["content"], "my [R] so");
  EXPECT_EQ(message["audio"], json({{"id", "a"}, {"data", ""}, {"transcript", "my [R]"}}));
  const auto cited = [&](int i) { return message["annotations"][i]["url_citation"]; };
  EXPECT_EQ(cited(0), json({{"start_index", 3}, {"end_index", 6}, {"title", "[R]"}}));
  EXPECT_EQ(cited(1), json({{"start_index", 7}, {"end_index", 9}, {"title", "T"}}));
  EXPECT_EQ(json::parse((*r)->edited(edits))["prompt_logprobs"], nullptr);
}

TEST(chat_response, of_an_error_is_text_in_each_shape_that_servers_use) {
  for (const char* body : {R"({"error":{"message":"TEXT","type":"invalid_request_error","code":400,"param":null}})", R"({"error":"TEXT"})", R"({"object":"error","message":"TEXT","type":"BadRequestError"})",
                           R"({"detail":"TEXT"})", R"({"detail":[{"type":"missing","loc":["body","x"],"msg":"TEXT"}]})"}) {
    const std::string text = body;
    const auto r = openai().read_response(chat, text, 64);
    ASSERT_TRUE(r.has_value());
    EXPECT_TRUE((*r)->unread_parts().empty()) << body;
    const auto p = std::ranges::find_if((*r)->parts(), [](const part& x) { return x.text == "TEXT"; });
    ASSERT_NE(p, (*r)->parts().end()) << body;
    EXPECT_EQ(p->kind, part_kind::error) << body;
    EXPECT_TRUE(p->editable) << body;
  }
}

// Tokens beside a text are that text again, whichever choice it is, and as in a stream; alone they are text that no rule can read.
TEST(chat_response, tokens_are_unread_where_their_choice_has_no_text) {
  const auto choice = [](int index, bool text) {
    return R"({"index":)" + std::to_string(index) + R"(,"message":{"role":"assistant","content":)" + (text ? "\"hello\"" : "\"\"") + R"(},"token_ids":[1,2,3],"finish_reason":"stop"})";
  };
  for (const auto& [first, second] : {std::pair{true, true}, {true, false}, {false, true}, {false, false}}) {
    const auto body = R"({"id":"x","model":"a model of some vendor","choices":[)" + choice(0, first) + "," + choice(1, second) + "]}";
    const auto r = openai().read_response(chat, body, 64);
    ASSERT_TRUE(r.has_value());
    std::vector<std::string> paths, wanted, streamed;
    for (const auto& u : (*r)->unread_parts()) paths.push_back(u.path);
    if (!first) wanted.emplace_back("choices[0].token_ids");
    if (!second) wanted.emplace_back("choices[1].token_ids");
    EXPECT_EQ(paths, wanted) << body;
    auto chunk = body;
    for (auto at = chunk.find("message"); at != std::string::npos; at = chunk.find("message")) chunk.replace(at, 7, "delta");
    testing::pass_sink sink;
    sink.passes_unread = true;
    (void)testing::run(openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", "data: " + chunk + "\n\n", {}, sink);
    EXPECT_EQ(sink.unread_paths, wanted) << chunk;
  }
}

TEST(chat_response, audio_is_unread) {
  const std::string body = R"({"choices":[{"message":{"audio":{"id":"a","data":"QUJD","transcript":"SAID"}}}]})";
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  ASSERT_EQ((*r)->unread_parts().size(), 1u);
  EXPECT_EQ((*r)->unread_parts()[0].reason, "attachment");
}

}  // namespace
}  // namespace sluice::wire
