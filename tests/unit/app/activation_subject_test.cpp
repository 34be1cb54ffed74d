// What the history says that an activation was about, with a canary and a version in shadow side by side.
#include "activation_subject.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

const std::string live(64, 'a'), canary(64, 'b'), shadow(64, 'c');

store::head_record made(const std::string& kind, bool with_canary, bool with_shadow) {
  store::head_record out;
  out.activation = {1, 1};
  out.version = live;
  out.kind = kind;
  if (with_canary) out.canary.emplace().version = canary;
  if (with_shadow) out.shadow = shadow;
  return out;
}

std::string line(const store::head_record& of, const store::head_record& before) { return told(of, subject_of(of, &before)); }

TEST(activation_subject, of_what_begins_is_what_was_put_beside_the_live_version) {
  EXPECT_EQ(line(made("canary", true, false), made("activate", false, false)), "canary bbbbbbbbbbbb");
  EXPECT_EQ(line(made("shadow", true, true), made("canary", true, false)), "shadow cccccccccccc") << "the canary goes on beside it";
  EXPECT_EQ(line(made("canary", true, true), made("shadow", false, true)), "canary bbbbbbbbbbbb");
  EXPECT_EQ(line(made("activate", false, false), made("activate", true, true)), "activate");
}

TEST(activation_subject, of_what_ends_is_what_was_there_before) {
  EXPECT_EQ(line(made("abort", true, false), made("shadow", true, true)), "abort cccccccccccc");
  EXPECT_EQ(line(made("abort", false, true), made("shadow", true, true)), "abort bbbbbbbbbbbb");
  EXPECT_EQ(line(made("abort", false, false), made("canary", true, false)), "abort bbbbbbbbbbbb");
  const auto of = made("abort", false, false);
  EXPECT_EQ(told(of, subject_of(of, nullptr)), "abort") << "what was before is not known";
  EXPECT_EQ(line(made("demote", false, true), made("shadow", true, false)), "demote cccccccccccc") << "a canary that goes to shadow";
}

TEST(activation_subject, of_a_demotion_is_its_rule_and_no_version_beside) {
  const auto demoted = [](const char* rule) { return store::rule_demotion{.version = live, .rule = rule, .why = "w"}; };
  auto before = made("canary", true, true), after = made("demote", true, true);
  before.demoted = {demoted("old")};
  after.demoted = {demoted("old"), demoted("fin-003")};
  EXPECT_EQ(line(after, before), "demote fin-003");
  auto again = made("rearm", true, true);
  again.rearmed_rule = "fin-003";
  EXPECT_EQ(line(again, after), "rearm fin-003");
  again.rearmed_rule.clear();
  EXPECT_EQ(line(again, after), "rearm old, fin-003");
  EXPECT_TRUE(subject_of(again, &after).all_rules) << "also what nodes demoted themselves";
  EXPECT_EQ(line(again, again), "rearm all rules");
}

}  // namespace
}  // namespace sluice::app
