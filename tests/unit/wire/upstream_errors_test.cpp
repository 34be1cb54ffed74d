// An upstream's error. Goal: whatever was asked, and by whatever dialect, its message is an error to the rules (where.parts: error) and can be
// edited, so that a rule that redacts in it leaves the client the status by which it asks again. Method: every endpoint that the coverage page has an
// answer of × every shape in which upstreams of the dialect fail, in one piece and within a stream.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sinks.hpp"

namespace sluice::wire {
namespace {

const std::string message = "too many requests of a secret kind";

struct endpoint_at {
  const dialect& speaks;
  const char *method, *path, *request;
};
std::vector<endpoint_at> endpoints() {
  return {
      {openai(), "POST", "/v1/chat/completions", R"({"messages":[]})"},
      {openai(), "POST", "/v1/responses", R"({"input":"x"})"},
      {openai(), "GET", "/v1/responses/r1", ""},
      {openai(), "POST", "/v1/responses/r1/cancel", ""},
      {openai(), "GET", "/v1/responses/r1/input_items", ""},
      {openai(), "POST", "/v1/responses/input_tokens", R"({"input":"x"})"},
      {openai(), "POST", "/v1/responses/compact", R"({"input":"x"})"},
      {openai(), "POST", "/v1/conversations", ""},
      {openai(), "GET", "/v1/conversations/c1", ""},
      {openai(), "POST", "/v1/conversations/c1", "{}"},
      {openai(), "GET", "/v1/conversations/c1/items", ""},
      {openai(), "POST", "/v1/conversations/c1/items", "{}"},
      {openai(), "GET", "/v1/conversations/c1/items/i1", ""},
      {openai(), "POST", "/v1/completions", R"({"prompt":"x"})"},
      {openai(), "POST", "/v1/embeddings", R"({"input":"x"})"},
      {openai(), "POST", "/v1/moderations", R"({"input":"x"})"},
      {openai(), "POST", "/v1/audio/transcriptions", ""},
      {openai(), "POST", "/v1/audio/translations", ""},
      {openai(), "POST", "/v1/images/edits", ""},
      {openai(), "POST", "/v1/images/variations", ""},
      {openai(), "POST", "/v1/files", ""},
      {anthropic(), "POST", "/v1/messages", R"({"messages":[]})"},
      {anthropic(), "POST", "/v1/messages/count_tokens", R"({"messages":[]})"},
      {gemini(), "POST", "/v1beta/models/m:generateContent", R"({"contents":[]})"},
      {gemini(), "POST", "/v1beta/models/m:streamGenerateContent", R"({"contents":[]})"},
      {gemini(), "POST", "/v1beta/models/m:countTokens", "{}"},
      {gemini(), "POST", "/v1beta/models/m:embedContent", "{}"},
      {gemini(), "POST", "/v1beta/models/m:batchEmbedContents", "{}"},
      {gemini(), "POST", "/v1beta/cachedContents", "{}"},
      {gemini(), "GET", "/v1beta/cachedContents/c1", ""},
      {ollama(), "POST", "/api/chat", R"({"messages":[]})"},
      {ollama(), "POST", "/api/generate", R"({"prompt":"x"})"},
      {ollama(), "POST", "/api/embed", R"({"input":"x"})"},
      {ollama(), "POST", "/api/embeddings", R"({"prompt":"x"})"},
  };
}

// As they stand in recordings and in the servers' own code; MESSAGE is what a client shows.
const std::map<std::string_view, std::vector<std::string>>& shapes() {
  static const std::map<std::string_view, std::vector<std::string>> all = {
      {"openai",
       {R"({"error":{"message":"MESSAGE","type":"requests","param":null,"code":"rate_limit_exceeded"}})",
        R"({"error":{"message":"x","type":"invalid_request_error","param":"MESSAGE","code":null}})",
        R"({"error":{"message":"x","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"}}},"param":"MESSAGE"}})",
        R"({"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"MESSAGE","provider_name":"x"}}})", R"({"error":"MESSAGE"})", R"({"detail":"MESSAGE"})", R"({"detail":[{"type":"missing","loc":["body"],"msg":"MESSAGE","input":null}]})",
        R"({"detail":[{"type":"missing","loc":["body"],"msg":"x","input":{"words":"MESSAGE"}}]})"}},
      {"anthropic",
       {R"({"type":"error","error":{"type":"rate_limit_error","message":"MESSAGE"},"request_id":"req_1"})",
        R"({"type":"error","error":{"type":"overloaded_error","message":"x","details":{"error_code":"y","reason":"MESSAGE"}},"request_id":null})", R"({"error":{"type":"x","message":"MESSAGE"}})", R"({"message":"MESSAGE"})"}},
      {"gemini",
       {R"({"error":{"code":429,"message":"MESSAGE","status":"RESOURCE_EXHAUSTED"}})",
        R"({"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"MESSAGE","url":"https://x.example"}]}]}})",
        R"([{"error":{"code":429,"message":"MESSAGE","status":"RESOURCE_EXHAUSTED"}}])"}},
      {"ollama", {R"({"error":"MESSAGE"})", R"({"error":{"message":"MESSAGE","type":"api_error","param":null,"code":null}})"}},
  };
  return all;
}
std::string said(std::string shape) { return shape.replace(shape.find("MESSAGE"), 7, message); }

TEST(upstream_errors, every_endpoint_with_an_answer_is_here) {
  std::set<std::pair<std::string_view, std::string_view>> here;
  for (const auto& e : endpoints()) here.emplace(e.speaks.name(), e.speaks.classify(e.method, e.path).name);
  for (const auto name : dialect_names()) {
    for (const auto& r : find_dialect(name)->coverage()) {
      if (r.direction == "response") EXPECT_TRUE(here.contains({name, r.endpoint})) << name << " " << r.endpoint;
    }
  }
}

TEST(upstream_errors, are_errors_to_the_rules_and_can_be_edited) {
  for (const auto& e : endpoints()) {
    const auto to = e.speaks.classify(e.method, e.path);
    ASSERT_EQ(to.what, endpoint_class::scanned) << e.path;
    for (const auto& shape : shapes().at(e.speaks.name())) {
      const auto body = said(shape);
      const auto read = e.speaks.read_response(to, body, 64);
      ASSERT_TRUE(read) << e.method << " " << e.path << " " << body << read.error().message;
      const auto& answer = **read;
      EXPECT_TRUE(answer.unread_parts().empty()) << e.path << " " << body;
      const auto found = std::ranges::find(answer.parts(), message, &part::text);
      ASSERT_NE(found, answer.parts().end()) << e.path << " " << body;
      EXPECT_EQ(found->kind, part_kind::error) << e.method << " " << e.path << " " << body;
      EXPECT_TRUE(found->editable) << e.path << " " << body;
      const replacement edit{static_cast<std::uint32_t>(found - answer.parts().begin()), 0, static_cast<std::uint32_t>(message.size()), "[R]"};
      auto edited = body;
      EXPECT_EQ(answer.edited({&edit, 1}, {}), edited.replace(edited.find(message), message.size(), "[R]"));
    }
  }
}

class asking_sink final : public testing::replace_sink {
 public:
  asking_sink() : replace_sink(message, "[R]") {}
  std::uint32_t open(role who, part_kind kind, bool editable, std::string name, std::int64_t choice) override {
    editables.push_back(editable);
    return replace_sink::open(who, kind, editable, std::move(name), choice);
  }
  std::vector<bool> editables;
};

TEST(upstream_errors, within_a_stream_are_the_same) {
  for (const auto& e : endpoints()) {
    const auto to = e.speaks.classify(e.method, e.path);
    const bool streams = std::ranges::any_of(e.speaks.coverage(), [&](const auto& r) { return r.endpoint == to.name && r.direction == "response" && r.streaming == "yes"; });
    if (!streams) continue;
    for (const auto& shape : shapes().at(e.speaks.name())) {
      if (shape.starts_with('[')) continue;  // as which no event comes
      const std::string asked = e.request, data = said(shape), named = data.contains(R"("type":"error",)") ? "event: error\n" : "";
      const auto request = e.speaks.read_request(to, asked, 64);
      ASSERT_TRUE(request) << e.path;
      const auto stream = e.speaks.open_stream(to, **request, 64);
      asking_sink sink;
      std::string out;
      const auto last = stream->feed(e.speaks.name() == "ollama" ? data + "\n" : named + "data: " + data + "\n\n", sink, out);
      EXPECT_TRUE(last == response_stream::status::ok || last == response_stream::status::done) << e.path << " " << data << stream->reason();
      const auto at = std::ranges::find(sink.texts, message) - sink.texts.begin();
      ASSERT_LT(at, std::ssize(sink.texts)) << e.path << " " << data;
      EXPECT_EQ(sink.kinds[static_cast<std::size_t>(at)], part_kind::error) << e.path << " " << data;
      EXPECT_TRUE(sink.editables[static_cast<std::size_t>(at)]) << e.path << " " << data;
      EXPECT_TRUE(out.contains("[R]") && !out.contains(message)) << e.path << " " << out;
    }
  }
}

}  // namespace
}  // namespace sluice::wire
