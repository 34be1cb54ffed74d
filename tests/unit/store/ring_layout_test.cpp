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

TEST(record, one_that_names_no_version_is_damaged_also_beside_the_one_that_is_live) {
  const std::string good(64, 'a');
  const auto parses = [](const std::string& version, const std::optional<std::string>& canary, const std::string& shadow) {
    activation_record r{.activation = {1, 1}, .ring = "r", .version = version, .kind = "activate", .actor = "", .note = "", .time = "", .previous = "", .replid = ""};
    if (canary) r.with.canary = canary_version{.version = *canary, .basis_points = 500, .salt = "s", .nodes = {}};
    r.with.shadow = shadow;
    return parse_record(to_json(r)).has_value();
  };
  EXPECT_TRUE(parses(good, {}, ""));
  EXPECT_TRUE(parses(good, std::string(64, '0'), std::string(64, 'f')));
  std::string umlauts;
  while (umlauts.size() < 64) umlauts += "ü";
  for (const std::string& bad : {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'), std::string(64, '\n'), std::string(62, 'a') + "ü", umlauts, std::string("../") + std::string(61, 'a')}) {
    EXPECT_FALSE(parses(bad, {}, "")) << bad;
    EXPECT_FALSE(parses(good, bad, "")) << bad;
    EXPECT_FALSE(parses(good, {}, bad)) << bad;
  }
  EXPECT_FALSE(parses("", {}, ""));
  EXPECT_FALSE(parses(good, "", ""));
}

}  // namespace
}  // namespace sluice::store
