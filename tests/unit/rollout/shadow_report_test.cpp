// From records to the report of a version in shadow.
#include "sluice/rollout/shadow_report.hpp"

#include <gtest/gtest.h>

namespace sluice::rollout {
namespace {

const std::string candidate(64, 'c'), live(64, 'a');

std::string side(const std::string& verdict, const std::string& would, const std::string& findings) {
  return R"({"findings":[)" + findings + R"(],"suppressed":[],"nd":{},"verdict":")" + verdict + R"(","shadow_verdict":")" + would + "\"}";
}
std::string finding(const std::string& rule, const std::string& action, const std::string& enforcement = "enforce", const std::string& more = "") {
  return R"({"rule":")" + rule + R"(","policy":"p","action":")" + action + R"(","enforcement":")" + enforcement + R"(","channel":"messages[0].content","span":[0,3],)" + more + R"("hmac":"x","masked":"**x"})";
}
// In the history that is sent again with each request.
std::string again(const std::string& rule, const std::string& action) { return finding(rule, action, "enforce", R"("last_turn":false,)"); }
std::string strongest(const std::string& a, const std::string& b) { return a == "block" || b == "block" ? "block" : a == "edit" || b == "edit" ? "edit" : "allow"; }

struct exchange {
  std::string id, tenant = "t", was = "allow", would = "allow", findings = "", response_was = "allow", response_would = "allow", response_findings = "";
  bool exact = true, text_differs = false;
  std::string conversation = "";
};

std::string in_shadow(const exchange& e, int second = 0) {
  const bool answered = e.would != "block";
  return R"({"v":1,"seq":1,"boot":"b","node":"n1","event":"shadow","time":"2026-12-01T12:00:)" + std::string(second < 10 ? "0" : "") + std::to_string(second) + R"(.000000Z","id":")" + e.id +
         R"(","arm":"shadow","version":")" + candidate + R"(","live":")" + live + R"(","text_differs":)" + (e.text_differs ? "true" : "false") + R"(,"shadow_exact":)" + (e.exact ? "true" : R"(false,"inexact":"why")") +
         R"(,"shadow_us":100,"context":{"tenant":")" + e.tenant + (e.conversation.empty() ? "" : R"(","conversation":")" + e.conversation) + R"("},"request":)" + side(e.was, e.would, e.findings) + R"(,"response":)" +
         (answered ? side(e.response_was, e.response_would, e.response_findings) : "null") + R"(,"verdict":")" + strongest(e.was, e.response_was) + R"(","shadow_verdict":")" +
         strongest(e.would, answered ? e.response_would : "allow") + "\"}";
}

std::string decided(const std::string& id, const std::string& response, const std::string& time = "2026-12-01T12:00:01.000000Z") {
  return R"({"event":"decision","time":")" + time + R"(","id":")" + id + R"(","arm":"stable","version":")" + live + R"(","request":)" + side("allow", "allow", "") + R"(,"response":)" + response + R"(,"verdict":"allow"})";
}

TEST(shadow_report, counts_each_exchange_once_and_names_the_rules_of_either_version) {
  shadow_reading reading("");
  reading.judged(in_shadow({.id = "d1"}));
  reading.judged(in_shadow({.id = "d2", .tenant = "u", .would = "block", .findings = finding("tax", "block") + "," + finding("tax", "block")}, 1));
  reading.judged(in_shadow({.id = "d3", .response_was = "block"}, 2));
  reading.judged(in_shadow({.id = "d4", .response_was = "edit", .response_would = "edit", .response_findings = finding("mask", "redact"), .text_differs = true}, 3));
  reading.judged(in_shadow({.id = "d5", .would = "edit", .exact = false, .text_differs = true}, 4));
  reading.judged(in_shadow({.id = "d1"}, 5));
  reading.decided(decided("d3", side("block", "block", finding("old", "block"))));
  reading.decided(decided("d9", "null"));
  reading.decided(decided("d10", "null", "2026-12-02T00:00:00.000000Z"));
  const auto made = reading.finish(nullptr).value();
  EXPECT_EQ(made.candidate, candidate);
  EXPECT_EQ(made.judged, 5u) << "a record that was read twice is one";
  EXPECT_EQ(made.inexact, 1u);
  EXPECT_EQ(made.why_inexact.at("why"), 1u);
  EXPECT_EQ(made.not_judged, 1u) << "of the time of the shadow, d9 alone";
  EXPECT_EQ(made.total.n, 4u);
  EXPECT_EQ(made.total.newly_blocked, 1u);
  EXPECT_EQ(made.total.newly_passed, 1u);
  EXPECT_EQ(made.total.other_text, 1u);
  EXPECT_EQ(made.by_tenant.at("u").newly_blocked, 1u);
  EXPECT_EQ(made.by_direction.at("request").n, 4u);
  EXPECT_EQ(made.by_direction.at("response").n, 3u) << "d2 has no answer";
  ASSERT_EQ(made.rules.size(), 3u);
  for (const auto& rule : made.rules) {
    EXPECT_EQ(rule.counts.changed(), 1u) << rule.rule;
    ASSERT_EQ(rule.examples.size(), 1u);
    EXPECT_EQ(rule.examples[0].masked, "**x");
  }
  const auto json = to_json(made), html = to_html(made);
  EXPECT_TRUE(with_bounds(1, 4).starts_with("1 (25 %; 0.63")) << with_bounds(1, 4) << ": Clopper and Pearson's interval of 1 in 4";
  EXPECT_NE(json.find("\"shed\": 1"), std::string::npos);
  EXPECT_NE(html.find("Newly blocked, by rule"), std::string::npos);
}

TEST(shadow_report, says_why_it_is_about_this_version_and_names_the_others) {
  const auto of = [](const std::string& version, const exchange& e, int second) {
    auto line = in_shadow(e, second);
    return line.replace(line.find(candidate), candidate.size(), version);
  };
  const std::string older(64, 'd');
  const auto report = [&](const std::string& wanted) {
    shadow_reading reading(wanted);
    reading.judged(of(older, {.id = "d1"}, 0));
    reading.judged(of(older, {.id = "d1"}, 0));
    reading.judged(of(candidate, {.id = "d2"}, 1));
    return reading.finish(nullptr);
  };
  const auto newest = report("").value();
  EXPECT_EQ(newest.candidate, candidate);
  EXPECT_EQ(choice_of(newest), "it is the one that was in shadow last; also in shadow meanwhile: dddddddddddd (1 exchange, the last at 2026-12-01T12:00:00.000000Z); --candidate VERSION names another");
  EXPECT_TRUE(to_json(newest).contains(R"("chosen": "newest")") && to_html(newest).contains("was in shadow last"));
  const auto named = report("dddddddd").value();
  EXPECT_EQ(named.candidate, older);
  EXPECT_TRUE(choice_of(named).starts_with("it was named; also in shadow meanwhile: cccccccccccc"));
  EXPECT_TRUE(report("eeee").error().message.ends_with("there are cccccccccccc, dddddddddddd"));
  shadow_reading alone("");
  alone.judged(in_shadow({.id = "d1"}));
  EXPECT_EQ(choice_of(alone.finish(nullptr).value()), "");
}

TEST(shadow_report, what_a_conversation_sends_again_counts_once) {
  shadow_reading reading("");
  const auto blocked = [&](const std::string& id, const std::string& conversation, const std::string& findings) {
    reading.judged(in_shadow({.id = id, .would = "block", .findings = findings, .conversation = conversation}));
  };
  blocked("a1", "a", finding("tax", "block"));
  for (int turn = 2; turn < 10; ++turn) blocked("a" + std::to_string(turn), "a", again("tax", "block"));
  blocked("b1", "b", again("tax", "block"));  // the first that is seen of this one
  blocked("b2", "b", again("tax", "block"));
  blocked("b3", "b", again("tax", "block") + "," + finding("tax", "block"));
  for (int turn = 0; turn < 3; ++turn) {
    reading.judged(in_shadow({.id = "c" + std::to_string(turn), .would = "edit", .findings = turn == 0 ? finding("mask", "redact") : again("mask", "redact"), .text_differs = true, .conversation = "c"}));
  }
  blocked("e2", "e", again("tax", "block"));
  blocked("e1", "e", finding("tax", "block"));  // judged by another node, and later
  const auto made = reading.finish(nullptr).value();
  EXPECT_EQ(made.total.n, 17u);
  EXPECT_EQ(made.total.newly_blocked, 4u);
  EXPECT_EQ(made.total.other_text, 1u);
  EXPECT_EQ(made.by_tenant.at("t").newly_blocked, 4u);
  EXPECT_EQ(made.by_direction.at("request").newly_blocked, 4u);
  ASSERT_EQ(made.rules.size(), 2u);
  EXPECT_EQ(made.rules[0].rule, "tax");
  EXPECT_EQ(made.rules[0].matched, 4u);
  EXPECT_EQ(made.rules[0].counts.newly_blocked, 4u);
  EXPECT_EQ(made.rules[1].matched, 1u);
}

// Whoever asks without a name: the same words in another place, or in the last turn, are no history of each other.
TEST(shadow_report, one_shot_requests_of_nobody_known_all_count) {
  shadow_reading reading("");
  for (int i = 0; i < 5; ++i) reading.judged(in_shadow({.id = "d" + std::to_string(i), .would = "block", .findings = finding("tax", "block")}));
  EXPECT_EQ(reading.finish(nullptr).value().total.newly_blocked, 5u);
}

TEST(shadow_report, a_rule_has_no_samples_of_what_it_could_not_see) {
  policy::bundle_ast bundle;
  policy::policy_ast owner;
  owner.name = "p";
  owner.binds.resize(1);
  owner.binds[0].tenant = {"small"};
  for (const auto& [id, direction] : {std::pair("asked", policy::direction::request), {"answered", policy::direction::response}}) {
    policy::rule r;
    r.id = id;
    r.direction = direction;
    r.promote_when = policy::promote_spec{.min_samples = 50, .fpr_upper95 = 0.01, .min_days = 0};
    owner.rules.push_back(std::move(r));
  }
  bundle.policies.push_back(std::move(owner));
  shadow_reading reading("");
  for (int i = 0; i < 2000; ++i) reading.judged(in_shadow({.id = "d" + std::to_string(i)}));
  for (int i = 0; i < 50; ++i) {
    reading.judged(in_shadow({.id = "s" + std::to_string(i), .tenant = "small", .would = i < 10 ? "block" : "allow", .findings = i < 5 ? finding("asked", "block", "shadow") : ""}));
  }
  const auto made = reading.finish(&bundle).value();
  ASSERT_EQ(made.promotions.size(), 2u);
  EXPECT_EQ(made.promotions[0].samples, 50u);
  EXPECT_EQ(made.promotions[0].hits, 5u);
  EXPECT_EQ(made.promotions[0].shown, shadow_promotion::verdict::needs_labels) << "5 of 50, however many others there are";
  EXPECT_EQ(made.promotions[1].samples, 40u) << "ten have no answer";
  EXPECT_EQ(made.promotions[1].shown, shadow_promotion::verdict::insufficient);
}

TEST(shadow_report, calls_nothing_shed_that_came_while_nothing_was_in_shadow) {
  const auto under = [](std::string line, const std::string& activation) { return "{\"activation\":\"" + activation + "\"," + line.substr(1); };
  shadow_reading reading("");
  reading.judged(under(in_shadow({.id = "d1"}, 1), "1-2"));
  reading.judged(under(in_shadow({.id = "d2"}, 9), "1-4"));
  const auto decide = [&](const std::string& id, const std::string& activation) { reading.decided(under(decided(id, "null", "2026-12-01T12:00:05.000000Z"), activation)); };
  reading.decided(R"({"event":"shadowing","time":"2026-12-01T12:00:04.000000Z","activation":"1-6","version":")" + candidate + "\"}");
  reading.decided(R"({"event":"shadowing","time":"2026-12-01T12:00:04.000000Z","activation":"1-7","version":")" + live + "\"}");
  decide("d3", "1-2");
  decide("d4", "1-3");  // between an abort and the next push
  decide("d5", "1-4");
  decide("d6", "1-6");  // all of it was shed
  decide("d7", "1-7");  // another version was in shadow
  EXPECT_EQ(reading.finish(nullptr).value().not_judged, 3u);
}

TEST(shadow_report, names_what_a_canary_decided_beside_it) {
  const std::string trial(64, 'e');
  const auto by_canary = [&](const std::string& id, const std::string& activation) {
    return R"({"event":"decision","time":"2026-12-01T12:00:00.500000Z","activation":")" + activation + R"(","id":")" + id + R"(","arm":"canary","version":")" + trial + R"(","request":)" + side("allow", "allow", "") +
           R"(,"response":null,"verdict":"allow"})";
  };
  shadow_reading reading("");
  reading.judged(in_shadow({.id = "d1"}));
  reading.judged(in_shadow({.id = "d2"}, 2));
  reading.decided(by_canary("d3", ""));
  reading.decided(by_canary("d4", ""));
  reading.decided(by_canary("d5", "1-9"));
  const auto made = reading.finish(nullptr).value();
  EXPECT_EQ(made.judged, 2u);
  EXPECT_EQ(made.not_judged, 0u) << "nothing was shed";
  EXPECT_EQ(made.by_canary, 2u) << "under 1-9 nothing was in shadow";
  EXPECT_EQ(made.canaries, std::vector{trial});
  EXPECT_EQ(beside_of(made), "2 exchanges were decided by a canary beside it, version eeeeeeeeeeee, and not judged: what is in shadow is held against what is live");
  EXPECT_NE(to_html(made).find("decided by a canary"), std::string::npos);
  EXPECT_NE(to_json(made).find(R"("decided": 2)"), std::string::npos);
}

TEST(shadow_report, holds_promote_when_against_unlabelled_traffic) {
  policy::bundle_ast bundle;
  policy::policy_ast p;
  p.name = "p";
  p.binds = {{}};
  for (const auto& [id, wanted] : {std::pair("calm", policy::promote_spec{.min_samples = 100, .fpr_upper95 = 0.05, .min_days = 0}), {"noisy", {.min_samples = 100, .fpr_upper95 = 0.05, .min_days = 0}},
                                   {"late", {.min_samples = 100, .fpr_upper95 = 0.05, .min_days = 7}}}) {
    policy::rule r;
    r.id = id;
    r.promote_when = wanted;
    p.rules.push_back(std::move(r));
  }
  bundle.policies.push_back(std::move(p));
  shadow_reading reading("ccc");
  for (int i = 0; i < 200; ++i) reading.judged(in_shadow({.id = "d" + std::to_string(i), .findings = i % 4 == 0 ? finding("noisy", "block", "shadow") : ""}));
  const auto made = reading.finish(&bundle).value();
  ASSERT_EQ(made.promotions.size(), 3u);
  EXPECT_EQ(made.promotions[0].shown, shadow_promotion::verdict::met);
  EXPECT_EQ(made.promotions[1].shown, shadow_promotion::verdict::needs_labels);
  EXPECT_EQ(made.promotions[1].hits, 50u);
  EXPECT_EQ(made.promotions[2].shown, shadow_promotion::verdict::insufficient);
  EXPECT_EQ(shadow_reading("zzz").finish(nullptr).error().code, errc::not_found);
}

}  // namespace
}  // namespace sluice::rollout
