// Texts of one answer that clients put together: parts of a candidate, of a message, content blocks. Goal: what all of them say is judged
// wherever it is cut, plain and streamed; answers beside each other are two.
#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>
#include <random>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;
using nlohmann::json;

struct api {
  const char* name;
  const wire::dialect& dialect;
  const char* target;
  const char* request;
  json (*plain)(const std::vector<std::string>& texts);
  std::string (*stream)(const std::vector<std::vector<std::string>>& texts);  // each in its pieces; null: its pieces are one text anyway
};

std::string sse(const json& event) { return "event: " + event["type"].get<std::string>() + "\ndata: " + event.dump() + "\n\n"; }

json chat(const std::vector<std::string>& texts) {
  json parts = json::array();
  for (const auto& t : texts) parts.push_back({{"type", "text"}, {"text", t}});
  return {{"id", "c"}, {"object", "chat.completion"}, {"choices", {{{"index", 0}, {"message", {{"role", "assistant"}, {"content", parts}}}, {"finish_reason", "stop"}}}}};
}
json gemini(const std::vector<std::string>& texts) {
  json parts = json::array();
  for (const auto& t : texts) parts.push_back({{"text", t}});
  return {{"candidates", {{{"content", {{"parts", parts}, {"role", "model"}}}, {"finishReason", "STOP"}}}}};
}
json anthropic(const std::vector<std::string>& texts) {
  json blocks = json::array();
  for (const auto& t : texts) blocks.push_back({{"type", "text"}, {"text", t}});
  return {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", blocks}, {"stop_reason", "end_turn"}};
}
json output_text(const std::string& text) { return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}}; }
json message(const json& content) { return {{"id", "i"}, {"type", "message"}, {"role", "assistant"}, {"status", "completed"}, {"content", content}}; }
json response(const json& output) { return {{"id", "r"}, {"object", "response"}, {"status", "completed"}, {"model", "m"}, {"output", output}}; }
json parts_of_a_message(const std::vector<std::string>& texts) {
  json content = json::array();
  for (const auto& t : texts) content.push_back(output_text(t));
  return response(json::array({message(content)}));
}
json messages(const std::vector<std::string>& texts) {
  json output = json::array();
  for (const auto& t : texts) output.push_back(message(json::array({output_text(t)})));
  return response(output);
}

std::string block_start(std::size_t i) { return sse({{"type", "content_block_start"}, {"index", i}, {"content_block", {{"type", "text"}, {"text", ""}}}}); }
std::string block_delta(std::size_t i, const std::string& text) { return sse({{"type", "content_block_delta"}, {"index", i}, {"delta", {{"type", "text_delta"}, {"text", text}}}}); }
const std::string begin_message = sse({{"type", "message_start"}, {"message", {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", json::array()}}}});

std::string anthropic_stream(const std::vector<std::vector<std::string>>& texts) {
  auto out = begin_message;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out += block_start(i);
    for (const auto& piece : texts[i]) out += block_delta(i, piece);
    out += sse({{"type", "content_block_stop"}, {"index", i}});
  }
  return out + sse({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}}}, {"usage", {{"output_tokens", 1}}}}) + sse({{"type", "message_stop"}});
}
std::string responses_stream(const std::vector<std::vector<std::string>>& texts) {
  std::string out = sse({{"type", "response.created"}, {"response", response(json::array())}});
  out += sse({{"type", "response.output_item.added"}, {"output_index", 0}, {"item", message(json::array())}});
  std::vector<std::string> all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out += sse({{"type", "response.content_part.added"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", i}, {"part", output_text("")}});
    auto& text = all.emplace_back();
    for (const auto& piece : texts[i]) {
      out += sse({{"type", "response.output_text.delta"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", i}, {"delta", piece}});
      text += piece;
    }
    out += sse({{"type", "response.output_text.done"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", i}, {"text", text}});
    out += sse({{"type", "response.content_part.done"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", i}, {"part", output_text(text)}});
  }
  const auto whole = parts_of_a_message(all);
  out += sse({{"type", "response.output_item.done"}, {"output_index", 0}, {"item", whole["output"][0]}});
  return out + sse({{"type", "response.completed"}, {"response", whole}});
}

const char* const says_hi = R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})";
const std::vector<api>& apis() {
  static const std::vector<api> all = {
      {"chat", wire::openai(), "/v1/chat/completions", says_hi, chat, nullptr},
      {"responses, parts", wire::openai(), "/v1/responses", R"({"model":"m","input":"hi"})", parts_of_a_message, responses_stream},
      {"responses, messages", wire::openai(), "/v1/responses", R"({"model":"m","input":"hi"})", messages, nullptr},
      {"gemini", wire::gemini(), "/v1/models/m:generateContent", R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}]})", gemini, nullptr},
      {"anthropic", wire::anthropic(), "/v1/messages", says_hi, anthropic, anthropic_stream},
  };
  return all;
}

struct got {
  std::string client, said;
  policy::verdict verdict = policy::verdict::allow;
};

// What the client has; `said`: all that texts say in it, one behind the other.
got answered(const api& of, const std::string& body, bool stream, const std::string& yaml = policy_yaml) {
  trace t(yaml);
  t.config.upstreams = {{"up", &of.dialect, {"/v1"}, "up.example", ""}};
  exchange x(t.config, t.worker);
  auto asked = json::parse(of.request);
  if (stream) asked["stream"] = true;
  t.request(x, asked.dump(), of.target);
  EXPECT_TRUE(t.out.connect.has_value()) << t.out.client;
  t.answer(x, stream ? sse_head : json_head, body);
  if (!t.out.done) x.upstream_end(t.out);
  EXPECT_TRUE(t.out.done);
  const auto& r = t.worker.records.back();
  got out{t.out.client, {}, r.response.verdict};
  for (std::size_t at = 0; stream && (at = out.client.find("data: ", at)) != std::string::npos; ++at) {
    const auto event = json::parse(out.client.substr(at + 6, out.client.find('\n', at) - at - 6));
    if (event["type"] == "response.output_text.delta") out.said += event["delta"].get<std::string>();
    if (event["type"] == "content_block_delta") out.said += event["delta"]["text"].get<std::string>();
  }
  return out;
}

TEST(joined_answer, what_its_texts_say_together_is_judged) {
  for (const auto& each : apis()) {
    SCOPED_TRACE(each.name);
    EXPECT_EQ(answered(each, each.plain({"a bo", "mb"}).dump(), false).verdict, policy::verdict::block);
    EXPECT_EQ(answered(each, each.plain({"a b", "", "om", "b"}).dump(), false).verdict, policy::verdict::block);
    const auto edited = answered(each, each.plain({"the rival ba", "nk is"}).dump(), false);
    EXPECT_EQ(edited.verdict, policy::verdict::edit);
    EXPECT_NE(edited.client.find("\"the [R]\""), std::string::npos) << edited.client;
    EXPECT_NE(edited.client.find("\"[R] is\""), std::string::npos) << edited.client;
    EXPECT_EQ(answered(each, each.plain({"a bo", "x", "mb"}).dump(), false).verdict, policy::verdict::allow);
  }
}

TEST(joined_answer, two_choices_are_two) {
  auto both = chat({"a bo"});
  both["choices"].push_back(chat({"mb"})["choices"][0]);
  both["choices"][1]["index"] = 1;
  EXPECT_EQ(answered(apis()[0], both.dump(), false).verdict, policy::verdict::allow);
}

TEST(joined_answer, a_stream_stops_before_its_texts_say_it_together) {
  for (const auto& each : apis()) {
    if (each.stream == nullptr) continue;
    SCOPED_TRACE(each.name);
    for (const std::string text : {"a bomb", "the rival bank"}) {
      for (std::size_t cut = text.size() - 3; cut < text.size(); ++cut) {
        const auto rest = text.substr(cut);
        std::vector<std::string> single;
        for (const char c : rest) single.emplace_back(1, c);
        for (const auto& pieces : {std::vector{rest + " now"}, single}) {
          const auto got = answered(each, each.stream({{text.substr(0, cut)}, pieces}), true);
          EXPECT_EQ(got.verdict, policy::verdict::block) << text << cut;
          // A message of the policy may follow.
          EXPECT_TRUE(got.said.starts_with(text.substr(0, cut)) && !got.said.starts_with(text)) << got.said;
        }
      }
    }
    // What one of them says by itself is not widened, and what they do not say together passes.
    const auto got = answered(each, each.stream({{"the rival bank"}, {"er and", " more"}, {"mb"}}), true);
    EXPECT_EQ(got.said, "the [R]er and moremb");
    EXPECT_EQ(got.verdict, policy::verdict::edit);
  }
}

// Each text by itself, as going on with the one before, and behind a space: as texts are read that are all there.
TEST(joined_answer, any_texts_cut_anywhere_have_the_verdict_of_an_answer_of_one_piece) {
  constexpr std::array words = {"bomb", "bo", "mb", "rival", "bank", "rival bank", "ri", "val", "ba", "nk", "the", "x", "1", "_", ".", " ", "  ", "\n", "é", "\u0301", "\u200b", "爆", "Bo", "ᴍb", "a long word that says nothing and goes on for quite a while until all is as if nothing had been before it, and on"};
  std::mt19937 random(11);
  for (const auto& each : apis()) {
    if (each.stream == nullptr) continue;
    SCOPED_TRACE(each.name);
    std::array<int, 4> count{};
    for (int i = 0; i < 1200; ++i) {
      std::vector<std::string> texts(2 + random() % 3);
      std::vector<std::vector<std::string>> pieces;
      for (auto& text : texts) {
        for (auto n = 1 + random() % 4; n > 0; --n) text += std::string(random() % 2 == 0 ? "" : " ") + words[random() % words.size()];
        auto& cut = pieces.emplace_back();
        for (std::size_t at = 0; at < text.size();) {
          auto end = std::min(text.size(), at + 1 + random() % (i % 3 == 0 ? 60 : 9));
          while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
          cut.push_back(text.substr(at, end - at));
          at = end;
        }
      }
      const auto plain = answered(each, each.plain(texts).dump(), false);
      const auto got = answered(each, each.stream(pieces), true);
      // A text is judged when it ended, before the next may take the edge from its last word; and an edit over a seam stops a stream, because
      // its first half has left.
      auto strictest = plain.verdict;
      for (auto n = texts.size(); got.verdict != plain.verdict && --n > 0;) {
        strictest = std::max(strictest, answered(each, each.plain({texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(n)}).dump(), false).verdict);
      }
      if (strictest == policy::verdict::edit) strictest = policy::verdict::block;
      EXPECT_TRUE(got.verdict == plain.verdict || (got.verdict > plain.verdict && got.verdict <= strictest)) << json(texts).dump() << json(pieces).dump() << got.client;
      ++count[static_cast<std::size_t>(got.verdict)];
    }
    EXPECT_GT(count[static_cast<std::size_t>(policy::verdict::block)], 200);
    EXPECT_GT(count[static_cast<std::size_t>(policy::verdict::edit)], 50);
    EXPECT_GT(count[static_cast<std::size_t>(policy::verdict::allow)], 200);
  }
}

TEST(joined_answer, a_word_at_the_begin_of_a_text_is_found_whatever_stands_before) {
  for (const auto& each : apis()) {
    if (each.stream == nullptr) continue;
    EXPECT_EQ(answered(each, each.stream({{"a ba"}, {"rival"}, {" bank 1"}}), true).verdict, policy::verdict::block) << each.name;
    for (const auto& before : {"x", "the 1", "é", "_"}) {
      const auto blocked = answered(each, each.stream({{before}, {"bo", "mb now"}}), true);
      EXPECT_EQ(blocked.verdict, policy::verdict::block) << each.name << before;
      EXPECT_EQ(blocked.said.find("bo"), std::string::npos) << blocked.said;
      const auto edited = answered(each, each.stream({{before}, {"rival ", "bank is"}, {"rival bank"}}), true);
      EXPECT_EQ(edited.verdict, policy::verdict::edit) << each.name << before;
      EXPECT_EQ(edited.said, std::string(before) + "[R] is[R]");
    }
    EXPECT_EQ(answered(each, each.stream({{"the rival"}, {"bank is"}}), true).verdict, policy::verdict::block) << each.name;
    EXPECT_EQ(answered(each, each.stream({{"the rival"}, {"banker"}}), true).verdict, policy::verdict::allow) << each.name;
  }
}

// Whatever else one event brings: a match over the seam stops the stream although the rule finds another behind it.
TEST(joined_answer, what_a_rule_finds_behind_a_seam_hides_nothing_that_lies_over_it) {
  for (const auto& each : apis()) {
    if (each.stream == nullptr) continue;
    for (const auto& pieces : std::vector<std::vector<std::string>>{{" bank y rival bank z"}, {" bank", " y rival bank z"}, {" ba", "nk y rival ba", "nk z"}}) {
      const auto got = answered(each, each.stream({{"x rival"}, pieces}), true);
      EXPECT_EQ(got.verdict, policy::verdict::block) << each.name;
      EXPECT_EQ(got.said, "x rival");
    }
    // What it only goes on from was found: "rival bank" alone is edited, and so it stays.
    EXPECT_EQ(answered(each, each.stream({{"x"}, {"rival bank"}, {"rival bank"}}), true).said, "x[R][R]");
  }
}

// A word ends where something stood that nobody sees, also where that is in the text before.
TEST(joined_answer, what_no_view_shows_ends_a_word_before_the_seam) {
  for (const auto& each : apis()) {
    for (const auto& first : {"x\u200bbo", "1\u00adbo", "\ufe0fbo"}) {
      EXPECT_EQ(answered(each, each.plain({first, "mb now"}).dump(), false).verdict, policy::verdict::block) << each.name << first;
      if (each.stream == nullptr) continue;
      EXPECT_EQ(answered(each, each.stream({{first}, {"mb now"}}), true).verdict, policy::verdict::block) << each.name << first;
      EXPECT_EQ(answered(each, each.stream({{"x\u200b", "bo"}, {"mb now"}}), true).verdict, policy::verdict::block) << each.name;
    }
    std::string far = "a rival";  // what takes no part in how far a rule reaches
    for (int i = 0; i < 4000; ++i) far += "\u200b";
    if (each.stream != nullptr) EXPECT_EQ(answered(each, each.stream({{far}, {" bank"}}), true).verdict, policy::verdict::block) << each.name;
  }
}

TEST(joined_answer, a_word_beside_a_match_may_stand_in_the_text_before) {
  const auto yaml = [](const std::string& beside) {
    return R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: pin
    title: T
    severity: high
    direction: response
    match: {regex: '\b[0-9]{4}\b', )" + beside + R"(}
    action: {type: block, message: Not here.}
    tests: [{name: a, response: pin 1234, expect: {rules: [pin]}}, {name: b, response: nothing, expect: {rules: []}}]
)";
  };
  for (const auto& each : apis()) {
    for (const auto& beside : {"near: [pin], within: 20", "prefilter: [pin]"}) {
      EXPECT_EQ(answered(each, each.plain({"Your PIN is ", "1234 ok"}).dump(), false, yaml(beside)).verdict, policy::verdict::block) << each.name << beside;
      if (each.stream == nullptr) continue;
      for (const auto& pieces : std::vector<std::vector<std::string>>{{"1234 ok"}, {"12", "34", " ok"}}) {
        const auto got = answered(each, each.stream({{"Your PIN is "}, pieces}), true, yaml(beside));
        EXPECT_EQ(got.verdict, policy::verdict::block) << each.name << beside;
        EXPECT_EQ(got.said.find("1234"), std::string::npos) << got.said;
      }
      EXPECT_EQ(answered(each, each.stream({{"Your number is "}, {"1234 ok"}}), true, yaml(beside)).verdict, policy::verdict::allow) << each.name << beside;
    }
  }
}

TEST(joined_answer, a_block_that_begins_twice_or_goes_on_behind_the_next_is_no_stream_to_read) {
  const auto& of = apis().back();
  const auto twice = begin_message + block_start(0) + block_delta(0, "a bo") + block_start(0) + block_delta(0, "mb");
  const auto turns = begin_message + block_start(0) + block_delta(0, "a ") + block_start(1) + block_delta(1, "mb") + block_delta(0, "bo");
  for (const auto& [events, status] : {std::pair(twice, "HTTP/1.1 502"), std::pair(turns, "HTTP/1.1 400")}) {
    // Of one that is held to its end nothing leaves: the first nobody can read, and the second says what is blocked.
    const auto held = answered(of, events, true, policy_yaml + std::string(R"(  - id: held
    direction: response
    match: {keywords: [never said]}
    action: {type: block, message: No.}
    stream: {hold: full}
    tests: [{name: a, response: never said, expect: {rules: [held]}}, {name: b, response: nothing, expect: {rules: []}}]
)"));
    EXPECT_TRUE(held.client.starts_with(status)) << held.client;
    EXPECT_EQ(held.said, "");
    const auto got = answered(of, events, true);
    EXPECT_EQ(got.said.find("bomb"), std::string::npos) << got.client;
    EXPECT_EQ(got.said.find("mbbo"), std::string::npos) << got.client;
    EXPECT_NE(got.client.find("refusal"), std::string::npos) << got.client;
  }
}

}  // namespace
}  // namespace sluice::proxy
