// Sixty-four bytes of a text, asked at once which of them are of a kind: bit i of an answer is set where byte i is.
// All functions are pure; a block copies its bytes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sluice {

class byte_block {
 public:
  static constexpr std::size_t size = 64;

  // The bytes of `text` from `at` on; NUL stands for those that it has no more. `at` lies within it.
  byte_block(std::string_view text, std::size_t at) {
    const auto have = std::min(size, text.size() - at);
    if (have == size) {
      std::memcpy(lanes_.data(), text.data() + at, size);
      return;
    }
    present_ = (std::uint64_t{1} << have) - 1;
    lanes_ = {};
    std::memcpy(lanes_.data(), text.data() + at, have);
  }

  // Those that the text has.
  [[nodiscard]] std::uint64_t present() const { return present_; }
  [[nodiscard]] std::uint64_t equal(char c) const;
  // From `first` to `last`, both included, as unsigned bytes.
  [[nodiscard]] std::uint64_t between(unsigned char first, unsigned char last) const { return in_range<0>(first, last); }
  // The same of letters, whatever their case: `first` and `last` are small letters of ASCII.
  [[nodiscard]] std::uint64_t letters(char first = 'a', char last = 'z') const {
    return in_range<0x20>(static_cast<unsigned char>(first), static_cast<unsigned char>(last));
  }
  [[nodiscard]] std::uint64_t digits() const { return between('0', '9'); }
  // White space of ASCII.
  [[nodiscard]] std::uint64_t spaces() const { return equal(' ') | between('\t', '\r'); }
  [[nodiscard]] std::uint64_t beyond_ascii() const;

 private:
#ifdef __SSE2__
  using lane = __m128i;
  template <class Test>
  [[nodiscard]] std::uint64_t gather(Test test) const {
    const auto bits = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(test(lanes_[i])))); };
    return bits(0) | bits(1) << 16 | bits(2) << 32 | bits(3) << 48;
  }
  template <unsigned char also>
  [[nodiscard]] std::uint64_t in_range(unsigned char first, unsigned char last) const {
    const auto from = _mm_set1_epi8(static_cast<char>(first)), width = _mm_set1_epi8(static_cast<char>(last - first));
    return gather([&](lane c) {
      if constexpr (also != 0) c = _mm_or_si128(c, _mm_set1_epi8(static_cast<char>(also)));
      const auto above = _mm_sub_epi8(c, from);
      return _mm_cmpeq_epi8(_mm_min_epu8(above, width), above);
    });
  }
#else
  using lane = std::array<unsigned char, 16>;
  template <class Test>
  [[nodiscard]] std::uint64_t gather(Test test) const {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < size; ++i) out |= static_cast<std::uint64_t>(test(lanes_[i / 16][i % 16])) << i;
    return out;
  }
  template <unsigned char also>
  [[nodiscard]] std::uint64_t in_range(unsigned char first, unsigned char last) const {
    return gather([&](unsigned char c) { return static_cast<unsigned char>((c | also) - first) <= last - first; });
  }
#endif

  std::array<lane, size / 16> lanes_;
  std::uint64_t present_ = ~std::uint64_t{0};
};

#ifdef __SSE2__
inline std::uint64_t byte_block::equal(char c) const {
  return gather([one = _mm_set1_epi8(c)](lane of) { return _mm_cmpeq_epi8(of, one); });
}
inline std::uint64_t byte_block::beyond_ascii() const {
  return gather([](lane of) { return of; });
}
#else
inline std::uint64_t byte_block::equal(char c) const {
  return gather([c](unsigned char of) { return of == static_cast<unsigned char>(c); });
}
inline std::uint64_t byte_block::beyond_ascii() const {
  return gather([](unsigned char of) { return of >= 0x80; });
}
#endif

// Looks for so many bits in a row over words that follow each other.
class bit_row {
 public:
  static constexpr std::size_t nowhere = ~std::size_t{0};

  // size: 1 to 64 bits.
  explicit bit_row(std::size_t size) : size_(size) {}
  // Where the first row begins that ends in these 64 bits, counted in bits from the first word that was ever asked about; `nowhere`: none does.
  [[nodiscard]] std::size_t add(std::uint64_t bits) {
    const auto at = at_, lead = static_cast<std::size_t>(std::countr_one(bits));
    at_ += 64;
    if (open_ + lead >= size_) return at - open_;
    auto row = bits;
    for (std::size_t have = 1; have < size_;) {
      const auto step = std::min(have, size_ - have);
      row &= row >> step;
      have += step;
    }
    if (row != 0) return at + static_cast<std::size_t>(std::countr_zero(row));
    open_ = lead == 64 ? open_ + 64 : static_cast<std::size_t>(std::countl_one(bits));
    return nowhere;
  }

 private:
  std::size_t size_, at_ = 0, open_ = 0;  // `open_`: set bits that the last word ended with
};

// Where in text[from..) `size` bytes in a row begin that are of a kind; npos: nowhere. of(block) says which of a block are.
template <class Kind>
[[nodiscard]] std::size_t find_row(std::string_view text, std::size_t from, std::size_t size, Kind of) {
  bit_row row(size);
  for (auto at = from; at < text.size(); at += byte_block::size) {
    const byte_block block(text, at);
    if (const auto found = row.add(of(block) & block.present()); found != bit_row::nowhere) return from + found;
  }
  return std::string_view::npos;
}

}  // namespace sluice
