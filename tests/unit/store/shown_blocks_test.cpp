// What a version blocked before it was live: as text, added up, and on its way from the gate and from nodes to every node's breaker.
#include "ring_fixture.hpp"
#include "sluice/store/shown_blocks.hpp"

namespace sluice::store {
namespace {

using namespace testing;

const shown_blocks some{.all = {.blocked = 3.5, .of = 812}, .rules = {{"fin-003", {.blocked = 3.5, .of = 812}}, {"acmes", {.blocked = 0, .of = 12}}}};

TEST(shown_blocks, comes_back_from_its_text) {
  const auto back = shown_from(to_json(some));
  EXPECT_EQ(to_json(back), to_json(some));
  EXPECT_DOUBLE_EQ(back.of("fin-003").blocked, 3.5);
  EXPECT_EQ(back.of("acmes").of, 12u);
  EXPECT_EQ(back.of("another").of, 812u) << "what is not named concerns all and blocked nobody";
  EXPECT_EQ(to_json(shown_by_version_from(to_json(shown_by_version{{"v", some}}))), to_json(shown_by_version{{"v", some}}));
}

TEST(shown_blocks, what_counts_what_cannot_be_is_nothing) {
  for (const char* text : {"", "[]", "{}", R"({"all":[1,0],"rules":{}})", R"({"all":[-1,9],"rules":{}})", R"({"all":[1,-9],"rules":{}})", R"({"all":["1",9],"rules":{}})", R"({"all":[1,9],"rules":[]})",
                           R"({"all":[1,9],"rules":{"r":[10,9]}})", R"({"all":[1,9,9],"rules":{}})"}) {
    EXPECT_EQ(shown_from(text).all.of, 0u) << text;
    EXPECT_TRUE(shown_by_version_from(R"({"v":)" + std::string(text) + "}").empty()) << text;
  }
}

TEST(shown_blocks, the_same_users_on_three_nodes_are_no_more_users) {
  const shown_blocks one{.all = {.blocked = 4, .of = 40}, .rules = {{"r", {.blocked = 4, .of = 40}}}};
  const auto all = together(std::vector{one, one, one});
  EXPECT_EQ(all.all.of, 40u);
  EXPECT_DOUBLE_EQ(all.all.blocked, 4);
  EXPECT_EQ(all.of("r").of, 40u);
  EXPECT_EQ(together({}).all.of, 0u);
}

TEST(shown_blocks, nodes_make_one_share_rule_by_rule) {
  const auto both = together(std::vector<shown_blocks>{some, {.all = {.blocked = 1, .of = 100}, .rules = {{"other", {.blocked = 1, .of = 50}}}}});
  EXPECT_EQ(both.all.of, 812u);
  EXPECT_DOUBLE_EQ(both.of("fin-003").blocked, 3.5 / 912 * 812);
  EXPECT_EQ(both.of("fin-003").of, 812u);
  EXPECT_EQ(both.of("acmes").of, 100u) << "of the 12 that it concerned on one node, and all of the other";
  EXPECT_EQ(both.of("other").of, 812u);
  EXPECT_DOUBLE_EQ(both.of("other").blocked, 1.0 / 862 * 812);
}

TEST_F(ring_agent, what_a_version_showed_reaches_its_breaker_and_outlives_a_restart) {
  const auto version = version_of_text("one");
  const auto known = [&](watched_agent& node) {
    const auto all = node->status().evidence;
    const auto at = all.find(version);
    return at == all.end() ? block_evidence{} : at->second;
  };
  {
    watched_agent node(config());
    node.shown[version] = some;
    node->start();
    push("zero");
    until_a_node_reports("1-1");
    auto to = connect();
    ASSERT_TRUE(to.stage(bundle_of("one"), {.gate_report = "r", .gate_verdict = "PASS", .benign = {.all = {.blocked = 1, .of = 300}, .rules = {}}}));
    EXPECT_EQ(to_json(to.shown_in_shadow(version).value()), to_json(some));
    ASSERT_TRUE(to.activate({.version = version, .kind = "promote", .actor = "me", .note = ""}));
    ASSERT_TRUE(node.until_version(version));
    EXPECT_EQ(to_json(known(node).shadow), to_json(some));
    EXPECT_EQ(known(node).gate.all.of, 300u);
    // What the nodes have forgotten the last activation knows.
    const auto again = to.activate({.version = version, .kind = "rearm", .actor = "me", .note = ""});
    ASSERT_TRUE(again);
    EXPECT_EQ(again->shown.at(version).all.of, 812u);
    EXPECT_EQ(answer(again->activation).state, "ACK");
  }
  watched_agent node(config());
  node->start();
  EXPECT_EQ(to_json(known(node).shadow), to_json(some));
  EXPECT_EQ(known(node).gate.all.of, 300u);
  EXPECT_TRUE(node->status().last_activation) << "since when it is in force is remembered too";
}

}  // namespace
}  // namespace sluice::store
