// The breaker of a node as a whole: what workers note, what is looked at once a second, and what becomes of a rule that is armed again.
#include "block_watch.hpp"

#include <gtest/gtest.h>

#include "../policy/built.hpp"

namespace sluice::app {
namespace {

class no_names final : public proxy::text_names {
 public:
  [[nodiscard]] std::string of(std::uint32_t) const override { return "body"; }
};

const std::string rule = policy::testing::rule_found_in("blocky", "blk", "request", "{keywords: [blocky]}", "    action: {type: block, message: No way.}\n");

// A node of one worker with one rule, which blocks what its users ask.
struct breaker_node {
  std::shared_ptr<const policy::snapshot> enforced = policy::testing::snapshot_of(rule);
  std::shared_ptr<const policy::snapshot> in_force = enforced;
  block_watch watch{1};
  mono_time at{seconds(1000)};

  void ask(std::size_t users) {
    policy::active_policy live;
    live.snapshot = in_force;
    const policy::outcome nothing;
    const no_names names;
    for (std::size_t i = 0; i < users; ++i) {
      policy::context who;
      who.user = "u" + std::to_string(i);
      const policy::text_part text{.text = "blocky"};
      policy::scratch working;
      const auto judged = policy::evaluate_either(*in_force, who, {&text, 1}, {}, working);
      watch.note(0, {.decision_id = "d", .time = {}, .policy = live, .who = who, .effective = {}, .rules = judged.rules, .dialect = {}, .endpoint = {}, .method = {}, .path = {}, .request = judged.what, .response = nothing,
                     .request_names = names, .response_names = names, .request_judged = true, .unscanned = {}, .recalled = {}, .attachments = {}, .unread = {}, .caller = {}, .counted_as = {}, .reason = {}});
    }
  }
  // Of one look, a second after the one before.
  std::size_t demoted() {
    at += seconds(1);
    return watch.look({in_force}, {1, 1}, [](const std::string&) { return store::block_evidence{}; }, at).demote.size();
  }
  void demote() { in_force = policy::in_shadow(*enforced, {"blk"}); }
  void arm() { in_force = enforced; }
};

TEST(block_watch, a_rule_that_is_armed_again_is_judged_anew_however_soon) {
  for (const int looks_between : {0, 1, 3}) {
    breaker_node node;
    EXPECT_EQ(node.demoted(), 0u);
    node.ask(30);
    ASSERT_EQ(node.demoted(), 1u) << looks_between;
    node.demote();
    for (int i = 0; i < looks_between; ++i) EXPECT_EQ(node.demoted(), 0u);
    node.arm();
    EXPECT_EQ(node.demoted(), 0u) << "what was seen before does not count";
    node.ask(30);
    EXPECT_EQ(node.demoted(), 1u) << looks_between;
  }
}

}  // namespace
}  // namespace sluice::app
