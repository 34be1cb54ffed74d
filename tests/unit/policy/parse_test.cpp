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

TEST(policy_parse, a_backspace_in_a_regex_is_told_as_the_wrong_quotes) {
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{regex: \"\\bEMP[0-9]{6}\"}"))), "write it in single quotes"));
}

TEST(policy_parse, a_file_that_is_no_yaml_is_the_only_mistake) {
  const auto found = parsed(source_of({{"bundle.yaml", std::string(bundle_head) + "modules: [{use: mine, bind: {scope: global}}]\n"}, {"mine.yaml", "kind: [\n"}}));
  EXPECT_FALSE(says(found, "which no file defines")) << to_text(found);
  EXPECT_TRUE(says(found, "not YAML"));
}

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
  EXPECT_EQ(r.match.validator, match::find_validator("luhn"));
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
  EXPECT_FALSE(says(found, "needs 'direction'")) << "it is there, misspelt: one error says it";
  EXPECT_TRUE(says(parsed(one_policy("  - id: r\n    match: {keywords: [x]}\n    action: {type: flag}\n")), "a rule needs 'direction'"));
}

TEST(policy_parse, refuses_by_name_what_no_version_has) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {rule_with("{guard: {endpoint: a}}"), "'guard' is not supported by this version"},
      {rule_with("{regex: x, engine: pcre2}"), "'engine' is not supported by this version"},
      {rule_with("{regex: x, validator: zzz}"), "'zzz' is no value of 'validator'"},
      {rule_with("{keywords: [x]}", "action: {type: flag}\n    scope: {region: eu}"), "'scope' is not supported by this version"},
      {rule_with("{keywords: [x]}", "action: {type: flag}\n    stream: {hold: bytes}"), "'bytes' is no value of 'hold'"},
  };
  for (const auto& [rules, text] : cases) EXPECT_TRUE(says(parsed(one_policy(rules)), text)) << rules;
}

// The match of one rule.
match_spec match_of(const std::string& text) {
  bundle_ast ast;
  EXPECT_TRUE(clean(parsed(one_policy(rule_with(text)), &ast))) << text;
  return ast.policies.at(0).rules.at(0).match;
}

TEST(policy_parse, reads_expressions_and_their_modifiers) {
  const auto all = match_of("{all: [{keywords: [x]}, {not: {regex: y}}, {any: [{keywords: [a]}, {keywords: [b]}]}], min_count: 2}");
  ASSERT_EQ(all.kind, match_spec::kind::all);
  EXPECT_EQ(all.min_count, 2u);
  ASSERT_EQ(all.children.size(), 3u);
  EXPECT_EQ(all.children[1].kind, match_spec::kind::negation);
  EXPECT_EQ(all.children[1].children.at(0).regex.pattern, "y");
  EXPECT_EQ(all.children[2].children.size(), 2u);
  const auto near = match_of("{regex: x, near: {of: [a, b], within: 10}, unless_near: {of: c, within: 20}, entropy: {min: 3.5}}");
  EXPECT_EQ(near.near->of, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(near.near->within, 10u);
  EXPECT_EQ(near.unless_near->within, 20u);
  EXPECT_DOUBLE_EQ(*near.entropy_min, 3.5);
  const auto model = match_of("{classifier: {name: topic, label: law, threshold: 0.7, on_timeout: no_match}}");
  ASSERT_EQ(model.kind, match_spec::kind::classifier);
  EXPECT_EQ(model.classifier.name, "topic");
  EXPECT_DOUBLE_EQ(model.classifier.threshold, 0.7);
  EXPECT_EQ(model.classifier.on_timeout, classifier_match::timeout::no_match);
}

TEST(policy_parse, asks_every_leaf_for_the_views_that_are_asked_of_an_expression) {
  const auto any = match_of("{any: [{keywords: [x]}, {regex: y, normalize: [leet]}], normalize: [spaced], decode: [base64, hex], max_depth: 2}");
  ASSERT_EQ(any.children.size(), 2u);
  EXPECT_EQ(any.children[0].views, 1);
  EXPECT_EQ(any.children[1].views, 3);
  for (const auto& leaf : any.children) {
    EXPECT_EQ(leaf.decode, 1 | 4);
    EXPECT_EQ(leaf.decode_depth, 2u);
  }
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{regex: x, max_depth: 2}"))), "'max_depth' belongs to decode"));
}

TEST(policy_parse, a_regex_in_any_case_may_ask_for_look_alikes_and_letters_without_marks) {
  const auto asked = match_of("{regex: '(?i)x', normalize: [nfkc, strip_zero_width, confusables, strip_marks]}");
  EXPECT_TRUE(asked.regex.folded);
  EXPECT_EQ(asked.views, 4);
  EXPECT_FALSE(match_of("{regex: '(?i)x', normalize: [nfkc, strip_zero_width]}").regex.folded);
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{regex: x, normalize: [nfkc, strip_zero_width, confusables]}"))), "begin the pattern with (?i)"));
}

TEST(policy_parse, makes_a_phrase_a_bounded_pattern_on_the_folded_view) {
  const auto plain = match_of("{phrase: 'Ignore it'}");
  EXPECT_EQ(plain.kind, match_spec::kind::regex);
  EXPECT_TRUE(plain.regex.folded);
  EXPECT_EQ(plain.regex.pattern, "\\bignore\\b\\W{1,8}\\bit\\b");
  const auto gap = match_of("{phrase: [[ignore, forget], \"c++\"], gap: 2}");
  EXPECT_EQ(gap.regex.pattern, "(?:\\bignore\\b|\\bforget\\b)\\W{1,8}(?:\\w{1,32}\\W{1,8}){0,2}\\bc\\+\\+");
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{phrase: []}"))), "would never match"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x], gap: 1}"))), "'gap' belongs to phrase"));
}

TEST(policy_parse, writes_macros_in_where_they_are_named) {
  const auto with = [](const std::string& match, const std::string& macros, bundle_ast* out) {
    return parsed(source_of({{"bundle.yaml", std::string(bundle_head) + "modules: [{use: p, bind: {scope: global}}]\n"},
                             {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p}\nrules:\n" + rule_with(match)},
                             {"z.yaml", macros}}),
                  out);
  };
  const auto macro = [](const std::string& name, const std::string& match) {
    return "---\napiVersion: sluice/v1\nkind: Macro\nmetadata: {name: " + name + "}\nmatch: " + match + "\n";
  };
  bundle_ast ast;
  ASSERT_TRUE(clean(with("{macro: a, min_count: 2}", macro("a", "{any: [{macro: b}, {regex: y}]}") + macro("b", "{keywords: [x]}"), &ast)));
  const match_spec& match = ast.policies[0].rules[0].match;
  EXPECT_EQ(match.kind, match_spec::kind::any);
  EXPECT_EQ(match.min_count, 2u);
  EXPECT_EQ(match.children.at(0).keywords.words, std::vector<std::string>{"x"});
  EXPECT_TRUE(says(with("{macro: ba}", macro("bb", "{regex: x}"), &ast), "macro 'ba' does not exist; did you mean 'bb'?"));
  EXPECT_TRUE(says(with("{macro: a}", macro("a", "{macro: b}") + macro("b", "{macro: a}"), &ast), "leads back to itself"));
  EXPECT_TRUE(says(with("{macro: a}", macro("a", "{regex: x}") + macro("a", "{regex: x}"), &ast), "macro 'a' exists already; the first stands at z.yaml:4:18"));
  EXPECT_TRUE(says(with("{regex: x}", macro("a", "{regexp: x}"), &ast), "z.yaml:5:9: error: unknown key 'regexp' in match; did you mean 'regex'?"));
  EXPECT_TRUE(says(with("{regex: x}", macro("a", "{regex: x}"), &ast), "macro 'a' is used by no rule"));
}

TEST(policy_parse, reads_every_action) {
  const auto act = [](const std::string& text) {
    bundle_ast ast;
    EXPECT_TRUE(clean(parsed(one_policy(rule_with("{keywords: [x]}", "action: " + text), "disclaimers: {general: {text: t}}\n"), &ast))) << text;
    return ast.policies.at(0).rules.at(0).action;
  };
  EXPECT_EQ(act("{type: rewrite, replacement: y}").replacement, "y");
  const auto token = act("{type: tokenize, token: \"<IBAN_{n}>\", restore: true, vault_ttl: 15m}");
  EXPECT_EQ(token.token, "<IBAN_{n}>");
  EXPECT_TRUE(token.restore);
  EXPECT_EQ(token.vault_ttl, std::chrono::minutes(15));
  EXPECT_EQ(token.on_vault_unavailable, on_vault_unavailable::keep);
  EXPECT_EQ(act("{type: tokenize, restore: true, vault_ttl: 30d, on_vault_unavailable: block}").on_vault_unavailable, on_vault_unavailable::block);
  EXPECT_EQ(act("{type: inject_system, text: t, position: prepend}").position, inject_position::prepend);
  EXPECT_EQ(act("{type: append, text: t, on_structured: block}").on_structured, on_structured::block);
  const auto disclaimer = act("{type: require_disclaimer, disclaimer: general, on_missing: block, message: m}");
  EXPECT_EQ(disclaimer.disclaimer, "general");
  EXPECT_EQ(disclaimer.on_missing, on_missing::block);
  EXPECT_EQ(act("{type: tag, tags: [investing]}").tags, std::vector<std::string>{"investing"});
  EXPECT_TRUE(act("{type: redact, hash: true}").hashed);
  const auto block = act("{type: block, message: m, i18n: {de: nein, pt-BR: nao}}");
  EXPECT_EQ(block.i18n.at("de"), "nein");
  EXPECT_TRUE(block.i18n.contains("pt-br"));
}

TEST(policy_parse, warns_of_a_key_that_says_nothing_any_more_and_reads_the_bundles_that_have_it) {
  const auto found = parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: rewrite, replacement: y, then: flag}")));
  EXPECT_TRUE(clean(found));
  EXPECT_TRUE(says(found, "warning: rule r: 'then' says nothing any more: each rewrite is recorded, and shows as 'edit' in the verdict header; remove it"));
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: redact, then: flag}"))), "'then' does nothing with type: redact"));
  const auto typo = parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: rewrite, replacement: y, thn: flag}")));
  EXPECT_TRUE(says(typo, "unknown key 'thn'")) << to_text(typo);
  EXPECT_FALSE(to_text(typo).contains("'then'")) << to_text(typo);
}

TEST(policy_parse, refuses_actions_that_lack_or_mix_something) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{type: append}", "action append needs 'text'"},
      {"{type: inject_system, text: ''}", "'text' is empty"},
      {"{type: tag}", "action tag needs 'tags'"},
      {"{type: tag, tags: [A b]}", "is no name"},
      {"{type: tokenize, token: IBAN}", "must hold {n} once"},
      {"{type: tokenize, restore: true, vault_ttl: 31d}", "'vault_ttl' may be 30d at most"},
      {"{type: tokenize, restore: true, on_vault_unavailable: block}", "does nothing without 'vault_ttl'"},
      {"{type: tokenize, vault_ttl: 5m}", "does nothing without restore: true"},
      {"{type: require_disclaimer}", "needs 'disclaimer'"},
      {"{type: require_disclaimer, disclaimer: genral}", "disclaimer 'genral' does not exist in this policy; did you mean 'general'?"},
      {"{type: require_disclaimer, disclaimer: general, on_missing: rewrite}", "needs 'replacement'"},
      {"{type: flag, restore: true}", "'restore' does nothing with type: flag; it belongs to type: tokenize"},
      {"{type: block, i18n: {'!': x}}", "is no language"},
      {"{type: redcat}", "did you mean 'redact'?"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x]}", "action: " + text), "disclaimers: {general: {text: t}}\n")), message)) << text;
  }
}

TEST(policy_parse, reads_roll_outs_thresholds_disclaimers_and_demands) {
  bundle_ast ast;
  ASSERT_TRUE(clean(parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: flag}\n    rollout: {percentage: 12.25, by: tenant}\n"
                                                                  "    promote_when: {min_samples: 3000, fpr_upper95: 0.001, min_days: 7}"),
                                      "thresholds: {anomaly: {request: 10, response: 8, action: block}}\n"
                                      "disclaimers: {general: {text: t, present_if: {regex: x}}}\n"
                                      "audit: {store_text: none, subject_id: hmac, retention: 30d, region_pin: eu}\n"
                                      "scope: {conversation_tag: [a], time: {tz: Europe/Berlin, days: [mon, fri], from: \"22:00\", to: \"06:30\"}}\n"),
                           &ast)));
  const policy_ast& policy = ast.policies[0];
  const rule& r = policy.rules[0];
  EXPECT_EQ(r.rollout->basis_points, 1225u);
  EXPECT_EQ(r.rollout->by, rollout_spec::by::tenant);
  EXPECT_EQ(r.rollout->salt, "r");
  EXPECT_EQ(r.promote_when->min_samples, 3000u);
  EXPECT_DOUBLE_EQ(r.promote_when->fpr_upper95, 0.001);
  EXPECT_EQ(policy.anomaly->request, 10u);
  EXPECT_EQ(policy.disclaimers.at("general").present_if->regex.pattern, "x");
  EXPECT_EQ(policy.audit->region_pin, "eu");
  EXPECT_EQ(policy.scope.conversation_tag, std::vector<std::string>{"a"});
  EXPECT_EQ(policy.scope.time->zone, "Europe/Berlin");
  EXPECT_EQ(policy.scope.time->days, 0b0010001);
  EXPECT_EQ(policy.scope.time->from, 22 * 60);
  EXPECT_EQ(policy.scope.time->to, 6 * 60 + 30);
  const auto more = [](const std::string& rest, const std::string& policy_rest = {}) {
    return parsed(one_policy(rule_with("{keywords: [x]}", "action: {type: flag}\n    " + rest), policy_rest));
  };
  EXPECT_TRUE(says(more("rollout: {percentage: 0.001}"), "at most two decimals"));
  EXPECT_TRUE(says(more("rollout: {percentage: 101}"), "a number from 0 to 100"));
  EXPECT_TRUE(says(more("rollout: {percentage: 1, shadow_outside: false}"), "can only be true"));
  EXPECT_TRUE(says(more("score: 1", "thresholds: {anomaly: {}}\n"), "names no sum"));
  EXPECT_TRUE(says(more("score: 1", "scope: {time: {tz: UTC, from: \"25:00\"}}\n"), "a time of the day"));
}

TEST(policy_parse, reads_contexts_scores_and_suites) {
  bundle_ast ast;
  ASSERT_TRUE(clean(parsed(
      source_of({{"bundle.yaml", std::string(bundle_head) + "classifiers: [{name: topic, model: models/t.ftz}]\nmodules: []\n"},
                 {"models/t.ftz", "x"},
                 {"t.yaml", "apiVersion: sluice/v1\nkind: TestSuite\nmetadata: {name: s}\npolicy: p\ntests:\n"
                            "  - {name: a, context: {tags: [x], time: 2026-12-01T10:00:00Z}, given: {topic.law: 0.9}, request: t, expect: {rules: []}}\n"}}),
      &ast)));
  ASSERT_EQ(ast.suites.size(), 1u);
  EXPECT_EQ(ast.suites[0].policy, "p");
  const test_spec& test = ast.suites[0].tests.at(0);
  EXPECT_EQ(test.who.tags, std::vector<std::string>{"x"});
  EXPECT_EQ(test.who.minute, minute_of(parse_time("2026-12-01T10:00:00Z").value()));
  EXPECT_DOUBLE_EQ(test.given.at("topic.law"), 0.9);
  ASSERT_EQ(ast.models.size(), 1u);
  EXPECT_EQ(ast.models[0].sha256, make_source_file("x", "x").sha256);
}

TEST(policy_parse, reads_lists_with_what_their_items_need) {
  const auto list = [](const std::string& rest, bundle_ast* out = nullptr) {
    return parsed(source_of({{"bundle.yaml", std::string(bundle_head) + "modules: []\n"},
                             {"l.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\n" + rest}}), out);
  };
  EXPECT_TRUE(clean(list("match: {normalize: [nfkc, strip_zero_width, confusables]}\nitems: [x]\n")));
  EXPECT_TRUE(clean(list("match: {case: sensitive, normalize: [nfkc, strip_zero_width]}\nitems: [x]\n")));
  EXPECT_TRUE(says(list("match: {normalize: [nfkc]}\nitems: [x]\n"), "this choice for 'normalize'"));
  EXPECT_TRUE(says(list("items: [{value: x, unless_near: [y]}]\n"), "'unless_near' needs 'within' beside it"));
  EXPECT_TRUE(says(list("items: [{value: x, within: 3}]\n"), "'within' belongs to near and unless_near"));
  EXPECT_TRUE(says(list("items: [{value: x, case: sensitive}]\n"), "'case' is not supported by this version"));
  EXPECT_TRUE(says(list("items: []\n"), "would never match"));
  EXPECT_TRUE(says(list("items: [no]\n"), "put it in quotes: \"no\""));
  EXPECT_TRUE(says(list("items: [1.5]\n"), "put it in quotes"));
  EXPECT_TRUE(clean(list("items: [\"no\", '1.5', 2nd]\n")));
  bundle_ast ast;
  ASSERT_TRUE(clean(list("match: {normalize: [nfkc, strip_zero_width, confusables, collapse_space]}\n"
                         "items: [a, {value: b, unless_near: [street, road], within: 24, replacement: c}]\n", &ast)));
  const list_ast& read = ast.lists.at("l");
  EXPECT_EQ(read.views, static_cast<std::uint8_t>(extra_view::spaced));
  EXPECT_EQ(read.words.options.size(), 1u);
  EXPECT_EQ(read.words.options.at(1).unless_near->within, 24u);
  EXPECT_EQ(read.words.options.at(1).replacement, "c");
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
                   "models/a.ftz: error: no classifier of bundle.yaml names this model"));
  EXPECT_TRUE(says(parsed(source_of({{"bundle.yaml", head + "classifiers: [{name: a, model: models/a.ftz}]\n"}})),
                   "model 'models/a.ftz' is not in the bundle"));
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
  EXPECT_TRUE(says(parsed(one_policy(rule_with("{keywords: [x], regex: y}"))), "match may have one of list, keywords, phrase, regex"));
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
      says(head("required_features: [action.teleport]"), "feature 'action.teleport' is not supported by this version"));
  EXPECT_TRUE(clean(head("required_features: [action.rewrite, action.tokenize, match.phrase]")));
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
