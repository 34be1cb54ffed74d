// Which groups of words a text may contain one of, from the first bytes of the text's words: a look-up for each word of the text,
// however many groups there are. It says too much rather than too little, so that only the groups it names need be searched.
// Words and text are in the same normalised form. Immutable and thread-safe once built.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::match {

class word_filter {
 public:
  struct word {
    std::string_view text;  // not empty
    std::uint32_t group;
    bool bounded;           // begins only where a word begins; else its group is always named
  };
  word_filter() = default;
  word_filter(std::span<const word> words, std::uint32_t groups);

  // Makes `named` one bit for each group, 64 to a number.
  void candidates(std::string_view text, std::vector<std::uint64_t>& named) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t prefix_max = 8;  // bytes: one machine word, enough that few words of a language share them
  struct slot {
    std::uint32_t hash = 0;  // 0: free
    std::uint32_t group = 0;
  };
  static std::uint32_t hash_of(std::uint64_t prefix);
  void look_up(std::string_view rest, std::vector<std::uint64_t>& named) const;
  void add(std::uint32_t hash, std::uint32_t group);

  std::vector<slot> slots_;            // open addressing, at most half full, one slot for each prefix of each group
  std::vector<std::uint64_t> always_;
  // What a byte is: part of a word, the first of some word of the groups.
  static constexpr std::uint8_t letter = 1, beginning = 2;
  std::array<std::uint8_t, 256> bytes_{};
  std::vector<std::uint64_t> masks_;   // of the prefix lengths that occur
};

}  // namespace sluice::match
