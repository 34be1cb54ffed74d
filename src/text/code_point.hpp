// What normalisation has to know of a code point. For the basic multilingual plane it is one byte in a table that is filled
// from ICU once; everything else asks ICU.
#pragma once

#include <cstdint>

#include "sluice/text/view.hpp"

namespace sluice::text {

enum trait : std::uint8_t {
  ignorable = 1,        // Default_Ignorable_Code_Point
  stable_regex = 2,     // alone, NFKC leaves it as it is
  stable_folded = 4,    // alone, NFKC_Casefold leaves it as it is
  starts_regex = 8,     // NFKC boundary before it
  starts_folded = 16,   // NFKC_Casefold boundary before it
  closed_regex = 32,    // NFKC boundary after it, whatever follows
  closed_folded = 64,
  word_char = 128,
};
[[nodiscard]] std::uint8_t traits(char32_t c);

// Scripts whose letters are mistaken for each other. Others (Han, Arabic, …) never make a word a mixed one.
enum class alphabet : std::uint8_t { none, latin, cyrillic, greek, armenian, cherokee, coptic, lisu, other };
[[nodiscard]] alphabet alphabet_of(char32_t c);
// The ASCII letter or digit (lower case) that `c` looks like, 0 when it is not in our table.
[[nodiscard]] char look_alike(char32_t c);

// No letter, mark or digit by itself, whatever NFKC makes of it: "™", "①", "²".
[[nodiscard]] bool is_symbol(char32_t c);

// Normalises the code points of one segment; `out` gets UTF-8.
void normalise_segment(const char32_t* points, std::size_t count, view_kind kind, std::string& out);

}  // namespace sluice::text
