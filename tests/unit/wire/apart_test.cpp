// Inputs that an API takes each by itself. Goal: the parts of one input are read as one text, and no input with another.
#include <gtest/gtest.h>

#include <map>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

// Texts that are read as one with "a", in the order of the body; a name that is no text of the conversation is left out.
std::string read_with_a(const dialect& in, std::string_view path, std::string_view body) {
  const auto read = in.read_request(in.classify("POST", path), body, 64);
  EXPECT_TRUE(read.has_value()) << body;
  if (!read) return {};
  EXPECT_TRUE((*read)->unread_parts().empty()) << body;
  std::map<std::int32_t, std::string> groups;
  std::int32_t of_a = -2;
  for (const auto& p : (*read)->parts()) {
    if (p.kind != part_kind::text) continue;
    groups[p.choice] += p.text;
    if (p.text == "a") of_a = p.choice;
  }
  return groups[of_a];
}

TEST(apart, inputs_of_a_list_are_read_each_by_itself_and_parts_of_one_together) {
  struct { const dialect& in; std::string path, body, with_a; } const all[] = {
      {openai(), "/v1/embeddings", R"({"model":"m","input":["a","b","c"]})", "a"},
      {openai(), "/v1/embeddings", R"({"model":"m","input":"a"})", "a"},
      {openai(), "/openai/deployments/m/embeddings", R"({"input":["b","a"]})", "a"},
      {openai(), "/v1/completions", R"({"model":"m","prompt":["b","a"],"suffix":"c"})", "bac"},
      {openai(), "/v1/completions", R"({"model":"m","prompt":"a","suffix":"c"})", "ac"},
      {openai(), "/v1/moderations", R"({"model":"m","input":["b","a"]})", "a"},
      {openai(), "/v1/moderations", R"({"model":"m","input":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})", "ab"},
      {ollama(), "/api/embed", R"({"model":"m","input":["a","b"]})", "a"},
      {gemini(), "/v1beta/models/m:batchEmbedContents",
       R"({"requests":[{"content":{"parts":[{"text":"b"}]}},{"content":{"parts":[{"text":"a"},{"text":"c"}]}},{"content":{"parts":[{"text":"d"}]}}]})", "ac"},
      {gemini(), "/v1beta/models/m:embedContent", R"({"content":{"parts":[{"text":"a"},{"text":"b"}]}})", "ab"},
      // A conversation is one text to its model.
      {openai(), "/v1/chat/completions", R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]}]})", "ab"},
      {openai(), "/v1/responses", R"({"model":"m","input":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"input_text","text":"b"}]}]})", "ab"},
      {anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]})", "ab"},
      {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"b"}]}]})", "ab"},
      {ollama(), "/api/chat", R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]})", "ab"},
  };
  for (const auto& each : all) EXPECT_EQ(read_with_a(each.in, each.path, each.body), each.with_a) << each.path << " " << each.body;
}

}  // namespace
}  // namespace sluice::wire
