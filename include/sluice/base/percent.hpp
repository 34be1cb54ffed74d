// Percent encoding (RFC 3986 2.1), read back.
#pragma once

#include <string>
#include <string_view>

#include "sluice/base/hex_digit.hpp"

namespace sluice {

// Appends the text with "%5F" as '_'. False: behind some '%' stand no two digits; it stays as it is.
// `kept`: a byte whose code stays one.
inline bool percent_decode(std::string_view text, std::string& out, int kept = -1) {
  bool whole = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%';
    const int high = escape && i + 2 < text.size() ? hex_value(text[i + 1]) : -1, low = high < 0 ? -1 : hex_value(text[i + 2]);
    whole = whole && (!escape || low >= 0);
    const bool code = low >= 0 && (high << 4 | low) != kept;
    out += code ? static_cast<char>(high << 4 | low) : text[i];
    if (code) i += 2;
  }
  return whole;
}

}  // namespace sluice
