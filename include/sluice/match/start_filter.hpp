// Which of many regexes could begin at a place, from its first one or two bytes: what keeps a stream from asking PCRE2 about
// every rule at every event. Built by asking PCRE2 itself about every byte and pair, so it is never stricter than PCRE2.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/match/regex.hpp"

namespace sluice::match {

// The bytes and pairs with which a match of one regex can begin. Pairs are known for ASCII; anything else may begin.
struct start_set {
  std::vector<bool> first;  // 256
  std::vector<bool> pair;   // 65536, or empty when `wide`
  bool wide = false;        // too many first bytes for pairs to help
  // ASCII letters that, with marks on them, can begin a match. Filled where marks matter to the regex.
  std::array<bool, 128> composed{};
};
[[nodiscard]] start_set find_starts(const regex& of, match_state& state);

class start_filter {
 public:
  start_filter() = default;
  explicit start_filter(std::span<const start_set* const> of);  // one for each rule, by its number

  // Sets bits of `rules` (one 64-bit word for each 64 rules) for every rule that could begin in text[from..).
  void candidates(std::string_view text, std::size_t from, std::vector<std::uint64_t>& rules) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  std::size_t words_ = 0;
  std::vector<std::uint16_t> pair_class_;   // 65536
  std::vector<std::uint16_t> first_class_;  // 256: when the second byte is not there yet
  std::vector<std::uint64_t> classes_;      // class 0 is empty
};

}  // namespace sluice::match
