// Pieces of a pattern: how wide each is, and the byte pattern that stands for it in the filter. regex_syntax.cpp reads a pattern into them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/match/rare_bytes.hpp"

namespace sluice::match {

inline constexpr std::uint32_t no_bound = 0xffffffff;

// Widths; no_bound where there is none or it would overflow.
[[nodiscard]] std::uint32_t plus(std::uint32_t a, std::uint32_t b);
[[nodiscard]] std::uint32_t times(std::uint32_t a, std::uint32_t b);

// What every match of a piece holds at least, in bytes.
struct piece_needs {
  // In a row: `whole` when all of a match is of the kind, and how many that are at least; else the longest row that is sure.
  struct row {
    bool whole = true;
    std::uint32_t bytes = 0;
  };
  std::uint32_t digits = 0, ats = 0;
  row unspaced, capitals;
  [[nodiscard]] rare_bytes rare() const;
};
[[nodiscard]] piece_needs least(const piece_needs& a, const piece_needs& b);  // of a choice between them

// Of one piece after the other.
class needs_in_a_row {
 public:
  void add(const piece_needs& next);
  [[nodiscard]] piece_needs all() const;

 private:
  struct open_row {
    piece_needs::row all;
    std::uint32_t open = 0;  // bytes of the row that the next piece may go on with
    void add(const piece_needs::row& next);
  };
  std::uint32_t digits_ = 0, ats_ = 0;
  open_row unspaced_, capitals_;
};

// `superset` matches at least wherever the piece does. Of a piece that is one code point of a class it is a byte class, so that a
// repeat of it can stay a class.
struct piece {
  std::uint32_t width = 0;  // code points
  std::string superset;
  std::string ascii;        // of `single`: the class without bytes above 0x7f
  piece_needs needs;
  std::string bytes;        // the inside of a class of all bytes that a match of it may hold
  bool single = false;      // exactly one code point
  bool wide_chars = false;  // that code point may be above U+007F
  bool blank = false;       // and is white space there
};

// `inside`: of a byte class, with ASCII only; `high`: and what is above it.
[[nodiscard]] piece class_piece(const std::string& inside, bool high, bool caseless);
[[nodiscard]] piece blank_piece(const std::string& inside);  // white space: `inside` of ASCII, and all that Unicode has above
[[nodiscard]] piece literal(char32_t c, bool caseless);
[[nodiscard]] piece anything();
[[nodiscard]] piece repeat(const piece& one, std::uint32_t least, std::uint32_t most);
// A class that is matched once: one byte of ASCII, or the two to four bytes of something else.
[[nodiscard]] std::string one_code_point(const piece& p);

// \d and its like: the inside of a byte class; empty: not one of them.
[[nodiscard]] std::string_view named_class(char c);
// \D and its like: too many code points to list.
[[nodiscard]] bool is_any_class(char c);
void add_range(std::string& inside, bool& high, char32_t low, char32_t top);

}  // namespace sluice::match
