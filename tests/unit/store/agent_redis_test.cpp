// A node against a real Redis that is killed, emptied, restricted and lied to.
#include "failing_disk.hpp"
#include "ring_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using policy::freshness;

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
  until_a_node_reports("1-1");
  const auto nodes = connect().nodes().value();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_TRUE(nodes[0].alive);
}

TEST_F(ring_agent, a_node_that_starts_late_takes_what_is_active) {
  const auto head = push("one");
  watched_agent node(config());
  node->start();
  // No waiting: the first request must meet the policy.
  EXPECT_EQ(node.active().snapshot->version(), head.version);
  EXPECT_TRUE(node.until_state(freshness::fresh));
}

TEST_F(ring_agent, a_refused_version_leaves_the_old_one_and_says_where) {
  watched_agent node(config());
  const auto good = live_on(node, "one");
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
  EXPECT_FALSE(node->status().last_refusal->stands);
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

TEST_F(ring_agent, changed_bytes_in_redis_are_refused_by_digest) {
  watched_agent node(config());
  const auto good = live_on(node, "one");
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
  EXPECT_EQ(node->status().source_error, "HEAD_REGRESSED: Redis is at 1-1, this node has seen 1-2; what runs stays until the next push");
  EXPECT_TRUE(node->status().connected);
  forge({1, 2}, version_of_text("one"));
  EXPECT_TRUE(node.until_event("refused 1-2", "GEN_FORK"));
  EXPECT_EQ(node.active().snapshot->version(), second.version);
}

TEST_F(ring_agent, a_damaged_head_leaves_what_runs) {
  watched_agent node(config());
  const auto head = live_on(node, "one");
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
  const auto head = live_on(node, "one");
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

TEST_F(ring_agent, what_cannot_be_kept_is_not_acknowledged_until_it_can) {
  watched_agent node(config());
  const auto first = live_on(node, "one");
  head_record second;
  {
    const failing_disk full(failing_disk::call::sync);
    second = push("two");
    const auto nack = answer(second.activation);
    EXPECT_EQ(nack.state, "NACK");
    EXPECT_EQ(nack.phase, "STORE");
    EXPECT_TRUE(nack.message.contains("syncing")) << nack.message;
    EXPECT_EQ(node.active().activation, first.activation);
  }
  ASSERT_TRUE(node.until_version(second.version));
  const auto end = mono_now() + seconds(10);
  while (answer(second.activation).state != "ACK" && mono_now() < end) {
  }
  EXPECT_EQ(answer(second.activation).state, "ACK");
  EXPECT_EQ(node.applied(), 2u);
}

TEST_F(ring_agent, what_was_refused_and_is_not_there_any_more_does_not_stand) {
  watched_agent node(config());
  live_on(node, "one");
  const ring_keys keys("test");
  const auto record = redis_->run({"HGET", keys.head(), "record"}).text;
  redis_->run({"HSET", keys.head(), "epoch", "7", "gen", "1", "record", "{\"epoch\":-1"});
  redis_->run({"PUBLISH", keys.notify(), "x"});
  ASSERT_TRUE(node.until_event("refused", ""));
  EXPECT_TRUE(node->status().last_refusal->stands);
  redis_->run({"HSET", keys.head(), "epoch", "1", "gen", "1", "record", record});
  redis_->run({"PUBLISH", keys.notify(), "x"});
  EXPECT_TRUE(node.until_log("nothing that was refused stands"));
  EXPECT_FALSE(node->status().last_refusal->stands);
}

TEST_F(ring_agent, a_node_that_ends_in_good_order_is_no_node_any_more) {
  const auto head = push("one");
  {
    watched_agent node(config());
    node->start();
    ASSERT_TRUE(node.until_version(head.version));
    until_a_node_reports("1-1");
    node.stop();
    EXPECT_EQ(node.logged("this node has left ring test"), 1u);
  }
  EXPECT_TRUE(connect().nodes().value().empty());
  const auto answers = connect().acknowledgements(head.activation, head.version).value();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].phase, "GONE") << "what it answered is nobody's word for what runs now";
  EXPECT_EQ(answers[0].last, "ACK");
  watched_agent again(config());
  again->start();
  until_a_node_reports("1-1");
  EXPECT_EQ(connect().acknowledgements(head.activation, head.version).value().at(0).state, "ACK");
}

TEST_F(ring_agent, a_node_whose_memory_was_damaged_enforces_what_it_has_and_takes_what_the_ring_says) {
  const auto first = push("one");
  push("two");
  {
    watched_agent node(config());
    node->start();
  }
  std::filesystem::resize_file(state_.path("n1/state.json"), 20);
  redis_->kill();
  watched_agent node(config());
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), version_of_text("two"));
  EXPECT_TRUE(node->status().highest_lost);
  redis_->start();
  // The ring came back empty: no contact with what this node has run.
  ASSERT_TRUE(node.until_log("HEAD_REGRESSED"));
  const auto next = push("one");
  ASSERT_TRUE(node.until([&](const auto& a) { return a.activation == next.activation; }));
  EXPECT_EQ(node.active().snapshot->version(), first.version);
  EXPECT_FALSE(node->status().highest_lost);
}

}  // namespace
}  // namespace sluice::store
