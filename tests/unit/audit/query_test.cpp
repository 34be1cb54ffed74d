// Finding records again, following them, and what was active when.
#include "sluice/audit/query.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
using ids = std::vector<std::string>;

class querying : public ::testing::Test {
 protected:
  void SetUp() override {
    log_ = log::open(config_for(folder_), 1).value();
    add(decision("d1", policy::verdict::allow, "acme"));
    auto found = decision("d2", policy::verdict::block, "acme");
    found.time = at("2026-12-02T00:00:00Z");
    found.response.judged = true;
    found.response.findings.push_back({.rule = "card", .policy = "pii", .action = policy::action::block, .enforcement = policy::enforcement::enforce,
                                       .channel = "choice 0 content", .begin = 0, .end = 4, .value = "4111"});
    add(found);
    auto late = decision("d3", policy::verdict::edit, "globex");
    late.time = at("2026-12-03T00:00:00Z");
    late.activation = "2-3";
    late.version = "123456";
    add(late);
    log_->flush();
  }
  void add(record r) { ASSERT_TRUE(push(*log_, 0, std::move(r))); }
  ids find(const filter& f) {
    ids out;
    const auto done = query({folder_.path()}, f, [&](const std::string& line) {
      const auto j = nlohmann::json::parse(line);
      if (j.contains("id")) out.push_back(j["id"]);
      return true;
    });
    EXPECT_TRUE(done);
    return out;
  }
  static filter with(const std::function<void(filter&)>& set) {
    filter f;
    set(f);
    return f;
  }
  log_folder folder_;
  std::unique_ptr<log> log_;
};

TEST_F(querying, each_filter_narrows_and_none_gives_all) {
  EXPECT_EQ(find({}), (ids{"d1", "d2", "d3"}));
  EXPECT_EQ(find(with([](filter& f) { f.decision = "d2"; })), ids{"d2"});
  EXPECT_EQ(find(with([](filter& f) { f.tenant = "acme"; })), (ids{"d1", "d2"}));
  EXPECT_EQ(find(with([](filter& f) { f.rule = "card"; })), ids{"d2"});
  EXPECT_EQ(find(with([](filter& f) { f.policy = "pii"; })), ids{"d2"});
  EXPECT_EQ(find(with([](filter& f) { f.verdict = "edit"; })), ids{"d3"});
  EXPECT_EQ(find(with([](filter& f) { f.version = "abc"; })), (ids{"d1", "d2"})) << "first digits are enough";
  EXPECT_EQ(find(with([](filter& f) { f.activation = "2-3"; })), ids{"d3"});
  EXPECT_EQ(find(with([](filter& f) { f.tenant = "acme", f.verdict = "edit"; })), ids{});
}

TEST_F(querying, a_span_of_time_holds_its_begin_and_not_its_end) {
  const auto f = with([](filter& x) { x.from = at("2026-12-01T12:00:00Z"), x.to = at("2026-12-03T00:00:00Z"); });
  EXPECT_EQ(find(f), (ids{"d1", "d2"}));
}

// A log that is exported every minute is not read every minute.
TEST(asking_on, files_without_a_later_record_are_not_read_and_of_the_others_every_line_is) {
  const log_folder folder;
  auto config = config_for(folder);
  config.file_bytes_max = 4000;
  auto log = log::open(config, 1).value();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(push(*log, 0, decision("d" + std::to_string(i))));
    log->flush();
  }
  log.reset();
  const auto files = folder.files();
  ASSERT_GT(files.size(), 3U);
  std::vector<std::vector<std::uint64_t>> numbers;  // by file
  for (const auto& file : files) {
    auto& of = numbers.emplace_back();
    std::istringstream lines(read(file));
    for (std::string line; std::getline(lines, line);) of.push_back(nlohmann::json::parse(line)["seq"]);
  }
  for (std::uint64_t had = 0; had <= numbers.back().back() + 1; ++had) {
    std::vector<std::uint64_t> given, wanted;
    for (const auto& of : numbers) {
      if (of.back() > had) wanted.insert(wanted.end(), of.begin(), of.end());
    }
    filter f;
    f.had = [&](const std::string& node, const std::string&) { return node == "n1" ? std::optional(had) : std::nullopt; };
    ASSERT_TRUE(query({folder.path()}, f, [&](const std::string& line) { return given.push_back(nlohmann::json::parse(line)["seq"]), true; }));
    std::ranges::sort(given);
    ASSERT_EQ(given, wanted) << had;
  }
}

TEST_F(querying, a_limit_gives_the_newest_of_what_fits) {
  EXPECT_EQ(find(with([](filter& f) { f.tenant = "acme", f.limit = 1; })), ids{"d2"});
  EXPECT_EQ(find(with([](filter& f) { f.limit = 2; })), (ids{"d2", "d3"}));
  EXPECT_EQ(find(with([](filter& f) { f.limit = 2, f.skip = 1; })), (ids{"d1", "d2"})) << "the page before";
  EXPECT_EQ(find(with([](filter& f) { f.limit = 2, f.skip = 2; })), ids{"d1"});
  EXPECT_EQ(find(with([](filter& f) { f.limit = 2, f.skip = 7; })), ids{});
  const auto fit = query({folder_.path()}, with([](filter& f) { f.event = "decision", f.limit = 1, f.skip = 1; }), [](const std::string&) { return true; });
  EXPECT_EQ(fit.value(), 3u) << "all that fit are counted";
}

TEST_F(querying, what_was_written_late_stands_where_its_time_is) {
  auto early = decision("d0");
  early.time = at("2026-11-30T00:00:00Z");
  early.request.shadow_verdict = policy::verdict::block;
  add(early);
  log_->flush();
  log_folder other;  // another node
  auto between = decision("n1");
  between.time = at("2026-12-02T12:00:00Z");
  auto second = log::open(config_for(other, "n2"), 1).value();
  ASSERT_TRUE(push(*second, 0, between));
  second->flush();
  ids seen;
  ASSERT_TRUE(query({folder_.path(), other.path()}, {}, [&](const std::string& line) {
    const auto j = nlohmann::json::parse(line);
    if (j.contains("id")) seen.push_back(j["id"]);
    return true;
  }));
  EXPECT_EQ(seen, (ids{"d0", "d1", "d2", "n1", "d3"}));
  EXPECT_EQ(find(with([](filter& f) { f.shadow_verdict = "block"; })), ids{"d0"});
}

TEST_F(querying, a_line_that_is_damaged_or_not_yet_whole_is_passed_over) {
  log_.reset();
  const auto file = folder_.files().at(0);
  const auto bytes = read(file);
  const auto cut = bytes.find('\n') + 1;
  write(file, bytes.substr(0, cut) + "{damaged\n" + bytes.substr(cut) + "{\"id\":\"half");
  EXPECT_EQ(find({}), (ids{"d1", "d2", "d3"}));
}

// A name that leads nowhere, and a folder where a file should be: nobody may take what is left for the whole of the log.
TEST_F(querying, a_file_that_cannot_be_read_is_an_error) {
  const auto name = folder_.path() + "/n1-29991231T000000000000Zffffffff-000001.jsonl";
  for (const bool link : {true, false}) {
    std::filesystem::remove(name);
    if (link) std::filesystem::create_symlink(folder_.path() + "/nowhere", name);
    if (!link) std::filesystem::create_directory(name);
    const auto done = query({folder_.path()}, {}, [](const std::string&) { return true; });
    ASSERT_FALSE(done) << link;
    EXPECT_TRUE(done.error().message.contains(name + " cannot be read")) << done.error().message;
    EXPECT_FALSE(active_at({folder_.path()}, sluice::now().wall)) << link;
  }
}

TEST_F(querying, a_folder_that_is_not_there_is_an_error) {
  const auto done = query({folder_.path() + "/nowhere"}, {}, [](const std::string&) { return true; });
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.contains("nowhere"));
}

TEST_F(querying, follows_what_is_written_through_rotation_and_restart) {
  auto config = config_for(folder_);
  config.file_bytes_max = 300;  // a file a record
  ids seen, made;
  const auto done = tail(folder_.path(), 1, [&](const std::string& line) {
    const auto j = nlohmann::json::parse(line);
    if (j["event"] == "decision") seen.push_back(j["id"]);
    return true;
  }, [&] {
    // Asked between looks: the log goes on while it is followed.
    if (made.size() == 12) return seen.size() > made.size();
    if (made.size() % 4 == 0) {
      log_.reset();
      log_ = log::open(config, 1).value();
    }
    made.push_back("t" + std::to_string(made.size()));
    add(decision(made.back()));
    log_->flush();
    return false;
  });
  EXPECT_TRUE(done);
  made.insert(made.begin(), "d3");
  EXPECT_EQ(seen, made) << "nothing missed, nothing told twice";
}

TEST(active_at, names_what_each_node_enforced_then) {
  log_folder one, two;
  auto a = log::open(config_for(one, "a"), 1).value(), b = log::open(config_for(two, "b"), 1).value();
  const auto now = sluice::now().wall;
  const auto event = [&](log& to, const char* kind, int minute, const char* activation, const char* state) {
    to.event({kind, now + std::chrono::minutes(minute), activation, std::string("v") + activation, state, ""});
  };
  event(*a, "activated", 1, "1-1", "FRESH");
  event(*a, "refused", 2, "1-2", "FRESH");
  event(*a, "state", 3, "1-1", "STALE");
  event(*a, "activated", 4, "1-3", "FRESH");
  event(*b, "activated", 2, "1-2", "FRESH");
  a->flush();
  b->flush();
  const auto at_minute = [&](int minute) {
    std::string out;
    const auto found = active_at({one.path(), two.path()}, now + std::chrono::minutes(minute) + std::chrono::seconds(1));
    for (const auto& n : found.value()) out += n.node + " " + n.activation + " " + n.freshness + "; ";
    return out;
  };
  EXPECT_EQ(at_minute(0), "");
  EXPECT_EQ(at_minute(1), "a 1-1 FRESH; ");
  EXPECT_EQ(at_minute(2), "a 1-1 FRESH; b 1-2 FRESH; ") << "what was refused was never active";
  EXPECT_EQ(at_minute(3), "a 1-1 STALE; b 1-2 FRESH; ");
  EXPECT_EQ(at_minute(9), "a 1-3 FRESH; b 1-2 FRESH; ");
}

TEST(active_at, knows_what_was_demoted_which_version_was_a_canary_and_that_a_gateway_only_watched) {
  log_folder folder;
  auto config = config_for(folder);
  config.shadow = true;
  auto to = log::open(config, 1).value();
  const auto now = sluice::now().wall;
  int minute = 0;
  const auto event = [&](const char* kind, const char* version, const char* detail) { to->event({kind, now + std::chrono::minutes(++minute), "1-1", version, "FRESH", detail}); };
  event("activated", "v1", "");
  event("demoted", "v1", "rule wild: blocks 40 %: too much");
  event("demoted", "v1", "rule other: by the ring");
  event("canary", "v2", "5.00 %");
  event("demoted", "v2", "rule new: blocks");
  event("rearmed", "v1", "rule other");
  event("activated", "v1", "");
  event("canary", "", "ended");
  event("activated", "v2", "");
  event("canary", "v3", "5.00 %");
  event("demoted", "v3", "rule newer: blocks");
  event("activated", "v3", "");
  to->flush();
  const auto at_minute = [&](int m) {
    std::string out;
    const auto found = active_at({folder.path()}, now + std::chrono::minutes(m) + std::chrono::seconds(1)).value();
    for (const auto& n : found) {
      EXPECT_TRUE(n.shadow);
      out += n.version;
      for (const auto& rule : n.demoted) out += " -" + rule;
      if (!n.canary.empty()) out += ", " + n.canary + " for " + n.canary_share;
      for (const auto& rule : n.canary_demoted) out += " -" + rule;
    }
    return out;
  };
  EXPECT_EQ(at_minute(1), "v1");
  EXPECT_EQ(at_minute(2), "v1 -wild");
  EXPECT_EQ(at_minute(3), "v1 -other -wild");
  EXPECT_EQ(at_minute(5), "v1 -other -wild, v2 for 5.00 % -new");
  EXPECT_EQ(at_minute(7), "v1 -wild, v2 for 5.00 % -new") << "an activation beside which the canary goes on";
  EXPECT_EQ(at_minute(8), "v1 -wild");
  EXPECT_EQ(at_minute(9), "v2") << "its demotion as a canary ended with that";
  EXPECT_EQ(at_minute(12), "v3 -newer") << "a canary that was promoted keeps what was demoted";
  to.reset();
  to = log::open(config, 1).value();
  to->event({"state", sluice::now().wall, "1-1", "v3", "STALE", ""});
  to->flush();
  EXPECT_TRUE(active_at({folder.path()}, now + std::chrono::hours(1)).value().at(0).demoted.empty()) << "each boot says by itself what is demoted";
}

// A clock that is set back makes a later activation seem an earlier one: what stands before it in the chain was decided without it.
TEST(active_at, goes_by_the_order_of_the_chain_where_a_clock_was_set_back) {
  log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const auto now = sluice::now().wall, yesterday = now - std::chrono::hours(24);
  const auto event = [&](const char* kind, wall_time time, const char* version) { to->event({kind, time, "1-1", version, "FRESH", ""}); to->flush(); };
  const auto at = [&](wall_time time) {
    std::vector<std::string> out;
    for (const auto& n : active_at({folder.path()}, time).value()) {
      EXPECT_EQ(n.one_of > 1, out.size() > 0 || n.one_of == 2);
      out.push_back(n.version + (n.set_back > seconds(80'000) ? ", set back" : ""));
    }
    return out;
  };
  using rows = std::vector<std::string>;
  event("activated", now, "v1");
  auto decided = decision("d1");  // under v1, and the log says nothing of its own after it
  decided.time = now + std::chrono::seconds(30);
  ASSERT_TRUE(push(*to, 0, decided));
  to->flush();
  EXPECT_EQ(at(now + std::chrono::seconds(40)), rows{"v1"});
  event("activated", yesterday, "v2");
  EXPECT_EQ(at(now + std::chrono::seconds(30)).front(), "v1, set back");
  EXPECT_EQ(at(yesterday + std::chrono::seconds(1)), rows{"v2, set back"});
  EXPECT_EQ(at(yesterday - std::chrono::seconds(1)), rows{});
  event("state", now + std::chrono::minutes(10), "v2");  // forward again: the time came twice
  EXPECT_EQ(at(now + std::chrono::seconds(20)), (rows{"v1, set back", "v2, set back"}));
  EXPECT_EQ(at(now + std::chrono::minutes(9)), rows{"v2, set back"});
  // The same log twice is one.
  EXPECT_EQ(active_at({folder.path(), folder.path()}, now + std::chrono::minutes(9)).value().size(), 1u);
}

TEST(active_at, a_state_that_changes_leaves_the_time_since_when_a_version_is_in_force) {
  log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const auto now = sluice::now().wall;
  int minute = 0;
  const auto event = [&](const char* kind, const char* activation, const char* state) { to->event({kind, now + std::chrono::minutes(++minute), activation, "v1", state, ""}); };
  event("activated", "1-1", "FRESH");
  event("state", "1-1", "STALE");
  event("state", "1-1", "STALE");  // a note on the way
  event("activated", "1-2", "FRESH");
  to->flush();
  const auto told = [&](int m) {
    const auto is = active_at({folder.path()}, now + std::chrono::minutes(m) + std::chrono::seconds(1)).value().at(0);
    const auto minutes = [&](wall_time t) { return std::chrono::round<std::chrono::minutes>(t - now).count(); };
    return std::pair(minutes(is.since), minutes(is.state_since));
  };
  EXPECT_EQ(told(1), std::pair(1L, 1L));
  EXPECT_EQ(told(2), std::pair(1L, 2L));
  EXPECT_EQ(told(3), std::pair(1L, 2L));
  EXPECT_EQ(told(4), std::pair(4L, 4L)) << "the same version under another number";
}

TEST(active_at, of_a_node_that_died_nobody_knows_until_it_starts_again) {
  const log_folder alive, folder;
  auto config = config_for(alive);
  config.signing = std::make_shared<const crypto::signing_key>(crypto::signing_key::from_seed(std::string(32, 's')));
  config.checkpoint_interval = std::chrono::minutes(1);
  const auto begin = sluice::now().wall;
  auto to = log::open(config, 1).value();
  to->event({"activated", begin, "1-1", "v", "FRESH", ""});
  to->flush();
  // As a kill leaves it: without the stop and the checkpoint behind it.
  for (const auto& file : alive.files()) std::filesystem::copy(file, folder.path());
  const auto told = [&](std::chrono::minutes after) { return active_at({folder.path()}, begin + after).value().at(0); };
  EXPECT_TRUE(told(std::chrono::minutes(1)).known()) << "a log that writes a checkpoint a minute is silent for so long";
  const auto later = told(std::chrono::minutes(2));
  ASSERT_TRUE(later.last_seen && !later.goes_on);
  EXPECT_LT(*later.last_seen, begin + seconds(30));
  EXPECT_EQ(later.version, "v") << "what was in force when it was seen last";
}

TEST(active_at, the_time_between_a_death_and_the_next_start_is_nobodys) {
  const log_folder folder;
  const auto line = [](const std::string& boot, int seq, const std::string& time, const std::string& event, const std::string& more = "") {
    return R"({"v":1,"event":")" + event + R"(","time":"2026-12-01T)" + time + R"(:00.000000Z","node":"n1","boot":")" + boot + "\",\"seq\":" + std::to_string(seq) +
           R"(,"activation":"1-1","version":"v","state":"FRESH","detail":"")" + more + ",\"hash\":\"" + std::string(64, '0') + "\"}\n";
  };
  const std::string every = R"(,"checkpoint":{"number":1,"every_ms":60000})";
  write(folder.path() + "/n1-20261201T090000000000Zaaaaaaaa-000001.jsonl", line("20261201T090000000000Zaaaaaaaa", 1, "09:00", "start") + line("20261201T090000000000Zaaaaaaaa", 2, "09:00", "activated") +
                                                                              line("20261201T090000000000Zaaaaaaaa", 3, "10:00", "checkpoint", every));
  write(folder.path() + "/n1-20261201T110000000000Zbbbbbbbb-000001.jsonl", line("20261201T110000000000Zbbbbbbbb", 4, "11:00", "checkpoint", every) + line("20261201T110000000000Zbbbbbbbb", 5, "11:00", "start") +
                                                                              line("20261201T110000000000Zbbbbbbbb", 6, "11:00", "state") + line("20261201T110000000000Zbbbbbbbb", 7, "12:00", "stop"));
  const auto told = [&](const std::string& time) { return active_at({folder.path()}, at("2026-12-01T" + time + ":00Z")).value(); };
  EXPECT_TRUE(told("08:59").empty()) << "its log begins there: it had not been started yet";
  EXPECT_TRUE(told("09:30").at(0).known());
  EXPECT_TRUE(told("10:01").at(0).known());
  const auto dead = told("10:30").at(0);
  EXPECT_EQ(dead.last_seen, at("2026-12-01T10:00:00Z"));
  EXPECT_EQ(dead.goes_on, at("2026-12-01T11:00:00Z"));
  EXPECT_TRUE(told("11:30").at(0).known());
  EXPECT_TRUE(told("12:30").empty()) << "it was stopped";
}

TEST(active_at, a_node_whose_log_begins_later_is_named) {
  const log_folder folder;
  auto to = log::open(config_for(folder), 1).value();
  const auto now = sluice::now().wall;
  to->event({"activated", now, "1-1", "v", "FRESH", ""});
  to->flush();
  EXPECT_TRUE(active_at({folder.path()}, now - std::chrono::hours(1)).value().empty()) << "it was not there yet";
  // As retention leaves it: without its begin.
  const auto file = folder.files().at(0);
  const auto bytes = read(file);
  write(file, bytes.substr(bytes.find('\n') + 1));
  const auto told = active_at({folder.path()}, now - std::chrono::hours(1)).value();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].node, "n1");
  EXPECT_TRUE(told[0].log_begins && told[0].version.empty() && !told[0].known());
}

TEST(active_at, a_node_that_was_stopped_enforced_nothing) {
  log_folder folder;
  {
    auto to = log::open(config_for(folder), 1).value();
    to->event({"activated", sluice::now().wall, "1-1", "v", "FRESH", ""});
    to->flush();
    EXPECT_EQ(active_at({folder.path()}, sluice::now().wall).value().size(), 1u);
  }
  EXPECT_TRUE(active_at({folder.path()}, sluice::now().wall).value().empty());
}

}  // namespace
}  // namespace sluice::audit
