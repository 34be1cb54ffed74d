// Words added to those of the system: in each dialect's own place, with every other byte as it came.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "sinks.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

struct asked {
  const dialect* speaks;
  const char* path;
};
constexpr const char* chat_path = "/v1/chat/completions";
const asked chat{&openai(), chat_path}, messages{&anthropic(), "/v1/messages"}, gemini_plain{&gemini(), "/v1beta/models/m:generateContent"},
    gemini_stream{&gemini(), "/v1beta/models/m:streamGenerateContent"}, ollama_chat{&ollama(), "/api/chat"}, ollama_generate{&ollama(), "/api/generate"};

std::unique_ptr<request_body> read(const asked& at, const std::string& body) {
  auto made = at.speaks->read_request(at.speaks->classify("POST", at.path), body, 64);
  EXPECT_TRUE(made) << body << (made ? "" : made.error().message);
  return made ? std::move(*made) : nullptr;
}

// What the request becomes with `before` and `behind`.
std::string added(const asked& at, const std::string& body, std::string_view before, std::string_view behind, std::vector<replacement> edits = {}) {
  const auto request = read(at, body);
  if (request == nullptr) return {};
  EXPECT_TRUE(request->takes_system_words()) << body;
  const auto out = request->edited(edits, {before, behind});
  EXPECT_TRUE(json::accept(out)) << out;
  EXPECT_EQ(request->edited(edits, {before, behind}), out) << "the same words, the same bytes";
  EXPECT_EQ(request->edited({}, {}), body);
  return out;
}

TEST(system_place, chat_completions_gets_a_message_at_the_front_or_behind_the_leading_ones) {
  EXPECT_EQ(added(chat, R"({ "messages": [ {"role":"user","content":"q"} ] })", "", "B\"1"),
            R"({ "messages": [ {"role":"system","content":"B\"1"},{"role":"user","content":"q"} ] })");
  EXPECT_EQ(added(chat, R"({"messages":[{"role":"user","content":"q"}]})", "A", "B"),
            R"({"messages":[{"role":"system","content":"A\n\nB"},{"role":"user","content":"q"}]})");
  EXPECT_EQ(added(chat, R"({"messages":[{"role":"system","content":"s"} , {"role":"user","content":"q"}]})", "A", "B"),
            R"({"messages":[{"role":"system","content":"A"},{"role":"system","content":"s"},{"role":"system","content":"B"} , {"role":"user","content":"q"}]})");
  EXPECT_EQ(added(chat, R"({"messages":[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","content":"q"},{"role":"system","content":"late"}]})", "", "B"),
            R"({"messages":[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"developer","content":"B"},{"role":"user","content":"q"},{"role":"system","content":"late"}]})");
}

TEST(system_place, chat_completions_says_developer_where_the_client_does) {
  EXPECT_EQ(added(chat, R"({"messages":[{"role":"developer","content":"d"},{"role":"user","content":"q"}]})", "A", ""),
            R"({"messages":[{"role":"developer","content":"A"},{"role":"developer","content":"d"},{"role":"user","content":"q"}]})");
  EXPECT_EQ(added(chat, R"({"messages":[{"role":"user","content":"q"},{"role":"developer","content":"d"}]})", "", "B"),
            R"({"messages":[{"role":"developer","content":"B"},{"role":"user","content":"q"},{"role":"developer","content":"d"}]})");
}

TEST(system_place, anthropic_gets_them_in_its_text_its_blocks_or_a_new_member) {
  EXPECT_EQ(added(messages, R"({ "model":"m","messages":[]})", "A", "B"), R"({"system":"A\n\nB", "model":"m","messages":[]})");
  EXPECT_EQ(added(messages, R"({"system":"s\u00e4y","messages":[]})", "A", "B\\"), R"({"system":"A\n\ns\u00e4y\n\nB\\","messages":[]})");
  EXPECT_EQ(added(messages, R"({"system":"","messages":[]})", "", "B"), R"({"system":"B","messages":[]})");
  EXPECT_EQ(added(messages, R"({"messages":[],"system":null})", "", "B"), R"({"messages":[],"system":"B"})");
  EXPECT_EQ(added(messages, R"({"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}} ],"messages":[]})", "A", "B"),
            R"({"system":[{"type":"text","text":"A"},{"type":"text","text":"s","cache_control":{"type":"ephemeral"}},{"type":"text","text":"B"} ],"messages":[]})");
  EXPECT_EQ(added(messages, R"({"system":[],"messages":[]})", "A", "B"), R"({"system":[{"type":"text","text":"A"},{"type":"text","text":"B"}],"messages":[]})");
  const asked count{&anthropic(), "/v1/messages/count_tokens"};
  EXPECT_EQ(added(count, R"({"messages":[]})", "", "B"), R"({"system":"B","messages":[]})") << "what is counted is what would be sent";
}

TEST(system_place, gemini_gets_parts_in_its_instruction_however_it_is_spelled) {
  for (const auto& at : {gemini_plain, gemini_stream}) {
    EXPECT_EQ(added(at, R"({"contents":[]})", "A", "B"), R"({"systemInstruction":{"parts":[{"text":"A"},{"text":"B"}]},"contents":[]})");
    EXPECT_EQ(added(at, R"({"contents":[],"systemInstruction":{"parts":[{"text":"s"}]}})", "A", "B"),
              R"({"contents":[],"systemInstruction":{"parts":[{"text":"A"},{"text":"s"},{"text":"B"}]}})");
    EXPECT_EQ(added(at, R"({"contents":[],"system_instruction":{"role":"user","parts":[{"text":"s"}]}})", "", "B"),
              R"({"contents":[],"system_instruction":{"role":"user","parts":[{"text":"s"},{"text":"B"}]}})");
    EXPECT_EQ(added(at, R"({"contents":[],"systemInstruction":{}})", "", "B"), R"({"contents":[],"systemInstruction":{"parts":[{"text":"B"}]}})");
    EXPECT_EQ(added(at, R"({"contents":[],"systemInstruction":null})", "", "B"), R"({"contents":[],"systemInstruction":{"parts":[{"text":"B"}]}})");
  }
  const asked count{&gemini(), "/v1beta/models/m:countTokens"}, embed{&gemini(), "/v1beta/models/m:embedContent"};
  EXPECT_EQ(added(count, R"({"generateContentRequest":{"contents":[]}})", "", "B"),
            R"({"generateContentRequest":{"systemInstruction":{"parts":[{"text":"B"}]},"contents":[]}})");
  EXPECT_FALSE(read(count, R"({"contents":[{"parts":[{"text":"x"}]}]})")->takes_system_words());
  EXPECT_FALSE(read(embed, R"({"content":{"parts":[{"text":"x"}]}})")->takes_system_words());
  EXPECT_FALSE(read(gemini_plain, R"({"contents":[],"systemInstruction":"text"})")->takes_system_words());
}

TEST(system_place, ollama_gets_a_message_or_its_system_text) {
  EXPECT_EQ(added(ollama_chat, R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"q"}]})", "A", "B"),
            R"({"model":"m","messages":[{"role":"system","content":"A"},{"role":"system","content":"s"},{"role":"system","content":"B"},{"role":"user","content":"q"}]})");
  EXPECT_EQ(added(ollama_generate, R"({"model":"m","prompt":"q"})", "A", "B"), R"({"system":"A\n\nB","model":"m","prompt":"q"})");
  EXPECT_EQ(added(ollama_generate, R"({"model":"m","prompt":"q","system":"s","raw":false})", "A", "B"), R"({"model":"m","prompt":"q","system":"A\n\ns\n\nB","raw":false})");
  const asked embed{&ollama(), "/api/embed"};
  EXPECT_FALSE(read(embed, R"({"model":"m","input":"q"})")->takes_system_words());
  for (const char* without : {R"({"model":"m","prompt":"q","raw":true})", R"({"model":"m","prompt":"q","suffix":"end"})", R"({"model":"m","prompt":"q","template":"{{ .Prompt }}"})"}) {
    EXPECT_FALSE(read(ollama_generate, without)->takes_system_words()) << without;
  }
  EXPECT_FALSE(read(ollama_chat, R"({"model":"m"})")->takes_system_words());
  EXPECT_FALSE(read(ollama_chat, R"({"model":"m","messages":[]})")->takes_system_words());
}

TEST(system_place, edits_at_both_ends_of_the_systems_text_stay_inside_of_what_is_added) {
  const std::string body = R"({"system":"secret words secret","messages":[]})";
  const auto request = read(messages, body);
  ASSERT_EQ(request->parts().size(), 1u);
  EXPECT_EQ(added(messages, body, "A", "B", {{0, 0, 6, "[x]"}, {0, 13, 19, "[y]"}}), R"({"system":"A\n\n[x] words [y]\n\nB","messages":[]})");
}

TEST(system_place, responses_gets_them_in_its_instructions_and_its_answers_repeat_the_clients_own) {
  auto to = openai().classify("POST", "/v1/responses");
  to.words_added = true;
  const system_words added{"First.", "Last."};
  for (const auto& [before, after, own] : std::vector<std::array<std::string, 3>>{
           {R"({"model":"m","input":"q"})", R"({"instructions":"First.\n\nLast.","model":"m","input":"q"})", "null"},
           {R"({"instructions":null,"input":"q"})", R"({"instructions":"First.\n\nLast.","input":"q"})", "null"},
           {R"({"instructions":"Be brief.","input":"q"})", R"({"instructions":"First.\n\nBe brief.\n\nLast.","input":"q"})", R"("Be brief.")"}}) {
    const auto request = openai().read_request(to, before, 64);
    ASSERT_TRUE(request.has_value());
    EXPECT_TRUE((*request)->takes_system_words());
    EXPECT_EQ((*request)->edited({}, added), after);
    const auto echo = [](const std::string& instructions) { return R"({"object":"response","status":"completed","instructions":)" + instructions + R"(,"output":[]})"; };
    const auto sent = json::parse(after)["instructions"].dump(), came = echo(sent);
    const auto answer = openai().read_response(to, came, 64, request->get());
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ((*answer)->edited({}), echo(own));
    EXPECT_TRUE((*answer)->parts().empty()) << "the gateway's own words are not judged as the model's";
    const auto stream = openai().open_stream(to, **request, 64);
    testing::block_sink sink("First");
    std::string out;
    const auto event = [&](const std::string& instructions) { return R"(data: {"type":"response.created","sequence_number":0,"response":)" + echo(instructions) + "}\n\n"; };
    EXPECT_EQ(stream->feed(event(sent), sink, out), response_stream::status::ok);
    EXPECT_EQ(out, event(own));
  }
  for (const char* path : {"/v1/responses/resp_1", "/v1/responses/resp_1/input_items"}) {
    EXPECT_FALSE((*openai().read_request(openai().classify("GET", path), "", 64))->takes_system_words()) << path;
  }
}

TEST(system_place, what_an_answer_repeats_of_the_request_does_not_leave) {
  auto to = ollama().classify("POST", "/api/generate");
  to.words_added = true;
  const std::string plain = R"({"model":"m","response":"hi","done":true,"context":[1,2,3]})";
  EXPECT_EQ((*ollama().read_response(to, plain, 64))->edited({}), R"({"model":"m","response":"hi","done":true,"context":[]})");
  auto of = openai().classify("POST", chat_path);
  of.words_added = true;
  const std::string echo = R"({"choices":[],"prompt_text":"You are","prompt_logprobs":[null,{"1":{"decoded_token":"You"}}],"prompt_token_ids":[1,2]})";
  EXPECT_EQ((*openai().read_response(of, echo, 64))->edited({}), R"({"choices":[],"prompt_text":null,"prompt_logprobs":null,"prompt_token_ids":null})");
}

}  // namespace
}  // namespace sluice::wire
