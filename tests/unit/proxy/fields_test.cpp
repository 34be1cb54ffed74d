// A field that no dialect puts together, and that says another thing in each event: whole exchanges. Goal: what a rule makes of it is what the
// rule makes of it in one piece. Method: a transcript of Gemini's, plain and over two events.
#include <gtest/gtest.h>

#include "spoken.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

json transcript(const std::string& text) { return {{"audioTranscription", {{"text", text}}}}; }

// Says each piece as a transcript, and nothing beside.
speaker transcriber() {
  auto out = speakers()[4];
  EXPECT_STREQ(out.name, "gemini, events");
  out.plain = [](const answer_text& says) { return gemini_content::piece(json::array({transcript(says.whole())}), true); };
  out.events = [](const answer_text& says) {
    std::vector<std::string> all;
    for (const auto& each : says.pieces) all.push_back(data_event(gemini_content::piece(json::array({transcript(each)}), false)));
    all.push_back(data_event(gemini_content::piece(json::array({{{"text", "fine"}}}), false)));
    all.push_back(data_event(gemini_content::piece(json::array({{{"text", ""}}}), true)));
    return all;
  };
  return out;
}

std::string policy(const std::string& rules, const std::string& more = {}) {
  return "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\n" + more + "rules:\n" + rules;
}

seen answered(const std::string& yaml, const std::vector<std::string>& pieces, bool stream = true) {
  return exchanged(compiled(yaml), transcriber(), {{"be kind", "ACC-123456 and", "so", "ok?"}, {pieces, ""}}, stream);
}

// Found once it is weak; found twice it blocks.
const std::string weak = R"(  - id: weak
    direction: response
    match: {keywords: [halden]}
    action: {type: flag}
    score: 2
    tests: [{name: a, response: halden, expect: {rules: [weak]}}, {name: b, response: nothing, expect: {rules: []}}]
)";
constexpr const char* two_weak_block = "thresholds: {anomaly: {response: 4}}\n";

TEST(field_in_pieces, counts_what_was_found_in_one_of_them_once) {
  const auto yaml = policy(weak, two_weak_block);
  EXPECT_EQ(answered(yaml, {"the halden and on"}, false).verdict, policy::verdict::flag);
  EXPECT_EQ(answered(yaml, {"the halden ", "and ", "on"}).verdict, policy::verdict::flag);
  EXPECT_EQ(answered(yaml, {"on and ", "the halden ", "goes ", "on"}).verdict, policy::verdict::flag);
  EXPECT_EQ(answered(yaml, {"the hal", "den ", "goes"}).verdict, policy::verdict::flag);
  // Two are two, in whatever pieces.
  EXPECT_EQ(answered(yaml, {"the halden ", "and halden"}).verdict, policy::verdict::block);
  EXPECT_EQ(answered(yaml, {"the halden ", "and hal", "den"}).verdict, policy::verdict::block);
  EXPECT_EQ(answered(yaml, {"the hal", "den, the hal", "den"}).verdict, policy::verdict::block);
}

TEST(field_in_pieces, counts_once_where_one_was_edited_before_it) {
  const auto yaml = policy(weak + R"(  - id: word
    direction: response
    match: {keywords: [rival bank]}
    action: {type: redact, mask: "[R]"}
    tests: [{name: a, response: rival bank, expect: {rules: [word]}}, {name: b, response: nothing, expect: {rules: []}}]
)", two_weak_block);
  const auto got = answered(yaml, {"rival bank, rival bank, halden ", "rival bank ", "on"});
  EXPECT_EQ(got.verdict, policy::verdict::edit);
  EXPECT_NE(got.client.find("[R], [R], halden"), std::string::npos) << got.client;
}

TEST(field_in_pieces, has_its_values_back_and_is_not_stopped_for_them) {
  const auto yaml = policy(R"(  - id: account
    direction: both
    match: {regex: '\bACC-[0-9]{6}\b'}
    action: {type: tokenize, token: "<ACCOUNT_{n}>", restore: true}
    tests: [{name: a, request: ACC-123456, expect: {rules: [account], text: "<ACCOUNT_1>"}}, {name: b, request: nothing, expect: {rules: []}}]
)");
  const auto asked = answered(yaml, {"x"}).upstream;
  const auto at = asked.find("<ACCOUNT_");
  ASSERT_NE(at, std::string::npos) << asked;
  const auto token = asked.substr(at, asked.find('>', at) + 1 - at);
  for (const auto& pieces : std::vector<std::vector<std::string>>{{"yours is ", token, " ok"}, {token + " is", " yours"}, {token, token + " again"}}) {
    const auto got = answered(yaml, pieces);
    EXPECT_NE(got.client.find("ACC-123456"), std::string::npos) << got.client;
    EXPECT_NE(got.client.find("fine"), std::string::npos) << got.client;
    EXPECT_NE(got.client.find("STOP"), std::string::npos) << got.client;
  }
  // What the model itself says of that form is another thing.
  EXPECT_EQ(answered(yaml, {"it is ACC-", "654321"}).client.find("STOP"), std::string::npos);
}

TEST(field_in_pieces, has_text_added_behind_its_choice_and_is_not_cut) {
  for (const std::string match : {"{keywords: [halden secret]}", "{all: [{keywords: [halden]}, {keywords: [secret]}]}"}) {
    const auto yaml = policy("  - id: adds\n    direction: response\n    match: " + match + R"(
    action: {type: append, text: " That is all.", on_structured: block}
    tests: [{name: a, response: halden secret, expect: {rules: [adds]}}, {name: b, response: nothing, expect: {rules: []}}]
)");
    for (const bool stream : {false, true}) {
      const auto got = answered(yaml, {"the halden ", "secret is"}, stream);
      EXPECT_EQ(got.verdict, policy::verdict::edit) << match << got.client;
      EXPECT_NE(got.client.find("That is all."), std::string::npos) << match << got.client;
      EXPECT_NE(got.client.find("STOP"), std::string::npos) << match << got.client;
    }
  }
}

// A completion has no place for text behind it, and so has nothing that stands in it.
TEST(field_in_pieces, of_a_completion_stops_it_where_no_text_can_be_added) {
  auto who = speakers()[1];
  ASSERT_STREQ(who.name, "completions");
  who.plain = [](const answer_text& says) {
    auto body = completions::plain({{"fine"}, ""});
    body["choices"][0]["note"] = says.whole();
    return body;
  };
  who.events = [](const answer_text& says) {
    std::vector<std::string> out;
    for (const auto& each : says.pieces) out.push_back(data_event({{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"text", "x"}, {"note", each}}})}}));
    out.emplace_back("data: [DONE]\n\n");
    return out;
  };
  const auto yaml = policy(R"(  - id: adds
    direction: response
    match: {keywords: [halden secret]}
    action: {type: append, text: " That is all.", on_structured: block}
    tests: [{name: a, response: halden secret, expect: {rules: [adds]}}, {name: b, response: nothing, expect: {rules: []}}]
)");
  for (const bool stream : {false, true}) {
    for (const auto& pieces : std::vector<std::vector<std::string>>{{"the halden secret is"}, {"the halden ", "secret is"}}) {
      EXPECT_EQ(exchanged(compiled(yaml), who, {{"be kind", "a", "b", "c"}, {pieces, ""}}, stream).verdict, policy::verdict::block) << stream << pieces.size();
    }
  }
}

// The piece that makes a match whole does not leave, and so neither does the upstream's own end behind it.
TEST(field_in_pieces, is_stopped_at_the_piece_that_ends_a_match) {
  const auto yaml = policy(R"(  - id: stop
    direction: response
    match: {keywords: [zanfordine]}
    action: {type: block}
    tests: [{name: a, response: zanfordine, expect: {rules: [stop]}}, {name: b, response: nothing, expect: {rules: []}}]
)");
  const auto chat = [](const json& delta, const json& finish = nullptr, const json& more = json::object()) {
    json all = {{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}})}};
    all.update(more);
    return data_event(all);
  };
  const auto name = [&](const char* piece) { return chat({{"tool_calls", json::array({{{"index", 0}, {"function", {{"name", piece}}}}})}}); };
  const auto custom = [&](const char* piece) { return chat({{"tool_calls", json::array({{{"index", 0}, {"custom", {{"name", piece}}}}})}}); };
  const auto narration = [](const char* piece) { return named_event({{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "narration_delta"}, {"text", piece}}}}); };
  const auto vendor = [](const char* piece) { return data_event({{"candidates", json::array({{{"index", 0}, {"content", {{"role", "model"}, {"parts", json::array({{{"narration", piece}}})}}}}})}}); };
  const auto line = [](const char* piece) { return json{{"model", "m"}, {"message", {{"role", "assistant"}, {"content", ""}, {"note", piece}}}, {"done", false}}.dump() + "\n"; };
  const auto all = speakers();
  struct {
    std::size_t who;
    std::vector<std::string> pieces;
  } const streams[] = {{0, {name("zanfo"), name("rdine")}}, {0, {custom("zanfo"), custom("rdine")}},
                       {0, {chat({{"content", "x"}}, nullptr, {{"note", "take zanfo"}}), chat({{"content", "y"}}, nullptr, {{"note", "rdine"}})}},
                       {3, {narration("give zanfo"), narration("rdine")}}, {4, {vendor("zanfo"), vendor("rdine")}}, {6, {line("zanfo"), line("rdine")}}};
  for (const auto& each : streams) {
    auto who = all[each.who];
    static std::vector<std::string> events;
    events = all[each.who].events({{"hello", " there"}, ""});
    events.insert(events.begin() + (each.who == 3 ? 2 : 1), each.pieces.begin(), each.pieces.end());
    who.events = [](const answer_text&) { return events; };
    const auto got = exchanged(compiled(yaml), who, {{"be kind", "a", "b", "c"}, {{"hello", " there"}, ""}}, true);
    EXPECT_EQ(got.verdict, policy::verdict::block) << who.name;
    EXPECT_EQ(got.client.find("\"rdine\""), std::string::npos) << who.name << got.client;
    for (const char* own_end : {"\"stop\"", "end_turn", "STOP"}) EXPECT_EQ(got.client.find(own_end), std::string::npos) << who.name << got.client;
  }
}

}  // namespace
}  // namespace sluice::proxy
