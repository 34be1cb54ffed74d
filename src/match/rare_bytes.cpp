// See rare_bytes.hpp.
#include "sluice/match/rare_bytes.hpp"

#include <bit>

#include "sluice/base/byte_block.hpp"

namespace sluice::match {

rare_bytes count_rare(std::string_view text) {
  rare_bytes out;
  bit_row words(rare_bytes::long_word_bytes), capitals(rare_bytes::capitals_bytes);
  for (std::size_t at = 0; at < text.size(); at += byte_block::size) {
    const byte_block block(text, at);
    out.digits += static_cast<std::uint32_t>(std::popcount(block.digits() | block.beyond_ascii()));
    out.ats += static_cast<std::uint32_t>(std::popcount(block.equal('@')));
    out.long_word = out.long_word || words.add(~block.spaces() & block.present()) != bit_row::nowhere;
    out.capitals = out.capitals || capitals.add(~block.between('a', 'z') & block.present()) != bit_row::nowhere;
  }
  return out;
}

}  // namespace sluice::match
