// What goes wrong with a ring and must not stay so: a Redis that stalls, keys that end, numbers and answers that somebody made up.
#include <algorithm>
#include <fstream>
#include <sstream>

#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;

class ring_faults : public trusting {
 protected:
  std::string field(const std::string& key, const std::string& name) { return redis_->run({"HGET", key, name}).text; }
  acknowledgement said_by(const std::string& node, policy::activation of) {
    auto from = connect();
    for (const auto& a : from.acknowledgements(of).value()) {
      if (a.node == node) return a;
    }
    return {};
  }
  std::string state_file(const std::string& node = "n1") {
    std::ostringstream out;
    out << std::ifstream(state_.path(node) + "/state.json").rdbuf();
    return out.str();
  }
  // The head as it stands, under another number, signed by `key`.
  void write_head(policy::activation as, const std::string& kind, const signing_key& key) {
    auto record = parse_record(field(keys_.head(), "record")).value();
    record.activation = as;
    record.kind = kind;
    const auto text = sign_text(activation_purpose, to_json(record), key);
    redis_->run({"XADD", keys_.log(), policy::to_string(as), "kind", kind, "version", record.version, "record", text});
    redis_->run({"HSET", keys_.head(), "epoch", std::to_string(as.epoch), "gen", std::to_string(as.generation), "record", text});
    redis_->run({"PUBLISH", keys_.notify(), policy::to_string(as)});
  }
  const ring_keys keys_{"test"};
};

TEST_F(ring_faults, after_a_timeout_no_late_reply_is_taken_for_another) {
  auto client = redis_client::connect(redis_->endpoint(), milliseconds(100)).value();
  ASSERT_EQ(client.command({"ECHO", "one"})->text, "one");
  const auto refused = client.command({"NONSENSE"});
  EXPECT_EQ(refused.error().code, errc::refused);
  EXPECT_TRUE(client.usable()) << "a reply, if no good one";
  redis_->run({"CLIENT", "PAUSE", "400", "ALL"});
  EXPECT_EQ(client.command({"ECHO", "two"}).error().code, errc::timeout);
  EXPECT_EQ(redis_->run({"PING"}).text, "PONG") << "it answers again";
  EXPECT_FALSE(client.usable());
  EXPECT_EQ(client.command({"ECHO", "three"}).error().code, errc::closed);
  EXPECT_EQ(client.pipeline({{"ECHO", "four"}}).error().code, errc::closed);
  EXPECT_EQ(client.send({"PING"}).error().code, errc::closed);
}

TEST_F(ring_faults, a_heartbeat_that_was_not_answered_during_a_build_leaves_no_node_deaf) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  const auto two = version_of_text("two");
  std::size_t stalled = 0;
  node.while_applying = [&](const std::string& version) {
    if (version != two || stalled++ > 0) return;
    redis_->run({"CLIENT", "PAUSE", "5600", "ALL"});
    node->demote({{.version = one.version, .rule = "r-1", .why = "so that a heartbeat is due"}});
    EXPECT_TRUE(node.until_log("did not answer within")) << "and the node says so at once";
    EXPECT_EQ(redis_->run({"PING"}).text, "PONG");
  };
  push("two");
  ASSERT_TRUE(node.until_version(two));
  const auto three = push("three");
  EXPECT_TRUE(node.until_version(three.version));
  EXPECT_EQ(answer(three.activation).state, "ACK");
}

TEST_F(ring_faults, a_publisher_writes_nothing_that_it_would_doubt_itself) {
  const auto one = push_signed("one", build_, activate_);
  auto to = signing(build_, activate_);
  to.trust_only({trusted("ci", build_, build_role), trusted("ops", activate_, activate_role, now().wall - seconds(1)), trusted("controller", safety_, safety_role)});
  const auto before = field(keys_.head(), "record");
  const auto done = to.activate({.version = one.version, .actor = "", .note = ""});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, errc::refused);
  EXPECT_NE(done.error().message.find("expired at"), std::string::npos) << done.error().message;
  EXPECT_EQ(field(keys_.head(), "record"), before);
  to.sign_with(copy_of(build_), copy_of(safety_));
  EXPECT_FALSE(to.activate({.version = one.version, .actor = "", .note = ""})) << "a key of the role safety activates nothing";
}

TEST_F(ring_faults, what_ends_in_a_canary_or_in_shadow_ends_on_a_running_node) {
  for (const bool canary : {true, false}) {
    watched_agent node(config(canary ? "n1" : "n2"));
    const auto tried = version_of_text(canary ? "canary" : "shadow");
    std::size_t builds = 0;
    node.while_applying = [&](const std::string& version) {
      if (version == tried && builds++ == 0) node.apply_again = now().wall + milliseconds(500);
    };
    const auto live = live_on(node, canary ? "one" : "two");
    auto to = connect();
    ASSERT_TRUE(to.stage(bundle_of(canary ? "canary" : "shadow")));
    activate_request asked{.version = live.version, .kind = canary ? "canary" : "shadow", .actor = "", .note = ""};
    if (canary) asked.canary = canary_version{.version = tried, .basis_points = 500, .salt = "s"};
    else asked.shadow = tried;
    ASSERT_TRUE(to.activate(asked));
    const auto beside = [&](const policy::active_policy& a) { return canary ? (a.canary ? a.canary->policy->snapshot : nullptr) : a.shadow; };
    ASSERT_TRUE(node.until([&](const auto& a) { return beside(a) != nullptr; }));
    const auto first = beside(node.active());
    EXPECT_TRUE(node.until([&](const auto& a) { return beside(a) != nullptr && beside(a) != first; })) << (canary ? "canary" : "shadow");
    EXPECT_EQ(beside(node.active())->version(), tried);
    EXPECT_EQ(node.active().snapshot->version(), live.version);
  }
}

TEST_F(ring_faults, a_key_of_the_role_safety_uses_no_numbers_up) {
  watched_agent node(strict());
  node->start();
  const auto one = push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(one.version));
  for (const bool last_of_all : {true, false}) {
    const auto live = connect().head().value();
    const auto far = last_of_all ? policy::activation{number_max, number_max} : policy::activation{live.activation.epoch, 5'000'000};
    write_head(far, "abort", safety_);
    EXPECT_TRUE(node.until_event("refused " + policy::to_string(far), "a number that nobody comes to"));
    EXPECT_EQ(node.active().activation, live.activation);
    auto to = signing(build_, activate_);
    to.trust_only(strict().trust.keys);
    const auto next = to.stage(bundle_of("after " + policy::to_string(far))).value();
    const auto stuck = to.activate({.version = next, .actor = "", .note = ""});
    ASSERT_FALSE(stuck) << "nodes would follow what is above it, and the numbers were used up";
    const auto& told = stuck.error().message;
    const auto id = policy::to_string(far), right = policy::to_string(live.activation);
    for (const auto& part : {"XDEL '" + keys_.log() + "' " + id + ",", "XSETID '" + keys_.log() + "' " + right + ",", "RENAME '" + keys_.head() + "' '" + keys_.head() + ".damaged',"}) {
      EXPECT_NE(told.find(part), std::string::npos) << part << " in " << told;
    }
    redis_->run({"XDEL", keys_.log(), id});
    redis_->run({"XSETID", keys_.log(), right});
    redis_->run({"RENAME", keys_.head(), keys_.head() + ".damaged"});
    const auto healed = to.activate({.version = next, .actor = "", .note = ""});
    ASSERT_TRUE(healed) << healed.error().message;
    EXPECT_TRUE(node.until_version(next));
  }
}

TEST_F(ring_faults, a_node_that_was_away_for_long_follows_whoever_may_activate) {
  watched_agent node(strict());
  node->start();
  const auto one = push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(one.version));
  write_head({7'000'000, 9'000'000}, "activate", activate_);
  EXPECT_TRUE(node.until([](const auto& a) { return a.activation == policy::activation{7'000'000, 9'000'000}; }));
  // And what a key of the role safety goes on with from there.
  write_head({7'000'000, 9'000'001}, "abort", safety_);
  EXPECT_TRUE(node.until([](const auto& a) { return a.activation == policy::activation{7'000'000, 9'000'001}; }));
}

TEST_F(ring_faults, three_that_fail_leave_the_version_that_went_well) {
  auto c = config();
  c.goes_well_after = milliseconds(1);
  std::string proven;
  {
    watched_agent node(c);
    proven = live_on(node, "proven").version;
    const auto end = mono_now() + seconds(10);
    while (state_file().find("\"proven\": true") == std::string::npos && mono_now() < end) (void)redis_->run({"PING"});
  }
  c.goes_well_after = std::chrono::hours(1);
  std::map<std::string, unsigned> died_of;
  {
    watched_agent node(c);
    node->start();
    for (const char* text : {"bad 1", "bad 2", "bad 3", "bad 4"}) {
      const auto bad = push(text);
      ASSERT_TRUE(node.until_version(bad.version));
      EXPECT_EQ(answer(bad.activation).state, "ACK");
      died_of[bad.version] = 2;
    }
    const auto stored = node->status().stored_versions;
    EXPECT_EQ(stored.size(), 3U);
    EXPECT_NE(std::ranges::find(stored, proven), stored.end());
  }
  redis_->kill();
  c.crashes = died_of;
  watched_agent node(c);
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), proven);
  EXPECT_NE(node->status().downgrade, "");
}

TEST_F(ring_faults, a_node_that_has_only_what_it_died_of_says_so_until_it_goes_well) {
  auto c = config();
  std::string only;
  {
    watched_agent node(c);
    only = live_on(node, "only").version;
  }
  c.crashes = {{only, 2}};
  c.goes_well_after = seconds(1);
  watched_agent node(c);
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), only);
  EXPECT_NE(node->status().downgrade.find("in force all the same"), std::string::npos) << node->status().downgrade;
  EXPECT_TRUE(node.until_log("goes well now"));
  EXPECT_EQ(node->status().downgrade, "");
}

// It was never in force, so that no memory of the node has its number.
TEST_F(ring_faults, what_the_process_died_of_building_is_left_alone_until_it_is_activated_once_more) {
  auto c = config();
  std::string good;
  {
    watched_agent node(c);
    good = live_on(node, "good").version;
  }
  const auto deadly = push("deadly");
  c.crashes = {{deadly.version, 2}};
  c.crashed_as = {{deadly.version, deadly.activation}};
  watched_agent node(c);
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), good);
  EXPECT_NE(node->status().downgrade.find("died 2 times of version " + deadly.version.substr(0, 12)), std::string::npos) << node->status().downgrade;
  EXPECT_EQ(answer(deadly.activation).state, "NACK");
  EXPECT_EQ(node->status().last_refusal->phase, "CRASH_LOOP");
  const auto again = push("deadly");
  EXPECT_TRUE(node.until_version(again.version));
  EXPECT_EQ(node->status().downgrade, "");
}

TEST_F(ring_faults, what_did_not_build_for_a_reason_of_the_moment_is_refused_and_taken_later) {
  auto c = config();
  c.again_after = milliseconds(20);
  watched_agent node(c);
  live_on(node, "one");
  node.fails_for_now = 1'000'000;
  const auto two = push("two");
  const auto said = answer(two.activation);
  EXPECT_EQ(said.state, "NACK") << "whoever pushes learns of it";
  EXPECT_NE(said.message.find("this node tries again"), std::string::npos) << said.message;
  const auto status = node->status();
  ASSERT_TRUE(status.last_refusal);
  EXPECT_TRUE(status.last_refusal->stands && status.last_refusal->version == two.version);
  node.fails_for_now = 0;
  ASSERT_TRUE(node.until_version(two.version));
  const auto end = mono_now() + seconds(10);
  while (said_by("n1", two.activation).state != "ACK" && mono_now() < end) {
  }
  EXPECT_EQ(said_by("n1", two.activation).state, "ACK");
  EXPECT_FALSE(node->status().last_refusal->stands);
}

TEST_F(ring_faults, something_newer_is_taken_at_once_where_the_one_before_waits) {
  auto c = config();
  c.again_after = milliseconds(20);
  watched_agent node(c);
  live_on(node, "one");
  node.fails_for_now = 1'000'000;
  const auto two = push("two");
  EXPECT_EQ(answer(two.activation).state, "NACK");
  node.fails_for_now = 0;
  const auto three = push("three");
  ASSERT_TRUE(node.until_version(three.version));
  EXPECT_EQ(answer(three.activation).state, "ACK");
}

TEST_F(ring_faults, a_lease_without_an_end_is_nobodys) {
  auto one = connect(), two = connect();
  redis_->run({"SET", keys_.controller(), "nobody"});
  EXPECT_TRUE(one.lead("one", seconds(10)).value());
  EXPECT_FALSE(two.lead("two", seconds(10)).value());
  EXPECT_TRUE(one.lead("one", seconds(10)).value());
}

TEST_F(ring_faults, an_answer_counts_where_the_nodes_own_key_bears_it_out) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  EXPECT_EQ(answer(one.activation).state, "ACK");
  for (const auto* state : {"ACK", "NACK"}) {
    redis_->run({"HSET", keys_.ack({1, 2}), "n1", std::string(R"({"state":")") + state + R"(","phase":"ACTIVE","version":"","message":""})"});
    EXPECT_EQ(said_by("n1", {1, 2}).state, "PENDING") << state;
    EXPECT_EQ(said_by("n1", {1, 2}).phase, "UNCONFIRMED");
  }
  redis_->run({"HSET", keys_.ack({1, 2}), "gone", R"({"state":"ACK","phase":"ACTIVE"})"});
  EXPECT_EQ(said_by("gone", {1, 2}).state, "PENDING");
  EXPECT_EQ(said_by("gone", {1, 2}).phase, "GONE") << "nobody waits for it";
  // A node of a release that says nothing of its answers in its own key.
  redis_->run({"HSET", keys_.node("old"), "build", "b", "activation", "1-2"});
  redis_->run({"HSET", keys_.ack({1, 2}), "old", R"({"state":"ACK","phase":"ACTIVE"})"});
  EXPECT_EQ(said_by("old", {1, 2}).state, "ACK");
  // Its own, and also once it has gone on.
  const auto two = push("two");
  EXPECT_EQ(answer(two.activation).state, "ACK");
  EXPECT_EQ(said_by("n1", one.activation).state, "ACK");
  const auto bad = push("REFUSE");
  EXPECT_EQ(answer(bad.activation).state, "NACK");
}

TEST_F(ring_faults, what_is_staged_again_is_new) {
  auto to = connect();
  const auto version = to.stage(bundle_of("one")).value();
  redis_->run({"ZADD", keys_.versions(), "1700000000000", version});
  ASSERT_TRUE(to.stage(bundle_of("one")));
  EXPECT_TRUE(to.prune(now().wall - std::chrono::hours(24 * 7), true)->versions.empty());
  // Also where the signed manifest that is there stays.
  auto signs = signing(build_, activate_);
  ASSERT_TRUE(signs.stage(bundle_of("one")));
  redis_->run({"ZADD", keys_.versions(), "1700000000000", version});
  ASSERT_TRUE(to.stage(bundle_of("one")));
  EXPECT_TRUE(to.prune(now().wall - std::chrono::hours(24 * 7), true)->versions.empty());
}

TEST_F(ring_faults, the_list_of_nodes_goes_by_the_time_of_redis) {
  watched_agent node(config());
  live_on(node, "one");
  until_a_node_reports("1-1");
  const auto time = redis_time(redis_->run({"TIME"})).value();
  const auto score = milliseconds(std::strtoll(redis_->run({"ZSCORE", keys_.nodes(), "n1"}).text.c_str(), nullptr, 10));
  EXPECT_LT(std::max(time - score, score - time), seconds(30));
}

}  // namespace
}  // namespace sluice::store
