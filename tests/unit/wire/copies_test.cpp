// What an answer says again in pieces: tokens with their probabilities. Goal: what they say otherwise than the text beside them is judged, and
// what spells a text that was edited goes, in whatever event it comes. Method: texts and tokens that differ, in every API that has some.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string word = "secret";

json token(const std::string& t) { return {{"token", t}, {"logprob", -1}, {"top_logprobs", json::array()}}; }
json bytes_of(const std::string& t) {
  auto out = json::array();
  for (const char c : t) out.push_back(static_cast<unsigned char>(c));
  return out;
}
json with_bytes(const std::string& t, const std::string& bytes) {
  auto out = token(t);
  out["bytes"] = bytes_of(bytes);
  return out;
}

struct api {
  const dialect& speaks;
  std::string path, request;
  // An answer, whole or the next piece of one, that says `text` and has these tokens.
  json (*plain)(const std::string& text, const json& tokens);
  json (*piece)(const std::string& text, const json& tokens);
  std::string stream_path = path;
  bool has_bytes = true;

  [[nodiscard]] std::string write(const json& e) const {
    if (&speaks == &ollama()) return e.dump() + "\n";
    return (e.contains("type") ? "event: " + e["type"].get<std::string>() + "\n" : "") + "data: " + e.dump() + "\n\n";
  }
  [[nodiscard]] testing::trace run(const std::string& bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}) const { return testing::run(speaks, stream_path, request, bytes, cuts, sink); }
};

template <int n>
json chat(const std::string& text, const json& tokens) {
  const char* key = n / 2 != 0 ? "refusal" : "content";
  return {{"id", "c"}, {"choices", json::array({{{"index", 0}, {n % 2 != 0 ? "delta" : "message", {{"role", "assistant"}, {key, text}}}, {"logprobs", {{key, tokens}}}}})}};
}
json completion(const std::string& text, const json& tokens) {
  auto words = json::array();
  for (const auto& t : tokens) words.push_back(t["token"]);
  return {{"choices", json::array({{{"index", 0}, {"text", text}, {"logprobs", {{"tokens", words}, {"token_logprobs", json::array({-1})}, {"text_offset", json::array({0})}}}}})}};
}
json response(const std::string& text, const json& tokens) {
  return {{"id", "r"}, {"output", json::array({{{"type", "message"}, {"role", "assistant"}, {"content", json::array({{{"type", "output_text"}, {"text", text}, {"annotations", json::array()}, {"logprobs", tokens}}})}}})}};
}
json response_piece(const std::string& text, const json& tokens) {
  return {{"type", "response.output_text.delta"}, {"output_index", 0}, {"content_index", 0}, {"item_id", "i"}, {"delta", text}, {"logprobs", tokens}};
}
json candidate(const std::string& text, const json& tokens) {
  return {{"candidates", json::array({{{"index", 0}, {"content", {{"parts", json::array({{{"text", text}}})}}}, {"logprobsResult", {{"chosenCandidates", tokens}}}}})}};
}
template <bool done>
json line(const std::string& text, const json& tokens) {
  return {{"model", "m"}, {"created_at", "2026-01-01T00:00:00Z"}, {"message", {{"role", "assistant"}, {"content", text}}}, {"logprobs", tokens}, {"done", done}};
}

std::vector<api> apis() {
  const std::string chats = R"({"messages":[],"stream":true})";
  return {{openai(), "/v1/chat/completions", chats, chat<0>, chat<1>},
          {openai(), "/v1/chat/completions", chats, chat<2>, chat<3>},
          {openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})", completion, completion, "/v1/completions", false},
          {openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})", response, response_piece},
          {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[]})", candidate, candidate, "/v1beta/models/m:streamGenerateContent?alt=sse"},
          {ollama(), "/api/chat", R"({"model":"m","messages":[]})", line<true>, line<false>}};
}

// Pieces with the text and the tokens of each.
using pieces = std::vector<std::pair<std::string, json>>;
std::string stream_of(const api& of, const pieces& all) {
  std::string out;
  for (const auto& [text, tokens] : all) out += of.write(of.piece(text, tokens));
  return out;
}

TEST(copies, that_say_otherwise_than_the_text_are_judged_in_an_answer_in_one_piece) {
  for (const auto& of : apis()) {
    for (const bool in_bytes : {false, true}) {
      if (in_bytes && !of.has_bytes) continue;
      const auto body = of.plain("x", json::array({in_bytes ? with_bytes("x", "the " + word) : token("the " + word)})).dump();
      const auto r = of.speaks.read_response(of.speaks.classify("POST", of.path), body, 64);
      ASSERT_TRUE(r.has_value()) << of.path;
      const auto parts = (*r)->parts();
      const auto at = std::ranges::find(parts, "the " + word, &part::text);
      ASSERT_NE(at, parts.end()) << of.path << body;
      EXPECT_EQ((*r)->edited({}), body);
      // An edit of them drops them, and leaves the text.
      const std::vector<replacement> edits = {{static_cast<std::uint32_t>(at - parts.begin()), 4, 10, "[R]"}};
      const auto out = (*r)->edited(edits);
      EXPECT_TRUE(json::accept(out)) << out;
      EXPECT_EQ(out.find(word), std::string::npos) << out;
      EXPECT_EQ(out.find(bytes_of(word).dump().substr(1, 10)), std::string::npos) << out;
      EXPECT_NE(out.find("\"x\""), std::string::npos) << out;
    }
    // What they say like the text is no text of its own.
    const auto same = of.plain("a b", json::array({with_bytes("a ", "a "), with_bytes("b", "b")})).dump();
    const auto r = of.speaks.read_response(of.speaks.classify("POST", of.path), same, 64);
    EXPECT_EQ(std::ranges::count((*r)->parts(), "a b", &part::text), 1) << same;
  }
}

TEST(copies, that_say_otherwise_than_the_text_are_judged_in_a_stream_with_what_they_said_before) {
  for (const auto& of : apis()) {
    for (std::size_t at = 0; at < word.size(); ++at) {
      const auto first = word.substr(0, at), second = word.substr(at);
      std::vector<pieces> all = {{{first, json::array({token(first)})}, {"x", json::array({token(second)})}}, {{"y", json::array({token(first)})}, {"x", json::array({token(second)})}}};
      if (of.has_bytes) all.push_back({{first, json::array({with_bytes(first, first)})}, {"x", json::array({with_bytes("x", second)})}});
      for (const auto& each : all) {
        const auto bytes = stream_of(of, each);
        testing::block_sink blocks(word);
        const auto stopped = of.run(bytes, blocks);
        EXPECT_EQ(stopped.last, status::blocked) << bytes;
        EXPECT_EQ(stopped.out.find("\"" + second + "\""), std::string::npos) << stopped.out;
        for (std::size_t cut = 1; cut < bytes.size(); cut += 11) {
          testing::block_sink again(word);
          EXPECT_EQ(of.run(bytes, again, {cut}).last, status::blocked) << cut;
        }
        testing::pass_sink passes;
        EXPECT_TRUE(of.run(bytes, passes).out.starts_with(bytes)) << bytes;
      }
    }
  }
}

TEST(copies, that_spell_the_text_are_not_judged) {
  for (const auto& of : apis()) {
    const auto bytes = stream_of(of, {{"a b", json::array({with_bytes("a ", "a "), with_bytes("b", "b")})}, {"", json::array()}, {"c", json::array({with_bytes("c", "c")})}});
    testing::pass_sink passes;
    EXPECT_TRUE(of.run(bytes, passes).out.starts_with(bytes)) << of.path;
    EXPECT_EQ(std::ranges::count(passes.texts, "a bc"), 1) << json(passes.texts).dump();
    EXPECT_EQ(std::ranges::count(passes.texts, "a b") + std::ranges::count(passes.texts, "c"), 0) << json(passes.texts).dump();
  }
}

// A token may be half of a letter: its text comes with the other half.
TEST(copies, of_half_a_letter_leave_as_they_came) {
  for (const auto& of : apis()) {
    if (!of.has_bytes) continue;
    const auto bytes = stream_of(of, {{"", json::array({with_bytes("bytes:\\xf0\\x9f", "\xf0\x9f")})}, {"\xf0\x9f\x98\x80", json::array({with_bytes("bytes:\\x98\\x80", "\x98\x80")})}, {"fine", json::array({with_bytes("fine", "fine")})}});
    testing::replace_sink edits(word, "[R]");
    EXPECT_TRUE(of.run(bytes, edits).out.starts_with(bytes)) << of.path;
  }
}

TEST(copies, of_a_text_that_was_edited_go_in_later_events_too) {
  for (const auto& of : apis()) {
    const auto bytes = stream_of(of, {{"my " + word + " ok", json::array()}, {" and", json::array({token(word)})}, {"", json::array({with_bytes("x", word)})}});
    for (std::size_t cut = 1; cut < bytes.size(); cut += 5) {
      testing::replace_sink edits(word, "[R]");
      const auto t = of.run(bytes, edits, {cut});
      EXPECT_EQ(t.last, status::ok) << t.out;
      EXPECT_EQ(t.out.find(word), std::string::npos) << t.out;
      EXPECT_EQ(t.out.find(bytes_of(word).dump().substr(1, 10)), std::string::npos) << t.out;
      EXPECT_NE(t.out.find("[R] ok"), std::string::npos) << t.out;
    }
  }
}

std::string tokens_beside(const json& delta) { return "data: " + json{{"choices", json::array({{{"index", 0}, {"delta", delta}, {"token_ids", {1, 2}}}})}}.dump() + "\n\n"; }

TEST(copies, as_numbers_stand_beside_a_text_of_their_own_event) {
  const auto of = apis()[0];
  const json says = {{"content", "x"}};
  testing::pass_sink told, allowed, beside;
  EXPECT_EQ(of.run(tokens_beside(says) + tokens_beside(json::object()), told).last, status::unreadable);
  EXPECT_EQ(told.unread_paths, std::vector<std::string>{"choices[0].token_ids"});
  allowed.passes_unread = true;
  const auto bytes = tokens_beside(says) + tokens_beside(json::object()) + tokens_beside(says);
  EXPECT_EQ(of.run(bytes, allowed).out, bytes);
  EXPECT_EQ(of.run(tokens_beside(says), beside).last, status::ok);
  // What was edited is spelled nowhere.
  testing::replace_sink edits(word, "[R]");
  const auto t = of.run(stream_of(of, {{"my " + word + " ok", json::array()}}) + tokens_beside(json::object()), edits);
  EXPECT_EQ(t.last, status::ok);
  EXPECT_EQ(t.out.find("[1,2]"), std::string::npos) << t.out;
}

// A server that tells all tokens tells that which ended a choice, too: it spells nothing, but more of them would.
TEST(copies, as_numbers_may_be_the_one_that_ends_a_choice) {
  const auto of = apis()[0];
  const auto ends = [](json ids, json delta = json::object()) {
    return "data: " + json{{"choices", json::array({{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", "stop"}, {"token_ids", std::move(ids)}}})}}.dump() + "\n\n";
  };
  const auto said = tokens_beside({{"content", "x"}});
  testing::pass_sink one;
  const auto t = of.run(said + ends({7}), one);
  EXPECT_EQ(t.last, status::ok);
  EXPECT_EQ(t.out, said + ends({7}));
  EXPECT_TRUE(one.unread_paths.empty());
  for (const auto& bytes : {ends({7, 8}), ends(json::array({json::array({7, 8})})), ends({"7"}), ends({7}) + ends({8}),
                            "data: " + json{{"choices", json::array({{{"index", 0}, {"delta", json::object()}, {"finish_reason", ""}, {"token_ids", {7}}}})}}.dump() + "\n\n"}) {
    testing::pass_sink told;
    EXPECT_EQ(of.run(said + bytes, told).last, status::unreadable) << bytes;
    EXPECT_EQ(told.unread_paths, std::vector<std::string>{"choices[0].token_ids"}) << bytes;
  }
  // Where the text left otherwise than it came, it goes with the others.
  testing::replace_sink edits(word, "[R]");
  const auto edited = of.run(stream_of(of, {{"my " + word + " ok", json::array()}}) + ends({7}), edits);
  EXPECT_EQ(edited.last, status::ok);
  EXPECT_EQ(edited.out.find("[7]"), std::string::npos) << edited.out;
}

// What nobody knows in a copy is no list of tokens.
TEST(copies, with_words_in_other_members_are_judged) {
  for (const auto& more : {json{{"note", word}}, json{{word, 1}}, json{{"content", json::array({{{"token", "x"}, {"note", word}}})}}}) {
    auto e = chat<1>("x", json::array({token("x")}));
    e["choices"][0]["logprobs"].update(more);
    testing::block_sink blocks(word);
    EXPECT_EQ(apis()[0].run(apis()[0].write(e), blocks).last, status::blocked) << e;
  }
}

}  // namespace
}  // namespace sluice::wire
