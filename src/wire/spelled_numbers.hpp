// What a list of numbers that no table knows spells: whoever reads it may take each number for a byte of a text or for a code point.
#pragma once

#include <string>
#include <string_view>

#include "sluice/text/json.hpp"

namespace sluice::wire {

// Bytes as UTF-8. What is none stands as '?'.
void make_text(std::string& bytes);

struct spelled_numbers {
  std::string points;  // each number as a code point, or as half of one in UTF-16; a blank for what is none
  std::string bytes;   // each number as a byte; "" where one is none
  // Whether a letter is among them: a list of a few small numbers, as of what a citation refers to, says nothing.
  [[nodiscard]] bool says() const;
  // Of the list at `list` and the numbers among its elements.
  void read(const text::json::document& body, text::json::index list);
};

// The end of such bytes that is a code point only with those of a later list: taken off.
[[nodiscard]] std::string take_open_end(std::string& bytes);

}  // namespace sluice::wire
