// What a change does: exactly where it can be decided, `may weaken` where text decides. Only the checker is needed.
#include "sluice/policy/diff.hpp"

#include <gtest/gtest.h>

#include "built.hpp"

namespace sluice::policy {
namespace {

using testing::bundle_file;
using testing::checked;
using testing::policy_file;
using testing::source_of;

struct variant {
  std::string bind = "{scope: global}";
  std::string scope = {};
  std::string enforcement = "enforce";
  std::string direction = "both";
  std::string where = {};
  std::string action = "{type: redact, keep_last: 2}";
  std::string match = "{keywords: [alpha, beta]}";
  std::string exceptions = {};
  std::string bundle = {};
  std::string policy = {};  // more keys of it
};

bundle_ast make(const variant& v) {
  bundle_ast ast;
  std::string rule = "  - id: r\n    direction: " + v.direction + "\n    enforcement: " + v.enforcement +
                     "\n    match: " + v.match + "\n    action: " + v.action + "\n";
  if (!v.where.empty()) rule += "    where: " + v.where + "\n";
  if (!v.exceptions.empty()) rule += "    exceptions: " + v.exceptions + "\n";
  rule += "    tests: [{name: a, request: alpha, expect: {rules: [r]}}, {name: b, request: x, expect: {rules: []}}]\n";
  (void)checked(source_of({{"bundle.yaml", bundle_file("  - {use: p, bind: " + v.bind + "}\n", v.bundle)},
                           {"p.yaml", policy_file("p", rule, v.policy + (v.scope.empty() ? "" : "scope: " + v.scope + "\n"))}}),
                &ast);
  EXPECT_EQ(ast.policies.size(), 1u);
  return ast;
}

effect effect_of(const variant& before, const variant& after) { return diff(make(before), make(after)).effect; }

TEST(policy_diff, is_silent_when_nothing_changed) {
  const auto same = diff(make({}), make({}));
  EXPECT_TRUE(same.rules.empty());
  EXPECT_EQ(same.effect, effect::none);
}

TEST(policy_diff, decides_the_lattice_exactly) {
  const variant base;
  EXPECT_EQ(effect_of(base, {.enforcement = "shadow"}), effect::weaker);
  EXPECT_EQ(effect_of({.enforcement = "shadow"}, base), effect::stronger);
  EXPECT_EQ(effect_of({.enforcement = "shadow"}, {.enforcement = "off"}), effect::none);
  EXPECT_EQ(effect_of(base, {.action = "{type: flag}"}), effect::weaker);
  EXPECT_EQ(effect_of(base, {.action = "{type: block, message: m}"}), effect::stronger);
  EXPECT_EQ(effect_of(base, {.action = "{type: redact, keep_last: 4}"}), effect::weaker);
  EXPECT_EQ(effect_of(base, {.action = "{type: redact, keep_last: 2, mask: x}"}), effect::changed);
  EXPECT_EQ(effect_of(base, {.direction = "response"}), effect::weaker);
  EXPECT_EQ(effect_of({.direction = "response"}, base), effect::stronger);
  EXPECT_EQ(effect_of(base, {.where = "{roles: [user]}"}), effect::weaker);
  EXPECT_EQ(effect_of(base, {.where = "{messages: last_turn}"}), effect::weaker);
  EXPECT_EQ(effect_of({.where = "{parts: [text]}"}, {.where = "{parts: [text, name]}"}), effect::stronger);
}

TEST(policy_diff, names_the_scopes_that_lose) {
  const auto narrowed = diff(make({.bind = "{region: [eu, us]}"}), make({.bind = "{region: [eu, ch]}"}));
  ASSERT_EQ(narrowed.rules.size(), 1u);
  EXPECT_EQ(narrowed.effect, effect::weaker);
  EXPECT_EQ(narrowed.rules[0].cells, std::vector<std::string>{"region=us"});
  const auto from_global = diff(make({}), make({.scope = "{tenant: [a]}"}));
  EXPECT_EQ(from_global.rules[0].cells, std::vector<std::string>{"tenant=*"});
  EXPECT_EQ(effect_of({.bind = "{region: [eu]}"}, {.bind = "{region: [eu, us]}"}), effect::stronger);
}

TEST(policy_diff, counts_exceptions_by_what_they_take_away) {
  const std::string by_scope = "[{id: e, when: {route: pay}, reason: x, owner: y, ticket: z, expires: 2026-12-31}]";
  const auto added = diff(make({}), make({.exceptions = by_scope}));
  EXPECT_EQ(added.effect, effect::weaker);
  EXPECT_EQ(added.rules[0].cells, std::vector<std::string>{"route=pay"});
  EXPECT_EQ(effect_of({.exceptions = by_scope}, {}), effect::stronger);
  const std::string by_text =
      "[{id: e, match: {keywords: [receipt]}, reason: x, owner: y, ticket: z, expires: 2026-12-31}]";
  EXPECT_EQ(effect_of({}, {.exceptions = by_text}), effect::may_weaken);
}

TEST(policy_diff, may_weaken_where_text_decides) {
  EXPECT_EQ(effect_of({}, {.match = "{keywords: [alpha]}"}), effect::may_weaken);
  EXPECT_EQ(effect_of({}, {.match = "{keywords: [alpha, beta, gamma]}"}), effect::stronger);
  EXPECT_EQ(effect_of({}, {.match = "{keywords: [alpha, beta], case: sensitive}"}), effect::may_weaken);
  EXPECT_EQ(effect_of({}, {.match = "{keywords: [alpha, beta], boundary: none}"}), effect::stronger);
  EXPECT_EQ(effect_of({.match = "{regex: a}"}, {.match = "{regex: b}"}), effect::may_weaken);
  EXPECT_EQ(effect_of({.match = "{regex: a}"}, {.match = "{regex: a, validator: luhn}"}), effect::may_weaken);
  EXPECT_EQ(effect_of({.match = "{regex: a, validator: luhn}"}, {.match = "{regex: a}"}), effect::stronger);
}

TEST(policy_diff, sees_rules_come_and_go) {
  bundle_ast none = make({});
  none.policies.clear();
  const auto gone = diff(make({}), none);
  ASSERT_EQ(gone.rules.size(), 1u);
  EXPECT_EQ(gone.rules[0].kind, rule_change::kind::removed);
  EXPECT_EQ(gone.effect, effect::weaker);
  EXPECT_EQ(gone.rules[0].cells, std::vector<std::string>{"everywhere"});
  EXPECT_EQ(diff(none, make({})).effect, effect::stronger);
  EXPECT_EQ(diff(make({.enforcement = "shadow"}), none).effect, effect::none);
}

TEST(policy_diff, sees_what_the_bundle_does_on_errors) {
  EXPECT_EQ(effect_of({}, {.bundle = "on_error: {matcher_unavailable: allow}\n"}), effect::weaker);
  EXPECT_EQ(effect_of({}, {.bundle = "on_error: {policy_stale: fail_closed}\n"}), effect::may_weaken);
}

TEST(policy_diff, decides_exactly_where_what_cannot_be_recorded_is_not_refused_any_more) {
  const std::string on = "audit: {on_full: block}\n";
  EXPECT_EQ(effect_of({.policy = on}, {}), effect::weaker);
  EXPECT_EQ(effect_of({}, {.policy = on}), effect::stronger);
  EXPECT_EQ(effect_of({.policy = on}, {.policy = on}), effect::none);
  EXPECT_EQ(effect_of({.policy = on}, {.policy = on + "enforcement: shadow\n"}), effect::weaker);
  EXPECT_EQ(effect_of({.policy = "audit: {retention: 30d}\n"}, {}), effect::changed);
  const auto narrowed = diff(make({.bind = "{region: [eu, us]}", .enforcement = "shadow", .policy = on}), make({.bind = "{region: [eu]}", .enforcement = "shadow", .policy = on}));
  EXPECT_EQ(narrowed.effect, effect::weaker);
  EXPECT_EQ(narrowed.bundle_effect, effect::weaker);
  EXPECT_EQ(narrowed.bundle, std::vector<std::string>{"audit.on_full: block is not asked for any more: region=us"});
}

TEST(policy_diff, lists_decisions_that_differ) {
  const std::vector<golden_result> before = {{.id = "a", .set = "benign", .place = {}, .action = action::allow},
                                             {.id = "b", .set = "benign", .place = {}}};
  const std::vector<golden_result> after = {
      {.id = "a", .set = "benign", .place = {}, .action = action::block, .rules = {"r"}},
      {.id = "b", .set = "benign", .place = {}},
      {.id = "new", .set = "benign", .place = {}}};
  const auto changes = diff_decisions(before, after);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].id, "a");
  EXPECT_EQ(changes[0].after, action::block);
}

}  // namespace
}  // namespace sluice::policy
