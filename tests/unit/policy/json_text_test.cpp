// Texts that are JSON as a whole. Goal: what their reader decodes them to is judged, an edit leaves JSON, and a stream gives what the whole
// text gives wherever it is cut.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/text/json.hpp"
#include "sluice/text/json_text.hpp"
#include "texts.hpp"

namespace sluice::policy {
namespace {

using testing::code_points;
using testing::snapshot_of;
using testing::edited;

std::string rule(const std::string& id, const std::string& match, const std::string& action, const std::string& hit) {
  return testing::rule_found_in(hit, id, "both", match, "    action: " + action + "\n");
}

const std::string all_kinds = rule("person", "{keywords: [jürgen müller]}", "{type: redact, mask: \"[P]\"}", "Jürgen Müller") +
                              rule("said", "{keywords: [the orchid]}", "{type: rewrite, replacement: 'the \"trial\"'}", "the orchid") +
                              rule("number", "{regex: '\\b[0-9]{9}\\b'}", "{type: redact, mask: \"[ID]\"}", "123456789") +
                              rule("key", "{regex: 'sk_[a-z0-9]{4,6}'}", "{type: redact, mask: \"[K]\", keep_last: 2}", "sk_ab12") +
                              rule("pair", "{regex: 'pin.{1,6}word'}", "{type: redact, mask: \"[W]\"}", "pin: word") +
                              rule("stop", "{keywords: [naßivol]}", "{type: block, message: \"no\"}", "naßivol");

struct judged {
  std::string text;
  verdict what;
  std::size_t findings;
  friend bool operator==(const judged&, const judged&) = default;
};

judged whole(const snapshot& with, const std::string& text, direction which = direction::response) {
  scratch working;
  const text_part part{which == direction::response ? role::assistant : role::tool, part_kind::text, true, true, text};
  const auto o = evaluate(with.rules_for({}), {&part, 1}, {which, false}, working);
  return {edited(text, o.edits), o.verdict, o.findings.size()};
}

judged streamed(const std::shared_ptr<const snapshot>& with, const std::vector<std::string>& pieces) {
  scratch working;
  stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  judged out{};
  for (const auto& p : pieces) (void)e.feed(c, p, out.text);
  (void)e.finish(c, out.text);
  out.what = e.result().verdict;
  out.findings = e.result().findings.size();
  return out;
}

TEST(json_text, is_read_as_its_reader_decodes_it) {
  const auto with = snapshot_of(all_kinds);
  ASSERT_NE(with, nullptr);
  struct { const char *text, *left; } const all[] = {
      {R"({"patient":"J\u00fcrgen M\u00fcller","room":4})", R"({"patient":"[P]","room":4})"},
      {R"(  ["a\nJ\u00FCrgen\nM\u00fcller\tb"])", R"(  ["a\n[P]\tb"])"},
      {"\ufeff{\"t\":\"J\u00fcrgen\\nMüller\"}", "\ufeff{\"t\":\"[P]\"}"},
      {R"({"J\u00fcrgen M\u00fcller":1})", R"({"[P]":1})"},
      {R"({"a":"\u0074he orchid"})", R"({"a":"the \"trial\""})"},
      {R"({"a":"the orchid"})", R"({"a":"the \"trial\""})"},
      {R"({"a":"\"sk_ab12\""})", R"({"a":"\"[K]12\""})"},
      {R"({"a":"\nsk_ab\u00312"})", R"({"a":"\n[K]12"})"},
      {R"({"pin": "word"})", R"({"[W]": "[W]"})"},
      {R"({"a":"x"}
{"b":"J\u00fcrgen M\u00fcller"})", R"({"a":"x"}
{"b":"[P]"})"},
      {R"({"a":"{\"b\":\"J\\u00fcrgen M\\u00fcller\"}"})", R"({"a":"{\"b\":\"[P]\"}"})"},
      {R"({"a":"J\u00fcrgen M\u00fcl)", R"({"a":"J\u00fcrgen M\u00fcl)"},
      {R"({"a":"J\u00fcrgen M\u00fcller)", R"({"a":"[P])"},
      {R"({a: 'J\u00fcrgen M\u00fcller'})", R"({a: '[P]'})"},
      {R"("J\u00fcrgen M\u00fcller")", R"("[P]")"},
      {R"("the orchid" is "J\u00fcrgen M\u00fcller")", R"("the "trial"" is "[P]")"},
      // No JSON: as it is, and the replacement too.
      {R"([1] says J\u00fcrgen M\u00fcller)", R"([1] says [P])"},
      {R"([the orchid])", R"([the "trial"])"},
      {R"(say: J\u00fcrgen M\u00fcller)", R"(say: J\u00fcrgen M\u00fcller)"},
      {R"([Note: 123456789])", R"([Note: [ID]])"},
  };
  for (const auto& each : all) {
    const auto made = whole(*with, each.text);
    EXPECT_EQ(made.text, each.left) << each.text;
    EXPECT_EQ(streamed(with, {each.text}), made) << each.text;
    EXPECT_EQ(streamed(with, code_points(each.text)), made) << each.text;
  }
}

// "\\u0061" in a string of a string of … : so many strings of JSON, one in the other.
std::string nested(std::string inside, std::size_t strings) {
  for (; strings > 0; --strings) inside = "{\"k\":\"" + text::json_escaped(inside, 1) + "\"}";
  return inside;
}

TEST(json_text, that_is_escaped_more_often_than_it_is_decoded_is_counted) {
  const auto with = snapshot_of(all_kinds);
  ASSERT_NE(with, nullptr);
  const std::string inner = R"({"a":"J\u00fcrgen M\u00fcller"})";
  const std::uint64_t bytes = std::string_view(R"(J\u00fcrgen M\u00fcller)").size();
  for (const std::size_t strings : {0, 1, 2, 3, 4}) {
    for (const std::string& text : {nested(inner, strings), nested(inner, strings) + " and more", " " + nested(inner, strings)}) {
      SCOPED_TRACE(text);
      scratch working;
      const text_part part{role::tool, part_kind::text, true, true, text};
      const auto asked = evaluate(with->rules_for({}), {&part, 1}, {.direction = direction::request}, working);
      EXPECT_EQ(asked.findings.empty(), strings > 2);
      EXPECT_EQ(asked.undecoded, strings < 3 ? 0 : strings == 3 ? bytes : asked.undecoded);
      if (strings > 3) EXPECT_GT(asked.undecoded, bytes);
      for (const auto& pieces : {std::vector<std::string>{text}, code_points(text)}) {
        stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
        const auto c = e.open(role::assistant, part_kind::text, true);
        std::string left;
        for (const auto& p : pieces) (void)e.feed(c, p, left);
        (void)e.finish(c, left);
        EXPECT_EQ(e.result().undecoded, asked.undecoded);
      }
    }
  }
  scratch working;
  const auto prose = "x" + nested(inner, 3);
  const text_part part{role::user, part_kind::text, true, true, prose};
  EXPECT_EQ(evaluate(with->rules_for({}), {&part, 1}, {.direction = direction::request}, working).undecoded, 0U) << "a text that is no JSON is what it says";
}

TEST(json_text, a_block_and_a_number_stop_an_answer) {
  const auto with = snapshot_of(all_kinds);
  ASSERT_NE(with, nullptr);
  for (const std::string text : {R"({"drug":"na\u00dfivol"})", R"({"drug":"naßivol"})", R"({"who":"x","num":123456789})"}) {
    EXPECT_EQ(whole(*with, text).what, verdict::block) << text;
    EXPECT_EQ(streamed(with, code_points(text)).what, verdict::block) << text;
    EXPECT_TRUE(text.starts_with(streamed(with, code_points(text)).text)) << text;
  }
  // Who asks reads a string as well.
  EXPECT_EQ(whole(*with, R"({"num":123456789,"a":true})", direction::request).text, R"({"num":"[ID]","a":true})");
}

TEST(json_text, any_cut_gives_what_the_whole_text_gives_and_leaves_json) {
  const auto with = snapshot_of(all_kinds);
  ASSERT_NE(with, nullptr);
  static const char* pieces[] = {"Jürgen", "J\\u00fcrgen", " ", "\\n", "Müller", "M\\u00fcller", "M\\u00FCller", "the", "\\t", "orchid", "\\u006f", "rchid", "sk_", "sk_ab", "\\u0061b1", "2", "\\\"", "\\\\",
                                 "\\\\u00fc", "\",\"", "\":\"", "pin", "word", "\\ud83d\\ude00", "\\ud83d", "x", "{\\\"a\\\":\\\"J\\\\u00fc", "rgen M\\\\u00fcller\\\"}", "e", "\\u0301", "é", ".", "123456789"};
  std::mt19937 rng(17);
  std::size_t edited = 0, parsed = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string text = rng() % 3 == 0 ? " [\"" : "{\"k\":\"";
    const bool object = text[0] == '{';
    for (auto n = 1 + rng() % 9; n > 0; --n) text += pieces[rng() % std::size(pieces)];
    if (rng() % 5 != 0) text += object ? "\"}" : "\"]";
    const auto made = whole(*with, text);
    edited += made.text != text ? 1 : 0;
    text::json::document before, after;
    if (before.parse(text, 64)) {
      ++parsed;
      const auto left = after.parse(made.text, 64);
      // Two keys that were edited alike are two members of one name, which this parser alone refuses.
      EXPECT_TRUE(left || left.error().message.contains("twice")) << text << " -> " << made.text << ": " << (left ? "" : left.error().message);
    }
    std::vector<std::string> cut(1);
    for (const auto& c : code_points(text)) {
      if (rng() % 3 == 0) cut.emplace_back();
      cut.back() += c;
    }
    EXPECT_EQ(streamed(with, {text}), made) << text;
    EXPECT_EQ(streamed(with, code_points(text)), made) << text;
    EXPECT_EQ(streamed(with, cut), made) << text;
  }
  EXPECT_GT(edited, 500u);
  EXPECT_GT(parsed, 1000u);
}

// Each piece leaves when it comes but for what may still become a match.
TEST(json_text, holds_no_more_than_an_escape) {
  const auto with = snapshot_of(all_kinds);
  ASSERT_NE(with, nullptr);
  scratch working;
  stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  std::string out;
  (void)e.feed(c, R"({"a":")", out);
  for (int i = 0; i < 20'000; ++i) {
    (void)e.feed(c, R"(some \u00)", out);
    (void)e.feed(c, R"(e9 words\n and "x\",)", out);
    EXPECT_LE(e.held_bytes(c), 8u);
  }
  EXPECT_EQ(e.result().verdict, verdict::allow);
}

}  // namespace
}  // namespace sluice::policy
