// Answers in one piece.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/wire/dialect.hpp"

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

TEST(chat_response, audio_is_unread) {
  const std::string body = R"({"choices":[{"message":{"audio":{"id":"a","data":"QUJD","transcript":"SAID"}}}]})";
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  ASSERT_EQ((*r)->unread_parts().size(), 1u);
  EXPECT_EQ((*r)->unread_parts()[0].reason, "attachment");
}

}  // namespace
}  // namespace sluice::wire
