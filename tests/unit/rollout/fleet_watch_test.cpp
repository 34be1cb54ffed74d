// What a controller makes of heartbeats.
#include "sluice/rollout/fleet_watch.hpp"

#include <gtest/gtest.h>

namespace sluice::rollout {
namespace {

const std::string live(64, 'a'), trial(64, 'b');

store::head_record head_with_canary() {
  store::head_record out;
  out.activation = {1, 7};
  out.version = live;
  out.canary = store::canary_version{.version = trial, .basis_points = 500, .salt = "s", .nodes = {}};
  return out;
}

arm_counts counts(const std::string& version, std::uint64_t exchanges, std::uint64_t blocked) {
  arm_counts out{.version = version, .exchanges = exchanges, .blocked = blocked, .failed = 0, .added = {}};
  out.added[5] = exchanges;
  return out;
}

store::node_status node(const std::string& id, const std::vector<arm_counts>& arms, std::vector<store::rule_demotion> demoted = {}) {
  store::node_status out;
  out.id = id;
  out.alive = true;
  out.arms = arms_json(arms);
  out.demoted = std::move(demoted);
  return out;
}

TEST(fleet_watch, a_canary_is_compared_from_its_begin_and_aborted_to_what_is_live) {
  fleet_watch watch({});
  const auto head = head_with_canary();
  // What is live had a bad time once, before the canary.
  EXPECT_FALSE(watch.look(head, {node("n", {counts(live, 100'000, 50'000), counts(trial, 0, 0)})}));
  EXPECT_FALSE(watch.look(head, {node("n", {counts(live, 105'000, 50'050), counts(trial, 300, 3)})}));
  const auto abort = watch.look(head, {node("n", {counts(live, 110'000, 50'100), counts(trial, 1000, 300)})});
  ASSERT_TRUE(abort);
  EXPECT_EQ(abort->kind, "abort");
  EXPECT_EQ(abort->version, live);
  EXPECT_FALSE(abort->canary);
  EXPECT_EQ(abort->only_after, head.activation);
  EXPECT_NE(abort->note.find("it blocks more"), std::string::npos) << abort->note;
  EXPECT_EQ(watch.live().exchanges, 10'000u);
}

TEST(fleet_watch, a_node_that_restarts_takes_nothing_away_and_adds_nothing_twice) {
  fleet_watch watch({});
  const auto head = head_with_canary();
  (void)watch.look(head, {node("n", {counts(live, 1000, 0), counts(trial, 0, 0)})});
  (void)watch.look(head, {node("n", {counts(live, 2000, 0), counts(trial, 100, 0)})});
  (void)watch.look(head, {node("n", {counts(live, 10, 0), counts(trial, 1, 0)})});
  (void)watch.look(head, {node("n", {counts(live, 110, 0), counts(trial, 11, 0)})});
  EXPECT_EQ(watch.live().exchanges, 1100u);
  EXPECT_EQ(watch.canary().exchanges, 110u);
}

TEST(fleet_watch, what_half_of_the_nodes_demoted_is_demoted_everywhere) {
  fleet_watch watch({});
  store::head_record head;
  head.activation = {1, 3};
  head.version = live;
  const std::vector<store::rule_demotion> wild{{.version = live, .rule = "wild", .why = "blocked 40 %"}}, old{{.version = trial, .rule = "wild", .why = ""}};
  EXPECT_FALSE(watch.look(head, {node("a", {}, wild), node("b", {}), node("c", {})})) << "one of three";
  EXPECT_FALSE(watch.look(head, {node("a", {}, old), node("b", {}, old)})) << "of a version that does not decide any more";
  const auto demote = watch.look(head, {node("a", {}, wild), node("b", {}, wild), node("c", {})});
  ASSERT_TRUE(demote);
  EXPECT_EQ(demote->kind, "demote");
  EXPECT_EQ(demote->version, live);
  ASSERT_EQ(demote->demoted->size(), 1u);
  EXPECT_EQ(demote->demoted->front().rule, "wild");
  head.demoted = *demote->demoted;
  EXPECT_FALSE(watch.look(head, {node("a", {}, wild), node("b", {}, wild)})) << "it is known";
}

}  // namespace
}  // namespace sluice::rollout
