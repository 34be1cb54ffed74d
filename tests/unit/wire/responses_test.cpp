// Responses: what of requests is read, and of answers that come in one piece.
#include <gtest/gtest.h>

#include "responses_traces.hpp"

namespace sluice::wire {
namespace {

using namespace testing::responses;

std::vector<std::string> texts_of(const std::string& body, const char* path = "/v1/responses") {
  const auto r = openai().read_request(openai().classify("POST", path), body, 64);
  std::vector<std::string> out;
  if (!r) return {"unreadable: " + r.error().message};
  for (const auto& p : (*r)->parts()) out.push_back((*r)->path(p) + "=" + std::string(p.text));
  for (const auto& u : (*r)->unread_parts()) out.push_back(u.reason + ": " + u.path);
  return out;
}

TEST(responses_request, texts_of_every_form_are_listed) {
  EXPECT_EQ(texts_of(R"({"model":"m","input":"hello","instructions":"be kind"})"), (std::vector<std::string>{"input=hello", "instructions=be kind"}));
  EXPECT_EQ(texts_of(R"({"input":[{"role":"user","content":"a"},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"}]},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{\"q\":\"d\"}"},{"type":"function_call_output","call_id":"c","output":"e"}]})"),
            (std::vector<std::string>{"input[0].content=a", "input[1].content[0].text=b", "input[2].name=f", "input[2].arguments=q", "input[2].arguments=d",
                                      "input[3].output=e"}));
}

TEST(responses_request, roles_and_turns_follow_the_items) {
  const std::string body = R"({"instructions":"i","input":[{"role":"developer","content":"dev"},{"role":"user","content":"old"},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"new"}]})";
  const auto r = openai().read_request(openai().classify("POST", "/v1/responses"), body, 64);
  ASSERT_TRUE(r.has_value());
  const auto find = [&](std::string_view text) { return *std::ranges::find((*r)->parts(), text, &part::text); };
  EXPECT_EQ(find("i").role, role::system);
  EXPECT_EQ(find("dev").role, role::developer);
  EXPECT_FALSE(find("old").last_turn);
  EXPECT_EQ(find("new").role, role::tool);
  EXPECT_EQ(find("new").kind, part_kind::tool_result);
  EXPECT_TRUE(find("new").last_turn);
}

TEST(responses_request, what_the_upstream_holds_or_nobody_knows_is_told) {
  for (const auto& [member, what] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"("previous_response_id":"resp_0")", "server state: previous_response_id"},
           {R"("conversation":"conv_1")", "server state: conversation"},
           {R"("conversation":{"id":"conv_1"})", "server state: conversation"},
           {R"("prompt":{"id":"pmpt_1"})", "server state: prompt.id"},
           {R"("background":true)", "server state: background"},
           {R"("input":[{"type":"item_reference","id":"msg_1"}])", "server state: input[0].id"},
           {R"("input":[{"id":"msg_1"}])", "server state: input[0].id"},
           {R"("input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}])", "server state: input[0].content[0].file_id"},
           {R"("input":[{"role":"user","content":[{"type":"input_image","image_url":"data:x"}]}])", "attachment: input[0].content[0].image_url"},
           {R"("tools":[{"type":"file_search","vector_store_ids":["vs"]}])", "server state: tools[0].vector_store_ids"},
           {R"("input":[{"type":"hologram","text":"hidden"}])", "unknown part: input[0]"},
           {R"("input":[1,2,3])", "unknown part: input"},
           {R"("input":["loose"])", "unknown part: input[0]"},
           {R"("input":[{"role":"user","content":["loose"]}])", "unknown part: input[0].content[0]"},
           {R"("surprise":"text")", "unknown part: surprise"}}) {
    const auto found = texts_of("{\"model\":\"m\"," + std::string(member) + "}");
    EXPECT_EQ(std::ranges::count_if(found, [&](const std::string& f) { return f.starts_with(what); }), 1) << member << " " << json(found).dump();
  }
  EXPECT_EQ(texts_of(R"({"model":"m","background":false,"previous_response_id":null,"input":"x","temperature":1,"stream":false})"), std::vector<std::string>{"input=x"});
}

TEST(responses_request, what_is_asked_for_in_the_path_alone_needs_no_body) {
  auto to = openai().classify("GET", "/v1/responses/resp_1");
  EXPECT_EQ(to.what, endpoint_class::scanned);
  to.query = "include[]=x&stream=true";
  const auto r = openai().read_request(to, "", 64);
  ASSERT_TRUE(r.has_value());
  EXPECT_TRUE((*r)->stream());
  EXPECT_TRUE((*r)->unread_parts().empty());
  for (const char* query : {"stream=true&starting_after=4", "starting%5Fafter=4"}) {
    to.query = query;
    const auto from_middle = openai().read_request(to, "", 64);
    ASSERT_TRUE(from_middle.has_value());
    ASSERT_EQ((*from_middle)->unread_parts().size(), 1u);
    EXPECT_EQ((*from_middle)->unread_parts()[0].reason, "server state");
  }
  EXPECT_FALSE(openai().read_request(openai().classify("POST", "/v1/responses"), "", 64).has_value());
}

TEST(responses_answer, an_edit_moves_annotations_and_drops_what_spells_the_text) {
  const auto note = [](int begin, int end) { return json{{"type", "url_citation"}, {"start_index", begin}, {"end_index", end}, {"title", "t"}, {"url", "u"}}; };
  const auto body = response("completed", json::array({message("completed", json::array({text_part("é secret and more", {note(0, 1), note(2, 8), note(4, 12), note(13, 17)}, {{{"token", "secret"}}})}))})).dump();
  const auto after = json::parse(edited(body, "secret", "[R]"));
  const auto& p = after["output"][0]["content"][0];
  EXPECT_EQ(p["text"], "é [R] and more");
  EXPECT_EQ(p["logprobs"], json::array());
  EXPECT_EQ(p["annotations"], json({note(0, 1), note(2, 5), note(2, 9), note(10, 14)}));
  EXPECT_EQ(edited(body, "nowhere", "x"), body);
}

TEST(responses_answer, what_it_repeats_of_the_request_is_not_judged_again) {
  const std::string request = R"({"model":"m","input":"x","instructions":"never say bomb","metadata":{"bomb":"y"}})";
  const auto r = openai().read_request(openai().classify("POST", "/v1/responses"), request, 64);
  ASSERT_TRUE(r.has_value());
  const auto body = response("completed", json::array(), {{"instructions", "never say bomb"}, {"metadata", {{"bomb", "y"}}}}).dump();
  const auto to = openai().classify("POST", "/v1/responses");
  const auto finds = [&](const request_body* asked_with) {
    const auto a = openai().read_response(to, body, 64, asked_with);
    return std::ranges::count_if((*a)->parts(), [](const wire::part& p) { return p.text.find("bomb") != std::string_view::npos; });
  };
  EXPECT_EQ(finds(r->get()), 0);
  EXPECT_EQ(finds(nullptr), 2);
  const auto other = response("completed", json::array({message("completed", json::array({text_part("never say bomb")}))})).dump();
  EXPECT_EQ(json::parse(edited(other, "bomb", "#", r->get()))["output"][0]["content"][0]["text"], "never say #") << "in its own words it is judged";
}

TEST(responses_answer, a_list_of_items_has_the_roles_of_their_writers) {
  const auto to = openai().classify("GET", "/v1/responses/resp_1/input_items");
  const std::string body = R"({"object":"list","data":[{"type":"message","role":"user","id":"m","content":[{"type":"input_text","text":"a"}]},
    {"type":"message","role":"assistant","id":"n","content":[{"type":"output_text","text":"b"}]},{"type":"function_call_output","id":"o","output":"c"}]})";
  const auto r = openai().read_response(to, body, 64);
  ASSERT_TRUE(r.has_value());
  ASSERT_EQ((*r)->parts().size(), 3u);
  EXPECT_EQ((*r)->parts()[0].role, role::user);
  EXPECT_EQ((*r)->parts()[1].role, role::assistant);
  EXPECT_EQ((*r)->parts()[2].role, role::tool);
}

// The same in answers in one piece: each is read, and leaves as it came when nobody edits it.
TEST(responses_recordings, an_answer_in_one_piece_loses_a_word_and_nothing_else) {
  int seen = 0, words = 0;
  const auto to = openai().classify("POST", "/v1/responses");
  for (const auto& [name, bytes] : testing::fixture_files()) {
    if (!name.ends_with(".json") || (bytes.find("\"object\": \"response\"") == std::string::npos && bytes.find("\"object\":\"response\"") == std::string::npos)) continue;
    const auto r = openai().read_response(to, bytes, 64);
    if (!r) continue;  // two are not JSON
    ++seen;
    EXPECT_EQ((*r)->edited({}), bytes) << name;
    for (const auto& p : (*r)->parts()) {
      if (p.kind != part_kind::text || p.role != role::assistant || p.text.size() < 20) continue;
      auto from = p.text.size() / 2;
      while (from < p.text.size() && !std::isalpha(static_cast<unsigned char>(p.text[from]))) ++from;
      auto end = from;
      while (end < p.text.size() && std::isalpha(static_cast<unsigned char>(p.text[end]))) ++end;
      const std::string word(p.text.substr(from, end - from));
      if (word.size() < 6) continue;
      ++words;
      const auto after = json::parse(edited(bytes, word, "#"));
      for (const auto& item : after["output"]) {
        if (item["type"] == "message") EXPECT_EQ(item.dump().find(word), std::string::npos) << name << " " << word;
      }
      EXPECT_EQ(after["usage"], json::parse(bytes)["usage"]);
      break;
    }
  }
  if (seen == 0) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  EXPECT_GT(words, 5);
}

TEST(responses_errors, a_refusal_has_the_form_that_was_asked_for) {
  const auto to = openai().classify("POST", "/v1/responses");
  const std::string plain = R"({"model":"m","input":"x"})";
  const auto a = openai().read_request(to, plain, 64), b = openai().read_request(to, asked, 64);
  ASSERT_TRUE(a && b);
  const auto j = json::parse(openai().refusal_body(**a, "No.", "d"));
  EXPECT_EQ(j["status"], "incomplete");
  EXPECT_EQ(j["incomplete_details"]["reason"], "content_filter");
  EXPECT_EQ(j["output"][0]["content"][0]["refusal"], "No.");
  const auto v = read(openai().refusal_body(**b, "No.", "d"));
  ASSERT_TRUE(v.grown.contains("0/0")) << openai().refusal_body(**b, "No.", "d");
  EXPECT_EQ(v.grown.at("0/0"), "No.");
  EXPECT_EQ(v.last["type"], "response.incomplete");
  EXPECT_TRUE(v.numbers_rise);
}

}  // namespace
}  // namespace sluice::wire
