// Staging and activating against a real Redis: idempotence, races, refusals.
#include "sluice/store/publisher.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "redis_server.hpp"
#include "ring_scripts.hpp"
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

// The newest is live; a number of the history is gone back to.
TEST_F(publishing, a_freeze_lets_only_what_goes_back_pass_and_says_why) {
  auto to = connect();
  std::vector<std::string> v;
  for (const auto* text : {"one", "two", "three"}) {
    v.push_back(to.stage(bundle_of(text)).value());
    ASSERT_TRUE(to.activate({.version = v.back(), .actor = "", .note = ""}));
  }
  redis_->run({"SET", keys_.freeze(), "year end"});
  const auto stopped = [&](const activate_request& what) {
    const auto done = to.activate(what);
    return !done && done.error().code == errc::refused && done.error().message.contains("year end") && done.error().message.contains("a rollback to a version that was made live before");
  };
  const auto live = [&] { return to.head()->version; };
  EXPECT_TRUE(stopped({.version = v[2], .actor = "", .note = ""}));
  EXPECT_TRUE(stopped({.version = v[2], .kind = "rollback", .actor = "", .note = ""})) << "to what is live";
  ASSERT_TRUE(to.activate({.version = v[1], .kind = "rollback", .actor = "", .note = ""}));
  EXPECT_TRUE(stopped({.version = v[2], .kind = "rollback", .actor = "", .note = ""})) << "forward, to what the rollback left";
  for (const auto* kind : {"abort", "demote"}) {
    EXPECT_TRUE(stopped({.version = v[0], .kind = kind, .actor = "", .note = ""})) << "the word alone does not make another version live";
    EXPECT_TRUE(stopped({.version = v[1], .kind = kind, .actor = "", .note = "", .canary = canary_version{.version = v[2], .basis_points = 9'999, .salt = "s"}}));
    EXPECT_TRUE(stopped({.version = v[1], .kind = kind, .actor = "", .note = "", .shadow = v[2]}));
    EXPECT_TRUE(to.activate({.version = v[1], .kind = kind, .actor = "", .note = ""}));
  }
  ASSERT_TRUE(to.activate({.version = v[0], .kind = "rollback", .actor = "", .note = ""}));
  EXPECT_EQ(live(), v[0]);
  // What was made live again by a person, older though its content is, is newer: back from it is back.
  redis_->run({"DEL", keys_.freeze()});
  ASSERT_TRUE(to.activate({.version = v[2], .actor = "", .note = ""}));
  ASSERT_TRUE(to.activate({.version = v[0], .actor = "", .note = ""}));
  // Over more entries than are read at once.
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(to.activate({.version = v[0], .kind = "demote", .actor = "", .note = ""}));
  redis_->run({"SET", keys_.freeze(), "year end"});
  EXPECT_TRUE(to.activate({.version = v[2], .kind = "rollback", .actor = "", .note = ""}));
}

TEST_F(publishing, what_stands_at_the_head_is_only_overtaken_by_who_saw_it) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value(), two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = "", .only_after = policy::activation{}}));
  const auto late = to.activate({.version = two, .actor = "", .note = "", .only_after = policy::activation{}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, errc::conflict);
  EXPECT_TRUE(to.activate({.version = two, .actor = "", .note = "", .only_after = to.head()->activation}));
}

TEST_F(publishing, a_damaged_head_is_lost_and_the_next_activation_mends_it) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value(), two = to.stage(bundle_of("two")).value();
  const std::vector<rule_demotion> wild{{.version = one, .rule = "wild", .why = "w"}};
  const auto begin = [&] {
    redis_->run({"DEL", keys_.head(), keys_.log()});
    ASSERT_TRUE(to.activate({.version = two, .actor = "", .note = ""}));
    ASSERT_TRUE(to.activate({.version = one, .kind = "demote", .actor = "", .note = "", .demoted = wild}));
  };
  begin();
  // The log has it whole: nothing is lost.
  redis_->run({"HSET", keys_.head(), "record", "damaged"});
  EXPECT_EQ(to.head()->doubt, "");
  auto next = to.activate({.version = one, .actor = "", .note = ""}).value();
  EXPECT_EQ(policy::to_string(next.activation), "1-3");
  EXPECT_EQ(next.demoted, wild);
  // What is newest in the log is damaged: what is older is not what was live.
  redis_->run({"XADD", keys_.log(), "1-4", "kind", "activate", "version", one, "record", "{"});
  EXPECT_NE(to.head()->doubt.find("cannot be read"), std::string::npos);
  EXPECT_EQ(to.activate({.version = one, .kind = "demote", .actor = "", .note = ""}).error().code, errc::refused);
  const auto entries = to.history(0).value();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].kind, damaged_kind);
  EXPECT_EQ(policy::to_string(entries[0].activation), "1-4");
  EXPECT_EQ(entries[1].version, one);
  EXPECT_EQ(to.prune(now().wall, true).error().code, errc::integrity) << "nobody knows what that entry made live";
  next = to.activate({.version = one, .actor = "", .note = ""}).value();
  EXPECT_EQ(policy::to_string(next.activation), "2-5");
  EXPECT_NE(next.passed_over, "");
  EXPECT_TRUE(next.demoted.empty());
  EXPECT_EQ(to.head()->doubt, "");
  // Nothing of it can be read, not even its number; what a node has seen is above it all the same.
  begin();
  redis_->run({"DEL", keys_.log()});
  redis_->run({"HSET", keys_.head(), "epoch", "x", "gen", "", "record", "damaged"});
  redis_->run({"ZADD", keys_.nodes(), "1", "n9"});
  redis_->run({"HSET", keys_.node("n9"), "highest", "7-41"});
  EXPECT_EQ(to.head().error().code, errc::integrity);
  EXPECT_EQ(policy::to_string(to.activate({.version = one, .actor = "", .note = "", .only_after = policy::activation{}})->activation), "8-42");
}

TEST_F(publishing, a_number_out_of_all_proportion_is_not_believed) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  redis_->run({"ZADD", keys_.nodes(), "1", "n9"});
  const auto head = to.head().value();
  for (const auto* said : {"18446744073709551615-1", "1-18446744073709551615", "9007199254740993-1", "1-9007199254740993", "1-5000000", "5000000-1"}) {
    redis_->run({"HSET", keys_.node("n9"), "highest", said});
    EXPECT_EQ(to.ahead_of(head)->highest, policy::activation{}) << said;
    EXPECT_EQ(to.activate({.version = one, .actor = "", .note = ""})->activation.epoch, 1u) << said;
  }
  redis_->run({"HSET", keys_.node("n9"), "highest", "3-41"});
  EXPECT_EQ(policy::to_string(to.activate({.version = one, .actor = "", .note = ""})->activation), "4-42") << "as before";
  // In Redis itself: named, with the way out.
  redis_->run({"XADD", keys_.log(), "9007199254740993-1", "kind", "activate", "version", one, "record", "{}"});
  const auto stuck = to.activate({.version = one, .actor = "", .note = ""});
  ASSERT_FALSE(stuck);
  EXPECT_EQ(stuck.error().message.find("RENAME"), std::string::npos) << "the log says what was live: " << stuck.error().message;
  // What it says to do takes that one entry away and nothing else.
  const auto before = to.history(0)->size();
  const auto last = policy::to_string((*to.history(2))[1].activation);
  EXPECT_NE(stuck.error().message.find("XDEL '" + keys_.log() + "' 9007199254740993-1"), std::string::npos) << stuck.error().message;
  EXPECT_NE(stuck.error().message.find("XSETID '" + keys_.log() + "' " + last + ","), std::string::npos) << stuck.error().message;
  redis_->run({"XDEL", keys_.log(), "9007199254740993-1"});
  redis_->run({"XSETID", keys_.log(), last});
  EXPECT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  EXPECT_EQ(to.history(0)->size(), before);
  // A number that is one, and far from any: what followed it would have to be above it.
  redis_->run({"XADD", keys_.log(), "4000000-1", "kind", "activate", "version", one, "record", redis_->run({"HGET", keys_.head(), "record"}).text});
  EXPECT_EQ(to.activate({.version = one, .actor = "", .note = ""}).error().code, errc::integrity);
  redis_->run({"XDEL", keys_.log(), "4000000-1"});
  redis_->run({"XSETID", keys_.log(), policy::to_string(to.head()->activation)});
  // The head's own fields are nobody's word: whatever they say, the next push follows its record, and writes them anew.
  auto generation = to.head()->activation.generation;
  for (const auto* field : {"abc", "9007199254740993", "4000000", "0x10", " 1", "1.0", "", "-1"}) {
    redis_->run({"HSET", keys_.head(), "epoch", field});
    const auto next = to.activate({.version = one, .actor = "", .note = ""});
    ASSERT_TRUE(next) << field << ": " << next.error().message;
    EXPECT_EQ(next->activation, (policy::activation{4, ++generation})) << field;
    redis_->run({"HSET", keys_.head(), "gen", field});
    EXPECT_EQ(to.activate({.version = one, .kind = "rollback", .actor = "", .note = ""})->activation, (policy::activation{4, ++generation})) << field;
  }
  activation_record record{.activation = {1, number_max}, .ring = "test", .version = one, .kind = "activate", .actor = "", .note = "", .time = "", .previous = "", .replid = ""};
  EXPECT_TRUE(parse_record(to_json(record)));
  ++record.activation.generation;
  EXPECT_FALSE(parse_record(to_json(record)));
}

TEST_F(publishing, a_record_is_read_within_bounds) {
  const std::string version(64, 'a'), deep = std::string(100'000, '[') + std::string(100'000, ']');
  const activation_record good{.activation = {1, 1}, .ring = "test", .version = version, .kind = "activate", .actor = "", .note = "", .time = "", .previous = "", .replid = ""};
  const auto text = to_json(good);
  ASSERT_TRUE(parse_record(text));
  for (const char* name : {"epoch", "gen", "shadow", "rearmed", "demoted", "rearmed_rules", "shown", "canary", "other"}) {
    const auto with = [&](const std::string& value) { return "{\"" + std::string(name) + "\":" + value + "," + text.substr(1); };
    EXPECT_FALSE(parse_record(with(deep))) << name;
    EXPECT_FALSE(parse_manifest("{\"version\":\"" + version + "\",\"files\":[],\"gate\":{\"" + name + "\":" + deep + "}}")) << name;
  }
  EXPECT_FALSE(parse_record(deep));
  EXPECT_FALSE(parse_record(R"({"payload":)" + deep + R"(,"signatures":[]})"));
  EXPECT_FALSE(parse_record(R"({"payload":"{}","signatures":)" + deep + "}"));
}

TEST_F(publishing, an_answer_of_other_types_is_an_answer_without_figures) {
  auto to = connect();
  redis_->run({"HSET", keys_.ack({1, 1}), "n1", R"({"state":"ACK","phase":"ACTIVE","compile_ms":"x","ts":{}})"});
  redis_->run({"HSET", keys_.ack({1, 1}), "n2", R"({"state":7,"compile_ms":1e300,"ts":-9223372036854775808})"});
  redis_->run({"HSET", keys_.ack({1, 1}), "n3", R"({"state":"ACK","compile_ms":12,"ts":18446744073709551615})"});
  for (const auto* node : {"n1", "n2", "n3"}) redis_->run({"HSET", keys_.node(node), "answer", "1-1 ACK"});
  const auto all = to.acknowledgements({1, 1});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].state, "ACK");
  EXPECT_EQ((*all)[0].compile.count(), 0);
  EXPECT_EQ((*all)[2].compile.count(), 12);
}

TEST_F(publishing, an_answer_to_another_version_under_the_same_number_is_none) {
  auto to = connect();
  redis_->run({"HSET", keys_.ack({1, 1}), "n1", R"({"state":"ACK","phase":"ACTIVE","version":"before"})"});
  redis_->run({"HSET", keys_.node("n1"), "answer", "1-1 ACK"});
  EXPECT_EQ(to.acknowledgements({1, 1}).value().size(), 1U);
  EXPECT_EQ(to.acknowledgements({1, 1}, "before").value().size(), 1U);
  EXPECT_TRUE(to.acknowledgements({1, 1}, "now").value().empty());
}

TEST_F(publishing, heartbeats_that_cannot_be_read_stop_nothing) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  redis_->run({"HSET", keys_.nodes(), "a", "b"});
  EXPECT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  EXPECT_EQ(to.ahead_of(to.head().value())->highest, policy::activation{});
  const auto nodes = to.nodes();
  ASSERT_FALSE(nodes);
  EXPECT_NE(nodes.error().message.find("redis-cli DEL '" + keys_.nodes()), std::string::npos) << nodes.error().message;
  redis_->run({"DEL", keys_.nodes()});
  // More names than one reply can bring, and all before the one that is a node.
  for (int i = 0; i <= 1000; i += 50) {  // a few at a time: no command of a test has more than a few seconds
    redis_->run({"EVAL", "for i = ARGV[1], ARGV[1] + 50 do local z = {} for j = 1, 1000 do z[2*j-1] = '+inf' z[2*j] = i .. ':' .. j end redis.call('ZADD', KEYS[1], unpack(z)) end", "1", keys_.nodes(), std::to_string(i)});
  }
  redis_->run({"ZADD", keys_.nodes(), "1700000000000", "n1"});
  redis_->run({"HSET", keys_.node("n1"), "activation", "1-1"});
  EXPECT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  const auto known = to.nodes();
  ASSERT_TRUE(known) << known.error().message;
  ASSERT_EQ(known->size(), 1U);
  EXPECT_EQ(known->front().id, "n1");
}

TEST_F(publishing, a_history_of_any_length_is_read) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  redis_->run({"EVAL", "for i = 1, 120000 do redis.call('XADD', KEYS[1], '1-' .. i, 'kind', 'activate', 'version', '', 'record', '{}') end", "1", keys_.log()});
  ASSERT_TRUE(to.activate({.version = one, .actor = "me", .note = ""}));
  const auto all = to.history(0);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 120'001U);
  EXPECT_EQ(all->front().actor, "me");
  EXPECT_EQ(policy::to_string((*all)[1].activation), "1-120000");
  EXPECT_EQ(policy::to_string(all->back().activation), "1-1");
  EXPECT_EQ(to.history(2500)->size(), 2500U);
}

// Without keys a version that is live keeps its manifest as well, and the next one is as free as the first was.
TEST_F(publishing, a_manifest_that_nobody_signed_is_never_held_for_a_signed_one) {
  auto to = connect();
  const auto from = [&](const std::string& commit) { return to.stage(bundle_of("one"), {.commit = commit, .gate_report = std::string(64, 'a'), .gate_verdict = "PASS"}).value(); };
  const auto one = from("first");
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  ASSERT_EQ(from("first"), one);
  const auto two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = two, .actor = "", .note = ""}));
  ASSERT_EQ(from("second"), one);
  EXPECT_EQ(to.origin(one)->commit, "second");
}

TEST_F(publishing, a_revoked_version_cannot_come_back) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  redis_->run({"SADD", keys_.revoked(), one});
  const auto head = to.activate({.version = one, .kind = "rollback", .actor = "", .note = ""});
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, errc::refused);
}

TEST_F(publishing, a_revoked_version_is_not_judged_in_shadow_and_one_that_is_is_left_first) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value(), two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = one, .kind = "shadow", .actor = "", .note = "", .shadow = two}));
  const auto live = to.revoke(two, "me");
  ASSERT_FALSE(live);
  EXPECT_EQ(live.error().code, errc::conflict);
  ASSERT_TRUE(to.activate({.version = one, .kind = "abort", .actor = "", .note = ""}));
  ASSERT_TRUE(to.revoke(two, "me"));
  const auto back = to.activate({.version = one, .kind = "shadow", .actor = "", .note = "", .shadow = two});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, errc::refused);
}

TEST_F(publishing, an_activation_says_what_it_arms_again) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  const auto all = to.activate({.version = one, .kind = "rearm", .actor = "", .note = "", .rearm = true}).value();
  EXPECT_TRUE(all.rearmed);
  EXPECT_EQ(all.rearmed_rule, "");
  const auto rule = to.activate({.version = one, .kind = "rearm", .actor = "", .note = "", .rearm = true, .rearm_rule = "r-1"}).value();
  EXPECT_TRUE(rule.rearmed);
  EXPECT_EQ(rule.rearmed_rule, "r-1");
  EXPECT_FALSE(to.activate({.version = one, .actor = "", .note = ""}).value().rearmed) << "that was earlier";
  EXPECT_FALSE(to.head().value().rearmed);
}

// What was live between the look at the log and the script is no head any more, and goes nowhere.
TEST_F(publishing, a_prune_takes_nothing_away_once_another_activation_is_the_head) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value(), two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  auto redis = redis_client::connect(redis_->endpoint(), seconds(5)).value();
  const auto prune = [&](const std::string& gen) {
    return redis.command({"EVAL", std::string(prune_script), "3", keys_.head(), keys_.versions(), keys_.manifest(two), "2", "1", gen, two});
  };
  ASSERT_TRUE(to.activate({.version = two, .actor = "", .note = ""}));
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  const auto late = prune("1");
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().message.contains("another activation is the head")) << late.error().message;
  EXPECT_EQ(redis_->run({"EXISTS", keys_.manifest(two)}).integer, 1);
  const auto three = to.stage(bundle_of("three")).value();
  const auto gone = to.prune(now().wall + seconds(1), false);
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->versions, std::vector{three});
}

// By the log alone it is known what was live: what it lacks, somebody took out of it.
TEST_F(publishing, a_prune_takes_nothing_away_that_may_have_been_live) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value(), two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "", .note = ""}));
  ASSERT_TRUE(to.activate({.version = two, .actor = "", .note = ""}));
  const auto later = now().wall + seconds(60);
  redis_->run({"RENAME", keys_.log(), keys_.log() + ".damaged"});
  EXPECT_EQ(to.prune(later, false).error().code, errc::integrity) << "the log does not end with the head";
  ASSERT_TRUE(to.activate({.version = two, .actor = "", .note = ""}));
  const auto three = to.stage(bundle_of("three")).value();
  redis_->run({"ZADD", keys_.versions(), std::to_string(std::chrono::duration_cast<milliseconds>((now().wall + seconds(1)).time_since_epoch()).count()), three});
  const auto gone = to.prune(later, false);
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->versions, std::vector{three}) << "what came after the gap was never live";
  EXPECT_EQ(gone->kept, 1u);
  EXPECT_EQ(policy::to_string(gone->after_gap), "1-3");
  EXPECT_EQ(redis_->run({"EXISTS", keys_.manifest(one)}).integer, 1);
  // Nor where nothing is left of it but what nodes have seen.
  redis_->run({"DEL", keys_.log(), keys_.head()});
  redis_->run({"ZADD", keys_.nodes(), "1", "n9"});
  redis_->run({"HSET", keys_.node("n9"), "highest", "1-3"});
  EXPECT_EQ(to.prune(later, false).error().code, errc::integrity);
}

TEST_F(publishing, an_entry_under_another_number_is_nobodys_word) {
  auto to = connect();
  const auto one = to.stage(bundle_of("one")).value();
  ASSERT_TRUE(to.activate({.version = one, .actor = "Ada", .note = ""}));
  const auto copy = redis_->run({"HGET", keys_.head(), "record"}).text;
  redis_->run({"XADD", keys_.log(), "1-2", "kind", "activate", "version", one, "record", copy});
  const auto told = to.history(0).value();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].kind, damaged_kind);
  EXPECT_EQ(policy::to_string(told[0].activation), "1-2");
  EXPECT_NE(told[0].doubt.find("copy of 1-1"), std::string::npos) << told[0].doubt;
  EXPECT_EQ(told[1].doubt, "");
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
