// The dialect's words for "no", and which paths it knows.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

TEST(openai, a_block_is_the_error_that_its_sdks_know) {
  const auto j = json::parse(openai().error_body({gateway_error::blocked, "Say \"please\".", "messages[0].content", "d1"}));
  EXPECT_EQ(http_status(gateway_error::blocked), 400);
  EXPECT_EQ(j["error"]["code"], "content_filter");
  EXPECT_EQ(j["error"]["type"], "invalid_request_error");
  EXPECT_EQ(j["error"]["param"], "messages[0].content");
  EXPECT_EQ(j["error"]["message"], "Say \"please\". (decision d1)");
  EXPECT_EQ(j["error"]["decision_id"], "d1");
}

TEST(dialects, whose_errors_are_a_message_alone_name_the_place_once) {
  for (const auto* of : {&anthropic(), &gemini(), &ollama()}) {
    const auto said = [&](std::string_view message, std::string_view place) { return of->error_body({gateway_error::bad_request, message, place, "d1"}); };
    EXPECT_NE(said("Not here.", "images[0]").find("\"images[0]: Not here. (decision d1)\""), std::string::npos) << of->name();
    EXPECT_NE(said("The gateway cannot read images[0] (attachment).", "images[0]").find("\"The gateway cannot read images[0] (attachment). (decision d1)\""), std::string::npos) << of->name();
    EXPECT_NE(said("Not in images[01].", "images[0]").find("\"images[0]: Not"), std::string::npos) << of->name();
  }
}

TEST(openai, a_slash_at_the_end_of_a_known_path_is_what_is_told) {
  for (const char* path : {"/v1/chat/completions/", "/v1/models/", "/v1/responses/"}) {
    const auto found = openai().classify("POST", path);
    EXPECT_EQ(found.what, endpoint_class::denied) << path;
    EXPECT_NE(found.why.find("ends in a slash"), std::string_view::npos) << path;
  }
  EXPECT_EQ(openai().classify("GET", "/v1/chat/completions/abc").why.find("slash"), std::string_view::npos);
}

TEST(openai, every_error_is_valid_json_with_a_4xx_or_5xx_status) {
  for (int e = 0; e <= static_cast<int>(gateway_error::upstream_timeout); ++e) {
    const auto what = static_cast<gateway_error>(e);
    EXPECT_GE(http_status(what), 400);
    const auto j = json::parse(openai().error_body({what, "a\n\"b\"", "", "id"}));
    EXPECT_TRUE(j["error"]["code"].is_string());
  }
}

TEST(openai, knows_its_paths_and_denies_the_others_with_a_reason) {
  EXPECT_EQ(openai().classify("POST", "/v1/chat/completions").what, endpoint_class::scanned);
  EXPECT_EQ(openai().classify("GET", "/v1/models").what, endpoint_class::passes);
  EXPECT_EQ(openai().classify("GET", "/v1/models/gpt-4.1").what, endpoint_class::passes);
  for (const std::string p : {"/v1/images/generations", "/v1/audio/speech", "/v1/files/f/content", "/v1/batches", "/v1/assistants", "/v1/threads/t/messages", "/v1/realtime",
                              "/v1/conversations/c/items/i/x", "/v1/conversations/c/unheard_of", "/v1/responses/r/unheard_of"}) {
    const auto found = openai().classify("POST", p);
    EXPECT_EQ(found.what, endpoint_class::denied) << p;
    EXPECT_NE(found.why.find(p.substr(0, p.find('/', 4))), std::string_view::npos) << found.why;
  }
  EXPECT_EQ(openai().classify("GET", "/v1/chat/completions/abc/messages").what, endpoint_class::denied);
  EXPECT_EQ(openai().classify("GET", "/v1/chat/completions").allowed_method, "POST");
  for (const char* p : {"/v1/chat/completions/", "/v1//chat/completions", "/v1/chat/%63ompletions", "/v1/models/..", "/v1/models/a/b", "/V1/models", "/v2/x"}) {
    EXPECT_NE(openai().classify("POST", p).what, endpoint_class::scanned) << p;
    EXPECT_NE(openai().classify("GET", p).what, endpoint_class::passes) << p;
  }
}

TEST(openai, knows_what_can_be_asked_of_a_stored_response) {
  const auto is = [](const char* method, const char* path, endpoint_class what, const char* name) {
    const auto found = openai().classify(method, path);
    EXPECT_EQ(found.what, what) << method << " " << path;
    EXPECT_EQ(found.name, name) << method << " " << path;
  };
  is("POST", "/v1/responses", endpoint_class::scanned, "responses");
  is("POST", "/v1/responses/compact", endpoint_class::scanned, "responses.compact");
  is("POST", "/v1/responses/input_tokens", endpoint_class::scanned, "responses.input_tokens");
  is("GET", "/v1/responses/resp_1", endpoint_class::scanned, "responses.retrieve");
  is("DELETE", "/v1/responses/resp_1", endpoint_class::passes, "responses.delete");
  is("POST", "/v1/responses/resp_1/cancel", endpoint_class::scanned, "responses.cancel");
  is("GET", "/v1/responses/resp_1/input_items", endpoint_class::scanned, "responses.input_items");
  is("POST", "/v1/responses/resp_1", endpoint_class::unknown, "responses.retrieve");
  EXPECT_EQ(openai().classify("GET", "/v1/responses/..").what, endpoint_class::denied);
}

TEST(openai, reads_azures_paths_as_its_own) {
  const auto chat = openai().classify("POST", "/openai/deployments/gpt-4o/chat/completions");
  EXPECT_EQ(chat.what, endpoint_class::scanned);
  EXPECT_EQ(chat.name, "chat.completions");
  EXPECT_EQ(chat.model, "gpt-4o");
  EXPECT_EQ(openai().classify("POST", "/openai/v1/chat/completions").name, "chat.completions");
  EXPECT_EQ(openai().classify("POST", "/openai/v1/responses").name, "responses");
  EXPECT_EQ(openai().classify("POST", "/openai/responses").name, "responses");
  EXPECT_EQ(openai().classify("GET", "/openai/v1/responses/r1").name, "responses.retrieve");
  EXPECT_EQ(openai().classify("GET", "/openai/models").what, endpoint_class::passes);
  EXPECT_EQ(openai().classify("GET", "/openai/deployments/gpt-4o/chat/completions").allowed_method, "POST");
  EXPECT_EQ(openai().classify("POST", "/openai/deployments/dalle/images/generations").what, endpoint_class::denied);
  EXPECT_EQ(openai().classify("POST", "/openai/threads").what, endpoint_class::denied);
  for (const char* p : {"/openai/deployments/gpt-4o", "/openai/deployments/../chat/completions", "/openai/deployments/a%2fb/chat/completions", "/openai/deployments/g/models",
                        "/openai/deployments/g/v1/chat/completions", "/openai/v1/v1/chat/completions", "/openai//chat/completions"}) {
    EXPECT_EQ(openai().classify("POST", p).what, endpoint_class::unknown) << p;
    EXPECT_NE(openai().classify("GET", p).what, endpoint_class::passes) << p;
  }
}

TEST(openai, a_refusal_has_the_form_that_was_asked_for) {
  const std::string plain = R"({"model":"m","messages":[]})", streamed = R"({"model":"m","stream":true,"messages":[]})";
  const auto to = openai().classify("POST", "/v1/chat/completions");
  const auto a = openai().read_request(to, plain, 64), b = openai().read_request(to, streamed, 64);
  ASSERT_TRUE(a && b);
  const auto j = json::parse(openai().refusal_body(**a, "No.", "d"));
  EXPECT_EQ(j["choices"][0]["finish_reason"], "content_filter");
  EXPECT_EQ(j["choices"][0]["message"]["refusal"], "No.");
  const auto sse = openai().refusal_body(**b, "No.", "d");
  EXPECT_TRUE(sse.starts_with("data: {"));
  EXPECT_TRUE(sse.ends_with("data: [DONE]\n\n"));
}

TEST(dialects, refuse_where_an_answer_can_say_so) {
  const auto refuses = [](const dialect& d, const char* path) { return d.has_refusal(d.classify("POST", path)); };
  for (const char* path : {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/openai/deployments/g/chat/completions"}) EXPECT_TRUE(refuses(openai(), path)) << path;
  for (const char* path : {"/v1/embeddings", "/v1/moderations", "/v1/responses/input_tokens", "/v1/responses/compact", "/v1/conversations", "/v1/images/edits", "/v1/files"}) EXPECT_FALSE(refuses(openai(), path)) << path;
  EXPECT_TRUE(refuses(anthropic(), "/v1/messages"));
  EXPECT_FALSE(refuses(anthropic(), "/v1/messages/count_tokens"));
  EXPECT_TRUE(refuses(gemini(), "/v1beta/models/m:streamGenerateContent"));
  for (const char* path : {"/v1beta/models/m:countTokens", "/v1beta/models/m:embedContent"}) EXPECT_FALSE(refuses(gemini(), path)) << path;
  EXPECT_TRUE(refuses(ollama(), "/api/generate"));
  EXPECT_FALSE(refuses(ollama(), "/api/embed"));
}

TEST(dialects, know_where_a_path_of_their_api_begins) {
  for (const auto& [path, own] : {std::pair("/v1", "/v1"), {"/vllm/v1", "/v1"}, {"/a/b/v1/chat", "/v1/chat"}, {"/vllm", ""}, {"/vllm/", "/"}, {"/", "/"}, {"/openai", "/openai"},
                                  {"/v1beta/openai", "/openai"}, {"/v1x/v1", "/v1"}, {"/v1/v1", "/v1/v1"}}) {
    EXPECT_EQ(std::string_view(path).substr(openai().before_root(path)), own) << path;
  }
  EXPECT_EQ(anthropic().before_root("/anthropic/v1"), 10u);
  EXPECT_EQ(gemini().before_root("/google/v1beta"), 7u);
  EXPECT_EQ(ollama().before_root("/local/api"), 6u);
}

TEST(openai, a_path_that_is_none_below_one_that_is_read_says_so) {
  const auto odd = openai().classify("GET", "/v1/responses/a%2fb");
  EXPECT_EQ(odd.what, endpoint_class::denied);
  EXPECT_NE(odd.why.find("no such path below /v1/responses"), std::string_view::npos) << odd.why;
  EXPECT_EQ(openai().classify("GET", "/v1/models/gpt-4o").model, "gpt-4o");
  EXPECT_EQ(openai().classify("GET", "/openai/models/gpt-4o").model, "gpt-4o");
  EXPECT_EQ(anthropic().classify("GET", "/v1/models/claude").model, "claude");
  EXPECT_EQ(gemini().classify("GET", "/v1beta/models/gemini").model, "gemini");
}

TEST(openai, coverage_has_a_word_for_every_row) {
  ASSERT_GT(openai().coverage().size(), 100u);
  for (const auto& r : openai().coverage()) {
    EXPECT_FALSE(r.path.empty());
    EXPECT_FALSE(r.policy.empty()) << r.path;
  }
}

}  // namespace
}  // namespace sluice::wire
