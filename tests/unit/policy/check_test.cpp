// The checker: references, patterns, streams, exceptions and tests of a bundle that can be read but must not go live.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "sources.hpp"

namespace sluice::policy {
namespace {

using testing::checked;
using testing::clean;
using testing::one_policy;
using testing::rule_with;
using testing::says;
using testing::source_of;

std::string tests_for(const std::string& positive, const std::string& field = "request") {
  return "\n    tests:\n      - {name: hit, " + field + ": \"" + positive + "\", expect: {rules: [r]}}\n" +
         "      - {name: miss, " + field + ": \"zzz\", expect: {rules: []}}\n";
}

diagnostics check_regex(const std::string& regex, const std::string& direction = "request",
                        const std::string& rest = "action: {type: redact}") {
  return checked(one_policy("  - id: r\n    direction: " + direction + "\n    match: {regex: '" + regex + "'}\n    " +
                            rest + tests_for("x", direction == "response" ? "response" : "request")));
}

TEST(policy_check, accepts_a_plain_rule_without_a_word) {
  const auto found = checked(one_policy(rule_with("{keywords: [needle]}")));
  EXPECT_TRUE(found.empty()) << to_text(found);
}

TEST(policy_check, resolves_lists_and_knows_the_unused_ones) {
  const std::string list =
      "apiVersion: sluice/v1\nkind: List\nmetadata: {name: needles}\nmatch: {boundary: none}\nitems: [needle]\n";
  auto source = one_policy(rule_with("{list: needles}"));
  source.files.push_back(make_source_file("z.yaml", list));
  bundle_ast ast;
  EXPECT_TRUE(clean(checked(source, &ast)));
  EXPECT_EQ(ast.policies[0].rules[0].match.keywords.words, std::vector<std::string>{"needle"});
  EXPECT_EQ(ast.policies[0].rules[0].match.keywords.boundary, boundary::none);
  EXPECT_TRUE(says(checked(one_policy(rule_with("{list: nedles}"))), "list 'nedles' does not exist"));
  source.files.push_back(
      make_source_file("zz.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: spare}\nitems: [x]\n"));
  EXPECT_TRUE(says(checked(source), "zz.yaml:3:18: error: list 'spare' is used by no rule"));
}

TEST(policy_check, knows_every_action_as_one_that_the_engine_does) {
  const std::vector<std::pair<std::string, std::string>> actions = {
      {"tag", ", tags: [a]"}, {"inject_system", ", text: x"},
      {"require_disclaimer", ", disclaimer: d"}, {"append", ", text: x"}};
  for (const auto& [type, more] : actions) {
    EXPECT_FALSE(says(checked(one_policy(rule_with("{keywords: [needle]}", "action: {type: " + type + more + "}"), "disclaimers: {d: {text: x}}\n")),
                      "is not supported by this version"));
  }
}

TEST(policy_check, demands_a_replacement_for_every_word) {
  const auto with_list = [](const std::string& items) {
    auto source = one_policy(rule_with("{list: l}", "action: {type: rewrite}"));
    source.files.push_back(make_source_file("z.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\nitems: " + items + "\n"));
    return checked(source);
  };
  constexpr const char* refusal = "a rewrite without 'replacement'";
  EXPECT_TRUE(says(with_list("[a, {value: b, replacement: c}]"), refusal));
  EXPECT_FALSE(says(with_list("[{value: a, replacement: x}, {value: b, replacement: c}]"), refusal));
  EXPECT_TRUE(says(checked(one_policy(rule_with("{regex: x}", "action: {type: rewrite}"))), refusal));
  EXPECT_FALSE(says(checked(one_policy(rule_with("{regex: x}", "action: {type: rewrite, replacement: ''}"))), refusal));
}

TEST(policy_check, says_of_demands_on_records_that_the_node_decides) {
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [needle]}"), "audit: {store_text: none}\n")), "warning: 'audit' is a demand"));
}

TEST(policy_check, refuses_ids_that_are_taken) {
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [needle]}") + rule_with("{keywords: [needle]}"))),
                   "rule 'r' exists already"));
}

TEST(policy_check, says_one_thing_of_one_mistake) {
  const std::string copy = rule_with("{keywords: [needle]}", "action: {type: flag}\n    exceptions: [{id: e, when: {route: a}, expires: 2026-12-31, reason: r, owner: o, ticket: t}]");
  const auto twice = checked(one_policy(copy + copy.substr(0, copy.find("    tests:"))));
  EXPECT_EQ(std::ranges::count_if(twice, [](const diagnostic& each) { return each.severity == severity::error && each.message.contains("exists already"); }), 1) << to_text(twice);
  EXPECT_FALSE(says(twice, "no tests")) << to_text(twice);
  auto source = one_policy(rule_with("{keywords: [needle]}"));
  const auto at = std::ranges::find(source.files, "p.yaml", &source_file::path);
  ASSERT_NE(at, source.files.end());
  source.files.push_back(make_source_file("q.yaml", at->bytes));
  const auto named_twice = testing::parsed(source);
  EXPECT_TRUE(says(named_twice, "policy 'p' exists already")) << to_text(named_twice);
  EXPECT_FALSE(says(named_twice, "named by no module")) << to_text(named_twice);
}

TEST(policy_check, points_into_the_pattern) {
  const auto found = check_regex("abc(def");
  EXPECT_TRUE(says(found, "the pattern is no regular expression"));
  const diagnostic* at = testing::find(found, "no regular expression");
  ASSERT_NE(at, nullptr);
  EXPECT_EQ(at->place.line, 7);
  EXPECT_EQ(at->place.column, 21 + 7);  // past the seven characters of the pattern, which begins in column 21
  EXPECT_EQ(at->rule, "r");
}

TEST(policy_check, refuses_a_callout) {
  const auto found = check_regex("abc(?C255)");
  EXPECT_TRUE(says(found, "the pattern cannot be used: a callout, (?C…), asks nothing here (at character 4 of the pattern)")) << to_text(found);
  EXPECT_TRUE(says(found, "leave it out")) << to_text(found);
}

TEST(policy_check, refuses_patterns_that_explode) {
  for (const char* pattern : {"(x+x+)+[yz]", "(a|aa)+$", "(?:[0-9]+,?){1,99}#", "(?:ab|abab)*c", "(\\w+\\s?)*$:"}) {
    EXPECT_TRUE(says(check_regex(pattern), "the pattern explodes")) << pattern;
  }
  for (const char* pattern : {"(?:ab){1,5}c", "\\b[0-9](?:[ -]?[0-9]){12,18}\\b", "\\b[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]{4}){2,7}\\b", "x+y"}) {
    EXPECT_FALSE(says(check_regex(pattern), "the pattern explodes")) << pattern;
  }
}

TEST(policy_check, refuses_patterns_that_match_everything_or_nothing) {
  EXPECT_TRUE(says(check_regex("x*"), "matches the empty text"));
  EXPECT_TRUE(says(check_regex("(a|)"), "matches the empty text"));
  EXPECT_TRUE(says(check_regex(""), "the pattern is empty"));
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [\"\"]}"))), "an empty word"));
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [\"\\u200b\"]}"))), "an empty word"));
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [\"  \"]}"))), "an empty word"));
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [needle, NEEDLE]}"))), "says the same as an earlier word"));
  EXPECT_TRUE(
      says(checked(one_policy(rule_with("{regex: needle, prefilter: [\"\"]}"))), "'prefilter' holds an empty word"));
}

TEST(policy_check, refuses_unbounded_patterns_that_would_cut_a_stream) {
  EXPECT_TRUE(says(check_regex("x.*y", "response"), "stream: {hold: full}"));
  EXPECT_TRUE(says(check_regex("x\\\\w+", "both"), "could not be released before its end"));
  EXPECT_TRUE(says(check_regex("x.*y", "response", "enforcement: shadow\n    action: {type: block, message: m}"),
                   "stream: {hold: full}"));
  EXPECT_FALSE(
      says(check_regex("x.*y", "response", "stream: {hold: full}\n    action: {type: redact}"), "released before"));
  EXPECT_FALSE(says(check_regex("x.*y", "response", "action: {type: flag}"), "released before"));
  EXPECT_FALSE(says(check_regex("x.*y", "request"), "released before"));
  EXPECT_FALSE(says(check_regex("x.{0,64}y", "response"), "released before"));
}

// A list says for all its words in which readings they are looked for: held all the same, and said.
TEST(policy_check, tells_of_other_readings_in_what_changes_answers_whoever_asks_for_them) {
  const auto found_with = [](const std::string& match, const std::string& rest = "action: {type: redact}", const std::string& more = {}, expired_exceptions how = expired_exceptions::refuse) {
    auto source = one_policy("  - id: r\n    direction: both\n    match: " + match + "\n    " + rest + tests_for("a needle"), more);
    source.files.push_back(make_source_file("l.yaml",
                                            "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\nmatch: {normalize: [collapse_space, leet]}\nitems: [needle]\n---\n"
                                            "apiVersion: sluice/v1\nkind: Macro\nmetadata: {name: m}\nmatch: {any: [{keywords: [hay]}, {list: l}]}\n"));
    diagnostics found;
    bundle_ast ast = parse(source, found);
    if (!has_errors(found)) check(ast, testing::today, found, how);
    return found;
  };
  const std::string said = "warning: rule r: 'normalize: [collapse_space, leet]' of list 'l' is decided at the end of an answer, and this rule's action is redact: it holds every streamed answer to its end";
  for (const std::string match : {"{list: l}", "{any: [{list: l}]}", "{any: [{keywords: [hay]}, {any: [{list: l}]}]}", "{macro: m}", "{any: [{macro: m}]}"}) {
    EXPECT_TRUE(says(found_with(match), said)) << match << to_text(found_with(match));
    EXPECT_FALSE(says(found_with(match, "action: {type: flag}"), "decided at the end")) << match;
    EXPECT_FALSE(says(found_with(match, "stream: {hold: full}\n    action: {type: redact}"), "decided at the end")) << match;
  }
  EXPECT_TRUE(says(found_with("{list: l}", "action: {type: block, message: m}"), "this rule's action is block"));
  EXPECT_TRUE(says(found_with("{keywords: [needle], normalize: [strip_marks]}"), "error: rule r: 'normalize: [strip_marks]' is decided at the end"));
  // A node that holds such answers goes on with what it has.
  const auto at_a_node = found_with("{keywords: [needle], normalize: [strip_marks]}", "action: {type: redact}", {}, expired_exceptions::leave_out);
  EXPECT_TRUE(says(at_a_node, "is decided at the end of an answer") && !has_errors(at_a_node)) << to_text(at_a_node);
  // What nobody has published is no such thing.
  EXPECT_TRUE(has_errors(found_with("{keywords: [needle], normalize: [strip_marks]}", "action: {type: redact}", {}, expired_exceptions::leave_out_unpublished)));
}

TEST(policy_check, tells_of_an_overlay_what_it_tells_of_a_rule) {
  auto source = source_of({{"bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: p, bind: {scope: global}}\n  - {use: o, bind: {tenant: [t]}}\n"},
                           {"l.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l}\nmatch: {normalize: [leet]}\nitems: [needle]\n"},
                           {"o.yaml", "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: o, owner: o}\npatches:\n  - {rule: r, override: {replace: {action: {type: redact}}}}\n"},
                           {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n  - id: r\n    direction: both\n    match: {list: l}\n    action: {type: flag}" +
                                          tests_for("a needle")}});
  EXPECT_TRUE(says(checked(source), "'normalize: [leet]' of list 'l' is decided at the end of an answer, and this rule's action is redact"));
}

TEST(policy_check, survives_patterns_that_explode) {
  const std::vector<std::string> patterns = {"(?:\\w+\\s){1,300}x",
                                             "(a{1,1000}){1,1000}b",
                                             "((((a{1,100}){1,100}){1,100}){1,100}){1,100}",
                                             "(x+x+)+y",
                                             std::string(100'000, 'a'),
                                             std::string(2'000, '(') + "a" + std::string(2'000, ')'),
                                             "[a-z]{6,30}[0-9]{2,10}",
                                             "\\p{L}{1,60000}q",
                                             "(?<=a{1,100})b",
                                             "(?R)a|b",
                                             "(a)\\1{1,100}"};
  for (const std::string& pattern : patterns) {
    const auto begin = std::chrono::steady_clock::now();
    (void)check_regex(pattern, "response");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << pattern.substr(0, 40);
  }
  EXPECT_TRUE(says(check_regex(std::string(100'000, 'a')), "the limit is 4096"));
}

TEST(policy_check, demands_tests_that_show_both_sides) {
  const std::string rule = "  - id: r\n    direction: request\n    match: {keywords: [x]}\n    action: {type: flag}\n";
  EXPECT_TRUE(says(checked(one_policy(rule)), "the rule has no tests"));
  EXPECT_TRUE(says(checked(one_policy(rule + "    tests: [{name: a, request: x, expect: {rules: [r]}}]\n")),
                   "no test shows a text that the rule leaves alone"));
  EXPECT_TRUE(says(checked(one_policy(rule + "    tests: [{name: a, request: y, expect: {rules: []}}]\n")),
                   "no test shows the rule matching"));
  EXPECT_TRUE(says(checked(one_policy(rule + "    tests: [{name: a, request: x, expect: {rules: [q]}}]\n")),
                   "expects rule 'q', which this policy does not have"));
  EXPECT_TRUE(says(checked(one_policy(rule + "    tests: [{name: a, request: x, expect: {suppressed: [q]}}]\n")),
                   "expects exception 'q'"));
  EXPECT_TRUE(says(checked(one_policy(rule + "    tests: [{name: a, response: x, expect: {rules: [r]}}]\n")),
                   "direction that it does not look at"));
  EXPECT_TRUE(says(
      checked(one_policy(
          rule +
          "    tests: [{name: a, request: x, expect: {rules: [r]}}, {name: a, request: y, expect: {rules: []}}]\n")),
      "two tests are named 'a'"));
}

TEST(policy_check, ends_exceptions_on_their_day) {
  const auto until = [](const std::string& day) {
    return checked(one_policy(rule_with("{keywords: [needle]}",
                                        "action: {type: flag}\n    exceptions:\n      - {id: e, when: {route: a}, "
                                        "reason: r, owner: o, ticket: t, expires: " +
                                            day + "}")));
  };
  EXPECT_TRUE(says(until("2026-11-22"), "exception 'e' expired on 2026-11-22"));
  EXPECT_TRUE(clean(until("2026-11-23"))) << "a date counts to its end";
  EXPECT_TRUE(clean(until("2027-05-22")));
  EXPECT_FALSE(says(until("2027-05-22"), "180 days"));
  EXPECT_TRUE(says(until("2027-06-30"), "warning: rule r: exception 'e' lasts longer than 180 days"));
  EXPECT_TRUE(says(until("2027-05-22"), "no test shows exception 'e' at work"));
}

TEST(policy_check, knows_rules_that_can_never_act) {
  const auto scopes = checked(source_of(
      {{"bundle.yaml",
        "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: [{use: p, bind: {region: [eu]}}]\n"},
       {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p}\nscope: {region: [us]}\nrules:\n" +
                      rule_with("{keywords: [needle]}")}}));
  EXPECT_TRUE(says(scopes, "never fit together"));
  EXPECT_TRUE(says(checked(one_policy("  - id: r\n    direction: response\n    where: {roles: [user]}\n    match: "
                                      "{keywords: [x]}\n    action: {type: flag}" +
                                      tests_for("x", "response"))),
                   "so the rule never matches"));
}

TEST(policy_check, writes_a_missing_message_and_says_so) {
  bundle_ast ast;
  EXPECT_TRUE(says(checked(one_policy(rule_with("{keywords: [needle]}", "action: {type: block}")), &ast),
                   "warning: rule r: a block without 'message'"));
  EXPECT_FALSE(ast.policies[0].rules[0].action.message.empty());
}

TEST(policy_check, counts_against_the_bundles_limits) {
  auto source = one_policy(rule_with("{keywords: [needle, hay2, x3]}"));
  source.files[0] = make_source_file("bundle.yaml",
                                     "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nlimits: {max_rules: 0, "
                                     "max_patterns: 2}\nmodules: [{use: p, bind: {scope: global}}]\n");
  const auto found = checked(source);
  EXPECT_TRUE(says(found, "has 1 rules; the limit is 0"));
  EXPECT_TRUE(says(found, "3 words and patterns; the limit is 2"));
}

}  // namespace
}  // namespace sluice::policy
