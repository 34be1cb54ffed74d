// The policy language as it is read: what a file says ends in the tree, what this version does not know is refused by
// name.
#include <gtest/gtest.h>

#include "sluice/text/view.hpp"
#include "sources.hpp"

namespace sluice::policy {
namespace {

using testing::clean;
using testing::one_policy;
using testing::parsed;
using testing::rule_with;
using testing::says;
using testing::source_of;

constexpr const char* bundle_head = "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\n";

TEST(policy_parse, reads_a_whole_rule) {
  bundle_ast ast;
  const auto found = parsed(one_policy(R"(
  - id: r1
    title: T
    severity: high
    category: a.b
    enforcement: shadow
    direction: both
    where: {roles: [user, tool], parts: [text, tool_result], messages: last_turn}
    match: {regex: '\bx{2}', prefilter: [xx], validator: luhn}
    action: {type: redact, mask: "#", keep_first: 1, keep_last: 4}
    stream: {hold: full}
    relaxable: true
    score: 3
    tags: [t]
    exceptions:
      - {id: e1, when: {route: payments, region: [eu, us]}, reason: why, owner: o, ticket: T-1, expires: 2026-12-31}
    tests:
      - {name: one, context: {region: eu}, request: "xx", expect: {rules: [], rules_any: [r1], rules_none: [r1], shadow: [r1], suppressed: [e1], action: redact, text: "#"}}
      - {name: two, messages: [{role: tool, content: a}, {role: user, content: b, part: transcript}], expect: {rules: []}}
)"),
                            &ast);
  ASSERT_TRUE(clean(found));
  ASSERT_EQ(ast.policies.size(), 1u);
  ASSERT_EQ(ast.policies[0].rules.size(), 1u);
  const rule& r = ast.policies[0].rules[0];
  EXPECT_EQ(r.id, "r1");
  EXPECT_EQ(r.severity, "high");
  EXPECT_EQ(r.enforcement, enforcement::shadow);
  EXPECT_EQ(r.direction, direction::both);
  EXPECT_EQ(r.where.roles, (std::vector<role>{role::user, role::tool}));
  EXPECT_EQ(r.where.parts, (std::vector<part_kind>{part_kind::text, part_kind::tool_result}));
  EXPECT_TRUE(r.where.last_turn_only);
  EXPECT_EQ(r.match.kind, match_spec::kind::regex);
  EXPECT_EQ(r.match.regex.pattern, "\\bx{2}");
  EXPECT_EQ(r.match.validator, validator::luhn);
  EXPECT_EQ(r.action.type, action::redact);
  EXPECT_EQ(r.action.keep_last, 4u);
  EXPECT_TRUE(r.hold_full);
  EXPECT_TRUE(r.relaxable);
  ASSERT_EQ(r.exceptions.size(), 1u);
  EXPECT_EQ(r.exceptions[0].when.route, std::vector<std::string>{"payments"});
  EXPECT_EQ(r.exceptions[0].when.region.size(), 2u);
  ASSERT_EQ(r.tests.size(), 2u);
  EXPECT_EQ(r.tests[0].who.region, "eu");
  EXPECT_EQ(r.tests[0].expect.action, action::redact);
  EXPECT_EQ(r.tests[1].messages[0].part, part_kind::tool_result);
  EXPECT_EQ(r.tests[1].messages[1].part, part_kind::transcript);
}

TEST(policy_parse, lowers_a_rule_to_its_policys_ceiling) {
  bundle_ast ast;
  auto source =
      source_of({{"bundle.yaml", std::string(bundle_head) + "modules: [{use: p, bind: {scope: global}}]\n"},
                 {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p}\nenforcement: shadow\nrules:\n" +
                                rule_with("{keywords: [needle]}") +
                                "  - id: r2\n    enforcement: off\n    direction: request\n"
                                "    match: {keywords: [x]}\n    action: {type: flag}\n"}});
  ASSERT_TRUE(clean(parsed(source, &ast)));
  EXPECT_EQ(ast.policies[0].rules[0].enforcement, enforcement::shadow);
  EXPECT_EQ(ast.policies[0].rules[1].enforcement, enforcement::off);
}

TEST(policy_parse, reads_lists_and_binds_in_any_file_order) {
  bundle_ast ast;
  const auto source = source_of(
      {{"bundle.yaml", std::string(bundle_head) +
                           "on_error: {policy_stale: fail_closed, max_stale: 2h, matcher_unavailable: allow}\n"
                           "limits: {max_rules: 10}\nmodules:\n  - {use: p, bind: {tenant: [a, b], region: eu}}\n  - "
                           "{use: p, bind: {tier: gold}}\n"},
       {"a/list.yaml",
        "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\nmatch: {case: sensitive, boundary: none}\nitems: [x, "
        "{value: y}]\n"},
       {"p.json", R"({"apiVersion":"sluice/v1","kind":"Policy","metadata":{"name":"p"},"scope":{"model":["m"]},"rules":[
          {"id":"r","direction":"request","match":{"list":"l"},"action":{"type":"block","message":"no","http_status":200}}]})"}});
  ASSERT_TRUE(clean(parsed(source, &ast)));
  EXPECT_EQ(ast.name, "b");
  EXPECT_EQ(ast.limits.rules_max, 10u);
  EXPECT_EQ(ast.on_error.policy_stale, "fail_closed");
  EXPECT_EQ(ast.on_error.max_stale, std::chrono::hours(2));
  EXPECT_EQ(ast.on_error.matcher_unavailable, action::allow);
  ASSERT_EQ(ast.policies[0].binds.size(), 2u);
  EXPECT_EQ(ast.policies[0].binds[0].tenant.size(), 2u);
  EXPECT_EQ(ast.policies[0].binds[1].tier, std::vector<std::string>{"gold"});
  EXPECT_EQ(ast.policies[0].scope.model, std::vector<std::string>{"m"});
  EXPECT_EQ(ast.policies[0].rules[0].action.http_status, 200);
  EXPECT_EQ(ast.lists.at("l").words.words, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(ast.lists.at("l").words.case_sensitive);
  EXPECT_FALSE(ast.lists.at("l").words.fold);
  EXPECT_EQ(ast.version, version_of(source));
}

TEST(policy_parse, suggests_the_key_that_was_meant) {
  const auto found = parsed(one_policy(
      "  - id: r\n    directoin: request\n    match: {keywords: [x], bondary: word}\n    action: {typ: flag}\n"));
  EXPECT_TRUE(says(found, "p.yaml:6:5: error: rule r: unknown key 'directoin' in a rule; did you mean 'direction'?"));
  EXPECT_TRUE(says(found, "did you mean 'boundary'?"));
  EXPECT_TRUE(says(found, "did you mean 'type'?"));
  EXPECT_TRUE(says(found, "a rule needs 'direction'"));
}

TEST(policy_parse, refuses_by_name_what_this_version_has_not) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {rule_with("{phrase: x}"), "'phrase' is not supported by this version"},
      {rule_with("{macro: x}"), "'macro'"},
      {rule_with("{classifier: {name: a}}"), "'classifier'"},
      {rule_with("{guard: {endpoint: a}}"), "'guard'"},
      {rule_with("{any: [{keywords: [x]}]}"), "'any'"},
      {rule_with("{all: [{keywords: [x]}]}"), "'all'"},
      {rule_with("{not: {keywords: [x]}}"), "'not'"},
      {rule_with("{regex: x, entropy: {min: 3}}"), "'entropy'"},
      {rule_with("{regex: x, near: {of: [y]}}"), "'near'"},
      {rule_with("{regex: x, decode: [base64]}"), "'decode'"},
      {rule_with("{regex: x, min_count: 2}"), "'min_count'"},
      {rule_with("{regex: x, normalize: [nfkc]}"), "'normalize'"},
      {rule_with("{regex: x, engine: pcre2}"), "'engine'"},
      {rule_with("{regex: x, validator: aba}"), "validator 'aba' is not supported by this version"},
      {rule_with("{keywords: [x]}", "action: {type: rewrite, replacement: y}"),
       "'replacement' is not supported by this version"},
      {rule_with("{keywords: [x]}", "action: {type: block, i18n: {de: x}}"), "'i18n'"},
      {rule_with("{keywords: [x]}", "action: {type: flag}\n    rollout: {percentage: 10}"), "'rollout'"},
      {rule_with("{keywords: [x]}", "action: {type: flag}\n    promote_when: {min_days: 1}"), "'promote_when'"},
      {rule_with("{keywords: [x]}", "action: {type: flag}\n    stream: {hold: bytes}"), "hold 'bytes'"},
  };
  for (const auto& [rules, text] : cases) EXPECT_TRUE(says(parsed(one_policy(rules)), text)) << rules;
  for (const std::string kind : {"Macro", "Overlay", "TestSuite"}) {
    const auto source = source_of({{"bundle.yaml", std::string(bundle_head) + "modules: []\n"},
                                   {"x.yaml", "apiVersion: sluice/v1\nkind: " + kind + "\nmetadata: {name: x}\n"}});
    EXPECT_TRUE(says(parsed(source), "kind '" + kind + "' is not supported by this version"));
  }
  const auto head = [](const std::string& more) {
    return parsed(source_of({{"bundle.yaml", std::string(bundle_head) + "modules: []\n" + more}}));
  };
  EXPECT_TRUE(says(head("classifiers: [{name: t, model: m}]\n"), "'classifiers'"));
  EXPECT_TRUE(says(head("limits: {rule_cpu_us_p99: 500}\n"), "'rule_cpu_us_p99'"));
  EXPECT_TRUE(
      says(parsed(one_policy(rule_with("{keywords: [x]}"), "thresholds: {anomaly: {request: 1}}\n")), "'thresholds'"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}"), "disclaimers: {a: b}\n")), "'disclaimers'"));
  EXPECT_TRUE(
      says(parsed(one_policy(rule_with("{keywords: [x]}"), "scope: {conversation_tag: [a]}\n")), "'conversation_tag'"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}"), "scope: {time: {tz: UTC}}\n")), "'time'"));
}

TEST(policy_parse, refuses_list_options_by_name) {
  const auto list = [](const std::string& rest) {
    return parsed(source_of({{"bundle.yaml", std::string(bundle_head) + "modules: []\n"},
                             {"l.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\n" + rest}}));
  };
  EXPECT_TRUE(clean(list("match: {normalize: [nfkc, strip_zero_width, confusables]}\nitems: [x]\n")));
  EXPECT_TRUE(clean(list("match: {case: sensitive, normalize: [nfkc, strip_zero_width]}\nitems: [x]\n")));
  EXPECT_TRUE(says(list("match: {normalize: [nfkc, collapse_space]}\nitems: [x]\n"),
                   "normalize 'collapse_space' is not supported by this version"));
  EXPECT_TRUE(says(list("match: {normalize: [nfkc]}\nitems: [x]\n"), "this choice for 'normalize'"));
  EXPECT_TRUE(says(list("items: [{value: x, unless_near: [y]}]\n"), "'unless_near' is not supported by this version"));
  EXPECT_TRUE(says(list("items: []\n"), "would never match"));
  EXPECT_TRUE(says(list("items: [no]\n"), "put it in quotes: \"no\""));
  EXPECT_TRUE(says(list("items: [1.5]\n"), "put it in quotes"));
  EXPECT_TRUE(clean(list("items: [\"no\", '1.5', 2nd]\n")));
}

TEST(policy_parse, binds_every_policy_and_nothing_else) {
  const auto found = parsed(
      source_of({{"bundle.yaml", std::string(bundle_head) + "modules:\n  - {use: brand, bind: {scope: global}}\n"},
                 {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: brands}\nrules:\n" +
                                rule_with("{keywords: [needle]}")}}));
  EXPECT_TRUE(says(
      found, "bundle.yaml:5:11: error: module uses policy 'brand', which no file defines; did you mean 'brands'?"));
  EXPECT_TRUE(says(found, "policy 'brands' is named by no module"));
}

TEST(policy_parse, demands_one_bundle_in_its_place) {
  EXPECT_TRUE(says(parsed(source_of({})), "bundle.yaml is missing"));
  EXPECT_TRUE(says(parsed(source_of({{"bundle.yaml", ""}})), "holds no document of kind Bundle"));
  const std::string head = std::string(bundle_head) + "modules: []\n";
  EXPECT_TRUE(says(parsed(source_of({{"bundle.yaml", head + "---\n" + head}})), "a second Bundle"));
  EXPECT_TRUE(says(parsed(source_of({{"bundle.yaml", head}, {"x.yaml", head}})), "may only stand in bundle.yaml"));
  EXPECT_TRUE(says(parsed(source_of({{"bundle.yaml", "kind: Bundle\n"}})), "apiVersion must be sluice/v1"));
  EXPECT_TRUE(says(parsed(source_of({{"bundle.yaml", head}, {"models/a.ftz", "x"}})),
                   "models/a.ftz: error: 'models' is not supported"));
}

TEST(policy_parse, refuses_values_that_mean_something_else) {
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: flag, mask: x}"))),
                   "'mask' does nothing with type: flag"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: block, http_status: 403}"))),
                   "must be 400 or 200"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: redact, keep_last: -1}"))),
                   "whole number from 0"));
  EXPECT_TRUE(
      says(parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: flag}\n    score: 1.5"))), "whole number"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x], regex: y}"))), "one of list, keywords and regex"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x], validator: luhn}"))), "'validator' belongs to regex"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{}"))), "match names nothing to look for"));
  EXPECT_TRUE(says(parsed(one_policy("  - id: Not A Name\n")), "is no name"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}"), "scope: {region: []}\n")), "would fit nobody"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}"), "scope: {}\n")), "names no axis"));
  EXPECT_TRUE(
      says(parsed(one_policy("  - id: r\n    direction: request\n    match: {keywords: [x]}\n    action: {type: flag}\n"
                             "    exceptions: [{id: e, reason: x, owner: y, ticket: z, expires: 2026-12-31}]\n")),
           "would switch the rule off"));
}

TEST(policy_parse, asks_for_a_newer_engine_in_words) {
  const auto head = [](const std::string& meta) {
    return parsed(source_of(
        {{"bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b, " + meta + "}\nmodules: []\n"}}));
  };
  EXPECT_TRUE(clean(head("min_engine: \"0.1\", required_features: [validator.iban]")));
  EXPECT_TRUE(says(head("min_engine: \"99.0\""), "needs Sluice 99.0 or newer"));
  EXPECT_TRUE(
      says(head("required_features: [action.tokenize]"), "feature 'action.tokenize' is not supported by this version"));
}

TEST(policy_parse, shows_all_mistakes_of_all_files_at_once) {
  const auto found =
      parsed(source_of({{"a.yaml", "kind: [\n"},
                        {"b.yaml", "apiVersion: sluice/v1\nkind: Polcy\n"},
                        {"bundle.yaml", std::string(bundle_head) + "moduls: []\n"},
                        {"c.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l, ownr: x}\nitems: x\n"}}));
  for (const char* file : {"a.yaml:", "b.yaml:", "bundle.yaml:", "c.yaml:"}) EXPECT_TRUE(says(found, file));
  EXPECT_TRUE(says(found, "did you mean 'Policy'?"));
  EXPECT_TRUE(says(found, "did you mean 'modules'?"));
  EXPECT_TRUE(says(found, "did you mean 'owner'?"));
}

TEST(policy_parse, says_whose_metadata_lacks_a_name) {
  const auto found = parsed(source_of({{"bundle.yaml", std::string(bundle_head) + "modules: []\n"},
                                       {"l.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {owner: o}\nitems: [x]\n"},
                                       {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {owner: o}\nrules: []\n"}}));
  EXPECT_TRUE(says(found, "l.yaml:3:11: error: the metadata of a List needs 'name'"));
  EXPECT_TRUE(says(found, "p.yaml:3:11: error: the metadata of a Policy needs 'name'"));
}

TEST(policy_parse, messages_stay_utf_8_when_they_clip_a_word) {
  std::string word = "k";
  for (int i = 0; i < 60; ++i) word += "é";
  const auto found = parsed(source_of({{"bundle.yaml", std::string(bundle_head) + word + ": 1\nmodules: []\n"},
                                       {"p.yaml", word + ": 1\n" + word + ": 2\n"},
                                       {"q.yaml", "a: !" + word + " 1\n"}}));
  EXPECT_GE(found.size(), 3u);
  for (const diagnostic& each : found) EXPECT_TRUE(text::is_valid_utf8(to_text(each))) << to_text(each);
}

}  // namespace
}  // namespace sluice::policy
