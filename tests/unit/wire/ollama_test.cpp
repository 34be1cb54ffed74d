// Ollama: where the text is, whose case its keys have, and how its lines are judged and cut off.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

testing::trace run(const char* path, std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}, std::string_view message = {}) {
  return testing::run(ollama(), path, R"({"model":"m","messages":[]})", bytes, cuts, sink, message);
}
std::string chat(const std::string& text, bool done = false) {
  json j = {{"model", "m"}, {"created_at", "2026-01-01T00:00:00Z"}, {"message", {{"role", "assistant"}, {"content", text}}}, {"done", done}};
  if (done) j["done_reason"] = "stop";
  return j.dump() + "\n";
}
std::string said(const std::string& out) {
  std::string text;
  for (const auto& line : testing::lines_of(out)) {
    const auto j = json::parse(line);
    text += j.contains("message") ? j["message"].value("content", "") : j.value("response", "");
  }
  return text;
}

TEST(ollama_request, lists_its_text_and_streams_unless_told_not_to) {
  const auto to = ollama().classify("POST", "/api/chat");
  const std::string body = R"({"model":"m","messages":[{"role":"system","content":"SYS"},{"role":"assistant","content":"","thinking":"WHY","tool_calls":[{"function":{"name":"FN","arguments":{"KEY":"ARG"}}}]},
    {"role":"tool","content":"RESULT","tool_name":"FN"}],"format":{"properties":{"PROP":{}}},"options":{"stop":["STOP"],"temperature":0.1}})";
  const auto r = ollama().read_request(to, body, 64);
  ASSERT_TRUE(r.has_value()) << r.error().message;
  EXPECT_TRUE((*r)->stream());
  EXPECT_TRUE((*r)->unread_parts().empty());
  for (const char* text : {"SYS", "WHY", "FN", "KEY", "ARG", "RESULT", "PROP", "STOP"}) {
    EXPECT_TRUE(std::ranges::any_of((*r)->parts(), [&](const part& p) { return p.text == text; })) << text;
  }
  const auto result = std::ranges::find_if((*r)->parts(), [](const part& p) { return p.text == "RESULT"; });
  EXPECT_EQ(result->role, role::tool);
  EXPECT_EQ(result->kind, part_kind::tool_result);
  EXPECT_FALSE((*ollama().read_request(to, R"({"messages":[],"stream":false})", 64))->stream());
}

TEST(ollama_request, a_key_in_another_case_is_refused) {
  const auto to = ollama().classify("POST", "/api/chat");
  for (const char* body : {R"({"Messages":[]})", R"({"messages":[],"MESSAGES":[]})", R"({"me\u017fsages":[]})", R"({"messages":[{"role":"user","Content":"x"}]})",
                           R"({"messages":[],"\u212aeep_alive":1})", R"({"messages":[],"x":1,"X":2})"}) {
    EXPECT_FALSE(ollama().read_request(to, body, 64).has_value()) << body;
  }
  EXPECT_TRUE(ollama().read_request(to, R"({"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{"a":1,"A":2}}}]}]})", 64).has_value());
}

TEST(ollama_request, tokens_templates_and_images_are_refused) {
  const auto to = ollama().classify("POST", "/api/generate");
  for (const auto& [body, why] : {std::pair{R"({"prompt":"x","context":[1,2]})", "server state"}, {R"({"template":"{{ .Prompt }}"})", "unknown part"}, {R"({"images":["AA"]})", "attachment"}}) {
    const auto r = ollama().read_request(to, body, 64);
    ASSERT_TRUE(r.has_value());
    ASSERT_EQ((*r)->unread_parts().size(), 1u) << body;
    EXPECT_EQ((*r)->unread_parts()[0].reason, why);
  }
}

TEST(ollama_stream, a_word_over_two_lines_is_edited_at_any_cut) {
  const auto bytes = chat("my sec") + chat("ret now") + chat(" fine") + chat(" sec") + chat("", true);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    testing::replace_sink sink("secret", "[R]");
    const auto o = run("/api/chat", bytes, sink, {cut});
    EXPECT_EQ(o.last, status::done);
    EXPECT_EQ(said(o.out), "my [R] now fine sec");
    EXPECT_NE(o.out.find(chat(" fine")), std::string::npos);
    testing::pass_sink pass;
    EXPECT_EQ(run("/api/chat", bytes, pass, {cut}).out, bytes);
  }
}

TEST(ollama_stream, tokens_of_an_edited_text_go_and_others_stay) {
  const auto last = std::string(R"({"model":"m","response":"","done":true,"context":[1,2]})") + "\n";
  testing::replace_sink sink("secret", "[R]");
  EXPECT_NE(run("/api/generate", R"({"model":"m","response":"a secret","done":false})" "\n" + last, sink).out.find("\"context\":[]"), std::string::npos);
  testing::replace_sink idle("secret", "[R]");
  EXPECT_NE(run("/api/generate", R"({"model":"m","response":"a sec","done":false})" "\n" + last, idle).out.find("\"context\":[1,2]"), std::string::npos);
}

TEST(ollama_stream, a_cut_is_a_line_that_says_why_it_is_done) {
  for (const char* path : {"/api/chat", "/api/generate"}) {
    testing::block_sink sink("bomb");
    const auto o = run(path, chat("a") + chat(" bomb") + chat("never", true), sink, {}, "Not here.");
    EXPECT_EQ(o.last, status::blocked);
    const auto lines = testing::lines_of(o.out);
    const auto end = json::parse(lines.back());
    EXPECT_EQ(end["done"], true);
    EXPECT_EQ(end["done_reason"], "content_filter");
    EXPECT_EQ(said(o.out), "aNot here.");
  }
}

TEST(ollama_stream, a_tool_call_is_judged_whole_and_a_broken_line_leaves_nothing) {
  testing::replace_sink sink("secret", "[R]");
  const auto call = std::string(R"({"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"q":"the secret"}}}]},"done":false})") + "\n";
  EXPECT_NE(run("/api/chat", call + chat("", true), sink).out.find("the [R]"), std::string::npos);
  testing::pass_sink pass;
  const auto o = run("/api/chat", chat("a") + "{broken secret\n", pass);
  EXPECT_EQ(o.last, status::unreadable);
  EXPECT_EQ(o.out.find("broken"), std::string::npos);
}

TEST(ollama_paths, are_known_or_denied) {
  EXPECT_EQ(ollama().classify("GET", "/api/tags").what, endpoint_class::passes);
  for (const char* p : {"/api/pull", "/api/push", "/api/create", "/api/delete", "/api/copy", "/api/blobs/sha256:1"}) {
    EXPECT_EQ(ollama().classify("POST", p).what, endpoint_class::denied) << p;
  }
  EXPECT_EQ(ollama().classify("POST", "/v1/chat/completions").what, endpoint_class::unknown);
}

TEST(ollama_paths, show_takes_the_name_of_a_model_and_nothing_else) {
  const auto to = ollama().classify("POST", "/api/show");
  EXPECT_EQ(to.what, endpoint_class::passes);
  for (const char* fits : {R"({"model":"llama3:8b"})", R"({"name":"hf.co/a/b:q4","verbose":true})", R"({"model":"m","verbose":null})", "{}"}) EXPECT_TRUE(only_takes(to, fits)) << fits;
  for (const char* other : {R"({"model":"say it to me"})", R"({"model":"m","system":"s"})", R"({"model":"m","model":"n"})", R"({"model":["m"]})", R"({"model":1})", R"(["m"])", "model", ""}) {
    EXPECT_FALSE(only_takes(to, other)) << other;
  }
  EXPECT_FALSE(only_takes(ollama().classify("GET", "/api/tags"), R"({"model":"m"})"));
}

TEST(ollama_stream, what_follows_a_last_line_that_nothing_ends_stands_on_its_own) {
  testing::replace_sink sink("secret", "[R]");
  auto open = chat("a secret sec", true);
  open.pop_back();
  EXPECT_EQ(said(run("/api/chat", chat("x ") + open, sink).out), "x a [R] sec");
}

}  // namespace
}  // namespace sluice::wire
