// Scores and thresholds. Goal: enforced and shadow sums stay apart, a threshold acts when it is crossed and only then, and a stream is cut
// at the match that crosses it and holds nothing for it.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::policy {
namespace {

using testing::snapshot_of;

std::string rule(const std::string& id, int score, const std::string& action = "{type: allow}", const std::string& more = {}) {
  const bool shadow = more.contains("shadow");
  return "  - id: " + id + "\n    direction: both\n    match: {keywords: [" + id + "]}\n    action: " + action + "\n    score: " + std::to_string(score) + "\n" + more +
         "    tests:\n      - {name: hit, request: " + id + ", expect: {" + (shadow ? "shadow" : "rules") + ": [" + id + "]}}\n      - {name: miss, request: nothing, expect: {rules: []}}\n";
}

bundle_source scored(const std::string& rules, const std::string& sums = "{request: 5, response: 5}") {
  return testing::one_policy(rules, "thresholds: {anomaly: " + sums + "}\n");
}

outcome ask(const snapshot& with, const std::vector<std::string>& texts, direction which = direction::request, bool global_shadow = false) {
  std::vector<text_part> parts;
  for (const auto& t : texts) parts.push_back({which == direction::request ? role::user : role::assistant, part_kind::text, true, true, t});
  scratch working;
  return evaluate(with.rules_for({}), parts, {.direction = which, .global_shadow = global_shadow}, working);
}

struct streamed {
  std::string out;
  outcome what;
};
streamed stream(const std::shared_ptr<const snapshot>& with, const std::vector<std::string>& pieces) {
  scratch working;
  stream_evaluator e(with, with->rules_for({}), {direction::response}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  streamed out;
  for (const auto& p : pieces) {
    (void)e.feed(c, p, out.out);
    EXPECT_TRUE(e.blocked() || e.held_bytes(c) == 0) << "nothing is held for a sum";
  }
  (void)e.finish(c, out.out);
  out.what = e.result();
  return out;
}

// The same as a field that says one piece in each event; `ends_behind`: after so many it is finished once, and goes on.
outcome in_pieces(const std::shared_ptr<const snapshot>& with, const std::vector<std::string>& pieces, std::size_t ends_behind = 0) {
  using reading = stream_evaluator::reading;
  scratch working;
  stream_evaluator e(with, with->rules_for({}), {direction::response}, working);
  const auto field = e.open(role::assistant, part_kind::text, false, 0, reading::field);
  std::string nothing;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string left;
    const auto piece = e.open(role::assistant, part_kind::text, true, 0, reading::piece);
    (void)e.feed(piece, pieces[i], left);
    (void)e.finish(piece, left);
    (void)e.add_piece(field, piece, left);
    if (i + 1 == ends_behind) (void)e.finish(field, nothing);
  }
  (void)e.finish(field, nothing);
  EXPECT_TRUE(nothing.empty()) << "nothing of a field leaves by itself";
  return e.result();
}

std::vector<std::string> letters(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

TEST(policy_scores, act_at_the_sum_over_all_parts_and_not_below) {
  const auto with = snapshot_of(scored(rule("weak", 2) + rule("strong", 4, "{type: flag}") + rule("none", 0)));
  const auto below = ask(*with, {"weak", "weak and none"});
  EXPECT_EQ(below.verdict, verdict::allow);
  ASSERT_EQ(below.scores.size(), 1u);
  EXPECT_EQ(below.scores[0].policy, "p");
  EXPECT_EQ(below.scores[0].enforced, 4u);
  EXPECT_FALSE(below.scores[0].crossed);
  const auto above = ask(*with, {"weak", "strong"});
  EXPECT_EQ(above.verdict, verdict::block);
  EXPECT_TRUE(above.scores[0].crossed);
  EXPECT_EQ(above.why(), "the score of policy 'p' is 6, its threshold 5");
  EXPECT_EQ(above.block.rule, 0xffffffffu);
  EXPECT_EQ(ask(*with, {"weak weak weak"}).verdict, verdict::block);
  EXPECT_TRUE(ask(*with, {"none"}).scores.empty());
}

TEST(policy_scores, are_of_one_direction_and_one_policy) {
  const auto one_way = snapshot_of(scored(rule("weak", 5), "{request: 5}"));
  EXPECT_EQ(ask(*one_way, {"weak"}).verdict, verdict::block);
  EXPECT_EQ(ask(*one_way, {"weak"}, direction::response).verdict, verdict::allow);
  const auto two = snapshot_of(testing::source_of({{"bundle.yaml", testing::bundle_file("  - {use: a, bind: {scope: global}}\n  - {use: b, bind: {scope: global}}\n")},
                                                   {"a.yaml", testing::policy_file("a", rule("one", 3), "thresholds: {anomaly: {request: 5}}\n")},
                                                   {"b.yaml", testing::policy_file("b", rule("two", 3), "thresholds: {anomaly: {request: 6, action: flag}}\n")}}));
  EXPECT_EQ(ask(*two, {"one two"}).verdict, verdict::allow);
  EXPECT_EQ(ask(*two, {"two two"}).verdict, verdict::flag);
  EXPECT_EQ(ask(*two, {"one one two two"}).verdict, verdict::block);
}

TEST(policy_scores, of_shadow_rules_are_a_sum_apart) {
  const auto with = snapshot_of(scored(rule("real", 3) + rule("maybe", 3, "{type: allow}", "    enforcement: shadow\n")));
  const auto got = ask(*with, {"real maybe"});
  EXPECT_EQ(got.verdict, verdict::allow);
  EXPECT_EQ(got.shadow_verdict, verdict::block);
  EXPECT_EQ(got.scores[0].enforced, 3u);
  EXPECT_EQ(got.scores[0].all, 6u);
  EXPECT_FALSE(got.scores[0].crossed);
  const auto quiet = ask(*with, {"real real"}, direction::request, true);
  EXPECT_EQ(quiet.verdict, verdict::allow);
  EXPECT_EQ(quiet.shadow_verdict, verdict::block);
}

TEST(policy_scores, leave_out_what_an_exception_suppressed) {
  const auto with = snapshot_of(testing::one_policy("  - id: real\n    direction: both\n    match: {keywords: [real, fact]}\n    action: {type: flag}\n    score: 5\n"
                                                    "    exceptions: [{id: x, match: {keywords: [real]}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]\n"
                                                    "    tests:\n      - {name: hit, request: \"it is fact\", expect: {rules: [real], action: block}}\n"
                                                    "      - {name: not, request: real, expect: {rules: [], suppressed: [x], action: allow}}\n",
                                                    "thresholds: {anomaly: {request: 5}}\n"));
  EXPECT_EQ(ask(*with, {"real"}).verdict, verdict::allow);
  EXPECT_TRUE(ask(*with, {"real"}).scores.empty());
  EXPECT_EQ(ask(*with, {"fact"}).verdict, verdict::block);
}

TEST(policy_scores, of_a_field_in_pieces_are_those_of_the_text) {
  const auto edits = "  - id: gone\n    direction: both\n    match: {keywords: [long word]}\n    action: {type: redact, mask: x}\n"
                     "    tests: [{name: a, request: long word, expect: {rules: [gone]}}, {name: b, request: z, expect: {rules: []}}]\n";
  const auto both = "  - id: both\n    direction: both\n    match: {all: [{keywords: [one]}, {keywords: [two]}]}\n    action: {type: flag}\n    score: 1\n"
                    "    tests: [{name: a, request: one two, expect: {rules: [both]}}, {name: b, request: z, expect: {rules: []}}]\n";
  const auto with = snapshot_of(scored(rule("weak", 1, "{type: flag}") + edits + both, "{response: 100}"));
  const std::vector<std::vector<std::string>> cuts = {{"a weak and weak"}, {"a weak ", "and weak"}, {"a we", "ak and w", "eak"}, {"long word, weak ", "long word ", "and weak, long word"},
                                                      {"one weak ", "two weak"}, {"one two weak ", "and weak"}, {"weak ", "one t", "wo weak one two"}};
  for (const auto& pieces : cuts) {
    std::string text;
    for (const auto& p : pieces) text += p;
    const auto whole = ask(*with, {text}, direction::response);
    for (std::size_t ends = 0; ends <= pieces.size(); ++ends) {
      const auto got = in_pieces(with, pieces, ends);
      ASSERT_EQ(got.scores.size(), 1u) << text;
      EXPECT_EQ(got.scores[0].enforced, whole.scores[0].enforced) << text << " " << ends;
      EXPECT_EQ(got.findings.size(), whole.findings.size()) << text << " " << ends;
    }
  }
}

TEST(policy_scores, of_a_field_are_those_of_the_text_however_it_is_cut) {
  const auto counts = "  - id: weak\n    direction: both\n    match: {regex: 'abc'}\n    action: {type: flag}\n    score: 1\n"
                      "    tests: [{name: a, request: abc, expect: {rules: [weak]}}, {name: b, request: z, expect: {rules: []}}]\n";
  const auto with = snapshot_of(scored(counts, "{response: 10000}"));
  std::mt19937 rng(20261129);
  std::size_t found = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += rng() % 3 == 0 ? "abc" : std::string(1, static_cast<char>('a' + rng() % 3));
    std::vector<std::string> pieces(1);
    for (const char c : text) {
      if (rng() % 4 == 0 && !pieces.back().empty()) pieces.emplace_back();
      pieces.back() += c;
    }
    const auto whole = ask(*with, {text}, direction::response);
    const auto got = in_pieces(with, pieces, rng() % (pieces.size() + 1));
    ASSERT_EQ(got.findings.size(), whole.findings.size()) << text;
    ASSERT_EQ(got.scores.empty() ? 0 : got.scores[0].enforced, whole.scores.empty() ? 0 : whole.scores[0].enforced) << text;
    found += got.findings.size();
  }
  EXPECT_GT(found, 1000u);
}

// What an exception took back in a piece may be another thing together with what follows.
TEST(policy_scores, of_a_field_count_what_only_its_pieces_were_excepted_from) {
  const auto with = snapshot_of(testing::one_policy("  - id: word\n    direction: both\n    match: {regex: 'real[a-z]{0,8}'}\n    action: {type: block, message: m}\n"
                                                    "    exceptions: [{id: x, match: {regex: '^real$'}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]\n"
                                                    "    tests:\n      - {name: hit, request: \"it is realty\", expect: {rules: [word], action: block}}\n"
                                                    "      - {name: not, request: real, expect: {rules: [], suppressed: [x], action: allow}}\n"));
  EXPECT_EQ(in_pieces(with, {"it is real", " and"}).verdict, verdict::allow);
  EXPECT_EQ(in_pieces(with, {"it is real", " and"}).suppressed.at(0).count, 1u);
  EXPECT_EQ(in_pieces(with, {"it is real", "ty"}).verdict, verdict::block);
}

TEST(policy_scores, cut_a_stream_at_the_match_that_crosses_them_and_hold_nothing) {
  const auto with = snapshot_of(scored(rule("weak", 3)));
  const std::string text = "one weak two weak three";
  const auto one_by_one = stream(with, letters(text));
  EXPECT_EQ(one_by_one.what.verdict, verdict::block);
  EXPECT_TRUE(std::string("one weak two weak ").starts_with(one_by_one.out)) << one_by_one.out;
  EXPECT_TRUE(one_by_one.out.starts_with("one weak two")) << one_by_one.out;
  const auto at_once = stream(with, {text});
  EXPECT_EQ(at_once.out, "one weak two ");
  EXPECT_EQ(stream(with, letters("one weak two")).what.verdict, verdict::allow);
  // The order of the text decides, not that of the rules: the crossing one is the last.
  const auto order = snapshot_of(scored(rule("aaa", 3) + "  - id: bbb\n    direction: both\n    match: {regex: 'b{3}'}\n    action: {type: allow}\n    score: 3\n"
                                                         "    tests:\n      - {name: hit, request: bbb, expect: {rules: [bbb]}}\n      - {name: miss, request: x, expect: {rules: []}}\n"));
  EXPECT_EQ(stream(order, {"x aaa y bbb z"}).out, "x aaa y ");
  EXPECT_EQ(stream(order, {"x bbb y aaa z"}).out, "x bbb y ");
}

TEST(policy_scores, are_tested_streamed_behind_an_edit) {
  // The answer is edited and then cut: what left is a beginning of the edited answer.
  const auto report = testing::built(scored("  - id: card\n    direction: both\n    match: {keywords: [secret]}\n    action: {type: redact, mask: \"[S]\"}\n    score: 3\n"
                                            "    tests:\n      - {name: one, response: a secret here, expect: {rules: [card], text: \"a [S] here\"}}\n"
                                            "      - {name: two, response: a secret and a secret here, expect: {rules: [card], action: block}}\n"
                                            "      - {name: none, response: nothing, expect: {rules: []}}\n"));
  EXPECT_NE(report.snapshot, nullptr) << to_text(report.found);
}

TEST(policy_scores, are_explained_and_warned_of_when_nothing_adds_to_them) {
  const auto report = testing::built(scored(rule("weak", 3)));
  const auto why = explain(report.bundle, *report.snapshot, {.who = {}, .text = "weak weak"});
  ASSERT_EQ(why.scores.size(), 1u);
  EXPECT_EQ(why.scores[0].enforced, 6u);
  EXPECT_TRUE(why.scores[0].crossed);
  EXPECT_EQ(why.rules[0].score, 3u);
  EXPECT_EQ(why.reason, "the score of policy 'p' is 6, its threshold 5");
  EXPECT_TRUE(testing::says(testing::checked(scored(rule("weak", 0))), "no rule for requests has a score"));
  EXPECT_FALSE(testing::says(testing::checked(scored(rule("weak", 1))), "has a score"));
}

TEST(policy_scores, that_grow_or_go_are_told_by_diff) {
  const auto ast = [](const bundle_source& source) {
    bundle_ast out;
    EXPECT_TRUE(testing::clean(testing::checked(source, &out)));
    return out;
  };
  const auto base = ast(scored(rule("weak", 3)));
  EXPECT_EQ(diff(base, ast(scored(rule("weak", 3), "{request: 6, response: 5}"))).effect, effect::weaker);
  EXPECT_EQ(diff(base, ast(scored(rule("weak", 3), "{request: 4, response: 5}"))).effect, effect::stronger);
  EXPECT_EQ(diff(base, ast(scored(rule("weak", 2)))).effect, effect::may_weaken);
}

}  // namespace
}  // namespace sluice::policy
