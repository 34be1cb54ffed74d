// What prose has little of or nothing: what a pattern cannot match without, and what a text has. A text that has too little for every
// pattern of a database need not be searched for them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace sluice::match {

struct rare_bytes {
  std::uint32_t digits = 0;  // bytes: 0 to 9, and all beyond ASCII, of which digits of other scripts are made
  std::uint32_t ats = 0;     // bytes: @
  bool long_word = false;    // `long_word_bytes` in a row without white space of ASCII
  bool capitals = false;     // `capitals_bytes` in a row without a small letter of ASCII

  static constexpr std::uint32_t long_word_bytes = 16, capitals_bytes = 8;

  [[nodiscard]] bool cover(const rare_bytes& needs) const {
    return digits >= needs.digits && ats >= needs.ats && long_word >= needs.long_word && capitals >= needs.capitals;
  }
  bool operator==(const rare_bytes&) const = default;
};

// What is needed whichever of both is asked for.
[[nodiscard]] constexpr rare_bytes least(const rare_bytes& a, const rare_bytes& b) {
  return {std::min(a.digits, b.digits), std::min(a.ats, b.ats), a.long_word && b.long_word, a.capitals && b.capitals};
}

[[nodiscard]] rare_bytes count_rare(std::string_view text);

}  // namespace sluice::match
