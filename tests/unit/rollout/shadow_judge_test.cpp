// What a candidate makes of an exchange that another version decided, and when that is exactly what would have been.
#include "sluice/rollout/shadow_judge.hpp"

#include <gtest/gtest.h>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/shard_cache.hpp"

namespace sluice::rollout {
namespace {

std::string rule(const std::string& id, const std::string& direction, const std::string& word, const std::string& action) {
  const std::string side = direction == "response" ? "response" : "request";
  return "  - id: " + id + "\n    direction: " + direction + "\n    match: {keywords: [" + word + "]}\n    action: " + action + "\n    tests: [{name: a, " + side + ": so " + word + " it is, expect: {rules: [" + id +
         "]}}, {name: b, " + side + ": nothing, expect: {rules: []}}]\n";
}

std::shared_ptr<const policy::snapshot> made(const std::string& rules) {
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: [{use: p, bind: {scope: global}}]\n"));
  source.files.push_back(policy::make_source_file("p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rules));
  static const auto backend = match::in_process_backend();
  static policy::shard_cache cache{""};
  auto report = policy::build(source, parse_time("2026-11-23").value(), *backend, cache);
  EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
  return report.snapshot;
}

shadow_exchange exchange(const std::string& candidate, const std::string& live, const std::string& request, const std::string& response, bool streamed) {
  shadow_exchange out;
  out.candidate = made(candidate);
  out.live = made(live);
  out.request.push_back({.name = "messages[0].content", .text = request});
  out.response.push_back({.role = policy::role::assistant, .name = "choices[0]", .text = response});
  out.streamed = streamed;
  out.response_judged = true;
  return out;
}

shadow_judgement judged(const shadow_exchange& of, compare_cost cost = compare_cost::no) {
  policy::scratch one, other;
  return judge_in_shadow(of, {.hash = "h", .token = "t"}, cost, one, other);
}

const std::string hide_x = rule("hide", "response", "merrow", R"({type: redact, mask: "[X]"})"), hide_m = rule("hide", "response", "merrow", R"({type: redact, mask: "[M]"})"),
                  stop = rule("stop", "both", "bomb", "{type: block, message: No.}"), ask = rule("ask", "request", "ostwick", R"({type: redact, mask: "[O]"})");

TEST(shadow_judge, tells_another_text_of_a_stream_from_the_same_one) {
  auto of = exchange(hide_m, hide_x, "hello", "old merrow said so", true);
  of.response_verdict = policy::verdict::edit;
  EXPECT_TRUE(judged(of).text_differs);
  EXPECT_EQ(judged(of).inexact, "");
  of.candidate = made(hide_x);
  EXPECT_FALSE(judged(of).text_differs);
  of.candidate = made(stop);
  EXPECT_TRUE(judged(of).text_differs) << "what is not hidden any more is another text";
}

TEST(shadow_judge, an_answer_is_exact_up_to_the_candidates_first_cut) {
  auto of = exchange(stop, hide_x, "hello", "a bomb for merrow", true);
  of.response_verdict = policy::verdict::edit;
  const auto cut = judged(of);
  EXPECT_EQ(cut.response.verdict, policy::verdict::block);
  EXPECT_EQ(cut.inexact, "");
  auto gone = exchange(hide_x, stop, "hello", "a bomb", true);
  gone.response_verdict = policy::verdict::block;
  EXPECT_NE(judged(gone).inexact, "") << "nobody knows what would have followed";
  gone.streamed = false;
  EXPECT_EQ(judged(gone).inexact, "") << "a whole answer is known";
}

// Its texts came side by side: what one choice says behind the first cut of another would be held against the candidate.
TEST(shadow_judge, which_of_several_choices_a_stream_would_be_cut_in_first_is_not_known) {
  auto of = exchange(stop, hide_x, "hello", "so much of weather and then a bomb", true);
  of.response.push_back({.role = policy::role::assistant, .choice = 1, .name = "choices[1]", .text = "a bomb"});
  EXPECT_EQ(judged(of).response.verdict, policy::verdict::block);
  EXPECT_EQ(judged(of).inexact, "its choices came side by side, and which of them would have been cut first is not known");
  of.candidate = made(hide_x);
  EXPECT_EQ(judged(of).inexact, "") << "what lets all of them pass does so in any order";
  of.candidate = made(stop);
  of.streamed = false;
  EXPECT_EQ(judged(of).inexact, "") << "a whole answer has no order";
  of.streamed = true;
  of.response[1].choice = 0;
  EXPECT_EQ(judged(of).inexact, "") << "two texts of one choice come one after the other";
}

TEST(shadow_judge, a_choice_that_did_not_end_is_closed_by_no_rule) {
  auto of = exchange(rule("note", "response", "loan", "{type: append, text: No advice.}"), hide_x, "hello", "a loan", true);
  EXPECT_TRUE(judged(of).response.additions.empty()) << "the client went before its end";
  EXPECT_FALSE(judged(of).text_differs);
  of.choices = {{.choice = 0, .structured = false}};
  of.answer_ended = true;
  EXPECT_TRUE(judged(of).text_differs);
}

TEST(shadow_judge, an_answer_to_another_request_is_inexact) {
  const auto of = exchange(ask, stop, "go to ostwick", "an answer", false);
  EXPECT_EQ(judged(of).inexact, "the upstream would have been sent another request");
  EXPECT_TRUE(judged(of).text_differs);
  auto same = of;
  same.live = same.candidate;
  same.request_edits = judged(of).request.edits;
  same.request_verdict = policy::verdict::edit;
  EXPECT_EQ(judged(same).inexact, "");
  EXPECT_FALSE(judged(same).text_differs);
  auto blocked = exchange(ask, stop, "a bomb", "", false);
  blocked.response_judged = false;
  blocked.request_verdict = policy::verdict::block;
  EXPECT_EQ(judged(blocked).inexact, "the request was blocked, so there is no answer to judge");
  const auto blocks = judged(exchange(stop, ask, "a bomb", "an answer", false));
  EXPECT_EQ(blocks.inexact, "") << "there would have been no answer";
  EXPECT_FALSE(blocks.response_judged);
}

TEST(shadow_judge, takes_the_cost_of_the_live_version_when_asked) {
  const auto of = exchange(hide_m, hide_x, "hello", "old merrow said so", false);
  EXPECT_EQ(judged(of).live_took, microseconds(0));
  EXPECT_GT(judged(of, compare_cost::live_first).live_took, microseconds(0));
  EXPECT_GT(judged(of, compare_cost::live_second).took, microseconds(0));
}

}  // namespace
}  // namespace sluice::rollout
