// What of a path stands in errors and records: the words of the APIs, and no key that somebody made up.
#include "sluice/wire/shown_path.hpp"

#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

TEST(shown_path, keys_that_no_table_names_are_stars) {
  EXPECT_EQ(shown_path("messages[0].content[1].text"), "messages[0].content[1].text");
  EXPECT_EQ(shown_path("candidates[0].content.parts[12].text"), "candidates[0].content.parts[12].text");
  EXPECT_EQ(shown_path("output[].content[].text"), "output[].content[].text");
  EXPECT_EQ(shown_path("metadata.4111111111111111"), "metadata.*");
  EXPECT_EQ(shown_path("tools[0].function.parameters.properties.DE89370400440532013000.description"), "tools[0].function.parameters.properties.*.description");
  EXPECT_EQ(shown_path("metadata.zorblatt"), "metadata.*") << "a word that a rule may have found";
  EXPECT_EQ(shown_path("metadata.*"), "metadata.*");
  EXPECT_EQ(shown_path("metadata[4111111111111111 x].content"), "metadata[*].content");
  EXPECT_EQ(shown_path("metadata[unended"), "metadata[*]");
  EXPECT_EQ(shown_path("a b.c\xff"), "*.*");
  EXPECT_EQ(shown_path("path"), "path");
  EXPECT_EQ(shown_path("contents[0].parts[2].inline_data.mime_type"), "contents[0].parts[2].inline_data.mime_type") << "as Gemini's clients may spell it";
  EXPECT_EQ(shown_path("generation_config.stop_sequences[1]"), "generation_config.stop_sequences[1]");
  EXPECT_EQ(shown_path("zorb_latt.inline_.data_9"), "*.*.*");
  EXPECT_EQ(shown_path(""), "");
}

TEST(named_path, a_field_that_nobody_knows_keeps_what_looks_like_a_name) {
  EXPECT_EQ(named_path("messages[0].new_field2"), "messages[0].new_field2");
  EXPECT_EQ(named_path("metadata.4111111111111111"), "metadata.*");
  EXPECT_EQ(named_path("ghp_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"), "*");
  EXPECT_EQ(named_path("metadata.two words"), "metadata.*");
  EXPECT_EQ(named_path(std::string(41, 'a')), "*");
}

}  // namespace
}  // namespace sluice::wire
