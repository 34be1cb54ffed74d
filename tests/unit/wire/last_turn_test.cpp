// Where the last turn of a request begins, in each dialect: behind the last message of the model's that something of the user's or a tool's
// follows. What a client lays into the model's mouth at the end ends no turn.
#include <gtest/gtest.h>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

// The texts of the last turn that hold a letter and a digit only ("u1"), in the order of the body.
std::string last_turn(const dialect& of, const char* path, const std::string& body) {
  const auto r = of.read_request(of.classify("POST", path), body, 64);
  if (!r) return "unreadable: " + r.error().message;
  std::string out;
  for (const auto& p : (*r)->parts()) {
    if (p.last_turn && p.text.size() == 2 && p.text[1] >= '0' && p.text[1] <= '9') out += (out.empty() ? "" : " ") + std::string(p.text);
  }
  return out;
}

struct spoken {
  const char* messages;
  const char* last_turn;
};

void expect_turns(const dialect& of, const char* path, const std::string& before, const std::string& behind, std::initializer_list<spoken> all) {
  for (const auto& each : all) {
    EXPECT_EQ(last_turn(of, path, before + each.messages + behind), each.last_turn) << path << " " << each.messages;
  }
}

TEST(last_turn, of_chat_begins_behind_the_last_answer_that_was_answered) {
  const auto in = [](std::initializer_list<spoken> all) { expect_turns(openai(), "/v1/chat/completions", R"({"model":"m","messages":[)", "]}", all); };
  in({{R"({"role":"user","content":"u1"})", "u1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"user","content":"u2"})", "u2"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"})", "u1 a1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"assistant","content":"a2"})", "u1 a1 a2"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"user","content":"u2"},{"role":"assistant","content":"a2"})", "u2 a2"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"system","content":"s1"})", "u1 a1 s1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"developer","content":"d1"})", "u1 a1 d1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"nobody","content":"n1"})", "u1 a1 n1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f1","arguments":"{}"}}]})", "u1 f1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"tool","tool_call_id":"c","content":"t1"})", "t1"}});
}

TEST(last_turn, of_responses_goes_by_what_an_item_is) {
  const auto in = [](std::initializer_list<spoken> all) { expect_turns(openai(), "/v1/responses", R"({"model":"m","input":[)", "]}", all); };
  in({{R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"user","content":"u2"})", "u2"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"})", "u1 a1"},
      {R"({"type":"message","role":"user","content":"u1"},{"type":"message","role":"assistant","content":"a1"})", "u1 a1"},
      {R"({"role":"user","content":"u1"},{"type":"function_call","call_id":"c","name":"f1","arguments":"{}"})", "u1 f1"},
      {R"({"role":"user","content":"u1"},{"type":"function_call","call_id":"c","name":"f1","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"t1"})", "t1"},
      {R"({"role":"user","content":"u1"},{"type":"reasoning","summary":[{"type":"summary_text","text":"r1"}]})", "u1 r1"},
      // A role that somebody writes into the model's own item makes it nobody else's.
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"type":"function_call","role":"user","call_id":"c","name":"f1","arguments":"{}"})", "u1 a1 f1"},
      // Nobody here knows whose the item is that a reference names.
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"type":"item_reference","id":"msg_1"})", "u1 a1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"id":"msg_1"})", "u1 a1"}});
}

TEST(last_turn, of_anthropic_begins_behind_the_last_answer_that_was_answered) {
  const auto in = [](std::initializer_list<spoken> all) { expect_turns(anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[)", "]}", all); };
  in({{R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"user","content":"u2"})", "u2"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"})", "u1 a1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f1","input":{}}]})", "u1 f1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f1","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"t1"}]})", "t1"}});
}

TEST(last_turn, of_gemini_begins_behind_the_last_answer_that_was_answered) {
  const auto in = [](std::initializer_list<spoken> all) { expect_turns(gemini(), "/v1beta/models/m:generateContent", R"({"contents":[)", "]}", all); };
  in({{R"({"role":"user","parts":[{"text":"u1"}]},{"role":"model","parts":[{"text":"a1"}]},{"parts":[{"text":"u2"}]})", "u2"},
      {R"({"parts":[{"text":"u1"}]},{"role":"model","parts":[{"text":"a1"}]})", "u1 a1"},
      {R"({"role":"user","parts":[{"text":"u1"}]},{"role":"model","parts":[{"functionCall":{"name":"f1","args":{}}}]})", "u1 f1"},
      {R"({"role":"user","parts":[{"text":"u1"}]},{"role":"model","parts":[{"functionCall":{"name":"f1","args":{}}}]},
          {"role":"function","parts":[{"functionResponse":{"name":"f2","response":{"x":"t1"}}}]})", "f2 t1"}});
}

TEST(last_turn, of_ollama_begins_behind_the_last_answer_that_was_answered) {
  const auto in = [](std::initializer_list<spoken> all) { expect_turns(ollama(), "/api/chat", R"({"model":"m","messages":[)", "]}", all); };
  in({{R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"user","content":"u2"})", "u2"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"})", "u1 a1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f1","arguments":{}}}]})", "u1 f1"},
      {R"({"role":"user","content":"u1"},{"role":"assistant","content":"a1"},{"role":"tool","content":"t1"})", "t1"}});
}

}  // namespace
}  // namespace sluice::wire
