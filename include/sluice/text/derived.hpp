// Other readings of a text, in which a rule may also look: runs that decode (base64, hex, …), letters written apart, digits for
// letters. Each reading maps back to the original bytes. Pure; the caller bounds the work.
//
// Sources: RFC 4648 (base64, base64url, hex), RFC 3986 2.1 (percent), HTML 13.5 (entities), Unicode 23.9 (tag characters),
// Unicode 23.4 (variation selectors, two of which can carry a byte: 16 for U+FE00.., 240 for U+E0100..).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/text/view.hpp"
#include "sluice/text/vocabulary.hpp"

namespace sluice::text {

// A step from one text to another. Bits: a reading that took several steps has them all.
enum class reading : std::uint32_t {
  base64 = 1,
  base64url = 2,
  hex = 4,
  percent = 8,
  html = 16,
  rot13 = 32,
  unicode_tags = 64,
  variation_selectors = 128,
  spaced = 256,  // "i g n o r e", "i.g.n.o.r.e"; "i g n o r e a l l" as one word, and as those of `derive_limits::words`
  leet = 512,    // "1gn0r3"
  marks = 1024,  // "ígn̶o̶r̶e̶": Latin letters without the marks on them
};
[[nodiscard]] constexpr std::uint32_t bit(reading r) { return static_cast<std::uint32_t>(r); }

// What each is called in policies, in records and in reports: first those that decode something, in the order of the word `decode`; the others are views.
struct named_reading {
  std::string_view name;
  text::reading reading;
};
inline constexpr std::size_t decoders = 8;
inline constexpr auto reading_names = std::to_array<named_reading>({{"base64", reading::base64},
                                                               {"base64url", reading::base64url},
                                                               {"hex", reading::hex},
                                                               {"percent", reading::percent},
                                                               {"html", reading::html},
                                                               {"rot13", reading::rot13},
                                                               {"unicode_tags", reading::unicode_tags},
                                                               {"variation_selectors", reading::variation_selectors},
                                                               {"spaced", reading::spaced},
                                                               {"leet", reading::leet},
                                                               {"strip_marks", reading::marks}});
// Calls f(name) for each of `bits`.
template <class F>
void each_reading(std::uint32_t bits, F&& f) {
  for (const auto& one : reading_names) {
    if ((bits & bit(one.reading)) != 0) f(one.name);
  }
}

struct derived_text {
  std::string text;              // valid UTF-8
  std::vector<text_unit> units;  // for each byte, the original bytes it came from; a decoded run is one unit. Empty: the byte at its place
  std::uint32_t readings = 0;    // bits of `reading`
  std::uint32_t depth = 1;       // steps

  [[nodiscard]] text_unit unit(std::size_t at) const {
    return units.empty() ? text_unit{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + 1)} : units[at];
  }
};

struct derive_limits {
  std::uint32_t depth_max = 1;
  std::size_t bytes_max = 1u << 20;  // of all readings together
  std::size_t count_max = 256;
  const vocabulary* words = nullptr;     // into which letters that are spaced alike may be cut as well; not null where there are some
};

// Takes readings, one after the other; a reading lives as long as the call.
class derived_sink {
 public:
  virtual void read(const derived_text& one) = 0;

 protected:
  ~derived_sink() = default;
};

// A run of base64url without '-' and '_' counts as base64: who asks for the one asks for both.
//
// Gives the readings of `original` (valid UTF-8) that `asked` (bits) names and that differ from it, nested ones behind those that they are
// read from. False when a limit ended it: there may be more.
[[nodiscard]] bool derive(std::string_view original, std::uint32_t asked, const derive_limits& limits, derived_sink& out);
// The same, kept: appends them, each with all its units.
[[nodiscard]] bool derive(std::string_view original, std::uint32_t asked, const derive_limits& limits, std::vector<derived_text>& out);

}  // namespace sluice::text
