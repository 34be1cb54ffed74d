// YAML at the door: what comes in keeps its places, what may not come in is refused with a reason, quickly.
#include "sluice/policy/document.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice::policy {
namespace {

std::vector<yaml_node> read(std::string_view bytes, diagnostics& found, document_limits bounds = {}) {
  return parse_yaml("f.yaml", bytes, bounds, found);
}

std::string refusal(std::string_view bytes, document_limits bounds = {}) {
  diagnostics found;
  const auto documents = read(bytes, found, bounds);
  EXPECT_TRUE(documents.empty());
  return to_text(found);
}

std::string repeat(std::string_view piece, std::size_t times) {
  std::string out;
  out.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

TEST(yaml_document, keeps_values_quotes_and_places) {
  diagnostics found;
  const auto documents = read("a: 1\nb:\n  - \"x\"\n  - {c: ~}\nd: |\n  text\n---\n- z\n", found);
  ASSERT_EQ(documents.size(), 2u) << to_text(found);
  const yaml_node& root = documents[0];
  ASSERT_EQ(root.kind, yaml_node::kind::mapping);
  EXPECT_EQ(root.find("a")->scalar, "1");
  EXPECT_FALSE(root.find("a")->quoted);
  const yaml_node& list = *root.find("b");
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_TRUE(list.items[0].quoted);
  EXPECT_EQ(list.items[0].line, 3);
  EXPECT_EQ(list.items[0].column, 5);
  EXPECT_EQ(list.items[1].find("c")->kind, yaml_node::kind::null);
  EXPECT_TRUE(root.find("d")->quoted);
  EXPECT_EQ(root.find("d")->scalar, "text\n");
  EXPECT_EQ(root.find("nothing"), nullptr);
  EXPECT_EQ(documents[1].items[0].line, 8);
}

TEST(yaml_document, says_what_a_tab_and_a_backslash_did) {
  EXPECT_EQ(refusal("a:\n  - b\n\tc: 1\n"), "f.yaml:3:1: error: not YAML: a tab indents this line; indent with spaces\n");
  const auto escaped = refusal("a: \"\\d+\"\n");
  EXPECT_NE(escaped.find("f.yaml:1:"), std::string::npos) << escaped;
  EXPECT_NE(escaped.find("in single quotes a backslash is only a backslash"), std::string::npos) << escaped;
  diagnostics found;
  EXPECT_EQ(read("a: |\n  x\n  \ty\n", found).size(), 1u) << "a tab within a text is fine";
}

TEST(yaml_document, reads_json) {
  diagnostics found;
  const auto documents = read(R"({"a":"x\/\u00e9","b":[1,true,{}],"c":null})", found);
  ASSERT_EQ(documents.size(), 1u) << to_text(found);
  EXPECT_EQ(documents[0].find("a")->scalar, "x/é");
  EXPECT_TRUE(documents[0].find("a")->quoted);
  EXPECT_FALSE(documents[0].find("b")->items[1].quoted);
}

TEST(yaml_document, refuses_what_hides_or_multiplies_values) {
  EXPECT_TRUE(refusal("a: &x 1\nb: *x\n").contains("f.yaml:1:4: error: an anchor"));
  EXPECT_TRUE(refusal("b: *x\n").contains("error"));
  EXPECT_TRUE(refusal("a: !!python/object x\n").contains("a tag"));
  EXPECT_TRUE(refusal("a: !ruby x\n").contains("a tag"));
  EXPECT_TRUE(refusal("[a, b]: c\n").contains("a key must be a plain string"));
  EXPECT_TRUE(refusal("~: c\n").contains("a key must be a plain string"));
  const std::string twice = refusal("a: 1\nb: 2\n\"a\": 3\n");
  EXPECT_TRUE(twice.contains("f.yaml:3:1: error: key 'a' is given twice; it stands in line 1")) << twice;
}

TEST(yaml_document, refuses_a_bomb_of_aliases) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string before = std::string("*") + static_cast<char>(c - 1);
    bomb += std::string(1, c) + ": &" + c + " [" + repeat(before + ",", 8) + before + "]\n";
  }
  EXPECT_TRUE(refusal(bomb).contains("an anchor"));
}

TEST(yaml_document, refuses_bytes_that_are_no_text) {
  EXPECT_TRUE(refusal("a: 1\nb: \xff\n").contains("f.yaml:2: error: not valid UTF-8"));
  EXPECT_TRUE(refusal("a: \xed\xa0\x80\n").contains("not valid UTF-8"));
  EXPECT_TRUE(refusal(std::string_view("a: 1\n\n\0b", 8)).contains("f.yaml:3: error: a NUL byte"));
  EXPECT_TRUE(refusal("a: \"x\\0y\"\n").contains("a NUL character"));
}

TEST(yaml_document, tells_where_the_syntax_breaks) {
  EXPECT_TRUE(refusal("a: b\n c: d\n").contains("f.yaml:2:3: error: not YAML"));
  EXPECT_TRUE(refusal("a: [1, 2\n").contains("not YAML"));
  EXPECT_TRUE(refusal("a:\n\t- b\n").contains("f.yaml:2:1: error: not YAML: a tab"));
}

TEST(yaml_document, is_bounded_in_bytes_values_and_depth) {
  EXPECT_TRUE(refusal("a: 12345678\n", {.bytes_max = 8}).contains("at most 8 are read"));
  EXPECT_TRUE(refusal("[1,2,3,4]\n", {.nodes_max = 4}).contains("more than 4 values"));
  diagnostics found;
  EXPECT_EQ(read("[[[1]]]\n", found, {.depth_max = 3}).size(), 1u);
  EXPECT_TRUE(refusal("[[[[1]]]]\n", {.depth_max = 3}).contains("nested deeper than 3"));
  EXPECT_TRUE(refusal("- - - - x\n", {.depth_max = 3}).contains("nested deeper than 3"));
}

TEST(yaml_document, survives_hostile_shapes_quickly) {
  const std::vector<std::string> shapes = {repeat("[", 100'000),      repeat("{", 4'000'000),
                                           repeat("{a: ", 1'000'000), repeat("- ", 2'000'000),
                                           repeat("? ", 1'000'000),   repeat("a: ", 1'000'000),
                                           repeat("[a,", 1'000'000),  repeat("]", 1'000'000),
                                           repeat(": ", 1'000'000),   "a: \"" + repeat("\\", 999'999),
                                           repeat("!a ", 1'000'000),  repeat("%YAML 1.2\n", 100'000),
                                           repeat("a: 1\n", 500'000)};
  for (const std::string& shape : shapes) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(refusal(shape).empty()) << shape.substr(0, 20);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << shape.substr(0, 20);
  }
}

TEST(yaml_document, refuses_a_hundred_megabytes_unread) {
  const std::string huge(100u << 20, 'x');
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(refusal(huge).contains("split it into several files"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST(yaml_document, reports_a_bounded_number_of_mistakes) {
  diagnostics found;
  (void)read(repeat("a: 1\n", 100'000), found);
  EXPECT_GE(found.size(), 1u);
  EXPECT_LE(found.size(), 200u);
}

TEST(yaml_document, ends_a_text_of_which_the_reader_makes_values_without_end) {
  // A flow mapping that is never closed, a quote that is, and then a key at the margin.
  const std::string text = ", o: b}\nrules:\n  - id: r\n    x:\n      - {id: e, wh: miss, request: \"na\n\n\n: 2\n'a': 22";
  diagnostics found;
  (void)parse_yaml("a.yaml", text, {}, found);
  ASSERT_TRUE(has_errors(found));
  EXPECT_EQ(to_text(found).find("1000000"), std::string::npos) << to_text(found);
}

}  // namespace
}  // namespace sluice::policy
