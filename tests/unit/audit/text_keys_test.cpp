// Keys of kept text: one a day and tenant, and gone for good when they are erased.
#include "sluice/audit/text_keys.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "../time_by_number.hpp"
#include "sealed_text.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/audit/replay.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class keeping : public ::testing::Test {
 protected:
  text_keys keys(char master = 'm') {
    crypto::digest wrapping;
    wrapping.fill(static_cast<unsigned char>(master));
    return {folder_.path() + "/keys", wrapping, "a key of the test"};
  }
  // A line of a log that keeps text.
  std::string line_with(const std::string& text, const std::string& tenant = "acme", const std::string& id = "d1") {
    log_folder folder;
    auto config = config_for(folder);
    config.text = std::make_shared<text_keys>(keys());
    auto r = decision(id, policy::verdict::allow, tenant);
    r.with_text = true;
    r.request_text.push_back({.role = policy::role::system, .kind = policy::part_kind::text, .last_turn = false, .editable = true, .text = text});
    r.response_text.push_back({.role = policy::role::assistant, .kind = policy::part_kind::text, .last_turn = true, .editable = true, .text = "yes", .choice = 3});
    r.response_text.push_back({.role = policy::role::assistant, .kind = policy::part_kind::text, .text = "and then", .choice = 3, .ended = false});
    r.choices = {{.choice = 3, .structured = true}, {.choice = -1, .structured = false}};
    r.answer_ended = true;
    r.takes_system_words = false;
    r.who.user = "ann@example.com";
    r.caller = "key-7";
    {
      auto to = log::open(config, 1).value();
      EXPECT_TRUE(push(*to, 0, std::move(r)));
    }
    EXPECT_TRUE(verify({folder.path()}).value().problems.empty());
    return folder.lines().at(1);
  }
  log_folder folder_;
};

TEST_F(keeping, text_is_sealed_in_its_line_and_opens_with_the_key_of_its_day_and_tenant) {
  const auto line = line_with("the wording of a merger");
  for (const char* secret : {"merger", "ann@", "key-7"}) EXPECT_FALSE(line.contains(secret)) << secret;
  const auto text = open_kept_text(line, keys()).value();
  ASSERT_EQ(text.request.size(), 1u);
  EXPECT_EQ(text.request[0].text, "the wording of a merger");
  EXPECT_EQ(text.request[0].role, policy::role::system);
  EXPECT_FALSE(text.request[0].last_turn);
  ASSERT_EQ(text.response.size(), 2u);
  EXPECT_EQ(text.response[0].choice, 3);
  EXPECT_TRUE(text.response[0].ended);
  EXPECT_FALSE(text.response[1].ended);
  ASSERT_EQ(text.choices.size(), 2u);
  EXPECT_EQ(text.choices[0].choice, 3);
  EXPECT_TRUE(text.choices[0].structured);
  EXPECT_EQ(text.choices[1].choice, -1);
  EXPECT_FALSE(text.choices[1].structured);
  EXPECT_TRUE(text.answer_ended);
  EXPECT_FALSE(text.takes_system_words);
  EXPECT_EQ(text.user, "ann@example.com");
  EXPECT_EQ(text.caller, "key-7");
  const auto other = open_kept_text(line, keys('x'));
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().message.contains("another master secret"));
}

TEST_F(keeping, any_bytes_of_text_come_back_as_they_were) {
  for (std::size_t size = 0; size < 70; ++size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i % 3 == 0 ? '"' : 1 + i);
    EXPECT_EQ(open_kept_text(line_with(text), keys()).value().request[0].text, text) << size;
  }
}

TEST_F(keeping, sealed_text_does_not_open_in_another_record) {
  auto line = line_with("words");
  line.replace(line.find("\"id\":\"d1\""), 9, "\"id\":\"d2\"");
  const auto opened = open_kept_text(line, keys());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::integrity);
}

TEST_F(keeping, a_day_and_tenant_has_one_key_across_boots_and_another_has_another) {
  const auto day = at("2026-12-01T01:00:00Z");
  auto first = keys(), again = keys();
  const auto acme = first.for_sealing(day, "acme").value();
  EXPECT_EQ(first.for_sealing(day + std::chrono::hours(20), "acme").value().id, acme.id);
  EXPECT_EQ(again.for_sealing(day, "acme").value().key, acme.key);
  EXPECT_NE(first.for_sealing(day, "globex").value().key, acme.key);
  EXPECT_NE(first.for_sealing(day + std::chrono::hours(24), "acme").value().key, acme.key);
  EXPECT_FALSE(acme.id.contains("acme")) << "a tenant's name is no file's name";
}

TEST_F(keeping, what_was_erased_is_gone_and_says_when_and_the_rest_stays) {
  const auto mine = line_with("mine"), other = line_with("other", "globex");
  erase_request which{.before = {}, .day = "2026-12-01", .tenant_hash = tenant_hash("a key of the test", "acme")};
  EXPECT_EQ(erase_keys(folder_.path() + "/keys", which, at("2026-12-05T08:00:00Z")).value().erased.size(), 1u);
  const auto gone = open_kept_text(mine, keys());
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().message.contains("erased at 2026-12-05T08:00:00")) << gone.error().message;
  EXPECT_TRUE(open_kept_text(other, keys()));
  which = {.before = "2026-12-01", .day = {}, .tenant_hash = {}};
  EXPECT_TRUE(erase_keys(folder_.path() + "/keys", which, at("2026-12-05T08:00:00Z")).value().erased.empty());
  which.before = "2026-12-02";
  EXPECT_EQ(erase_keys(folder_.path() + "/keys", which, at("2026-12-05T08:00:00Z")).value().erased.size(), 1u);
  EXPECT_FALSE(open_kept_text(other, keys()));
}

TEST_F(keeping, what_ends_after_its_days_text_was_erased_is_not_kept_under_a_new_key) {
  (void)line_with("mine");
  const erase_request which{.before = {}, .day = "2026-12-01", .tenant_hash = tenant_hash("a key of the test", "acme")};
  ASSERT_EQ(erase_keys(folder_.path() + "/keys", which, at("2026-12-02T08:00:00Z")).value().erased.size(), 1u);
  const auto late = line_with("begun before midnight");
  EXPECT_TRUE(late.contains("the text of 2026-12-01 was erased")) << late;
  EXPECT_FALSE(open_kept_text(late, keys()));
  EXPECT_TRUE(open_kept_text(line_with("of another", "globex"), keys()));
}

// By the command or by hand, while a node runs or while it is stopped.
TEST_F(keeping, what_becomes_of_keys_is_told_once) {
  using news = std::vector<std::string>;
  const auto directory = folder_.path() + "/keys";
  const auto id = [&](const std::string& tenant) { return keys().for_sealing(at("2026-12-01T12:00:00Z"), tenant).value().id; };
  erasure_watch watch(directory);
  EXPECT_EQ(watch.look(), news{}) << "there is no folder yet";
  const auto acme = id("acme"), globex = id("globex"), other = id("other");
  EXPECT_EQ(watch.look(), news{});
  const erase_request which{.before = {}, .day = "2026-12-01", .tenant_hash = tenant_hash("a key of the test", "acme")};
  ASSERT_EQ(erase_keys(directory, which, at("2026-12-05T08:00:00Z")).value().erased, news{acme});
  fs::remove(directory + "/" + globex + ".key");
  const auto told = watch.look();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].starts_with("text key " + acme + ": erased at 2026-12-05T08:00:00")) << told[0];
  EXPECT_EQ(told[1], "text key " + globex + ": gone, and no note says that it was erased");
  EXPECT_EQ(watch.look(), news{});
  erasure_watch killed(directory);
  EXPECT_EQ(killed.look().size(), 1u) << "it is not known to be in the log yet";
  watch.told();
  erasure_watch next(directory);
  EXPECT_EQ(next.look(), news{});
  EXPECT_TRUE(keys().find(acme).error().message.ends_with("erased at 2026-12-05T08:00:00.000000Z")) << keys().find(acme).error().message;
  fs::rename(directory, directory + "2");
  write(directory, "no folder");
  EXPECT_EQ(next.look(), news{}) << "what cannot be read is not gone";
  fs::remove(directory);
  fs::rename(directory + "2", directory);
  EXPECT_EQ(next.look(), news{});
  fs::remove_all(directory);
  EXPECT_EQ(next.look(), news{"text key " + other + ": gone, and no note says that it was erased"});
}

TEST_F(keeping, a_key_that_is_in_use_across_midnight_can_be_erased) {
  auto running = keys();
  const auto day = at("2026-12-01T23:59:00Z"), next = at("2026-12-02T00:01:00Z");
  const auto old = running.for_sealing(day, "acme").value();
  ASSERT_TRUE(running.for_sealing(next, "acme"));
  EXPECT_EQ(running.for_sealing(day, "acme").value().id, old.id);
  const erase_request which{.before = {}, .day = "2026-12-01", .tenant_hash = {}};
  ASSERT_EQ(erase_keys(folder_.path() + "/keys", which, next).value().erased.size(), 1u);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(running.for_sealing(day, "acme").error().code, errc::refused);
  EXPECT_TRUE(running.for_sealing(day, "globex")) << "of whom nothing was erased";
  auto after = keys();
  ASSERT_TRUE(after.for_sealing(next, "acme"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(after.for_sealing(day, "acme").error().code, errc::refused) << "as the folder said when it was listed";
}

// After midnight every tenant needs a key of the new day, in a folder with those of a year.
TEST_F(keeping, many_tenants_take_time_by_their_number) {
  const auto day = at("2026-12-01T01:00:00Z");
  const auto folder_of = [&](std::size_t n) {
    const auto directory = folder_.path() + "/" + std::to_string(n);
    crypto::digest wrapping;
    wrapping.fill('m');
    text_keys some(directory, wrapping, "a key of the test");
    if (fs::exists(directory)) return some;
    for (std::size_t i = 0; i < n; ++i) EXPECT_TRUE(some.for_sealing(day, std::to_string(i)));
    return text_keys(directory, wrapping, "a key of the test");
  };
  sluice::testing::expect_time_by_number(
      [&](std::size_t n) {
        auto some = folder_of(n);
        const auto begin = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < n; ++i) EXPECT_TRUE(some.for_sealing(day, std::to_string(i)));
        return std::chrono::steady_clock::now() - begin;
      },
      100);
}

TEST_F(keeping, a_folder_in_which_nothing_changed_is_not_listed_again) {
  using news = std::vector<std::string>;
  const auto directory = folder_.path() + "/keys";
  const auto id = keys().for_sealing(at("2026-12-01T12:00:00Z"), "acme").value().id;
  erasure_watch watch(directory);
  EXPECT_EQ(watch.look(), news{});
  std::this_thread::sleep_for(milliseconds(1100));
  EXPECT_EQ(watch.look(), news{});
  const auto changed = fs::last_write_time(directory);
  fs::remove(directory + "/" + id + ".key");
  const auto removed = fs::last_write_time(directory);
  fs::last_write_time(directory, changed);
  EXPECT_EQ(watch.look(), news{}) << "the folder says that nothing changed";
  fs::last_write_time(directory, removed);
  EXPECT_EQ(watch.look(), news{"text key " + id + ": gone, and no note says that it was erased"});
}

TEST_F(keeping, keys_go_with_the_last_record_of_their_day_and_no_record_tells_of_each) {
  using news = std::vector<std::string>;
  const auto directory = folder_.path() + "/keys";
  const auto id = [&](const std::string& day, const std::string& tenant) { return keys().for_sealing(at(day + "T12:00:00Z"), tenant).value().id; };
  const auto old = id("2026-12-01", "acme"), erased = id("2026-12-01", "globex"), young = id("2026-12-02", "acme");
  ASSERT_EQ(erase_keys(directory, {.before = {}, .day = "2026-12-01", .tenant_hash = tenant_hash("a key of the test", "globex")}, at("2026-12-05T08:00:00Z")).value().erased, news{erased});
  erasure_watch watch(directory);
  EXPECT_EQ(watch.look().size(), 1u);
  watch.told();
  EXPECT_EQ(watch.retire("2026-12-01").value(), 0u);
  EXPECT_EQ(watch.retire("2026-12-02").value(), 1u);
  news left;
  for (const auto& each : fs::directory_iterator(directory)) left.push_back(each.path().filename());
  EXPECT_EQ(left, news{young + ".key"});
  EXPECT_EQ(watch.look(), news{});
  EXPECT_FALSE(keys().find(old));
}

TEST_F(keeping, erasing_nothing_says_why) {
  (void)line_with("mine");
  const auto erased = [&](const std::string& day, const std::string& tenant) {
    return erase_keys(folder_.path() + "/keys", {.before = {}, .day = day, .tenant_hash = tenant_hash("a key of the test", tenant)}, at("2026-12-05T08:00:00Z")).value();
  };
  EXPECT_EQ(erased("2026-12-01", "acmee").others, 1u);
  EXPECT_EQ(erased("2026-12-02", "acme").others, 0u);
  EXPECT_EQ(erased("2026-12-01", "acme").erased.size(), 1u);
  EXPECT_EQ(erased("2026-12-01", "acme").before, 1u);
  const auto nowhere = erase_keys(folder_.path() + "/none", {.before = "2026-12-01", .day = {}, .tenant_hash = {}}, at("2026-12-05T08:00:00Z"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, errc::not_found);
}

TEST_F(keeping, a_log_without_text_and_a_text_that_was_left_out_say_so) {
  EXPECT_TRUE(open_kept_text("{\"id\":\"d1\"}", keys()).error().message.contains("keeps no text"));
  auto r = decision("d1");
  r.with_text = true;
  r.text_omitted = "larger than 1 MiB";
  auto of = keys();
  EXPECT_TRUE(open_kept_text("{\"id\":\"d1\",\"text\":" + sealed_text(r, of) + "}", of).error().message.contains("larger than 1 MiB"));
}

TEST_F(keeping, text_waits_in_memory_up_to_a_bound) {
  auto config = config_for(folder_);
  config.text = std::make_shared<text_keys>(keys());
  auto to = log::open(config, 1).value();
  EXPECT_TRUE(to->reserve_text(60u << 20));
  EXPECT_FALSE(to->reserve_text(60u << 20));
  EXPECT_TRUE(to->reserve_text(1u << 20)) << "what was refused holds nothing";
}

}  // namespace
}  // namespace sluice::audit
