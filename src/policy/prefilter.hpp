// Words of which one must be in the text for a pattern to count. In a request they may stand anywhere in it; in an answer a word counts
// from where it ends on, because a stream has to decide about a match before it knows what follows, and an answer in one piece is
// judged alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

struct term;
inline constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

// Of one term and one text.
struct prefilter_state {
  bool anywhere = false;                // else only up to the match's end
  std::optional<std::size_t> first_end; // where the first of its words ends, `nowhere` for none; nothing: not looked for yet

  // Whether a match that ends there counts; and whether none can, wherever it ends.
  [[nodiscard]] bool admits(const term& of, std::string_view text, std::size_t match_end);
  [[nodiscard]] bool excludes_all(const term& of, std::string_view text);
};

// The words of all terms of one view, for texts that come in pieces: one look at each byte, whatever their number.
class prefilter_table {
 public:
  void add(std::string_view word, std::uint32_t term);  // in lower case
  void seal();                                          // after the last add
  [[nodiscard]] bool empty() const { return entries_.empty() && short_.empty() && blank_.empty(); }
  [[nodiscard]] std::size_t longest() const { return longest_; }

  // Calls found(term, end) for every word that begins in text[from..) and lies whole in it, in any case.
  template <class Found>
  void each(std::string_view text, std::size_t from, Found&& found) const {
    for (std::size_t at = from; at < text.size(); ++at) {
      const auto first = folded(text[at]);
      for (const auto& e : short_) {
        if (e.key >> 8 == first) found(e.term, at + 1);
      }
      for (const auto& e : blank_) {
        if (const auto end = end_at(text, at, e.word); end != nowhere) found(e.term, end);
      }
      if (at + 1 == text.size()) break;
      const auto key = static_cast<std::uint16_t>(first << 8 | folded(text[at + 1]));
      if ((begins_[key / 64u] >> key % 64u & 1) == 0) continue;
      for (auto e = std::ranges::lower_bound(entries_, key, {}, &entry::key); e != entries_.end() && e->key == key; ++e) {
        if (const auto end = end_at(text, at, e->word); end != nowhere) found(e->term, end);
      }
    }
  }

 private:
  struct entry {
    std::uint16_t key;  // its first two bytes
    std::string word;
    std::uint32_t term;
  };
  static std::uint8_t folded(char c) { return static_cast<std::uint8_t>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }
  // The end of a word that stands there, else `nowhere`.
  static std::size_t end_at(std::string_view text, std::size_t at, std::string_view word);
  std::vector<entry> short_, blank_, entries_;  // of one byte; with a blank in the first two; others by their keys
  std::array<std::uint64_t, 1024> begins_{};  // by key
  std::size_t longest_ = 0;
};

}  // namespace sluice::policy
