// See rare_bytes.hpp.
#include "sluice/match/rare_bytes.hpp"

#include <array>

namespace sluice::match {
namespace {

constexpr std::uint8_t space = 1, small = 2;
constexpr auto kinds = [] {
  std::array<std::uint8_t, 256> out{};
  for (unsigned c = '\t'; c <= '\r'; ++c) out[c] = space;
  out[' '] = space;
  for (unsigned c = 'a'; c <= 'z'; ++c) out[c] = small;
  return out;
}();

// True where `size` bytes in a row are not of the kind. A row that ends does so at one of them, and each `size` bytes there is one look.
bool holds_row(std::string_view text, std::size_t size, std::uint8_t kind) {
  const auto breaks = [&](std::size_t i) { return kinds[static_cast<unsigned char>(text[i])] == kind; };
  for (std::size_t at = size - 1; at < text.size();) {
    if (breaks(at)) {
      at += size;
      continue;
    }
    auto begin = at, end = at + 1;
    while (begin > 0 && end - begin < size && !breaks(begin - 1)) --begin;
    while (end < text.size() && end - begin < size && !breaks(end)) ++end;
    if (end - begin >= size) return true;
    at = end + size;
  }
  return false;
}

}  // namespace

rare_bytes count_rare(std::string_view text) {
  constexpr std::size_t block = 128;
  rare_bytes out;
  // Without a branch for each byte, so that the compiler takes many at once.
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
  out.long_word = holds_row(text, rare_bytes::long_word_bytes, space);
  out.capitals = holds_row(text, rare_bytes::capitals_bytes, small);
  return out;
}

}  // namespace sluice::match
