// What a node remembers, and what it does when the memory is damaged.
#include "state_store.hpp"

#include <gtest/gtest.h>

#include "temporary_folder.hpp"
#include "watched_agent.hpp"

namespace sluice::store {
namespace {

using namespace testing;

TEST(state_store, remembers_what_was_saved) {
  temporary_folder f;
  const std::string version = policy::version_of(bundle_of("one"));
  {
    state_store disk(f.path("state"));
    ASSERT_TRUE(disk.open());
    node_state s;
    s.source = "ring r";
    s.highest = {2, 9};
    s.active = {2, 8};
    s.version = version;
    s.healthy = {{version, {2, 8}}};
    ASSERT_TRUE(disk.save(s));
    ASSERT_TRUE(disk.save_version(version, bundle_of("one")));
    disk.save_contact(parse_time("2026-11-23T12:00:00Z").value());
  }
  state_store disk(f.path("state"));
  const auto s = disk.open();
  ASSERT_TRUE(s);
  EXPECT_EQ(s->source, "ring r");
  EXPECT_EQ(s->highest, (policy::activation{2, 9}));
  EXPECT_EQ(s->active, (policy::activation{2, 8}));
  ASSERT_EQ(s->healthy.size(), 1u);
  EXPECT_EQ(s->healthy[0].activation, (policy::activation{2, 8}));
  EXPECT_EQ(s->last_contact, parse_time("2026-11-23T12:00:00Z").value());
  const auto source = disk.load_version(version);
  ASSERT_TRUE(source);
  EXPECT_EQ(source->files[1].bytes, "one");
}

TEST(state_store, every_damage_of_a_stored_version_is_seen) {
  temporary_folder f;
  state_store disk(f.path());
  ASSERT_TRUE(disk.open());
  const auto version = policy::version_of(bundle_of("one"));
  ASSERT_TRUE(disk.save_version(version, bundle_of("one")));
  const auto path = f.path("versions/" + version + ".bundle");
  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << changed;
    EXPECT_FALSE(disk.load_version(version)) << "byte " << i;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, i);
    EXPECT_FALSE(disk.load_version(version)) << "cut at " << i;
  }
}

TEST(state_store, a_damaged_memory_is_an_error_and_not_a_fresh_start) {
  for (const char* text : {"", "{", "[]", "{}", R"({"highest":1,"active":{},"version":"","healthy":[]})", R"({"source":5})"}) {
    temporary_folder f;
    f.write("state.json", text);
    const auto s = state_store(f.path()).open();
    ASSERT_FALSE(s) << text;
    EXPECT_EQ(s.error().code, errc::integrity);
  }
}

TEST(state_store, prunes_all_but_what_is_kept_and_half_written_files) {
  temporary_folder f;
  state_store disk(f.path());
  ASSERT_TRUE(disk.open());
  f.write("versions/aa.bundle", "");
  f.write("versions/bb.bundle", "");
  f.write("versions/aa.bundle.new", "");
  disk.prune({{"aa", {}}});
  EXPECT_TRUE(std::filesystem::exists(f.path("versions/aa.bundle")));
  EXPECT_FALSE(std::filesystem::exists(f.path("versions/bb.bundle")));
  EXPECT_FALSE(std::filesystem::exists(f.path("versions/aa.bundle.new")));
}

}  // namespace
}  // namespace sluice::store
