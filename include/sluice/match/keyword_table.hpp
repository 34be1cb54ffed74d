// Many words at once, exactly: the words that begin at a place in a text, and whether the text that is there so far could still
// become one. Words and text are in the same normalised form; a blank of a word stands for any white space (text/blanks.hpp). Immutable and
// thread-safe once built.
//
// A sorted array with, for each word, the longest other word that is its prefix: every word that is a prefix of a text is on
// the chain of the last word that is not greater than it. A two-byte index keeps the search short. Words have single blanks; where a text has
// more, or other white space, in reach of a word that has a blank there, it is read with single blanks and searched for once more.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::match {

class keyword_table {
 public:
  struct entry {
    std::string word;     // text::word_form
    std::uint32_t owner;  // the caller's number
    bool bounded;         // needs a word boundary on both sides
  };
  keyword_table() = default;
  explicit keyword_table(std::vector<entry> entries);

  struct owner_ref {
    std::uint32_t owner;
    bool bounded;
  };
  struct found {
    std::uint32_t length;  // bytes of the text
    std::span<const owner_ref> owners;
  };
  // A text from some place on with single blanks. Room that a caller keeps for many calls.
  struct reading {
    std::string form;
    std::vector<std::uint32_t> ends;  // of each byte of `form`: where it ends in the text, counted from that place
    bool closed = false;              // white space too long for any blank follows
    bool used = false;                // by the last look_up: the text has other white space there
  };
  // Appends the words that are a prefix of text[at..), longest first. Boundaries are not looked at.
  // Returns true when text[at..) in whole is a proper prefix of some word.
  [[nodiscard]] bool look_up(std::string_view text, std::size_t at, reading& room, std::vector<found>& out) const;
  // Visits the owners of the words that text[at..) is a proper prefix of, until `visit` returns false. Only asked when look_up
  // said that there are some, and whether it `used` a reading; an owner may come many times.
  void growing(std::string_view text, std::size_t at, bool used, reading& room, void* self, bool (*visit)(void* self, owner_ref who)) const;
  // False: no word begins with these bytes (a quick test, may say true too often).
  [[nodiscard]] bool may_begin(unsigned char first, unsigned char second) const { return pair_[first * 256u + second]; }
  [[nodiscard]] bool may_begin(unsigned char first) const { return first_[first]; }
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] bool has_unbounded() const { return has_unbounded_; }
  [[nodiscard]] bool has_blanks() const { return has_blanks_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  [[nodiscard]] std::string_view word(std::size_t i) const;
  void may_begin_with(std::string_view word);
  // The first word with the first byte of `rest`, which is not empty, that is greater than it.
  [[nodiscard]] std::size_t first_behind(std::string_view rest) const;
  [[nodiscard]] bool stops_at_white_space(std::string_view text, std::size_t at, std::string_view rest, std::size_t next) const;
  void read(std::string_view text, std::size_t at, reading& room) const;
  bool add_prefixes(std::string_view rest, std::size_t next, const reading* as, std::vector<found>& out) const;
  std::string bytes_;
  struct slot {
    std::uint32_t offset, length, owners_begin, owners_end, prefix;  // prefix: index + 1 of the longest other word, 0: none
  };
  std::vector<slot> words_;
  std::vector<owner_ref> owners_;
  std::vector<std::uint32_t> bucket_;  // by first byte: where its words begin
  std::vector<bool> pair_, first_;
  bool has_unbounded_ = false, has_blanks_ = false;
  std::uint32_t length_max_ = 0;
};

}  // namespace sluice::match
