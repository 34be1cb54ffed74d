// Where the text is in requests, and that edits touch nothing else.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

const endpoint chat = openai().classify("POST", "/v1/chat/completions");

std::unique_ptr<request_body> read(const std::string& body) {
  auto r = openai().read_request(chat, body, 64);
  EXPECT_TRUE(r.has_value()) << r.error().message;
  return r ? std::move(*r) : nullptr;
}

const part* find(const request_body& r, std::string_view text) {
  for (const auto& p : r.parts()) {
    if (p.text == text) return &p;
  }
  return nullptr;
}

TEST(chat_request, lists_each_kind_of_text_with_its_role_and_place) {
  const std::string body = R"({"model":"gpt","stream":true,"stream_options":{"include_usage":true},"messages":[
    {"role":"system","content":"SYS"},{"role":"developer","content":"DEV"},
    {"role":"user","name":"NAME","content":[{"type":"text","text":"PART"}]},
    {"role":"assistant","content":null,"refusal":"REF","reasoning_content":"WHY","tool_calls":[{"id":"c1","type":"function","function":{"name":"FN","arguments":"{\"KEY\":\"a\\u0062c\",\"n\":[\"deep\"]}"}}]},
    {"role":"tool","tool_call_id":"c1","content":"RESULT"},{"role":"user","content":"LAST"}],
    "tools":[{"type":"function","function":{"name":"FN2","description":"DESC","parameters":{"type":"object","properties":{"PROP":{"description":"PDESC"}}}}}],
    "metadata":{"k":"META"},"stop":["STOP"],"user":"USER"})";
  const auto r = read(body);
  ASSERT_NE(r, nullptr);
  EXPECT_TRUE(r->stream());
  EXPECT_EQ(r->model(), "gpt");
  EXPECT_TRUE(r->unread_parts().empty());
  struct expected {
    const char* text;
    role who;
    part_kind kind;
    bool last_turn, editable;
    const char* path;
  };
  for (const auto& e : {expected{"SYS", role::system, part_kind::text, false, true, "messages[0].content"},
                        {"DEV", role::developer, part_kind::text, false, true, "messages[1].content"},
                        {"NAME", role::user, part_kind::name, false, false, "messages[2].name"},
                        {"PART", role::user, part_kind::text, false, true, "messages[2].content[0].text"},
                        {"REF", role::assistant, part_kind::refusal, false, true, "messages[3].refusal"},
                        {"WHY", role::assistant, part_kind::reasoning, false, true, "messages[3].reasoning_content"},
                        {"abc", role::assistant, part_kind::tool_call, false, true, "messages[3].tool_calls[0].function.arguments"},
                        {"KEY", role::assistant, part_kind::tool_call, false, false, "messages[3].tool_calls[0].function.arguments"},
                        {"deep", role::assistant, part_kind::tool_call, false, true, "messages[3].tool_calls[0].function.arguments"},
                        {"RESULT", role::tool, part_kind::tool_result, true, true, "messages[4].content"},
                        {"LAST", role::user, part_kind::text, true, true, "messages[5].content"},
                        {"DESC", role::system, part_kind::tool_definition, true, true, "tools[0].function.description"},
                        {"PROP", role::system, part_kind::tool_definition, true, false, "tools[0].function.parameters.properties.PROP"},
                        {"PDESC", role::system, part_kind::tool_definition, true, false, "tools[0].function.parameters.properties.PROP.description"},
                        {"META", role::user, part_kind::annotation, true, false, "metadata.k"},
                        {"STOP", role::user, part_kind::text, true, false, "stop[0]"}}) {
    const auto* p = find(*r, e.text);
    ASSERT_NE(p, nullptr) << e.text;
    EXPECT_EQ(p->role, e.who) << e.text;
    EXPECT_EQ(p->kind, e.kind) << e.text;
    EXPECT_EQ(p->last_turn, e.last_turn) << e.text;
    EXPECT_EQ(p->editable, e.editable) << e.text;
    EXPECT_EQ(r->path(*p), e.path);
  }
}

TEST(chat_request, what_it_cannot_read_is_named_and_never_passed_in_silence) {
  struct expected {
    const char* body;
    const char* reason;
  };
  for (const auto& e :
       {expected{R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}]})", "attachment"},
        {R"({"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f1"}}]}]})", "server state"},
        {R"({"messages":[{"role":"user","content":[{"type":"new_kind","words":"hidden"}]}]})", "unknown part"},
        {R"({"messages":[{"role":"oracle","content":"x"}]})", "unknown part"},
        {R"({"messages":[{"role":"user","content":"x","content_blocks":"hidden"}]})", "unknown part"},
        {R"({"messages":[],"chat_template":"{{ x }}"})", "unknown part"},
        {R"({"messages":[],"prompt_embeds":"AAAA"})", "unknown part"}}) {
    const std::string body = e.body;
    const auto r = read(body);
    ASSERT_NE(r, nullptr);
    ASSERT_FALSE(r->unread_parts().empty()) << e.body;
    EXPECT_EQ(r->unread_parts()[0].reason, e.reason) << e.body;
    EXPECT_FALSE(r->unread_parts()[0].path.empty());
  }
}

TEST(chat_request, an_edit_changes_its_bytes_and_no_others) {
  const std::string body = R"({ "n" : 0.1000, "big":123456789012345678901234567890, "messages":[{"role":"user","content":"A \u0022caf\u00e9\u0022 SECRET \ud83d\ude00 z"},
 {"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"q\": \"the SECRET \\\"x\\\"\", \"n\":1.50}"}}]}]})";
  const auto r = read(body);
  ASSERT_NE(r, nullptr);
  std::vector<replacement> edits;
  for (std::uint32_t i = 0; i < r->parts().size(); ++i) {
    const auto at = r->parts()[i].text.find("SECRET");
    if (at != std::string_view::npos) edits.push_back({i, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + 6), "[\"R\"]"});
  }
  ASSERT_EQ(edits.size(), 2u);
  auto expected = body;
  expected.replace(expected.find("SECRET"), 6, R"([\"R\"])");
  expected.replace(expected.find("SECRET"), 6, R"([\\\"R\\\"])");
  EXPECT_EQ(r->edited(edits), expected);
  const auto j = json::parse(r->edited(edits));
  EXPECT_EQ(json::parse(j["messages"][1]["tool_calls"][0]["function"]["arguments"].get<std::string>())["q"], "the [\"R\"] \"x\"");
  EXPECT_EQ(r->edited({}), body);
}

TEST(chat_request, bodies_that_parsers_read_differently_are_refused) {
  for (const std::string& body : {std::string(R"({"messages":[],"messages":[]})"), std::string(R"({"messages":[],"m\u0065ssages":[]})"),
                                 std::string("\xef\xbb\xbf{\"messages\":[]}"), std::string(R"({"messages":[{"content":"\ud800"}]})"),
                                 std::string("{\"messages\":[\"\xff\"]}"), std::string(R"({"messages":[]}{})"), std::string(R"({"messages":NaN})"),
                                 std::string(R"([])"), std::string(R"({})"), std::string(R"({"messages":"x"})"), std::string("")}) {
    EXPECT_FALSE(openai().read_request(chat, body, 64).has_value()) << body;
  }
  std::string deep(100, '[');
  EXPECT_FALSE(openai().read_request(chat, R"({"messages":)" + deep, 64).has_value());
}

}  // namespace
}  // namespace sluice::wire
