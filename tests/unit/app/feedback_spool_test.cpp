// What the spool counts of itself: taken, forwarded, dropped, and what waits.
#include "feedback_spool.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../file_limit.hpp"
#include "../temporary_folder.hpp"
#include "sluice/telemetry/log.hpp"

namespace sluice::app {
namespace {

using folder = sluice::testing::temporary_folder;

TEST(feedback_spool, counts_what_it_takes_and_what_waits_on_the_disk) {
  const folder in;
  const std::string line(99, 'x');
  {
    feedback_spool spool(in.path(), std::nullopt, "r");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(spool.add(line));
    EXPECT_EQ(spool.stats().received, 3u);
  }
  const feedback_spool again(in.path(), std::nullopt, "r");
  const auto counted = again.stats();
  EXPECT_EQ(counted.waiting_bytes, 300u);
  EXPECT_EQ(counted.received, 0u);
  EXPECT_EQ(counted.dropped, 0u);
  EXPECT_EQ(again.lines().size(), 3u);
}

TEST(feedback_spool, counts_what_it_has_no_room_for) {
  const folder in;
  feedback_spool spool(in.path(), std::nullopt, "r");
  EXPECT_FALSE(spool.add(std::string(feedback_spool::file_bytes_max + 1, 'x')));
  EXPECT_EQ(spool.stats().dropped, 1u);
  EXPECT_EQ(spool.stats().received, 0u);
}

// What was taken waits for the disk; no more is taken meanwhile.
TEST(feedback_spool, what_was_taken_is_kept_until_the_disk_takes_it_and_no_more_is_taken_before) {
  const folder in;
  const auto file = in.path() + "/feedback.jsonl";
  std::filesystem::create_directory(file);
  feedback_spool spool(in.path(), std::nullopt, "r");
  std::uint64_t taken = 0;
  for (int i = 0; i < 500 && spool.stats().dropped == 0; ++i, ::usleep(10'000)) taken += spool.add("{}") ? 1 : 0;
  EXPECT_EQ(spool.stats().dropped, 1u);
  EXPECT_FALSE(spool.add("{}"));
  EXPECT_GT(taken, 0u);
  EXPECT_EQ(spool.stats().received, taken);
  std::filesystem::remove(file);
  for (int i = 0; i < 500 && spool.lines().size() < taken; ++i) ::usleep(10'000);
  EXPECT_EQ(spool.lines().size(), taken);
  for (int i = 0; i < 500 && !spool.add("{}"); ++i) ::usleep(10'000);
  for (int i = 0; i < 500 && spool.lines().size() <= taken; ++i) ::usleep(10'000);
  EXPECT_EQ(spool.lines().size(), taken + 1);
}

using testing::file_limit;

void until_waiting(const feedback_spool& spool, std::uint64_t bytes, std::uint64_t dropped) {
  for (int i = 0; i < 1000 && (spool.stats().waiting_bytes != bytes || spool.stats().dropped != dropped); ++i) ::usleep(10'000);
  EXPECT_EQ(spool.stats().waiting_bytes, bytes);
  EXPECT_EQ(spool.stats().dropped, dropped);
}

TEST(feedback_spool, an_entry_that_the_disk_took_in_part_waits_and_spoils_no_other) {
  const folder in;
  feedback_spool spool(in.path(), std::nullopt, "r");
  const std::string first(99, 'a'), waits(99, 'b'), last(99, 'c');
  std::vector<std::string> all{first};
  EXPECT_TRUE(spool.add(first));
  until_waiting(spool, 100, 0);
  {
    const file_limit limit(150);
    while (all.size() < 500 && spool.add(waits)) all.push_back(waits), ::usleep(10'000);
    ASSERT_GT(all.size(), 1u);
    until_waiting(spool, 100, 1);
  }
  until_waiting(spool, 100 * all.size(), 1);
  EXPECT_TRUE(spool.add(last));
  all.push_back(last);
  until_waiting(spool, 100 * all.size(), 1);
  EXPECT_EQ(spool.lines(), all);
}

std::string said(const char* kind, int n, std::size_t note) {
  const auto number = std::to_string(n);
  return std::string(R"({"kind":")") + kind + R"(","decision":")" + std::string(32 - number.size(), '0') + number + R"(","verdict":"correct","by":"Ada","time":"2026-11-23T00:00:00Z","note":")" + std::string(note, 'x') + "\"}";
}

TEST(feedback_spool, where_no_redis_takes_it_the_oldest_reports_make_room) {
  const folder in;
  constexpr int reports = 16'000;
  const auto label = said("label", 0, 0);
  {
    std::ofstream file(in.path() + "/feedback.jsonl");
    file << label << '\n';
    for (int i = 1; i <= reports; ++i) file << said("report", i, 900) << '\n';
  }
  feedback_spool spool(in.path(), std::nullopt, "r");
  ASSERT_LT(spool.stats().waiting_bytes, feedback_spool::file_bytes_max);
  constexpr std::uint64_t taken = 300;  // no more than wait at once, and more than have room
  for (std::uint64_t i = 0; i < taken; ++i) ASSERT_TRUE(spool.add(said("report", 100'000, 900)));
  for (int i = 0; i < 3000 && spool.stats().dropped == 0; ++i) ::usleep(10'000);
  const auto dropped = spool.stats().dropped;
  ASSERT_GT(dropped, 0u);
  const auto last = said("report", 999'999, 0);
  ASSERT_TRUE(spool.add(last));
  for (int i = 0; i < 1000 && spool.lines().back() != last; ++i) ::usleep(10'000);
  const auto left = spool.lines();
  EXPECT_EQ(left.front(), label) << "what a person said stays";
  EXPECT_EQ(left.back(), last);
  EXPECT_EQ(spool.stats().dropped, dropped) << "none was refused";
  EXPECT_EQ(left.size() + dropped, 1 + reports + taken + 1);
  EXPECT_LT(spool.stats().waiting_bytes, feedback_spool::file_bytes_max * 2 / 3);
}

TEST(feedback_spool, a_file_that_somebody_takes_away_begins_anew) {
  const folder in;
  const auto file = in.path() + "/feedback.jsonl";
  feedback_spool spool(in.path(), std::nullopt, "r");
  EXPECT_TRUE(spool.add(std::string(999, 'x')));
  until_waiting(spool, 1000, 0);
  std::filesystem::remove(file);
  until_waiting(spool, 0, 0);
  EXPECT_TRUE(spool.add("next"));
  until_waiting(spool, 5, 0);
  EXPECT_EQ(spool.lines(), std::vector<std::string>{"next"});
}

TEST(feedback_spool, an_entry_that_a_crash_tore_is_counted_and_spoils_no_other) {
  const folder in;
  std::ofstream(in.path() + "/feedback.jsonl") << "whole\nhalf of";
  feedback_spool spool(in.path(), std::nullopt, "r");
  EXPECT_EQ(spool.stats().dropped, 1u);
  EXPECT_TRUE(spool.add("next"));
  until_waiting(spool, 11, 1);
  EXPECT_EQ(spool.lines(), (std::vector<std::string>{"whole", "next"}));
}

}  // namespace
}  // namespace sluice::app
