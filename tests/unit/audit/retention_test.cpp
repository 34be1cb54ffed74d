// What becomes of old files: packed and still whole, or gone and the chain says so.
#include "sluice/audit/retention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "failing_disk.hpp"
#include "log_edits.hpp"
#include "sluice/audit/packing.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/strings.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
namespace fs = std::filesystem;
using ids = std::vector<std::string>;

class tidying : public ::testing::Test {
 protected:
  void SetUp() override {
    set_packing({.pack = [](const std::string& from, const std::string& to) -> result<void> { return write(to, turned(read(from))), result<void>(); },
                 .unpack = [](const std::string& from, const std::function<bool(std::string_view)>& take) -> result<void> {
                   const auto bytes = turned(read(from));
                   for (std::size_t at = 0; at < bytes.size() && take(std::string_view(bytes).substr(at, 100)); at += 100) {
                   }
                   return {};
                 }});
    config_ = config_for(folder_);
    config_.file_bytes_max = 600;  // a file a record
    config_.signing = std::make_shared<const crypto::signing_key>(crypto::signing_key::from_seed(std::string(32, 'k')));
    log_ = log::open(config_, 1).value();
    for (int i = 0; i < 10; ++i) add("d" + std::to_string(i));
  }
  void TearDown() override { set_packing({}); }
  void add(const std::string& id) {
    ASSERT_TRUE(push(*log_, 0, decision(id)));
    log_->flush();
  }
  std::vector<std::string> found() {
    std::vector<std::string> out;
    EXPECT_TRUE(query({folder_.path()}, {}, [&](const std::string& line) {
      const auto j = nlohmann::json::parse(line);
      if (j.contains("id")) out.push_back(j["id"]);
      return true;
    }));
    return out;
  }
  std::vector<std::string> problems() { return verify({folder_.path()}).value().problems; }
  kept_files run(const retention& rules) { return tidy(*log_, folder_.path(), "n1", rules, sluice::now(), memory_); }
  // Both clocks have gone on by so much since the log was written; the wall clock by `set` more.
  kept_files run_after(milliseconds later, const retention& rules, milliseconds set = milliseconds(0)) {
    return tidy(*log_, folder_.path(), "n1", rules, {.mono = written_.mono + later, .wall = written_.wall + later + set}, memory_);
  }
  log_folder folder_;
  log_config config_;
  std::unique_ptr<log> log_;
  retention_memory memory_;
  // Records of the tests have a time of their own, which may be ahead of the clock.
  const instant written_{.mono = mono_now(), .wall = std::max(sluice::now().wall, at("2026-12-01T12:00:00Z")) + seconds(1)};
};

constexpr std::chrono::hours hour{1};

TEST_F(tidying, closed_files_are_packed_and_everything_is_found_in_them) {
  const auto before = folder_.files().size();
  const auto all = found();
  ASSERT_GT(before, 5u);
  const auto done = run({});
  EXPECT_EQ(done.packed.size(), before - 2);
  EXPECT_EQ(done.problems, std::vector<std::string>{});
  EXPECT_EQ(folder_.files().size(), before);
  EXPECT_EQ(found(), all);
  EXPECT_EQ(problems(), std::vector<std::string>{});
  filter newest;
  newest.limit = 7;
  newest.event = "decision";
  std::size_t count = 0;
  ASSERT_TRUE(query({folder_.path()}, newest, [&](const std::string&) { return ++count, true; }));
  EXPECT_EQ(count, 7u);
  EXPECT_TRUE(run({}).packed.empty()) << "once is enough";
}

TEST_F(tidying, a_boot_goes_on_behind_packed_files_and_a_crash_between_packing_and_removing_is_harmless) {
  const auto first = folder_.files()[0];
  const auto bytes = read(first);
  run({});
  write(first, bytes);  // as if it had not been removed yet
  log_.reset();
  log_ = log::open(config_, 1).value();
  EXPECT_EQ(problems(), std::vector<std::string>{});
  EXPECT_EQ(found().size(), 10u);
}

// Between the listing and the reading, and between the two readings of a query.
TEST_F(tidying, a_file_that_is_packed_while_the_log_is_read_loses_nothing) {
  const auto all = found();
  const auto records = folder_.lines().size();
  for (const auto& rules : {retention{}, retention{.age = {}, .bytes = 1, .pack = false}}) {
    ids seen;
    const auto done = query({folder_.path()}, {}, [&](const std::string& line) {
      if (seen.empty()) run(rules);
      const auto j = nlohmann::json::parse(line);
      if (j.contains("id")) seen.push_back(j["id"]);
      return true;
    });
    if (rules.pack) {
      EXPECT_EQ(done.value(), records);
      EXPECT_EQ(seen, all);
    } else {
      ASSERT_FALSE(done) << "what goes while it is told is not left out in silence";
      EXPECT_TRUE(done.error().message.contains("while the log was read; ask again")) << done.error().message;
    }
  }
}

TEST_F(tidying, a_file_that_is_packed_between_the_listing_and_the_reading_is_read) {
  const auto all = found();
  const auto files = folder_.files();
  write(files[0] + ".zst", turned(read(files[0])));
  fs::remove(files[0]);
  const auto next = files[1];
  set_packing({.pack = {}, .unpack = [&](const std::string& from, const std::function<bool(std::string_view)>& take) -> result<void> {
                 if (fs::exists(next)) {  // while the first one is read
                   write(next + ".zst", turned(read(next)));
                   fs::remove(next);
                 }
                 (void)take(turned(read(from)));
                 return {};
               }});
  EXPECT_EQ(found(), all);
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

// Both are there where a crash came between packing and removing. An empty one beside a packed one is no such thing: it hid what that one holds.
TEST_F(tidying, a_file_in_both_forms_is_one_only_where_they_hold_the_same) {
  run({});
  const auto all = found();
  const auto packed = folder_.files()[0], plain = packed.substr(0, packed.size() - 4);
  ASSERT_TRUE(packed.ends_with(".zst"));
  const auto bytes = read(packed);
  write(plain, turned(bytes));
  EXPECT_EQ(found(), all);
  EXPECT_EQ(problems(), std::vector<std::string>{});
  EXPECT_EQ(stored_files(folder_.path()).value()[1].name, fs::path(packed).filename()) << "a copy has both";
  for (const auto& other : {std::string(), turned(bytes).substr(0, 300), turned(bytes) + "{}\n"}) {
    write(plain, other);
    const auto done = query({folder_.path()}, {}, [](const std::string&) { return true; });
    ASSERT_FALSE(done);
    EXPECT_TRUE(done.error().message.contains(plain + " and its packed form")) << done.error().message;
    EXPECT_FALSE(active_at({folder_.path()}, sluice::now().wall));
    ASSERT_FALSE(problems().empty());
    EXPECT_TRUE(problems()[0].contains(plain)) << problems()[0];
    for (const auto& rules : {retention{}, retention{.bytes = 1}}) {
      EXPECT_FALSE(run(rules).problems.empty());
      EXPECT_EQ(read(packed), bytes) << "the records are not packed over, nor removed";
    }
  }
  write(plain, turned(bytes));
  EXPECT_TRUE(run({}).problems.empty());
  EXPECT_FALSE(fs::exists(plain));
  EXPECT_EQ(found(), all);
}

TEST_F(tidying, a_packed_file_that_was_changed_is_found) {
  run({});
  const auto first = folder_.files()[0];
  ASSERT_TRUE(first.ends_with(".zst"));
  auto bytes = read(first);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write(first, bytes);
  ASSERT_FALSE(problems().empty());
  EXPECT_TRUE(problems()[0].starts_with(first + ":")) << problems()[0];
}

TEST_F(tidying, files_over_the_bytes_go_oldest_first_and_the_chain_says_so) {
  const auto files = folder_.files();
  std::uint64_t all = 0;
  for (const auto& f : files) all += fs::file_size(f);
  const auto done = run({.age = {}, .bytes = all - 1, .pack = false});
  ASSERT_EQ(done.removed.size(), 1u);
  EXPECT_TRUE(files[0].ends_with(done.removed[0]));
  EXPECT_EQ(problems(), std::vector<std::string>{});
  run({.age = {}, .bytes = 1, .pack = true});
  EXPECT_LE(folder_.files().size(), 3u) << "the newest stay";
  EXPECT_EQ(problems(), std::vector<std::string>{});
  log_.reset();
  log_ = log::open(config_, 1).value();
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

// What kept texts are read by goes with them, and not before.
TEST_F(tidying, the_first_record_that_stays_is_told_of_whichever_node_has_it) {
  const auto first_of = [](const std::string& bytes) { return at(nlohmann::json::parse(bytes.substr(0, bytes.find('\n')))["time"].get<std::string>()); };
  const auto first = folder_.files()[0];
  const auto bytes = read(first);
  const retention all{.age = {}, .bytes = 1u << 30, .pack = false}, few{.age = {}, .bytes = 1, .pack = false};
  EXPECT_EQ(run({.age = {}, .bytes = 0, .pack = false}).begins, std::nullopt) << "where nothing is removed";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run(all).begins, first_of(bytes));
  const auto done = run(few);
  ASSERT_FALSE(done.removed.empty());
  EXPECT_EQ(done.begins, first_of(read(folder_.files()[0])));
  EXPECT_GT(done.begins, first_of(bytes));
  auto other = fs::path(first).filename().string();
  other.replace(0, 2, "n0");
  write(folder_.path() + "/" + other, bytes);
  EXPECT_EQ(run(few).begins, first_of(bytes));
  write(folder_.path() + "/" + other, "no record\n");
  memory_.begins.clear();
  EXPECT_EQ(run(few).begins, std::nullopt) << "what cannot be told is not taken for young";
}

TEST_F(tidying, a_checkpoint_that_a_ring_has_may_have_been_retired_since) {
  const auto lines = folder_.lines();
  const auto first = std::ranges::find_if(lines, [](const std::string& l) { return l.contains("\"event\":\"checkpoint\""); });
  ASSERT_NE(first, lines.end());
  const auto& key = config_.signing->public_key();
  const verify_options with{.keys = {hex(key)}, .anchors = {}, .ring = std::vector<verify_options::ring_entry>{{.place = "entry 1", .line = *first}}};
  EXPECT_EQ(verify({folder_.path()}, with).value().problems, std::vector<std::string>{});
  ASSERT_FALSE(run({.age = {}, .bytes = 1, .pack = false}).removed.empty());
  const auto lines_left = folder_.lines();
  ASSERT_EQ(std::ranges::find(lines_left, *first), lines_left.end());
  EXPECT_EQ(verify({folder_.path()}, with).value().problems, std::vector<std::string>{});
}

TEST_F(tidying, a_full_disk_has_room_for_the_record_that_lets_old_files_go) {
  const auto before = folder_.files().size();
  const auto reserve = folder_.path() + "/n1.reserve";
  ASSERT_GT(fs::file_size(reserve), 1u << 20);
  const full_disk disk(reserve);
  ASSERT_TRUE(push(*log_, 0, decision("waits")));
  log_->flush();
  ASSERT_TRUE(log_->stats().full);
  const auto done = run({.age = {}, .bytes = 1, .pack = false});
  EXPECT_EQ(done.problems, std::vector<std::string>{});
  EXPECT_EQ(done.removed.size(), before - 2);
  EXPECT_FALSE(fs::exists(reserve));
  EXPECT_FALSE(log_->stats().failed);
  EXPECT_EQ(found().back(), "waits");
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

// As when somebody else took what the reserve gave.
TEST_F(tidying, on_a_disk_that_stays_full_nothing_goes_and_the_chain_is_not_filled_with_promises) {
  const auto before = folder_.files();
  {
    const full_disk disk;
    ASSERT_TRUE(push(*log_, 0, decision("waits")));
    for (int i = 0; i < 5; ++i) {
      const auto done = run({.age = {}, .bytes = 1, .pack = false});
      EXPECT_TRUE(done.removed.empty());
      ASSERT_EQ(done.problems.size(), 1u);
    }
  }
  log_->flush();
  EXPECT_FALSE(log_->stats().failed);
  EXPECT_EQ(folder_.files().front(), before.front());
  const auto lines = folder_.lines();
  EXPECT_LE(std::ranges::count_if(lines, [](const std::string& l) { return l.contains("\"event\":\"retired\""); }), 1);
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(tidying, while_a_sync_is_in_doubt_nothing_goes_and_nothing_says_so) {
  {
    const failing_disk once(1, 0);
    ASSERT_TRUE(push(*log_, 0, decision("in doubt")));
    ASSERT_TRUE(within_ten_seconds([&] { return log_->stats().failed; }));
  }
  EXPECT_EQ(run({.age = {}, .bytes = 1, .pack = false}).problems.size(), 1u);
  log_.reset();
  EXPECT_TRUE(std::ranges::none_of(folder_.lines(), [](const std::string& l) { return l.contains("\"event\":\"retired\""); }));
}

TEST_F(tidying, files_are_kept_for_their_time_and_no_longer) {
  const auto before = folder_.files().size();
  const retention rules{.age = hour, .bytes = 0, .pack = false};
  EXPECT_TRUE(run_after(seconds(0), rules).removed.empty());
  EXPECT_TRUE(run_after(hour - seconds(10), rules).removed.empty());
  EXPECT_EQ(run_after(2 * hour, rules).removed.size(), before - 2);
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(tidying, what_the_disk_says_of_a_file_makes_no_record_older) {
  const retention rules{.age = 240 * hour, .bytes = 0, .pack = false};
  run_after(seconds(0), rules);
  for (const auto& f : folder_.files()) fs::last_write_time(f, fs::file_time_type::clock::now() - 1000 * hour);
  const auto done = run_after(2 * hour, rules);
  EXPECT_EQ(done.removed, std::vector<std::string>{});
  EXPECT_TRUE(std::ranges::none_of(folder_.lines(), [](const std::string& l) { return l.contains("\"event\":\"retired\""); }));
}

TEST_F(tidying, with_a_clock_that_was_set_nothing_goes_by_its_age_until_it_has_gone_on_for_an_hour) {
  const auto before = folder_.files().size();
  const retention rules{.age = 24 * hour, .bytes = 0, .pack = false};
  run_after(seconds(0), rules);
  run_after(2 * hour, rules);
  const auto jumped = run_after(2 * hour + seconds(5), rules, 1000 * hour);
  EXPECT_TRUE(jumped.removed.empty());
  ASSERT_EQ(jumped.problems.size(), 1u);
  EXPECT_TRUE(jumped.problems[0].contains("the clock was set")) << jumped.problems[0];
  EXPECT_TRUE(run_after(2 * hour + seconds(10), rules, 1000 * hour).removed.empty());
  EXPECT_TRUE(run_after(2 * hour + seconds(15), rules).removed.empty()) << "set right again";
  EXPECT_EQ(run_after(30 * hour, rules).removed.size(), before - 2);
}

TEST_F(tidying, files_that_were_changed_are_not_signed_away) {
  const auto files = folder_.files();
  auto bytes = read(files[0]);
  const auto end = bytes.rfind("\"hash\":\"") + 8;
  bytes[end] = bytes[end] == '0' ? '1' : '0';
  write(files[0], bytes);
  std::uint64_t all = 0;
  for (const auto& f : files) all += fs::file_size(f);
  const auto done = run({.age = {}, .bytes = all - 1, .pack = false});
  EXPECT_TRUE(done.removed.empty());
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_TRUE(done.problems[0].contains("they were changed")) << done.problems[0];
  EXPECT_EQ(folder_.files(), files);
}

TEST_F(tidying, a_retirement_says_by_which_rule_and_verify_holds_it_against_the_last_time) {
  run_after(seconds(0), {.age = hour, .bytes = 0, .pack = false});
  ASSERT_FALSE(run_after(2 * hour, {.age = hour, .bytes = 0, .pack = false}).removed.empty());
  const auto lines = folder_.lines();
  const auto said = std::ranges::find_if(lines, [](const std::string& l) { return l.contains("\"event\":\"retired\""); });
  ASSERT_NE(said, lines.end());
  const auto j = nlohmann::json::parse(*said);
  EXPECT_EQ(j["retired_by"], "age");
  EXPECT_EQ(j["retired_after_ms"], 3'600'000);
  EXPECT_EQ(j["retired_time"], rfc3339(at("2026-12-01T12:00:00Z")));
  // As a log of another program would sign it: files go an hour after their last record, as it says, and that one is of the same minute.
  control_event lie{.kind = "retired", .time = written_.wall, .activation = {}, .version = {}, .freshness = {}, .detail = {}};
  lie.through = 1;
  lie.through_hash = std::string(64, '0');
  lie.through_time = written_.wall - seconds(30);
  lie.after = hour;
  log_->event(lie);
  log_->flush();
  ASSERT_EQ(problems().size(), 1u);
  EXPECT_TRUE(problems()[0].contains("were retired because they were older than 3600 s")) << problems()[0];
}

TEST_F(tidying, a_file_is_packed_only_where_the_packed_one_gives_all_of_it_back) {
  const auto unpack = [](const std::string& from, const std::function<bool(std::string_view)>& take) -> result<void> { return take(turned(read(from))), result<void>(); };
  const auto files = folder_.files();
  // As of a file that could not be opened, one that could be read in part, and one that grew in between.
  for (const auto& lost : {std::string::npos, std::size_t{10}, std::size_t{0}}) {
    set_packing({.pack = [&](const std::string& from, const std::string& to) -> result<void> {
                   const auto all = read(from);
                   return write(to, turned(lost == std::string::npos ? "" : lost == 0 ? all + "{}\n" : all.substr(0, all.size() - lost))), result<void>();
                 },
                 .unpack = unpack});
    const auto done = run({});
    EXPECT_TRUE(done.packed.empty());
    ASSERT_FALSE(done.problems.empty());
    EXPECT_TRUE(done.problems[0].contains("does not give back")) << done.problems[0];
    EXPECT_EQ(folder_.files(), files);
    EXPECT_EQ(problems(), std::vector<std::string>{});
  }
}

// A boot whose begin was retired still says what it runs: each further file begins with it.
TEST_F(tidying, what_was_in_force_is_told_after_retention_took_the_event) {
  const auto tell = [&](const std::string& kind, const std::string& version, const std::string& detail) {
    log_->event({.kind = kind, .time = written_.wall, .activation = "1-7", .version = version, .freshness = "FRESH", .detail = detail});
    log_->flush();
  };
  tell("activated", "v1", "");
  log_->event({.kind = "state", .time = written_.wall + seconds(1), .activation = "1-7", .version = "v1", .freshness = "STALE", .detail = ""});
  tell("demoted", "v1", "rule fin-1: blocked too much");
  tell("demoted", "v1", "rule fin-2: by a person");
  tell("rearmed", "v1", "rule fin-2: by a person");
  tell("canary", "v2", "5.00 %");
  const auto told = [&] { return active_at({folder_.path()}, written_.wall + hour).value(); };
  const auto before = told();
  ASSERT_EQ(before.size(), 1u);
  for (int i = 0; i < 10; ++i) add("e" + std::to_string(i));
  ASSERT_FALSE(run({.age = {}, .bytes = 1, .pack = false}).removed.empty());
  ASSERT_TRUE(std::ranges::none_of(folder_.lines(), [](const std::string& l) { return l.contains("\"event\":\"activated\"") || l.contains("\"event\":\"demoted\""); }));
  const auto after = told();
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].activation, "1-7");
  EXPECT_EQ(after[0].version, "v1");
  EXPECT_EQ(after[0].since, before[0].since);
  EXPECT_EQ(after[0].state_since, before[0].state_since);
  EXPECT_EQ(after[0].demoted, ids{"fin-1"});
  EXPECT_EQ(after[0].canary, "v2");
  EXPECT_EQ(after[0].canary_share, "5.00 %");
  EXPECT_EQ(problems(), std::vector<std::string>{});
}

TEST_F(tidying, a_file_that_somebody_else_removed_is_still_missed) {
  run({.age = {}, .bytes = 3000, .pack = false});
  ASSERT_EQ(problems(), std::vector<std::string>{});
  fs::remove(folder_.files()[0]);
  ASSERT_FALSE(problems().empty());
  EXPECT_TRUE(problems()[0].contains("no record says that they were retired")) << problems()[0];
}

}  // namespace
}  // namespace sluice::audit
