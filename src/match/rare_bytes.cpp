// See rare_bytes.hpp. Without a branch for each byte, so that the compiler takes many at once.
#include "sluice/match/rare_bytes.hpp"

#include <array>

namespace sluice::match {
namespace {

constexpr std::size_t block = 128;

bool is_space(std::uint8_t c) { return (c == ' ') | (static_cast<std::uint8_t>(c - '\t') < 5); }
bool is_small(std::uint8_t c) { return static_cast<std::uint8_t>(c - 'a') < 26; }

// True where `Size` bytes in a row are not `Breaks`. Of each byte it is known whether so many, twice as many, four times as many from it on are.
template <std::size_t Size, bool (*Breaks)(std::uint8_t)>
bool holds_run(std::string_view text) {
  static_assert((Size & (Size - 1)) == 0);
  for (std::size_t at = 0; at + Size <= text.size(); at += block) {
    std::array<std::uint8_t, block + Size> fits{};
    const auto piece = text.substr(at, fits.size());
    for (std::size_t i = 0; i < piece.size(); ++i) fits[i] = static_cast<std::uint8_t>(!Breaks(static_cast<std::uint8_t>(piece[i])));
    for (std::size_t step = 1; step < Size; step *= 2) {
      for (std::size_t i = 0; i + step < fits.size(); ++i) fits[i] = static_cast<std::uint8_t>(fits[i] & fits[i + step]);
    }
    std::uint8_t any = 0;
    for (std::size_t i = 0; i < block; ++i) any |= fits[i];
    if (any != 0) return true;
  }
  return false;
}

}  // namespace

rare_bytes count_rare(std::string_view text) {
  rare_bytes out;
  for (std::size_t at = 0; at < text.size(); at += block) {  // so few that their number fits a byte
    std::uint8_t digits = 0, ats = 0;
    for (const char each : text.substr(at, block)) {
      const auto c = static_cast<std::uint8_t>(each);
      digits = static_cast<std::uint8_t>(digits + ((static_cast<std::uint8_t>(c - '0') < 10) | (c >> 7)));
      ats = static_cast<std::uint8_t>(ats + (c == '@'));
    }
    out.digits += digits;
    out.ats += ats;
  }
  out.long_word = holds_run<rare_bytes::long_word_bytes, is_space>(text);
  out.capitals = holds_run<rare_bytes::capitals_bytes, is_small>(text);
  return out;
}

}  // namespace sluice::match
