// A node against a real Redis that is killed, emptied, restricted and lied to.
#include <gtest/gtest.h>

#include "redis_server.hpp"
#include "ring_layout.hpp"
#include "sluice/store/publisher.hpp"
#include "watched_agent.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using policy::freshness;

class ring_agent : public ::testing::Test {
 protected:
  void SetUp() override {
    SLUICE_NEEDS_REDIS();
    redis_.emplace();
  }

  agent_config config(const std::string& node = "n1") {
    agent_config c;
    c.redis = redis_->endpoint();
    c.ring = "test";
    c.poll = milliseconds(100);
    c.state_directory = state_.path(node);
    c.node_id = node;
    c.build = "b";
    return c;
  }
  publisher connect() { return publisher::connect(redis_->endpoint(), "test", seconds(5)).value(); }
  head_record push(const std::string& text, const std::string& kind = "activate") {
    auto to = connect();
    const auto version = to.stage(bundle_of(text));
    EXPECT_TRUE(version) << (version ? "" : version.error().message);
    auto head = to.activate({.version = *version, .kind = kind, .actor = "me", .note = "why"});
    EXPECT_TRUE(head) << (head ? "" : head.error().message);
    return head.value_or(head_record{});
  }
  // The node's last word on an activation, as soon as it is final.
  acknowledgement answer(policy::activation to, const std::string& node = "n1") {
    auto from = connect();
    const auto end = mono_now() + seconds(10);
    while (mono_now() < end) {
      const auto all = from.acknowledgements(to);
      for (const auto& a : all.value()) {
        if (a.node == node && a.state != "PENDING") return a;
      }
    }
    ADD_FAILURE() << "no answer of " << node;
    return {};
  }

  // A Redis that came back empty learns from heartbeats what was lost; a push before the first would count from one.
  void until_a_node_reports() {
    auto from = connect();
    const auto end = mono_now() + seconds(10);
    while (mono_now() < end) {
      if (!from.nodes().value().empty()) return;
    }
    ADD_FAILURE() << "no node reported";
  }

  std::optional<redis_server> redis_;
  temporary_folder state_;
};

std::string version_of_text(const std::string& text) { return policy::version_of(bundle_of(text)); }

TEST_F(ring_agent, a_push_reaches_the_node_and_is_acknowledged) {
  watched_agent node(config());
  node->start();
  EXPECT_EQ(node.active().freshness, freshness::none);
  const auto head = push("one");
  EXPECT_EQ(policy::to_string(head.activation), "1-1");
  ASSERT_TRUE(node.until_version(head.version));
  EXPECT_EQ(node.active().activation, head.activation);
  EXPECT_TRUE(node.until_state(freshness::fresh));
  const auto ack = answer(head.activation);
  EXPECT_EQ(ack.state, "ACK");
  EXPECT_EQ(ack.phase, "ACTIVE");
  EXPECT_EQ(ack.version, head.version);
  EXPECT_TRUE(node.until_event("activated 1-1", ""));
  const auto nodes = connect().nodes().value();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_TRUE(nodes[0].alive);
  EXPECT_EQ(nodes[0].activation, "1-1");
}

TEST_F(ring_agent, a_node_that_starts_late_takes_what_is_active) {
  const auto head = push("one");
  watched_agent node(config());
  node->start();
  // No waiting: the first request must meet the policy.
  EXPECT_EQ(node.active().snapshot->version(), head.version);
  EXPECT_EQ(node.active().freshness, freshness::fresh);
}

TEST_F(ring_agent, a_refused_version_leaves_the_old_one_and_says_where) {
  watched_agent node(config());
  node->start();
  const auto good = push("one");
  ASSERT_TRUE(node.until_version(good.version));
  const auto bad = push("REFUSE");
  const auto nack = answer(bad.activation);
  EXPECT_EQ(nack.state, "NACK");
  EXPECT_EQ(nack.phase, "check");
  EXPECT_EQ(nack.rule, "r-1");
  EXPECT_NE(nack.message.find("policy.yaml:1:1"), std::string::npos);
  EXPECT_EQ(node.active().activation, good.activation);
  // Not tried again until the head changes.
  const auto tried = node.applied();
  node->reload();
  const auto next = push("two");
  ASSERT_TRUE(node.until_version(next.version));
  EXPECT_EQ(node.applied(), tried + 1);
  EXPECT_EQ(node->status().last_refusal->activation, "1-2");
}

TEST_F(ring_agent, a_rollback_is_a_newer_activation_of_an_older_version) {
  watched_agent node(config());
  node->start();
  const auto first = push("one");
  const auto second = push("two");
  ASSERT_TRUE(node.until_version(second.version));
  const auto back = push("one", "rollback");
  EXPECT_EQ(back.version, first.version);
  EXPECT_GT(back.activation, second.activation);
  ASSERT_TRUE(node.until([&](const auto& a) { return a.activation == back.activation; }));
  EXPECT_EQ(node.active().snapshot->version(), first.version);
}

TEST_F(ring_agent, a_killed_redis_makes_the_node_stale_and_nothing_else) {
  watched_agent node(config());
  node->start();
  const auto head = push("one");
  ASSERT_TRUE(node.until_version(head.version));
  redis_->kill();
  ASSERT_TRUE(node.until_state(freshness::stale));
  EXPECT_EQ(node.active().snapshot->version(), head.version);
  EXPECT_FALSE(node.active().refuse_all);
  EXPECT_FALSE(node->status().connected);
}

TEST_F(ring_agent, a_redis_that_came_back_empty_is_repaired_by_the_next_push) {
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

TEST_F(ring_agent, a_flushed_ring_is_repaired_by_the_next_push) {
  watched_agent node(config());
  node->start();
  push("one");
  const auto second = push("two");
  ASSERT_TRUE(node.until_version(second.version));
  redis_->run({"FLUSHALL"});
  ASSERT_TRUE(node.until_log("HEAD_REGRESSED"));
  EXPECT_EQ(node.active().snapshot->version(), second.version);
  // Too early a push counts from one; the next one knows better.
  push("three");
  EXPECT_EQ(node.active().snapshot->version(), second.version);
  until_a_node_reports();
  const auto fourth = push("four");
  EXPECT_EQ(policy::to_string(fourth.activation), "2-3");
  EXPECT_TRUE(node.until_version(fourth.version));
}

TEST_F(ring_agent, a_node_starts_without_redis_from_its_disk) {
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

TEST_F(ring_agent, fail_closed_refuses_everything_past_max_stale_also_after_a_restart) {
  auto c = config();
  c.on_unavailable = on_unavailable::fail_closed;
  c.max_stale = milliseconds(600);
  const auto head = push("one");
  {
    watched_agent node(c);
    node->start();
    ASSERT_EQ(node.active().freshness, freshness::fresh);
    redis_->kill();
    ASSERT_TRUE(node.until([](const auto& a) { return a.refuse_all; }));
    EXPECT_EQ(node.active().freshness, freshness::expired);
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
  EXPECT_FALSE(again.active().refuse_all);
}

TEST_F(ring_agent, last_known_good_enforces_past_max_stale) {
  auto c = config();
  c.max_stale = milliseconds(400);
  push("one");
  watched_agent node(c);
  node->start();
  redis_->kill();
  ASSERT_TRUE(node.until_state(freshness::expired));
  EXPECT_FALSE(node.active().refuse_all);
}

TEST_F(ring_agent, a_bundle_may_make_its_node_stricter) {
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

TEST_F(ring_agent, changed_bytes_in_redis_are_refused_by_digest) {
  watched_agent node(config());
  node->start();
  const auto good = push("one");
  ASSERT_TRUE(node.until_version(good.version));
  auto to = connect();
  const auto version = to.stage(bundle_of("two")).value();
  redis_->run({"SET", ring_keys("test").blob(bundle_of("two").files[1].sha256), "evil"});
  const auto head = to.activate({.version = version, .actor = "me", .note = ""});
  ASSERT_TRUE(head);
  const auto nack = answer(head->activation);
  EXPECT_EQ(nack.state, "NACK");
  EXPECT_EQ(nack.phase, "VERIFY");
  EXPECT_EQ(node.active().activation, good.activation);
  // Staging the same version again repairs the bytes; a new activation brings it.
  const auto repaired = push("two");
  EXPECT_TRUE(node.until_version(repaired.version));
}

TEST_F(ring_agent, a_node_never_goes_back_and_never_gives_one_number_two_meanings) {
  watched_agent node(config());
  node->start();
  push("one");
  const auto second = push("two");
  ASSERT_TRUE(node.until_version(second.version));
  const ring_keys keys("test");
  const auto forge = [&](policy::activation as, const std::string& version) {
    const activation_record r{.activation = as, .ring = "test", .version = version, .kind = "activate", .actor = "", .note = "", .time = "", .previous = "", .replid = ""};
    redis_->run({"DEL", keys.log()});
    redis_->run({"HSET", keys.head(), "epoch", std::to_string(as.epoch), "gen", std::to_string(as.generation), "version", version, "record", to_json(r)});
    redis_->run({"PUBLISH", keys.notify(), "x"});
  };
  forge({1, 1}, version_of_text("one"));
  EXPECT_TRUE(node.until_log("HEAD_REGRESSED"));
  EXPECT_EQ(node.active().activation, second.activation);
  forge({1, 2}, version_of_text("one"));
  EXPECT_TRUE(node.until_event("refused 1-2", "GEN_FORK"));
  EXPECT_EQ(node.active().snapshot->version(), second.version);
}

TEST_F(ring_agent, a_damaged_head_leaves_what_runs) {
  watched_agent node(config());
  node->start();
  const auto head = push("one");
  ASSERT_TRUE(node.until_version(head.version));
  const ring_keys keys("test");
  redis_->run({"DEL", keys.log()});
  redis_->run({"HSET", keys.head(), "record", "{\"epoch\":-1"});
  redis_->run({"PUBLISH", keys.notify(), "x"});
  EXPECT_TRUE(node.until_event("refused", "damaged"));
  EXPECT_EQ(node.active().snapshot->version(), head.version);
}

TEST_F(ring_agent, a_notice_that_was_missed_is_healed_by_the_poll) {
  auto c = config();
  c.poll = milliseconds(300);
  watched_agent node(c);
  node->start();
  // The hint never comes: written without PUBLISH, as by a publisher whose message was lost.
  auto to = connect();
  const auto version = to.stage(bundle_of("one")).value();
  const ring_keys keys("test");
  const activation_record r{.activation = {1, 1}, .ring = "test", .version = version, .kind = "activate", .actor = "", .note = "", .time = "", .previous = "", .replid = ""};
  redis_->run({"HSET", keys.head(), "epoch", "1", "gen", "1", "version", version, "record", to_json(r)});
  EXPECT_TRUE(node.until_version(version));
}

TEST_F(ring_agent, a_cut_subscription_is_made_again) {
  watched_agent node(config());
  node->start();
  redis_->run({"CLIENT", "KILL", "TYPE", "pubsub"});
  const auto head = push("one");
  EXPECT_TRUE(node.until_version(head.version));
  redis_->run({"CLIENT", "KILL", "TYPE", "normal"});
  const auto next = push("two");
  EXPECT_TRUE(node.until_version(next.version));
}

TEST_F(ring_agent, a_node_user_needs_only_what_the_manual_lists) {
  redis_->run({"ACL", "SETUSER", "gate", "on", ">secret", "resetchannels", "&{sluice:test}:notify", "%R~{sluice:test}:*", "%RW~{sluice:test}:ack:*",
               "%RW~{sluice:test}:node:*", "%RW~{sluice:test}:nodes", "+subscribe", "+ping", "+hget", "+hgetall", "+get", "+xrevrange",
               "+zrevrange", "+hset", "+expire", "+zadd", "+zremrangebyscore", "+select"});
  auto c = config();
  c.redis->user = "gate";
  c.redis->password = "secret";
  watched_agent node(c);
  node->start();
  const auto head = push("one");
  ASSERT_TRUE(node.until_version(head.version));
  EXPECT_EQ(answer(head.activation).state, "ACK");
  // And with it nobody can activate.
  auto as_node = publisher::connect(*c.redis, "test", seconds(5));
  ASSERT_TRUE(as_node);
  EXPECT_FALSE(as_node->activate({.version = head.version, .actor = "x", .note = ""}));
}

TEST_F(ring_agent, a_node_that_may_not_write_still_gets_its_policies) {
  redis_->run({"ACL", "SETUSER", "reader", "on", ">secret", "allchannels", "%R~*", "+@all"});
  auto c = config();
  c.redis->user = "reader";
  c.redis->password = "secret";
  watched_agent node(c);
  node->start();
  const auto head = push("one");
  EXPECT_TRUE(node.until_version(head.version));
  EXPECT_TRUE(node.until_log("does not let this node report"));
}

TEST_F(ring_agent, a_wrong_password_is_named_and_the_node_denies) {
  redis_->run({"CONFIG", "SET", "requirepass", "right"});
  auto c = config();
  c.redis->password = "wrong";
  watched_agent node(c);
  node->start();
  EXPECT_TRUE(node.until_log("refused the user or password"));
  EXPECT_EQ(node.active().freshness, freshness::none);
  EXPECT_TRUE(node.active().snapshot->denies_all());
}

TEST_F(ring_agent, three_versions_stay_on_disk_and_a_damaged_one_falls_back) {
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

TEST_F(ring_agent, another_ring_counts_anew) {
  {
    watched_agent node(config());
    node->start();
    push("one");
    const auto two = push("two");
    ASSERT_TRUE(node.until_version(two.version));
  }
  auto c = config();
  c.ring = "other";
  watched_agent node(c);
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), version_of_text("two")) << "the best there is";
  auto to = publisher::connect(redis_->endpoint(), "other", seconds(5)).value();
  const auto version = to.stage(bundle_of("first of the other")).value();
  ASSERT_TRUE(to.activate({.version = version, .actor = "", .note = ""}));
  EXPECT_TRUE(node.until_version(version));
}

}  // namespace
}  // namespace sluice::store
