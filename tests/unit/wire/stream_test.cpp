// Streamed answers, made up and recorded. Goal: untouched is byte-identical, any cut gives the same, an edited word is nowhere in
// the client's bytes, and a cut-off ends every choice. Recordings: SLUICE_FIXTURES, or ../shared/fixtures beside the sources.
#include <gtest/gtest.h>

#include <algorithm>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "chat_traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using status = response_stream::status;

using namespace testing;

TEST(chat_stream, a_word_over_two_events_is_edited_and_its_logprobs_go) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(content("my sec") + content("ret now") + content(" fine") + finish() + done, {}, sink);
  EXPECT_EQ(o.last, status::done);
  const auto v = read(o.out);
  EXPECT_EQ(v.text.at({0, "content"}), "my [R] now fine");
  EXPECT_EQ(v.finished.at(0), "stop");
  EXPECT_TRUE(v.done);
  EXPECT_EQ(o.out.find("sec"), std::string::npos);
  EXPECT_EQ(o.out.find("ret now\"}]"), std::string::npos);
  EXPECT_NE(o.out.find(content(" fine")), std::string::npos) << "an untouched event leaves byte for byte";
}

TEST(chat_stream, what_is_held_at_the_end_comes_before_the_finish) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(content("it was a sec") + finish() + done, {}, sink);
  const auto v = read(o.out);
  EXPECT_EQ(v.text.at({0, "content"}), "it was a sec");
  EXPECT_LT(o.out.find("\"sec\""), o.out.find("\"stop\""));
}

TEST(chat_stream, choices_are_judged_apart) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(content("sec", 0) + content("ret", 1) + content("ret", 0) + content("sec", 1) + finish(0) + finish(1) + done, {}, sink);
  const auto v = read(o.out);
  EXPECT_EQ(v.text.at({0, "content"}), "[R]");
  EXPECT_EQ(v.text.at({1, "content"}), "retsec");
}

TEST(chat_stream, choices_that_finish_in_one_event_keep_their_own_rest) {
  testing::replace_sink sink("secret", "[R]");
  const auto both = chunk(R"([{"index":0,"delta":{"content":"a sec"},"finish_reason":"stop"},{"index":1,"delta":{"content":"b se"},"finish_reason":"stop"}])");
  const auto o = run(content("x ", 0) + content("y ", 1) + both + done, {}, sink);
  const auto v = read(o.out);
  EXPECT_EQ(v.text.at({0, "content"}), "x a sec");
  EXPECT_EQ(v.text.at({1, "content"}), "y b se");
}

TEST(chat_stream, keys_and_fields_that_no_table_knows_are_judged) {
  for (const char* extra : {R"([{"index":0,"delta":{"bomb":1}}])", R"([{"index":0,"delta":{"x":{"y":"a bomb"}}}])"}) {
    testing::block_sink sink("bomb");
    EXPECT_EQ(run(chunk(extra) + done, {}, sink).last, status::blocked) << extra;
  }
}

TEST(chat_stream, a_byte_order_mark_hides_nothing) {
  testing::block_sink sink("bomb");
  EXPECT_EQ(run("\xef\xbb\xbf" + content("a bomb") + done, {}, sink).last, status::blocked);
}

TEST(chat_stream, a_cut_ends_every_open_choice_and_then_the_stream) {
  testing::block_sink sink("bomb");
  const auto o = run(content("a", 0) + content("b", 1) + finish(1) + content(" bomb", 0) + content("never", 0) + done, {}, sink, true);
  EXPECT_EQ(o.last, status::blocked);
  const auto v = read(o.out);
  EXPECT_EQ(v.finished.at(0), "content_filter");
  EXPECT_EQ(v.finished.at(1), "stop");
  EXPECT_TRUE(v.done);
  EXPECT_EQ(o.out.find("bomb"), std::string::npos);
  EXPECT_NE(o.out.find("\"usage\""), std::string::npos);
}

TEST(chat_stream, a_cut_behind_the_count_of_tokens_tells_no_second_one) {
  const std::string usage = "data: {\"id\":\"c1\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n";
  const auto count = [](const std::string& out) {
    std::size_t n = 0;
    for (auto at = out.find("\"usage\":{"); at != std::string::npos; at = out.find("\"usage\":{", at + 1)) ++n;
    return n;
  };
  testing::block_sink behind("bomb"), before("bomb");
  const auto o = run(content("a") + finish() + usage + "data: {\"vendor\":\"a bomb\"}\n\n" + done, {}, behind, true);
  EXPECT_EQ(o.last, status::blocked);
  EXPECT_EQ(count(o.out), 1u) << o.out;
  EXPECT_NE(o.out.find("\"total_tokens\":3"), std::string::npos);
  // A count in a chunk that says something is none for the whole.
  const auto some = run("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"total_tokens\":1}}\n\n" + content(" bomb"), {}, before, true);
  EXPECT_EQ(some.last, status::blocked);
  EXPECT_NE(some.out.find("\"total_tokens\":0"), std::string::npos) << some.out;
}

TEST(chat_stream, tool_arguments_in_fragments_are_judged_whole) {
  const auto call = [](const std::string& fragment, bool first) {
    return chunk(R"([{"index":0,"delta":{"tool_calls":[{"index":0,)" + std::string(first ? R"("id":"c","type":"function",)" : "") + R"("function":{)" +
                 (first ? R"("name":"f",)" : "") + R"("arguments":)" + json(fragment).dump() + R"(}}]},"finish_reason":null}])");
  };
  const auto bytes = call("", true) + call("{\"q\":\"the s", false) + call("\\u0065cr", false) + call("et\"}", false) + finish(0, "tool_calls") + done;
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(bytes, {}, sink);
  EXPECT_EQ(json::parse(read(o.out).text.at({0, "tool0"}))["q"], "the [R]");
  testing::pass_sink pass;
  EXPECT_EQ(run(bytes, {}, pass).out, bytes);
  EXPECT_NE(std::find(pass.texts.begin(), pass.texts.end(), "the secret"), pass.texts.end());
  testing::block_sink block("secret");
  EXPECT_EQ(run(bytes, {}, block).last, status::blocked);
}

TEST(chat_stream, what_is_no_json_is_unreadable_and_nothing_of_it_leaves) {
  testing::pass_sink sink;
  const auto o = run(content("a") + "data: {broken secret\n\n" + done, {}, sink);
  EXPECT_EQ(o.last, status::unreadable);
  EXPECT_EQ(o.out.find("broken"), std::string::npos);
  EXPECT_EQ(read(o.out).finished.at(0), "content_filter");
}

TEST(chat_stream, a_dead_upstream_drops_what_is_held) {
  testing::replace_sink sink("secret", "[R]");
  const std::string body = R"({"messages":[],"stream":true})";
  const auto request = openai().read_request(chat, body, 64);
  const auto stream = openai().open_stream(chat, **request, 64);
  std::string out;
  EXPECT_EQ(stream->feed(content("a sec"), sink, out), status::ok);
  (void)stream->end(false, sink, out);
  stream->fail(gateway_error::upstream, "The upstream broke off.", "d1", out);
  EXPECT_EQ(out.find("sec"), std::string::npos);
  EXPECT_NE(out.find("\"error\""), std::string::npos);
  EXPECT_EQ(out.find("[DONE]"), std::string::npos);
}

// All recorded Chat Completions streams as bytes.
std::vector<std::pair<std::string, std::string>> recordings() {
  const char* env = std::getenv("SLUICE_FIXTURES");
  const fs::path root = env != nullptr ? fs::path(env) : fs::path(SLUICE_SOURCE_DIR) / "../shared/fixtures";
  std::vector<std::pair<std::string, std::string>> out;
  std::error_code why;
  for (fs::recursive_directory_iterator it(root, why), end; !why && it != end; it.increment(why)) {
    if (!it->is_regular_file()) continue;
    std::ifstream in(it->path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (bytes.find("chat.completion.chunk") == std::string::npos) continue;
    if (bytes.starts_with("{")) {  // one JSON text a line
      std::string sse;
      std::size_t at = 0;
      while (at < bytes.size()) {
        const auto stop = std::min(bytes.find('\n', at), bytes.size());
        if (stop > at) sse += "data: " + bytes.substr(at, stop - at) + "\n\n";
        at = stop + 1;
      }
      bytes = sse + done;
    }
    if (bytes.starts_with("data:")) out.emplace_back(it->path().filename(), std::move(bytes));
  }
  return out;
}

TEST(recordings, untouched_is_byte_identical_at_any_cut) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  std::mt19937 rng(3);
  for (const auto& [name, bytes] : all) {
    testing::pass_sink sink;
    ASSERT_EQ(run(bytes, {}, sink).out, bytes) << name;
    for (int round = 0; round < 5; ++round) {
      std::vector<std::size_t> cuts;
      for (std::size_t at = rng() % 40; at < bytes.size(); at += 1 + rng() % 400) cuts.push_back(at);
      testing::pass_sink again;
      ASSERT_EQ(run(bytes, cuts, again).out, bytes) << name;
    }
  }
}

TEST(recordings, a_word_that_is_edited_is_nowhere_in_the_clients_bytes) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  int words = 0;
  for (const auto& [name, bytes] : all) {
    const auto before = read(bytes);
    for (const auto& [where, text] : before.text) {
      if (where.second.starts_with("tool")) continue;
      // A word of letters in the middle of the text.
      const std::regex word_shape("[A-Za-z]{6,}");
      std::smatch m;
      const auto half = text.substr(text.size() / 2);
      if (!std::regex_search(half, m, word_shape)) continue;
      const std::string word = m.str();
      ++words;
      testing::replace_sink sink(word, "#");
      const auto o = run(bytes, {}, sink);
      const auto after = read(o.out);
      std::string expected;
      std::size_t at = 0;
      for (auto hit = text.find(word); hit != std::string::npos; hit = text.find(word, at)) {
        expected += text.substr(at, hit - at) + "#";
        at = hit + word.size();
      }
      expected += text.substr(at);
      ASSERT_EQ(after.text.at(where), expected) << name << " " << word;
      ASSERT_EQ(after.finished, before.finished) << name;
      // Keys of tool arguments are not edited: there a policy blocks instead.
      for (const auto& [w, t] : after.text) ASSERT_TRUE(w.second.starts_with("tool") || t.find(word) == std::string::npos) << name;
    }
  }
  EXPECT_GT(words, 5);
}

TEST(recordings, a_text_is_put_behind_each_choice_and_nothing_else_changes) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  int added = 0;
  for (const auto& [name, bytes] : all) {
    const auto before = read(bytes);
    for (const bool keep : {false, true}) {
      testing::adding_sink sink(" +", keep);
      const auto after = read(run(bytes, {}, sink).out);
      auto expected = before.text;
      for (const auto& [choice, structured] : sink.closed) {
        if (structured) continue;
        expected[{static_cast<int>(choice), "content"}] += " +";
        ++added;
      }
      ASSERT_EQ(after.text, expected) << name << (keep ? " kept" : "");
      ASSERT_EQ(after.finished, before.finished) << name;
    }
  }
  EXPECT_GT(added, 20);
}

TEST(chat_stream, judges_text_and_not_the_numbers_around_it) {
  testing::pass_sink sink;
  const auto bytes = content("one", 1) + content("two", 1) + finish(1) +
                     "data: {\"id\":\"c1\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n" + done;
  EXPECT_EQ(run(bytes, {}, sink).out, bytes);
  EXPECT_EQ(sink.texts, std::vector<std::string>({"onetwo"}));
  EXPECT_EQ(sink.names, std::vector<std::string>({"choices[1].delta.content"}));
}

TEST(chat_stream, judges_a_text_that_stands_where_a_number_should) {
  testing::pass_sink sink;
  run("data: {\"id\":\"c1\",\"created\":\"HERE\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{}}],\"usage\":{\"more\":\"THERE\"}}\n\n" + done, {}, sink);
  for (const char* text : {"HERE", "THERE", "more"}) EXPECT_EQ(std::ranges::count(sink.texts, text), 1) << text;
}

}  // namespace
}  // namespace sluice::wire
