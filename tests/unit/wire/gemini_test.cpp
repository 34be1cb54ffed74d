// Gemini: where the text is, how its streams are judged and cut off in both framings, and recorded traffic.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string base = "/v1beta/models/gemini-x:";

testing::trace run(std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}, std::string_view message = {}) {
  return testing::run(gemini(), base + "streamGenerateContent", R"({"contents":[]})", bytes, cuts, sink, message);
}

json answer(const json& part, const char* finish = nullptr, int index = 0) {
  json c = {{"content", {{"parts", json::array({part})}, {"role", "model"}}}, {"index", index}};
  if (finish != nullptr) c["finishReason"] = finish;
  return {{"candidates", json::array({c})}};
}

// Both framings of one list of answers.
std::string events(const std::vector<json>& all) {
  std::string out;
  for (const auto& a : all) out += "data: " + a.dump() + "\r\n\r\n";
  return out;
}
std::string array(const std::vector<json>& all) {
  std::string out = "[";
  for (std::size_t i = 0; i < all.size(); ++i) out += (i == 0 ? "" : "\n,\r\n") + all[i].dump();
  return out + "\n]\n";
}

struct client_view {
  std::map<std::pair<int, std::string>, std::string> text;
  std::map<int, std::string> finished;
};

client_view read(const std::string& bytes) {
  json all = json::array();
  if (bytes.starts_with("[")) {
    all = json::parse(bytes);
  } else {
    for (auto line : testing::lines_of(bytes)) {
      if (line.ends_with('\r')) line.pop_back();
      if (line.starts_with("data: ")) all.push_back(json::parse(line.substr(6)));
    }
  }
  client_view v;
  for (const auto& a : all) {
    for (const auto& c : a.value("candidates", json::array())) {
      const int index = c.value("index", 0);
      const auto content = c.value("content", json::object());
      for (const auto& p : content.value("parts", json::array())) {
        if (p.contains("text")) v.text[{index, p.value("thought", false) ? "thought" : "text"}] += p["text"].get<std::string>();
      }
      if (c.contains("finishReason")) v.finished[index] = c["finishReason"];
    }
  }
  return v;
}

TEST(gemini_request, lists_each_kind_of_text_in_both_spellings) {
  for (const bool snake : {false, true}) {
    std::string body = R"({"systemInstruction":{"parts":[{"text":"SYS"}]},"contents":[{"role":"user","parts":[{"text":"FIRST"}]},
      {"role":"model","parts":[{"text":"WHY","thought":true,"thoughtSignature":"c2ln"},{"functionCall":{"name":"FN","args":{"KEY":"ARG"}}}]},
      {"role":"user","parts":[{"functionResponse":{"name":"FN","response":{"out":"RESULT"}}},{"text":"LAST"}]}],
      "tools":[{"functionDeclarations":[{"name":"FN2","description":"DESC","parameters":{"properties":{"PROP":{}}}}]}],"generationConfig":{"stopSequences":["STOP"]}})";
    if (snake) {
      for (const auto& [camel, snaked] : {std::pair{"systemInstruction", "system_instruction"}, {"thoughtSignature", "thought_signature"}, {"functionCall", "function_call"},
                                          {"functionResponse", "function_response"}, {"functionDeclarations", "function_declarations"}, {"generationConfig", "generation_config"},
                                          {"stopSequences", "stop_sequences"}}) {
        body = std::regex_replace(body, std::regex(std::string("\"") + camel + "\""), std::string("\"") + snaked + "\"");
      }
    }
    const auto r = gemini().read_request(gemini().classify("POST", base + "generateContent"), body, 64);
    ASSERT_TRUE(r.has_value()) << r.error().message;
    for (const auto& u : (*r)->unread_parts()) ADD_FAILURE() << u.path;
    EXPECT_EQ((*r)->model(), "gemini-x");
    struct expected {
      const char* text;
      role who;
      part_kind kind;
      bool last_turn, editable;
    };
    for (const auto& e : {expected{"SYS", role::system, part_kind::text, true, true}, {"FIRST", role::user, part_kind::text, false, true},
                          {"WHY", role::assistant, part_kind::reasoning, false, true}, {"ARG", role::assistant, part_kind::tool_call, false, true},
                          {"KEY", role::assistant, part_kind::tool_call, false, false}, {"RESULT", role::tool, part_kind::tool_result, true, true},
                          {"LAST", role::user, part_kind::text, true, true}, {"DESC", role::system, part_kind::tool_definition, true, true},
                          {"PROP", role::system, part_kind::tool_definition, true, false}, {"STOP", role::user, part_kind::text, true, false}}) {
      const auto p = std::ranges::find_if((*r)->parts(), [&](const part& x) { return x.text == e.text; });
      ASSERT_NE(p, (*r)->parts().end()) << e.text;
      EXPECT_EQ(p->role, e.who) << e.text;
      EXPECT_EQ(p->kind, e.kind) << e.text;
      EXPECT_EQ(p->last_turn, e.last_turn) << e.text;
      EXPECT_EQ(p->editable, e.editable) << e.text;
    }
  }
}

TEST(gemini_request, a_key_in_both_spellings_is_refused) {
  for (const char* body : {R"({"contents":[],"systemInstruction":{},"system_instruction":{}})", R"({"contents":[{"parts":[{"inlineData":{},"inline_data":{}}]}]})",
                           R"({})", R"([])", R"({"contents":{}})"}) {
    EXPECT_FALSE(gemini().read_request(gemini().classify("POST", base + "generateContent"), body, 64).has_value()) << body;
  }
  // In a map that a tool defines they are two keys.
  EXPECT_TRUE(gemini().read_request(gemini().classify("POST", base + "generateContent"),
                                    R"({"contents":[{"parts":[{"functionCall":{"args":{"a_b":1,"aB":2}}}]}]})", 64).has_value());
}

TEST(gemini_paths, name_the_model_and_deny_what_is_not_read) {
  for (const char* p : {"/v1beta/models/m-1.5:generateContent", "/v1/models/m-1.5:streamGenerateContent",
                        "/v1/projects/p/locations/eu/publishers/google/models/m-1.5:generateContent"}) {
    EXPECT_EQ(gemini().classify("POST", p).what, endpoint_class::scanned) << p;
    EXPECT_EQ(gemini().classify("POST", p).model, "m-1.5") << p;
    EXPECT_EQ(gemini().classify("GET", p).allowed_method, "POST") << p;
  }
  EXPECT_EQ(gemini().classify("GET", "/v1beta/models").what, endpoint_class::passes);
  EXPECT_EQ(gemini().classify("GET", "/v1beta/models/m").what, endpoint_class::passes);
  for (const char* p : {"/v1beta/cachedContents/c", "/v1beta/files", "/v1beta/models/m:batchGenerateContent", "/v1beta/models/m:predict", "/upload/v1beta/files", "/v1beta/interactions"}) {
    EXPECT_EQ(gemini().classify("POST", p).what, endpoint_class::denied) << p;
  }
  for (const char* p : {"/v1beta/models/m%3AgenerateContent", "/v1beta//models/m:generateContent", "/v1beta/models/../m:generateContent", "/v1/chat/completions"}) {
    EXPECT_NE(gemini().classify("POST", p).what, endpoint_class::scanned) << p;
    EXPECT_NE(gemini().classify("POST", p).what, endpoint_class::passes) << p;
  }
}

TEST(gemini_stream, a_word_over_two_events_is_edited_in_both_framings) {
  const std::vector<json> all = {answer({{"text", "my sec"}}), answer({{"text", "ret now"}}), answer({{"text", " and sec"}}), answer({{"text", ""}, {"thoughtSignature", "c2ln"}}, "STOP")};
  for (const auto& bytes : {events(all), array(all)}) {
    testing::replace_sink sink("secret", "[R]");
    const auto o = run(bytes, sink);
    EXPECT_EQ(read(o.out).text.at({0, "text"}), "my [R] now and sec");
    EXPECT_EQ(read(o.out).finished.at(0), "STOP");
    EXPECT_NE(o.out.find("c2ln"), std::string::npos);
    testing::pass_sink pass;
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) EXPECT_EQ(run(bytes, pass, {cut}).out, bytes) << cut;
  }
}

TEST(gemini_stream, the_end_is_the_same_whatever_the_cuts) {
  const std::string refused = R"({"promptFeedback":{"blockReason":"OTHER"}})";
  for (const auto& bytes : {"[" + refused + "]", " [ " + refused + " ] \n", "[" + refused + "]\n\n"}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      testing::pass_sink pass;
      EXPECT_EQ(run(bytes, pass, {cut}).out, bytes) << cut;
    }
  }
  const auto behind = "[" + refused + "] [" + refused + "]";
  for (std::size_t cut = 0; cut <= behind.size(); ++cut) {
    testing::pass_sink pass;
    EXPECT_EQ(run(behind, pass, {cut}).out, "[" + refused + "] ") << cut;
  }
  // What says nothing is no answer, and is not closed as one.
  for (const std::string bytes : {"\n \n", "[]", " [ ] \n", "[{}]\n\n"}) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      testing::pass_sink pass;
      const auto t = run(bytes, pass, {cut});
      EXPECT_FALSE(t.whole) << bytes << cut;
      EXPECT_EQ(t.out, bytes.starts_with('\n') ? bytes : bytes.substr(0, bytes.find('}') + 1)) << cut;
    }
  }
}

TEST(gemini_stream, what_repeats_an_edited_text_goes) {
  auto last = answer({{"text", "secret"}}, "STOP");
  last["candidates"][0]["groundingMetadata"] = {{"groundingSupports", json::array({{{"segment", {{"text", "a secret"}}}}})}};
  last["candidates"][0]["logprobsResult"] = {{"chosenCandidates", json::array({{{"token", "secret"}}})}};
  testing::replace_sink sink("secret", "[R]");
  EXPECT_EQ(run(events({last}), sink).out.find("secret"), std::string::npos);
}

// "a secret and é secret b", of which each "secret" becomes "[R]": segments count bytes.
json cited() {
  return json::parse(R"({"groundingMetadata":{"groundingSupports":[{"segment":{"endIndex":8,"text":"a secret"}},
    {"segment":{"startIndex":9,"endIndex":12,"text":"and"},"groundingChunkIndices":[0]},{"segment":{"startIndex":5,"endIndex":19,"text":"ret and \u00e9 sec"}},
    {"segment":{"startIndex":23,"endIndex":24,"text":"b"}}]},"citationMetadata":{"citations":[{"startIndex":9,"endIndex":24,"uri":"https://x.example"}]}})");
}
json moved() {
  return json::parse(R"({"groundingMetadata":{"groundingSupports":[{"segment":{"endIndex":5,"text":"a [R]"}},
    {"segment":{"startIndex":6,"endIndex":9,"text":"and"},"groundingChunkIndices":[0]},{"segment":{"startIndex":2,"endIndex":16,"text":"[R] and \u00e9 [R]"}},
    {"segment":{"startIndex":17,"endIndex":18,"text":"b"}}]},"citationMetadata":{"citations":[{"startIndex":6,"endIndex":18,"uri":"https://x.example"}]}})");
}

TEST(gemini_stream, segments_and_citations_follow_an_edited_text) {
  const auto first = answer({{"text", "a sec"}}), second = answer({{"text", "ret and \u00e9 secret"}});
  auto last = answer({{"text", " b"}}, "STOP");
  last["candidates"][0].update(cited());
  for (const auto& bytes : {events({first, second, last}), array({first, second, last})}) {
    testing::replace_sink sink("secret", "[R]");
    const auto out = run(bytes, sink).out;
    EXPECT_NE(out.find(moved()["groundingMetadata"].dump()), std::string::npos) << out;
    EXPECT_NE(out.find(moved()["citationMetadata"].dump()), std::string::npos) << out;
    EXPECT_EQ(out.find("sec"), std::string::npos) << out;
    testing::replace_sink other("nothing of it", "[R]");
    EXPECT_EQ(run(bytes, other).out, bytes);
  }
  // What names another part, other words, or no place at all goes.
  for (const char* wrong : {R"({"partIndex":1,"endIndex":8,"text":"a secret"})", R"({"startIndex":1,"endIndex":9,"text":"a secret"})", R"({"endIndex":7,"text":"a secret"})",
                            R"({"text":"a secret"})", R"({"endIndex":1.5})", R"({"startIndex":9,"endIndex":2})"}) {
    last["candidates"][0]["groundingMetadata"]["groundingSupports"] = json::parse(R"([{"segment":)" + std::string(wrong) + "}]");
    testing::replace_sink sink("secret", "[R]");
    EXPECT_NE(run(events({first, second, last}), sink).out.find(R"("groundingSupports":[])"), std::string::npos) << wrong;
  }
}

TEST(gemini_response, segments_and_citations_follow_an_edited_text) {
  auto whole = answer({{"text", "a secret and \u00e9 secret b"}}, "STOP"), parted = whole, wanted = answer({{"text", "a [R] and \u00e9 [R] b"}}, "STOP"), wanted_parted = wanted;
  whole["candidates"][0].update(cited());
  wanted["candidates"][0].update(moved());
  // In parts, behind a thought: they count within all of it, or name their part.
  parted["candidates"][0].update(cited());
  parted["candidates"][0]["content"]["parts"] = json::array({{{"text", "hm"}, {"thought", true}}, {{"text", "a secret"}}, {{"text", " and \u00e9 secret b"}}});
  parted["candidates"][0]["groundingMetadata"]["groundingSupports"].push_back({{"segment", {{"partIndex", 2}, {"startIndex", 15}, {"endIndex", 16}, {"text", "b"}}}});
  wanted_parted["candidates"][0].update(moved());
  wanted_parted["candidates"][0]["content"]["parts"] = json::array({{{"text", "hm"}, {"thought", true}}, {{"text", "a [R]"}}, {{"text", " and \u00e9 [R] b"}}});
  wanted_parted["candidates"][0]["groundingMetadata"]["groundingSupports"].push_back({{"segment", {{"partIndex", 2}, {"startIndex", 12}, {"endIndex", 13}, {"text", "b"}}}});
  for (const auto& [body, expected] : {std::pair{whole, wanted}, {parted, wanted_parted}}) {
    const auto bytes = body.dump();
    const auto read = gemini().read_response(gemini().classify("POST", base + "generateContent"), bytes, 64, nullptr);
    ASSERT_TRUE(read.has_value());
    std::vector<replacement> edits;
    for (std::uint32_t i = 0; i < (*read)->parts().size(); ++i) {
      const auto text = (*read)->parts()[i].text;
      for (auto at = text.find("secret"); at != std::string_view::npos; at = text.find("secret", at + 1)) {
        edits.push_back({i, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at) + 6, "[R]"});
      }
    }
    EXPECT_EQ(json::parse((*read)->edited(edits, {})), expected);
  }
}

TEST(gemini_stream, arguments_in_pieces_are_one_text_each) {
  const auto piece = [](const std::string& t, bool more) {
    return answer({{"functionCall", {{"partialArgs", json::array({{{"jsonPath", "$.q"}, {"stringValue", t}, {"willContinue", more}}})}, {"willContinue", true}}}});
  };
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(events({piece("a sec", true), piece("ret b", false), answer({{"functionCall", json::object()}}, "STOP")}), sink);
  EXPECT_NE(std::ranges::find(sink.texts, "a secret b"), sink.texts.end());
  EXPECT_EQ(o.out.find("sec"), std::string::npos);
}

// Its path is the upstream's word: one that is called as the answer's own text is, is still an argument.
TEST(gemini_stream, an_argument_has_no_name_of_another_text) {
  for (const char* path : {"text", "thought", "$.text", ""}) {
    const auto piece = [&](const std::string& t, bool more) {
      return answer({{"functionCall", {{"partialArgs", json::array({{{"jsonPath", path}, {"stringValue", t}, {"willContinue", more}}})}, {"willContinue", true}}}});
    };
    testing::replace_sink sink("secret", "[R]");
    const auto out = run(events({answer({{"text", "a sec"}}), piece("b sec", true), answer({{"text", "ond"}}), piece("ret", true), answer({{"text", "!"}}, "STOP")}), sink).out;
    EXPECT_EQ(read(out).text.at({0, "text"}), "a second!") << path;
    EXPECT_NE(std::ranges::find(sink.texts, "b secret"), sink.texts.end()) << path;
    EXPECT_NE(std::ranges::find(sink.kinds, part_kind::tool_call), sink.kinds.end()) << path;
    // What of an argument is held at the end leaves as one.
    testing::replace_sink holds("secret", "[R]");
    const auto held = run(events({piece("b sec", true), answer({{"text", ""}}, "STOP")}), holds).out;
    EXPECT_NE(held.find("\"jsonPath\":" + json(path).dump() + ",\"stringValue\":\"sec\""), std::string::npos) << held;
  }
}

json spoken(const char* text, std::initializer_list<const char*> words) {
  json said = {{"words", json::array()}};
  if (text != nullptr) said["text"] = text;
  for (const auto* w : words) said["words"].push_back({{"word", w}});
  return {{"audioTranscription", said}};
}

TEST(gemini_stream, the_words_of_an_edited_transcript_go) {
  const auto all = events({answer(spoken("the halden secret is", {"the", "halden", "secret", "is"})), answer(spoken("kept", {"secret"})), answer({{"text", ""}}, "STOP")});
  testing::replace_sink sink("halden secret", "[R]");
  const auto out = run(all, sink).out;
  EXPECT_NE(out.find("the [R] is"), std::string::npos) << out;
  EXPECT_EQ(out.find("halden"), std::string::npos) << out;
  EXPECT_EQ(out.find("\"secret\""), std::string::npos) << out;  // behind an edit nobody can say what they repeat
  testing::pass_sink pass;
  EXPECT_EQ(run(all, pass).out, all);
  // Without the text that they are of, no rule can read them.
  testing::pass_sink alone;
  const auto t = run(events({answer(spoken(nullptr, {"the", "halden", "secret"}))}), alone);
  EXPECT_EQ(t.last, status::unreadable);
  EXPECT_EQ(t.out.find("halden"), std::string::npos);
  EXPECT_EQ(alone.unread_paths, std::vector<std::string>{"candidates[0].content.parts[0].audioTranscription.words"});
  // What another event or another part said is not theirs.
  auto beside = answer(spoken("kept", {}));
  beside["candidates"][0]["content"]["parts"].push_back(spoken(nullptr, {"halden"}));
  for (const auto& before : {events({answer(spoken("kept", {"kept"})), answer(spoken(nullptr, {"the", "halden"}))}), events({beside})}) {
    testing::pass_sink none;
    const auto u = run(before, none);
    EXPECT_EQ(u.last, status::unreadable);
    EXPECT_EQ(u.out.find("halden"), std::string::npos);
  }
}

TEST(gemini_stream, words_that_are_another_text_than_the_one_beside_them_are_judged) {
  const auto said = [](std::initializer_list<const char*> words) { return answer(spoken("It's kept.", words)); };
  for (const auto& all : std::vector<std::vector<json>>{{said({"the", "halden", "secret"})}, {said({"the", "hal", "den sec", "ret"})}, {said({"the halden"}), said({" secret"})}}) {
    testing::block_sink sink("halden secret");
    EXPECT_EQ(run(events(all), sink).last, status::blocked) << json(all).dump();
  }
  testing::pass_sink pass;
  const auto same = events({said({"It's", "kept"}), said({"It", "'s", "kept", "."})});
  EXPECT_EQ(run(same, pass).out, same);
  EXPECT_EQ(pass.texts, std::vector<std::string>{"It's kept."});
  const auto plain = gemini().read_response(gemini().classify("POST", base + "generateContent"), said({"the", "halden"}).dump(), 64, nullptr);
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(std::ranges::count((*plain)->parts(), std::string_view("the halden\nthehalden"), &part::text), 1);
}

TEST(gemini_response, the_words_of_an_edited_transcript_go) {
  const auto read = [](const std::string& body) {
    auto made = gemini().read_response(gemini().classify("POST", base + "generateContent"), body, 64, nullptr);
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  };
  const auto body = answer(spoken("the halden secret is", {"the", "halden", "secret", "is"}), "STOP").dump();
  const auto whole = read(body);
  EXPECT_TRUE(whole->unread_parts().empty());
  const auto at = std::ranges::find(whole->parts(), std::string_view("the halden secret is"), &part::text);
  ASSERT_NE(at, whole->parts().end());
  const std::vector<replacement> edits = {{static_cast<std::uint32_t>(at - whole->parts().begin()), 4, 17, "[R]"}};
  EXPECT_EQ(json::parse(whole->edited(edits, {})), answer(spoken("the [R] is", {}), "STOP"));
  EXPECT_EQ(whole->edited({}, {}), body);
  const auto alone = answer(spoken(nullptr, {"the", "halden"}), "STOP").dump();
  const auto words_alone = read(alone);
  ASSERT_EQ(words_alone->unread_parts().size(), 1u);
  EXPECT_EQ(words_alone->unread_parts()[0].reason, "unknown part");
}

TEST(gemini_stream, goes_on_behind_a_finish_reason_as_the_text_that_it_is) {
  const auto part = [](const char* text) { return json{{"text", text}}; };
  for (const auto& bytes : {events({answer(part("a sec"), "STOP"), answer(part("ret"), "STOP")}), array({answer(part("a sec"), "STOP"), answer(part("ret"), "STOP")})}) {
    testing::block_sink sink("secret");
    EXPECT_EQ(run(bytes, sink).last, status::blocked);
  }
  testing::replace_sink sink("secret", "[R]");
  const auto t = run(events({answer(part("a sec"), "STOP"), answer(part("ond sec"), "STOP"), answer(part("ond"), "STOP")}), sink);
  EXPECT_EQ(read(t.out).text.at({0, "text"}), "a second second");
}

// Google's SDK for Python reads such lines as events, over several lines until the braces are closed.
TEST(gemini_stream, json_in_a_line_that_is_no_data_stops_it) {
  const auto object = answer(json{{"text", "ond"}}, "STOP").dump();
  for (const std::string& line : {object, ": x\xe2\x80\xa8" "data: " + object, "event: " + object, std::string("{\n \"error\": {\"message\": \"no\"}\n}")}) {
    testing::replace_sink sink("second", "[R]");
    const auto t = run("data: " + answer(json{{"text", "a sec"}}).dump() + "\n\n" + line + "\n\n", sink);
    EXPECT_EQ(t.last, status::unreadable) << line;
    EXPECT_EQ(t.out.find("ond"), std::string::npos) << line;
  }
}

TEST(gemini_stream, that_is_one_object_is_no_stream) {
  testing::pass_sink sink;
  const auto t = run(R"({"error":{"message":"a secret"}})", sink);
  EXPECT_EQ(t.last, status::unreadable);
  EXPECT_EQ(t.out.find("secret"), std::string::npos);
}

TEST(gemini_stream, a_cut_ends_every_candidate_in_both_framings) {
  const std::vector<json> all = {answer({{"text", "a"}}), answer({{"text", "b"}}, "STOP", 1), answer({{"text", " bomb"}}), answer({{"text", "never"}}, "STOP")};
  for (const auto& bytes : {events(all), array(all)}) {
    for (const char* message : {"", "Not here."}) {
      testing::block_sink sink("bomb");
      const auto o = run(bytes, sink, {}, message);
      EXPECT_EQ(o.last, status::blocked);
      const auto v = read(o.out);
      EXPECT_EQ(v.finished.at(0), "SAFETY");
      EXPECT_EQ(v.finished.at(1), "STOP");
      EXPECT_EQ(v.text.at({0, "text"}), std::string("a") + message);
      EXPECT_EQ(o.out.find("bomb"), std::string::npos);
    }
    testing::block_sink at_once("a");
    EXPECT_EQ(read(run(bytes, at_once).out).finished.at(0), "SAFETY");
  }
}

TEST(gemini_recordings, untouched_is_byte_identical_and_a_word_is_edited_out) {
  std::mt19937 rng(11);
  int files = 0, words = 0;
  for (const auto& [name, lines] : testing::fixture_files()) {
    if (name.find("/google/google-") == std::string::npos || !name.ends_with(".chunks.txt")) continue;
    ++files;
    std::vector<json> all;
    std::string bytes;
    for (const auto& line : testing::lines_of(lines)) bytes += "data: " + line + "\r\n\r\n";
    testing::pass_sink pass;
    ASSERT_EQ(run(bytes, pass).out, bytes) << name;
    ASSERT_EQ(run(bytes, pass, testing::random_cuts(rng, bytes.size())).out, bytes) << name;
    const auto before = read(bytes);
    for (const auto& [where, said] : before.text) {
      std::smatch m;
      const auto half = said.substr(said.size() / 2);
      if (!std::regex_search(half, m, std::regex("[A-Za-z]{6,}"))) continue;
      ++words;
      testing::replace_sink sink(m.str(), "#");
      const auto after = read(run(bytes, sink, testing::random_cuts(rng, bytes.size())).out);
      ASSERT_EQ(after.text.at(where), std::regex_replace(said, std::regex(m.str()), "#")) << name;
      ASSERT_EQ(after.finished, before.finished) << name;
      testing::block_sink block(m.str());
      ASSERT_EQ(read(run(bytes, block).out).finished.at(where.first), "SAFETY") << name;
    }
    for (const bool keep : {false, true}) {
      testing::adding_sink adds(" +", keep);
      const auto after = read(run(bytes, adds, testing::random_cuts(rng, bytes.size())).out);
      auto expected = before.text;
      for (const auto& [choice, structured] : adds.closed) {
        if (!structured) expected[{static_cast<int>(choice), "text"}] += " +";
      }
      ASSERT_EQ(after.text, expected) << name << (keep ? " kept" : "");
      ASSERT_EQ(after.finished, before.finished) << name;
    }
  }
  if (files == 0) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  EXPECT_GT(words, 2);
}

TEST(gemini_errors, have_the_shape_that_its_sdks_know) {
  const auto j = json::parse(gemini().error_body({gateway_error::blocked, "No.", "contents[0]", "d1"}));
  EXPECT_EQ(j["error"]["code"], 400);
  EXPECT_EQ(j["error"]["status"], "INVALID_ARGUMENT");
  EXPECT_EQ(j["error"]["message"], "contents[0]: No. (decision d1)");
}

// A picture is one event.
TEST(gemini_stream, with_a_picture_of_some_megabytes_is_read) {
  const json picture = {{"candidates", json::array({{{"index", 0}, {"content", {{"role", "model"}, {"parts", json::array({{{"inlineData", {{"mimeType", "image/png"}, {"data", "iVBORw0KGgo" + std::string(6u << 20, 'A')}}}}})}}}}})}};
  const auto bytes = "data: " + picture.dump() + "\r\n\r\n";
  testing::pass_sink sink;
  sink.passes_unread = true;
  const auto t = testing::run(gemini(), "/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[]})", bytes, {}, sink);
  EXPECT_EQ(t.last, response_stream::status::ok);
  EXPECT_EQ(t.out, bytes);
}

}  // namespace
}  // namespace sluice::wire
