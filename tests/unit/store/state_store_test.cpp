// What a node remembers, and what it does when the memory is damaged.
#include "state_store.hpp"

#include <gtest/gtest.h>

#include "failing_disk.hpp"
#include "../temporary_folder.hpp"
#include "watched_agent.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using sluice::testing::temporary_folder;

result<void> save_version(state_store& disk, const std::string& version, const policy::bundle_source& source) {
  auto written = disk.write_version(version, source);
  return written ? disk.keep_version(version) : written;
}

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
    ASSERT_TRUE(save_version(disk, version, bundle_of("one")));
    disk.save_contact(parse_time("2026-11-23T12:00:00Z").value());
  }
  state_store disk(f.path("state"));
  const auto opened = disk.open();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->damage, "");
  const auto* s = &opened->state;
  EXPECT_FALSE(s->highest_lost);
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
  ASSERT_TRUE(save_version(disk, version, bundle_of("one")));
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

TEST(state_store, a_stored_version_whose_paths_are_not_plain_or_are_there_twice_is_damaged) {
  temporary_folder f;
  state_store disk(f.path());
  ASSERT_TRUE(disk.open());
  const auto x = policy::make_source_file("overlays/x.yaml", "x"), y = policy::make_source_file("policies/y.yaml", "y");
  const auto version = policy::version_of({.files = {x, y}});
  ASSERT_TRUE(save_version(disk, version, {.files = {x, y}}));
  EXPECT_TRUE(disk.load_version(version));
  const policy::bundle_source one{.files = {policy::make_source_file(x.path + std::string(1, '\0') + x.sha256 + "\n" + y.path, "y")}};
  ASSERT_EQ(policy::version_of(one), version);
  ASSERT_TRUE(save_version(disk, version, one));
  const auto read = disk.load_version(version);
  ASSERT_FALSE(read) << "x.yaml would be gone";
  EXPECT_EQ(read.error().code, errc::integrity);
  const policy::bundle_source twice{.files = {x, x}};
  ASSERT_TRUE(save_version(disk, policy::version_of(twice), twice));
  EXPECT_FALSE(disk.load_version(policy::version_of(twice)));
}

// Two versions on disk, the first of them used last; state.json as a crash or another release left it.
class damaged_memory : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    state_store disk(f_.path());
    ASSERT_TRUE(disk.open());
    for (const auto& version : {one_, two_}) ASSERT_TRUE(save_version(disk, version, bundle_of(version == one_ ? "one" : "two")));
    ASSERT_TRUE(disk.mark_used(one_));
    f_.write("state.json", GetParam());
  }
  temporary_folder f_;
  const std::string one_ = version_of("one"), two_ = version_of("two");
  static std::string version_of(const std::string& text) { return policy::version_of(bundle_of(text)); }
};

TEST_P(damaged_memory, is_told_and_the_versions_that_verify_are_found_again) {
  const auto opened = state_store(f_.path()).open();
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->damage.contains("state.json is damaged")) << opened->damage;
  EXPECT_TRUE(opened->state.highest_lost);
  EXPECT_EQ(opened->state.highest, policy::activation{});
  EXPECT_EQ(opened->state.version, one_);
  ASSERT_EQ(opened->state.healthy.size(), 2u);
  EXPECT_EQ(opened->state.healthy[1].version, two_);
  // As evidence.
  std::ifstream kept(f_.path("state.json.damaged"), std::ios::binary);
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>(kept), {}}), GetParam());
}

TEST_P(damaged_memory, with_a_damaged_version_falls_back_to_the_one_before) {
  f_.write("versions/" + one_ + ".bundle", "torn");
  const auto opened = state_store(f_.path()).open();
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->damage.contains(one_)) << opened->damage;
  EXPECT_EQ(opened->state.version, two_);
}

TEST_P(damaged_memory, stays_known_until_an_activation_is_saved) {
  state_store disk(f_.path());
  const auto opened = disk.open();
  ASSERT_TRUE(opened && disk.save(opened->state));
  const auto again = state_store(f_.path()).open();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->damage, "");
  EXPECT_TRUE(again->state.highest_lost);
}

INSTANTIATE_TEST_SUITE_P(
    kinds, damaged_memory,
    ::testing::Values("", "{", "[]", "{}", "5", "null", R"({"source":5})", R"({"highest":1,"active":{},"version":"","healthy":[]})",
                      R"({"source":"r","highest":{"epoch":-1,"generation":1},"active":{"epoch":1,"generation":1},"version":"","healthy":[]})",
                      R"({"source":"r","highest":{"epoch":1,"generation":1.5},"active":{"epoch":1,"generation":1},"version":"","healthy":[]})",
                      R"({"source":"r","highest":{"epoch":1,"generation":1},"active":{"epoch":1,"generation":1},"version":"../x","healthy":[]})",
                      R"({"source":"r","highest":{"epoch":1,"generation":1},"active":{"epoch":1,"generation":1},"version":"","healthy":[7]})",
                      R"({"format":2,"source":"r","highest":{"epoch":1,"generation":1},"active":{"epoch":1,"generation":1},"version":"","healthy":[]})"));

TEST(state_store, a_memory_that_is_gone_while_versions_are_there_is_a_lost_one) {
  temporary_folder f;
  const auto version = policy::version_of(bundle_of("one"));
  {
    state_store disk(f.path());
    ASSERT_TRUE(disk.open());
    ASSERT_TRUE(save_version(disk, version, bundle_of("one")));
  }
  const auto opened = state_store(f.path()).open();
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->state.highest_lost);
  EXPECT_EQ(opened->state.version, version);
}

TEST(state_store, a_folder_in_the_place_of_a_file_is_an_error_that_says_so) {
  for (const char* name : {"state.json", "contact"}) {
    temporary_folder f;
    std::filesystem::create_directories(f.path("state") + "/" + name);
    const auto opened = state_store(f.path("state")).open();
    ASSERT_FALSE(opened) << name;
    EXPECT_TRUE(opened.error().message.contains(std::string(name) + " is a folder")) << opened.error().message;
  }
}
// A link that leads to itself, because root may read what nobody else may.
TEST(state_store, a_memory_that_cannot_be_read_is_not_gone) {
  temporary_folder f;
  const auto version = policy::version_of(bundle_of("one"));
  {
    state_store disk(f.path());
    ASSERT_TRUE(disk.open());
    ASSERT_TRUE(save_version(disk, version, bundle_of("one")));
  }
  std::filesystem::create_symlink("state.json", f.path("state.json"));
  const auto opened = state_store(f.path()).open();
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->unreadable);
  EXPECT_TRUE(opened->damage.contains("state.json cannot be read")) << opened->damage;
  EXPECT_EQ(opened->state.version, version) << "what is on disk is still the best there is";
  EXPECT_TRUE(std::filesystem::is_symlink(f.path("state.json")));
}


// The new state has its name and a crash may bring the old one back: what either names stays.
TEST(state_store, a_save_whose_name_may_not_survive_a_crash_is_in_doubt) {
  temporary_folder f;
  state_store disk(f.path());
  ASSERT_TRUE(disk.open() && disk.save({}));
  EXPECT_TRUE(disk.in_doubt());
  {
    const failing_disk broken(failing_disk::call::write);
    ASSERT_FALSE(disk.save({}));
    EXPECT_FALSE(disk.in_doubt());
  }
  const failing_disk broken(failing_disk::call::sync_named);
  ASSERT_FALSE(disk.save({}));
  EXPECT_TRUE(disk.in_doubt());
}

TEST(state_store, what_a_write_that_failed_left_is_removed_at_start) {
  temporary_folder f;
  for (const char* name : {"state.json.new", "contact.new", "versions/aa.bundle.new"}) f.write(name, "half");
  const auto opened = state_store(f.path()).open();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->damage, "") << "half a write is no memory that was lost";
  for (const char* name : {"state.json.new", "contact.new", "versions/aa.bundle.new"}) EXPECT_FALSE(std::filesystem::exists(f.path(name))) << name;
}

TEST(state_store, a_write_that_fails_says_so_and_leaves_nothing) {
  temporary_folder f;
  state_store disk(f.path());
  ASSERT_TRUE(disk.open());
  const auto version = policy::version_of(bundle_of("one"));
  for (const auto at : {failing_disk::call::write, failing_disk::call::sync, failing_disk::call::sync_folder}) {
    const failing_disk broken(at);
    auto saved = save_version(disk, version, bundle_of("one"));
    if (saved) saved = disk.save(node_state());
    ASSERT_FALSE(saved);
    EXPECT_TRUE(saved.error().message.contains(f.path())) << saved.error().message;
    for (const auto& name : {"versions/" + version + ".bundle.new", std::string("state.json.new")}) EXPECT_FALSE(std::filesystem::exists(f.path(name))) << name;
  }
  EXPECT_TRUE(save_version(disk, version, bundle_of("one")));
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
