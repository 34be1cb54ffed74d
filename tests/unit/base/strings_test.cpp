// The small text functions: plain values in, plain values out.
#include "sluice/base/strings.hpp"

#include <array>

namespace sluice {
namespace {

TEST(strings, hex_writes_two_lower_case_digits_a_byte) {
  const std::array<unsigned char, 3> bytes = {0x00, 0xaf, 0xff};
  EXPECT_EQ(hex(bytes), "00afff");
  EXPECT_EQ(hex(std::span<const unsigned char>()), "");
  EXPECT_EQ(hex("\x0a\xff"), "0aff");
}

TEST(strings, iequals_folds_ascii_letters_only) {
  EXPECT_TRUE(iequals("Content-Type", "content-TYPE"));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("[", "{"));  // 0x20 apart, but no letters
  EXPECT_FALSE(iequals("\xc3\x84", "\xc3\xa4"));
}

TEST(strings, trim_removes_white_space_at_both_ends_only) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(strings, a_list_is_joined_by_what_stands_between) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(join({"a", "", "b"}, "; "), "a; ; b");
  EXPECT_EQ(join({"", "a"}, " "), " a") << "an element that is empty is one";
}

TEST(strings, a_text_is_clipped_between_code_points) {
  EXPECT_EQ(clipped("short", 5), "short");
  EXPECT_EQ(clipped("longer", 5), "longe…");
  EXPECT_EQ(clipped("aéé", 2), "a…");
  EXPECT_EQ(clipped("aéé", 3), "aé…");
  EXPECT_EQ(clipped("éé", 0), "…");
}

TEST(strings, nearest_finds_a_typing_error_and_nothing_far) {
  constexpr std::array<std::string_view, 3> words = {"upstreams", "policy", "listen"};
  EXPECT_EQ(nearest("upstream", words), "upstreams");
  EXPECT_EQ(nearest("polcy", words), "policy");
  EXPECT_EQ(nearest("LISTEN", words), "listen");
  EXPECT_EQ(nearest("zebra", words), "");
  constexpr std::string_view short_words[] = {"port", "mask"};
  EXPECT_EQ(nearest("prot", short_words), "port");
  EXPECT_EQ(nearest("maks", short_words), "mask");
  EXPECT_EQ(nearest("", words), "");
}

TEST(strings, json_escaping_leaves_no_control_character_and_no_bare_quote) {
  std::string every;
  for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
  const auto quoted = json_quoted(every);
  for (const char c : quoted) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  EXPECT_EQ(json_quoted("a\"b\\c\n\x01/"), "\"a\\\"b\\\\c\\n\\u0001/\"");
  EXPECT_EQ(json_quoted("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"");
}

// Python's readers of lines end one there, also within a JSON text.
TEST(strings, json_escaping_leaves_no_end_of_a_line) {
  EXPECT_EQ(json_quoted("a\xe2\x80\xa8" "b\xe2\x80\xa9" "c\xc2\x85" "d"), "\"a\\u2028b\\u2029c\\u0085d\"");
  EXPECT_EQ(json_quoted("a long text before it \xe2\x80\xa8 and a long text behind it"), "\"a long text before it \\u2028 and a long text behind it\"");
  for (std::size_t before = 0; before < 20; ++before) {
    const auto text = std::string(before, 'x') + "\xe2\x80\xa9" + std::string(20 - before, 'y');
    EXPECT_EQ(json_escaped(text), std::string(before, 'x') + "\\u2029" + std::string(20 - before, 'y'));
  }
  const std::string neighbours = "\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac\xc2\x84\xc2\x86\xc2\xa0\xc3\xa9\xe2\x80\x9c";
  EXPECT_EQ(json_escaped(neighbours), neighbours);
}

TEST(strings, hexadecimal_digits_have_one_spelling) {
  std::string all;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  EXPECT_EQ(from_hex(hex(all)), all);
  EXPECT_EQ(from_hex(""), "");
  for (const char* wrong : {"0", "0g", "AB", " 0", "0x"}) EXPECT_EQ(from_hex(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace sluice
