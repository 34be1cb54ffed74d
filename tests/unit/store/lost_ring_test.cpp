// When Redis is gone, or comes back without what it held: nodes keep what they have, and the next push is followed.
#include <fstream>

#include "ring_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using policy::freshness;

class lost_ring : public ring_agent {
 protected:
  // The highest that a node reports which will not follow `head`, as soon as one does.
  policy::activation seen_ahead_of(const head_record& head) {
    auto from = connect();
    const auto end = mono_now() + seconds(10);
    while (mono_now() < end) {
      const auto ahead = from.ahead_of(head)->highest;
      if (ahead > policy::activation{}) return ahead;
    }
    ADD_FAILURE() << "no node reported more than " << policy::to_string(head.activation);
    return {};
  }
  result<head_record> activate_instead_of(const head_record& head) {
    return connect().activate({.version = head.version, .actor = "me", .note = "", .instead_of = head.activation});
  }
};

TEST_F(lost_ring, a_killed_redis_makes_the_node_stale_and_nothing_else) {
  watched_agent node(config());
  const auto head = live_on(node, "one");
  redis_->kill();
  ASSERT_TRUE(node.until_state(freshness::stale));
  EXPECT_EQ(node.active().snapshot->version(), head.version);
  EXPECT_FALSE(node.active().refuse_all);
  EXPECT_FALSE(node->status().connected);
}

TEST_F(lost_ring, a_redis_that_came_back_empty_is_repaired_by_the_next_push) {
  watched_agent node(config());
  node->start();
  push("one");
  const auto second = push("two");
  ASSERT_TRUE(node.until_version(second.version));
  redis_->kill();
  ASSERT_TRUE(node.until_state(freshness::stale));
  redis_->start();
  ASSERT_TRUE(node.until_log("HEAD_REGRESSED"));
  EXPECT_EQ(node.active().snapshot->version(), second.version);
  EXPECT_EQ(node.active().freshness, freshness::stale) << "an empty ring is no contact with the truth";
  until_a_node_reports();
  const auto third = push("three");
  EXPECT_EQ(policy::to_string(third.activation), "2-3");
  EXPECT_TRUE(node.until_version(third.version));
  EXPECT_TRUE(node.until_state(freshness::fresh));
}

TEST_F(lost_ring, what_was_revoked_is_revoked_again_until_somebody_takes_it_back) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  const auto two = push("two");
  ASSERT_TRUE(node.until_version(two.version));
  auto to = connect();
  ASSERT_TRUE(to.revoke(one.version, "ops"));
  ASSERT_TRUE(node.until_event("revoked", "taken from disk")) << "a node hears of it at once, not with its next look at the fleet";
  redis_->run({"FLUSHALL"});
  ASSERT_TRUE(node.until_log("HEAD_REGRESSED"));
  const auto remembers = [&] { return redis_->run({"HGET", "{sluice:test}:node:n1", "revoked_lost"}).text.contains(one.version); };
  for (const auto end = mono_now() + seconds(10); !remembers() && mono_now() < end;) {
  }
  ASSERT_TRUE(remembers());
  ASSERT_TRUE(to.stage(bundle_of("one")));
  const auto refused = to.activate({.version = one.version, .actor = "me", .note = ""});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("revoked before Redis lost it, as nodes remember"), std::string::npos) << refused.error().message;
  EXPECT_EQ(to.revoked().value(), std::vector{one.version});
  EXPECT_EQ(to.stops(1)->at(0).note, "it was revoked before Redis lost it, as nodes remember: n1");
  // Whatever heartbeats say on: what a person takes back stays so.
  ASSERT_TRUE(to.unrevoke(one.version, "lead"));
  const auto live = to.activate({.version = one.version, .actor = "me", .note = ""});
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_TRUE(live->lost);
  EXPECT_TRUE(live->revoked_again.empty());
  EXPECT_TRUE(node.until_version(one.version));
}

// A heartbeat is the word of whoever may write one.
TEST_F(lost_ring, what_a_heartbeat_calls_revoked_stops_nothing_that_takes_harm_away) {
  const auto one = push("one"), two = push("two");
  auto to = connect();
  const auto says = [&](const std::string& highest) {
    redis_->run({"ZADD", "{sluice:test}:nodes", "1", "n9"});
    redis_->run({"HSET", "{sluice:test}:node:n9", "highest", highest, "activation", highest, "revoked_lost", "[\"" + one.version + "\",\"" + two.version + "\",\"x\",7]"});
  };
  says("1-9");
  const auto over = to.activate({.version = two.version, .kind = "abort", .actor = "me", .note = ""});
  ASSERT_TRUE(over) << over.error().message;
  EXPECT_EQ(policy::to_string(over->activation), "1-3") << "above what the ring has alone: who has left what was revoked is not led back to it";
  says("4-90");
  EXPECT_TRUE(to.activate({.version = one.version, .kind = "rollback", .actor = "me", .note = ""})->lost);
  EXPECT_TRUE(to.revoked()->empty());
  EXPECT_EQ(to.revoked_before_loss()->size(), 2u);
  says("8-200");
  EXPECT_FALSE(to.activate({.version = two.version, .actor = "me", .note = ""}));
  EXPECT_EQ(to.revoked()->size(), 2u);
  EXPECT_TRUE(to.activate({.version = one.version, .kind = "abort", .actor = "me", .note = ""})) << "what is live goes on, and what is beside it ends";
}

TEST_F(lost_ring, a_push_before_the_nodes_are_back_is_followed_when_it_is_activated_again) {
  policy::activation lost;
  {
    watched_agent node(config());
    node->start();
    push("one");
    lost = push("two").activation;
    ASSERT_TRUE(node.until([&](const auto& a) { return a.activation == lost; }));
  }
  redis_->run({"FLUSHALL"});
  const auto early = push("three");
  EXPECT_EQ(policy::to_string(early.activation), "1-1") << "nobody has said yet that there was more";
  EXPECT_TRUE(early.from_nothing);
  watched_agent node(config());
  node->start();
  ASSERT_TRUE(node.until_log("HEAD_REGRESSED"));
  EXPECT_EQ(seen_ahead_of(early), lost);
  const auto again = activate_instead_of(early);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(policy::to_string(again->activation), "2-3");
  EXPECT_FALSE(again->from_nothing);
  EXPECT_TRUE(node.until_version(early.version));
  EXPECT_EQ(connect().ahead_of(*again)->highest, policy::activation{});
}

TEST_F(lost_ring, one_number_for_two_versions_is_healed_the_same_way) {
  {
    watched_agent node(config());
    node->start();
    const auto lost = push("one");
    ASSERT_TRUE(node.until_version(lost.version));
  }
  redis_->run({"FLUSHALL"});
  const auto early = push("two");
  ASSERT_EQ(policy::to_string(early.activation), "1-1");
  watched_agent node(config());
  node->start();
  ASSERT_TRUE(node.until_event("refused 1-1", "GEN_FORK"));
  EXPECT_EQ(policy::to_string(seen_ahead_of(early)), "1-1");
  const auto again = activate_instead_of(early);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(policy::to_string(again->activation), "2-2");
  EXPECT_TRUE(node.until_version(early.version));
}

TEST_F(lost_ring, what_another_publisher_activates_meanwhile_is_no_loss) {
  watched_agent node(config());
  node->start();
  const auto mine = push("one");
  const auto theirs = push("two");
  ASSERT_TRUE(node.until_version(theirs.version));
  ASSERT_EQ(answer(theirs.activation).state, "ACK");
  EXPECT_EQ(connect().ahead_of(mine)->highest, policy::activation{});
  const auto again = activate_instead_of(mine);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::conflict);
  EXPECT_EQ(connect().head()->version, theirs.version);
}

TEST_F(lost_ring, heartbeats_that_are_lost_too_are_written_again) {
  watched_agent node(config());
  const auto head = live_on(node, "one");
  for (int i = 0; i < 3; ++i) {
    redis_->run({"FLUSHALL"});
    until_a_node_reports();
  }
}

TEST_F(lost_ring, a_node_starts_without_redis_from_its_disk) {
  const auto head = push("one");
  {
    watched_agent node(config());
    node->start();
    ASSERT_EQ(node.active().snapshot->version(), head.version);
  }
  redis_->kill();
  watched_agent node(config());
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), head.version);
  EXPECT_EQ(node.active().activation, head.activation);
  EXPECT_EQ(node.active().freshness, freshness::stale);
  EXPECT_EQ(node->status().stored_versions, std::vector<std::string>{head.version});
}

TEST_F(lost_ring, fail_closed_refuses_everything_past_max_stale_also_after_a_restart) {
  auto c = config();
  c.on_unavailable = on_unavailable::fail_closed;
  c.max_stale = milliseconds(600);
  const auto head = push("one");
  {
    watched_agent node(c);
    node->start();
    ASSERT_TRUE(node.until_state(freshness::fresh));
    redis_->kill();
    ASSERT_TRUE(node.until([](const auto& a) { return a.refuse_all && a.freshness == freshness::expired; }));
  }
  watched_agent again(c);
  again->start();
  EXPECT_TRUE(again.active().refuse_all);
  EXPECT_EQ(again.active().snapshot->version(), head.version);
  // And back to work with the next contact.
  redis_->start();
  until_a_node_reports();
  const auto next = push("two");
  ASSERT_TRUE(again.until_version(next.version));
  EXPECT_TRUE(again.until([](const auto& a) { return !a.refuse_all; }));
}

TEST_F(lost_ring, last_known_good_enforces_past_max_stale) {
  auto c = config();
  c.max_stale = milliseconds(400);
  push("one");
  watched_agent node(c);
  node->start();
  redis_->kill();
  ASSERT_TRUE(node.until_state(freshness::expired));
  EXPECT_FALSE(node.active().refuse_all);
}

TEST_F(lost_ring, a_bundle_may_make_its_node_stricter) {
  auto c = config();
  c.max_stale = milliseconds(400);
  push("one");
  watched_agent node(c);
  node.bundle_on_unavailable = on_unavailable::fail_closed;
  node->start();
  redis_->kill();
  ASSERT_TRUE(node.until_state(freshness::expired));
  EXPECT_TRUE(node.active().refuse_all);
}

TEST_F(lost_ring, three_versions_stay_on_disk_and_a_damaged_one_falls_back) {
  std::vector<std::string> versions;
  {
    watched_agent node(config());
    node->start();
    for (const char* text : {"one", "two", "three", "four"}) {
      versions.insert(versions.begin(), push(text).version);
      ASSERT_TRUE(node.until_version(versions[0]));
    }
    ASSERT_TRUE(node.until([&](const auto& a) { return policy::to_string(a.activation) == "1-4"; }));
  }
  redis_->kill();
  std::ofstream(state_.path("n1") + "/versions/" + versions[0] + ".bundle") << "torn";
  watched_agent node(config());
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), versions[1]);
  EXPECT_EQ(policy::to_string(node.active().activation), "1-3") << "an older version does not run under the newer's number";
  versions.resize(3);
  EXPECT_EQ(node->status().stored_versions, versions);
  // With Redis back the newest is taken again, under the number it always had.
  redis_->start();
  until_a_node_reports();
  const auto repaired = push("five");
  EXPECT_TRUE(node.until_version(repaired.version));
}

}  // namespace
}  // namespace sluice::store
