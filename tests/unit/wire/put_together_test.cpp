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

}  // namespace
}  // namespace sluice::wire
