// The log on disk: chained, rotated, continued, repaired, and what happens when its queues are full.
#include "sluice/audit/log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sluice/audit/query.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
using nlohmann::json;
namespace fs = std::filesystem;

verify_report check(const log_folder& folder) { return verify({folder.path()}).value(); }

TEST(log, what_was_pushed_before_a_flush_is_on_disk) {
  log_folder folder;
  auto to = log::open(config_for(folder), 2).value();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(push(*to, static_cast<std::size_t>(i % 2), decision("d" + std::to_string(i))));
  to->flush();
  EXPECT_EQ(folder.lines().size(), 101u) << "and the start";
  EXPECT_EQ(to->stats().written, 101u);
  EXPECT_EQ(to->stats().sequence, 101u);
  EXPECT_TRUE(check(folder).problems.empty());
}

TEST(log, begins_with_a_start_and_ends_with_a_stop) {
  log_folder folder;
  {
    auto to = log::open(config_for(folder), 1).value();
    ASSERT_TRUE(push(*to, 0, decision("d1")));
  }
  const auto lines = folder.lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(json::parse(lines[0])["event"], "start");
  EXPECT_EQ(json::parse(lines[1])["id"], "d1");
  EXPECT_EQ(json::parse(lines[2])["event"], "stop");
}

TEST(log, one_chain_runs_through_rotated_files_and_boots) {
  log_folder folder;
  auto config = config_for(folder);
  config.file_bytes_max = 2000;
  for (int boot = 0; boot < 3; ++boot) {
    auto to = log::open(config, 1).value();
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(push(*to, 0, decision("d")));
      to->flush();
    }
  }
  const auto report = check(folder);
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_GT(report.files, 6u);
  EXPECT_EQ(report.boots, 3u);
  EXPECT_EQ(report.records, 36u);
  EXPECT_EQ(json::parse(folder.lines().back())["seq"], 36);
}

TEST(log, a_tail_torn_at_any_byte_is_cut_off_and_the_chain_goes_on) {
  log_folder folder;
  {
    auto to = log::open(config_for(folder), 1).value();
    ASSERT_TRUE(push(*to, 0, decision("d1")));
  }
  const auto file = folder.files().at(0);
  const auto whole = read(file);
  const auto last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (auto cut = last_line + 1; cut < whole.size(); cut += 7) {
    for (const auto& other : folder.files()) {
      if (other != file) fs::remove(other);
    }
    write(file, whole.substr(0, cut));
    EXPECT_TRUE(check(folder).torn_tail);
    EXPECT_TRUE(check(folder).problems.empty()) << "a torn tail is no break";
    EXPECT_EQ(log::open(config_for(folder), 1).value()->stats().torn_repaired, 1u);
    const auto report = check(folder);
    EXPECT_EQ(report.problems, std::vector<std::string>{}) << cut;
    EXPECT_FALSE(report.torn_tail);
    EXPECT_EQ(report.records, 4u) << "two of the first boot, start and stop of the second";
  }
}

TEST(log, a_first_line_that_was_torn_leaves_an_empty_file_and_a_whole_chain) {
  log_folder folder;
  { auto to = log::open(config_for(folder), 1).value(); }
  const auto file = folder.files().at(0);
  write(file, read(file).substr(0, 20));
  { auto to = log::open(config_for(folder), 1).value(); }
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
  EXPECT_EQ(check(folder).records, 2u);
}

TEST(log, a_last_line_that_is_no_record_is_kept_as_evidence) {
  log_folder folder;
  { auto to = log::open(config_for(folder), 1).value(); }
  const auto file = folder.files().at(0);
  const auto bytes = read(file) + "somebody was here\n";
  write(file, bytes);
  const auto again = log::open(config_for(folder), 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::integrity);
  EXPECT_TRUE(again.error().message.contains(file));
  EXPECT_EQ(read(file), bytes);
}

TEST(log, nodes_that_share_a_folder_have_chains_of_their_own) {
  log_folder folder;
  auto a = log::open(config_for(folder, "n-1"), 1).value(), b = log::open(config_for(folder, "n-2"), 1).value();
  ASSERT_TRUE(push(*a, 0, decision("d1")));
  ASSERT_TRUE(push(*b, 0, decision("d2")));
  a.reset();
  b.reset();
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
  EXPECT_EQ(check(folder).records, 6u);
}

log_config slow_and_small(const log_folder& folder) {
  auto config = config_for(folder);
  config.queue_records = 8;
  config.interval = std::chrono::seconds(60);
  return config;
}

TEST(log, a_full_ring_counts_what_had_no_place_and_says_so_in_the_chain) {
  log_folder folder;
  std::uint64_t refused = 0;
  {
    auto to = log::open(slow_and_small(folder), 1).value();
    for (int i = 0; i < 10'000; ++i) {
      refused += push(*to, 0, decision("d")) ? 0 : 1;
    }
    ASSERT_GT(refused, 0u) << "the queue of eight was never full";
    EXPECT_EQ(to->stats().dropped, refused);
    to->flush();
  }
  std::uint64_t told = 0, kept = 0;
  for (const auto& line : folder.lines()) {
    const auto j = json::parse(line);
    if (j["event"] == "lost") told += std::stoull(j["detail"].get<std::string>());
    kept += j["event"] == "decision" ? 1 : 0;
  }
  EXPECT_EQ(told, refused);
  EXPECT_EQ(kept, 10'000u - refused);
  EXPECT_TRUE(check(folder).problems.empty());
}

TEST(log, a_ring_of_which_places_are_kept_says_no_before_it_is_full_and_loses_nothing) {
  log_folder folder;
  constexpr int wanted = 2000;
  {
    auto to = log::open(slow_and_small(folder), 1).value();
    for (int made = 0; made < wanted;) {
      if (!to->reserve(0, 2)) {
        to->flush();
        continue;
      }
      ASSERT_TRUE(push(*to, 0, decision("d"), true)) << "a place was kept, and yet there is no room";
      to->release(0, 1);
      ++made;
    }
    EXPECT_EQ(to->stats().dropped, 0u);
  }
  EXPECT_EQ(folder.lines().size(), wanted + 2u);
}

TEST(log, a_ring_that_is_half_full_does_not_wait_for_the_interval) {
  log_folder folder;
  auto to = log::open(slow_and_small(folder), 1).value();
  EXPECT_TRUE(within_ten_seconds([&] {
    if (to->reserve(0, 1)) EXPECT_TRUE(push(*to, 0, decision("d"), true));
    return to->stats().written > 1;
  }));
}

// More exchanges under way than the queue has room for, beside requests that were never admitted: what was admitted is never lost.
TEST(log, the_closing_record_of_an_exchange_that_was_admitted_has_its_place) {
  log_folder folder;
  constexpr std::size_t in_flight = 20, rounds = 200;
  std::size_t opened = 0, closed = 0;
  {
    auto to = log::open(slow_and_small(folder), 1).value();
    for (std::size_t round = 0; round < rounds; ++round) {
      std::size_t admitted = 0;
      for (std::size_t i = 0; i < in_flight; ++i) {
        if (!to->reserve(0, 2)) continue;
        ASSERT_TRUE(push(*to, 0, decision("opened"), true));
        ++admitted;
      }
      ASSERT_LE(admitted, 8u);
      opened += admitted;
      for (std::size_t i = 0; i < in_flight; ++i) (void)push(*to, 0, decision("never admitted"));
      for (; admitted > 0; --admitted, ++closed) ASSERT_TRUE(push(*to, 0, decision("closed"), true));
      to->flush();
    }
  }
  ASSERT_GT(opened, rounds);
  EXPECT_EQ(closed, opened);
  std::size_t kept = 0;
  for (const auto& line : folder.lines()) kept += json::parse(line).value("id", "") == "closed" ? 1 : 0;
  EXPECT_EQ(kept, closed);
  EXPECT_TRUE(check(folder).problems.empty());
}

TEST(log, a_new_file_that_cannot_be_opened_leaves_the_old_one_in_use) {
  log_folder folder;
  auto config = config_for(folder);
  config.file_bytes_max = 500;
  auto to = log::open(config, 1).value();
  const auto first = folder.files().at(0);
  // A folder stands where the next file should be.
  auto second = first;
  second.replace(second.size() - 7, 1, "2");
  ASSERT_TRUE(second.ends_with("000002.jsonl"));
  fs::create_directory(second);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(push(*to, 0, decision("d")));
    to->flush();
  }
  EXPECT_FALSE(to->stats().failed);
  EXPECT_EQ(to->stats().written, 6u);
  fs::remove(second);
  ASSERT_TRUE(push(*to, 0, decision("d")));
  to->flush();
  to.reset();
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
  EXPECT_GE(check(folder).files, 2u);
}

TEST(log, whatever_is_queued_at_a_stop_is_written) {
  log_folder folder;
  auto config = slow_and_small(folder);
  config.queue_records = 1024;
  {
    auto to = log::open(config, 1).value();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(push(*to, 0, large("d")));  // six batches
  }
  EXPECT_EQ(folder.lines().size(), 102u);
  EXPECT_EQ(json::parse(folder.lines().back())["event"], "stop");
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

// Files are read in the order of their names, which begin with the clock's.
TEST(log, after_a_clock_that_was_ahead_boots_stand_in_their_order_under_names_of_one_width) {
  for (const std::string ahead : {"20990101T000000000000Z0badcafe", "20990101T000000000000Z0badcafezzz", "20990101T000000000000Z0badcafe~0000004100000000"}) {
    log_folder folder;
    write(folder.path() + "/n1-" + ahead + "-000001.jsonl", "");
    std::vector<std::string> boots{ahead};
    for (int i = 0; i < 12; ++i) {
      const auto to = log::open(config_for(folder), 1).value();
      boots.push_back(to->stats().boot);
      EXPECT_GT(boots.back(), boots[boots.size() - 2]);
      EXPECT_EQ(boots.back().size(), boots[1].size());
    }
    EXPECT_EQ(verify({folder.path()}).value().problems, std::vector<std::string>{});
    EXPECT_EQ(verify({folder.path()}).value().boots, 12u);
  }
}

TEST(log, a_folder_that_cannot_be_made_is_refused_by_name) {
  log_folder folder;
  write(folder.path() + "/file", "");
  auto config = config_for(folder);
  config.directory = folder.path() + "/file/audit";
  const auto to = log::open(config, 1);
  ASSERT_FALSE(to);
  EXPECT_TRUE(to.error().message.contains("audit.directory"));
}

}  // namespace
}  // namespace sluice::audit
