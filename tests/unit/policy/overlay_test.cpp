// Composition: overlays, conversation tags and hours decide which rules are in force where.
#include <gtest/gtest.h>

#include <chrono>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::policy {
namespace {

using testing::built;
using testing::bundle_file;
using testing::clean;
using testing::policy_file;
using testing::says;
using testing::source_of;

std::string overlay_file(const std::string& name, const std::string& patches, const std::string& more = {}) {
  return "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: " + name + ", owner: o}\n" + more + "patches:\n" + patches;
}

constexpr const char* mail_rule =
    "  - id: mail\n    direction: request\n    match: {keywords: [needle]}\n    action: {type: flag}\n"
    "    tests:\n      - {name: hit, request: a needle, expect: {rules: [mail], action: flag}}\n"
    "      - {name: eu, context: {region: eu}, request: a needle, expect: {rules: [mail], action: redact, text: \"a [X]\"}}\n"
    "      - {name: miss, request: hay, expect: {rules: []}}\n";

bundle_source with_overlay(const std::string& overlay, const std::string& bind, const std::string& rules = mail_rule) {
  return source_of({{"bundle.yaml", bundle_file("  - {use: p, bind: {scope: global}}\n  - {use: o, bind: " + bind + "}\n")},
                    {"o.yaml", overlay},
                    {"p.yaml", policy_file("p", rules)}});
}

action act_on(const snapshot& with, const context& who, std::string_view text = "a needle") {
  scratch working;
  const std::vector<text_part> parts = {{.text = text}};
  action strongest = action::allow;
  for (const auto& f : evaluate(with.rules_for(who), parts, {.direction = direction::request}, working).findings) strongest = std::max(strongest, f.action);
  return strongest;
}

context in_region(const std::string& region) {
  context who;
  who.region = region;
  return who;
}

TEST(policy_overlay, patches_a_rule_where_its_bind_fits_and_nowhere_else) {
  const auto report = built(with_overlay(overlay_file("o", "  - {rule: mail, override: {replace: {action: {type: redact, mask: \"[X]\"}}}}\n"), "{region: [eu]}"));
  ASSERT_TRUE(clean(report.found));
  EXPECT_EQ(act_on(*report.snapshot, in_region("eu")), action::redact);
  EXPECT_EQ(act_on(*report.snapshot, in_region("us")), action::flag);
  EXPECT_EQ(act_on(*report.snapshot, {}), action::flag);
  EXPECT_NE(effective_hash(report.snapshot->rules_for(in_region("eu"))), effective_hash(report.snapshot->rules_for({})));
  EXPECT_EQ(effective_hash(report.snapshot->rules_for(in_region("us"))), effective_hash(report.snapshot->rules_for({})));
}

TEST(policy_overlay, replaces_a_field_of_a_field_and_appends_to_lists) {
  bundle_ast ast;
  const auto found = testing::parsed(
      with_overlay(overlay_file("o", "  - {rule: mail, override: {replace: {action.keep_last: 2, action.type: redact, stream.hold: full}, append: {match.keywords: [pin], tags: [t]}}}\n"),
                   "{region: eu}"), &ast);
  ASSERT_TRUE(clean(found));
  ASSERT_EQ(ast.policies[0].variants.size(), 1u);
  const rule_variant& v = ast.policies[0].variants[0];
  EXPECT_EQ(v.overlays, std::vector<std::string>{"o"});
  EXPECT_EQ(v.rule.action.type, action::redact);
  EXPECT_EQ(v.rule.action.keep_last, 2u);
  EXPECT_TRUE(v.rule.hold_full);
  EXPECT_EQ(v.rule.match.keywords.words, (std::vector<std::string>{"needle", "pin"}));
  EXPECT_EQ(v.rule.tags, std::vector<std::string>{"t"});
  EXPECT_TRUE(v.rule.tests.empty());
  EXPECT_EQ(v.patches[0].changed.size(), 5u);
}

TEST(policy_overlay, shows_what_is_wrong_with_a_patch_where_it_stands) {
  const auto of = [](const std::string& patch) { return testing::parsed(with_overlay(overlay_file("o", "  - " + patch + "\n"), "{region: eu}")); };
  EXPECT_TRUE(says(of("{rule: mial, override: {replace: {score: 1}}}"), "o.yaml:5:12: error: overlay 'o' patches rule 'mial', which no policy has; did you mean 'mail'?"));
  EXPECT_TRUE(says(of("{rule: mail, override: {replace: {acton: 1}}}"), "o.yaml:5:39: error: 'acton' is no field of a rule; did you mean 'action'?"));
  EXPECT_TRUE(says(of("{rule: mail, override: {replace: {action.msak: 1}}}"), "'action.msak' is no field of a rule; did you mean 'mask'?"));
  EXPECT_TRUE(says(of("{rule: mail, override: {replace: {score: x}}}"), "o.yaml:5:46: error: rule mail: 'score' must be a whole number"));
  EXPECT_TRUE(says(of("{rule: mail, override: {replace: {id: other}}}"), "'id' cannot be changed by an overlay"));
  EXPECT_TRUE(says(of("{rule: mail, override: {append: {score: [1]}}}"), "'score' is no list"));
  EXPECT_TRUE(says(of("{rule: mail, override: {replace: {action: {type: flag}, action.mask: x}}}"), "is named twice in one patch"));
  EXPECT_TRUE(says(of("{rule: mail, override: {replace: {action.mask: x}}}"), "'mask' does nothing with type: flag"));
  EXPECT_TRUE(says(of("{rule: mail, override: {}}"), "the patch changes nothing"));
  EXPECT_TRUE(says(of("{rule: mail, overide: {}}"), "did you mean 'override'?"));
}

constexpr const char* block_rule =
    "  - id: mail\n    direction: request\n    match: {keywords: [needle, pin]}\n    action: {type: block, message: m}\n"
    "    tests:\n      - {name: hit, request: a needle, expect: {rules: [mail]}}\n"
    "      - {name: miss, request: hay, expect: {rules: []}}\n";

TEST(policy_overlay, loosens_only_what_is_relaxable) {
  const std::string relaxable = std::string(block_rule) + "    relaxable: true\n";
  const std::vector<std::string> loosening = {
      "replace: {action: {type: flag}}", "replace: {enforcement: shadow}", "replace: {where.roles: [user]}", "replace: {match.keywords: [needle]}",
      "replace: {match: {regex: needle}}", "replace: {match.case: sensitive}", "replace: {direction: response}",
      "append: {exceptions: [{id: e, when: {route: r}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]}"};
  for (const auto& how : loosening) {
    const auto overlay = overlay_file("o", "  - {rule: mail, override: {" + how + "}}\n");
    const auto found = testing::checked(with_overlay(overlay, "{region: [eu]}", block_rule));
    EXPECT_TRUE(says(found, "o.yaml:5:5: error: rule mail: overlay 'o'")) << how;
    EXPECT_TRUE(says(found, "add relaxable: true to the rule at p.yaml:")) << how;
    EXPECT_TRUE(clean(testing::checked(with_overlay(overlay, "{region: [eu]}", relaxable)))) << how;
  }
  const std::vector<std::string> tightening = {"append: {match.keywords: [pen]}", "replace: {direction: both, severity: high}", "replace: {action.message: other}"};
  for (const auto& how : tightening) {
    const auto overlay = overlay_file("o", "  - {rule: mail, override: {" + how + "}}\n");
    EXPECT_TRUE(clean(testing::checked(with_overlay(overlay, "{region: [eu]}", block_rule)))) << how;
  }
}

TEST(policy_overlay, composes_with_others_when_they_change_other_things) {
  const auto bundle = [](const std::string& a, const std::string& b, const std::string& bind_b) {
    return source_of({{"a.yaml", overlay_file("a", "  - {rule: mail, override: {replace: {" + a + "}}}\n")},
                      {"b.yaml", overlay_file("b", "  - {rule: mail, override: {replace: {" + b + "}}}\n")},
                      {"bundle.yaml", bundle_file("  - {use: p, bind: {scope: global}}\n  - {use: a, bind: {region: eu}}\n  - {use: b, bind: " + bind_b + "}\n")},
                      {"p.yaml", policy_file("p", block_rule)}});
  };
  bundle_ast ast;
  ASSERT_TRUE(clean(testing::parsed(bundle("severity: high", "score: 3", "{tenant: t}"), &ast)));
  EXPECT_EQ(ast.policies[0].variants.size(), 3u);
  const auto& both = ast.policies[0].variants.back();
  EXPECT_EQ(both.overlays, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(both.rule.severity, "high");
  EXPECT_EQ(both.rule.score, 3);
  EXPECT_TRUE(says(testing::parsed(bundle("score: 2", "score: 3", "{tenant: t}")), "both change 'score' of rule 'mail' and may fit at once; the other stands at a.yaml:5"));
  EXPECT_TRUE(clean(testing::parsed(bundle("score: 2", "score: 3", "{region: us}"), &ast)));
  EXPECT_EQ(ast.policies[0].variants.size(), 2u);
}

TEST(policy_overlay, is_named_by_explain_with_its_place_and_what_it_changed) {
  const auto report = built(with_overlay(overlay_file("o", "  - {rule: mail, override: {replace: {action: {type: redact, mask: \"[X]\"}}}}\n"), "{region: [eu]}"));
  ASSERT_TRUE(clean(report.found));
  const auto in = [&](const std::string& region) {
    return explain(report.bundle, *report.snapshot, {.who = in_region(region), .text = "a needle"}).rules.at(0);
  };
  const auto eu = in("eu"), us = in("us");
  ASSERT_EQ(eu.patches.size(), 1u);
  EXPECT_EQ(eu.place, "p.yaml:5:5");
  EXPECT_EQ(eu.patches[0].overlay, "o");
  EXPECT_EQ(eu.patches[0].place, "o.yaml:5:5");
  EXPECT_EQ(eu.patches[0].changed, std::vector<std::string>{"action"});
  EXPECT_EQ(eu.action, action::redact);
  EXPECT_EQ(eu.matches.at(0).action, action::redact);
  EXPECT_TRUE(us.patches.empty());
  EXPECT_EQ(us.action, action::flag);
}

TEST(policy_overlay, says_of_a_shadow_rule_without_end_that_it_cannot_be_enforced) {
  const std::string rule =
      "  - id: r\n    direction: response\n    enforcement: shadow\n    match: {regex: 'a\\s+b'}\n    action: {type: block, message: m}\n    tests:\n"
      "      - {name: hit, response: a   b, expect: {shadow: [r]}}\n      - {name: miss, response: hay, expect: {rules: []}}\n";
  const auto shadow = built(testing::one_policy(rule));
  EXPECT_TRUE(says(shadow.found, "warning: rule r: a streamed answer could not be released before its end"));
  EXPECT_NE(shadow.snapshot, nullptr);
  EXPECT_TRUE(says(testing::checked(with_overlay(overlay_file("o", "  - {rule: r, override: {replace: {enforcement: enforce}}}\n"), "{region: eu}", rule)),
                   "error: rule r: a streamed answer could not be released before its end"));
}

TEST(policy_overlay, is_named_by_a_module_once_and_by_no_policys_name) {
  const std::string patch = "  - {rule: mail, override: {replace: {score: 1}}}\n";
  EXPECT_TRUE(says(testing::parsed(source_of({{"bundle.yaml", bundle_file("  - {use: p, bind: {scope: global}}\n")},
                                              {"o.yaml", overlay_file("o", patch)},
                                              {"p.yaml", policy_file("p", mail_rule)}})),
                   "overlay 'o' is named by no module"));
  EXPECT_TRUE(says(testing::parsed(with_overlay(overlay_file("p", patch), "{region: eu}")), "'p' is a policy already"));
}

TEST(policy_scope, knows_conversation_tags_and_hours) {
  const auto rule = [](const std::string& id) {
    return "  - id: " + id + "\n    direction: request\n    match: {keywords: [" + id + "]}\n    action: {type: flag}\n    tests:\n      - {name: hit, request: " + id +
           ", expect: {rules: [" + id + "]}}\n      - {name: miss, request: hay, expect: {rules: []}}\n";
  };
  const auto report = built(source_of(
      {{"bundle.yaml", bundle_file("  - {use: t, bind: {conversation_tag: [investing, tax]}}\n"
                                   "  - {use: h, bind: {time: {tz: Europe/Berlin, days: [mon], from: \"22:00\", to: \"02:00\"}}}\n")},
       {"h.yaml", policy_file("h", rule("night"))},
       {"t.yaml", policy_file("t", rule("money"))}}));
  ASSERT_TRUE(clean(report.found));
  const auto at = [](const char* time, std::vector<std::string> tags = {}) {
    context who;
    who.minute = minute_of(parse_time(time).value());
    who.tags = std::move(tags);
    return who;
  };
  const auto flags = [&](const context& who, const char* text) { return act_on(*report.snapshot, who, text) == action::flag; };
  EXPECT_TRUE(flags(at("2026-12-01T10:00:00Z", {"other", "tax"}), "money"));
  EXPECT_FALSE(flags(at("2026-12-01T10:00:00Z", {"other"}), "money"));
  // Monday 2026-11-30, 22:00 in Berlin is 21:00 in UTC; in summer it is 20:00.
  EXPECT_FALSE(flags(at("2026-11-30T20:59:00Z"), "night"));
  EXPECT_TRUE(flags(at("2026-11-30T21:00:00Z"), "night"));
  EXPECT_TRUE(flags(at("2026-12-01T00:59:00Z"), "night"));
  EXPECT_FALSE(flags(at("2026-12-01T01:00:00Z"), "night"));
  EXPECT_FALSE(flags(at("2026-12-01T21:30:00Z"), "night"));
  EXPECT_TRUE(flags(at("2026-07-06T20:00:00Z"), "night"));
  EXPECT_FALSE(flags({}, "night"));
}

TEST(policy_suite, runs_tests_of_a_policy_and_of_the_whole_bundle) {
  const auto with = [](const std::string& suite) {
    auto source = with_overlay(overlay_file("o", "  - {rule: mail, override: {replace: {action: {type: redact, mask: \"[X]\"}}}}\n"), "{region: [eu]}");
    source.files.push_back(make_source_file("t.yaml", "apiVersion: sluice/v1\nkind: TestSuite\nmetadata: {name: s}\n" + suite));
    return built(source).found;
  };
  EXPECT_TRUE(clean(with("tests:\n  - {name: a, context: {region: eu}, request: needle, expect: {rules: [mail], text: \"[X]\"}}\n")));
  EXPECT_TRUE(says(with("tests:\n  - {name: a, request: needle, expect: {text: \"[X]\"}}\n"), "t.yaml:5:5: error: test suite 's', test 'a' failed: expected text \"[X]\", got \"needle\""));
  EXPECT_TRUE(says(with("policy: p\ntests:\n  - {name: a, request: needle, expect: {rules: []}}\n"), "expected rules [], got [mail]"));
  EXPECT_TRUE(says(with("policy: q\ntests:\n  - {name: a, request: needle, expect: {rules: []}}\n"), "is of policy 'q', which does not exist"));
  EXPECT_TRUE(says(with("tests:\n  - {name: a, request: needle, expect: {rules: [mial]}}\n"), "expects rule 'mial', which is not there"));
}

TEST(policy_scope, refuses_a_zone_that_does_not_exist) {
  for (const std::string zone : {"Europe/Berln", "GMT+3", "x"}) {
    EXPECT_TRUE(says(testing::checked(testing::one_policy(testing::rule_with("{keywords: [needle]}"), "scope: {time: {tz: " + zone + "}}\n")),
                     "time zone '" + zone + "' does not exist"));
  }
  EXPECT_TRUE(clean(testing::checked(testing::one_policy(testing::rule_with("{keywords: [needle]}"), "scope: {time: {tz: UTC}}\n"))));
}

// A thousand tenants, each with a policy, five regions with an overlay, and exceptions by route.
TEST(policy_scope, looks_a_context_up_in_a_thousand_tenants) {
  std::vector<std::pair<std::string, std::string>> files;
  std::string modules;
  for (int i = 0; i < 1000; ++i) {
    const auto n = std::to_string(i);
    modules += "  - {use: p" + n + ", bind: {tenant: t" + n + "}}\n";
    files.emplace_back("p" + n + ".yaml", policy_file("p" + n, "  - id: r" + n + "\n    direction: request\n    match: {keywords: [word" + n + "]}\n    action: {type: flag}\n    tests:\n"
                                                              "      - {name: hit, request: word" + n + ", expect: {rules: [r" + n + "]}}\n      - {name: miss, request: hay, expect: {rules: []}}\n"));
  }
  modules += "  - {use: g, bind: {scope: global}}\n  - {use: o, bind: {region: [eu, eea]}}\n";
  files.emplace_back("g.yaml", policy_file("g", mail_rule));
  files.emplace_back("o.yaml", overlay_file("o", "  - {rule: mail, override: {replace: {action: {type: redact, mask: \"[X]\"}}}}\n"));
  files.emplace_back("bundle.yaml", bundle_file(modules));
  diagnostics found;
  bundle_ast ast = parse(source_of(files), found);
  check(ast, testing::today, found);
  ASSERT_TRUE(clean(found));
  const auto backend = match::in_process_backend();
  shard_cache cache{""};
  const auto begin = mono_now();
  const auto compiled = compile(ast, *backend, cache, found);
  const auto took = std::chrono::duration_cast<milliseconds>(mono_now() - begin);
  ASSERT_TRUE(clean(found));
  std::vector<context> contexts;
  for (int i = 0; i < 1100; ++i) {
    context who = in_region(i % 2 == 0 ? "eu" : "us");
    who.tenant = "t" + std::to_string(i);
    who.route = "chat";
    who.model = "gpt-4o-mini";
    contexts.push_back(std::move(who));
  }
  std::size_t sum = 0;
  constexpr int rounds = 100;
  const auto start = mono_now();
  for (int round = 0; round < rounds; ++round) {
    for (const auto& who : contexts) sum += effective_hash(compiled->rules_for(who)).size();
  }
  const auto each = std::chrono::duration<double, std::nano>(mono_now() - start).count() / (rounds * static_cast<double>(contexts.size()));
  EXPECT_EQ(sum, 64u * rounds * contexts.size());
  RecordProperty("lookup_ns", static_cast<int>(each));
  std::printf("look-up %.0f ns, compile %lld ms, %zu KiB\n", each, static_cast<long long>(took.count()), compiled->memory_bytes() >> 10);
  EXPECT_LT(each, 5000) << "a look-up is a walk over a few tables; this bound only shows that it is no scan";
  EXPECT_EQ(act_on(*compiled, contexts[0], "word0"), action::flag);
  EXPECT_EQ(act_on(*compiled, contexts[1], "word0"), action::allow);
  EXPECT_EQ(act_on(*compiled, contexts[0]), action::redact);
}

}  // namespace
}  // namespace sluice::policy
