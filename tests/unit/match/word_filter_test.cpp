// The filter before the keyword databases: it may name a group too many, never one too few.
#include "sluice/match/word_filter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <random>
#include <string>

namespace sluice::match {
namespace {

std::vector<std::uint32_t> named(const word_filter& filter, std::string_view text, std::uint32_t groups) {
  std::vector<std::uint64_t> bits;
  filter.candidates(text, bits);
  std::vector<std::uint32_t> out;
  for (std::uint32_t g = 0; g < groups; ++g) {
    if ((bits[g / 64] >> g % 64 & 1) != 0) out.push_back(g);
  }
  return out;
}

bool letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80; }

TEST(word_filter, names_the_groups_of_words_that_begin_in_the_text) {
  const std::vector<word_filter::word> words = {{"halden bank", 0, true}, {"ostwick", 70, true}, {"x", 2, true}, {"#tag", 3, true}};
  const word_filter filter(words, 71);
  EXPECT_EQ(named(filter, "pay halden bank and ostwick", 71), (std::vector<std::uint32_t>{0, 70}));
  EXPECT_EQ(named(filter, "x", 71), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(named(filter, "a#tag", 71), (std::vector<std::uint32_t>{3}));
  EXPECT_TRUE(named(filter, "shalden and postwick", 71).empty()) << "inside a word nothing begins";
  EXPECT_TRUE(named(filter, "", 71).empty());
}

TEST(word_filter, always_names_groups_whose_words_may_begin_anywhere) {
  const std::vector<word_filter::word> words = {{"needle", 1, false}, {"hay", 0, true}};
  EXPECT_EQ(named(word_filter(words, 2), "nothing", 2), (std::vector<std::uint32_t>{1}));
  EXPECT_TRUE(named(word_filter({}, 2), "hay", 2).empty());
}

TEST(word_filter, never_misses_a_group_in_random_texts) {
  std::mt19937 random(7);
  const std::string alphabet = "abc_ -\xc3\xa9";  // é is two bytes
  const auto text_of = [&](std::size_t most) {
    std::string out;
    for (auto n = 1 + random() % most; n > 0; --n) {
      const auto at = random() % (alphabet.size() - 1);
      out += at == alphabet.size() - 2 ? alphabet.substr(at) : std::string(1, alphabet[at]);
    }
    return out;
  };
  std::size_t present = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 100; ++i) texts.push_back(text_of(9));
    std::vector<word_filter::word> words;
    for (std::uint32_t i = 0; i < 100; ++i) words.push_back({texts[i], i % 10, true});
    const auto text = text_of(30);
    const auto found = named(word_filter(words, 10), text, 10);
    for (const auto& w : words) {
      for (auto at = text.find(w.text); at != std::string::npos; at = text.find(w.text, at + 1)) {
        if (at > 0 && letter(text[at - 1]) && letter(text[at])) continue;
        ++present;
        ASSERT_NE(std::ranges::find(found, w.group), found.end()) << '"' << w.text << "\" in \"" << text << '"';
      }
    }
  }
  EXPECT_GT(present, 1000u);
}

}  // namespace
}  // namespace sluice::match
