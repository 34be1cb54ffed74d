#include "sluice/base/percent.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(percent, is_read_where_two_digits_follow_and_stays_elsewhere) {
  struct { const char *text, *read; bool whole; } const all[] = {{"", "", true}, {"starting%5Fafter", "starting_after", true}, {"%5f%5F", "__", true}, {"a+b", "a+b", true},
                                                                {"%", "%", false}, {"%5", "%5", false}, {"%5G%41", "%5GA", false}, {"%%41", "%A", false}, {"100%", "100%", false}};
  for (const auto& each : all) {
    std::string out = "<";
    EXPECT_EQ(percent_decode(each.text, out), each.whole) << each.text;
    EXPECT_EQ(out, std::string("<") + each.read);
  }
}

}  // namespace
}  // namespace sluice
