// The table against a slow search over all words, on random words and text.
#include "sluice/match/keyword_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace sluice::match {
namespace {

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
      const bool grows = table.look_up(text, at, found);
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
  table.growing("halden", 0, &owners, [](void* self, keyword_table::owner_ref who) {
    static_cast<std::set<std::uint32_t>*>(self)->insert(who.owner);
    return true;
  });
  EXPECT_EQ(owners, (std::set<std::uint32_t>{2, 3}));
}

}  // namespace
}  // namespace sluice::match
