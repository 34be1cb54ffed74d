// Nothing of a Chat Completions stream passes unread: what comes late, in pieces, in fields that nobody knows, as something else than
// text, or in amounts that nobody can hold.
#include <gtest/gtest.h>

#include <algorithm>

#include "chat_traces.hpp"
#include "sluice/base/limits.hpp"

namespace sluice::wire {
namespace {

using namespace testing;
using status = response_stream::status;

std::string delta(const std::string& members, int index = 0) {
  return chunk(R"([{"index":)" + std::to_string(index) + R"(,"delta":{)" + members + R"(},"finish_reason":null}])");
}
bool judged(const pass_sink& sink, const std::string& text) { return std::ranges::count(sink.texts, text) > 0; }

TEST(chat_text, behind_the_finish_of_its_choice_ends_the_stream) {
  for (const auto& late : {content("ret"), delta(R"("refusal":"ret")"), delta(R"("tool_calls":[{"index":0,"function":{"arguments":"ret"}}])")}) {
    replace_sink sink("secret", "[R]");
    const auto o = run(content("a sec") + finish() + late + done, {}, sink);
    EXPECT_EQ(o.last, status::unreadable) << late;
    EXPECT_EQ(o.out.find("ret"), std::string::npos) << late;
    EXPECT_TRUE(o.out.ends_with(done));
  }
}

TEST(chat_text, of_a_choice_that_finishes_twice_leaves_once) {
  replace_sink sink("secret", "[R]");
  const auto o = run(content("a sec") + finish() + delta(R"("content":"")") + finish() + done, {}, sink);
  EXPECT_EQ(o.last, status::done);
  EXPECT_EQ(read(o.out).text.at({0, "content"}), "a sec");
}

TEST(chat_text, of_one_finished_choice_leaves_the_others_alone) {
  replace_sink sink("secret", "[R]");
  const auto o = run(content("a sec", 0) + finish(0) + content("sec", 1) + content("ret", 1) + finish(1) + done, {}, sink);
  EXPECT_EQ(read(o.out).text.at({1, "content"}), "[R]");
}

TEST(chat_text, of_an_unknown_field_is_one_text_over_all_events) {
  for (const char* field : {R"("thoughts":"X")", R"("x":{"y":["X"]})", R"("blocks":[{"index":3,"type":"t","words":"X"}])"}) {
    const auto piece = [&](const std::string& text) {
      std::string made = field;
      return delta(made.replace(made.find('X'), 1, text));
    };
    block_sink block("secret");
    EXPECT_EQ(run(piece("a sec") + piece("ret") + done, {}, block).last, status::blocked) << field;
    // What is held of it comes back in its place.
    replace_sink hold("secret", "[R]");
    const auto o = run(piece("a sec") + finish() + done, {}, hold);
    EXPECT_EQ(o.last, status::done);
    EXPECT_LT(o.out.find("\"sec\""), o.out.find("\"stop\"")) << field << o.out;
    pass_sink pass;
    EXPECT_EQ(run(piece("a") + piece("b") + finish() + done, {}, pass).out, piece("a") + piece("b") + finish() + done);
  }
}

TEST(chat_text, outside_of_the_deltas_is_judged_as_one_text_when_it_changes_and_never_cut) {
  const auto field = [](const std::string& text) { return R"(data: {"id":"c","choices":[],"x_note":")" + text + "\"}\n\n"; };
  block_sink block("secret");
  EXPECT_EQ(run(field("a sec") + field("ret") + done, {}, block).last, status::blocked);
  pass_sink pass;
  const auto same = field("groq one") + field("groq one") + field("groq one") + done;
  EXPECT_EQ(run(same, {}, pass).out, same);
  EXPECT_EQ(std::ranges::count(pass.texts, "groq one"), 1);
  replace_sink hold("secret", "[R]");
  EXPECT_EQ(run(field("a sec") + field("b sec") + done, {}, hold).out, field("a sec") + field("b sec") + done);
}

TEST(chat_text, of_an_unknown_field_goes_on_behind_the_finish_reason) {
  block_sink block("secret");
  const auto behind = delta(R"("note":"a sec")") + finish() + delta(R"("note":"re")") + delta(R"("note":"t")");
  EXPECT_EQ(run(behind + done, {}, block).last, status::blocked);
  pass_sink pass;
  EXPECT_EQ(run(behind + done, {}, pass).out, behind + done);
}

TEST(chat_text, in_more_unknown_fields_than_are_followed_is_unreadable) {
  std::string many;
  for (std::size_t i = 0; i <= limits::channels; ++i) many += delta("\"f" + std::to_string(i) + R"(":"word")");
  pass_sink sink;
  EXPECT_EQ(run(many + done, {}, sink).last, status::unreadable);
  std::string vendor = "data: {";
  for (std::size_t i = 0; i <= limits::unknown_fields; ++i) vendor += (i == 0 ? "\"f" : ",\"f") + std::to_string(i) + R"(":"word")";
  pass_sink again;
  EXPECT_EQ(run(vendor + "}\n\n" + done, {}, again).last, status::unreadable);
}

std::string call(const std::string& arguments) { return delta(R"("tool_calls":[{"index":0,"function":{"arguments":)" + json(arguments).dump() + "}}]"); }

TEST(chat_text, of_arguments_that_are_no_json_is_judged_with_its_escapes_read) {
  for (const char* arguments : {R"({"q":"s\u0065cret)", R"({"q":"s\x65cret"})", R"({"q":"\ud800 s\u0065cret"})", R"({'q':'s\u0065cret'})"}) {
    block_sink sink("secret");
    EXPECT_EQ(run(call(arguments) + finish(0, "tool_calls") + done, {}, sink).last, status::blocked) << arguments;
  }
  replace_sink sink("secret", "[R]");
  const auto o = run(call("{\"q\":\"the se") + call("cret is") + finish(0, "length") + done, {}, sink);
  EXPECT_EQ(read(o.out).text.at({0, "tool0"}), "{\"q\":\"the [R] is") << "without escapes it is edited as it stands";
}

TEST(chat_text, of_arguments_counts_numbers_and_literals) {
  pass_sink sink;
  run(call(R"({"card":4111111111111111,"big":4.111111111111111e15,"yes":true,"no":null})") + finish(0, "tool_calls") + done, {}, sink);
  for (const char* text : {"4111111111111111", "4.111111111111111e15", "true", "null", "card"}) EXPECT_TRUE(judged(sink, text)) << text;
  EXPECT_EQ(std::ranges::count(sink.texts, "4111111111111111"), 2) << "the exponent is spoken, too";
}

TEST(chat_text, stands_in_things_of_the_wrong_kind) {
  for (const char* data : {R"({"choices":{"0":{"delta":{"content":"a secret"}}}})", R"({"choices":"a secret"})", R"({"choices":["a secret"]})",
                           R"({"choices":[{"index":0,"delta":"a secret"}]})", R"({"choices":[{"index":0,"delta":["a secret"]}]})",
                           R"({"choices":[{"index":0,"delta":{"content":["a secret"]}}]})", R"({"choices":[{"index":0,"delta":{"content":{"a":"a secret"}}}]})",
                           R"({"choices":[{"index":0,"delta":{},"finish_reason":{"a":"a secret"}}]})", R"({"id":"a secret thing"})", R"({"id":{"secret":1}})",
                           R"({"choices":[{"index":0,"message":{"content":"a secret"}}]})", R"({"choices":[{"index":0,"delta":{},"logprobs":"a secret"}]})"}) {
    block_sink sink("secret");
    EXPECT_EQ(run(std::string("data: ") + data + "\n\n" + done, {}, sink).last, status::blocked) << data;
  }
  for (const char* data : {R"(["a secret"])", R"("a secret")", "4111111111111111", R"({"choices":[{"index":"0","delta":{"content":"a"}}]})",
                           R"({"choices":[{"index":1e1,"delta":{"content":"a"}}]})", R"({"choices":[{"index":-1,"delta":{"content":"a"}}]})",
                           R"({"choices":[{"index":0,"delta":{},"token_ids":[1,2]}]})"}) {
    pass_sink sink;
    const auto o = run(std::string("data: ") + data + "\n\n" + done, {}, sink);
    EXPECT_EQ(o.last, status::unreadable) << data;
    EXPECT_EQ(o.out.find("secret"), std::string::npos);
  }
  pass_sink sink;
  run(delta(R"("content":4111111111111111)") + done, {}, sink);
  EXPECT_TRUE(judged(sink, "4111111111111111"));
}

TEST(chat_text, beside_the_data_of_an_event_is_judged) {
  for (const char* lines : {": a secret\n\n", "note: a secret\n\n", "{\"error\":\"a secret\"}\n\n", "id: a secret\ndata: {}\n\n", "event: a secret\ndata: {}\n\n", "data: {}\n: a secret\n\n"}) {
    block_sink sink("secret");
    EXPECT_EQ(run(lines + done, {}, sink).last, status::blocked) << lines;
  }
  // In one word, too; what is the framing's own word is none.
  for (const char* lines : {": secret\n\n", ": a-secret-word\n\n", "id: secret\ndata: {}\n\n", "event: secret\ndata: {}\n\n", "retry: secret\n\n", "data: {}\nid: 1\n: secret\n\n"}) {
    block_sink sink("secret");
    EXPECT_EQ(run(lines + done, {}, sink).last, status::blocked) << lines;
  }
  block_sink framing("ping");
  EXPECT_EQ(run(": ping\n\nevent: ping\ndata: {}\n\n" + done, {}, framing).last, status::done);
  const std::string alive = ": OPENROUTER PROCESSING\n\nid: 7\nretry: 30\nevent: ping\ndata: {}\n\n" + done;
  pass_sink sink;
  EXPECT_EQ(run(alive, {}, sink).out, alive);
}

TEST(chat_text, of_a_name_in_pieces_is_found) {
  const auto named = [](const char* part) { return delta(R"("tool_calls":[{"index":0,"function":{"name":")" + std::string(part) + R"("}}])"); };
  block_sink sink("secret");
  EXPECT_EQ(run(named("sec") + named("ret") + done, {}, sink).last, status::blocked);
}

TEST(chat_text, of_a_custom_tool_leaves_as_it_is_decided) {
  const auto input = [](const std::string& text, bool first = false) {
    return delta(R"("tool_calls":[{"index":2,)" + std::string(first ? R"("id":"c","type":"custom",)" : "") + R"("custom":{"input":)" + json(text).dump() + "}}]");
  };
  replace_sink sink("secret", "[R]");
  const auto o = run(input("my sec", true) + input("ret and sec") + finish() + done, {}, sink);
  EXPECT_EQ(o.last, status::done);
  EXPECT_EQ(o.out.find("secret"), std::string::npos);
  EXPECT_NE(o.out.find("[R] and "), std::string::npos);
  EXPECT_NE(o.out.find(R"("tool_calls":[{"index":2,"type":"custom","custom":{"input":"sec"}}])"), std::string::npos) << o.out;
}

TEST(chat_text, that_is_spoken_is_an_attachment_with_a_transcript) {
  const auto bytes = delta(R"("audio":{"id":"a","transcript":"my sec"})") + delta(R"("audio":{"transcript":"ret"})") + delta(R"("audio":{"data":"QUJD"})") + finish() + done;
  replace_sink denied("secret", "[R]");
  EXPECT_EQ(run(bytes, {}, denied).last, status::unreadable);
  EXPECT_EQ(denied.unread_paths, std::vector<std::string>({"choices[0].delta.audio.data"}));
  replace_sink allowed("secret", "[R]");
  allowed.passes_unread = true;
  const auto o = run(bytes, {}, allowed);
  EXPECT_EQ(o.last, status::done);
  EXPECT_NE(o.out.find("[R]"), std::string::npos);
  EXPECT_EQ(o.out.find("QUJD"), std::string::npos) << "the voice says what was taken out";
  pass_sink pass;
  pass.passes_unread = true;
  EXPECT_EQ(run(bytes, {}, pass).out, bytes);
}

TEST(chat_text, that_was_edited_has_citations_that_point_to_where_their_words_are_now) {
  const auto cited = [](int begin, int end) {
    return delta(R"("annotations":[{"type":"url_citation","url_citation":{"start_index":)" + std::to_string(begin) + R"(,"end_index":)" + std::to_string(end) + R"(,"title":"T","url":"https://x.example"}}])");
  };
  const std::string bytes = content("my secret is") + cited(3, 9) + content(" a secret") + cited(10, 12) + finish() + done;
  replace_sink sink("secret", "[R]");
  const auto o = run(bytes, {}, sink);
  EXPECT_NE(o.out.find(cited(3, 6)), std::string::npos) << o.out;
  EXPECT_NE(o.out.find(cited(7, 9)), std::string::npos) << o.out;
  replace_sink other("other", "[R]");
  EXPECT_NE(run(bytes, {}, other).out.find(cited(3, 9)), std::string::npos);
  // Where nobody can say what was edited, they go.
  class silent final : public replace_sink {
   public:
    using replace_sink::replace_sink;
    std::optional<std::vector<text_edit>> edits(std::uint32_t) const override { return std::nullopt; }
  } mute("secret", "[R]");
  EXPECT_EQ(run(bytes, {}, mute).out.find("start_index"), std::string::npos);
}

TEST(chat_text, goes_on_behind_a_finish_reason_that_is_empty) {
  const std::string piece = chunk(R"([{"index":0,"delta":{"content":"my sec"},"finish_reason":""}])"), rest = chunk(R"([{"index":0,"delta":{"content":"ret"},"finish_reason":""}])");
  replace_sink sink("secret", "[R]");
  const auto o = run(piece + rest + finish() + done, {}, sink);
  EXPECT_EQ(o.last, response_stream::status::done);
  EXPECT_EQ(read(o.out).text.at({0, "content"}), "my [R]");
}

TEST(chat_text, that_is_too_much_ends_the_stream) {
  pass_sink large;
  EXPECT_EQ(run("data: " + json(std::string(limits::event_bytes, 'x')).dump(), {}, large).last, status::unreadable);
  pass_sink held;
  std::string fragments;
  for (std::size_t sum = 0; sum <= limits::arguments_bytes; sum += 1u << 19) fragments += call(std::string(1u << 19, 'x'));
  EXPECT_EQ(run(fragments + done, {}, held).last, status::unreadable);
  pass_sink choices;
  std::string many;
  for (std::size_t i = 0; i <= limits::choices; ++i) many += content("a", static_cast<int>(i));
  EXPECT_EQ(run(many + done, {}, choices).last, status::unreadable);
  pass_sink calls;
  std::string each;
  for (std::size_t i = 0; i <= limits::calls; ++i) each += delta(R"("tool_calls":[{"index":)" + std::to_string(i) + R"(,"function":{"arguments":"1"}}])");
  EXPECT_EQ(run(each + done, {}, calls).last, status::unreadable);
}

TEST(chat_text, of_a_last_event_that_nothing_ends_is_judged_and_what_follows_it_stands_apart) {
  // And is the last of its choice.
  const auto open = [](std::string event) {
    event.replace(event.find("\"finish_reason\":null"), 20, R"("finish_reason":"stop")");
    return event.erase(event.find_last_not_of('\n') + 1);
  };
  for (const char* end : {"", "\n", "\r\n", "\r"}) {
    replace_sink sink("secret", "[R]");
    const auto o = run(content("x ") + open(content("a secret sec")) + end, {}, sink);
    EXPECT_EQ(read(o.out).text.at({0, "content"}), "x a [R] sec") << o.out;
    block_sink block("secret");
    EXPECT_EQ(run(open(content("a secret")) + end, {}, block).last, status::blocked);
    pass_sink pass;
    EXPECT_EQ(run(content("x ") + open(content("y")) + end, {}, pass).out, content("x ") + open(content("y")) + end);
  }
}

}  // namespace
}  // namespace sluice::wire
