// The table against a slow search over all words, on random words and text.
#include "sluice/match/keyword_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "sluice/match/regex.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::match {
namespace {

void append_code_point(std::string& out, std::uint32_t c) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return void(out += static_cast<char>(c));
  if (c < 0x800) return out += static_cast<char>(0xc0 | c >> 6), tail(0);
  if (c < 0x10000) return out += static_cast<char>(0xe0 | c >> 12), tail(6), tail(0);
  out += static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0);
}

std::string random_word(std::mt19937& rng, std::size_t max) {
  std::string w;
  const auto n = 1 + rng() % max;
  for (std::size_t i = 0; i < n; ++i) w += static_cast<char>('a' + rng() % 3);
  return w;
}

TEST(keyword_table, finds_what_a_slow_search_finds_and_knows_what_may_grow) {
  std::mt19937 rng(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<keyword_table::entry> entries;
    std::set<std::string> words;
    for (std::uint32_t i = 0; i < 1 + rng() % 40; ++i) {
      const auto w = random_word(rng, 6);
      words.insert(w);
      entries.push_back({w, i, rng() % 2 == 0});
    }
    const keyword_table table(entries);
    const auto text = random_word(rng, 12);
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::vector<keyword_table::found> found;
      keyword_table::reading room;
      const bool grows = table.look_up(text, at, room, found);
      const auto rest = text.substr(at);
      std::vector<std::size_t> lengths;
      bool could_grow = false;
      for (const auto& w : words) {
        if (rest.starts_with(w)) lengths.push_back(w.size());
        if (w.size() > rest.size() && w.starts_with(rest)) could_grow = true;
      }
      std::sort(lengths.rbegin(), lengths.rend());
      ASSERT_EQ(found.size(), lengths.size()) << text << " at " << at;
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].length, lengths[i]);
      EXPECT_EQ(grows, could_grow) << text << " at " << at;
    }
  }
}

TEST(keyword_table, growing_visits_every_owner_of_a_longer_word) {
  const keyword_table table({{"halden", 1, true}, {"halden bank", 2, true}, {"halden bank group", 3, true}, {"hal", 4, true}});
  std::set<std::uint32_t> owners;
  keyword_table::reading room;
  table.growing("halden", 0, false, room, &owners, [](void* self, keyword_table::owner_ref who) {
    static_cast<std::set<std::uint32_t>*>(self)->insert(who.owner);
    return true;
  });
  EXPECT_EQ(owners, (std::set<std::uint32_t>{2, 3}));
}

// How far a word goes in a text, by the rule as it is told: a blank is one to eight white spaces, at the end of the word one.
enum class reach : std::uint8_t { no, open, whole };
std::pair<reach, std::size_t> slow(std::string_view word, std::string_view text) {
  const auto space = [&](std::size_t at) { return at < text.size() && (text[at] == ' ' || text[at] == '\n') ? 1u : text.substr(at).starts_with("\u2028") ? 3u : 0u; };
  std::size_t at = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (at >= text.size()) return {reach::open, at};
    if (word[i] != ' ') {
      if (text[at++] != word[i]) return {reach::no, 0};
      continue;
    }
    int run = 0;
    const int most = i + 1 == word.size() ? 1 : 8;
    for (; run < most && at < text.size() && space(at) > 0; ++run) at += space(at);
    if (run == 0) return {reach::no, 0};
    if (i + 1 == word.size()) return {reach::whole, at};
    if (at < text.size() && space(at) > 0) return {reach::no, 0};
    if (at >= text.size()) return {reach::open, at};
  }
  return {reach::whole, at};
}

TEST(keyword_table, reads_any_white_space_for_a_blank) {
  std::mt19937 random(11);
  const auto made_of = [&](std::initializer_list<std::string_view> pieces, std::size_t most) {
    std::string out;
    for (auto n = 1 + random() % most; n > 0; --n) out += pieces.begin()[random() % pieces.size()];
    return out;
  };
  std::size_t hits = 0, wide = 0;
  for (int round = 0; round < 4000; ++round) {
    std::set<std::string> words;
    std::vector<keyword_table::entry> entries;
    for (std::uint32_t i = 0, n = 1 + random() % 30; i < n; ++i) {
      text::single_blanks(made_of({"a", "b", "ab", " ", "a ", " b"}, 6), entries.emplace_back(keyword_table::entry{"", i, true}).word);
      words.insert(entries.back().word);
    }
    const keyword_table table(entries);
    const auto text = made_of({"a", "b", "ab", " ", "\n", "  ", " \n ", "\u2028", "        ", "         ", "\u20ac"}, 12);
    for (std::size_t at = 0; at < text.size(); ++at) {
      if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
      std::vector<std::size_t> lengths;
      bool grows = false;
      std::string growing;
      for (const auto& w : words) {
        const auto [how, length] = slow(w, std::string_view(text).substr(at));
        if (how == reach::whole) lengths.push_back(length);
        if (how == reach::whole && length > w.size()) ++wide;
        grows = grows || how == reach::open;
      }
      std::sort(lengths.rbegin(), lengths.rend());
      std::vector<keyword_table::found> found;
      keyword_table::reading room;
      const bool may_begin = at + 1 < text.size() ? table.may_begin(static_cast<unsigned char>(text[at]), static_cast<unsigned char>(text[at + 1]))
                                                  : table.may_begin(static_cast<unsigned char>(text[at]));
      ASSERT_TRUE(may_begin || (lengths.empty() && !grows)) << text << " at " << at;
      ASSERT_EQ(table.look_up(text, at, room, found), grows) << '"' << text << "\" at " << at;
      ASSERT_EQ(found.size(), lengths.size()) << '"' << text << "\" at " << at;
      for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i].length, lengths[i]) << '"' << text << "\" at " << at;
      hits += found.size();
      bool visited = false;
      table.growing(text, at, room.used, room, &visited, [](void* self, keyword_table::owner_ref) { return !(*static_cast<bool*>(self) = true); });
      ASSERT_EQ(visited, grows) << '"' << text << "\" at " << at;
    }
  }
  EXPECT_GT(hits, 10'000u);
  EXPECT_GT(wide, 1000u);
}

TEST(white_space, is_what_pcre2_calls_so) {
  const auto space = regex::compile("\\A\\s\\z");
  ASSERT_TRUE(space.has_value());
  match_state state;
  for (std::uint32_t c = 1; c < 0x11000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    if (c == 0x180e) continue;  // of another category since Unicode 6.3; invisible, so no normalised text has it
    std::string one;
    append_code_point(one, c);
    const auto size = text::white_space_size(one, 0);
    ASSERT_EQ(size > 0, space->find(one, 0, false, state).status == regex::status::match) << c;
    if (size > 0) ASSERT_EQ(size, one.size()) << c;
    ASSERT_EQ(text::has_single_blanks("a" + one + "b"), size == 0 || one == " ") << c;
  }
}

}  // namespace
}  // namespace sluice::match
