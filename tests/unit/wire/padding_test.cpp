// Padding (`obfuscation`) hides from whoever counts bytes how long a piece of a text is. Goal: it hides also how long the text was that a rule has
// taken out. Property: an event that was edited is as long as it came, whatever stood in it; and what the gateway itself puts into such a stream
// is padded, too.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

struct padded_stream {
  const char *path, *request;
  json (*piece)(const std::string& text);
};
json chat_piece(const std::string& text) {
  return {{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", {{{"index", 0}, {"delta", {{"content", text}}}, {"logprobs", {{"content", {{{"token", text}, {"logprob", -0.1}}}}}}, {"finish_reason", nullptr}}}}};
}
json completions_piece(const std::string& text) {
  return {{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", {{{"index", 0}, {"text", text}, {"logprobs", {{"tokens", {text}}}}, {"finish_reason", nullptr}}}}};
}
json responses_piece(const std::string& text) {
  return {{"type", "response.output_text.delta"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", 0}, {"delta", text}, {"logprobs", {{{"token", text}, {"logprob", -0.1}}}}};
}
const padded_stream streams[] = {{"/v1/chat/completions", R"({"messages":[],"stream":true})", chat_piece},
                                 {"/v1/completions", R"({"prompt":"x","stream":true})", completions_piece},
                                 {"/v1/responses", R"({"input":"x","stream":true})", responses_piece}};

// Padded to one length, as an upstream does.
std::string padded(json e, std::size_t length = 400) {
  e["obfuscation"] = "";
  e["obfuscation"] = std::string(length - e.dump().size(), 'p');
  const auto named = e.contains("type") ? "event: " + e["type"].get<std::string>() + "\n" : "";
  return named + "data: " + e.dump() + "\n\n";
}

TEST(padding, an_edited_event_is_as_long_as_it_came) {
  for (const auto& of : streams) {
    for (const std::string text : {"secret", "a secret", "a secret and a secret and a secret", "so secret that nobody may know"}) {
      testing::replace_sink sink("secret", "[R]");
      const auto t = testing::run(openai(), of.path, of.request, padded(of.piece("x")) + padded(of.piece(text)) + padded(of.piece("y")), {}, sink);
      int events = 0;
      for (const auto& line : testing::lines_of(t.out)) {
        if (!line.starts_with("data: {")) continue;
        ++events;
        EXPECT_EQ(line.size(), std::string_view("data: ").size() + 400) << of.path << " " << line;
      }
      EXPECT_EQ(events, 3) << of.path << t.out;
      EXPECT_TRUE(t.out.contains("[R]") && !t.out.contains("secret")) << of.path << t.out;
    }
  }
}

TEST(padding, of_a_mask_that_is_longer_than_the_text_is_empty) {
  for (const auto& of : streams) {
    testing::replace_sink sink("s", std::string(300, 'R'));
    const auto t = testing::run(openai(), of.path, of.request, padded(of.piece("s")), {}, sink);
    EXPECT_TRUE(t.out.contains(R"("obfuscation":"")")) << of.path << t.out;
  }
}

TEST(padding, of_what_the_gateway_puts_in) {
  for (const auto& of : streams) {
    for (const bool pads : {false, true}) {
      testing::replace_sink sink("secret", "[R]");
      const auto e = of.piece("a sec");
      const auto first = pads ? padded(e) : (e.contains("type") ? "event: " + e["type"].get<std::string>() + "\n" : "") + "data: " + e.dump() + "\n\n";
      const auto t = testing::run(openai(), of.path, of.request, first + "data: [DONE]\n\n", {}, sink);  // what is held leaves in an event of its own
      const auto own = t.out.rfind("data: {");
      ASSERT_TRUE(own != std::string::npos && own > 0) << of.path << t.out;
      EXPECT_EQ(t.out.find(R"("obfuscation")", own) != std::string::npos, pads) << of.path << t.out;
      EXPECT_TRUE(t.out.substr(own).contains("sec")) << of.path << t.out;
    }
  }
}

}  // namespace
}  // namespace sluice::wire
