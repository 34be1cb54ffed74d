// Percent encoding (RFC 3986 2.1), read back.
#pragma once

#include <string>
#include <string_view>

#include "sluice/base/hex_digit.hpp"

namespace sluice {

// Appends the text with "%5F" as '_'. False: behind some '%' stand no two digits; it stays as it is.
inline bool percent_decode(std::string_view text, std::string& out) {
  bool whole = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%';
    const int high = escape && i + 2 < text.size() ? hex_value(text[i + 1]) : -1, low = high < 0 ? -1 : hex_value(text[i + 2]);
    whole = whole && (!escape || low >= 0);
    out += low < 0 ? text[i] : static_cast<char>(high << 4 | low);
    if (low >= 0) i += 2;
  }
  return whole;
}

}  // namespace sluice
