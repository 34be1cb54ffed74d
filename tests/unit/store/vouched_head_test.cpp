// What publishers and the role safety may go on with, in a real Redis in which anybody may have written.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "failing_disk.hpp"
#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;

// Who has Redis and no key writes demotions into the head, and waits for somebody who has one.
TEST_F(trusting, a_publisher_signs_nothing_of_a_head_that_nobody_vouches_for) {
  const ring_keys keys("test");
  const auto one = push_signed("one", build_, activate_);
  const auto honest = redis_->run({"HGET", keys.head(), "record"}).text;
  auto to = signing(build_, activate_);
  const auto with_bomb = [&] {
    auto opened = nlohmann::json::parse(honest);
    auto made = nlohmann::json::parse(opened["payload"].get<std::string>());
    made["demoted"] = nlohmann::json::array({{{"version", one.version}, {"rule", "bomb"}, {"why", "w"}}});
    opened["payload"] = made.dump();
    return opened.dump();
  };
  auto unsigned_one = nlohmann::json::parse(nlohmann::json::parse(with_bomb())["payload"].get<std::string>()).dump();
  const auto two = to.stage(bundle_of("two")).value();
  for (const auto& forged : {with_bomb(), unsigned_one}) {
    redis_->run({"DEL", keys.log()});
    redis_->run({"HSET", keys.head(), "epoch", "1", "gen", "1", "record", forged});
    EXPECT_NE(to.head()->doubt, "");
    EXPECT_EQ(to.vouched_head().error().code, errc::refused);
    for (const auto* kind : {"shadow", "canary", "promote", "abort", "demote", "rearm"}) {
      const auto done = to.activate({.version = one.version, .kind = kind, .actor = "", .note = "", .shadow = two});
      ASSERT_FALSE(done) << kind;
      EXPECT_EQ(done.error().code, errc::refused) << done.error().message;
      EXPECT_NE(done.error().message.find("--trust"), std::string::npos);
    }
    EXPECT_EQ(redis_->run({"HGET", keys.head(), "record"}).text, forged) << "nothing was written";
    const auto plain = to.activate({.version = one.version, .actor = "", .note = ""}).value();
    EXPECT_NE(plain.passed_over, "");
    EXPECT_TRUE(plain.demoted.empty()) << "a new activation may pass it over, and takes nothing of it along";
    redis_->run({"DEL", keys.log(), keys.head()});
  }
}

// Who may write the head has no say over how much a node writes.
TEST_F(trusting, heads_that_nobody_vouches_for_fill_neither_the_logs_nor_redis) {
  const ring_keys keys("test");
  watched_agent node(strict());
  node->start();
  const auto good = push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(good.version));
  redis_->run({"DEL", keys.log()});
  constexpr unsigned heads = 400;
  for (unsigned i = 2; i < 2 + heads; ++i) {
    const activation_record forged{.activation = {1, i}, .ring = "test", .version = good.version, .kind = "activate", .actor = "", .note = "", .time = "", .previous = "", .replid = ""};
    redis_->run({"HSET", keys.head(), "epoch", "1", "gen", std::to_string(i), "record", to_json(forged)});
    redis_->run({"PUBLISH", keys.notify(), "x"});
    node->reload();  // each is looked at, as with a poll that is as quick
    const auto end = mono_now() + seconds(5);
    while (node->status().last_refusal.value_or(agent_status::refusal{}).activation != "1-" + std::to_string(i) && mono_now() < end) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(node->status().last_refusal->activation, "1-" + std::to_string(1 + heads)) << "the status has the last one all the same";
  EXPECT_GE(node->status().refusals, heads);
  EXPECT_LE(node.logged("refused version"), 40U);
  const auto acks = redis_->run({"KEYS", "{sluice:test}:ack:*"});
  EXPECT_LE(acks.items.size(), 41U);
  EXPECT_EQ(node.active().activation, good.activation);
}

TEST_F(trusting, a_node_that_builds_still_says_that_it_lives) {
  const ring_keys keys("test");
  watched_agent node(strict());
  std::atomic<bool> hold{false};
  std::atomic<bool> building{false};
  node.while_applying = [&](const std::string&) {
    building.store(true);
    while (hold.load()) std::this_thread::sleep_for(milliseconds(1));
  };
  node->start();
  const auto one = push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(one.version));
  hold.store(true);
  building.store(false);
  const auto two = push_signed("two", build_, activate_);
  const auto end = mono_now() + seconds(10);
  while (!building.load() && mono_now() < end) std::this_thread::sleep_for(milliseconds(1));
  ASSERT_TRUE(building.load());
  // What it does meanwhile is heard at once, and not after the build: so a heartbeat was sent.
  node->demote({{.version = one.version, .rule = "r-1", .why = "wild"}});
  const auto heard = [&] { return redis_->run({"HGET", keys.node("n1"), "demoted"}).text.contains("r-1"); };
  while (!heard() && mono_now() < end) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_TRUE(heard());
  EXPECT_NE(node.active().snapshot->version(), two.version);
  hold.store(false);
  EXPECT_TRUE(node.until_version(two.version));
}

TEST_F(trusting, a_publisher_goes_on_with_what_its_file_of_keys_vouches_for) {
  const auto one = push_signed("one", build_, activate_);
  const std::vector<rule_demotion> wild{{.version = one.version, .rule = "wild", .why = "w"}};
  auto to = signing(build_, activate_);
  ASSERT_TRUE(to.activate({.version = one.version, .kind = "demote", .actor = "", .note = "", .demoted = wild}));
  const auto other = signing_key::generate();
  auto successor = signing(build_, other);
  EXPECT_FALSE(successor.vouched_head()) << "it knows its own key alone";
  auto keys = strict().trust.keys;
  successor.trust_only(keys);
  ASSERT_TRUE(successor.vouched_head());
  EXPECT_EQ(successor.activate({.version = one.version, .actor = "", .note = ""}).error().code, errc::refused) << "its own key is not in that file";
  keys.push_back(trusted("next", other, activate_role));
  successor.trust_only(keys);
  const auto again = successor.activate({.version = one.version, .actor = "", .note = ""}).value();
  EXPECT_EQ(again.demoted, wild);
  EXPECT_EQ(again.passed_over, "");
  EXPECT_TRUE(successor.vouched_head());
  std::erase_if(keys, [](const trusted_key& k) { return k.name == "ops" || k.name == "next"; });
  auto stranger = signing(build_, activate_);
  stranger.trust_only(keys);
  EXPECT_FALSE(stranger.vouched_head());
  const auto entries = to.history(0).value();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_NE(entries[0].doubt, "");
  EXPECT_EQ(entries[1].doubt + entries[2].doubt, "");
  // Whoever does not sign is believed by nobody who asks for a signature, and asks for none.
  EXPECT_EQ(connect().head()->doubt, "");
}

TEST_F(trusting, an_approval_is_of_the_version_that_was_named_and_of_what_somebody_built) {
  const ring_keys keys("test");
  const auto lead = signing_key::generate();
  auto to = signing(build_, activate_);
  const auto one = to.stage(bundle_of("one"), {.gate_report = std::string(64, 'a'), .weaker = true}).value(), two = to.stage(bundle_of("two")).value();
  const auto told = to.approve(one, lead);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_TRUE(told->how.weaker);
  ASSERT_TRUE(to.stage(bundle_of("three")));
  EXPECT_EQ(to.approve(version_of_text("three"), build_).error().code, errc::refused) << "who built it is no second person";
  // Redis hands out the manifest of another version under this one's name.
  const auto other = redis_->run({"HGET", keys.manifest(two), "manifest"}).text;
  redis_->run({"HSET", keys.manifest(one), "manifest", other});
  const auto refused = to.approve(one, lead);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::integrity) << refused.error().message;
  EXPECT_EQ(redis_->run({"HGET", keys.manifest(one), "manifest"}).text, other) << "nothing was signed";
  // Built by a stranger: for whoever names the keys that may build.
  auto stranger = signing(signing_key::generate(), activate_);
  ASSERT_TRUE(stranger.stage(bundle_of("one")));
  to.trust_only(strict().trust.keys);
  EXPECT_EQ(to.approve(one, lead).error().code, errc::refused);
  ASSERT_TRUE(to.stage(bundle_of("one")));
  EXPECT_TRUE(to.approve(one, lead));
}

TEST_F(trusting, a_version_that_counts_as_weaker_owes_an_approval_until_a_second_key_has_given_it) {
  const auto lead = signing_key::generate();
  auto to = signing(build_, activate_);
  const auto one = to.stage(bundle_of("one"), {.gate_report = std::string(64, 'a'), .weaker = true}).value(), two = to.stage(bundle_of("two")).value();
  EXPECT_TRUE(to.owes_approval(one));
  EXPECT_FALSE(to.owes_approval(two));
  EXPECT_TRUE(to.owes_approval(std::string(64, 'a'))) << "nobody knows what it is";
  EXPECT_FALSE(connect().owes_approval(one)) << "who asks for no signatures asks for no approval";
  ASSERT_TRUE(to.approve(one, lead));
  EXPECT_TRUE(to.owes_approval(one)) << "by a key that it does not know";
  auto whom = strict().trust.keys;
  whom.push_back(trusted("lead", lead, static_cast<unsigned>(key_role::approve)));
  to.trust_only(whom);
  EXPECT_FALSE(to.owes_approval(one));
}

TEST_F(trusting, a_key_that_takes_harm_away_brings_no_version_in) {
  watched_agent node(strict());
  node->start();
  push_signed("one", build_, activate_);
  const auto two = push_signed("two", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("two")));
  // Built by who may build, and live once: still not what is live now.
  auto to = signing(build_, safety_);
  to.trust_only({trusted("ops", activate_, activate_role), trusted("controller", safety_, safety_role)});
  ASSERT_TRUE(to.activate({.version = version_of_text("one"), .kind = "abort", .actor = "", .note = ""}));
  EXPECT_TRUE(node.until_event("refused", "may only go on with version " + two.version.substr(0, 12)));
  EXPECT_EQ(node->status().version, two.version);
  // Nor by the hand of somebody who may activate, and goes on with what he finds.
  auto operations = signing(build_, activate_);
  operations.trust_only(strict().trust.keys);
  EXPECT_TRUE(operations.head()->doubt.contains("may only go on with version " + two.version.substr(0, 12))) << operations.head()->doubt;
  EXPECT_FALSE(operations.vouched_head());
  EXPECT_EQ(operations.last_vouched().value()->version, two.version) << "that is what the next push is held against";
  for (const auto* kind : {"demote", "rearm", "promote", "canary"}) EXPECT_EQ(operations.activate({.version = version_of_text("one"), .kind = kind, .actor = "", .note = ""}).error().code, errc::refused) << kind;
  EXPECT_EQ(operations.history(1)->at(0).doubt, operations.head()->doubt);
  const auto again = operations.activate({.version = two.version, .actor = "", .note = ""}).value();
  EXPECT_NE(again.passed_over, "");
  ASSERT_EQ(answer(again.activation).state, "ACK");
  const canary_version share{.version = version_of_text("one"), .basis_points = 9'999, .salt = "s"};
  const auto with_canary = to.activate({.version = two.version, .kind = "demote", .actor = "", .note = "", .canary = share}).value();
  EXPECT_EQ(answer(with_canary.activation).state, "NACK") << "nor as a canary for nearly everybody";
  EXPECT_FALSE(operations.vouched_head());
  ASSERT_EQ(answer(operations.activate({.version = two.version, .actor = "", .note = ""}).value().activation).state, "ACK");
  const auto lawful = to.activate({.version = two.version, .kind = "demote", .actor = "", .note = "", .demoted = std::vector<rule_demotion>{{.version = two.version, .rule = "r", .why = "w"}}}).value();
  EXPECT_EQ(answer(lawful.activation).state, "ACK");
  EXPECT_EQ(node->status().demotions.size(), 1u);
  EXPECT_TRUE(operations.vouched_head());
  EXPECT_EQ(operations.history(1)->at(0).doubt, "");
  // Also above what Redis has lost: numbers go up by more than one then, and what takes harm away is gone on with all the same.
  redis_->run({"ZADD", ring_keys("test").nodes(), "1", "n9"});
  redis_->run({"HSET", ring_keys("test").node("n9"), "highest", "9-99"});
  const auto above = to.activate({.version = two.version, .kind = "abort", .actor = "", .note = ""}).value();
  EXPECT_EQ(above.activation.generation, 100u);
  EXPECT_EQ(answer(above.activation).state, "ACK");
  EXPECT_TRUE(operations.vouched_head()) << operations.head()->doubt;
}

// The log is in Redis: what a node has taken from it, it keeps itself.
TEST_F(trusting, a_key_that_takes_harm_away_leads_back_to_nothing_older) {
  const ring_keys keys("test");
  watched_agent node(strict());
  node->start();
  push_signed("one", build_, activate_);
  auto to = signing(build_, safety_);
  to.trust_only(strict().trust.keys);
  const auto record = [&] { return redis_->run({"HGET", keys.head(), "record"}).text; };
  const auto of_one = record();
  push_signed("two", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("two")));
  // The newer entries are taken away, and the older one is the head again.
  redis_->run({"DEL", keys.log()});
  redis_->run({"XADD", keys.log(), "1-1", "kind", "activate", "version", version_of_text("one"), "record", of_one});
  redis_->run({"HSET", keys.head(), "epoch", "1", "gen", "1", "version", version_of_text("one"), "record", of_one});
  redis_->run({"ZADD", keys.nodes(), "1", "n9"});
  redis_->run({"HSET", keys.node("n9"), "highest", "1-2"});
  const auto back = to.activate({.version = version_of_text("one"), .kind = "abort", .actor = "", .note = ""}).value();
  EXPECT_GT(back.activation, (policy::activation{1, 2}));
  EXPECT_TRUE(node.until_event("refused", "may only go on with version " + version_of_text("two").substr(0, 12)));
  EXPECT_EQ(node->status().version, version_of_text("two"));
  node.stop();
  watched_agent again(strict());
  again->start();
  EXPECT_TRUE(again.until_event("refused", "may only go on with version " + version_of_text("two").substr(0, 12))) << "nor after a restart";
}

TEST_F(trusting, a_key_that_takes_harm_away_arms_nothing_and_may_act_as_often_as_it_must) {
  const ring_keys keys("test");
  auto operations = signing(build_, activate_);
  const auto one = operations.stage(bundle_of("one")).value();
  ASSERT_TRUE(operations.activate({.version = one, .actor = "", .note = ""}));
  const std::vector<rule_demotion> wild{{.version = one, .rule = "wild", .why = "a person"}};
  ASSERT_TRUE(operations.activate({.version = one, .kind = "demote", .actor = "", .note = "", .demoted = wild}));
  watched_agent node(strict());
  node->start();
  ASSERT_TRUE(node.until_version(one));
  auto to = signing(build_, safety_);
  to.trust_only(strict().trust.keys);
  const auto without = to.activate({.version = one, .kind = "demote", .actor = "", .note = "", .demoted = std::vector<rule_demotion>{}}).value();
  EXPECT_EQ(answer(without.activation).state, "NACK");
  EXPECT_EQ(node->status().demotions.size(), 1u);
  ASSERT_TRUE(operations.activate({.version = one, .kind = "activate", .actor = "", .note = "", .demoted = wild}));
  auto armed = to.activate({.version = one, .kind = "demote", .actor = "", .note = "", .demoted = wild, .rearm = true}).value();
  EXPECT_EQ(answer(armed.activation).state, "NACK");
  node.stop();
  // A ring of its own, with more records of the role safety in a row than are read at once.
  redis_->run({"DEL", keys.head(), keys.log()});
  ASSERT_TRUE(operations.activate({.version = one, .actor = "", .note = ""}));
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(to.activate({.version = one, .kind = "abort", .actor = "", .note = ""}));
  watched_agent fresh(strict("n2"));
  fresh->start();
  EXPECT_TRUE(fresh.until_version(one));
}

TEST_F(trusting, a_key_that_ends_takes_nothing_from_what_runs) {
  const auto until = [this](wall_time end) {
    auto whom = strict().trust;
    for (auto& key : whom.keys) key.not_after = end;
    return whom;
  };
  watched_agent node(strict());
  node->start();
  const auto one = push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(one.version));
  node->set_trust(until(now().wall + std::chrono::hours(24)));
  EXPECT_TRUE(node.until_log("signed with a key that expires at")) << "told ahead";
  node->set_trust(until(now().wall - seconds(1)));
  ASSERT_TRUE(node.until_log("signed with a key that expired at"));
  const auto seen = now().wall;
  const auto contact = [&](watched_agent& of) {
    const auto end = mono_now() + seconds(10);
    while (mono_now() < end) {
      if (const auto last = of->status().last_contact; last && *last > seen) return true;
    }
    return false;
  };
  EXPECT_TRUE(contact(node)) << "the ring has what runs";
  EXPECT_EQ(node->status().state, "FRESH");
  node.stop();
  auto c = strict();
  c.trust = until(now().wall - seconds(1));
  watched_agent again(c);
  again->start();
  EXPECT_TRUE(again.until_state(policy::freshness::fresh)) << "also after a restart";
  EXPECT_EQ(again->status().activation, one.activation);
  push_signed("two", build_, activate_);
  EXPECT_TRUE(again.until_event("refused", "expired at"));
  EXPECT_EQ(again->status().version, one.version);
}

TEST_F(trusting, what_takes_harm_away_is_in_force_also_on_a_full_disk) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto two = to.stage(bundle_of("two")).value();
  const canary_version share{.version = two, .basis_points = 500, .salt = "s"};
  ASSERT_EQ(answer(to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "", .canary = share}).value().activation).state, "ACK");
  ASSERT_TRUE(node.active().canary);
  {
    const failing_disk full(failing_disk::call::sync);
    const auto over = to.activate({.version = one.version, .kind = "abort", .actor = "", .note = ""}).value();
    const auto told = answer(over.activation);
    EXPECT_EQ(told.state + " " + told.phase, "NACK STORE");
    EXPECT_NE(told.message.find("in force, but not on disk"), std::string::npos) << told.message;
    EXPECT_FALSE(node.active().canary) << "a bad canary ends all the same";
    const auto larger = to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "", .canary = share}).value();
    EXPECT_NE(answer(larger.activation).message.find("not in force"), std::string::npos) << "what brings something in waits";
    EXPECT_EQ(node->status().activation, over.activation);
  }
  EXPECT_TRUE(node.until([&](const policy::active_policy& p) { return p.canary.has_value(); }));
}

TEST_F(trusting, one_number_for_two_records_is_seen_and_healed) {
  const ring_keys keys("test");
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto made = nlohmann::json::parse(redis_->run({"HGET", keys.head(), "record"}).text);
  made["demoted"] = nlohmann::json::array({{{"version", one.version}, {"rule", "r"}, {"why", "w"}}});
  redis_->run({"DEL", keys.log()});
  redis_->run({"HSET", keys.head(), "record", made.dump()});
  redis_->run({"PUBLISH", keys.notify(), "x"});
  EXPECT_TRUE(node.until_event("refused 1-1", "GEN_FORK"));
  EXPECT_TRUE(node->status().demotions.empty());
  auto to = connect();
  EXPECT_EQ(to.ahead_of(to.head().value())->highest, one.activation);
}

}  // namespace
}  // namespace sluice::store
