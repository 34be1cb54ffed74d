// Tables to golden cases: what is read, what is alike, and that a case is a case.
#include "sluice/rollout/golden_import.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/policy/golden.hpp"

namespace sluice::rollout {
namespace {

TEST(golden_import, reads_fields_with_commas_quotes_and_line_ends) {
  const auto rows = read_csv("\xef\xbb\xbfid,text,more\r\n1,\"a, \"\"b\"\"\nc\",x\r\n\r\n2,plain,\n3,last,y", "text");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ((*rows)[0].text, "a, \"b\"\nc");
  EXPECT_EQ((*rows)[0].line, 2u);
  EXPECT_EQ((*rows)[1].text, "plain");
  EXPECT_EQ((*rows)[1].line, 5u);
  EXPECT_EQ((*rows)[2].text, "last");
}

TEST(golden_import, refuses_what_is_no_table_with_its_line) {
  const auto said = [](std::string_view bytes) { return read_csv(bytes, "text").error().message; };
  EXPECT_TRUE(said("").contains("first line names the columns"));
  EXPECT_TRUE(said("a,b\n1,2\n").contains("no column 'text'; the first line has a, b"));
  EXPECT_TRUE(said("text,b\n1,2\n1\n").contains("line 3: 1 fields"));
  EXPECT_TRUE(said("text\n\"open").contains("line 2: a quoted field has no end"));
  EXPECT_TRUE(said("text\n\"a\"b\n").contains("line 2: text behind a quoted field"));
}

TEST(golden_import, reads_json_lines) {
  const auto rows = read_json_lines("{\"text\":\"a\",\"label\":1}\n\n{\"request\":\"q\",\"response\":\"r\"}\n", "text");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[1].request + (*rows)[1].response, "qr");
  EXPECT_TRUE(read_json_lines("{\"text\":\"a\"}\n[1]\n", "text").error().message.contains("line 2: no JSON object"));
  EXPECT_TRUE(read_json_lines("{\"txt\":\"a\"}\n", "text").error().message.contains("neither 'text'"));
  // A number is no text, and no row that is empty either.
  EXPECT_TRUE(read_json_lines("{\"text\":\"a\"}\n{\"text\":5}\n", "text").error().message.contains("line 2: 'text' is no text (number)"));
  EXPECT_TRUE(read_json_lines("{\"request\":\"a\",\"response\":[\"b\"]}\n", "text").error().message.contains("line 1: 'response' is no text (array)"));
}

TEST(golden_import, finds_every_pair_that_a_plain_comparison_finds) {
  std::vector<std::string> texts;
  const std::string base = "please send the figures of the northern branch to the board before the end of the week, with a word on what has changed since spring, "
                           "who asked for it, and which of the older branches will have to follow when the new ones open in the south";
  for (int i = 0; i < 300; ++i) {
    std::string text = base;
    std::uint32_t random = static_cast<std::uint32_t>(i) * 2654435761u;
    for (int change = 0; change < i % 9; ++change) {
      random = random * 1664525u + 1013904223u;
      text[random % text.size()] = static_cast<char>('a' + (random >> 16) % 26);
    }
    texts.push_back(i % 3 == 0 ? "number " + std::to_string(random) + " is another text altogether " + std::to_string(i * 7919) : text);
  }
  const auto found = near_duplicates(texts, 0.8);
  std::size_t missed = 0, wrong = 0, alike = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    bool expected = false;
    for (std::size_t j = 0; j < i && !expected; ++j) expected = !found[j] && likeness(texts[i], texts[j]) >= 0.8;
    alike += expected ? 1 : 0;
    missed += expected && !found[i] ? 1 : 0;
    wrong += !expected && found[i] ? 1 : 0;
  }
  EXPECT_GT(alike, 50u);
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(missed, 1u);
}

TEST(golden_import, finds_what_is_less_alike_where_that_is_asked_for) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 100; ++i) {
    std::string first, second;
    for (std::size_t word = 0; word < 30; ++word) {
      first += "word" + std::to_string(i * 1000 + word * 37) + " ";
      second += word % 4 == 3 ? "other" + std::to_string(i * 7919 + word) + " " : "word" + std::to_string(i * 1000 + word * 37) + " ";
    }
    texts.push_back(first);
    texts.push_back(second);
  }
  const auto found = near_duplicates(texts, 0.5);
  for (std::size_t i = 0; i < texts.size(); i += 2) {
    const auto alike = likeness(texts[i], texts[i + 1]);
    ASSERT_GT(alike, 0.5);
    ASSERT_LT(alike, 0.75);
    EXPECT_TRUE(found[i + 1]) << alike;
  }
}

// What is compared of them is a sample, and says the same.
TEST(golden_import, long_texts_are_as_alike_as_their_words) {
  std::string first, second;
  for (std::size_t i = 0; i < 40'000; ++i) {
    const auto word = std::to_string(i * 2654435761u % 1'000'003) + " ";
    first += word;
    second += i % 20 == 0 ? std::to_string(i * 40503u % 999'983) + "x " : word;
  }
  EXPECT_NEAR(likeness(first, second), 0.9, 0.06);
  EXPECT_EQ(likeness(first, first), 1);
  EXPECT_LT(likeness(first, "send the figures"), 0.01);
  EXPECT_EQ(near_duplicates(std::vector{first, second}, 0.8), (std::vector<bool>{false, true}));
}

TEST(golden_import, sees_through_case_and_white_space_only) {
  EXPECT_EQ(likeness("Send  the\nFigures", "send the figures"), 1);
  EXPECT_LT(likeness("send the figures", "burn all the letters"), 0.2);
  EXPECT_EQ(likeness("ab", "ab"), 1);
  EXPECT_EQ(likeness("ab", "cd"), 0);
}

TEST(golden_import, makes_cases_that_the_gate_reads_and_holds_some_out_by_their_text) {
  std::vector<import_row> rows;
  for (std::size_t i = 0; i < 500; ++i) rows.push_back({.line = i + 1, .text = std::to_string(i * i * 7919) + " is a number and \"" + std::to_string(i * 104729) + "\" too", .request = {}, .response = {}});
  rows.push_back(rows[3]);
  rows.push_back({.line = 502, .text = "  ", .request = {}, .response = {}});
  rows.push_back({.line = 503, .text = {}, .request = "a question of its own kind", .response = "and an answer"});
  const auto made = make_cases(rows, {.set = "benign", .slices = {"en"}, .alike_min = 0.99, .holdout_percent = 20, .known = {rows[4].text}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->rows, 503u);
  EXPECT_EQ(made->empty, 1u);
  EXPECT_EQ(made->duplicates, 2u);
  EXPECT_EQ(made->lines.size() + made->holdout.size(), 500u);
  EXPECT_NEAR(static_cast<double>(made->holdout.size()), 100, 35);
  std::string file;
  for (const auto* lines : {&made->lines, &made->holdout}) {
    for (const auto& line : *lines) file += line + "\n";
  }
  policy::diagnostics found;
  const auto cases = policy::parse_golden("g.jsonl", file, found);
  EXPECT_TRUE(found.empty()) << policy::to_text(found);
  EXPECT_EQ(cases.size(), 500u);
  // Which are held out does not depend on what stands beside them.
  const auto fewer = make_cases(std::span(rows).subspan(100, 200), {.set = "benign", .slices = {"en"}, .alike_min = 0.99, .holdout_percent = 20, .known = {}});
  for (const auto& line : fewer->holdout) EXPECT_NE(std::ranges::find(made->holdout, line), made->holdout.end());
}

TEST(golden_import, refuses_text_that_is_no_utf8) {
  const std::vector<import_row> rows = {{.line = 7, .text = "caf\xe9", .request = {}, .response = {}}};
  const auto made = make_cases(rows, {.set = "benign", .slices = {}, .known = {}});
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().message.contains("line 7"));
}

}  // namespace
}  // namespace sluice::rollout
