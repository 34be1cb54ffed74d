// Compiled databases are found again: in memory, on disk, and the disk does not fill.
#include "sluice/policy/shard_cache.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace sluice::policy {
namespace {

namespace fs = std::filesystem;

class shard_cache_on_disk : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sluice-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    place_ = name;
  }
  void TearDown() override { fs::remove_all(place_); }
  static match::pattern_set set_of(int n) { return {.patterns = {{"word" + std::to_string(n), match::single_match_flags()}}}; }
  fs::path place_;
  std::unique_ptr<match::compile_backend> backend_ = match::in_process_backend();
};

TEST_F(shard_cache_on_disk, finds_again_what_it_compiled_also_after_a_restart) {
  {
    shard_cache cache(place_);
    ASSERT_TRUE(cache.get(set_of(1), *backend_));
    ASSERT_TRUE(cache.get(set_of(1), *backend_));
    EXPECT_EQ(cache.stats().compiled, 1u);
    EXPECT_EQ(cache.stats().memory_hits, 1u);
  }
  shard_cache cache(place_);
  ASSERT_TRUE(cache.get(set_of(1), *backend_));
  EXPECT_EQ(cache.stats().disk_hits, 1u);
  EXPECT_EQ(cache.stats().compiled, 0u);
}

TEST_F(shard_cache_on_disk, compiles_again_what_was_damaged) {
  { ASSERT_TRUE(shard_cache(place_).get(set_of(1), *backend_)); }
  for (const auto& file : fs::directory_iterator(place_)) std::ofstream(file.path(), std::ios::app) << "x";
  shard_cache cache(place_);
  ASSERT_TRUE(cache.get(set_of(1), *backend_));
  EXPECT_EQ(cache.stats().compiled, 1u);
}

TEST_F(shard_cache_on_disk, keeps_in_memory_what_every_change_needs) {
  shard_cache cache("");
  for (int n = 0; n < 200; ++n) {
    ASSERT_TRUE(cache.get(set_of(0), *backend_));
    ASSERT_TRUE(cache.get(set_of(n + 1), *backend_));
  }
  EXPECT_EQ(cache.stats().compiled, 201u);
}

TEST_F(shard_cache_on_disk, removes_the_oldest_files_and_none_that_is_in_use) {
  const auto big = [&](const std::string& name, int hours_ago) {
    const auto file = place_ / name;
    std::ofstream(file) << "x";
    fs::resize_file(file, 100u << 20);  // sparse
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(hours_ago));
    return file;
  };
  const auto oldest = big("a.hsdb", 3), middle = big("b.hsdb", 2), newest = big("c.hsdb", 1), other = big("notes.txt", 4);
  shard_cache cache(place_);
  ASSERT_TRUE(cache.get(set_of(1), *backend_));
  EXPECT_FALSE(fs::exists(oldest));
  EXPECT_TRUE(fs::exists(middle));
  EXPECT_TRUE(fs::exists(newest));
  EXPECT_TRUE(fs::exists(other));
  EXPECT_EQ(std::distance(fs::directory_iterator(place_), fs::directory_iterator()), 4);
}

}  // namespace
}  // namespace sluice::policy
