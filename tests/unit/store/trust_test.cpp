// Whose word a node takes: signatures of manifests and activations, with a real Redis in which anybody may have written.
#include "sluice/store/trust.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using crypto::signing_key;

TEST(signatures, count_when_key_role_time_and_purpose_fit) {
  const auto key = signing_key::generate(), other = signing_key::generate();
  const auto text = read_signed(sign_text(build_purpose, R"({"a":1})", key)).value();
  const auto t = now().wall;
  const trust whom{.keys = {trusted("ci", key, build_role)}, .required = true};
  EXPECT_TRUE(check_signatures(whom, text, build_purpose, build_role, t, "it"));
  const auto says = [&](const trust& by, const signed_text& what, std::string_view purpose, unsigned roles, const std::string& part) {
    const auto done = check_signatures(by, what, purpose, roles, t, "it");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, errc::integrity);
    EXPECT_NE(done.error().message.find(part), std::string::npos) << done.error().message;
  };
  says(whom, text, activation_purpose, build_role, "does not fit");
  says(whom, text, build_purpose, activate_role, "has the role build and not activate");
  says({.keys = {trusted("ci", other, build_role)}, .required = true}, text, build_purpose, build_role, "does not trust");
  says({.keys = {trusted("ci", key, build_role, t - seconds(1))}, .required = false}, text, build_purpose, build_role, "key ci, which expired at");
  says(whom, {.payload = text.payload, .signatures = {}}, build_purpose, build_role, "is not signed");
  auto changed = text;
  changed.payload += ' ';
  says(whom, changed, build_purpose, build_role, "was changed");
  EXPECT_TRUE(check_signatures({}, {.payload = text.payload, .signatures = {}}, build_purpose, build_role, t, "it")) << "nobody asked for a signature";
}

const approval_place there{.ring = "test", .after = std::string(64, 'a')};

TEST(signatures, beside_a_builders_are_told_by_name_and_whether_they_count) {
  const auto ci = signing_key::generate(), lead = signing_key::generate(), stranger = signing_key::generate();
  const auto built = sign_text(build_purpose, R"({"a":1})", ci);
  const auto approved = approve_text(built, there, lead).value();
  const auto t = now().wall;
  const auto approve_role = static_cast<unsigned>(key_role::approve);
  const trust whom{.keys = {trusted("ci", ci, build_role), trusted("lead", lead, approve_role)}, .required = true};
  EXPECT_TRUE(second_signatures(whom, read_signed(built).value(), t).empty());
  const auto one = second_signatures(whom, read_signed(approved).value(), t);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_TRUE(one[0].counts && one[0].name == "lead" && one[0].key == crypto::key_id(lead.public_key()));
  const auto two = second_signatures(whom, read_signed(approve_text(approved, there, stranger).value()).value(), t);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_TRUE(!two[1].counts && two[1].doubt.contains("does not trust")) << two[1].doubt;
  const auto untold = second_signatures(std::nullopt, read_signed(approved).value(), t);
  ASSERT_EQ(untold.size(), 1u) << "the first is the builder's";
  EXPECT_TRUE(!untold[0].counts && untold[0].name.empty() && untold[0].doubt.empty());
  const trust other{.keys = {trusted("lead", lead, approve_role)}, .required = true};
  EXPECT_EQ(second_signatures(other, read_signed(approved).value(), t).size(), 1u) << "a builder who is not trusted has approved nothing";
  const trust expired{.keys = {trusted("ci", ci, build_role), trusted("lead", lead, approve_role, t - seconds(1))}, .required = true};
  EXPECT_TRUE(second_signatures(expired, read_signed(approved).value(), t)[0].doubt.contains("expired"));
  EXPECT_TRUE(second_signatures(expired, read_signed(approved).value(), t - seconds(2))[0].counts) << "it had not, then";
}

// As check_approval asks for it, which is what nodes go by.
TEST(signatures, a_second_one_counts_where_nodes_would_count_it) {
  const auto ci = signing_key::generate(), lead = signing_key::generate();
  const auto t = now().wall;
  const auto approve_role = static_cast<unsigned>(key_role::approve);
  const auto second = [&](const trust& whom, const signing_key& builder) {
    const auto text = read_signed(approve_text(sign_text(build_purpose, "{}", builder), there, lead).value()).value();
    const auto all = second_signatures(whom, text, t);
    EXPECT_EQ(all.size(), 1u);
    EXPECT_EQ(all.front().counts, check_approval(whom, text, t, "it").has_value());
    return all.front();
  };
  EXPECT_TRUE(second({.keys = {trusted("ci", ci, build_role), trusted("lead", lead, approve_role)}, .required = true}, ci).counts);
  const auto alone = second({.keys = {trusted("lead", lead, build_role | approve_role)}, .required = true}, lead);
  EXPECT_TRUE(!alone.counts && alone.doubt.contains("is by the key that built it")) << alone.doubt;
  const auto late = second({.keys = {trusted("ci", ci, build_role, t - seconds(1)), trusted("lead", lead, approve_role)}, .required = true}, ci);
  EXPECT_TRUE(!late.counts && late.doubt.contains("no signature by a key that may build")) << late.doubt;
}

TEST(signatures, a_damaged_record_is_none) {
  const auto key = signing_key::generate();
  const auto whole = sign_text(build_purpose, "{}", key);
  const trust whom{.keys = {trusted("ci", key, build_role)}, .required = true};
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char with : {'\0', 'x', '"'}) {
      auto changed = whole;
      if (changed[i] == with) continue;
      changed[i] = with;
      const auto text = read_signed(changed);
      EXPECT_FALSE(text && check_signatures(whom, *text, build_purpose, build_role, now().wall, "it")) << "byte " << i << ": " << changed;
    }
  }
}

TEST_F(trusting, takes_what_is_signed_by_those_who_may_and_nothing_else) {
  watched_agent node(strict());
  node->start();
  push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("one")));
  push("unsigned");
  EXPECT_TRUE(node.until_event("refused", "is not signed"));
  push_signed("by the wrong one", build_, build_);
  EXPECT_TRUE(node.until_event("refused", "has the role build and not activate"));
  push_signed("built by a stranger", signing_key::generate(), activate_);
  EXPECT_TRUE(node.until_event("refused", "does not trust"));
  push_signed("by the controller", build_, safety_);
  EXPECT_TRUE(node.until_event("refused", "has the role safety and not activate"));
  EXPECT_EQ(node.active().snapshot != nullptr, true);
  EXPECT_EQ(node->status().version, version_of_text("one")) << "the old version stays";
  push_signed("one", build_, safety_, "abort");
  const auto last = push_signed("two", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("two")));
  EXPECT_EQ(node->status().activation, last.activation);
}

TEST_F(trusting, a_forged_number_does_not_stop_the_true_one) {
  watched_agent node(strict());
  node->start();
  const auto first = push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("one")));
  // Somebody with Redis but without a key writes the next activation.
  const auto forged = push("forged");
  EXPECT_TRUE(node.until_event("refused", "is not signed"));
  EXPECT_EQ(node->status().activation, first.activation);
  // The ring is cleared of it, and the rightful owner activates: the node has not let the forgery take a number away.
  redis_->run({"DEL", ring_keys("test").head(), ring_keys("test").log()});
  const auto true_one = push_signed("two", build_, activate_);
  EXPECT_GE(true_one.activation, forged.activation);
  EXPECT_TRUE(node.until_version(version_of_text("two")));
}

TEST_F(trusting, a_replayed_activation_and_one_of_another_ring_are_refused) {
  watched_agent node(strict());
  node->start();
  push_signed("one", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("one")));
  const ring_keys keys("test");
  const auto old = redis_->run({"HGET", keys.head(), "record"}).text;
  push_signed("two", build_, activate_);
  ASSERT_TRUE(node.until_version(version_of_text("two")));
  // The old record again, as the head of a Redis whose log is gone: signed, and behind what the node has seen.
  redis_->run({"DEL", keys.log()});
  redis_->run({"HSET", keys.head(), "epoch", "1", "gen", "1", "record", old});
  redis_->run({"PUBLISH", keys.notify(), "1-1"});
  EXPECT_TRUE(node.until_log("HEAD_REGRESSED"));
  EXPECT_EQ(node->status().version, version_of_text("two"));
  auto elsewhere = publisher::connect(redis_->endpoint(), "other", seconds(5)).value();
  elsewhere.sign_with(copy_of(build_), copy_of(activate_));
  const auto version = elsewhere.stage(bundle_of("three")).value();
  ASSERT_TRUE(connect().stage(bundle_of("three")));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(elsewhere.activate({.version = version, .actor = "", .note = ""}));
  const auto foreign = redis_->run({"HGET", ring_keys("other").head(), "record"}).text;
  redis_->run({"HSET", keys.head(), "epoch", "1", "gen", "3", "record", foreign});
  redis_->run({"PUBLISH", keys.notify(), "1-3"});
  EXPECT_TRUE(node.until_event("refused", "was made for ring 'other'"));
}

TEST_F(trusting, one_changed_byte_of_a_manifest_is_found) {
  auto to = signing(build_, activate_);
  const auto version = to.stage(bundle_of("one")).value();
  const ring_keys keys("test");
  const auto manifest = redis_->run({"HGET", keys.manifest(version), "manifest"}).text;
  auto client = redis_client::connect(redis_->endpoint(), seconds(5)).value();
  const auto whom = strict().trust;
  ASSERT_TRUE(fetch_manifest(client, keys, version, whom, now().wall));
  for (std::size_t i = 0; i < manifest.size(); ++i) {
    auto changed = manifest;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    redis_->run({"HSET", keys.manifest(version), "manifest", changed});
    EXPECT_FALSE(fetch_manifest(client, keys, version, whom, now().wall)) << "byte " << i << ": " << changed;
  }
}

TEST_F(trusting, a_signature_may_follow_a_version_that_was_staged_without) {
  auto to = connect();
  const auto version = to.stage(bundle_of("one")).value();
  watched_agent node(strict());
  node->start();
  auto signer = signing(build_, activate_);
  ASSERT_TRUE(signer.activate({.version = version, .actor = "", .note = ""}));
  EXPECT_TRUE(node.until_event("refused", "the manifest of version"));
  ASSERT_EQ(signer.stage(bundle_of("one")).value(), version);
  ASSERT_TRUE(signer.activate({.version = version, .actor = "", .note = ""}));
  EXPECT_TRUE(node.until_version(version));
  // Who knows whom nodes trust writes no head that none of them takes.
  auto stranger = signing(signing_key::generate(), activate_);
  const auto two = stranger.stage(bundle_of("two")).value();
  auto told = signing(build_, activate_);
  told.trust_only(strict().trust.keys);
  const auto refused = told.activate({.version = two, .actor = "", .note = ""});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::refused);
  EXPECT_NE(refused.error().message.find("nothing was changed"), std::string::npos) << refused.error().message;
  EXPECT_EQ(told.head()->version, version);
}

TEST(signatures, a_second_one_stands_beside_the_first_and_counts_once) {
  const auto build = signing_key::generate(), approve = signing_key::generate();
  const auto once = sign_text(build_purpose, R"({"a":1})", build);
  const auto twice = approve_text(once, there, approve).value();
  EXPECT_EQ(approve_text(twice, there, approve).value(), twice);
  EXPECT_FALSE(approve_text(R"({"a":1})", there, approve)) << "there is none beside which it could stand";
  const auto t = now().wall;
  const auto text = read_signed(twice).value();
  const auto approve_role = static_cast<unsigned>(key_role::approve);
  const trust both{.keys = {trusted("ci", build, build_role), trusted("lead", approve, approve_role)}, .required = true};
  EXPECT_TRUE(check_approval(both, text, t, "it"));
  EXPECT_TRUE(check_signatures(both, text, build_purpose, build_role, t, "it")) << "the first is as good as before";
  EXPECT_FALSE(check_approval(both, read_signed(once).value(), t, "it"));
  EXPECT_FALSE(check_approval({.keys = {trusted("ci", build, build_role), trusted("lead", approve, build_role)}, .required = true}, text, t, "it")) << "another role";
  // Who may do both is still one person.
  const auto alone = approve_text(once, there, build).value();
  EXPECT_FALSE(check_approval({.keys = {trusted("all", build, build_role | approve_role)}, .required = true}, read_signed(alone).value(), t, "it"));
}

// What somebody agreed to is one step, and no other that the same version may be part of.
TEST(signatures, an_approval_counts_where_it_was_given_and_says_where_that_is) {
  const auto ci = signing_key::generate(), lead = signing_key::generate();
  const auto t = now().wall;
  const trust whom{.keys = {trusted("ci", ci, build_role), trusted("lead", lead, static_cast<unsigned>(key_role::approve))}, .required = true};
  const auto once = approve_text(sign_text(build_purpose, "{}", ci), there, lead).value();
  const auto text = read_signed(once).value();
  EXPECT_EQ(text.signatures[1].place, there);
  EXPECT_TRUE(check_approval(whom, text, t, "it", {.place = there}));
  EXPECT_TRUE(check_approval(whom, text, t, "it")) << "who asks for no place takes any";
  for (const auto& other : {approval_place{.ring = "staging", .after = there.after}, {.ring = "test", .after = std::string(64, 'b')}, {.ring = "test", .after = ""}}) {
    const auto refused = check_approval(whom, text, t, "it", {.place = other});
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().message.contains("one has approved it to follow version aaaaaaaaaaaa in ring 'test'")) << refused.error().message;
    const auto told = second_signatures(whom, text, t, {.place = other});
    EXPECT_TRUE(!told[0].counts && told[0].doubt == "approves it to follow version aaaaaaaaaaaa in ring 'test'") << told[0].doubt;
    // Neither by what stands beside the signature.
    auto moved = text;
    moved.signatures[1].place = other;
    EXPECT_FALSE(check_approval(whom, moved, t, "it", {.place = other}));
    moved.signatures[1].place.reset();
    EXPECT_FALSE(check_approval(whom, moved, t, "it"));
    const auto both = read_signed(approve_text(once, other, lead).value()).value();
    EXPECT_EQ(both.signatures.size(), 3u);
    EXPECT_TRUE(check_approval(whom, both, t, "it", {.place = there}) && check_approval(whom, both, t, "it", {.place = other}));
  }
  EXPECT_FALSE(read_signed(approve_text(once, {.ring = "a\nb", .after = ""}, lead).value())) << "one that could be read in two ways";
}

// An older release named no place: it approved the comparison that the manifest is about.
TEST(signatures, an_approval_without_a_place_counts_for_what_its_manifest_was_held_against) {
  const auto ci = signing_key::generate(), lead = signing_key::generate();
  const trust whom{.keys = {trusted("ci", ci, build_role), trusted("lead", lead, static_cast<unsigned>(key_role::approve))}, .required = true};
  auto text = read_signed(sign_text(build_purpose, "{}", ci)).value();
  text.signatures.push_back({.key_id = crypto::key_id(lead.public_key()), .value = lead.sign("sluice approval v1\n{}")});
  const auto t = now().wall;
  EXPECT_TRUE(check_approval(whom, text, t, "it"));
  EXPECT_TRUE(check_approval(whom, text, t, "it", {.place = there, .placeless = true}));
  EXPECT_FALSE(check_approval(whom, text, t, "it", {.place = there, .placeless = false}));
}

TEST_F(trusting, a_gate_that_is_demanded_must_stand_in_the_manifest) {
  auto c = strict();
  c.trust.gate = true;
  watched_agent node(c);
  node->start();
  push_signed("one", build_, activate_);
  EXPECT_TRUE(node.until_event("refused", "names no gate report"));
  auto to = signing(build_, activate_);
  const auto with = [&](const std::string& verdict) {
    const auto version = to.stage(bundle_of("one"), {.gate_report = std::string(64, 'a'), .gate_verdict = verdict}).value();
    EXPECT_TRUE(to.activate({.version = version, .actor = "", .note = ""}));
    return version;
  };
  with("INSUFFICIENT");
  EXPECT_TRUE(node.until_event("refused", "did not pass its gate (INSUFFICIENT)"));
  EXPECT_TRUE(node.until_version(with("PASS")));
  EXPECT_EQ(connect().history(1).value().front().how.gate_report, std::string(64, 'a'));
}

TEST_F(trusting, what_was_refused_is_looked_at_again_when_trust_changes) {
  auto c = strict();
  c.trust.keys.erase(c.trust.keys.begin());  // nobody may build
  watched_agent node(c);
  node->start();
  push_signed("one", build_, activate_);
  EXPECT_TRUE(node.until_event("refused", "does not trust"));
  node->set_trust(strict().trust);
  EXPECT_TRUE(node.until_version(version_of_text("one")));
}

class keeping : public ring_agent {};

TEST_F(keeping, a_freeze_lets_harm_be_taken_away_and_nothing_else) {
  const auto one = push("one");
  push("two");
  auto to = connect();
  ASSERT_TRUE(to.freeze("the audit is here", "ops"));
  EXPECT_EQ(to.frozen().value(), "the audit is here (ops)");
  const auto version = to.stage(bundle_of("three")).value();
  const auto refused = to.activate({.version = version, .actor = "", .note = ""});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("the audit is here"), std::string::npos);
  EXPECT_TRUE(to.activate({.version = one.version, .kind = "rollback", .actor = "", .note = ""}));
  ASSERT_TRUE(to.thaw("ops"));
  EXPECT_EQ(to.thaw("ops").error().code, errc::not_found);
  EXPECT_TRUE(to.activate({.version = version, .actor = "", .note = ""}));
}

TEST_F(keeping, a_revoked_version_is_neither_activated_nor_kept) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  const auto two = push("two");
  ASSERT_TRUE(node.until_version(two.version));
  auto to = connect();
  EXPECT_EQ(to.revoke(two.version, "ops").error().code, errc::conflict) << "it is live";
  EXPECT_EQ(to.revoke(std::string(64, 'a'), "ops").error().code, errc::not_found);
  ASSERT_TRUE(to.revoke(one.version, "ops"));
  EXPECT_EQ(to.revoked().value(), std::vector{one.version});
  EXPECT_FALSE(to.activate({.version = one.version, .kind = "rollback", .actor = "", .note = ""}));
  node.stop();
  watched_agent again(config());
  again->start();
  ASSERT_TRUE(again.until_version(two.version));
  EXPECT_EQ(again->status().stored_versions, std::vector{two.version}) << "what is revoked is no version to fall back to";
  ASSERT_TRUE(to.unrevoke(one.version, "lead"));
  EXPECT_TRUE(to.activate({.version = one.version, .kind = "rollback", .actor = "", .note = ""}));
  EXPECT_TRUE(again.until_version(one.version));
}

TEST_F(keeping, who_forbade_what_and_who_allowed_it_again_is_on_record) {
  const auto one = push("one");
  push("two");
  auto to = connect();
  ASSERT_TRUE(to.stops(0)->empty());
  ASSERT_TRUE(to.freeze("the audit is here", "ops"));
  ASSERT_TRUE(to.thaw("lead"));
  EXPECT_FALSE(to.thaw("lead"));
  ASSERT_TRUE(to.revoke(one.version, "ops"));
  ASSERT_TRUE(to.revoke(one.version, "somebody else")) << "it is, and that is no news";
  ASSERT_TRUE(to.unrevoke(one.version, "lead"));
  const auto all = to.stops(0).value();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(std::tuple(all[3].kind, all[3].note, all[3].actor), std::tuple("freeze", "the audit is here", "ops"));
  EXPECT_EQ(std::tuple(all[2].kind, all[2].actor), std::tuple("thaw", "lead"));
  EXPECT_EQ(std::tuple(all[1].kind, all[1].version, all[1].actor), std::tuple("revoke", one.version, "ops"));
  EXPECT_EQ(std::tuple(all[0].kind, all[0].version, all[0].actor), std::tuple("unrevoke", one.version, "lead"));
  EXPECT_EQ(to.stops(1)->size(), 1u);
}

TEST_F(keeping, a_canary_stands_beside_what_is_live_until_it_is_ended) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto two = to.stage(bundle_of("two")).value();
  const canary_version share{.version = two, .basis_points = 500, .salt = "s"};
  const auto begun = to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "", .canary = share, .only_after = one.activation}).value();
  EXPECT_EQ(begun.canary, share);
  EXPECT_EQ(answer(begun.activation).state, "ACK");
  ASSERT_TRUE(node.until([&](const policy::active_policy& p) { return p.canary && p.canary->policy->snapshot->version() == two; }));
  const auto active = node.active();
  EXPECT_EQ(active.snapshot->version(), one.version);
  EXPECT_EQ(active.canary->basis_points, 500u);
  EXPECT_TRUE(active.canary->policy->is_canary);
  EXPECT_EQ(node->status().canary, share);
  EXPECT_EQ(to.revoke(two, "ops").error().code, errc::conflict) << "a canary is live, too";
  EXPECT_EQ(node.applied(), 2u) << "what is in force is not built again beside its canary";
  // A restart has it again, once Redis has answered.
  node.stop();
  watched_agent again(config());
  again->start();
  ASSERT_TRUE(again.until([&](const policy::active_policy& p) { return p.canary.has_value(); }));
  const auto before = again.applied();
  EXPECT_EQ(to.activate({.version = two, .kind = "promote", .actor = "", .note = "", .only_after = one.activation}).error().code, errc::conflict);
  ASSERT_TRUE(to.activate({.version = two, .kind = "promote", .actor = "", .note = "", .only_after = begun.activation}));
  ASSERT_TRUE(again.until([&](const policy::active_policy& p) { return !p.canary && p.snapshot->version() == two; }));
  EXPECT_EQ(again.applied(), before) << "nor is the canary, when it is promoted";
}

TEST_F(keeping, what_a_node_demotes_itself_survives_a_restart_and_ends_with_a_rearm_or_another_version) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  node->demote({{.version = one.version, .rule = "r-1", .why = "blocked too much"}, {.version = std::string(64, 'a'), .rule = "r-2", .why = "of nobody's version"}});
  ASSERT_TRUE(node.until_event("demoted", "rule r-1: blocked too much"));
  ASSERT_EQ(node->status().demotions.size(), 1u);
  EXPECT_TRUE(node->status().demotions[0].here);
  node.stop();
  watched_agent again(config());
  again->start();
  ASSERT_TRUE(again.until_version(one.version));
  EXPECT_EQ(again->status().demotions.size(), 1u) << "a restart arms nothing again";
  auto to = connect();
  const auto same = to.activate({.version = one.version, .kind = "activate", .actor = "", .note = ""}).value();
  EXPECT_EQ(answer(same.activation).state, "ACK");
  EXPECT_EQ(again->status().demotions.size(), 1u) << "nor does the same version, activated once more";
  const auto armed = to.activate({.version = one.version, .kind = "rearm", .actor = "", .note = "", .rearm = true}).value();
  EXPECT_EQ(answer(armed.activation).state, "ACK");
  EXPECT_TRUE(again->status().demotions.empty());
  again->demote({{.version = one.version, .rule = "r-1", .why = ""}});
  ASSERT_TRUE(again.until_event("demoted", "rule r-1"));
  const auto two = push("two");
  ASSERT_TRUE(again.until_version(two.version));
  EXPECT_TRUE(again->status().demotions.empty()) << "it belonged to the version";
}

TEST_F(keeping, an_activation_demotes_for_everybody_and_passes_on_what_it_does_not_name) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const std::vector<rule_demotion> wild{{.version = one.version, .rule = "wild", .why = "a person"}};
  const auto done = to.activate({.version = one.version, .kind = "demote", .actor = "", .note = "", .demoted = wild}).value();
  EXPECT_EQ(answer(done.activation).state, "ACK");
  EXPECT_EQ(to.head().value().demoted, wild);
  ASSERT_EQ(node->status().demotions.size(), 1u);
  EXPECT_FALSE(node->status().demotions[0].here);
  const auto two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = one.version, .kind = "shadow", .actor = "", .note = "", .shadow = two}));
  ASSERT_TRUE(node.until([&](const policy::active_policy& p) { return p.shadow && p.shadow->version() == two; }));
  EXPECT_EQ(to.head().value().demoted, wild) << "what another activation does not speak of stays";
  EXPECT_EQ(node->status().shadow, two);
  ASSERT_TRUE(to.activate({.version = two, .kind = "promote", .actor = "", .note = ""}));
  ASSERT_TRUE(node.until([&](const policy::active_policy& p) { return !p.shadow && p.snapshot->version() == two; }));
  EXPECT_TRUE(to.head().value().demoted.empty());
}

TEST_F(keeping, one_controller_at_a_time_leads) {
  auto first = connect(), second = connect();
  EXPECT_TRUE(first.lead("a", milliseconds(60'000)).value());
  EXPECT_FALSE(second.lead("b", milliseconds(60'000)).value());
  EXPECT_TRUE(first.lead("a", milliseconds(1)).value());
  bool took_over = false;
  for (int i = 0; i < 10'000 && !took_over; ++i) took_over = second.lead("b", milliseconds(60'000)).value();
  EXPECT_TRUE(took_over) << "once the other's time is up";
  EXPECT_FALSE(first.lead("a", milliseconds(60'000)).value());
}

TEST_F(keeping, a_canary_that_does_not_build_leaves_what_is_live_alone) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto bad = to.stage(bundle_of("REFUSE")).value();
  const auto begun = to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "", .canary = canary_version{bad, 500, "s"}}).value();
  EXPECT_EQ(answer(begun.activation).state, "NACK");
  EXPECT_EQ(node->status().version, one.version);
  EXPECT_EQ(node->status().activation, begun.activation);
  EXPECT_FALSE(node.active().canary);
}

}  // namespace
}  // namespace sluice::store
