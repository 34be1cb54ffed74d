// What a change of one thing costs: everything else is found again.
#include <gtest/gtest.h>

#include "built.hpp"
#include "document_cache.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

using namespace testing;

// Twenty policies of a hundred words; of the first one the first word is `word`.
bundle_source words_source(const std::string& word) {
  std::vector<std::pair<std::string, std::string>> files;
  std::string modules;
  for (int p = 0; p < 20; ++p) {
    const auto name = "w" + std::to_string(p);
    std::string words = p == 0 ? word : "first" + std::to_string(p);
    for (int w = 1; w < 100; ++w) words += ", word" + std::to_string(p) + "x" + std::to_string(w * 7919);
    files.emplace_back(name + ".yaml", policy_file(name, "  - id: " + name + "r\n    direction: both\n    match: {keywords: [" + words + "]}\n    action: {type: flag}\n    tests:\n      - {name: hit, request: a word" +
                                                  std::to_string(p) + "x7919, expect: {rules: [" + name + "r]}}\n      - {name: miss, request: nothing, expect: {rules: []}}\n"));
    modules += "  - {use: " + name + ", bind: {scope: global}}\n";
  }
  files.emplace_back("bundle.yaml", bundle_file(modules));
  return source_of(files);
}

TEST(unchanged, a_word_that_changes_compiles_the_two_shards_that_it_leaves_and_joins) {
  const auto backend = match::in_process_backend();
  shard_cache cache{""};
  const auto first = build(words_source("needle"), today, *backend, cache);
  ASSERT_NE(first.snapshot, nullptr) << to_text(first.found);
  const auto compiled = cache.stats().compiled;
  EXPECT_GE(compiled, 16u);
  EXPECT_LE(compiled, 64u);
  for (const char* word : {"thorn", "rose", "lily", "needle"}) {
    const auto before = cache.stats().compiled;
    const auto next = build(words_source(word), today, *backend, cache);
    ASSERT_NE(next.snapshot, nullptr) << to_text(next.found);
    EXPECT_LE(cache.stats().compiled - before, 2u) << word;
    scratch working;
    for (const auto& [text, found] : {std::pair{"a " + std::string(word) + " here", std::size_t{1}}, {"an iris here", 0}, {"word3x7919 and word4x15838", 2}}) {
      const std::vector<text_part> parts = {{.role = role::user, .kind = part_kind::text, .last_turn = true, .editable = true, .text = text}};
      EXPECT_EQ(evaluate(next.snapshot->rules_for({}), parts, {.direction = direction::request}, working).findings.size(), found) << text;
    }
  }
}

TEST(unchanged, a_file_is_read_once_while_its_bundle_has_it_and_a_broken_one_each_time) {
  document_cache cache;
  diagnostics found;
  const auto file = make_source_file("a.yaml", "a: [1, 2]\n"), broken = make_source_file("b.yaml", "a: [1, 2\n");
  const auto first = cache.of(file, found);
  ASSERT_EQ(first->size(), 1u);
  EXPECT_EQ(cache.of(file, found), first);
  EXPECT_EQ(found.size(), 0u);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_TRUE(cache.of(broken, found)->empty());
    EXPECT_EQ(found.size(), i) << "and says so each time";
  }
  cache.end_of_bundle();
  EXPECT_EQ(cache.of(file, found), first);
  EXPECT_NE(cache.of(make_source_file("c.yaml", file.bytes), found), first) << "places name the file";
  cache.end_of_bundle();
  cache.end_of_bundle();
  EXPECT_NE(cache.of(file, found), first) << "the last bundle had it no more";
}

TEST(unchanged, trees_of_a_large_bundle_are_not_all_kept) {
  document_cache cache;
  diagnostics found;
  const std::string large = "a: " + std::string(700'000, 'x') + "\n";
  const auto one = make_source_file("1.yaml", large), two = make_source_file("2.yaml", large);
  const auto first = cache.of(one, found), second = cache.of(two, found);
  EXPECT_EQ(cache.of(one, found), first);
  EXPECT_NE(cache.of(two, found), second);
}

}  // namespace
}  // namespace sluice::policy
