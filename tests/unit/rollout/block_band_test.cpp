// What a rule may block: the arithmetic of docs/rollout.md, "Breaker", against figures worked out by hand.
#include "sluice/rollout/block_band.hpp"

#include <gtest/gtest.h>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sluice/rollout/gate.hpp"
#include "sluice/rollout/shadow_tally.hpp"

namespace sluice::rollout {
namespace {

store::shown_blocks shown(double blocked, std::size_t of) { return {.all = {.blocked = blocked, .of = of}, .rules = {{"r", {.blocked = blocked, .of = of}}}}; }
block_band banded(const store::shown_blocks& gate, const store::shown_blocks& shadow, std::optional<double> stated = {}) { return band_of("r", stated, {}, {.gate = gate, .shadow = shadow}); }

TEST(block_band, without_evidence_the_bundles_limit_holds_and_a_persons_word_before_it) {
  EXPECT_DOUBLE_EQ(banded({}, {}).limit, 0.1);
  EXPECT_EQ(banded({}, {}).from, band_source::bundle);
  EXPECT_DOUBLE_EQ(banded(shown(0, 9000), shown(1, 4000), 0.25).limit, 0.25);
  EXPECT_EQ(told(banded({}, {})), "10 % (the bundle's)");
  EXPECT_EQ(told(banded({}, {}, 0.25)), "25 % (its max_block_rate)");
}

TEST(block_band, what_was_quiet_in_shadow_is_held_to_two_percent) {
  const auto band = banded({}, shown(4, 4000));  // 0.1 %, at most 0.229 %
  EXPECT_DOUBLE_EQ(band.limit, 0.02);
  EXPECT_EQ(told(band), "2 % (in shadow it blocked 4 of 4000 users, at most 0.229 %)");
}

TEST(block_band, what_blocked_more_in_shadow_is_granted_three_times_the_upper_bound) {
  const auto band = banded({}, shown(20, 1500));  // at most 1.93 %
  EXPECT_NEAR(band.limit, 3 * 0.0193, 0.0001);
  EXPECT_FALSE(band.capped);
}

TEST(block_band, what_blocked_8_percent_stays_and_what_blocked_40_is_granted_no_more) {
  for (const double blocked : {80.0, 400.0}) {
    const auto band = banded({}, shown(blocked, 1000));
    EXPECT_DOUBLE_EQ(band.limit, 0.1);
    EXPECT_TRUE(band.capped);
    EXPECT_EQ(band.from, band_source::shadow);
  }
  EXPECT_TRUE(told(banded({}, shown(400, 1000))).starts_with("10 % (the bundle's; in shadow it blocked 400 of 1000 users"));
}

TEST(block_band, few_users_show_little_so_that_the_bundles_limit_stays) { EXPECT_DOUBLE_EQ(banded({}, shown(0, 50)).limit, 0.1); }

TEST(block_band, golden_cases_alone_grant_five_percent_and_live_traffic_counts_before_them) {
  EXPECT_DOUBLE_EQ(banded(shown(0, 3000), {}).limit, 0.05);
  EXPECT_EQ(told(banded(shown(0, 3000), {})), "5 % (at the gate it blocked 0 of 3000 benign cases, at most 0.0998 %)");
  EXPECT_EQ(banded(shown(0, 3000), shown(60, 1000)).from, band_source::shadow);
  EXPECT_DOUBLE_EQ(banded(shown(0, 40), {}).limit, 0.1) << "40 cases without a hit bound it by 7 %";
}

TEST(block_band, a_stricter_bundle_is_never_loosened) { EXPECT_DOUBLE_EQ(band_of("r", {}, {.rule = 0.01}, {.gate = shown(0, 3000), .shadow = shown(4, 4000)}).limit, 0.01); }

TEST(block_band, the_versions_band_is_never_below_what_one_rule_may) {
  const store::block_evidence quiet{.gate = {}, .shadow = shown(4, 4000)};
  EXPECT_DOUBLE_EQ(band_of_version({}, quiet, 0.1).limit, 0.1);
  EXPECT_DOUBLE_EQ(band_of_version({}, quiet, 0.25).limit, 0.25);
  EXPECT_DOUBLE_EQ(band_of_version({}, {}, 0.1).limit, 0.3);
  EXPECT_DOUBLE_EQ(band_of_version({}, {}, 0.5).limit, 0.5) << "somebody granted so much to one rule";
  EXPECT_DOUBLE_EQ(band_of_version({}, {.gate = {}, .shadow = shown(500, 1000)}, 0.1).limit, 0.3);
}

std::string rule(const std::string& id, const std::string& direction, const std::string& word, const std::string& more = "") {
  return "  - id: " + id + "\n    direction: " + direction + "\n    match: {keywords: [" + word + "]}\n    action: {type: block, message: No.}\n" + more + "    tests: [{name: a, " + direction + ": so " + word + " it is, expect: {rules: [" + id +
         "]}}, {name: b, " + direction + ": nothing, expect: {rules: []}}]\n";
}

policy::build_report made(const std::string& rules, const std::string& modules = "{use: p, bind: {scope: global}}", const std::string& other = "") {
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: [" + modules + "]\n"));
  source.files.push_back(policy::make_source_file("p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rules));
  if (!other.empty()) source.files.push_back(policy::make_source_file("q.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: q, owner: o}\nrules:\n" + other));
  static const auto backend = match::in_process_backend();
  static policy::shard_cache cache{""};
  auto report = policy::build(source, parse_time("2026-11-23").value(), *backend, cache);
  EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
  return report;
}

TEST(block_band, a_promotion_is_over_it_where_shadow_shows_so_and_nobody_says_otherwise) {
  const auto wild = rule("r", "request", "tax");
  const store::block_evidence seen{.gate = {}, .shadow = shown(40, 100)};
  const auto over = over_band_in_shadow(made(wild).bundle, seen);
  ASSERT_EQ(over.size(), 1u);
  EXPECT_EQ(over[0].rule, "r");
  EXPECT_TRUE(over_band_in_shadow(made(wild).bundle, {.gate = {}, .shadow = shown(8, 100)}).empty());
  EXPECT_TRUE(over_band_in_shadow(made(wild).bundle, {.gate = {}, .shadow = shown(2, 4)}).empty()) << "two of four users are chance";
  for (const char* word : {"    max_block_rate: 0.5\n", "    never_demote: true\n"}) EXPECT_TRUE(over_band_in_shadow(made(rule("r", "request", "tax", word)).bundle, seen).empty()) << word;
}

TEST(block_band, only_what_blocks_can_have_been_demoted_by_nodes) {
  const auto may = [](const std::string& more) { return may_demote(made(rule("r", "request", "tax", more)).bundle, "r"); };
  EXPECT_TRUE(may({}));
  EXPECT_FALSE(may("    never_demote: true\n"));
  const auto build = made("  - {id: t, direction: request, match: {keywords: [levy]}, action: {type: tag, tags: [taxes]}, score: 1, tests: [{name: a, request: levy, expect: {rules: [t]}}]}\n" + rule("r", "request", "tax"));
  EXPECT_FALSE(may_demote(build.bundle, "t")) << "no breaker demotes what only sets a tag";
  EXPECT_TRUE(may_demote(build.bundle, "r"));
  EXPECT_FALSE(may_demote(build.bundle, "nothing"));
}

TEST(benign_blocks, counts_a_rule_only_where_a_case_could_meet_it) {
  const auto build = made(rule("asked", "request", "tax"), "{use: p, bind: {scope: global}}, {use: q, bind: {tenant: [acme]}}", rule("acmes", "request", "roof") + rule("answered", "response", "loan"));
  std::vector<policy::golden_case> cases;
  const auto add = [&](const std::string& text, const std::string& tenant, bool response) {
    policy::golden_case one;
    one.id = "c" + std::to_string(cases.size());
    one.set = "benign";
    one.who.tenant = tenant;
    if (response) one.response = text;
    else one.request.push_back({.who = policy::role::user, .content = text, .part = policy::part_kind::text});
    cases.push_back(std::move(one));
  };
  for (int i = 0; i < 4; ++i) add("hello", "", false);
  add("my tax", "", false);
  add("my roof", "acme", false);
  add("a loan", "acme", true);
  add("hello", "acme", true);
  const auto results = policy::run_golden(cases, build.snapshot);
  const auto seen = benign_blocks(cases, results, build.bundle, *build.snapshot);
  const auto is = [&](const char* id, double blocked, std::size_t of) {
    EXPECT_DOUBLE_EQ(seen.of(id).blocked, blocked) << id;
    EXPECT_EQ(seen.of(id).of, of) << id;
  };
  EXPECT_EQ(seen.all.of, 8u);
  EXPECT_DOUBLE_EQ(seen.all.blocked, 3);
  is("asked", 1, 6);
  is("acmes", 1, 1);
  is("answered", 1, 2);
}

TEST(shadow_tally, weighs_each_user_once_and_only_whom_a_rule_concerns) {
  const auto build = made(rule("wide", "request", "tax"), "{use: p, bind: {scope: global}}, {use: q, bind: {tenant: [acme]}}", rule("acmes", "request", "roof"));
  shadow_tally tally(*build.snapshot);
  std::uint32_t wide = 0, acmes = 0;
  for (std::uint32_t i = 0; i < build.snapshot->rules().size(); ++i) (build.snapshot->rules()[i].id == "wide" ? wide : acmes) = i;
  const auto ask = [&](std::uint64_t user, const std::string& tenant, std::vector<std::uint32_t> by) {
    policy::context who;
    who.tenant = tenant;
    const bool blocked = !by.empty();
    tally.see({.user = user, .tenant = 1, .context = tenant.size(), .blocked_by = std::move(by), .blocked = blocked}, build.snapshot->rules_for(who));
  };
  for (std::uint64_t user = 0; user < 8; ++user) ask(user, "", {});
  for (int i = 0; i < 100; ++i) ask(7, "", {wide});  // one who sends it over and over
  for (std::uint64_t user = 10; user < 12; ++user) ask(user, "acme", {});
  ask(10, "acme", {acmes});
  const auto seen = tally.shown();
  EXPECT_EQ(seen.all.of, 10u);
  EXPECT_EQ(seen.of("wide").of, 10u);
  EXPECT_NEAR(seen.of("wide").blocked, 100.0 / 101, 1e-9);
  EXPECT_EQ(seen.of("acmes").of, 2u);
  EXPECT_DOUBLE_EQ(seen.of("acmes").blocked, 0.5);
}

TEST(shadow_tally, counts_a_user_of_two_contexts_once) {
  const auto build = made(rule("wide", "request", "tax"), "{use: p, bind: {scope: global}}, {use: q, bind: {tier: [gold]}}", rule("golds", "request", "roof"));
  shadow_tally tally(*build.snapshot);
  std::uint32_t wide = 0, golds = 0;
  for (std::uint32_t i = 0; i < build.snapshot->rules().size(); ++i) (build.snapshot->rules()[i].id == "wide" ? wide : golds) = i;
  const auto ask = [&](std::uint64_t user, const std::string& tier, std::vector<std::uint32_t> by) {
    policy::context who;
    who.tier = tier;
    const bool blocked = !by.empty();
    tally.see({.user = user, .tenant = 1, .context = tier.size(), .blocked_by = std::move(by), .blocked = blocked}, build.snapshot->rules_for(who));
  };
  for (std::uint64_t user = 0; user < 3; ++user) ask(user, "", {});
  for (int i = 0; i < 3; ++i) ask(3, "", {});
  ask(3, "gold", {wide});
  ask(4, "", {wide});
  ask(4, "gold", {golds});
  const auto seen = tally.shown();
  EXPECT_EQ(seen.all.of, 5u);
  EXPECT_DOUBLE_EQ(seen.all.blocked, 0.25 + 1.0);
  EXPECT_EQ(seen.of("wide").of, 5u);
  EXPECT_DOUBLE_EQ(seen.of("wide").blocked, 0.25 + 0.5);
  EXPECT_EQ(seen.of("golds").of, 2u);
  EXPECT_DOUBLE_EQ(seen.of("golds").blocked, 1.0) << "of what it could meet";
}

}  // namespace
}  // namespace sluice::rollout
