// The words that somebody looks for, to cut letters into words where nothing else shows where one ends: "haldenbank" is two of them. Immutable and
// thread-safe once built.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

class vocabulary {
 public:
  vocabulary() = default;
  // Words in small letters of ASCII; other bytes are compared as they are. Longer than `word_bytes_max` they are left out.
  explicit vocabulary(std::vector<std::string> words);
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] std::size_t memory_bytes() const;

  // Makes `cuts` the places in `letters`, ascending, where a word begins or ends, both ends of it aside: of all ways to lay words side by side one that
  // leaves few letters over and has few and long words. What no word covers stays in one piece. Letters in small letters of ASCII.
  void cut(std::string_view letters, std::vector<std::size_t>& cuts) const;

  static constexpr std::size_t word_bytes_max = 32;

 private:
  // Calls each(length) for the words that begin at letters[0].
  template <class Each>
  void beginning(std::string_view letters, Each&& each) const;
  std::vector<std::string> words_;  // sorted
};

}  // namespace sluice::text
