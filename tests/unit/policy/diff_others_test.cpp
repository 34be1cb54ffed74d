// What a change of one rule takes away from others: by tags, by sums, by disclaimers; and what an action of another kind leaves readable.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/diff.hpp"

namespace sluice::policy {
namespace {

using testing::bundle_file;
using testing::policy_file;

std::string tests_of(const std::string& id, bool shadow, const std::string& way) {
  return "tests: [{name: a, " + way + ": x, expect: {" + (shadow ? "shadow" : "rules_any") + ": [" + id + "]}}]}\n";
}
std::string rule(const std::string& id, const std::string& word, const std::string& action, const std::string& more = {}, const std::string& way = "request") {
  return "  - {id: " + id + ", direction: " + way + ", match: {keywords: [" + word + "]}, action: " + action + (more.empty() ? "" : ", " + more) + ", " + tests_of(id, more.contains("shadow"), way == "both" ? "request" : way);
}
const std::string stop = "{type: block, message: m}";

struct part {
  std::string name, rules, more = {}, bind = "{scope: global}";
};
bundle_ast made(const std::vector<part>& parts) {
  std::string modules;
  std::vector<std::pair<std::string, std::string>> files;
  for (const part& each : parts) {
    modules += "  - {use: " + each.name + ", bind: " + each.bind + "}\n";
    files.emplace_back(each.name + ".yaml", each.rules.starts_with("patches") ? "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: " + each.name + ", owner: o}\n" + each.rules
                                                                               : policy_file(each.name, each.rules, each.more));
  }
  files.emplace_back("bundle.yaml", bundle_file(modules));
  bundle_ast out;
  EXPECT_TRUE(testing::clean(testing::checked(testing::source_of(std::move(files)), &out)));
  return out;
}
effect change(const std::vector<part>& before, const std::vector<part>& after) { return diff(made(before), made(after)).effect; }

using enum effect;

TEST(policy_diff, a_tag_that_loosens_and_that_more_conversations_get_may_weaken) {
  const std::string guard = rule("bomb", "pipe bomb", stop, "exceptions: [{id: e, when: {conversation_tag: [press]}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]");
  const std::string press = "{type: tag, tags: [press]}", tags = rule("tags", "journalist", press);
  const part p{"p", guard};
  const std::vector<part> all = {p, {"q", tags}};
  EXPECT_EQ(change({p}, all), may_weaken) << "a new rule that sets it";
  EXPECT_EQ(change(all, {p, {"q", rule("tags", "journalist, build", press)}}), may_weaken) << "a word more";
  EXPECT_EQ(change({p, {"q", rule("tags", "journalist", press, "enforcement: shadow")}}, all), may_weaken);
  EXPECT_EQ(change(all, {p, {"q", rule("tags", "journalist", press, {}, "both")}}), may_weaken) << "texts at which it did not look";
  EXPECT_EQ(change({p, {"q", tags, {}, "{region: [eu]}"}}, all), may_weaken) << "places where it was not";
  EXPECT_EQ(change({p, {"q", rule("tags", "journalist", "{type: flag}")}}, all), may_weaken);
  EXPECT_EQ(change({p, {"q", rule("tags", "journalist", "{type: tag, tags: [other]}")}}, {p, {"q", rule("tags", "journalist", "{type: tag, tags: [other, press]}")}}), may_weaken);
  EXPECT_EQ(change({p}, {p, {"q", rule("tags", "journalist", "{type: tag, tags: [other]}")}}), stronger) << "for which nobody asks";
  // By way of another tag, and in an overlay.
  const part by_way{"r", rule("more", "paper", press), {}, "{conversation_tag: [other]}"};
  EXPECT_EQ(change({p, by_way}, {p, by_way, {"q", rule("tags", "journalist", "{type: tag, tags: [other]}")}}), may_weaken);
  const part flags{"q", rule("tags", "journalist", "{type: flag}")}, overlay{"o", "patches:\n  - {rule: tags, override: {replace: {action: " + press + "}}}\n", {}, "{region: [eu]}"};
  EXPECT_EQ(change({p, flags}, {p, flags, overlay}), may_weaken);
}

TEST(policy_diff, a_tag_that_is_not_set_any_more_may_weaken_whatever_is_done_instead) {
  const std::vector<part> before = {{"marks", rule("about", "bomb", "{type: tag, tags: [weapons]}")}, {"guard", rule("bomb", "build", stop), {}, "{conversation_tag: [weapons]}"}};
  for (const std::string action : {"{type: flag}", "{type: rewrite, replacement: r}", "{type: redact}"}) {
    auto after = before;
    after[0].rules = rule("about", "bomb", action);
    EXPECT_EQ(change(before, after), may_weaken) << action;
  }
}

TEST(policy_diff, what_adds_to_no_sum_any_more_is_weaker) {
  const std::string sum = "thresholds: {anomaly: {request: 4, response: 4}}\n", allow = "{type: allow}";
  const std::string s1 = rule("s1", "alpha", allow, "score: 2"), s2 = rule("s2", "beta", allow, "score: 2"), o1 = rule("o1", "omega", "{type: flag}");
  const std::vector<part> before = {{"sum", s1 + s2, sum}, {"other", o1}};
  EXPECT_EQ(change(before, {{"sum", s1, sum}, {"other", o1}}), weaker) << "removed";
  EXPECT_EQ(change(before, {{"sum", s1 + rule("s2", "beta", allow, "score: 2, enforcement: shadow"), sum}, {"other", o1}}), weaker);
  EXPECT_EQ(change(before, {{"sum", s1 + rule("s2", "beta", allow), sum}, {"other", o1}}), weaker);
  EXPECT_EQ(change(before, {{"sum", s1 + rule("s2", "beta", allow, "score: 2, where: {roles: [user]}"), sum}, {"other", o1}}), weaker);
  EXPECT_EQ(change(before, {{"sum", s1 + s2, "scope: {region: [eu]}\n" + sum}, {"other", o1}}), weaker);
  EXPECT_EQ(change(before, {{"sum", s1 + s2, sum, "{region: [eu]}"}, {"other", o1}}), weaker);
  EXPECT_EQ(change(before, {{"sum", s1, sum}, {"other", o1 + s2}}), weaker) << "moved to a policy without a sum";
  EXPECT_EQ(change(before, {{"sum", s1, sum}, {"other", o1 + s2, sum}}), may_weaken) << "to another sum";
  EXPECT_EQ(change(before, {{"named", s1 + s2}, {"other", o1}}), weaker) << "renamed, and without thresholds";
  EXPECT_EQ(change(before, {{"named", s1 + s2, "thresholds: {anomaly: {request: 5, response: 4}}\n"}, {"other", o1}}), weaker);
  EXPECT_EQ(change(before, {{"named", s1 + s2, sum}, {"other", o1}}), none) << "the same sum by another name";
  EXPECT_EQ(change(before, {{"sum", s1 + rule("s2", "beta", stop, "score: 2"), sum}, {"other", o1}}), stronger) << "each match ends as the sum did";
  EXPECT_EQ(change(before, {{"sum", s1 + s2 + rule("s3", "gamma", allow, "score: 2"), sum}, {"other", o1}}), stronger);
  const auto narrowed = diff(made(before), made({{"sum", s1 + s2, sum, "{region: [eu]}"}, {"other", o1}}));
  EXPECT_EQ(narrowed.rules[0].cells, std::vector<std::string>{"region=*"});
}

TEST(policy_diff, an_overlay_that_takes_a_part_of_a_sum_away_loosens) {
  bundle_ast out;
  const auto found = testing::checked(testing::source_of({{"bundle.yaml", bundle_file("  - {use: p, bind: {scope: global}}\n  - {use: o, bind: {region: [eu]}}\n")},
                                                          {"p.yaml", policy_file("p", rule("s", "alpha", "{type: allow}", "score: 2"), "thresholds: {anomaly: {request: 4}}\n")},
                                                          {"o.yaml", "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: o, owner: o}\npatches:\n  - {rule: s, override: {replace: {score: 0}}}\n"}}),
                                      &out);
  EXPECT_TRUE(testing::says(found, "does not say relaxable: true"));
}

TEST(policy_diff, an_action_of_another_kind_that_leaves_more_readable_is_weaker) {
  const auto with = [](const std::string& action, const std::string& way = "request") { return std::vector<part>{{"p", rule("r", "alpha", action, {}, way), "disclaimers: {d: {text: It is so.}}\n"}}; };
  const std::string token = "{type: tokenize, token: \"<A_{n}>\"";
  for (const std::string& before : {std::string("{type: rewrite, replacement: r}"), token + "}"}) {
    EXPECT_EQ(change(with(before), with("{type: redact, keep_last: 16}")), weaker) << before;
    EXPECT_EQ(change(with(before), with("{type: redact, keep_first: 2}")), weaker) << before;
    EXPECT_EQ(change(with(before), with("{type: redact, hash: true}")), may_weaken) << before;
    EXPECT_EQ(change(with(before), with("{type: redact}")), stronger) << before;
  }
  EXPECT_EQ(change(with("{type: rewrite, replacement: r}"), with(token + ", restore: true}")), may_weaken);
  EXPECT_EQ(change(with("{type: flag}"), with("{type: redact, keep_last: 16}")), stronger) << "all of it was readable";
  EXPECT_EQ(change(with("{type: append, text: Call us.}", "response"), with("{type: redact}", "response")), may_weaken) << "the text is not added any more";
  EXPECT_EQ(change(with("{type: append, text: Call us.}", "response"), with(stop, "response")), stronger);
  EXPECT_EQ(change(with("{type: flag}", "response"), with("{type: require_disclaimer, disclaimer: d}", "response")), may_weaken) << "where it is there nothing is said";
}

TEST(policy_diff, a_text_that_is_a_disclaimer_may_weaken_who_looks_for_one) {
  const std::string needs = "  - {id: needs, direction: response, match: {keywords: [bond]}, action: {type: require_disclaimer, disclaimer: d}, " + tests_of("needs", false, "response");
  const part p{"p", needs, "disclaimers: {d: {text: No advice., present_if: {keywords: [no advice]}}}\n"};
  const auto with = [&](const std::string& text, const std::string& word = "fund") { return std::vector<part>{p, {"q", rule("r", word, "{type: rewrite, replacement: " + text + "}", {}, "response")}}; };
  EXPECT_EQ(change({p}, with("this is no advice")), may_weaken);
  EXPECT_EQ(change(with("something"), with("this is no advice")), may_weaken);
  EXPECT_EQ(change(with("this is no advice"), with("this is no advice", "fund, bond")), may_weaken);
  EXPECT_EQ(change({p}, with("something")), stronger);
}

TEST(policy_diff, what_an_overlay_asks_of_a_disclaimer_is_compared) {
  const auto with = [](const std::string& text) {
    return std::vector<part>{{"p", rule("r", "bond", "{type: flag}", "stream: {hold: full}", "response"), "disclaimers: {d: {text: " + text + "}}\n"},
                             {"o", "patches:\n  - {rule: r, override: {replace: {action: {type: require_disclaimer, disclaimer: d, on_missing: block, message: m}}}}\n", {}, "{region: [eu]}"}};
  };
  auto before = with("one"), after = with("two");
  for (auto* each : {&before, &after}) (*each)[0].rules.replace((*each)[0].rules.find("stream"), 6, "relaxable: true, stream");
  EXPECT_EQ(change(before, after), may_weaken);
}

}  // namespace
}  // namespace sluice::policy
