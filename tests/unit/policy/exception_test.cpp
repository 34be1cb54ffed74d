// Exceptions of every kind of match. Goal: what they name inside of a finding is excused, nothing that stands beside a finding excuses it, and
// the outcome says what was suppressed and whose exception it was.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::policy {
namespace {

constexpr const char* card_rule = "{regex: '\\b[A-Z][a-z]{1,20}-[0-9]{4}\\b'}";

// A rule that blocks names with a number, and one exception whose match is given.
bundle_source with_exception(const std::string& match, const std::string& more = ", ticket: T-1, expires: 2026-12-31") {
  auto source = testing::one_policy(std::string("  - id: r\n    direction: both\n    match: ") + card_rule +
                                    "\n    action: {type: block, message: m}\n    exceptions:\n      - {id: x, " + match + ", reason: test numbers, owner: payments" + more +
                                    "}\n    tests:\n      - {name: hit, request: \"Zeta-9999\", expect: {rules: [r]}}\n      - {name: miss, request: nothing, expect: {rules: []}}\n");
  // A list that nobody uses is refused.
  if (match.contains("testers")) source.files.push_back(make_source_file("words.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: testers, owner: o}\nitems: [halden, ostwick]\n"));
  source.files.push_back(make_source_file("x.yaml", "apiVersion: sluice/v1\nkind: Macro\nmetadata: {name: test_name, owner: o}\nmatch: {any: [{keywords: [halden]}, {regex: 'Ost'}]}\n"));
  return source;
}

outcome ask(const snapshot& with, const std::string& text, context who = {}) {
  scratch working;
  const text_part part{.text = text};
  return evaluate(with.rules_for(who), {&part, 1}, {.direction = direction::request}, working);
}

struct excused_by {
  const char* match;
  std::vector<const char*> excused, found;
};

TEST(policy_exceptions, excuse_by_every_kind_of_match) {
  const std::vector<excused_by> all = {
      {"match: {keywords: [halden]}", {"Halden-1234"}, {"Haldens-1234", "Ostwick-1234"}},
      {"match: {keywords: [hal], boundary: none}", {"Halden-1234", "Hal-1234"}, {"Ostwick-1234"}},
      {"match: {keywords: [Halden], case: sensitive}", {"Halden-1234"}, {"Ostwick-1234"}},
      {"match: {list: testers}", {"Halden-1234", "Ostwick-1234"}, {"Merrow-1234"}},
      {"match: {regex: '0{4}$'}", {"Halden-0000"}, {"Halden-0001"}},
      {"match: {regex: '[0-9]+', entropy: {min: 1.5}}", {"Halden-1234"}, {"Halden-1111"}},
      {"match: {macro: test_name}", {"Halden-1234", "Ostwick-1234"}, {"Merrow-1234"}},
      {"match: {phrase: [[halden, ostwick], \"1234\"]}", {"Halden-1234", "Ostwick-1234"}, {"Halden-1235"}},
      {"match: {any: [{keywords: [halden]}, {regex: '7777'}]}", {"Halden-1234", "Merrow-7777"}, {"Merrow-1234"}},
      {"match: {all: [{keywords: [halden]}, {regex: '7777'}]}", {"Halden-7777"}, {"Halden-1234", "Merrow-7777"}},
      {"match: {all: [{keywords: [halden]}, {not: {regex: '7777'}}]}", {"Halden-1234"}, {"Halden-7777", "Merrow-1234"}},
      {"match: {regex: '[1-4]', min_count: 4}", {"Halden-1234"}, {"Halden-1239"}},
      {"when: {tenant: [acme]}, match: {keywords: [halden]}", {}, {"Halden-1234"}},
  };
  for (const auto& each : all) {
    const auto report = testing::built(with_exception(each.match));
    ASSERT_NE(report.snapshot, nullptr) << each.match << "\n" << to_text(report.found);
    for (const std::string text : each.excused) {
      EXPECT_EQ(ask(*report.snapshot, "see " + text).verdict, verdict::allow) << each.match << ": " << text;
      EXPECT_EQ(ask(*report.snapshot, text + " and Zeta-9998").verdict, verdict::block) << each.match << ": one excused finding excuses no other";
    }
    for (const std::string text : each.found) {
      EXPECT_EQ(ask(*report.snapshot, text).verdict, verdict::block) << each.match << ": " << text;
      // What is excused elsewhere in the text excuses nothing here.
      EXPECT_EQ(ask(*report.snapshot, "halden ost 7777 " + text + " Halden-0000").verdict, verdict::block) << each.match << ": " << text;
    }
  }
}

// A rule that finds whole lines, so that a finding has an inside.
bundle_source line_with_exception(const std::string& match) {
  auto source = testing::one_policy("  - id: r\n    direction: both\n    match: {regex: 'LINE [^\\n]{1,200}'}\n    action: {type: block, message: m}\n    exceptions:\n      - {id: x, match: " + match +
                                    ", reason: test lines, owner: payments, ticket: T-1, expires: 2026-12-31}\n    tests:\n      - {name: hit, request: \"LINE a\", expect: {rules: [r]}}\n      - {name: miss, request: nothing, expect: {rules: []}}\n");
  if (match.contains("streets")) source.files.push_back(make_source_file("words.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: streets, owner: o}\nitems: [{value: halden, near: [street], within: 9}, ostwick]\n"));
  return source;
}

TEST(policy_exceptions, look_beside_and_behind_disguises_inside_of_the_finding) {
  const std::vector<excused_by> all = {
      {"{keywords: [halden], near: [street], within: 12}", {"LINE halden street", "LINE street of halden"}, {"LINE halden", "LINE halden road", "LINE halden and then the next street"}},
      {"{keywords: [halden], unless_near: [street], within: 9}", {"LINE halden", "LINE halden road"}, {"LINE halden street", "LINE ostwick"}},
      {"{regex: '[0-9]{4}', near: {of: [test], within: 12}}", {"LINE test 1234"}, {"LINE 1234", "LINE test, and after more than that 1234"}},
      {"{list: streets}", {"LINE halden street", "LINE ostwick"}, {"LINE halden", "LINE merrow"}},
      {"{keywords: [halden bank], decode: [base64]}", {"LINE halden bank", "LINE aGFsZGVuIGJhbms= said"}, {"LINE aGFsZGVuIGJhbXM= said"}},
      {"{keywords: [halden], decode: [base64, percent], max_depth: 2}", {"LINE JTY4JTYxJTZjJTY0JTY1JTZl said"}, {"LINE JTY4JTYxJTZjJTY0JTY1JTYx said"}},
      {"{keywords: [halden], normalize: [leet]}", {"LINE h4ld3n"}, {"LINE h4ld3r"}},
      {"{keywords: [halden], normalize: [collapse_space]}", {"LINE h a l d e n"}, {"LINE h a l d e r"}},
      {"{keywords: [halden], min_count: 2, decode: [base64]}", {"LINE halden halden", "LINE halden aGFsZGVuIGJhbms="}, {"LINE halden", "LINE aGFsZGVuIGJhbms="}},
  };
  for (const auto& each : all) {
    const auto report = testing::built(line_with_exception(each.match));
    ASSERT_NE(report.snapshot, nullptr) << each.match << "\n" << to_text(report.found);
    for (const std::string text : each.excused) EXPECT_EQ(ask(*report.snapshot, text).verdict, verdict::allow) << each.match << ": " << text;
    for (const std::string text : each.found) {
      EXPECT_EQ(ask(*report.snapshot, text).verdict, verdict::block) << each.match << ": " << text;
      // Nothing of another line counts, wherever it stands.
      EXPECT_EQ(ask(*report.snapshot, "street test\n" + text + "\nstreet test halden halden ostwick").verdict, verdict::block) << each.match << ": " << text;
    }
  }
}

// What a rule would find as a word excuses as one, and nothing else does.
TEST(policy_exceptions, know_the_edges_of_words_that_rules_know) {
  for (const std::string match : {"{keywords: [halden]}", "{regex: '(?i)\\bhalden\\b'}", "{regex: '[0-9]{4}', near: {of: [halden], within: 12}}"}) {
    const auto report = testing::built(line_with_exception(match));
    ASSERT_NE(report.snapshot, nullptr) << match << "\n" << to_text(report.found);
    for (const std::string word : {"Halden", "我halden的", "_halden_"}) EXPECT_EQ(ask(*report.snapshot, "LINE " + word + " 1234").verdict, verdict::allow) << match << ": " << word;
    // It reads what the rule matched, as that was matched: an edge that only the text itself shows excuses nothing.
    for (const std::string word : {"haldens", "xhalden", "my_halden", "halden_x", "halden\u0301", "x\u200bhalden", "halden™"}) EXPECT_EQ(ask(*report.snapshot, "LINE " + word + " 1234").verdict, verdict::block) << match << ": " << word;
  }
}

TEST(policy_exceptions, whose_readings_cannot_all_be_made_excuse_nothing) {
  const auto report = testing::built(testing::one_policy("  - id: r\n    direction: request\n    match: {regex: '(?s)LINE.{1,60000}'}\n    action: {type: block, message: m}\n    exceptions:\n      - {id: x, match: {keywords: [halden], decode: [rot13], normalize: [leet]}"
                                                          ", reason: test, owner: o, ticket: T-1, expires: 2026-12-31}\n    tests:\n      - {name: hit, request: \"LINE a\", expect: {rules: [r]}}\n      - {name: miss, request: nothing, expect: {rules: []}}\n"));
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  EXPECT_EQ(ask(*report.snapshot, "LINE halden").verdict, verdict::allow);
  std::string many = "LINE halden";
  for (int i = 0; i < 8'000; ++i) many += " w0rd5";  // each reading as long as the text, and together longer than an exception reads
  EXPECT_EQ(ask(*report.snapshot, many).verdict, verdict::block);
}

TEST(policy_exceptions, say_what_was_suppressed_and_whose_they_are) {
  const auto report = testing::built(with_exception("match: {list: testers}"));
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  const auto got = ask(*report.snapshot, "see Halden-1234 and Ostwick-1234");
  EXPECT_TRUE(got.findings.empty());
  ASSERT_EQ(got.suppressed.size(), 1u);
  const auto& one = got.suppressed[0];
  EXPECT_EQ(one.exception_id, "x");
  EXPECT_EQ(one.owner, "payments");
  EXPECT_EQ(one.ticket, "T-1");
  EXPECT_EQ(one.count, 2u);
  EXPECT_EQ(one.value, "Halden-1234");
  EXPECT_EQ(std::pair(one.begin, one.end), std::pair(4u, 15u));
  const auto why = explain(report.bundle, *report.snapshot, {.who = {}, .text = "see Halden-1234"});
  ASSERT_EQ(why.rules[0].suppressed.size(), 1u);
  EXPECT_EQ(why.rules[0].suppressed[0].owner, "payments");
  EXPECT_EQ(why.rules[0].suppressed[0].reason, "test numbers");
  EXPECT_EQ(why.rules[0].suppressed[0].expires, "2026-12-31");
}

TEST(policy_exceptions, act_alike_in_streams) {
  const auto report = testing::built(with_exception("match: {all: [{list: testers}, {not: {regex: '7777'}}]}"));
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  for (const auto& [text, blocked] : {std::pair("a Halden-1234 b", false), std::pair("a Halden-7777 b", true), std::pair("a Merrow-1234 b", true)}) {
    scratch working;
    stream_evaluator stream(report.snapshot, report.snapshot->rules_for({}), {direction::response}, working);
    const auto channel = stream.open(role::assistant, part_kind::text, true);
    std::string out;
    for (const char c : std::string(text)) (void)stream.feed(channel, {&c, 1}, out);
    (void)stream.finish(channel, out);
    EXPECT_EQ(stream.blocked(), blocked) << text;
    EXPECT_EQ(stream.result().suppressed.size(), blocked ? 0u : 1u) << text;
  }
}

TEST(policy_exceptions, that_ask_for_more_than_the_finding_are_refused) {
  const auto refuses = [](const std::string& match, const std::string& why, const std::string& more = ", ticket: T-1, expires: 2026-12-31") {
    EXPECT_TRUE(testing::says(testing::checked(with_exception(match, more)), why)) << match;
  };
  refuses("match: {classifier: {name: c, label: l, threshold: 0.5, on_timeout: match}}", "an exception that asks a classifier");
  refuses("when: global", "so it switches the rule off");
  refuses("match: {list: nobody}", "list 'nobody' does not exist");
  refuses("match: {keywords: [a]}", "expired on 2026-11-22", ", ticket: T-1, expires: 2026-11-22");
  refuses("match: {keywords: [a]}", "ticket", ", expires: 2026-12-31");
}

TEST(policy_exceptions, with_another_list_are_other_rules) {
  const auto base = testing::built(with_exception("match: {list: testers}"));
  auto source = with_exception("match: {list: testers}");
  for (auto& file : source.files) {
    if (file.path == "words.yaml") file = make_source_file("words.yaml", file.bytes + "\n# one more line\n");
  }
  const auto other = testing::built(source);
  EXPECT_NE(effective_hash(base.snapshot->rules_for({})), effective_hash(other.snapshot->rules_for({})));
  bundle_ast a, b;
  (void)testing::checked(with_exception("match: {list: testers}"), &a);
  (void)testing::checked(with_exception("match: {keywords: [halden, ostwick, merrow]}"), &b);
  EXPECT_EQ(diff(a, b).effect, effect::may_weaken);
}

}  // namespace
}  // namespace sluice::policy
