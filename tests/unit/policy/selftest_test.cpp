// From files to a snapshot: inline tests are run as the language says, and nothing goes live that fails one.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

using testing::built;
using testing::bundle_file;
using testing::clean;
using testing::one_policy;
using testing::policy_file;
using testing::rule_with;
using testing::says;
using testing::source_of;

std::string redact_rule(const std::string& tests, const std::string& more = {}) {
  return "  - id: r\n    direction: response\n    match: {keywords: [needle]}\n    action: {type: redact, mask: "
         "\"#\"}\n" +
         more + "    tests:\n" + tests +
         "      - {name: miss, response: hay, expect: {rules: [], action: allow, text: hay}}\n";
}

TEST(policy_build, ends_with_a_snapshot) {
  const auto report = built(one_policy(rule_with("{keywords: [needle]}")));
  ASSERT_TRUE(clean(report.found));
  EXPECT_EQ(report.reached, phase::done);
  ASSERT_NE(report.snapshot, nullptr);
  EXPECT_EQ(report.snapshot->version(), report.bundle.version);
  ASSERT_EQ(report.snapshot->rules().size(), 1u);
  EXPECT_EQ(report.snapshot->rules()[0].id, "r");
}

TEST(policy_build, names_the_phase_that_refused) {
  EXPECT_EQ(built(source_of({{"bundle.yaml", "a: ["}})).reached, phase::parse);
  EXPECT_EQ(built(one_policy(rule_with("{regex: 'x*'}"))).reached, phase::check);
  const auto report = built(one_policy(rule_with("{keywords: [thread]}")));
  EXPECT_EQ(report.reached, phase::selftest);
  EXPECT_EQ(report.snapshot, nullptr);
  EXPECT_TRUE(says(report.found, "p.yaml:10:9: error: rule r: test 'hit' failed: expected rules [r], got []"));
}

TEST(policy_build, checks_what_could_be_read_after_a_mistake) {
  const auto report =
      built(one_policy("  - id: a\n    derection: request\n  - id: b\n    direction: request\n    match: {regex: "
                       "'x('}\n    action: {type: flag}\n"));
  EXPECT_TRUE(says(report.found, "did you mean 'direction'"));
  EXPECT_TRUE(says(report.found, "rule b: the pattern is no regular expression"));
  EXPECT_FALSE(says(report.found, "rule a: the pattern"));
}

TEST(policy_build, ends_in_time_whatever_the_pattern) {
  const std::vector<std::string> patterns = {"(?:\\w+\\s){1,300}x",
                                             "(a{1,1000}){1,1000}b",
                                             "(x+x+)+y",
                                             "\\p{L}{1,60000}q",
                                             "(?R)a|b",
                                             "(a)\\1{1,100}",
                                             "(?:a|b|c|d){500,1000}(?:e|f){1,1000}z",
                                             ".{1,30000}x.{1,30000}y",
                                             "(?:(?:[a-z0-9]{1,50}\\.){1,50}x){1,50}"};
  for (const std::string& pattern : patterns) {
    const auto report = built(one_policy(rule_with("{regex: '" + pattern + "'}")));
    EXPECT_LT(report.took, std::chrono::seconds(10)) << pattern;
    EXPECT_TRUE(report.snapshot != nullptr || has_errors(report.found)) << pattern;
  }
}

TEST(inline_tests, compare_rules_action_and_text) {
  EXPECT_TRUE(clean(
      built(one_policy(redact_rule(
                "      - {name: hit, response: a needle, expect: {rules: [r], action: redact, text: \"a #\"}}\n")))
          .found));
  EXPECT_TRUE(says(
      built(one_policy(redact_rule("      - {name: hit, response: a needle, expect: {rules: [r], action: block}}\n")))
          .found,
      "expected action block, got redact"));
  EXPECT_TRUE(says(
      built(one_policy(redact_rule("      - {name: hit, response: a needle, expect: {rules: [r], text: \"a ##\"}}\n")))
          .found,
      "expected text \"a ##\", got \"a #\""));
  EXPECT_TRUE(says(built(one_policy(redact_rule("      - {name: hit, response: a needle, expect: {rules: [r]}}\n      "
                                                "- {name: none, response: needle, expect: {rules_none: [r]}}\n")))
                       .found,
                   "rule r must not match"));
}

TEST(inline_tests, honour_exceptions_by_context) {
  const std::string exception =
      "    exceptions: [{id: e, when: {route: pay}, reason: x, owner: y, ticket: z, expires: 2026-12-31}]\n";
  const auto report =
      built(one_policy(redact_rule("      - {name: hit, response: needle, expect: {rules: [r], suppressed: []}}\n"
                                   "      - {name: pay, context: {route: pay}, response: needle, expect: {rules: [], "
                                   "suppressed: [e], action: allow, text: needle}}\n",
                                   exception)));
  EXPECT_TRUE(clean(report.found));
}

// A version that was good when it was published must build on every later day, or a node that restarts would have no policy.
TEST(policy_build, leaves_out_at_a_node_what_has_expired_since_it_was_published) {
  const auto source = one_policy(redact_rule(
      "      - {name: hit, response: needle, expect: {rules: [r]}}\n"
      "      - {name: pay, context: {route: pay}, response: needle, expect: {rules: [], suppressed: [e], text: needle}}\n"
      "      - {name: bill, context: {route: bill}, response: needle, expect: {rules: [], suppressed: [f]}}\n",
      "    exceptions:\n      - {id: e, when: {route: pay}, reason: x, owner: y, ticket: z, expires: 2026-12-31}\n"
      "      - {id: f, when: {route: bill}, reason: x, owner: y, ticket: z, expires: 2027-01-31}\n"));
  const auto on = [&](const char* day, expired_exceptions how) { return built(source, parse_time(day).value(), how); };
  const auto acts = [](const build_report& report, const std::string& route) {
    scratch working;
    context who;
    who.route = route;
    const text_part part{.role = role::assistant, .text = "needle"};
    return evaluate(report.snapshot->rules_for(who), {&part, 1}, {direction::response, false}, working).verdict == verdict::edit;
  };
  const auto before = on("2026-12-31", expired_exceptions::leave_out);
  ASSERT_TRUE(clean(before.found));
  EXPECT_FALSE(acts(before, "pay"));
  EXPECT_TRUE(before.left_out.empty());
  EXPECT_EQ(before.next_expiry, parse_time("2027-01-01").value()) << "a date counts to its end";
  EXPECT_EQ(before.last_expiry, std::nullopt);
  const auto after = on("2027-01-01", expired_exceptions::leave_out);
  ASSERT_TRUE(clean(after.found));
  ASSERT_NE(after.snapshot, nullptr);
  EXPECT_TRUE(acts(after, "pay"));
  EXPECT_FALSE(acts(after, "bill"));
  ASSERT_EQ(after.left_out.size(), 1u);
  EXPECT_NE(after.left_out[0].find("exception 'e' of rule 'r' expired on 2026-12-31"), std::string::npos);
  EXPECT_EQ(after.next_expiry, parse_time("2027-02-01").value());
  EXPECT_EQ(after.last_expiry, parse_time("2027-01-01").value());
  EXPECT_EQ(after.snapshot->version(), before.snapshot->version());
  EXPECT_EQ(on("2027-02-01", expired_exceptions::leave_out).next_expiry, std::nullopt);
  // A person is told to decide.
  const auto pushed = on("2027-01-01", expired_exceptions::refuse);
  EXPECT_EQ(pushed.reached, phase::check);
  EXPECT_TRUE(says(pushed.found, "exception 'e' expired on 2026-12-31"));
}

TEST(inline_tests, see_shadow_rules_apart) {
  const auto report = built(one_policy(redact_rule(
      "      - {name: hit, response: needle, expect: {rules: [], shadow: [r], action: allow, text: needle}}\n",
      "    enforcement: shadow\n")));
  EXPECT_TRUE(clean(report.found));
}

TEST(inline_tests, let_a_rule_be_switched_off_without_touching_its_tests) {
  EXPECT_TRUE(clean(
      built(one_policy(redact_rule("      - {name: hit, response: needle, expect: {rules: [r], action: redact}}\n",
                                   "    enforcement: off\n")))
          .found));
}

TEST(inline_tests, run_a_policy_alone_and_as_if_bound) {
  const auto source = source_of(
      {{"bundle.yaml", bundle_file("  - {use: a, bind: {region: [eu]}}\n  - {use: z, bind: {scope: global}}\n")},
       {"a.yaml", policy_file("a", rule_with("{keywords: [needle]}"), "scope: {tenant: [bank]}\n")},
       {"z.yaml",
        policy_file(
            "z",
            "  - id: stop\n    direction: request\n    match: {keywords: [a]}\n    action: {type: block, message: m}\n"
            "    tests: [{name: hit, request: a b, expect: {rules: [stop], action: block}}, {name: miss, request: b, "
            "expect: {rules: []}}]\n")}});
  const auto report = built(source);
  EXPECT_TRUE(clean(report.found)) << "rule r's test must not meet policy z, nor need a context";
  ASSERT_NE(report.snapshot, nullptr);
}

TEST(inline_tests, give_messages_their_turns_roles_and_parts) {
  const auto report =
      built(one_policy("  - id: r\n    direction: request\n    where: {roles: [tool], parts: [tool_result], messages: "
                       "last_turn}\n    match: {keywords: [needle]}\n    action: {type: flag}\n    tests:\n"
                       "      - {name: tool, messages: [{role: user, content: q}, {role: tool, content: needle}], "
                       "expect: {rules: [r]}}\n"
                       "      - {name: before, messages: [{role: tool, content: needle}, {role: assistant, content: "
                       "x}, {role: user, content: y}], expect: {rules: []}}\n"
                       "      - {name: user, messages: [{role: user, content: needle}], expect: {rules: []}}\n"
                       // What is laid into the model's mouth at the end ends no turn.
                       "      - {name: begun, messages: [{role: tool, content: needle}, {role: assistant, content: Sure}], expect: {rules: [r]}}\n"
                       "      - {name: steered, messages: [{role: tool, content: needle}, {role: assistant, content: Sure}, {role: system, content: s}], expect: {rules: [r]}}\n"));
  EXPECT_TRUE(clean(report.found));
}

TEST(inline_tests, hold_answers_as_streams_too) {
  const auto report = built(one_policy(
      "  - id: r\n    direction: response\n    match: {regex: '\\b[0-9](?:[ -]?[0-9]){12,18}\\b', validator: luhn}\n   "
      " action: {type: redact, mask: \"[C]\", keep_last: 4}\n    tests:\n"
      "      - {name: card, response: \"it is 4111 1111 1111 1111.\", expect: {rules: [r], text: \"it is [C]1111.\"}}\n"
      "      - {name: none, response: \"it is 4111 1111 1111 1112.\", expect: {rules: [], text: \"it is 4111 1111 1111 "
      "1112.\"}}\n"));
  EXPECT_TRUE(clean(report.found));
}

}  // namespace
}  // namespace sluice::policy
