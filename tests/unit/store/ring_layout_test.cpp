// What stands in Redis is anybody's bytes: a record and a manifest name versions and plain paths, or they are damaged.
#include "ring_layout.hpp"

#include <gtest/gtest.h>

namespace sluice::store {
namespace {

using policy::make_source_file;

std::string manifest_of(std::vector<policy::source_file> files) { return manifest_json({.files = std::move(files)}, "", {}); }

TEST(manifest, one_whose_path_spells_the_lines_of_two_files_is_damaged) {
  const auto x = make_source_file("overlays/x.yaml", "x"), y = make_source_file("policies/y.yaml", "y");
  ASSERT_TRUE(parse_manifest(manifest_of({x, y})));
  const auto both = make_source_file(x.path + std::string(1, '\0') + x.sha256 + "\n" + y.path, "y");
  ASSERT_EQ(policy::version_of({.files = {both}}), policy::version_of({.files = {x, y}})) << "one version, and x.yaml would be gone";
  const auto read = parse_manifest(manifest_of({both}));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, errc::integrity);
  EXPECT_NE(read.error().message.find("overlays/x.yaml\\x00"), std::string::npos) << read.error().message;
}

TEST(manifest, one_whose_paths_are_not_plain_or_are_there_twice_is_damaged) {
  for (const std::string path : {"../p.yaml", "/p.yaml", "", "a//p.yaml", "a\\p.yaml"}) EXPECT_FALSE(parse_manifest(manifest_of({make_source_file(path, "p")}))) << path;
  const auto p = make_source_file("p.yaml", "p");
  const auto twice = parse_manifest(manifest_of({p, make_source_file("q.yaml", "q"), p}));
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("p.yaml: it is there twice"), std::string::npos) << twice.error().message;
}

}  // namespace
}  // namespace sluice::store
