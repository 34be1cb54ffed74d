// Completions, Embeddings and Moderations: prompts of every form, streams and their cut-off.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

std::vector<std::string> found_in(const char* path, const std::string& body) {
  const auto r = openai().read_request(openai().classify("POST", path), body, 64);
  std::vector<std::string> out;
  if (!r) return {"refused: " + r.error().message};
  for (const auto& p : (*r)->parts()) out.emplace_back(p.text);
  for (const auto& u : (*r)->unread_parts()) out.push_back(u.reason + ": " + u.path);
  return out;
}

TEST(completions_request, prompts_are_listed_and_tokens_are_unreadable) {
  using list = std::vector<std::string>;
  EXPECT_EQ(found_in("/v1/completions", R"({"model":"m","prompt":"a","suffix":"b","temperature":1})"), (list{"a", "b"}));
  EXPECT_EQ(found_in("/v1/completions", R"({"prompt":["a","b"]})"), (list{"a", "b"}));
  EXPECT_EQ(found_in("/v1/completions", R"({"prompt":[1,2,3]})"), list{"unknown part: prompt"});
  EXPECT_EQ(found_in("/v1/completions", R"({"prompt":[[1,2],[3]]})"), (list{"unknown part: prompt[0]", "unknown part: prompt[1]"}));
  EXPECT_EQ(found_in("/v1/completions", R"({"prompt":["a",1,2]})"), (list{"a", "unknown part: prompt[1]"}));
  EXPECT_EQ(found_in("/v1/embeddings", R"({"input":["a"],"dimensions":3})"), list{"a"});
  EXPECT_EQ(found_in("/v1/embeddings", R"({"input":[[1,2]]})"), list{"unknown part: input[0]"});
  EXPECT_EQ(found_in("/v1/moderations", R"({"input":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]})"), (list{"a", "attachment: input[1].image_url.url"}));
}

testing::trace run(std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}, std::string_view message = {}) {
  return testing::run(openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}})", bytes, cuts, sink, message);
}

std::string chunk(const std::string& text, int index = 0, const json& finish = nullptr) {
  return "data: " + json({{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"},
                          {"choices", {{{"index", index}, {"text", text}, {"finish_reason", finish}, {"logprobs", {{"tokens", {text}}}}}}}}).dump() + "\n\n";
}
const std::string done = "data: [DONE]\n\n";

struct client_view {
  std::map<int, std::string> text, finished;
};
client_view read(const std::string& sse) {
  client_view v;
  for (const auto& line : testing::lines_of(sse)) {
    if (!line.starts_with("data: {")) continue;
    for (const auto& c : json::parse(line.substr(6)).value("choices", json::array())) {
      v.text[c["index"]] += c["text"].get<std::string>();
      if (c["finish_reason"].is_string()) v.finished[c["index"]] = c["finish_reason"];
    }
  }
  return v;
}

TEST(completions_stream, a_word_over_two_events_is_edited_and_its_log_probabilities_go) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(chunk("my sec") + chunk("secret", 1) + chunk("ret", 0) + chunk(" se", 0, "stop") + chunk("", 1, "stop") + done, sink);
  EXPECT_EQ(o.last, status::done);
  const auto v = read(o.out);
  EXPECT_EQ(v.text.at(0), "my [R] se");
  EXPECT_EQ(v.text.at(1), "[R]");
  EXPECT_EQ(v.finished.at(0), "stop");
  EXPECT_EQ(o.out.find("sec"), std::string::npos);
}

TEST(completions_stream, untouched_is_byte_identical_and_any_cut_gives_the_same) {
  const auto bytes = chunk("one ") + ": waiting\n\n" + chunk("two", 0, "stop") + done;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    testing::pass_sink sink;
    ASSERT_EQ(run(bytes, sink, {at}).out, bytes);
  }
  int seen = 0;
  for (const auto& [name, text] : testing::fixture_files()) {
    if (!name.ends_with("openai-completion-text.chunks.txt")) continue;
    std::string sse;
    for (const auto& line : testing::lines_of(text)) sse += "data: " + line + "\n\n";
    sse += done;
    testing::pass_sink sink;
    EXPECT_EQ(run(sse, sink).out, sse);
    EXPECT_FALSE(sink.texts.empty());
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
}

TEST(completions_stream, a_cut_ends_every_open_choice) {
  testing::block_sink sink("bomb");
  const auto o = run(chunk("a") + chunk("b", 1, "stop") + chunk("a bomb") + chunk("never") + done, sink, {}, "Not here.");
  EXPECT_EQ(o.last, status::blocked);
  const auto v = read(o.out);
  EXPECT_EQ(v.finished.at(0), "content_filter");
  EXPECT_EQ(v.finished.at(1), "stop");
  EXPECT_EQ(v.text.at(0), "aNot here.");
  EXPECT_TRUE(o.out.ends_with(done));
  EXPECT_NE(o.out.find("\"usage\""), std::string::npos);
  EXPECT_EQ(o.out.find("bomb"), std::string::npos);
}

TEST(completions_stream, text_behind_the_finish_of_its_choice_ends_the_stream) {
  testing::pass_sink sink;
  const auto o = run(chunk("a", 0, "stop") + chunk("b", 1) + chunk("c", 0) + done, sink);
  EXPECT_EQ(o.last, status::unreadable);
  const auto v = read(o.out);
  EXPECT_EQ(v.text.at(0), "a");
  EXPECT_EQ(v.finished.at(0), "stop");
  EXPECT_EQ(v.finished.at(1), "content_filter");
}

TEST(completions_stream, has_a_bound_of_its_choices_and_knows_them_by_plain_numbers) {
  std::string many;
  for (int i = 0; i <= 128; ++i) many += chunk("a", i);
  testing::pass_sink sink, other;
  EXPECT_EQ(run(many + done, sink).last, status::unreadable);
  EXPECT_EQ(run("data: {\"choices\":[{\"index\":0.5,\"text\":\"a\"}]}\n\n" + done, other).last, status::unreadable);
}

TEST(completions_stream, an_empty_finish_reason_is_no_end) {
  testing::replace_sink sink("secret", "[R]");
  const auto v = read(run(chunk("my sec", 0, "") + chunk("ret", 0, "") + chunk("", 0, "stop") + done, sink).out);
  EXPECT_EQ(v.text.at(0), "my [R]");
}

TEST(completions_answer, an_edit_drops_the_log_probabilities_of_its_choice) {
  const std::string body = R"({"choices":[{"index":0,"text":"a secret","logprobs":{"tokens":["secret"]}},{"index":1,"text":"fine","logprobs":{"tokens":["fine"]}}]})";
  const auto r = openai().read_response(openai().classify("POST", "/v1/completions"), body, 64);
  ASSERT_TRUE(r.has_value());
  const std::vector<replacement> edits{{0, 2, 8, "#"}};
  const auto j = json::parse((*r)->edited(edits));
  EXPECT_EQ(j["choices"][0]["text"], "a #");
  EXPECT_TRUE(j["choices"][0]["logprobs"].is_null());
  EXPECT_FALSE(j["choices"][1]["logprobs"].is_null());
}

TEST(completions_errors, a_refusal_has_the_form_that_was_asked_for) {
  const auto to = openai().classify("POST", "/v1/completions");
  const std::string plain = R"({"model":"m","prompt":"x"})", streamed = R"({"model":"m","prompt":"x","stream":true})";
  const auto a = openai().read_request(to, plain, 64), b = openai().read_request(to, streamed, 64);
  EXPECT_EQ(json::parse(openai().refusal_body(**a, "No.", "d"))["choices"][0]["finish_reason"], "content_filter");
  const auto v = read(openai().refusal_body(**b, "No.", "d"));
  EXPECT_EQ(v.text.at(0), "No.");
  EXPECT_EQ(v.finished.at(0), "content_filter");
}

}  // namespace
}  // namespace sluice::wire
