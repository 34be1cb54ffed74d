// JSON that follows JSON. Goal: a text that is read along the one before it gives exactly what reading it alone gives, values, places and errors.
// Method: chains of texts, each the one before with other bytes somewhere, read both ways.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "sluice/text/json.hpp"

namespace sluice::text::json {
namespace {

const std::vector<std::string> texts = {
    R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"obfuscation":"abc"})",
    R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}})",
    R"( { "a" : [ 1 , "x" , [ ] , { } , { "b" : "y" } ] , "c" : true , "d" : "" , "e" : -1.5e3 } )",
    R"(["x"])", R"("x")", "7", R"({"k\u0065y":"x","a":"y"})", R"({"a":{"b":{"c":["1",["2",{"d":"3"}]]}},"z":"4"})"};

// What a stream may say next: inside strings, in numbers, and what breaks either or changes the form.
const std::vector<std::string> bits = {"a", " longer than it was ", "", "\\n", "\\\"", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\x", "\xc3\xa9", "\xff", "\xc3", "\x01", std::string(1, '\0'), "\"", "\\", ",", "}", "]", "{", "[]", ":",
                                       "0", "12", "007", "-1", "1.5", "1e9", "x", "null", " ", "\n", "\",\"more\":\"", "\xef\xbb\xbf", "\x7f"};

void expect_same(const document& read, const document& alone, const std::string& text) {
  ASSERT_EQ(read.nodes().size(), alone.nodes().size()) << text;
  ASSERT_EQ(read.bytes(), alone.bytes());
  for (index i = 0; i < alone.nodes().size(); ++i) {
    const auto &a = read[i], &b = alone[i];
    ASSERT_TRUE(a.kind == b.kind && a.place == b.place && a.parent == b.parent && a.next == b.next) << text << " at " << i;
    ASSERT_TRUE(a.raw_begin == b.raw_begin && a.raw_end == b.raw_end && a.key_begin == b.key_begin && a.key_end == b.key_end) << text << " at " << i;
    ASSERT_EQ(a.key, b.key) << text;
    ASSERT_EQ(a.text, b.text) << text;
  }
}

TEST(json_next, is_what_reading_it_alone_gives) {
  std::mt19937 rng(11);
  int along = 0, refused = 0;
  for (int chain = 0; chain < 4'000; ++chain) {
    document read;
    auto text = texts[rng() % texts.size()];
    for (int step = 0; step < 12; ++step) {
      auto bytes = std::make_unique<std::string>(text);  // of its own, so that views into the one before show
      document alone;
      const auto got = read.parse_next(*bytes, 8), wanted = alone.parse(*bytes, 8);
      ASSERT_EQ(got.has_value(), wanted.has_value()) << text;
      if (!got) {
        ASSERT_EQ(got.error().message, wanted.error().message) << text;
        ++refused;
        text = texts[rng() % texts.size()];
        continue;
      }
      expect_same(read, alone, text);
      along += read.repeats();
      // Mostly in a place of a value, where a stream's next event differs.
      const auto& n = alone[static_cast<index>(rng() % alone.nodes().size())];
      const bool inside = n.kind == kind::string && n.raw_end - n.raw_begin > 2;
      const std::size_t from = rng() % 8 == 0 ? rng() % (text.size() + 1) : n.raw_begin + inside, to = rng() % 3 == 0 ? from : std::max<std::size_t>(from, n.raw_end - inside);
      if (rng() % 4 != 0) text.replace(from, to - from, bits[rng() % bits.size()]);
    }
  }
  EXPECT_GT(along, 5'000);
  EXPECT_GT(refused, 5'000);
}

TEST(json_next, says_which_values_are_others) {
  document d;
  const std::string first = R"({"id":"a","n":1,"text":"x","end":null})", second = R"({"id":"a","n":22,"text":"\n and more","end":null})", third = R"({"id":"a","n":22,"text":"y","end":"stop"})";
  ASSERT_TRUE(d.parse_next(first, 8));
  EXPECT_FALSE(d.repeats());
  ASSERT_TRUE(d.parse_next(second, 8));
  ASSERT_TRUE(d.repeats());
  EXPECT_EQ(std::vector<index>(d.changed().begin(), d.changed().end()), (std::vector<index>{2, 3}));
  EXPECT_EQ(d[3].text, "\n and more");
  ASSERT_TRUE(d.parse_next(second, 8));
  EXPECT_TRUE(d.repeats() && d.changed().empty());
  ASSERT_TRUE(d.parse_next(third, 8));
  EXPECT_FALSE(d.repeats()) << "a string is no null";
}

}  // namespace
}  // namespace sluice::text::json
