// Where the text is in requests, and that edits touch nothing else.
#include <gtest/gtest.h>

#include <algorithm>
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

TEST(chat_request, of_the_sdks_has_nothing_unread) {
  const std::string body = R"({"model":"gpt-5","messages":[{"role":"user","content":"hi"},
    {"role":"assistant","content":"x","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"title":"T","url":"https://x.example/a b"}}],"audio":null,"function_call":null,
     "tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{}","parsed_arguments":{"a":1}}}],"parsed":{"a":"b"}}],
    "temperature":0.7,"top_p":1,"max_tokens":16,"max_completion_tokens":16,"n":2,"seed":7,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},
    "presence_penalty":0,"frequency_penalty":0.5,"logit_bias":{"50256":-100},"logprobs":true,"top_logprobs":3,"parallel_tool_calls":false,"store":false,
    "service_tier":"auto","reasoning_effort":"low","verbosity":"low","modalities":["text"],"stop":null,"user":"u","metadata":{"k":"v"},"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}},
    "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","additionalProperties":false}}}],"tool_choice":"auto","prediction":{"type":"content","content":"p"},"web_search_options":{}})";
  const auto r = read(body);
  ASSERT_NE(r, nullptr);
  for (const auto& u : r->unread_parts()) EXPECT_EQ(u.path + " " + u.reason, "web_search_options upstream fetch");
}

TEST(chat_request, what_stands_where_something_else_should_is_read_or_named) {
  for (const char* body : {R"({"messages":["HIDDEN"]})", R"({"messages":[["HIDDEN"]]})", R"({"messages":[],"tools":"HIDDEN"})", R"({"messages":[],"tools":["HIDDEN"]})",
                           R"({"messages":[{"role":"user","content":["HIDDEN"]}]})", R"({"messages":[{"role":"user","content":{"type":"text","text":"HIDDEN"}}]})",
                           R"({"messages":[{"role":"user","content":[{"text":"HIDDEN"}]}]})", R"({"messages":[{"role":"assistant","tool_calls":"HIDDEN"}]})",
                           R"({"messages":[{"role":"assistant","tool_calls":{"a":"HIDDEN"}}]})", R"({"messages":[{"role":{"HIDDEN":1},"content":"x"}]})",
                           R"({"messages":[],"response_format":"HIDDEN"})", R"({"messages":[],"model":{"x":"HIDDEN"}})", R"({"messages":[],"model":"HIDDEN words"})",
                           R"({"messages":[],"temperature":"HIDDEN"})", R"({"messages":[],"temperature":{"HIDDEN":1}})", R"({"messages":[],"HIDDEN":true})",
                           R"({"messages":[],"HIDDEN":null})", R"({"messages":[],"x":[1,2,3]})", R"({"messages":[],"x":[[1]]})", R"({"messages":[],"metadata":{"HIDDEN":"v"}})",
                           R"({"messages":[],"metadata":"HIDDEN"})", R"({"messages":[],"logit_bias":{"HIDDEN":1}})", R"({"messages":[{"role":"tool","tool_call_id":"HIDDEN words","content":"x"}]})",
                           R"({"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":123}}]}]})"}) {
    const std::string text = body;
    const auto r = read(text);
    ASSERT_NE(r, nullptr);
    const bool listed = std::ranges::any_of(r->parts(), [](const part& p) { return p.text.find("HIDDEN") != std::string_view::npos; });
    EXPECT_TRUE(listed || !r->unread_parts().empty()) << body;
  }
}

TEST(chat_request, numbers_where_words_may_be_are_judged_and_never_edited) {
  const std::string body = R"({"top_a":4111111111111111,"messages":[{"role":"user","content":4222222222222},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"n\":4.333e12,\"b\":true}"}}]}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{"enum":[4444444444444]}}}]})";
  const auto r = read(body);
  ASSERT_NE(r, nullptr);
  for (const char* text : {"4111111111111111", "top_a", "4222222222222", "4333000000000", "4.333e12", "true", "4444444444444"}) {
    const auto* p = find(*r, text);
    ASSERT_NE(p, nullptr) << text;
    EXPECT_FALSE(p->editable) << text;
  }
}

TEST(chat_request, arguments_that_are_no_json_are_judged_with_their_escapes_read) {
  const std::string body = R"({"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"q\":\"s\\u0065cret"}},{"function":{"name":"g","arguments":"{'plain"}}]}]})";
  const auto r = read(body);
  ASSERT_NE(r, nullptr);
  const auto* raw = find(*r, R"({"q":"s\u0065cret)");
  const auto* spoken = find(*r, R"({"q":"secret)");
  ASSERT_NE(raw, nullptr);
  ASSERT_NE(spoken, nullptr);
  EXPECT_FALSE(raw->editable || spoken->editable) << "an edit of the one would leave the other";
  EXPECT_TRUE(find(*r, "{'plain")->editable);
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
