// What a version's manifest says of it holds for what it was held against: nodes that ask for a second key, and manifests that are staged again.
#include <gtest/gtest.h>

#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;

class demanding : public trusting {
 protected:
  void SetUp() override {
    trusting::SetUp();
    c_ = strict();
    c_.trust.keys.push_back(trusted("lead", lead_, static_cast<unsigned>(key_role::approve)));
    c_.trust.approval = true;
  }
  publisher speaking() {
    auto to = signing(build_, activate_);
    to.trust_only(c_.trust.keys);
    return to;
  }
  // Held in ring "test" against `over`.
  std::string staged(publisher& to, const std::string& text, const std::string& over, bool weaker = false) {
    return to.stage(bundle_of(text), {.gate_report = std::string(64, 'a'), .gate_verdict = "PASS", .weaker = weaker, .ring = "test", .against = over}).value();
  }
  // What the node answers.
  std::string taken(publisher& to, const std::string& version, const std::string& kind = "activate") {
    return answer(to.activate({.version = version, .kind = kind, .actor = "me", .note = ""}).value().activation).state;
  }
  agent_config young_node() {
    auto c = strict("n2");
    c.trust = c_.trust;
    return c;
  }
  const signing_key lead_ = signing_key::generate(), copy_key_ = signing_key::generate();
  agent_config c_;
};

TEST_F(demanding, what_a_manifest_says_holds_for_what_its_version_was_held_against) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK") << "the first one has nothing to be weaker than";
  const auto late = staged(to, "late", one), strict = staged(to, "strict", one);
  ASSERT_EQ(taken(to, strict), "ACK");
  EXPECT_EQ(taken(to, late), "NACK") << "it was held against what is live no more";
  EXPECT_TRUE(node.until_event("refused", "and follows version " + strict.substr(0, 12)));
  // What goes on with it makes nothing good.
  EXPECT_EQ(taken(to, late, "demote"), "NACK");
  EXPECT_EQ(taken(to, late), "NACK") << "nor does once more";
  EXPECT_EQ(node->status().version, strict);
  // Back to what was live is back, and a second key says more than any comparison.
  EXPECT_EQ(taken(to, one, "rollback"), "ACK");
  ASSERT_TRUE(to.approve(late, lead_));
  EXPECT_EQ(taken(to, late), "ACK");
}

// What is on trial owes its own second key, and what is live owes none for it.
TEST_F(demanding, a_trial_that_is_weaker_takes_nothing_from_what_is_live) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto weak = staged(to, "weak", one, true);
  ASSERT_EQ(answer(to.activate({.version = one, .kind = "shadow", .actor = "me", .note = "", .shadow = weak}).value().activation).state, "ACK");
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_version(one));
}

// A failover raises the epoch, and takes nothing of the log.
TEST_F(demanding, back_is_to_what_the_log_proves_also_after_the_epoch_was_raised) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto two = staged(to, "two", one);
  ASSERT_EQ(taken(to, two), "ACK");
  const auto three = staged(to, "three", two);
  ASSERT_EQ(taken(to, three), "ACK");
  watched_agent young(young_node());
  young->start();
  ASSERT_TRUE(young.until_version(three));
  const auto back = to.activate({.version = two, .kind = "rollback", .actor = "me", .note = "", .instead_of = to.head()->activation}).value();
  ASSERT_EQ(back.activation.epoch, 2u);
  EXPECT_TRUE(young.until_version(two));
}

// What a command says of a version goes on with it, whatever its manifest says.
TEST_F(demanding, what_may_be_weaker_by_its_activation_stays_so) {
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_TRUE(to.activate({.version = one, .kind = "activate", .actor = "me", .note = "", .weaker = true}));
  EXPECT_TRUE(to.owes_approval(one));
  ASSERT_TRUE(to.activate({.version = one, .kind = "activate", .actor = "me", .note = ""}));
  EXPECT_TRUE(to.owes_approval(one)) << "once more makes nothing of it good";
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_event("refused", "no second key has approved it"));
  ASSERT_TRUE(to.approve(one, lead_));
  EXPECT_FALSE(to.owes_approval(one));
  ASSERT_TRUE(to.activate({.version = one, .kind = "activate", .actor = "me", .note = ""}));
  EXPECT_TRUE(young.until_version(one));
}

// In a ring without a head an approval is of the step from nothing: no way round what a node runs.
TEST_F(demanding, an_approval_to_follow_nothing_is_none_where_something_runs) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  until_a_node_reports("1-1");
  redis_->run({"DEL", ring_keys("test").head(), ring_keys("test").log()});
  const auto weak = staged(to, "weak", "", true);
  ASSERT_EQ(to.approve(weak, lead_)->place.after, "");
  EXPECT_EQ(taken(to, weak), "NACK");
  ASSERT_TRUE(node.until_event("refused", "no second key has approved it"));
  ASSERT_TRUE(to.approve(weak, lead_, one)) << "that is the step for this node";
  EXPECT_EQ(taken(to, weak), "ACK");
}

// A lead who agreed to one step agreed to no other.
TEST_F(demanding, an_approval_is_of_one_step_and_the_version_owes_another_for_the_next) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto weak = staged(to, "weak", one, true), strict = staged(to, "strict", one);
  const auto told = to.approve(weak, lead_);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->place, (approval_place{.ring = "test", .after = one}));
  EXPECT_TRUE(to.approved(weak));
  ASSERT_EQ(taken(to, strict), "ACK");
  EXPECT_FALSE(to.approved(weak)) << "nobody agreed that it follows this one";
  EXPECT_EQ(taken(to, weak), "NACK");
  EXPECT_TRUE(node.until_event("refused", "no second key has approved it"));
  EXPECT_EQ(node->status().version, strict);
  ASSERT_EQ(taken(to, strict, "rollback"), "ACK");
  // Held against what is live now, its manifest is another, and owes its own.
  ASSERT_EQ(staged(to, "weak", strict, true), weak);
  EXPECT_EQ(to.origin(weak)->against, strict);
  EXPECT_EQ(taken(to, weak), "NACK");
  ASSERT_EQ(taken(to, strict, "rollback"), "ACK");
  ASSERT_TRUE(to.approve(weak, lead_));
  EXPECT_EQ(taken(to, weak), "ACK");
  EXPECT_TRUE(to.approvals(to.history(1).value()).value()[0].keys.at(0).counts);
  EXPECT_TRUE(to.approvals(to.history(2).value()).value()[1].keys.empty()) << "a rollback asks nobody";
}

TEST_F(demanding, a_manifest_of_another_ring_says_nothing_here) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto weak = staged(to, "weak", one, true);
  EXPECT_EQ(taken(to, weak), "NACK");
  ASSERT_EQ(taken(to, one, "rollback"), "ACK");
  // The same key built it for an empty ring: nothing in it was weaker there.
  const auto elsewhere = sign_text(build_purpose, manifest_json(bundle_of("weak"), "2026-01-01T00:00:00Z", {.gate_report = std::string(64, 'a'), .gate_verdict = "PASS", .ring = "staging", .against = ""}), build_);
  redis_->run({"HSET", ring_keys("test").manifest(weak), "manifest", elsewhere});
  EXPECT_EQ(taken(to, weak), "NACK");
  EXPECT_TRUE(node.until_event("refused", "was held against what was live in ring 'staging'"));
  EXPECT_EQ(node->status().version, one);
}

TEST_F(demanding, a_ring_that_was_emptied_proves_nothing_to_who_was_there_before) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = to.activate({.version = staged(to, "one", ""), .kind = "activate", .actor = "me", .note = ""}).value();
  ASSERT_EQ(answer(one.activation).state, "ACK");
  until_a_node_reports(policy::to_string(one.activation));
  redis_->run({"DEL", ring_keys("test").head(), ring_keys("test").log()});
  const auto thin = staged(to, "thin", "");
  EXPECT_EQ(taken(to, thin), "NACK");
  EXPECT_TRUE(node.until_event("refused", "nothing, where something was live before"));
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_version(thin)) << "who was not there cannot tell";
}

TEST_F(demanding, a_manifest_that_says_more_stays_and_the_history_keeps_what_was_said) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto two = to.stage(bundle_of("two"), {.gate_report = std::string(64, 'b'), .gate_verdict = "PASS", .emergency = true, .weaker = true, .ring = "test", .against = one}).value();
  ASSERT_TRUE(to.approve(two, lead_));
  ASSERT_EQ(taken(to, two), "ACK");
  // An old job pushes the first one once more: it may be weaker now.
  EXPECT_EQ(staged(to, "one", two, true), one);
  EXPECT_FALSE(to.origin(one)->weaker);
  EXPECT_EQ(taken(to, one, "rollback"), "ACK");
  // A push of the second one that passes its gate is more than the emergency was, and takes nothing from the history.
  ASSERT_EQ(staged(to, "two", one), two);
  EXPECT_FALSE(to.origin(two)->emergency);
  const auto entries = to.history(0).value();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_TRUE(entries[1].how.emergency && entries[1].how.weaker);
  EXPECT_EQ(entries[1].how.gate_verdict, "EMERGENCY") << "as an older release wrote it: PASS, and that it was one";
  EXPECT_EQ(to.approvals(entries).value()[1].keys.size(), 1u) << "the second key stands beside the builder's";
  EXPECT_EQ(entries[1].how.gate_report, std::string(64, 'b'));
  EXPECT_FALSE(entries[0].how.emergency || entries[0].how.weaker);
  // Nobody keeps one there by writing it.
  auto forged = std::string(R"({"payload":"{}","signatures":[]})");
  redis_->run({"HSET", ring_keys("test").manifest(one), "manifest", forged, "signed", "signed"});
  EXPECT_EQ(staged(to, "one", two), one);
  EXPECT_EQ(parse_manifest(redis_->run({"HGET", ring_keys("test").manifest(one), "manifest"}).text)->how.against, two);
  EXPECT_EQ(to.origin(one)->against, "") << "by the one that it is live with";
}

TEST_F(demanding, an_emergency_with_a_second_key_stays_one_until_what_passed_has_its_own) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto emergency = [&](const std::string& text, const std::string& over, bool weaker) {
    const auto out = to.stage(bundle_of(text), {.gate_report = std::string(64, 'b'), .gate_verdict = "EMERGENCY", .emergency = true, .weaker = weaker, .ring = "test", .against = over}).value();
    EXPECT_TRUE(to.approve(out, lead_));
    EXPECT_EQ(taken(to, out), "ACK");
    EXPECT_FALSE(to.awaits_approval(out));
    return out;
  };
  const auto two = emergency("two", one, true);
  ASSERT_EQ(staged(to, "two", one, true), two);
  EXPECT_TRUE(to.awaits_approval(two));
  EXPECT_TRUE(to.origin(two)->emergency) << "by the manifest that it is live by";
  EXPECT_EQ(taken(to, two), "ACK") << "nodes would refuse the other one";
  EXPECT_TRUE(to.head()->how.emergency);
  ASSERT_TRUE(to.approve(two, lead_));
  EXPECT_FALSE(to.awaits_approval(two));
  EXPECT_EQ(taken(to, two), "ACK");
  EXPECT_EQ(to.head()->how.gate_verdict, "PASS");
  EXPECT_EQ(to.approvals(to.history(1).value()).value()[0].keys.size(), 1u);
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_version(two)) << "by the second signature on the second manifest";
  // What is no weaker owes no key.
  const auto three = emergency("three", two, false);
  ASSERT_EQ(staged(to, "three", two), three);
  EXPECT_FALSE(to.awaits_approval(three));
  EXPECT_EQ(taken(to, three), "ACK");
  EXPECT_EQ(to.head()->how.gate_verdict, "PASS");
}

TEST_F(demanding, whether_it_may_be_weaker_is_said_by_its_manifest_or_by_who_compared) {
  auto to = speaking();
  const auto one = staged(to, "one", "");
  const auto recorded = [&](const std::string& version, std::optional<bool> compared) { return to.activate({.version = version, .actor = "me", .note = "", .weaker = compared}).value().how.weaker; };
  EXPECT_FALSE(recorded(one, {}));
  const auto late = staged(to, "late", one), weak = staged(to, "weak", one, true);
  EXPECT_FALSE(recorded(staged(to, "two", one), {}));
  EXPECT_TRUE(recorded(late, {})) << "it was held against another one than what was live";
  EXPECT_FALSE(recorded(late, false));
  EXPECT_TRUE(recorded(late, true));
  EXPECT_TRUE(recorded(weak, false)) << "what its manifest says of it stays";
}

TEST_F(demanding, a_manifest_that_cannot_be_read_is_called_that) {
  auto to = speaking();
  const auto one = staged(to, "one", ""), two = staged(to, "two", one);
  const auto live = to.activate({.version = one, .actor = "me", .note = ""}).value();
  const ring_keys keys("test");
  for (const auto& field : {std::string("manifest"), live.manifest}) redis_->run({"HSET", keys.manifest(one), field, "{"});
  redis_->run({"HSET", keys.manifest(two), "manifest", "{"});
  const auto second = to.approvals(to.history(0).value()).value();
  EXPECT_TRUE(second[0].keys.empty() && second[0].doubt.contains("its manifest cannot be read") && second[0].doubt.contains("damaged")) << second[0].doubt;
  const auto done = to.activate({.version = two, .actor = "me", .note = ""});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().code == errc::integrity && done.error().message.contains("nothing was changed") && done.error().message.contains("Push the bundle again")) << done.error().message;
  EXPECT_EQ(to.head()->version, one);
  EXPECT_TRUE(to.activate({.version = one, .kind = "demote", .actor = "me", .note = ""})) << "what takes harm away waits for no manifest";
  redis_->run({"DEL", keys.manifest(one)});
  const auto gone = to.approvals(to.history(0).value()).value();
  EXPECT_TRUE(gone[1].doubt.contains("is not in Redis"));
  EXPECT_TRUE(gone[0].doubt.empty()) << "a demotion asks for no approval";
}

TEST_F(demanding, what_is_staged_once_more_changes_nothing_of_what_is_live) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto two = staged(to, "two", one);
  ASSERT_EQ(taken(to, two), "ACK");
  // CI pushes once more, with other golden sets, held against what is live: by its own key alone, and then by one that knows them all.
  auto ci = connect();
  ci.sign_with(copy_of(build_), {});
  auto other = bundle_of("two");
  other.files.push_back(policy::make_source_file("golden/g.jsonl", "{}\n"));
  for (auto* by : {&ci, &to}) ASSERT_EQ(by->stage(other, {.gate_report = std::string(64, 'c'), .gate_verdict = "PASS", .ring = "test", .against = two}).value(), two);
  EXPECT_EQ(to.origin(two)->against, one);
  EXPECT_EQ(policy::golden_digest_of(to.fetch(two).value()), policy::golden_digest_of(bundle_of("two")));
  EXPECT_EQ(taken(to, two, "demote"), "ACK");
  EXPECT_EQ(taken(to, two), "ACK") << "and activated once more";
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_version(two)) << "who comes now takes it";
}

TEST_F(demanding, what_goes_on_with_a_first_version_is_taken) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", ""), two = staged(to, "two", one), weak = staged(to, "weak", one, true);
  ASSERT_EQ(taken(to, one), "ACK");
  EXPECT_EQ(taken(to, one, "demote"), "ACK");
  EXPECT_EQ(taken(to, one), "ACK") << "activated once more";
  const auto beside_one = [&](activate_request what) { return answer(to.activate(what).value().activation).state; };
  EXPECT_EQ(beside_one({.version = one, .kind = "canary", .actor = "me", .note = "", .canary = canary_version{.version = two, .basis_points = 5000, .salt = "s", .nodes = {}}}), "ACK");
  EXPECT_EQ(beside_one({.version = one, .kind = "shadow", .actor = "me", .note = "", .shadow = weak}), "ACK") << "in shadow it decides nothing";
  EXPECT_EQ(taken(to, weak, "promote"), "NACK") << "there it would";
  ASSERT_TRUE(to.approve(weak, lead_));
  EXPECT_EQ(taken(to, weak), "ACK");
}

TEST_F(demanding, back_is_to_what_was_live_whatever_the_log_says) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto late = staged(to, "late", one), two = staged(to, "two", one);
  ASSERT_EQ(taken(to, two), "ACK");
  ASSERT_EQ(taken(to, late, "rollback"), "NACK") << "it was never live";
  ASSERT_EQ(taken(to, two, "rollback"), "ACK");
  // It stands in the log by now, refused.
  ASSERT_EQ(taken(to, late), "NACK");
  ASSERT_EQ(taken(to, two, "rollback"), "ACK");
  EXPECT_EQ(taken(to, late, "rollback"), "NACK");
  EXPECT_EQ(node->status().version, two);
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_event("refused", "no second key has approved it")) << "who comes now reads the log";
  EXPECT_EQ(taken(to, one, "rollback"), "ACK");
  EXPECT_TRUE(young.until_version(one)) << "that one was live, as the log proves";
}

TEST_F(demanding, what_a_version_follows_is_no_matter_of_whoever_signs) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto late = staged(to, "late", one), two = staged(to, "two", one);
  ASSERT_EQ(taken(to, two), "ACK");
  // By the role activate alone: as if it followed the one that it was held against.
  const ring_keys keys("test");
  auto record = parse_record(redis_->run({"HGET", keys.head(), "record"}).text).value();
  ++record.activation.generation;
  record.version = late;
  record.previous = one;
  record.manifests.clear();
  const auto text = sign_text(activation_purpose, to_json(record), activate_);
  const auto id = policy::to_string(record.activation);
  redis_->run({"XADD", keys.log(), id, "kind", "activate", "version", late, "record", text});
  redis_->run({"HSET", keys.head(), "gen", std::to_string(record.activation.generation), "version", late, "record", text});
  redis_->run({"PUBLISH", keys.notify(), id});
  EXPECT_EQ(answer(record.activation).state, "NACK");
  EXPECT_TRUE(node.until_event("refused", "nothing that counts leads there from version " + two.substr(0, 12)));
  EXPECT_EQ(node->status().version, two);
}

TEST_F(demanding, who_was_away_is_led_on_by_the_log) {
  auto to = speaking();
  const auto one = staged(to, "one", "");
  {
    watched_agent node(c_);
    node->start();
    ASSERT_EQ(taken(to, one), "ACK");
  }
  const auto two = staged(to, "two", one), three = staged(to, "three", two);
  const auto live = [&](const std::string& version, const std::string& kind = "activate") { ASSERT_TRUE(to.activate({.version = version, .kind = kind, .actor = "me", .note = ""})); };
  live(two);
  live(three);
  watched_agent node(c_);
  node->start();
  EXPECT_TRUE(node.until_version(three)) << "one, two, three";
  live(two, "rollback");
  EXPECT_TRUE(node.until_version(two)) << "it did not run here, and the log says that it was live";
}

TEST_F(demanding, the_log_proves_also_what_a_key_signed_that_has_ended_since) {
  c_.trust.keys.push_back(trusted("old", copy_key_, build_role | activate_role));
  auto old = signing(copy_key_, copy_key_), to = speaking();
  const auto live = [](publisher& by, const std::string& version, const std::string& kind = "activate") { ASSERT_TRUE(by.activate({.version = version, .kind = kind, .actor = "me", .note = ""})); };
  const auto one = staged(old, "one", "");
  live(old, one);
  c_.trust.keys.back().not_after = now().wall;
  const auto late = staged(to, "late", one), two = staged(to, "two", one);
  live(to, two);
  live(to, late);
  live(to, two, "rollback");
  watched_agent young(young_node());
  young->start();
  EXPECT_TRUE(young.until_version(two)) << "held against what the old key made live";
  live(to, late, "rollback");
  EXPECT_TRUE(young.until_event("refused", "no second key has approved it"));
}

TEST_F(demanding, an_approval_stays_also_where_nobody_says_which_keys_approve) {
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_TRUE(to.activate({.version = one, .kind = "activate", .actor = "me", .note = ""}));
  const auto weak = staged(to, "weak", one, true);
  ASSERT_TRUE(to.approve(weak, lead_));
  auto ci = connect();
  ci.sign_with(copy_of(build_), {});
  EXPECT_EQ(staged(ci, "weak", one, true), weak);
  EXPECT_TRUE(to.approved(weak));
}

TEST_F(demanding, back_is_possible_when_the_key_that_built_it_has_ended) {
  c_.trust.keys.push_back(trusted("old", copy_key_, build_role, now().wall + seconds(2)));
  watched_agent node(c_);
  node->start();
  auto old = signing(copy_key_, activate_), to = speaking();
  const auto one = staged(old, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  ASSERT_EQ(taken(to, staged(to, "two", one)), "ACK");
  auto whom = c_.trust;
  whom.keys.back().not_after = now().wall - seconds(1);
  node->set_trust(whom);
  EXPECT_EQ(taken(to, one, "rollback"), "ACK") << "it was checked when it came";
}

}  // namespace
}  // namespace sluice::store
