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

// So many users, of whom so many are blocked always and the others never.
arm_counts counts(const std::string& version, std::uint64_t users, std::uint64_t blocked) {
  arm_counts out{.version = version, .users = users, .blocked = {static_cast<double>(blocked), static_cast<double>(blocked)}, .failed = {}};
  for (std::size_t i = 0; i < 5; ++i) out.slower[i] = {static_cast<double>(users), static_cast<double>(users)};
  return out;
}

store::node_status node(const std::string& id, const arms_report& report = {}, std::vector<store::rule_demotion> demoted = {}) {
  store::node_status out;
  out.id = id;
  out.alive = true;
  out.arms = arms_json(report);
  out.demoted = std::move(demoted);
  return out;
}

TEST(fleet_watch, a_canary_that_is_worse_is_aborted_to_what_is_live) {
  fleet_watch watch({});
  const auto head = head_with_canary();
  const auto says = [&](std::uint64_t users, std::uint64_t blocked) { return arms_report{.activation = head.activation, .arms = {counts(live, 900, 9), counts(trial, users, blocked)}}; };
  EXPECT_FALSE(watch.look(head, {node("a", says(100, 1)), node("b", says(100, 1))}));
  const auto abort = watch.look(head, {node("a", says(100, 40)), node("b", says(100, 40))});
  ASSERT_TRUE(abort);
  EXPECT_EQ(abort->kind, "abort");
  EXPECT_EQ(abort->version, live);
  EXPECT_FALSE(abort->canary);
  EXPECT_EQ(abort->only_after, head.activation);
  EXPECT_NE(abort->note.find("it blocks more: 40 % of the exchanges of each of 200 users, of what is live 1 % of 1800"), std::string::npos) << abort->note;
}

// Also of the same version, when it is pushed again or grows: what was counted under another activation is no evidence.
TEST(fleet_watch, what_was_counted_under_another_activation_does_not_count) {
  fleet_watch watch({});
  auto head = head_with_canary();
  const arms_report bad{.activation = head.activation, .arms = {counts(live, 900, 9), counts(trial, 200, 80)}};
  ASSERT_TRUE(watch.look(head, {node("a", bad)}));
  ++head.activation.generation;
  EXPECT_FALSE(watch.look(head, {node("a", bad)}));
}

TEST(fleet_watch, a_heartbeat_that_cannot_be_counts_nothing) {
  fleet_watch watch({});
  const auto head = head_with_canary();
  const auto says = [&](const arm_counts& of) { return arms_report{.activation = head.activation, .arms = {counts(live, 900, 9), of}}; };
  EXPECT_TRUE(watch.look(head, {node("a", says(counts(trial, 200, 80)))}));
  EXPECT_FALSE(watch.look(head, {node("a", says(counts(trial, 1'000'000, 900'000)))})) << "more users than a node follows";
  EXPECT_FALSE(watch.look(head, {node("a", says(counts(trial, 200, 201)))})) << "more blocked than there are";
  auto twice = says(counts(trial, 10, 10));
  for (int n = 0; n < 20; ++n) twice.arms.push_back(counts(trial, 10, 10));
  EXPECT_FALSE(watch.look(head, {node("a", twice)})) << "a version stands once in a heartbeat";
  auto odd = node("a");
  for (const char* text : {"", "[]", "{}", R"({"activation":"1-7","arms":[1,{"version":5,"users":-1}]})", R"({"activation":"1-7","arms":{"x":[]}})"}) {
    odd.arms = text;
    EXPECT_FALSE(watch.look(head, {odd})) << text;
  }
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
