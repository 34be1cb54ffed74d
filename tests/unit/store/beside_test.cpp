// What runs beside a version or otherwise than it says: canaries, versions in shadow, demoted rules; and who may ask for it.
#include <algorithm>
#include <future>

#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;

class going_live : public trusting {
 protected:
  publisher speaking(const signing_key& with) {
    auto to = signing(build_, with);
    to.trust_only(strict().trust.keys);
    return to;
  }
  // Activates the version, with these rules demoted, and waits for the node's answer.
  head_record demote(publisher& to, const std::string& version, const std::vector<std::string>& rules, const std::string& kind = "demote") {
    std::vector<rule_demotion> what;
    for (const auto& rule : rules) what.push_back({.version = version, .rule = rule, .why = "w"});
    auto head = to.activate({.version = version, .kind = kind, .actor = "", .note = "", .demoted = what}).value();
    EXPECT_EQ(answer(head.activation).state, "ACK");
    return head;
  }
  beside read_back() {
    auto redis = redis_client::connect(redis_->endpoint(), seconds(5)).value();
    return read_head(redis, ring_keys("test")).value()->with;
  }
  static std::vector<std::string> told(watched_agent& node) {
    std::vector<std::string> out;
    for (const auto& each : node->status().demotions) out.push_back(each.what.rule);
    return out;
  }
};

using names = std::vector<std::string>;

TEST_F(going_live, a_rule_that_says_never_demote_is_demoted_by_a_persons_signature_alone) {
  watched_agent node(strict());
  node->start();
  auto person = speaking(activate_), controller = speaking(safety_);
  const auto version = person.stage(bundle_of("one")).value();
  ASSERT_TRUE(person.activate({.version = version, .actor = "", .note = ""}));
  ASSERT_TRUE(node.until_version(version));
  demote(controller, version, {"guarded", "r-1"});
  EXPECT_EQ(told(node), names{"r-1"});
  EXPECT_EQ(node.active().snapshot->demoted(), names{"r-1"});
  EXPECT_TRUE(node.until_log("rule guarded of version"));
  // The ring hears what stays enforced.
  const auto kept = [&](const auto& all) { return all.size() == 1 && all[0].kept.size() == 1 && all[0].kept[0].rule == "guarded" && all[0].kept[0].version == version; };
  EXPECT_TRUE(kept(person.acknowledgements(person.head()->activation).value()));
  node->demote({{.version = version, .rule = "guarded", .why = "its own breaker, gone wrong"}, {.version = version, .rule = "r-2", .why = "w"}});
  EXPECT_TRUE(node.until_event("demoted", "rule r-2"));
  EXPECT_EQ(told(node), (names{"r-1", "r-2"}));
  node->rearm("r-2");
  EXPECT_TRUE(node.until_event("rearmed", "rule r-2"));
  demote(person, version, {"guarded"});
  EXPECT_EQ(told(node), names{"guarded"});
  EXPECT_TRUE(node.until_event("demoted", "rule guarded"));
  EXPECT_EQ(node.active().snapshot->demoted(), names{"guarded"});
  // What a person has signed goes on under what the controller signs, also on a node that comes later.
  demote(controller, version, {"guarded", "r-1"});
  EXPECT_EQ(told(node), (names{"guarded", "r-1"}));
  watched_agent late(strict("n2"));
  late->start();
  ASSERT_TRUE(late.until_version(version));
  EXPECT_EQ(told(late), (names{"guarded", "r-1"}));
  node.stop();
  watched_agent again(strict());
  again->start();
  EXPECT_EQ(told(again), (names{"guarded", "r-1"})) << "and over a restart";
}

TEST_F(going_live, where_nobody_signs_nobody_demotes_it) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  demote(to, one.version, {"guarded", "r-1"});
  EXPECT_EQ(told(node), names{"r-1"});
  node.stop();
  watched_agent again(config());
  again->start();
  EXPECT_TRUE(again.until_event("demoted", "rule r-1"));
  EXPECT_FALSE(again.had_event("demoted", "rule guarded")) << "what stays enforced is not told as demoted by the log of the next boot";
}

TEST_F(going_live, a_node_that_a_canary_leaves_alone_does_not_say_that_it_runs_it) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto two = to.stage(bundle_of("two")).value();
  const auto head = to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "",
                                 .canary = canary_version{.version = two, .basis_points = 10'000, .salt = "s", .nodes = "zone=b"}}).value();
  EXPECT_EQ(answer(head.activation).state, "ACK");
  until_a_node_reports(policy::to_string(head.activation));
  EXPECT_EQ(redis_->run({"HGET", ring_keys("test").node("n1"), "canary"}).text, "");
  EXPECT_FALSE(node->status().canary);
  EXPECT_FALSE(node.active().canary);
  EXPECT_EQ(node.applied(), 1u);
}

// The log of a node whose canary goes to other nodes says so: an auditor reads from it what was in force.
TEST_F(going_live, a_canary_that_goes_to_other_nodes_has_ended_here) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto two = to.stage(bundle_of("two")).value();
  const auto for_nodes = [&](const std::string& label) {
    const auto head = to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "",
                                   .canary = canary_version{.version = two, .basis_points = 10'000, .salt = "s", .nodes = label}}).value();
    EXPECT_EQ(answer(head.activation).state, "ACK");
  };
  for_nodes("");
  ASSERT_TRUE(node->status().canary);
  EXPECT_FALSE(node.had_event("canary", "ended"));
  for_nodes("zone=b");
  EXPECT_TRUE(node.until_event("canary", "ended"));
  EXPECT_FALSE(node->status().canary);
}

TEST_F(going_live, a_canary_that_grows_lets_go_of_nobody_and_is_not_built_again) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto two = to.stage(bundle_of("two")).value();
  const auto with = [&](std::uint32_t basis_points) {
    const auto head = to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "", .canary = canary_version{.version = two, .basis_points = basis_points, .salt = "s"}}).value();
    EXPECT_EQ(answer(head.activation).state, "ACK");
  };
  const auto shares_since_the_first = [&] {
    std::vector<std::uint32_t> out;
    for (const auto& each : node.published()) {
      const auto share = each.canary ? each.canary->basis_points : 0;
      if ((share > 0 || !out.empty()) && (out.empty() || out.back() != share)) out.push_back(share);
    }
    return out;
  };
  with(2000);
  const auto applied = node.applied();
  with(5000);
  EXPECT_EQ(shares_since_the_first(), (std::vector<std::uint32_t>{2000, 5000}));
  EXPECT_TRUE(node.until_event("canary 1-3", "50.00 %"));
  EXPECT_EQ(node->status().canary->basis_points, 5000u);
  // To shadow, from there for some, and for everybody: never built again.
  const auto shadow = to.activate({.version = one.version, .kind = "demote", .actor = "", .note = "", .shadow = two}).value();
  EXPECT_EQ(answer(shadow.activation).state, "ACK");
  EXPECT_TRUE(node.until_event("shadowing 1-4", ""));
  EXPECT_FALSE(node.active().canary);
  with(1000);
  EXPECT_EQ(node.active().canary->basis_points, 1000u);
  ASSERT_TRUE(to.activate({.version = two, .kind = "promote", .actor = "", .note = ""}));
  ASSERT_TRUE(node.until_version(two));
  EXPECT_EQ(node.applied(), applied);
}

// What the log of a boot says is folded in its order: an activation ends what was said of a version that did not run by then.
TEST_F(going_live, a_canarys_demotions_are_told_once_the_log_of_the_boot_knows_the_canary) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  auto to = connect();
  const auto two = to.stage(bundle_of("two")).value();
  const canary_version share{.version = two, .basis_points = 2000, .salt = "s", .nodes = ""};
  ASSERT_EQ(answer(to.activate({.version = one.version, .kind = "canary", .actor = "", .note = "", .canary = share}).value().activation).state, "ACK");
  const std::vector<rule_demotion> what{{.version = two, .rule = "r-1", .why = "w"}};
  const auto head = to.activate({.version = one.version, .kind = "demote", .actor = "", .note = "", .canary = share, .demoted = what}).value();
  ASSERT_EQ(answer(head.activation).state, "ACK");
  ASSERT_TRUE(node.until_event("demoted", "rule r-1: w"));
  ASSERT_EQ(answer(to.activate({.version = one.version, .kind = "rearm", .actor = "", .note = "", .canary = share, .demoted = std::vector<rule_demotion>{}, .rearm = true}).value().activation).state, "ACK");
  ASSERT_TRUE(node.until_event("rearmed", "rule r-1")) << "or the log says for ever that it is in shadow";
  ASSERT_EQ(answer(to.activate({.version = one.version, .kind = "demote", .actor = "", .note = "", .canary = share, .demoted = what}).value().activation).state, "ACK");
  node.stop();
  watched_agent again(config());
  again->start();
  ASSERT_TRUE(again.until_event("canary", "20.00 %"));
  ASSERT_TRUE(again.until_event("demoted", "rule r-1"));
  std::size_t canary_at = 0, demoted_at = 0, told = 0;
  const auto events = again.events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].starts_with("canary")) canary_at = i;
    if (events[i].starts_with("demoted")) demoted_at = i, ++told;
  }
  EXPECT_GT(demoted_at, canary_at);
  EXPECT_EQ(told, 1u);
}

TEST_F(going_live, a_rule_is_demoted_while_another_version_is_built) {
  watched_agent node(config());
  std::promise<void> building, go_on;
  std::string two;
  node.while_applying = [&](const std::string& version) {
    if (version != two) return;
    building.set_value();
    go_on.get_future().wait();
  };
  const auto one = live_on(node, "one");
  auto to = connect();
  two = to.stage(bundle_of("two")).value();
  ASSERT_TRUE(to.activate({.version = two, .actor = "", .note = ""}));
  building.get_future().wait();
  node->demote({{.version = one.version, .rule = "r-1", .why = "w"}});
  const bool demoted = node.until([](const policy::active_policy& p) { return p.snapshot->demoted() == names{"r-1"}; });
  go_on.set_value();
  EXPECT_TRUE(demoted);
  ASSERT_TRUE(node.until_version(two));
  EXPECT_TRUE(told(node).empty()) << "it belonged to the version before";
}

TEST_F(going_live, one_rule_is_armed_again_and_what_nodes_demoted_besides_stays) {
  watched_agent node(config());
  const auto one = live_on(node, "one");
  std::vector<rule_demotion> three;
  for (const char* rule : {"r-1", "r-2", "r-3"}) three.push_back({.version = one.version, .rule = rule, .why = "w"});
  node->demote(three);
  auto to = connect();
  const auto end = mono_now() + seconds(5);  // the next heartbeat of its own time may be ten seconds away
  std::size_t reported = 0;
  while (reported != 3 && mono_now() < end) {
    for (const auto& n : to.nodes().value()) reported = n.demoted.size();
  }
  EXPECT_EQ(reported, 3u) << "a demotion is told at once";
  const auto rearm = [&](const std::string& rule) { return to.activate({.version = one.version, .kind = "rearm", .actor = "", .note = "", .rearm = true, .rearm_rule = rule}).value().activation; };
  EXPECT_EQ(answer(rearm("r-1")).state, "ACK");
  EXPECT_EQ(told(node), (names{"r-2", "r-3"}));
  node->demote({three[0]});
  ASSERT_TRUE(node.until([](const policy::active_policy& p) { return p.snapshot->demoted().size() == 3; })) << "what comes after is judged by what comes";
  // A node that is away meanwhile hears of both from the second.
  node.stop();
  (void)rearm("r-1");
  const auto last = rearm("r-2");
  watched_agent again(config());
  again->start();
  ASSERT_TRUE(again.until([&](const policy::active_policy& p) { return p.activation == last; }));
  EXPECT_EQ(told(again), names{"r-3"});
  EXPECT_EQ(read_back().rearmed_rules.size(), 2u);
  EXPECT_EQ(answer(rearm("")).state, "ACK");
  EXPECT_TRUE(told(again).empty());
  EXPECT_TRUE(read_back().rearmed_rules.empty());
}

}  // namespace
}  // namespace sluice::store
