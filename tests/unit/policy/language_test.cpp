// docs/policy_language.md shows only what is checked: each of its YAML blocks is a piece of a file of the starter bundle, or read
// here, and its reference is what the tables print.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sluice/policy/language.hpp"
#include "sources.hpp"

namespace sluice::policy {
namespace {

std::string read(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(std::filesystem::path(SLUICE_SOURCE_DIR) / path, std::ios::binary).rdbuf();
  return bytes.str();
}

// A piece of a file, made a whole one: `kind` is the marker above it.
bundle_source around(const std::string& kind, const std::string& piece) {
  using testing::one_policy;
  std::string indented;
  std::istringstream lines(piece);
  for (std::string line; std::getline(lines, line);) indented += "    " + line + "\n";
  if (kind == "rule") return one_policy(indented);
  if (kind == "policy") {
    const auto name = piece.substr(piece.find("name: ") + 6);
    return testing::source_of({{"bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: " + name.substr(0, name.find(',')) + ", bind: global}\n"}, {"p.yaml", piece}});
  }
  if (kind == "match") {
    std::string deeper;
    std::istringstream again(indented);
    for (std::string line; std::getline(again, line);) deeper += "    " + line + "\n";
    return one_policy("  - id: r\n    direction: request\n    action: {type: flag}\n    match:\n" + deeper);
  }
  if (kind == "bind") return one_policy(testing::rule_with("{keywords: [needle]}"), "scope: " + piece + "\n");
  auto source = one_policy(testing::rule_with("{keywords: [needle]}"));
  if (kind == "list") {
    source.files.push_back(make_source_file("z.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\nitems:\n" + indented));
  } else if (kind == "overlay") {
    std::string patched;
    for (const std::string id : {"pii-email", "pii-card"}) {
      patched += "  - id: " + id + "\n    direction: request\n    match: {keywords: [x]}\n    action: {type: redact}\n";
    }
    source = testing::source_of({{"bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: p, bind: global}\n"
                                                 "  - {use: gdpr-eu, bind: {region: [eu, eea]}}\n"},
                                 {"o.yaml", piece},
                                 {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p}\nrules:\n" + patched}});
  }
  return source;
}

TEST(policy_language, shows_examples_that_are_checked) {
  const std::string page = read("docs/policy_language.md");
  std::size_t at = 0, blocks = 0, pieces = 0;
  while ((at = page.find("```yaml\n", at)) != std::string::npos) {
    const std::size_t begin = at + 8, end = page.find("\n```", begin);
    ASSERT_NE(end, std::string::npos);
    const std::size_t open = page.rfind("<!-- ", at), close = page.find(" -->", open);
    ASSERT_TRUE(open != std::string::npos && close + 5 == at) << "a YAML block without a line above it that says what it is";
    const std::string marker = page.substr(open + 5, close - open - 5), block = page.substr(begin, end - begin);
    if (marker.starts_with("from ")) {
      EXPECT_TRUE(read(marker.substr(5)).contains(block)) << marker << " does not hold:\n" << block;
    } else {
      EXPECT_TRUE(testing::clean(testing::parsed(around(marker, block)))) << marker << ":\n" << block;
      ++pieces;
    }
    at = end;
    ++blocks;
  }
  EXPECT_GE(blocks, 5u);
  EXPECT_GE(pieces, 5u);
}

TEST(policy_language, has_the_reference_that_the_tables_print) {
  const std::string page = read("docs/policy_language.md"), begin = "<!-- reference -->\n", end = "<!-- /reference -->";
  const std::size_t from = page.find(begin), to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos);
  EXPECT_EQ(page.substr(from + begin.size(), to - from - begin.size()), language_reference())
      << "put what `sluice schema --reference` prints between the two markers of docs/policy_language.md";
}

TEST(policy_language, names_every_word_of_a_rule) {
  // Whatever a rule may hold must stand in the reference: the words come from the parser's own refusal of an unknown
  // key.
  const std::string page = read("docs/policy_language.md");
  const auto found = testing::parsed(testing::one_policy("  - qqqqqqqqqqqqqqqq: 1\n"));
  const diagnostic* unknown = testing::find(found, "unknown key 'qqqqqqqqqqqqqqqq'");
  ASSERT_NE(unknown, nullptr);
  std::istringstream words(unknown->advice.substr(unknown->advice.find(": ") + 2));
  for (std::string word; std::getline(words >> std::ws, word, ',');) EXPECT_TRUE(page.contains("`" + word)) << word;
}

}  // namespace
}  // namespace sluice::policy
