// The compiler in a child: what it returns, and how it fails. Needs the built binary.
#include "sluice/match/compiler.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "sluice/match/database.hpp"

namespace sluice::match {
namespace {

pattern_set one(const std::string& expression) {
  pattern_set set;
  set.patterns.push_back({expression, single_match_flags()});
  return set;
}

TEST(compiler, a_child_returns_the_database_that_this_process_would_make) {
  if (!std::filesystem::exists(SLUICE_BINARY)) GTEST_SKIP() << "the binary is not built";
  auto child = child_backend(SLUICE_BINARY, {});
  const auto set = one("needle");
  const auto made = child->compile(set);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(*made, *in_process_backend()->compile(set));
  const auto db = database::load(*made);
  ASSERT_TRUE(db.has_value());
}

TEST(compiler, a_bad_pattern_is_named_by_its_number) {
  auto set = one("fine");
  set.patterns.push_back({"(broken", single_match_flags()});
  const auto made = in_process_backend()->compile(set);
  ASSERT_FALSE(made.has_value());
  EXPECT_TRUE(made.error().message.starts_with("pattern 1: ")) << made.error().message;
}

TEST(compiler, a_child_that_passes_its_limits_is_an_error_and_not_a_crash) {
  if (!std::filesystem::exists(SLUICE_BINARY)) GTEST_SKIP() << "the binary is not built";
  auto child = child_backend(SLUICE_BINARY, {.cpu_seconds = 1, .wall_seconds = 10, .memory_bytes = 256u << 20});
  pattern_set set;
  for (int i = 0; i < 4000; ++i) set.patterns.push_back({"(?:[a-z]+[0-9]{1,300}x){1,30}" + std::to_string(i), single_match_flags()});
  const auto made = child->compile(set);
  ASSERT_FALSE(made.has_value());
  EXPECT_FALSE(made.error().message.empty());
}

TEST(compiler, a_child_that_died_of_one_set_takes_the_next) {
  if (!std::filesystem::exists(SLUICE_BINARY)) GTEST_SKIP() << "the binary is not built";
  auto child = child_backend(SLUICE_BINARY, {.cpu_seconds = 1, .wall_seconds = 10, .memory_bytes = 256u << 20});
  pattern_set heavy;
  for (int i = 0; i < 4000; ++i) heavy.patterns.push_back({"(?:[a-z]+[0-9]{1,300}x){1,30}" + std::to_string(i), single_match_flags()});
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(child->compile(heavy).has_value());
    const auto made = child->compile(one("needle"));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_EQ(*made, *in_process_backend()->compile(one("needle")));
  }
  pattern_set wide;
  for (int i = 0; i < 300; ++i) wide.patterns.push_back({"[a-z]{1,9}[0-9]{1,20}x" + std::to_string(i), single_match_flags()});
  ASSERT_TRUE(child->compile(wide).has_value());
  const auto held = child->peak_bytes();
  EXPECT_GT(held, 8u << 20);
  child->forget_peak();
  ASSERT_TRUE(child->compile(one("needle")).has_value());
  EXPECT_GT(child->peak_bytes(), 0u);
  EXPECT_LT(child->peak_bytes(), held) << "what was held for another set is forgotten";
}

TEST(compiler, a_child_that_somebody_ended_is_started_again) {
  if (!std::filesystem::exists(SLUICE_BINARY)) GTEST_SKIP() << "the binary is not built";
  auto child = child_backend(SLUICE_BINARY, {});
  ASSERT_TRUE(child->compile(one("needle")).has_value());
  std::ifstream children("/proc/thread-self/children");
  pid_t server = 0;
  if (!(children >> server)) GTEST_SKIP() << "this kernel does not list children";
  ASSERT_EQ(::kill(server, SIGKILL), 0);
  const auto made = child->compile(one("thorn"));
  EXPECT_TRUE(made.has_value()) << made.error().message;
}

TEST(compiler, a_child_that_takes_too_long_is_ended_and_the_next_set_is_taken) {
  if (!std::filesystem::exists(SLUICE_BINARY)) GTEST_SKIP() << "the binary is not built";
  auto child = child_backend(SLUICE_BINARY, {.cpu_seconds = 60, .wall_seconds = 1, .memory_bytes = 2ull << 30});
  pattern_set slow;
  for (int i = 0; i < 4000; ++i) slow.patterns.push_back({"[a-z]{2,40}_" + std::to_string(i) + "[A-Za-z0-9]{24,400}", single_match_flags()});
  const auto late = child->compile(slow);
  ASSERT_FALSE(late.has_value());
  EXPECT_TRUE(late.error().message.contains("longer than 1 s")) << late.error().message;
  EXPECT_EQ(late.error().code, errc::timeout) << "on another day it may be done in time";
  EXPECT_TRUE(child->compile(one("needle")).has_value());
}

TEST(compiler, a_program_that_is_not_there_is_named) {
  const auto made = child_backend("/nonexistent/sluice", {})->compile(one("x"));
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message.find("/nonexistent/sluice"), std::string::npos);
  EXPECT_EQ(made.error().code, errc::unavailable);
}

// A version decides the same on every node, whatever its processor can do.
TEST(compiler, a_database_for_the_plainest_processor_runs_here_and_finds_the_same) {
  auto set = one("need[lm]e{1,3}");
  for (const char* more : {"\\bword\\b", "[0-9]{4}-?[0-9]{4}", "(?i)caf\xC3\xA9", "long literal that vector code looks for"}) set.patterns.push_back({more, single_match_flags()});
  const auto here = in_process_backend()->compile(set);
  set.plainest = true;
  const auto there = in_process_backend()->compile(set);
  ASSERT_TRUE(here && there);
  if (std::filesystem::exists(SLUICE_BINARY)) EXPECT_EQ(*child_backend(SLUICE_BINARY, {})->compile(set), *there);
  const auto hits = [](const std::string& serialised, std::string_view text) {
    const auto db = database::load(serialised);
    std::set<std::uint32_t> out;
    scan_scratch scratch;
    EXPECT_TRUE(db && scratch.prepare(**db));
    EXPECT_TRUE(db && scan(**db, text, scratch, &out, [](void* to, std::uint32_t id) { static_cast<std::set<std::uint32_t>*>(to)->insert(id); }));
    return out;
  };
  std::mt19937 rng(5);
  constexpr const char* words[] = {"needle", "neem", "word", "sword", "1234", "5678", "-", " ", "caf\xC3\xA9", "CAF", "long literal that vector code looks for", "x"};
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (auto n = rng() % 60; n > 0; --n) text += words[rng() % std::size(words)];
    const auto found = hits(*here, text);
    ASSERT_EQ(found, hits(*there, text)) << text;
    seen.insert(found.begin(), found.end());
  }
  EXPECT_EQ(seen.size(), set.patterns.size());
}

TEST(database, bytes_that_are_no_database_are_refused) {
  EXPECT_FALSE(database::load("not a database").has_value());
}

}  // namespace
}  // namespace sluice::match
