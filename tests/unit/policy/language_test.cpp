// docs/policy_language.md shows only what is checked: each of its YAML blocks is a piece of a file of the starter
// bundle.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sources.hpp"

namespace sluice::policy {
namespace {

std::string read(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(std::filesystem::path(SLUICE_SOURCE_DIR) / path, std::ios::binary).rdbuf();
  return bytes.str();
}

TEST(policy_language, shows_examples_that_are_checked) {
  const std::string page = read("docs/policy_language.md");
  std::size_t at = 0, blocks = 0;
  while ((at = page.find("```yaml\n", at)) != std::string::npos) {
    const std::size_t begin = at + 8, end = page.find("\n```", begin);
    ASSERT_NE(end, std::string::npos);
    const std::string marker = "<!-- from ";
    const std::size_t from = page.rfind(marker, at);
    ASSERT_TRUE(from != std::string::npos && at - from < 100) << "a YAML block without the file it is from";
    const std::string path = page.substr(from + marker.size(), page.find(" -->", from) - from - marker.size());
    EXPECT_TRUE(read(path).contains(page.substr(begin, end - begin))) << path << " does not hold:\n"
                                                                      << page.substr(begin, end - begin);
    at = end;
    ++blocks;
  }
  EXPECT_GE(blocks, 5u);
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
