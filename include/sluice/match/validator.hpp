// Checks that arithmetic can make and a pattern cannot. Input is the matched original text.
#pragma once

#include <string_view>

namespace sluice::match {

// ISO/IEC 7812-1 annex B. Digits with single spaces or dashes between; 12 to 19 digits; not all the same digit.
[[nodiscard]] bool luhn_valid(std::string_view text);
// ISO 13616: country length and mod 97. Spaces between groups allowed.
[[nodiscard]] bool iban_valid(std::string_view text);

}  // namespace sluice::match
