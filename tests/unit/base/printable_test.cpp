// Text of others on a terminal: what it can do there.
#include "sluice/base/printable.hpp"

namespace sluice {
namespace {

TEST(printable, nothing_of_it_moves_a_cursor_or_begins_a_line) {
  EXPECT_EQ(printable("mock\x1b[1A\x1b[2Kdone\nasked\r\tx\x7f"), "mock\\x1b[1A\\x1b[2Kdone\\nasked\\r\\tx\\x7f");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\u009b2K"), "\\x9b2K") << "CSI in one code point";
  EXPECT_EQ(printable("a\u2028b\u2029c\u0085d"), "a\\u2028b\\u2029c\\x85d");
}

TEST(printable, nothing_of_it_turns_the_direction_of_writing) {
  EXPECT_EQ(printable("a\u202eb\u2066c\u200fd\u061ce"), "a\\u202eb\\u2066c\\u200fd\\u061ce");
  EXPECT_EQ(printable("\ufeffx"), "\\ufeffx");
}

TEST(printable, what_people_write_stays) {
  for (const char* text : {"", "plain", "Grüße, 你好, שלום, 👩‍🔬", "C:\\new\\x1b", "\U0010fffd"}) EXPECT_EQ(printable(text), text);
}

TEST(printable, bytes_that_are_no_utf_8_are_shown_one_by_one) {
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b") << "too long for what it says";
  EXPECT_EQ(printable("\xe2\x80"), "\\xe2\\x80");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half of a pair";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(printable, a_second_time_changes_nothing) {
  const auto once = printable("a\x1b[31m\n\u202e\xff");
  EXPECT_EQ(printable(once), once);
}

TEST(printable, lines_stay_lines_where_they_are_meant) {
  EXPECT_EQ(printable_lines("a.yaml:3: error\n\t→ b\x1b[2K\r\n"), "a.yaml:3: error\n\t→ b\\x1b[2K\\r\n");
}

}  // namespace
}  // namespace sluice
