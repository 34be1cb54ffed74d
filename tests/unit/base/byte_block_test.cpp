// What a block and a row say, against loops over single bytes.
#include "sluice/base/byte_block.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>

namespace sluice {
namespace {

// Texts of all lengths around a block, of all bytes and of few.
template <class Check>
void over_texts(Check check) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 200; ++size) {
    for (const int kinds : {256, 3}) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(kinds == 256 ? random() % 256 : "a \xc3"[random() % 3]);
      check(text);
    }
  }
}

void expect_bits(const std::string& text, std::uint64_t got, const std::function<bool(unsigned char)>& is) {
  for (std::size_t i = 0; i < byte_block::size && i < text.size(); ++i) {
    ASSERT_EQ((got >> i & 1) != 0, is(static_cast<unsigned char>(text[i]))) << "byte " << i << " of " << testing::PrintToString(text);
  }
}

TEST(byte_block, says_of_each_byte_what_a_loop_says) {
  over_texts([](const std::string& text) {
    if (text.empty()) return;
    const byte_block block(text, 0);
    EXPECT_EQ(std::popcount(block.present()), static_cast<int>(std::min(text.size(), byte_block::size)));
    expect_bits(text, block.present(), [](unsigned char) { return true; });
    expect_bits(text, block.equal('a'), [](unsigned char c) { return c == 'a'; });
    expect_bits(text, block.between('0', 0xc3), [](unsigned char c) { return c >= '0' && c <= 0xc3; });
    expect_bits(text, block.letters(), [](unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
    expect_bits(text, block.letters('g', 'w'), [](unsigned char c) { return (c >= 'g' && c <= 'w') || (c >= 'G' && c <= 'W'); });
    expect_bits(text, block.digits(), [](unsigned char c) { return c >= '0' && c <= '9'; });
    expect_bits(text, block.spaces(), [](unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
    expect_bits(text, block.beyond_ascii(), [](unsigned char c) { return c >= 0x80; });
  });
}

std::size_t row_by_bytes(const std::string& text, std::size_t from, std::size_t size, char of) {
  for (std::size_t at = from, have = 0; at < text.size(); ++at) {
    have = text[at] == of ? have + 1 : 0;
    if (have == size) return at + 1 - size;
  }
  return std::string::npos;
}

TEST(byte_block, the_first_row_is_found_where_a_loop_finds_it) {
  std::mt19937 random(2);
  for (int n = 0; n < 20'000; ++n) {
    std::string text(random() % 300, 'b');
    const auto rare = 1 + random() % 40;
    for (auto& c : text) c = random() % rare == 0 ? 'b' : 'a';
    const auto from = random() % (text.size() + 1);
    for (const std::size_t size : {1U, 2U, 8U, 12U, 16U, 63U, 64U}) {
      ASSERT_EQ(find_row(text, from, size, [](const byte_block& of) { return of.equal('a'); }), row_by_bytes(text, from, size, 'a'))
          << size << " in " << text << " from " << from;
    }
  }
}

}  // namespace
}  // namespace sluice
