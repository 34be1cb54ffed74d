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

TEST(openai, a_slash_at_the_end_of_a_known_path_is_what_is_told) {
  for (const char* path : {"/v1/chat/completions/", "/v1/models/", "/v1/embeddings/"}) {
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
  for (const char* p : {"/v1/responses", "/v1/completions", "/v1/embeddings"}) {
    EXPECT_EQ(openai().classify("POST", p).what, endpoint_class::denied) << p;
    EXPECT_FALSE(openai().classify("POST", p).why.empty());
  }
  EXPECT_EQ(openai().classify("GET", "/v1/chat/completions/abc/messages").what, endpoint_class::denied);
  EXPECT_EQ(openai().classify("GET", "/v1/chat/completions").allowed_method, "POST");
  for (const char* p : {"/v1/chat/completions/", "/v1//chat/completions", "/v1/chat/%63ompletions", "/v1/models/..", "/v1/models/a/b", "/V1/models", "/v2/x"}) {
    EXPECT_NE(openai().classify("POST", p).what, endpoint_class::scanned) << p;
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

TEST(openai, coverage_has_a_word_for_every_row) {
  ASSERT_GT(openai().coverage().size(), 100u);
  for (const auto& r : openai().coverage()) {
    EXPECT_FALSE(r.path.empty());
    EXPECT_FALSE(r.policy.empty()) << r.path;
  }
}

}  // namespace
}  // namespace sluice::wire
