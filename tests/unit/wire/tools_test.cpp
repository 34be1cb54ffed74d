// Tools that an API runs itself: those that nobody here knows are told as such, and those with which the upstream reads the web by itself.
#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

struct api {
  const dialect& speaks;
  std::string path, before;
};
const api responses{openai(), "/v1/responses", R"({"model":"m","input":"q","tools":[)"};
const api messages{anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"tools":[)"};
const api content{gemini(), "/v1beta/models/m:generateContent", R"({"contents":[],"tools":[)"};

std::vector<std::string> told(const api& of, const std::string& tool) {
  const auto body = of.before + tool + "]}";
  const auto r = of.speaks.read_request(of.speaks.classify("POST", of.path), body, 64);
  std::vector<std::string> out;
  if (!r) return {r.error().message};
  for (const auto& u : (*r)->unread_parts()) out.push_back(u.reason + ": " + u.path);
  return out;
}

using list = std::vector<std::string>;

TEST(tools, that_nobody_knows_are_unknown_parts) {
  EXPECT_EQ(told(responses, R"({"type":"crystal_ball"})"), list{"unknown part: tools[0]"});
  EXPECT_EQ(told(messages, R"({"type":"crystal_ball_20270101","name":"crystal_ball"})"), list{"unknown part: tools[0]"});
  EXPECT_EQ(told(messages, R"({"type":"20270101","name":"x"})"), list{"unknown part: tools[0]"});
  for (const char* tool : {R"({"crystalBall":{}})", R"({"crystalBall":true})", R"({"crystal_ball":null})", R"({"crystalBall":{"a":1}})"}) {
    EXPECT_EQ(told(content, tool), list{std::string("unknown part: tools[0].") + (std::string_view(tool).contains('_') ? "crystal_ball" : "crystalBall")}) << tool;
  }
}

TEST(tools, that_are_known_are_told_by_nobody) {
  for (const char* tool : {R"({"type":"function","name":"f","parameters":{}})", R"({"type":"custom","name":"f"})", R"({"type":"local_shell"})"}) EXPECT_EQ(told(responses, tool), list{}) << tool;
  for (const char* tool : {R"({"name":"f","input_schema":{"type":"object"}})", R"({"type":"custom","name":"f","input_schema":{"type":"object"}})", R"({"type":null,"name":"f","input_schema":{}})",
                           R"({"type":"bash_20250124","name":"bash"})", R"({"type":"text_editor_20270707","name":"x","max_characters":9})", R"({"type":"computer_20251124","name":"computer","display_width_px":1})",
                           R"({"type":"memory_20250818","name":"memory"})", R"({"type":"code_execution_20260521","name":"c"})", R"({"type":"tool_search_tool_bm25","name":"t"})",
                           R"({"type":"mcp_toolset","mcp_server_name":"s"})", R"({"type":"advisor_20260301","name":"advisor","model":"m"})"}) {
    EXPECT_EQ(told(messages, tool), list{}) << tool;
  }
  for (const char* tool : {R"({"functionDeclarations":[{"name":"f"}]})", R"({"codeExecution":{}})", R"({"computerUse":{"environment":"ENVIRONMENT_BROWSER"}})"}) EXPECT_EQ(told(content, tool), list{}) << tool;
}

TEST(tools, with_which_the_upstream_reads_the_web_are_told) {
  for (const char* type : {"web_search", "web_search_preview", "web_search_2025_08_26", "x_search"}) {
    EXPECT_EQ(told(responses, std::string(R"({"type":")") + type + "\"}"), list{"upstream fetch: tools[0].type"}) << type;
  }
  for (const char* type : {"web_search_20250305", "web_fetch_20250910", "web_fetch_20270101"}) {
    EXPECT_EQ(told(messages, std::string(R"({"type":")") + type + R"(","name":"x","max_uses":3})"), list{"upstream fetch: tools[0]"}) << type;
  }
  for (const char* tool : {"googleSearch", "google_search", "googleSearchRetrieval", "enterpriseWebSearch", "googleMaps", "urlContext", "url_context"}) {
    EXPECT_EQ(told(content, std::string("{\"") + tool + "\":{}}"), list{std::string("upstream fetch: tools[0].") + tool}) << tool;
  }
  EXPECT_EQ(told(content, R"({"googleSearch":null})"), list{});
}

}  // namespace
}  // namespace sluice::wire
