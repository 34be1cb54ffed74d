// What counts in a bundle, and the digests that name it.
#include "sluice/policy/source.hpp"

#include <gtest/gtest.h>

#include "sources.hpp"

namespace sluice::policy {
namespace {

using testing::source_of;

TEST(bundle_source, knows_what_a_file_is_for) {
  EXPECT_EQ(classify_file("bundle.yaml"), file_class::decides);
  EXPECT_EQ(classify_file("eu/pii.yml"), file_class::decides);
  EXPECT_EQ(classify_file("lists.json"), file_class::decides);
  EXPECT_EQ(classify_file("models/topic.ftz"), file_class::decides);
  EXPECT_EQ(classify_file("golden/a.jsonl"), file_class::golden);
  EXPECT_EQ(classify_file("golden/notes.yaml"), file_class::other);
  EXPECT_EQ(classify_file("README.md"), file_class::other);
  EXPECT_EQ(classify_file("docs/example.yaml"), file_class::other);
  EXPECT_EQ(classify_file(".yaml"), file_class::other);
}

TEST(bundle_source, names_a_version_by_what_decides_and_nothing_else) {
  const auto base = source_of({{"bundle.yaml", "x"}, {"golden/a.jsonl", "1"}});
  const auto other_golden = source_of({{"bundle.yaml", "x"}, {"golden/a.jsonl", "2"}, {"README.md", "r"}});
  const auto other_path = source_of({{"bundle.yml", "x"}, {"golden/a.jsonl", "1"}});
  const auto other_bytes = source_of({{"bundle.yaml", "y"}, {"golden/a.jsonl", "1"}});
  EXPECT_EQ(version_of(base).size(), 64u);
  EXPECT_EQ(version_of(base), version_of(other_golden));
  EXPECT_NE(golden_digest_of(base), golden_digest_of(other_golden));
  EXPECT_NE(version_of(base), version_of(other_path));
  EXPECT_NE(version_of(base), version_of(other_bytes));
}

TEST(bundle_source, a_path_is_plain_or_it_is_said_what_is_wrong_with_it) {
  for (const std::string path : {"bundle.yaml", "pii/cards.yaml", "a b/ü.yaml", "...yaml", "a/..b/.c.yaml"}) EXPECT_EQ(wrong_with_path(path), "") << path;
  EXPECT_EQ(wrong_with_path(""), "its path is empty");
  EXPECT_EQ(wrong_with_path("/etc/p.yaml"), "its path is not relative");
  for (const std::string path : {"../p.yaml", "a/../p.yaml", "a/..", "..", ".", "./p.yaml", "a/./p.yaml", "a//p.yaml", "a/"}) EXPECT_EQ(wrong_with_path(path), "its path is not plain") << path;
  for (const std::string& path : {std::string("a\\p.yaml"), std::string("a\0.yaml", 7), std::string("a\n.yaml"), std::string("a\x1b.yaml"), std::string("a\x7f.yaml")}) {
    EXPECT_EQ(wrong_with_path(path), "its path holds a sign that no path of a bundle has") << path;
  }
}

TEST(bundle_source, the_lines_of_two_files_in_one_path_are_no_path) {
  const auto two = source_of({{"overlays/x.yaml", "x"}, {"policies/y.yaml", "y"}});
  const std::string path = "overlays/x.yaml" + std::string(1, '\0') + two.files[0].sha256 + "\npolicies/y.yaml";
  EXPECT_EQ(version_of({.files = {make_source_file(path, "y")}}), version_of(two)) << "what this test is about";
  EXPECT_NE(wrong_with_path(path), "");
}

TEST(bundle_source, version_is_the_digest_of_the_stated_list) {
  // sha256("bundle.yaml\0" + sha256hex("x") + "\n"), by coreutils.
  const auto source = source_of({{"bundle.yaml", "x"}});
  EXPECT_EQ(source.files[0].sha256, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
  EXPECT_EQ(version_of(source), "c8ab08db4caf06d963682a26b892b0e81a4b9a6383b5c3f4bae4e8536c30d669");
}

}  // namespace
}  // namespace sluice::policy
