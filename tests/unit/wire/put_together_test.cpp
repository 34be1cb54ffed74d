// What clients put together of a streamed answer. Goal: what an official SDK joins is judged as one, wherever its pieces stand; what may be
// read in two ways leaves in none. Method: a word cut at every place over the two events that a client joins.
#include <gtest/gtest.h>

#include "responses_traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string word = "secret";

// `two` makes an answer of two pieces that a client joins.
template <class answer>
void expect_one_text(const dialect& speaks, const std::string& path, const std::string& request, const answer& two) {
  for (std::size_t at = 1; at < word.size(); ++at) {
    const std::string bytes = two("a " + word.substr(0, at), word.substr(at) + " b");
    testing::block_sink blocks(word);
    const auto stopped = testing::run(speaks, path, request, bytes, {}, blocks);
    EXPECT_EQ(stopped.last, status::blocked) << at << "\n" << stopped.out;
    EXPECT_EQ(stopped.out.find(word.substr(at) + " b"), std::string::npos) << stopped.out;
    for (std::size_t cut = 1; cut < bytes.size(); cut += 7) {
      testing::replace_sink edits(word, "[R]");
      const auto t = testing::run(speaks, path, request, bytes, {cut}, edits);
      EXPECT_NE(t.out.find("[R]"), std::string::npos) << at << "\n" << t.out;
      EXPECT_EQ(t.out.find("a " + word.substr(0, at) + "\""), std::string::npos) << at << "\n" << t.out;
    }
    testing::pass_sink passes;
    EXPECT_EQ(testing::run(speaks, path, request, bytes, {}, passes).out, bytes);
  }
}
template <class answer>
void expect_refused(const dialect& speaks, const std::string& path, const std::string& request, const answer& two) {
  for (std::size_t at = 1; at < word.size(); ++at) {
    const std::string bytes = two("a " + word.substr(0, at), word.substr(at) + " b");
    testing::block_sink blocks(word);
    const auto stopped = testing::run(speaks, path, request, bytes, {}, blocks);
    EXPECT_EQ(stopped.last, status::unreadable) << bytes << stopped.out;
    const bool both = stopped.out.find("a " + word.substr(0, at) + "\"") != std::string::npos && stopped.out.find(word.substr(at) + " b") != std::string::npos;
    EXPECT_FALSE(both) << stopped.out;
  }
}

// Anthropic.
const std::string messages = R"({"model":"claude","max_tokens":9,"stream":true,"messages":[]})";
std::string event(const json& data) { return "event: " + data["type"].get<std::string>() + "\ndata: " + data.dump() + "\n\n"; }
std::string start(const json& content) { return event({{"type", "message_start"}, {"message", {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"content", content}, {"model", "c"}}}}); }
std::string begin(int i, const json& block) { return event({{"type", "content_block_start"}, {"index", i}, {"content_block", block}}); }
std::string delta(int i, const json& d) { return event({{"type", "content_block_delta"}, {"index", i}, {"delta", d}}); }
const std::string finish = event({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}}}}) + event({{"type", "message_stop"}});
json text(const std::string& t) { return {{"type", "text"}, {"text", t}}; }
json more(const std::string& t) { return {{"type", "text_delta"}, {"text", t}}; }

TEST(put_together, deltas_go_on_in_the_blocks_that_a_message_comes_with) {
  const auto use = json{{"type", "tool_use"}, {"id", "t"}, {"name", "f"}, {"input", {{"a", "b"}}}};
  expect_one_text(anthropic(), "/v1/messages", messages, [&](const std::string& a, const std::string& b) { return start(json::array({text(a)})) + delta(0, more(b)) + finish; });
  expect_one_text(anthropic(), "/v1/messages", messages, [&](const std::string& a, const std::string& b) {
    return start(json::array({use, text("x"), text(a)})) + begin(3, text("")) + delta(3, more("y")) + delta(2, more(b)) + finish;
  });
  // Signed, so not edited.
  testing::block_sink blocks(word);
  const auto thought = start(json::array({{{"type", "thinking"}, {"thinking", "sec"}}})) + delta(0, {{"type", "thinking_delta"}, {"thinking", "ret"}}) + finish;
  EXPECT_EQ(testing::run(anthropic(), "/v1/messages", messages, thought, {}, blocks).last, status::blocked);
}

TEST(put_together, what_is_held_of_a_block_that_came_with_its_message_leaves_in_a_delta) {
  testing::replace_sink edits(word, "[R]");
  const auto t = testing::run(anthropic(), "/v1/messages", messages, start(json::array({text("a sec")})) + finish, {}, edits);
  EXPECT_EQ(t.out, start(json::array({text("a ")})) + "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"sec\"}}\n\n" + finish);
}

TEST(put_together, blocks_of_two_messages_are_two_texts) {
  testing::block_sink blocks(word);
  EXPECT_NE(testing::run(anthropic(), "/v1/messages", messages, start(json::array({text("sec")})) + start(json::array({text("ret")})) + finish, {}, blocks).last, status::blocked);
}

TEST(put_together, a_block_with_text_stands_where_its_number_says) {
  expect_refused(anthropic(), "/v1/messages", messages, [&](const std::string& a, const std::string& b) { return start(json::array()) + begin(5, text(a)) + delta(0, more(b)) + finish; });
  expect_refused(anthropic(), "/v1/messages", messages, [&](const std::string& a, const std::string& b) { return start(json::array({text(a)})) + begin(0, text(b)) + finish; });
  expect_refused(anthropic(), "/v1/messages", messages, [&](const std::string& a, const std::string& b) {
    return start(json::array({text("x"), text("y")})) + begin(7, text(a)) + delta(2, more(b)) + finish;
  });
}

// Responses.
namespace r = testing::responses;

json call(const std::string& arguments) { return {{"id", "f"}, {"type", "function_call"}, {"status", "in_progress"}, {"name", "f"}, {"call_id", "c"}, {"arguments", arguments}}; }
std::string told(const json& output, const std::string& type = "response.created") { return r::event({{"type", type}, {"response", r::response("in_progress", output)}}); }
json said(const std::string& t) { return r::message("in_progress", json::array({r::text_part(t)})); }
std::string piece(const std::string& t) { return r::event(r::with(r::at("response.output_text.delta"), {{"delta", t}})); }
std::string added(int n, const json& item) { return r::event({{"type", "response.output_item.added"}, {"output_index", n}, {"item", item}}); }

TEST(put_together, pieces_go_on_in_the_texts_that_a_response_begins_with) {
  const std::string done = "data: [DONE]\n\n";
  expect_one_text(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) { return told(json::array({said(a)})) + piece(b) + done; });
  expect_one_text(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) { return told(json::array({said(a)})) + told(json::array({said(a)}), "response.in_progress") + piece(b) + done; });
  expect_one_text(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) {
    return told(json::array({call("{\"q\":\"" + a)})) + r::event({{"type", "response.function_call_arguments.delta"}, {"item_id", "f"}, {"output_index", 0}, {"delta", b + "\"}"}}) + done;
  });
  expect_one_text(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) {
    const auto thought = json{{"id", "x"}, {"type", "reasoning"}, {"summary", json::array({{{"type", "summary_text"}, {"text", a}}})}};
    return told(json::array({said("x"), thought})) + r::event({{"type", "response.reasoning_summary_text.delta"}, {"item_id", "x"}, {"output_index", 1}, {"summary_index", 0}, {"delta", b}}) + done;
  });
}

TEST(put_together, a_response_so_far_says_what_came_of_it) {
  expect_refused(openai(), "/v1/responses", r::asked, [](const std::string& a, const std::string& b) { return told(json::array()) + told(json::array({said(a)}), "response.in_progress") + piece(b); });
  expect_refused(openai(), "/v1/responses", r::asked, [](const std::string& a, const std::string& b) {
    return told(json::array()) + r::begin_text() + piece("x") + told(json::array({said(a)}), "response.in_progress") + piece(b);
  });
}

TEST(put_together, an_item_or_a_part_with_text_stands_where_its_number_says) {
  expect_refused(openai(), "/v1/responses", r::asked, [](const std::string& a, const std::string& b) { return told(json::array()) + added(4, said(a)) + piece(b); });
  expect_refused(openai(), "/v1/responses", r::asked, [](const std::string& a, const std::string& b) { return told(json::array({said(a)})) + added(0, said("")) + piece(b); });
  expect_refused(openai(), "/v1/responses", r::asked, [](const std::string& a, const std::string& b) {
    const auto part = r::with(r::at("response.content_part.added"), {{"part", r::text_part(a)}, {"content_index", 3}});
    return told(json::array()) + added(0, r::message("in_progress", json::array())) + r::event(part) + piece(b);
  });
}

TEST(put_together, nothing_goes_on_behind_the_end_of_a_text_of_a_response) {
  const auto refusal = [](const std::string& how, const std::string& t) { return r::event(r::with(r::at("response.refusal." + how), {{how == "done" ? "refusal" : "delta", t}})); };
  expect_refused(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) { return told(json::array()) + refusal("delta", a) + refusal("done", a) + refusal("delta", b); });
  expect_refused(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) { return told(json::array()) + refusal("done", a) + refusal("delta", b); });
  expect_refused(openai(), "/v1/responses", r::asked, [&](const std::string& a, const std::string& b) {
    return told(json::array()) + added(0, call("")) + r::event({{"type", "response.output_item.done"}, {"output_index", 0}, {"item", call(a)}}) +
           r::event({{"type", "response.function_call_arguments.delta"}, {"output_index", 0}, {"delta", b}});
  });
}

// Chat Completions: the parts of a content and of what tells of its reasoning follow those of the event before.
TEST(put_together, parts_of_a_content_go_on_in_those_of_the_event_before) {
  const std::string asked = R"({"messages":[],"stream":true})";
  const auto chunk = [](const json& delta) { return "data: " + json{{"choices", json::array({{{"index", 0}, {"delta", delta}}})}}.dump() + "\n\n"; };
  const auto words = [](const std::string& t) { return json{{"type", "text"}, {"text", t}}; };
  const auto thought = [&](const std::string& t) { return json{{"type", "thinking"}, {"thinking", json::array({words(t)})}}; };
  const auto content = [&](const json& c) { return chunk({{"content", c}}); };
  const auto details = [&](const json& d) { return chunk({{"reasoning_details", d}}); };
  const auto detail = [](const std::string& t) { return json{{"type", "reasoning.text"}, {"text", t}}; };
  const auto expect = [&](const auto& two) { expect_one_text(openai(), "/v1/chat/completions", asked, two); };
  expect([&](const std::string& a, const std::string& b) { return content(json::array({words("x"), words(a)})) + content(json::array({words(b)})); });
  expect([&](const std::string& a, const std::string& b) { return content(json::array({words(a)})) + content(json::array({words(b), words("x")})); });
  expect([&](const std::string& a, const std::string& b) { return content(json::array({words(a), words(b)})); });
  expect([&](const std::string& a, const std::string& b) { return content(a) + content(json::array({words(b)})); });
  expect([&](const std::string& a, const std::string& b) { return content(json::array({words(a)})) + content(b); });
  expect([&](const std::string& a, const std::string& b) { return content(json::array({words("x"), thought(a)})) + content(json::array({thought(b)})); });
  expect([&](const std::string& a, const std::string& b) { return details(json::array({detail("x"), detail(a)})) + details(json::array({detail(b)})); });
}

// Gemini.
const std::string generate = "/v1beta/models/m:streamGenerateContent?alt=sse";
std::string part(json p, const json& thought) {
  p["thought"] = thought;
  return "data: " + json{{"candidates", json::array({{{"index", 0}, {"content", {{"role", "model"}, {"parts", json::array({p})}}}}})}}.dump() + "\n\n";
}

TEST(put_together, only_a_flag_makes_a_thought) {
  for (const auto& odd : {json("true"), json("false"), json(1), json(0), json::object(), json::array({true})}) {
    expect_refused(gemini(), generate, R"({"contents":[]})", [&](const std::string& a, const std::string& b) { return part({{"text", a}}, odd) + part({{"text", b}}, nullptr); });
    testing::pass_sink allowed;
    allowed.passes_unread = true;
    const auto bytes = part({{"text", "a"}}, odd);
    EXPECT_EQ(testing::run(gemini(), generate, R"({"contents":[]})", bytes, {}, allowed).out, bytes) << odd;
    const auto plain = part({{"text", "a"}}, odd).substr(6);
    const auto whole = gemini().read_response(gemini().classify("POST", "/v1beta/models/m:generateContent"), plain, 64);
    ASSERT_TRUE(whole.has_value());
    EXPECT_FALSE((*whole)->unread_parts().empty()) << odd;
    const auto turn = json{{"contents", json::array({{{"role", "model"}, {"parts", json::array({{{"text", "a"}, {"thought", odd}}})}}})}}.dump();
    const auto asked = gemini().read_request(gemini().classify("POST", "/v1beta/models/m:generateContent"), turn, 64);
    ASSERT_TRUE(asked.has_value());
    for (const auto& p : (*asked)->parts()) EXPECT_NE(p.kind, part_kind::reasoning) << odd;
  }
  expect_one_text(gemini(), generate, R"({"contents":[]})", [&](const std::string& a, const std::string& b) { return part({{"text", a}}, nullptr) + part({{"text", b}}, false); });
  expect_one_text(gemini(), generate, R"({"contents":[]})", [&](const std::string& a, const std::string& b) { return part({{"text", a}}, true) + part({{"text", b}}, true); });
}

// Ollama: clients in Go read a key in any case.
TEST(put_together, a_key_in_another_case_is_refused_in_answers_too) {
  const auto line = [](const std::string& says) { return R"({"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant",)" + says + R"(},"done":false})" + "\n"; };
  const auto chat = [&](const char* key, const std::string& t) { return line("\"" + std::string(key) + "\":" + json(t).dump()); };
  for (const char* key : {"Content", "CONTENT"}) {
    expect_refused(ollama(), "/api/chat", R"({"model":"m","messages":[]})", [&](const std::string& a, const std::string& b) { return chat("content", a) + chat(key, b); });
    const auto body = chat(key, "x");
    EXPECT_FALSE(ollama().read_response(ollama().classify("POST", "/api/chat"), body, 64).has_value()) << key;
  }
  testing::pass_sink both;
  EXPECT_EQ(testing::run(ollama(), "/api/chat", R"({"model":"m","messages":[]})", line(R"("content":"a","Content":"b")"), {}, both).last, status::unreadable);
  // In what a tool is called with, keys are as they are.
  testing::pass_sink fine;
  const auto tool = line(R"("content":"","tool_calls":[{"function":{"name":"f","arguments":{"Name":"a","name":"b"}}}])");
  EXPECT_EQ(testing::run(ollama(), "/api/chat", R"({"model":"m","messages":[]})", tool, {}, fine).out, tool);
  // As a text that Gemini's clients read in two spellings.
  testing::pass_sink twice;
  const std::string spelled = "data: {\"candidates\":[{\"index\":0,\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":\"text/plain\"},\"inline_data\":{\"mimeType\":\"text/plain\"}}]}}]}\n\n";
  EXPECT_EQ(testing::run(gemini(), generate, R"({"contents":[]})", spelled, {}, twice).last, status::unreadable);
}

}  // namespace
}  // namespace sluice::wire
