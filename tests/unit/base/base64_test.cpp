// Base64, read strictly.
#include "sluice/base/base64.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(base64, is_read_in_both_alphabets_with_and_without_padding) {
  for (const auto& [text, wanted] : {std::pair{"", ""}, {"Zg==", "f"}, {"Zg", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}, {"/+8=", "\xff\xef"}, {"_-8", "\xff\xef"}}) {
    EXPECT_EQ(decode_base64(text), wanted) << text;
  }
}

TEST(base64, that_another_reader_may_take_otherwise_is_none) {
  for (const char* text : {"Z", "Zg=", "Zg===", "=", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm9v!", "Zg==Zg==", "/_8=", "Zm=v"}) EXPECT_FALSE(decode_base64(text)) << text;
}

}  // namespace
}  // namespace sluice
