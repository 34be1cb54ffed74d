// Streamed responses, made up and recorded: what repeats a text, cut-offs, numbers.
#include <gtest/gtest.h>

#include <set>

#include "responses_traces.hpp"
#include "sluice/base/limits.hpp"

namespace sluice::wire {
namespace {

using namespace testing::responses;

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
  const auto came = events(piece("a secret")).front().dump().size();
  int edited = 0;
  for (const auto& e : events(o.out)) {
    if (e["type"] != "response.output_text.delta" || e["delta"] != "a [R]") continue;
    ++edited;
    EXPECT_GT(e["obfuscation"].get<std::string>().size(), 3u);
    // Its tokens are gone, too.
    EXPECT_EQ(e.dump().size() - (e["sequence_number"].dump().size() + std::string_view(R"("sequence_number":,)").size()), came) << e;
  }
  EXPECT_EQ(edited, 1);
}

// Older vLLM counts a part with each piece.
TEST(responses_stream, pieces_that_each_name_a_part_of_their_own_are_one_text) {
  const auto counted = [](const std::string& text, int part, bool ends = false) {
    return event(with(at(ends ? "response.output_text.done" : "response.output_text.delta"), {{ends ? "text" : "delta", text}, {"content_index", part}}));
  };
  for (const bool announced : {false, true}) {
    const auto bytes = created() + (announced ? begin_text(0) : std::string()) + counted("my sec", 0) + counted("ret is", 1) + counted(" out, a sec", 2) + counted("my secret is out, a sec", 3, true) +
                       completed(json::array({message("completed", json::array({text_part("my secret is out, a sec")}))}));
    testing::block_sink blocks("secret");
    EXPECT_EQ(run(bytes, blocks).last, status::blocked);
    testing::replace_sink sink("secret", "[R]");
    const auto o = run(bytes, sink);
    EXPECT_EQ(o.out.find("ecre"), std::string::npos) << o.out;
    std::string grown;
    for (const auto& e : events(o.out)) {
      if (e["type"] == "response.output_text.delta") grown += e["delta"].get<std::string>();
      if (e["type"] == "response.output_text.done") EXPECT_EQ(e["text"], "my [R] is out, a sec");
    }
    EXPECT_EQ(grown, "my [R] is out, a sec") << o.out;
    EXPECT_EQ(sink.texts.size(), 1u) << json(sink.texts).dump();
    testing::pass_sink pass;
    EXPECT_EQ(run(bytes, pass).out, numbered(bytes));
  }
}

TEST(responses_stream, a_text_of_no_part_ends_with_its_item) {
  const auto piece_of_none = [](const std::string& text) { return event(with(at("response.output_text.delta"), {{"delta", text}, {"content_index", -1}})); };
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(created() + piece_of_none("a sec") + event(with(at("response.output_text.done"), {{"text", "a sec"}, {"content_index", -1}})) + completed(json::array()), sink);
  const auto all = events(o.out);
  ASSERT_EQ(all.size(), 5u) << o.out;
  EXPECT_EQ(all[2]["delta"], "sec");
  EXPECT_EQ(all[2]["content_index"], -1);
  EXPECT_EQ(all[3]["type"], "response.output_text.done");
}

TEST(responses_stream, items_and_parts_are_judged_apart) {
  testing::replace_sink sink("secret", "[R]");
  const auto bytes = created() + begin_text(0) + begin_text(1) + piece("sec", 0) + piece("ret", 1) + piece("ret", 0) + piece("sec", 1) + end_text("secret", 0) +
                     end_text("retsec", 1) + completed(json::array({message("completed", json::array({text_part("secret")})), message("completed", json::array({text_part("retsec")}), 1)}));
  const auto v = read(run(bytes, sink).out);
  EXPECT_EQ(v.grown.at("0/0"), "[R]");
  EXPECT_EQ(v.grown.at("1/0"), "retsec");
  EXPECT_EQ(v.told, (std::vector<std::string>{"[R]", "[R]", "[R]", "retsec", "retsec", "retsec", "[R]", "retsec"}));
}

TEST(responses_stream, a_whole_text_that_says_more_than_its_pieces_is_judged_too) {
  testing::replace_sink sink("secret", "[R]");
  const auto v = read(run(created() + begin_text() + piece("fine") + end_text("fine secret") + completed(json::array({message("completed", json::array({text_part("only a secret")}))})), sink).out);
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

TEST(responses_stream, an_annotation_of_a_text_that_was_changed_moves_with_its_words) {
  const auto note = [](int begin, int end) { return json{{"type", "url_citation"}, {"start_index", begin}, {"end_index", end}, {"title", "a title"}, {"url", "https://x"}}; };
  const auto noted = [&](int begin, int end) { return event(with(at("response.output_text.annotation.added"), {{"annotation_index", 0}, {"annotation", note(begin, end)}})); };
  const auto whole = json::array({note(2, 8), note(9, 11)});
  const auto bytes = created() + begin_text() + piece("a secret so") + noted(2, 8) + noted(9, 11) + end_text("a secret so", 0, whole) + completed(json::array({message("completed", json::array({text_part("a secret so", whole)}))}));
  for (const char* word : {"secret", "other"}) {
    const bool moved = std::string(word) == "secret";
    testing::replace_sink sink(word, "[R]");
    const auto expected = moved ? json::array({note(2, 5), note(6, 8)}) : whole;
    std::vector<json> told;
    for (const auto& e : events(run(bytes, sink).out)) {
      if (e["type"] == "response.output_text.annotation.added") told.push_back(e["annotation"]);
      if (e["type"] == "response.content_part.done") EXPECT_EQ(e["part"]["annotations"], expected) << e;
      if (e["type"] == "response.output_item.done") EXPECT_EQ(e["item"]["content"][0]["annotations"], expected) << e;
      if (e["type"] == "response.completed") EXPECT_EQ(e["response"]["output"][0]["content"][0]["annotations"], expected) << e;
    }
    EXPECT_EQ(json(told), expected);
  }
}

TEST(responses_stream, the_clients_own_instructions_are_no_finding) {
  testing::block_sink sink("bomb");
  const std::string request = R"({"model":"m","input":"x","stream":true,"instructions":"never say bomb","tools":[{"type":"function","name":"bomb","parameters":{"bomb":1}}]})";
  const json echo = {{"instructions", "never say bomb"}, {"tools", {{{"type", "function"}, {"name", "bomb"}, {"parameters", {{"bomb", 1}}}}}}};
  const auto bytes = created(echo) + begin_text() + piece("fine") + end_text("fine") + completed(json::array({message("completed", json::array({text_part("fine")}))}));
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

TEST(responses_stream, text_behind_the_answer_is_a_message_of_its_own_that_the_end_repeats) {
  const auto bytes = one_text({"a ", "text"});
  for (const bool keep : {false, true}) {
    testing::adding_sink sink(" +", keep);
    const auto o = run(bytes, sink);
    const auto v = read(o.out);
    EXPECT_EQ(o.last, status::ok);
    EXPECT_TRUE(v.numbers_rise) << o.out;
    const auto& output = v.last["response"]["output"];
    ASSERT_EQ(output.size(), 2u) << o.out;
    EXPECT_EQ(output[0]["content"][0]["text"], keep ? "" : "a text");
    EXPECT_EQ(output[1]["content"][0]["text"], keep ? "a text +" : " +");
    EXPECT_EQ(v.grown.contains("0/0"), !keep);
    EXPECT_EQ(v.grown.at("1/0"), keep ? "a text +" : " +");
    EXPECT_EQ(sink.closed, (std::vector<std::pair<std::int64_t, bool>>{{0, false}}));
  }
  testing::adding_sink blocking(" +", true);
  blocking.blocks = true;
  const auto cut = run(bytes, blocking);
  EXPECT_EQ(cut.last, status::blocked);
  EXPECT_EQ(cut.out.find("a text"), std::string::npos) << "what is kept for the end has not left";
  EXPECT_EQ(read(cut.out).last["type"], "response.incomplete");
  testing::adding_sink called(" +");
  (void)run(created() + event({{"type", "response.output_item.added"}, {"output_index", 0}, {"item", call_item("", "in_progress")}}) + completed(json::array()), called);
  EXPECT_EQ(called.closed, (std::vector<std::pair<std::int64_t, bool>>{{0, true}}));
}

TEST(responses_stream, has_bounds_of_its_items_its_texts_and_their_sum) {
  std::string items = created(), texts = created() + begin_text(), parts = texts, sum = created() + begin_text(), arguments = created();
  for (int n = 0; n <= 1024; ++n) {
    items += event({{"type", "response.output_item.added"}, {"output_index", n}, {"item", message("in_progress", json::array(), n)}});
    parts += event({{"type", "response.content_part.added"}, {"item_id", "msg_0"}, {"output_index", 0}, {"content_index", n}, {"part", text_part("")}});
    texts += event({{"type", "response.shell_call_command.delta"}, {"item_id", "msg_0"}, {"output_index", 0}, {"command_index", n}, {"delta", "a"}});
  }
  const std::string half(std::size_t{1} << 19, 'x');
  for (std::size_t bytes = 0; bytes <= limits::whole_answer_bytes; bytes += half.size()) sum += piece(half, static_cast<int>(bytes / half.size() % 3));
  for (std::size_t bytes = 0; bytes <= limits::whole_answer_bytes; bytes += half.size()) {
    arguments += event({{"type", "response.function_call_arguments.delta"}, {"item_id", "f"}, {"output_index", bytes / half.size()}, {"delta", half}});
  }
  for (const auto& bytes : {items, texts, parts, sum, arguments}) {
    testing::pass_sink sink;
    const auto o = run(bytes, sink);
    EXPECT_EQ(o.last, status::unreadable) << bytes.substr(bytes.size() - 200);
    EXPECT_EQ(read(o.out).last["type"], "response.incomplete");
  }
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
  stream->fail(gateway_error::upstream, "The upstream broke off.", "d1", out);
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
    // What is no text of its own as long as it looks the part: O, V, P, E, C, H.
    if (r.endpoint != "responses" || r.streaming != "yes" || std::string_view("-OVPECH").find(r.text_class) != std::string_view::npos) continue;
    const std::string path(r.path);
    const char* type = path.starts_with("response.") ? "response.completed" : path.starts_with("item") ? "response.output_item.done"
                       : path.starts_with("part")    ? "response.content_part.done" : path.starts_with("annotation") ? "response.output_text.annotation.added"
                       : r.kind == "error" && !path.starts_with('<') ? "error" : nullptr;
    json e = json::object();
    put(put, e, path, r.text_class == "J" ? json(json({{"k", marker}}).dump()) : r.text_class == "A" || r.text_class == "S" ? json{{"k", marker}} : json(marker));
    if (type != nullptr) e["type"] = type;
    testing::replace_sink sink(marker, "#");
    const auto o = run_raw(event(e) + "data: [DONE]\n\n", sink);
    const bool cannot_be_read = r.text_class == "B" || r.text_class == "R";
    EXPECT_EQ(o.last, cannot_be_read ? status::unreadable : status::done) << e.dump();
    const bool edits = r.text_class == "T" || r.text_class == "J" || r.text_class == "A";
    if (edits) EXPECT_EQ(o.out.find(marker), std::string::npos) << e.dump() << o.out;
    if (edits) EXPECT_NE(o.out.find('#'), std::string::npos) << o.out;
    ++looked;
  }
  EXPECT_GT(looked, 100);
}

TEST(responses_stream, words_in_the_place_of_an_identifier_a_setting_or_a_copy_are_judged) {
  const json words = "a bomb";
  for (const auto& e : {json{{"type", "response.output_text.delta"}, {"item_id", words}, {"delta", "x"}},
                        json{{"type", "response.output_text.delta"}, {"logprobs", words}, {"delta", "x"}},
                        json{{"type", "response.output_item.done"}, {"item", {{"type", "reasoning"}, {"encrypted_content", words}}}},
                        json{{"type", "response.completed"}, {"response", {{"usage", {{"note", words}}}}}},
                        json{{"type", "response.completed"}, {"response", {{"usage", {{"a bomb", 1}}}}}}}) {
    testing::block_sink sink("bomb");
    EXPECT_EQ(run_raw(event(e), sink).last, status::blocked) << e.dump();
  }
  testing::block_sink sink("bomb");
  EXPECT_EQ(run_raw("event: a bomb\n" + created(), sink).last, status::blocked);
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
