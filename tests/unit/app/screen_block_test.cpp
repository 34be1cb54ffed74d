// What a terminal can show of a table.
#include "screen_block.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

TEST(screen_block, shows_what_fits_as_it_is) { EXPECT_EQ(fitted("node  phase\ngw1   active\n", 80, 24), "node  phase\ngw1   active\n"); }

TEST(screen_block, cuts_lines_between_code_points) {
  EXPECT_EQ(fitted("abcdef\n", 4, 9), "abcd\n");
  EXPECT_EQ(fitted("grün ist\n", 4, 9), "grün\n");
  EXPECT_EQ(fitted("…………\n", 2, 9), "……\n");
}

TEST(screen_block, says_how_many_lines_it_leaves_out) {
  EXPECT_EQ(fitted("1\n2\n3\n4\n", 80, 3), "1\n2\nand 2 more\n");
  EXPECT_EQ(fitted("1\n2\n3\n", 80, 3), "1\n2\n3\n");
  EXPECT_EQ(fitted("1\n2\n", 80, 1), "and 2 more\n");
}

}  // namespace
}  // namespace sluice::app
