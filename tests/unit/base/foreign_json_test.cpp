// Bounds of JSON that somebody else wrote.
#include "sluice/base/foreign_json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace sluice {
namespace {

using nlohmann::json;

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(foreign_json, is_read_as_deep_as_its_bound_and_no_deeper) {
  const json_bounds bounds;
  EXPECT_TRUE(parse_bounded<json>(nested(bounds.depth)).is_array());
  EXPECT_TRUE(parse_bounded<json>(nested(bounds.depth + 1)).is_discarded());
  std::string objects;
  for (std::size_t i = 0; i <= bounds.depth; ++i) objects += R"({"a":)";
  EXPECT_TRUE(parse_bounded<json>(objects + "1" + std::string(bounds.depth + 1, '}')).is_discarded());
  EXPECT_TRUE(parse_bounded<json>(nested(5'000'000)).is_discarded());
}

TEST(foreign_json, counts_no_bracket_inside_of_a_text) {
  const std::string brackets(1000, '[');
  const auto quoted = parse_bounded<json>(R"({"a":")" + brackets + R"(","b\"[":"\\","c":[1]})");
  ASSERT_TRUE(quoted.is_object());
  EXPECT_EQ(word(quoted, "a"), brackets);
  // A quote behind a backslash ends no text; one behind two does.
  EXPECT_TRUE(parse_bounded<json>(R"(["\\",)" + nested(40) + "]").is_discarded());
  EXPECT_TRUE(parse_bounded<json>(R"(["\"",)" + nested(40) + "]").is_discarded());
}

TEST(foreign_json, counts_what_stands_beside_as_often_as_there_is_room) {
  std::string wide = "[";
  for (int i = 0; i < 10'000; ++i) wide += "[],";
  EXPECT_EQ(parse_bounded<json>(wide + "[]]").size(), 10'001U);
}

TEST(foreign_json, of_more_bytes_than_its_bound_is_none) {
  EXPECT_TRUE(parse_bounded<json>("[1,2]", {.depth = 2, .bytes = 5}).is_array());
  EXPECT_TRUE(parse_bounded<json>("[1,23]", {.depth = 2, .bytes = 5}).is_discarded());
}

TEST(foreign_json, without_an_end_is_none) {
  for (const char* text : {"", "[", "\"", "\"\\", "{\"a\":", "]", "}{"}) EXPECT_TRUE(parse_bounded<json>(text).is_discarded()) << text;
}

TEST(foreign_json, has_members_of_the_type_that_is_asked_for_or_none) {
  const auto j = parse_bounded<json>(R"({"n":3,"minus":-3,"half":0.5,"text":"3","yes":true,"list":[1]})");
  EXPECT_EQ(natural(j, "n"), 3U);
  for (const char* name : {"minus", "half", "text", "yes", "list", "missing"}) EXPECT_EQ(natural(j, name), 0U) << name;
  EXPECT_TRUE(truth(j, "yes"));
  for (const char* name : {"n", "text", "list", "missing"}) EXPECT_FALSE(truth(j, name)) << name;
  EXPECT_EQ(&member(j, "list"), &*j.find("list")) << "no copy";
  EXPECT_TRUE(member(j, "missing").is_null());
  EXPECT_TRUE(member(json::array({1}), "n").is_null());
  EXPECT_EQ(natural(json("text"), "n"), 0U);
}

}  // namespace
}  // namespace sluice
