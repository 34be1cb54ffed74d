// How a model's answer comes in: what measurements and tests of held text cut texts into.
#pragma once

#include <string_view>
#include <vector>

namespace sluice::bench {

// The pieces in which a text comes: whole code points, a word with the blank before it, at most four letters or so at a time.
inline std::vector<std::string_view> events_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at + 1;
    while (end < text.size() && ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80 || (end - at < 5 && text[end] != ' '))) ++end;
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

}  // namespace sluice::bench
