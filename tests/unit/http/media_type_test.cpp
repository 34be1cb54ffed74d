// Media types and the charsets that they name.
#include "sluice/http/media_type.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(media_type, is_told_apart_from_its_parameters) {
  EXPECT_EQ(parse_media_type("application/json").type, "application/json");
  EXPECT_EQ(parse_media_type(" text/plain ; a=b; charset=utf-8").type, "text/plain");
  EXPECT_EQ(parse_media_type("").type, "");
}

TEST(media_type, names_utf_8_or_another_charset) {
  for (const char* fine : {"", "application/json", "a/b; charset=utf-8", "a/b;CHARSET=UTF-8", "a/b; charset=\"utf-8\"", "a/b; x=y; charset = us-ascii", "a/b; boundary=charset", "a/b;;"}) {
    EXPECT_TRUE(is_utf8(parse_media_type(fine))) << fine;
  }
  for (const char* other : {"a/b; charset=utf-16", "a/b;charset=utf-7", "a/b; charset=latin1", "a/b; charset=utf-8; charset=utf-16le", "a/b; charset=", "a/b; charset", "a/b; charset=\"utf-8"}) {
    EXPECT_FALSE(is_utf8(parse_media_type(other))) << other;
  }
}

}  // namespace
}  // namespace sluice::http
