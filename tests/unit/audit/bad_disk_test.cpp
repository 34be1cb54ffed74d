// A disk that fails: syncs that go wrong, and no room. What is told, what waits, and how it is made good.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "failing_disk.hpp"
#include "sluice/audit/query.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
using nlohmann::json;

verify_report check(const log_folder& folder) { return verify({folder.path()}).value(); }

// Of both ways to sync: beside the writer, and after each batch.
class failed_sync : public ::testing::TestWithParam<sync_mode> {};

TEST_P(failed_sync, is_told_blocks_and_is_made_good_by_a_new_file_that_names_the_records_in_doubt) {
  log_folder folder;
  auto config = config_for(folder);
  config.sync = GetParam();
  auto to = log::open(config, 1).value();
  const auto before = to->stats().sequence;
  {
    const failing_disk once(1, 0);
    ASSERT_TRUE(push(*to, 0, decision("in doubt")));
    ASSERT_TRUE(within_ten_seconds([&] { return to->stats().failed; }));
  }
  EXPECT_TRUE(to->stats().failure.contains("syncing")) << to->stats().failure;
  EXPECT_EQ(to->stats().sync_failures, 1u);
  EXPECT_FALSE(to->reserve(0, 2));
  ASSERT_TRUE(within_ten_seconds([&] { return !to->stats().failed; }));
  EXPECT_TRUE(to->reserve(0, 2));
  ASSERT_TRUE(push(*to, 0, decision("after")));
  to.reset();
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
  EXPECT_EQ(check(folder).files, 2u);
  const auto lines = folder.lines();
  const auto told = std::ranges::find_if(lines, [](const auto& l) { return json::parse(l)["event"] == "unsynced"; });
  ASSERT_NE(told, lines.end());
  EXPECT_TRUE(json::parse(*told)["detail"].get<std::string>().contains("records after " + std::to_string(before) + " may")) << *told;
}

INSTANTIATE_TEST_SUITE_P(ways, failed_sync, ::testing::Values(sync_mode::interval, sync_mode::always));

TEST(log, a_failed_sync_is_told_and_takes_what_needs_no_place) {
  log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const failing_disk once(1, 0);
  ASSERT_TRUE(push(*to, 0, decision("in doubt")));
  ASSERT_TRUE(within_ten_seconds([&] { return to->stats().failed; }));
  EXPECT_TRUE(push(*to, 0, decision("without a place")));
}

TEST(log, does_not_begin_in_a_folder_whose_names_do_not_survive) {
  log_folder folder;
  const failing_disk names(0, 1);
  const auto to = log::open(config_for(folder), 1);
  ASSERT_FALSE(to);
  EXPECT_TRUE(to.error().message.contains(folder.path())) << to.error().message;
}

TEST(log, a_rotation_whose_name_may_not_survive_is_a_failed_sync) {
  log_folder folder;
  auto config = config_for(folder);
  config.file_bytes_max = 500;
  auto to = log::open(config, 1).value();
  const failing_disk names(0, 1);
  ASSERT_TRUE(push(*to, 0, decision("d")));
  ASSERT_TRUE(push(*to, 0, decision("d")));
  ASSERT_TRUE(within_ten_seconds([&] { return to->stats().failed; }));
  ASSERT_TRUE(within_ten_seconds([&] { return !to->stats().failed; }));
  to.reset();
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

// What waits for a full disk is one batch, however long that lasts and whatever is lost meanwhile.
TEST(log, a_full_disk_is_told_and_what_waits_for_it_has_a_bound) {
  log_folder folder;
  auto config = config_for(folder);
  config.queue_records = 8;
  auto to = log::open(config, 1).value();
  std::uint64_t refused = 0;
  {
    const full_disk disk;
    ASSERT_TRUE(push(*to, 0, decision("d")));
    ASSERT_TRUE(within_ten_seconds([&] { return to->stats().failed; }));
    EXPECT_TRUE(to->stats().full);
    EXPECT_TRUE(to->stats().failure.contains("No space left")) << to->stats().failure;
    for (int i = 0; i < 1000; ++i) to->event({"state", wall_time{}, "", "", "", "e"});
    for (const auto end = disk.refused() + 50; disk.refused() < end;) refused += push(*to, 0, large("d")) ? 0 : 1;
    ASSERT_GT(refused, 0u);
  }
  ASSERT_TRUE(within_ten_seconds([&] { return !to->stats().failed; }));
  to->flush();
  EXPECT_FALSE(to->stats().full);
  const auto lost_events = to->stats().dropped - refused;
  EXPECT_GT(lost_events, 0u);
  to.reset();
  std::uint64_t told = 0, lines_of_lost = 0, events = 0;
  for (const auto& line : folder.lines()) {
    const auto j = json::parse(line);
    events += j["event"] == "state" ? 1 : 0;
    if (j["event"] != "lost") continue;
    ++lines_of_lost;
    told += std::stoull(j["detail"].get<std::string>());
  }
  EXPECT_EQ(told, refused + lost_events);
  EXPECT_EQ(events, 1000 - lost_events);
  EXPECT_LT(lines_of_lost, 15u) << "one a turn";
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

TEST(log, a_fault_that_the_sync_beside_is_told_is_no_success_of_the_one_that_somebody_waits_for) {
  log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const auto before = to->stats().sequence;
  {
    slow_fault fault;
    ASSERT_TRUE(push(*to, 0, decision("in doubt")));
    ASSERT_TRUE(within_ten_seconds([&] { return fault.under_way(); }));
    ASSERT_TRUE(push(*to, 0, decision("in doubt too")));
    auto failed = std::async(std::launch::async, [&] { return to->flush(), to->stats().failed; });
    const auto end = mono_now() + milliseconds(300);  // who does not wait for the other is done by then
    while (!fault.others() && mono_now() < end) std::this_thread::yield();
    EXPECT_FALSE(fault.others());
    fault.release();
    EXPECT_TRUE(failed.get());
  }
  ASSERT_TRUE(within_ten_seconds([&] { return !to->stats().failed; }));
  to.reset();
  const auto lines = folder.lines();
  const auto told = std::ranges::find_if(lines, [](const auto& l) { return json::parse(l)["event"] == "unsynced"; });
  ASSERT_NE(told, lines.end());
  const auto detail = json::parse(*told)["detail"].get<std::string>();
  EXPECT_TRUE(detail.contains("000001.jsonl") && detail.contains("records after " + std::to_string(before) + " may")) << detail;
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

// What runs is told once the disk takes it, also where the event that said so had no place.
TEST(log, an_activation_that_did_not_fit_is_told_by_what_stands_when_the_disk_works_again) {
  log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const auto tell = [&](const char* kind, const char* version, const char* detail) { to->event({kind, sluice::now().wall, "1-1", version, "FRESH", detail}); };
  tell("activated", "v1", "");
  to->flush();
  wall_time meanwhile{};
  {
    const full_disk disk;
    for (int i = 0; i < 40; ++i) {
      auto r = large("d");
      r.time = sluice::now().wall;
      ASSERT_TRUE(push(*to, 0, std::move(r)));
    }
    ASSERT_TRUE(within_ten_seconds([&] { return disk.refused() >= 3; }));  // what it holds is as much as may wait
    for (int i = 0; i < 300; ++i) tell("refused", "v9", "");
    tell("activated", "v2", "");
    tell("demoted", "v2", "rule r-1: blocks too much");
    meanwhile = sluice::now().wall;
    ASSERT_GE(to->stats().dropped, 46u);
  }
  ASSERT_TRUE(within_ten_seconds([&] { return !to->stats().failed; }));
  to->flush();
  const auto now = active_at({folder.path()}, sluice::now().wall).value().at(0);
  EXPECT_EQ(now.version, "v2");
  EXPECT_EQ(now.demoted, std::vector<std::string>{"r-1"});
  EXPECT_LE(now.since, meanwhile);
  EXPECT_FALSE(now.lost_until);
  const auto then = active_at({folder.path()}, meanwhile).value().at(0);
  EXPECT_EQ(then.version, "v1");
  ASSERT_TRUE(then.lost_until) << "and it says that something is missing";
  EXPECT_GT(*then.lost_until, meanwhile);
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

TEST(log, begins_on_a_full_disk_and_asks_it_at_intervals) {
  log_folder folder;
  auto config = config_for(folder);
  config.interval = std::chrono::seconds(60);
  const auto begun = mono_now();
  std::unique_ptr<log> to;
  {
    const full_disk disk;
    to = log::open(config, 1).value();
    EXPECT_FALSE(to->reserve(0, 2));
    ASSERT_TRUE(within_ten_seconds([&] { return disk.refused() >= 4; }));
    EXPECT_GE(mono_now() - begun, milliseconds(250)) << "the thread spins";
  }
  ASSERT_TRUE(within_ten_seconds([&] { return to->reserve(0, 2); }));
  to.reset();
  EXPECT_EQ(folder.lines().size(), 2u);
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

TEST(log, a_stop_on_a_full_disk_ends) {
  log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const full_disk disk;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(push(*to, 0, large("d")));
  to.reset();
  EXPECT_EQ(check(folder).problems, std::vector<std::string>{});
}

}  // namespace
}  // namespace sluice::audit
