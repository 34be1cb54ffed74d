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
  out.activation = "1-3";
  out.alive = true;
  out.arms = arms_json(report);
  out.demoted = std::move(demoted);
  return out;
}

// A watch that has looked for long enough, of a ring in which only "guarded" says never_demote.
class watching {
 public:
  [[nodiscard]] std::optional<store::activate_request> look(const store::head_record& head, const std::vector<store::node_status>& nodes) {
    if (settled) (void)watch.look(head, {}, at - fleet_watch::settles);
    return watch.look(head, nodes, at);
  }
  fleet_watch watch{{}, [](const std::string&, const std::string& rule) { return rule != "guarded"; }};
  mono_time at{seconds(5000)};
  bool settled = true;
};

TEST(fleet_watch, a_canary_that_is_worse_is_aborted_to_what_is_live) {
  watching watch;
  const auto head = head_with_canary();
  const auto says = [&](std::uint64_t users, std::uint64_t blocked) { return arms_report{.activation = head.activation, .arms = {counts(live, 900, 9), counts(trial, users, blocked)}}; };
  EXPECT_FALSE(watch.look(head, {node("a", says(100, 1)), node("b", says(100, 1))}));
  const auto abort = watch.look(head, {node("a", says(100, 40)), node("b", says(100, 40))});
  ASSERT_TRUE(abort);
  EXPECT_EQ(abort->kind, "abort");
  EXPECT_EQ(abort->version, live);
  EXPECT_FALSE(abort->canary);
  EXPECT_EQ(abort->only_after, head.activation);
  EXPECT_NE(abort->note.find("it blocks more: 40 % of the exchanges of each of 100 users, of what is live 1 % of 900"), std::string::npos) << abort->note;
}

// Eight accounts, seven of them hostile, that go round all gateways: they are eight users, and no evidence, with three gateways as with one.
TEST(fleet_watch, a_user_counts_once_however_many_gateways_he_went_through) {
  const auto head = head_with_canary();
  const arms_report eight{.activation = head.activation, .arms = {counts(live, 64, 0), counts(trial, 8, 7)}};
  std::vector<store::node_status> nodes;
  for (int n = 0; n < 12; ++n) {
    nodes.push_back(node("n" + std::to_string(n), eight));
    EXPECT_FALSE(watching().look(head, nodes)) << nodes.size() << " gateways";
  }
  // As many as it takes at one gateway take no fewer at three, and no more where the others saw only some of them.
  const arms_report enough{.activation = head.activation, .arms = {counts(live, 180, 0), counts(trial, 20, 17)}};
  EXPECT_TRUE(watching().look(head, {node("a", enough)}));
  EXPECT_TRUE(watching().look(head, {node("a", enough), node("b", enough), node("c", enough)}));
  EXPECT_TRUE(watching().look(head, {node("a", enough), node("b", eight)}));
}

// Also of the same version, when it is pushed again or grows: what was counted under another activation is no evidence.
TEST(fleet_watch, what_was_counted_under_another_activation_does_not_count) {
  watching watch;
  auto head = head_with_canary();
  const arms_report bad{.activation = head.activation, .arms = {counts(live, 900, 9), counts(trial, 200, 80)}};
  ASSERT_TRUE(watch.look(head, {node("a", bad)}));
  ++head.activation.generation;
  EXPECT_FALSE(watch.look(head, {node("a", bad)}));
}

TEST(fleet_watch, a_heartbeat_that_cannot_be_counts_nothing) {
  watching watch;
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

store::head_record head_alone() {
  store::head_record out;
  out.activation = {1, 3};
  out.version = live;
  return out;
}

std::vector<store::rule_demotion> demotes(const std::vector<std::string>& rules, const std::string& version = live) {
  std::vector<store::rule_demotion> out;
  for (const auto& rule : rules) out.push_back({.version = version, .rule = rule, .why = "blocked 40 %"});
  return out;
}

TEST(fleet_watch, what_half_of_the_nodes_demoted_is_demoted_everywhere) {
  auto head = head_alone();
  EXPECT_FALSE(watching().look(head, {node("a", {}, demotes({"wild"})), node("b"), node("c")})) << "one of three";
  EXPECT_FALSE(watching().look(head, {node("a", {}, demotes({"wild"}, trial)), node("b", {}, demotes({"wild"}, trial))})) << "of a version that does not decide any more";
  const auto demote = watching().look(head, {node("a", {}, demotes({"wild"})), node("b", {}, demotes({"wild"})), node("c")});
  ASSERT_TRUE(demote);
  EXPECT_EQ(demote->kind, "demote");
  EXPECT_EQ(demote->version, live);
  ASSERT_EQ(demote->demoted->size(), 1u);
  EXPECT_EQ(demote->demoted->front().rule, "wild");
  head.demoted = *demote->demoted;
  EXPECT_FALSE(watching().look(head, {node("a", {}, demotes({"wild"})), node("b", {}, demotes({"wild"}))})) << "it is known";
}

// Heartbeats of before the rearming say what it took back.
TEST(fleet_watch, what_a_person_has_armed_again_is_not_demoted_by_nodes_that_do_not_know_of_it_yet) {
  auto head = head_alone();
  auto a = node("a", {}, demotes({"wild"})), b = node("b", {}, demotes({"wild"}));
  ASSERT_TRUE(watching().look(head, {a, b}));
  ++head.activation.generation;
  EXPECT_FALSE(watching().look(head, {a, b}));
  a.activation = policy::to_string(head.activation);
  b.demoted.clear();
  EXPECT_TRUE(watching().look(head, {a, b})) << "a finds it wild again, and half of the ring is enough";
  a.demoted.clear();
  b = node("b", {}, demotes({"wild"}));
  EXPECT_FALSE(watching().look(head, {a, b}));
}

TEST(fleet_watch, a_rule_that_says_never_demote_stays_whatever_heartbeats_say) {
  const auto demote = watching().look(head_alone(), {node("a", {}, demotes({"guarded", "wild"})), node("b", {}, demotes({"guarded", "wild"}))});
  ASSERT_TRUE(demote);
  ASSERT_EQ(demote->demoted->size(), 1u);
  EXPECT_EQ(demote->demoted->front().rule, "wild");
  EXPECT_FALSE(watching().look(head_alone(), {node("a", {}, demotes({"guarded"}))}));
}

TEST(fleet_watch, a_node_has_one_voice_for_each_rule) {
  EXPECT_FALSE(watching().look(head_alone(), {node("a", {}, demotes({"wild", "wild", "wild"})), node("b"), node("c"), node("d")}));
}

TEST(fleet_watch, a_node_that_fell_silent_counts_until_it_is_surely_gone) {
  watching w;
  (void)w.look(head_alone(), {node("a"), node("b"), node("c"), node("d")});
  w.at += seconds(60);
  // Redis came back empty, say: the first that reports is not half of the ring.
  EXPECT_FALSE(w.look(head_alone(), {node("a", {}, demotes({"wild"}))}));
  w.at += fleet_watch::counted_for + seconds(1);
  EXPECT_TRUE(w.look(head_alone(), {node("a", {}, demotes({"wild"}))}));
}

TEST(fleet_watch, what_a_heartbeat_says_is_read_within_bounds) {
  watching w;
  const auto head = head_with_canary();
  auto deep = node("a");
  const std::string open(100'000, '['), close(100'000, ']');
  deep.arms = R"({"activation":"1-7","arms":)" + open + close + "}";
  EXPECT_FALSE(w.look(head, {deep}));
  deep.arms = R"({"activation":"1-7","arms":[{"version":")" + trial + R"(","users":)" + open + close + "}]}";
  EXPECT_FALSE(w.look(head, {deep}));
  for (const char* arms : {R"("text")", "7", R"([7,"x",null])", R"([{"version":7,"users":-1}])"}) {
    deep.arms = R"({"activation":"1-7","arms":)" + std::string(arms) + "}";
    EXPECT_FALSE(w.look(head, {deep})) << arms;
  }
  const std::string endless(1'000'000, 'w');
  const auto said = w.look(head_alone(), {node(endless, {}, {{.version = live, .rule = "wild", .why = endless}})});
  ASSERT_TRUE(said && said->demoted);
  EXPECT_LT(said->demoted->back().why.size(), 500U) << "it goes into a record that is carried on";
}

TEST(fleet_watch, a_watch_that_begins_waits_until_every_node_has_reported) {
  watching w;
  w.settled = false;
  EXPECT_FALSE(w.look(head_alone(), {node("a", {}, demotes({"wild"}))}));
  w.at += fleet_watch::settles;
  EXPECT_TRUE(w.look(head_alone(), {node("a", {}, demotes({"wild"}))}));
}

}  // namespace
}  // namespace sluice::rollout
