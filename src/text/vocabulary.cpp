// See vocabulary.hpp.
#include "sluice/text/vocabulary.hpp"

#include <algorithm>

namespace sluice::text {
namespace {

// What a piece costs. A word of one letter is no better than a letter that no word covers, else words that nobody looks for fell into letters.
constexpr std::size_t letter_cost = 1, stretch_cost = 2;
constexpr std::size_t word_cost(std::size_t bytes) { return bytes == 1 ? letter_cost + stretch_cost : bytes == 2 ? 2 : 1; }

// The best way to lay words over the letters from a place on.
struct layout {
  std::size_t cost = 0;          // where a piece ends before this place
  std::size_t cost_inside = 0;   // where letters that no word covers go on
  std::size_t word = 0;          // bytes of the word that begins there in the first case; 0: none does
  bool word_inside = false;      // it begins there in the second case as well
};

}  // namespace

vocabulary::vocabulary(std::vector<std::string> words) : words_(std::move(words)) {
  std::erase_if(words_, [](const std::string& word) { return word.empty() || word.size() > word_bytes_max; });
  std::ranges::sort(words_);
  const auto rest = std::ranges::unique(words_);
  words_.erase(rest.begin(), rest.end());
}

std::size_t vocabulary::memory_bytes() const {
  std::size_t out = words_.capacity() * sizeof(std::string);
  for (const auto& word : words_) out += word.capacity();
  return out;
}

// The words with one more of the letters in common, until there are none.
template <class Each>
void vocabulary::beginning(std::string_view letters, Each&& each) const {
  auto low = words_.begin(), high = words_.end();
  const auto byte = [](const std::string& word, std::size_t at) { return at < word.size() ? static_cast<int>(static_cast<unsigned char>(word[at])) : -1; };
  for (std::size_t n = 0; n < letters.size() && low != high; ++n) {
    const int wanted = static_cast<unsigned char>(letters[n]);
    low = std::partition_point(low, high, [&](const std::string& word) { return byte(word, n) < wanted; });
    high = std::partition_point(low, high, [&](const std::string& word) { return byte(word, n) <= wanted; });
    if (low != high && low->size() == n + 1) each(n + 1);
  }
}

void vocabulary::cut(std::string_view letters, std::vector<std::size_t>& cuts) const {
  cuts.clear();
  if (empty()) return;
  std::vector<layout> best(letters.size() + 1);
  for (auto at = letters.size(); at-- > 0;) {
    auto& here = best[at];
    const auto rest = best[at + 1].cost_inside + letter_cost;
    std::size_t least = std::string_view::npos, length = 0;
    beginning(letters.substr(at), [&](std::size_t bytes) {
      const auto with = word_cost(bytes) + best[at + bytes].cost;
      if (with <= least) least = with, length = bytes;  // of equals the longest
    });
    here.word = least <= rest + stretch_cost ? length : 0;
    here.word_inside = least <= rest;
    here.cost = std::min(least, rest + stretch_cost);
    here.cost_inside = std::min(least, rest);
  }
  bool inside = false;
  for (std::size_t at = 0; at < letters.size();) {
    const auto& here = best[at];
    const bool word = inside ? here.word_inside : here.word > 0;
    if (at > 0 && (word || !inside)) cuts.push_back(at);
    inside = !word;
    at += word ? here.word : 1;
  }
}

}  // namespace sluice::text
