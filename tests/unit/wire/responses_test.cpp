// Responses: what of requests and answers is read, streams made up and recorded, cut-offs, and what repeats a text.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string asked = R"({"model":"m","input":"hi","stream":true})";

std::string event(const json& e) { return "event: " + e["type"].get<std::string>() + "\ndata: " + e.dump() + "\n\n"; }

// The events with the numbers that an upstream gives them.
std::string numbered(const std::string& bytes) {
  std::string out;
  int number = 0;
  for (const auto& line : testing::lines_of(bytes)) {
    if (line.starts_with(':')) out += line + "\n\n";
    if (!line.starts_with("data: ")) continue;
    auto e = json::parse(line.substr(6), nullptr, false);
    if (e.is_discarded()) return bytes;
    e["sequence_number"] = number++;
    out += event(e);
  }
  return out;
}

testing::trace run_raw(std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}, std::string_view message = {},
                       const std::string& request = asked) {
  return testing::run(openai(), "/v1/responses", request, bytes, cuts, sink, message);
}
testing::trace run(const std::string& bytes, channel_sink& sink, std::string_view message = {}, const std::string& request = asked) {
  return run_raw(numbered(bytes), sink, {}, message, request);
}

json response(const std::string& how, json output = json::array(), json more = json::object()) {
  json r = {{"id", "resp_1"}, {"object", "response"}, {"created_at", 1}, {"status", how}, {"model", "m"}, {"error", nullptr}, {"incomplete_details", nullptr},
            {"output", std::move(output)}, {"usage", nullptr}};
  r.update(more);
  return r;
}
std::string created(json more = json::object()) { return event({{"type", "response.created"}, {"response", response("in_progress", json::array(), std::move(more))}}); }
json message(const std::string& how, json content, int n = 0) {
  return {{"id", "msg_" + std::to_string(n)}, {"type", "message"}, {"status", how}, {"role", "assistant"}, {"content", std::move(content)}};
}
json part(const std::string& text, json annotations = json::array(), json logprobs = json::array()) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", std::move(annotations)}, {"logprobs", std::move(logprobs)}};
}
json at(const std::string& type, int n = 0) { return {{"type", type}, {"item_id", "msg_" + std::to_string(n)}, {"output_index", n}, {"content_index", 0}}; }
json with(json a, const json& b) {
  a.update(b);
  return a;
}
std::string begin_text(int n = 0) {
  return event({{"type", "response.output_item.added"}, {"output_index", n}, {"item", message("in_progress", json::array(), n)}}) +
         event(with(at("response.content_part.added", n), {{"part", part("")}}));
}
std::string piece(const std::string& text, int n = 0) {
  return event(with(at("response.output_text.delta", n), {{"delta", text}, {"logprobs", {{{"token", text}, {"logprob", 0}}}}, {"obfuscation", "abc"}}));
}
std::string end_text(const std::string& text, int n = 0, json annotations = json::array()) {
  const auto whole = part(text, std::move(annotations), {{{"token", text}, {"logprob", 0}}});
  return event(with(at("response.output_text.done", n), {{"text", text}, {"logprobs", {{{"token", text}}}}})) +
         event(with(at("response.content_part.done", n), {{"part", whole}})) +
         event({{"type", "response.output_item.done"}, {"output_index", n}, {"item", message("completed", json::array({whole}), n)}});
}
std::string completed(json output) { return event({{"type", "response.completed"}, {"response", response("completed", std::move(output))}}); }
std::string one_text(const std::vector<std::string>& pieces) {
  std::string bytes = created() + begin_text(), all;
  for (const auto& p : pieces) {
    bytes += piece(p);
    all += p;
  }
  return bytes + end_text(all) + completed(json::array({message("completed", json::array({part(all)}))}));
}

std::vector<json> events(const std::string& sse) {
  std::vector<json> out;
  for (const auto& line : testing::lines_of(sse)) {
    if (line.starts_with("data: {")) out.push_back(json::parse(line.substr(6)));
  }
  return out;
}

// What a client that adds pieces has, and what it is told at the end, by item.
struct client_view {
  std::map<std::string, std::string> grown;  // "0/content/0"
  std::vector<std::string> told;             // every whole text, in order
  json last;
  bool numbers_rise = true;
};
client_view read(const std::string& sse) {
  client_view v;
  std::int64_t number = -1;
  for (const auto& e : events(sse)) {
    const auto type = e["type"].get<std::string>();
    if (e.contains("sequence_number")) {
      const auto n = e["sequence_number"].get<std::int64_t>();
      v.numbers_rise = v.numbers_rise && n > number;
      number = n;
    }
    const auto key = std::to_string(e.value("output_index", 0)) + (e.contains("content_index") ? "/" + std::to_string(e["content_index"].get<int>()) : "");
    if (type.ends_with(".delta") && e["delta"].is_string()) v.grown[key] += e["delta"].get<std::string>();
    for (const char* whole : {"text", "arguments", "input", "code", "refusal"}) {
      if (type.ends_with(".done") && e.contains(whole) && e[whole].is_string()) v.told.push_back(e[whole]);
    }
    const auto of_part = [&](const json& p) {
      if (p.contains("text") && p["text"].is_string()) v.told.push_back(p["text"]);
    };
    const auto of_item = [&](const json& i) {
      if (i.contains("content") && i["content"].is_array()) std::ranges::for_each(i["content"], of_part);
      if (i.contains("arguments") && i["arguments"].is_string()) v.told.push_back(i["arguments"]);
    };
    if (type == "response.content_part.done") of_part(e["part"]);
    if (type == "response.output_item.done") of_item(e["item"]);
    if (e.contains("response")) {
      if (type != "response.created") {
        for (const auto& i : e["response"]["output"]) of_item(i);
      }
      v.last = e;
    }
  }
  return v;
}

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

// The answer with every `word` in an editable text replaced.
std::string edited(const std::string& body, const std::string& word, const std::string& by, const request_body* asked_with = nullptr) {
  const auto r = openai().read_response(openai().classify("POST", "/v1/responses"), body, 64, asked_with);
  if (!r) return r.error().message;
  std::vector<replacement> edits;
  const auto parts = (*r)->parts();
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    for (auto hit = parts[p].text.find(word); parts[p].editable && hit != std::string_view::npos; hit = parts[p].text.find(word, hit + 1)) {
      edits.push_back({p, static_cast<std::uint32_t>(hit), static_cast<std::uint32_t>(hit + word.size()), by});
    }
  }
  return (*r)->edited(edits);
}

TEST(responses_answer, an_edit_moves_annotations_and_drops_what_spells_the_text) {
  const auto note = [](int begin, int end) { return json{{"type", "url_citation"}, {"start_index", begin}, {"end_index", end}, {"title", "t"}, {"url", "u"}}; };
  const auto body = response("completed", json::array({message("completed", json::array({part("é secret and more", {note(0, 1), note(2, 8), note(4, 12), note(13, 17)}, {{{"token", "secret"}}})}))})).dump();
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
  const auto other = response("completed", json::array({message("completed", json::array({part("never say bomb")}))})).dump();
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

TEST(responses_stream, a_word_over_two_events_is_edited_wherever_the_text_stands) {
  testing::replace_sink sink("secret", "[R]");
  const auto bytes = one_text({"my sec", "ret now", " fine"});
  const auto o = run(bytes, sink);
  EXPECT_EQ(o.out.find("ecre"), std::string::npos);
  EXPECT_EQ(o.out.find("secr"), std::string::npos);
  const auto v = read(o.out);
  EXPECT_EQ(v.grown.at("0/0"), "my [R] now fine");
  EXPECT_EQ(v.told, std::vector<std::string>(4, "my [R] now fine"));
  EXPECT_TRUE(v.numbers_rise);
  EXPECT_EQ(o.out.find("my sec"), std::string::npos) << "log probabilities spell it";
  EXPECT_EQ(sink.texts.size(), 1u) << "a text is judged once, not wherever it is repeated: " << json(sink.texts).dump();
  EXPECT_EQ(sink.names, std::vector<std::string>{"output[0].content[0]"});
}

TEST(responses_stream, untouched_events_leave_byte_for_byte) {
  testing::replace_sink sink("secret", "[R]");
  const auto bytes = one_text({"all of it", " fine"});
  EXPECT_EQ(run(bytes, sink).out, numbered(bytes));
}

TEST(responses_stream, what_is_held_leaves_before_the_text_ends_and_numbers_rise) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(one_text({"it was", " a", " sec"}), sink);
  const auto v = read(o.out);
  EXPECT_EQ(v.grown.at("0/0"), "it was a sec");
  EXPECT_EQ(v.told, std::vector<std::string>(4, "it was a sec"));
  EXPECT_TRUE(v.numbers_rise);
  const auto whole = run(one_text({"it was a ", "sec"}), sink);
  EXPECT_NE(whole.out.find("\n\n: held\n\n"), std::string::npos) << "a stream that is held is not dead";
  EXPECT_EQ(read(whole.out).grown.at("0/0"), "it was a sec");
  EXPECT_EQ(events(whole.out).back()["sequence_number"], events(numbered(one_text({"it was a ", "sec"}))).back()["sequence_number"])
      << "an event that was held whole gives its number to the one that takes its place";
}

TEST(responses_stream, padding_hides_the_length_that_an_edited_piece_had) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(one_text({"a secret", " b"}), sink);
  for (const auto& e : events(o.out)) {
    if (e["type"] == "response.output_text.delta" && e["delta"] == "a [R]") EXPECT_EQ(e["obfuscation"].get<std::string>().size(), 3u + 3u);
  }
}

TEST(responses_stream, items_and_parts_are_judged_apart) {
  testing::replace_sink sink("secret", "[R]");
  const auto bytes = created() + begin_text(0) + begin_text(1) + piece("sec", 0) + piece("ret", 1) + piece("ret", 0) + piece("sec", 1) + end_text("secret", 0) +
                     end_text("retsec", 1) + completed(json::array({message("completed", json::array({part("secret")})), message("completed", json::array({part("retsec")}), 1)}));
  const auto v = read(run(bytes, sink).out);
  EXPECT_EQ(v.grown.at("0/0"), "[R]");
  EXPECT_EQ(v.grown.at("1/0"), "retsec");
  EXPECT_EQ(v.told, (std::vector<std::string>{"[R]", "[R]", "[R]", "retsec", "retsec", "retsec", "[R]", "retsec"}));
}

TEST(responses_stream, a_whole_text_that_says_more_than_its_pieces_is_judged_too) {
  testing::replace_sink sink("secret", "[R]");
  const auto v = read(run(created() + begin_text() + piece("fine") + end_text("fine secret") + completed(json::array({message("completed", json::array({part("only a secret")}))})), sink).out);
  EXPECT_EQ(v.told, (std::vector<std::string>{"fine [R]", "fine [R]", "fine [R]", "only a [R]"}));
}

json call_item(const std::string& arguments, const std::string& how = "completed") {
  return {{"id", "fc_0"}, {"type", "function_call"}, {"status", how}, {"name", "f"}, {"call_id", "c"}, {"arguments", arguments}};
}
std::string call_events(const std::vector<std::string>& pieces) {
  auto bytes = created() + event({{"type", "response.output_item.added"}, {"output_index", 0}, {"item", call_item("", "in_progress")}});
  std::string all;
  for (const auto& p : pieces) {
    bytes += event({{"type", "response.function_call_arguments.delta"}, {"item_id", "fc_0"}, {"output_index", 0}, {"delta", p}});
    all += p;
  }
  return bytes + event({{"type", "response.function_call_arguments.done"}, {"item_id", "fc_0"}, {"output_index", 0}, {"arguments", all}}) +
         event({{"type", "response.output_item.done"}, {"output_index", 0}, {"item", call_item(all)}}) + completed(json::array({call_item(all)}));
}

TEST(responses_stream, arguments_in_fragments_are_judged_whole_and_alike_everywhere) {
  const auto bytes = call_events({"{\"q\":\"the s", "\\u0065cr", "et\"}"});
  testing::replace_sink sink("secret", "[R]");
  const auto v = read(run(bytes, sink).out);
  EXPECT_EQ(json::parse(v.grown.at("0"))["q"], "the [R]");
  EXPECT_EQ(v.told, std::vector<std::string>(3, "{\"q\":\"the [R]\"}"));
  EXPECT_TRUE(v.numbers_rise);
  testing::pass_sink pass;
  EXPECT_EQ(run(bytes, pass).out, numbered(bytes));
  EXPECT_EQ(std::ranges::count(pass.texts, "the secret"), 1);
  testing::block_sink block("secret");
  const auto cut = run(bytes, block);
  EXPECT_EQ(cut.last, status::blocked);
  EXPECT_EQ(cut.out.find("cr"), cut.out.find("cre")) << "nothing of the call leaves";
  EXPECT_EQ(read(cut.out).last["response"]["output"][0]["arguments"], "");
}

TEST(responses_stream, an_annotation_of_a_text_that_was_changed_goes) {
  const json note = {{"type", "url_citation"}, {"start_index", 2}, {"end_index", 8}, {"title", "a title"}, {"url", "https://x"}};
  const auto noted = event(with(at("response.output_text.annotation.added"), {{"annotation_index", 0}, {"annotation", note}}));
  for (const char* word : {"secret", "other"}) {
    testing::replace_sink sink(word, "[R]");
    const auto bytes = created() + begin_text() + piece("a secret") + noted + end_text("a secret", 0, json::array({note})) + completed(json::array({message("completed", json::array({part("a secret", json::array({note}))}))}));
    const auto o = run(bytes, sink);
    EXPECT_EQ(o.out.find("a title") != std::string::npos, std::string(word) == "other");
  }
}

TEST(responses_stream, the_clients_own_instructions_are_no_finding) {
  testing::block_sink sink("bomb");
  const std::string request = R"({"model":"m","input":"x","stream":true,"instructions":"never say bomb","tools":[{"type":"function","name":"bomb","parameters":{"bomb":1}}]})";
  const json echo = {{"instructions", "never say bomb"}, {"tools", {{{"type", "function"}, {"name", "bomb"}, {"parameters", {{"bomb", 1}}}}}}};
  const auto bytes = created(echo) + begin_text() + piece("fine") + end_text("fine") + completed(json::array({message("completed", json::array({part("fine")}))}));
  EXPECT_EQ(run(bytes, sink, {}, request).out, numbered(bytes));
  EXPECT_EQ(run(bytes, sink).last, status::blocked) << "what the client did not send is judged";
}

TEST(responses_stream, a_cut_in_any_state_is_an_incomplete_response_of_what_was_sent) {
  const auto first = created() + begin_text() + piece("a");
  const auto call = created() + event({{"type", "response.output_item.added"}, {"output_index", 0}, {"item", call_item("", "in_progress")}}) +
                    event({{"type", "response.function_call_arguments.delta"}, {"item_id", "fc_0"}, {"output_index", 0}, {"delta", "{\"q\":"}});
  const std::string ping = ": waiting\n\n";
  for (const auto& before : {ping, created(), created() + begin_text(), first, first + end_text("a"), call}) {
    for (const char* said : {"", "Not here."}) {
      testing::block_sink sink("bomb");
      const auto o = run(before + begin_text(3) + piece("a bomb", 3) + piece("never", 3), sink, said);
      ASSERT_EQ(o.last, status::blocked);
      EXPECT_EQ(o.out.find("bomb"), std::string::npos);
      EXPECT_EQ(o.out.find("never"), std::string::npos);
      const auto v = read(o.out);
      EXPECT_TRUE(v.numbers_rise) << o.out;
      EXPECT_EQ(v.last["type"], "response.incomplete");
      EXPECT_EQ(v.last["response"]["status"], "incomplete");
      EXPECT_EQ(v.last["response"]["incomplete_details"]["reason"], "content_filter");
      if (before != ping) EXPECT_EQ(events(o.out)[0]["type"], "response.created");
      EXPECT_EQ(o.out.find("Not here.") != std::string::npos, *said != 0);
      std::size_t added = 0, done = 0;
      for (const auto& e : events(o.out)) {
        added += e["type"] == "response.output_item.added";
        done += e["type"] == "response.output_item.done";
      }
      EXPECT_EQ(added, done);
      EXPECT_EQ(v.last["response"]["output"].size(), done);
      if (before == first) {
        EXPECT_EQ(v.last["response"]["output"][0]["content"][0]["text"], "a");
        EXPECT_EQ(v.last["response"]["output"][0]["status"], "incomplete");
      }
    }
  }
}

TEST(responses_stream, nothing_is_added_behind_the_end_of_a_response) {
  testing::block_sink sink("bomb");
  const auto o = run(one_text({"a"}) + event({{"type", "error"}, {"message", "a bomb"}}), sink);
  EXPECT_EQ(o.last, status::blocked);
  EXPECT_EQ(o.out, numbered(one_text({"a"})));
}

TEST(responses_stream, what_is_no_json_is_unreadable_and_nothing_of_it_leaves) {
  testing::pass_sink sink;
  const auto o = run(created() + begin_text() + "event: response.output_text.delta\ndata: {broken secret\n\n", sink);
  EXPECT_EQ(o.last, status::unreadable);
  EXPECT_EQ(o.out.find("broken"), std::string::npos);
  EXPECT_EQ(read(o.out).last["type"], "response.incomplete");
}

TEST(responses_stream, a_piece_of_a_text_of_unknown_kind_is_unreadable) {
  const auto bytes = created() + event({{"type", "response.telepathy.delta"}, {"output_index", 0}, {"delta", "sec"}});
  testing::pass_sink sink;
  EXPECT_EQ(run(bytes, sink).last, status::unreadable);
  sink.passes_unread = true;
  EXPECT_EQ(run(bytes, sink).out, numbered(bytes));
}

TEST(responses_stream, a_dead_upstream_drops_what_is_held_and_ends_in_an_error) {
  testing::replace_sink sink("secret", "[R]");
  const auto request = openai().read_request(openai().classify("POST", "/v1/responses"), asked, 64);
  const auto stream = openai().open_stream(openai().classify("POST", "/v1/responses"), **request, 64);
  std::string out;
  EXPECT_EQ(stream->feed(created() + begin_text() + piece("a sec"), sink, out), status::ok);
  (void)stream->end(false, sink, out);
  stream->fail("The upstream broke off.", "d1", out);
  EXPECT_EQ(out.find("sec\""), std::string::npos);
  const auto e = events(out).back();
  EXPECT_EQ(e["type"], "error");
  EXPECT_EQ(e["code"], "upstream_error");
  EXPECT_EQ(e["error"]["code"], "upstream_error");
}

// A text in each place that the tables name, in an event of a type that has it.
TEST(responses_stream, every_text_of_every_event_is_judged) {
  const std::string marker = "QXMARKERQX";
  const auto put = [](const auto& self, json& where, std::string_view path, const json& leaf) -> void {
    if (path.starts_with('.')) path.remove_prefix(1);
    if (path.empty()) {
      where = leaf;
      return;
    }
    if (path.starts_with("[]")) {
      if (!where.is_array()) where = json::array({json()});
      return self(self, where[0], path.substr(2), leaf);
    }
    if (!where.is_object()) where = json::object();
    if (path.starts_with('<')) {
      const auto end = path.find('>');
      if (end > 1) where["type"] = path.substr(1, end - 1);
      return self(self, where, path.substr(end + 1), leaf);
    }
    const auto end = std::min(path.find_first_of(".[<", 1), path.size());
    self(self, where[path.substr(0, end) == "{*}" ? "anykey" : std::string(path.substr(0, end))], path.substr(end), leaf);
  };
  int looked = 0;
  for (const auto& r : openai().coverage()) {
    if (r.endpoint != "responses" || r.streaming != "yes" || r.text_class == "-" || r.text_class == "O" || r.text_class == "V") continue;
    const std::string path(r.path);
    const char* type = path.starts_with("response.") ? "response.completed" : path.starts_with("item") ? "response.output_item.done"
                       : path.starts_with("part")    ? "response.content_part.done" : path.starts_with("annotation") ? "response.output_text.annotation.added" : nullptr;
    json e = json::object();
    put(put, e, path, r.text_class == "J" ? json(json({{"k", marker}}).dump()) : r.text_class == "A" || r.text_class == "S" ? json{{"k", marker}} : json(marker));
    if (type != nullptr) e["type"] = type;
    testing::replace_sink sink(marker, "#");
    const auto o = run_raw(event(e), sink);
    const bool cannot_be_read = r.text_class == "B" || r.text_class == "R";
    EXPECT_EQ(o.last, cannot_be_read ? status::unreadable : status::ok) << e.dump();
    const bool edits = r.text_class == "T" || r.text_class == "J" || r.text_class == "A";
    if (edits) EXPECT_EQ(o.out.find(marker), std::string::npos) << e.dump() << o.out;
    if (edits) EXPECT_NE(o.out.find('#'), std::string::npos) << o.out;
    ++looked;
  }
  EXPECT_GT(looked, 100);
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

// Recorded streams as bytes: one JSON text a line. Two of the recordings are not JSON.
std::vector<std::pair<std::string, std::string>> recordings() {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& [name, bytes] : testing::fixture_files()) {
    if (!name.ends_with(".chunks.txt") || bytes.find("\"response.created\"") == std::string::npos) continue;
    std::string sse;
    bool broken = false;
    for (const auto& line : testing::lines_of(bytes)) {
      const auto e = json::parse(line, nullptr, false);
      if (e.is_discarded()) broken = true;
      else sse += "event: " + e["type"].get<std::string>() + "\ndata: " + line + "\n\n";
    }
    if (!broken) out.emplace_back(name, sse);
  }
  return out;
}

TEST(responses_recordings, untouched_is_byte_identical_at_any_cut) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  EXPECT_GT(all.size(), 40u);
  std::mt19937 rng(11);
  for (const auto& [name, bytes] : all) {
    testing::pass_sink sink;
    sink.passes_unread = true;  // images
    ASSERT_EQ(run_raw(bytes, sink).out, bytes) << name;
    for (int round = 0; round < 3; ++round) {
      testing::pass_sink again;
      again.passes_unread = true;
      ASSERT_EQ(run_raw(bytes, again, testing::random_cuts(rng, bytes.size())).out, bytes) << name;
      ASSERT_EQ(again.texts, sink.texts) << name;
    }
  }
}

// What no table names is judged as an annotation that nobody can edit: a redaction there would cut the stream.
TEST(responses_recordings, hold_nothing_that_no_table_names) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  std::set<std::string> unknown;
  for (const auto& [name, bytes] : all) {
    testing::pass_sink sink;
    sink.passes_unread = true;
    (void)run_raw(bytes, sink);
    for (std::size_t i = 0; i < sink.kinds.size(); ++i) {
      const bool of_table = sink.kinds[i] != part_kind::annotation || sink.names[i].find("annotation") != std::string::npos || sink.names[i].find("metadata") != std::string::npos ||
                            sink.names[i].find("user_location") != std::string::npos;
      if (!of_table) unknown.insert(sink.names[i]);
    }
  }
  EXPECT_EQ(json(unknown).dump(), "[]");
}

TEST(responses_recordings, a_word_that_is_edited_is_nowhere_in_the_clients_bytes) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  int words = 0;
  std::mt19937 rng(5);
  for (const auto& [name, bytes] : all) {
    // A word of letters from the middle of each text that grew.
    for (const auto& [where, text] : read(bytes).grown) for (const std::size_t quarter : {1, 2, 3}) {
      auto from = text.size() * quarter / 4;
      while (from < text.size() && !std::isalpha(static_cast<unsigned char>(text[from]))) ++from;
      auto to = from;
      while (to < text.size() && std::isalpha(static_cast<unsigned char>(text[to]))) ++to;
      const auto word = text.substr(from, to - from);
      if (word.size() < 6) continue;
      ++words;
      testing::replace_sink sink(word, "#");
      sink.passes_unread = true;
      const auto o = run_raw(bytes, sink, testing::random_cuts(rng, bytes.size()));
      ASSERT_NE(o.last, status::blocked) << name;
      ASSERT_EQ(o.last, status::ok) << name;
      const auto v = read(o.out);
      // Keys of tool arguments are not edited: there a policy blocks instead.
      const auto clean = [&](const std::string& left) { return left.starts_with('{') || left.find(word) == std::string::npos; };
      for (const auto& [key, grown] : v.grown) ASSERT_TRUE(clean(grown)) << name << " " << word;
      for (const auto& told : v.told) ASSERT_TRUE(clean(told)) << name << " " << word;
    }
  }
  EXPECT_GT(words, 20);
}

}  // namespace
}  // namespace sluice::wire
