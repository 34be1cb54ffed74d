// Staging and activating against a real Redis: idempotence, races, refusals.
#include "sluice/store/publisher.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "redis_server.hpp"
#include "ring_layout.hpp"
#include "watched_agent.hpp"

namespace sluice::store {
namespace {

using namespace testing;

class publishing : public ::testing::Test {
 protected:
  void SetUp() override {
    SLUICE_NEEDS_REDIS();
    redis_.emplace(std::vector<std::string>{"--enable-debug-command", "yes"});
  }
  publisher connect(const std::string& ring = "test") { return publisher::connect(redis_->endpoint(), ring, seconds(5)).value(); }
  std::optional<redis_server> redis_;
  const ring_keys keys_{"test"};
};

TEST_F(publishing, a_staged_version_comes_back_as_it_was) {
  auto to = connect();
  auto source = bundle_of(std::string("bytes\0of\r\nany kind", 18));
  source.files.push_back(policy::make_source_file("z/empty.yaml", ""));
  const auto version = to.stage(source);
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, policy::version_of(source));
  EXPECT_EQ(to.stage(source).value(), *version) << "staging twice changes nothing";
  const auto back = to.fetch(*version);
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->files.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(back->files[i].bytes, source.files[i].bytes);
  EXPECT_EQ(redis_->run({"ZCARD", keys_.versions()}).integer, 1);
}

TEST_F(publishing, what_was_never_staged_cannot_be_activated) {
  const auto head = connect().activate({.version = std::string(64, 'a'), .actor = "", .note = ""});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, errc::not_found);
  EXPECT_EQ(redis_->run({"EXISTS", keys_.head(), keys_.log()}).integer, 0);
}

TEST_F(publishing, the_head_and_the_history_say_who_and_why) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value(), two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "ann", .note = "first"}));
  ASSERT_TRUE(to.activate({.version = two, .actor = "bob", .note = "ünïcode \"quoted\""}));
  const auto head = to.head().value();
  EXPECT_EQ(head.version, two);
  EXPECT_EQ(head.actor, "bob");
  EXPECT_EQ(head.note, "ünïcode \"quoted\"");
  const auto all = to.history(0).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].note, "first");
  EXPECT_EQ(to.history(1).value().size(), 1u);
}

TEST_F(publishing, publishers_that_race_follow_each_other_and_none_is_lost) {
  constexpr int each = 10;
  const auto version = connect().stage(bundle_of("one")).value();
  const auto run = [&](result<head_record>* out) {
    auto to = connect();
    for (int i = 0; i < each; ++i) out[i] = to.activate({.version = version, .actor = "racer", .note = ""});
  };
  std::vector<result<head_record>> a(each), b(each);
  std::thread one(run, a.data()), two(run, b.data());
  one.join();
  two.join();
  std::set<policy::activation> seen;
  for (const auto* all : {&a, &b}) {
    for (const auto& head : *all) {
      ASSERT_TRUE(head) << head.error().message;
      EXPECT_TRUE(seen.insert(head->activation).second) << "one number, two activations";
    }
  }
  EXPECT_EQ(connect().history(0).value().size(), 2u * each);
  EXPECT_EQ(seen.rbegin()->generation, 2u * each);
}

TEST_F(publishing, a_freeze_lets_only_a_rollback_pass_and_says_why) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  redis_->run({"SET", keys_.freeze(), "year end"});
  const auto stopped = to.activate({.version = one, .actor = "", .note = ""});
  ASSERT_FALSE(stopped);
  EXPECT_NE(stopped.error().message.find("year end"), std::string::npos);
  EXPECT_TRUE(to.activate({.version = one, .kind = "rollback", .actor = "", .note = ""}));
}

TEST_F(publishing, a_revoked_version_cannot_come_back) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  redis_->run({"SADD", keys_.revoked(), one});
  const auto head = to.activate({.version = one, .kind = "rollback", .actor = "", .note = ""});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, errc::refused);
}

TEST_F(publishing, another_server_with_the_same_data_raises_the_epoch) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  ASSERT_EQ(policy::to_string(to.activate({.version = one, .actor = "", .note = ""})->activation), "1-1");
  // A replica that is promoted answers with another replication id than the last record names.
  redis_->run({"DEBUG", "CHANGE-REPL-ID"});
  EXPECT_EQ(policy::to_string(to.activate({.version = one, .actor = "", .note = ""})->activation), "2-2");
  EXPECT_EQ(policy::to_string(to.activate({.version = one, .actor = "", .note = ""})->activation), "2-3");
}

TEST_F(publishing, a_node_that_has_seen_more_than_redis_raises_the_epoch) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  redis_->run({"ZADD", keys_.nodes(), "1", "n9"});
  redis_->run({"HSET", keys_.node("n9"), "highest", "3-41"});
  EXPECT_EQ(policy::to_string(to.activate({.version = one, .actor = "", .note = ""})->activation), "4-42");
}

TEST_F(publishing, rings_do_not_see_each_other) {
  auto a = connect("a"), b = connect("b");
  const auto one = a.stage(bundle_of("one")).value();
  ASSERT_TRUE(a.activate({.version = one, .actor = "", .note = ""}));
  EXPECT_EQ(b.head().error().code, errc::not_found);
  EXPECT_FALSE(b.activate({.version = one, .actor = "", .note = ""}));
}

TEST_F(publishing, a_redis_that_is_not_there_is_said_at_once) {
  auto to = redis_->endpoint();
  redis_->kill();
  const auto begin = mono_now();
  const auto done = publisher::connect(to, "test", seconds(5));
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("127.0.0.1"), std::string::npos);
  EXPECT_LT(mono_now() - begin, seconds(2));
}

}  // namespace
}  // namespace sluice::store
