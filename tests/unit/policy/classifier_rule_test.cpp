// Rules that ask a classifier: trained here on a few lines, so that what the model says is known.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/match/classifier_training.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

const std::string& model() {
  static const std::string bytes = [] {
    std::vector<match::training_row> lines;
    for (int i = 0; i < 200; ++i) {
      lines.push_back({"should i buy shares or bonds with my savings number " + std::to_string(i), "money"});
      lines.push_back({"the weather in the garden was cold and wet on day " + std::to_string(i), "none"});
    }
    auto made = match::train_classifier(lines, {.dim = 8, .epochs = 5, .buckets = 1000, .cutoff = 1000});
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? *made : std::string();
  }();
  return bytes;
}

bundle_source source(const std::string& rule, const std::string& bytes = model()) {
  auto out = testing::one_policy(rule);
  out.files[0] = make_source_file("bundle.yaml", testing::bundle_file("  - {use: p, bind: {scope: global}}\n",
                                                                      "classifiers:\n  - {name: topic, model: models/topic.ftz}\n"));
  out.files.push_back(make_source_file("models/topic.ftz", bytes));
  std::ranges::sort(out.files, {}, &source_file::path);
  return out;
}

std::string rule(const std::string& classifier, const std::string& rest = "") {
  return "  - id: r\n    direction: both\n    match: {classifier: " + classifier + "}\n    action: {type: block, message: stop}\n" + rest +
         "    tests:\n      - {name: hit, given: {topic.money: 0.9}, request: anything, expect: {rules: [r]}}\n"
         "      - {name: miss, request: should i buy shares, expect: {rules: []}}\n";
}

const std::string good = "{name: topic, label: money, threshold: 0.7, on_timeout: match}";
const std::string full = "    stream: {hold: full}\n";

TEST(classifier_rule, decides_about_whole_texts_and_streams) {
  const auto made = testing::built(source(rule(good, full)));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  scratch working;
  const auto verdict_of = [&](std::string_view text, direction way) {
    const text_part part{way == direction::request ? role::user : role::assistant, part_kind::text, true, true, text};
    return evaluate(made.snapshot->rules_for({}), {&part, 1}, {way}, working).verdict;
  };
  EXPECT_EQ(verdict_of("Should I buy bonds or shares with my savings?", direction::request), verdict::block);
  EXPECT_EQ(verdict_of("The garden was cold and wet.", direction::request), verdict::allow);
  for (const std::string_view text : {"Should I buy bonds or shares with my savings?", "The garden was cold and wet."}) {
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      stream_evaluator e(made.snapshot, made.snapshot->rules_for({}), {direction::response}, working);
      const auto c = e.open(role::assistant, part_kind::text, true);
      std::string out;
      (void)e.feed(c, text.substr(0, cut), out);
      (void)e.feed(c, text.substr(cut), out);
      (void)e.finish(c, out);
      EXPECT_EQ(e.blocked(), verdict_of(text, direction::response) == verdict::block);
      EXPECT_EQ(out, e.blocked() ? "" : text);
    }
  }
}

// Scores of a text are known when it comes again: to the same models, and with the same share of the budget.
TEST(classifier_rule, says_the_same_of_a_text_that_comes_again_and_forgets_another_bundles_scores) {
  auto other = rule("{name: topic, label: none, threshold: 0.7, on_timeout: match}", full);
  other.replace(other.find("topic.money"), 11, "topic.none");
  const auto of_money = testing::built(source(rule(good, full))), of_none = testing::built(source(other));
  ASSERT_NE(of_money.snapshot, nullptr) << to_text(of_money.found);
  ASSERT_NE(of_none.snapshot, nullptr) << to_text(of_none.found);
  scratch working;
  std::string money, weather;
  while (money.size() < 600) money += "Should I buy bonds or shares with my savings? ";
  while (weather.size() < 600) weather += "The garden was cold and wet. ";
  const auto judged = [&](const build_report& with, std::initializer_list<std::string_view> texts, scratch& s) {
    std::vector<text_part> parts;
    for (const auto text : texts) parts.push_back({role::user, part_kind::text, true, true, text});
    return evaluate(with.snapshot->rules_for({}), parts, {direction::request}, s);
  };
  for (int again = 0; again < 3; ++again) {
    scratch fresh;
    for (const auto& text : {money, weather}) {
      const auto known = judged(of_money, {text}, working), anew = judged(of_money, {text}, fresh);
      EXPECT_EQ(known.verdict, text == money ? verdict::block : verdict::allow);
      EXPECT_EQ(known.classifier_scores, anew.classifier_scores);
    }
    EXPECT_EQ(judged(of_none, {money}, working).verdict, verdict::allow);
    EXPECT_EQ(judged(of_none, {weather}, working).verdict, verdict::block);
    // What is known costs the budget what scoring costs it: the long text is cut short, and that counts as a match.
    const std::string flood(1 << 20, 'x');
    EXPECT_EQ(judged(of_money, {weather, std::string_view(flood).substr(weather.size())}, working).verdict, verdict::allow);
    EXPECT_EQ(judged(of_money, {weather, flood}, working).verdict, verdict::block);
  }
}

// An answer that was still on its way when a version came is judged by its own, on the working memory that both use.
TEST(classifier_rule, a_streamed_answer_takes_no_scores_of_another_version) {
  const auto trained_otherwise = [] {
    std::vector<match::training_row> lines;
    for (int i = 0; i < 200; ++i) {
      lines.push_back({"should i buy shares or bonds with my savings number " + std::to_string(i), "none"});
      lines.push_back({"the weather in the garden was cold and wet on day " + std::to_string(i), "money"});
    }
    auto made = match::train_classifier(lines, {.dim = 8, .epochs = 5, .buckets = 1000, .cutoff = 1000});
    EXPECT_TRUE(made);
    return made ? *made : std::string();
  }();
  const auto one = testing::built(source(rule(good, full))), swapped = testing::built(source(rule(good, full), trained_otherwise));
  ASSERT_NE(one.snapshot, nullptr) << to_text(one.found);
  ASSERT_NE(swapped.snapshot, nullptr) << to_text(swapped.found);
  std::string money;
  while (money.size() < 600) money += "Should I buy bonds or shares with my savings? ";
  scratch working;
  const auto blocks = [&](const build_report& with) {
    stream_evaluator e(with.snapshot, with.snapshot->rules_for({}), {direction::response}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string out;
    (void)e.feed(c, money, out);
    (void)e.finish(c, out);
    return e.blocked();
  };
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(blocks(one));
    EXPECT_FALSE(blocks(swapped));
  }
}

// Members that cost little decide whether the model is asked.
TEST(classifier_rule, is_not_asked_where_it_cannot_matter) {
  const std::string tests = "    tests:\n      - {name: hit, given: {topic.money: 0.9}, request: my savings, expect: {rules: [r]}}\n      - {name: miss, request: the garden, expect: {rules: []}}\n";
  const auto with = [&](const std::string& match) {
    return testing::built(source("  - id: r\n    direction: both\n    match: " + match + "\n    action: {type: block, message: stop}\n" + full + tests)).snapshot;
  };
  const auto judged = [](const snapshot& by, std::initializer_list<std::string_view> texts) {
    std::vector<text_part> parts;
    for (const auto text : texts) parts.push_back({role::user, part_kind::text, true, true, text});
    scratch working;
    return evaluate(by.rules_for({}), parts, {direction::request}, working);
  };
  const std::string_view money = "Should I buy bonds or shares with my savings?", more = "Should I buy bonds or shares?", garden = "The garden was cold and wet.";
  const auto both = with("{all: [{keywords: [savings]}, {classifier: " + good + "}]}");
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(judged(*both, {money}).classifier_scores.size(), 1u);
  EXPECT_EQ(judged(*both, {money}).verdict, verdict::block);
  EXPECT_TRUE(judged(*both, {more}).classifier_scores.empty());
  // Messages of one role are one text: the word may stand in another.
  const auto apart = judged(*both, {garden, "It is about my savings.", more});
  EXPECT_EQ(apart.verdict, verdict::block);
  EXPECT_EQ(judged(*both, {garden, more}).verdict, verdict::allow);
  const auto unless = with("{all: [{classifier: " + good + "}, {not: {keywords: [garden]}}]}");
  ASSERT_NE(unless, nullptr);
  EXPECT_EQ(judged(*unless, {money}).verdict, verdict::block);
  EXPECT_TRUE(judged(*unless, {garden}).classifier_scores.empty());
  const auto either = with("{any: [{keywords: [savings], min_count: 2}, {classifier: " + good + "}]}");
  ASSERT_NE(either, nullptr);
  EXPECT_EQ(judged(*either, {more}).verdict, verdict::block);
  // Of an answer that comes in pieces, too.
  for (const auto text : {money, more}) {
    scratch working;
    stream_evaluator e(both, both->rules_for({}), {direction::response}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string out;
    (void)e.feed(c, text.substr(0, 20), out);
    (void)e.feed(c, text.substr(20), out);
    (void)e.finish(c, out);
    EXPECT_EQ(e.blocked(), text == money);
    EXPECT_EQ(e.result().classifier_scores.empty(), text == more);
  }
}

TEST(classifier_rule, judges_a_text_of_one_word_as_its_report_does) {
  const auto made = testing::built(source(rule(good, full)));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  scratch working;
  const auto scores = [&](std::string_view text) {
    const text_part part{role::user, part_kind::text, true, true, text};
    return evaluate(made.snapshot->rules_for({}), {&part, 1}, {direction::request}, working).classifier_scores;
  };
  match::classifier_scratch fresh;
  const auto with = *match::load_classifier(model());
  for (const std::string_view text : {"savings", "shares?", "buy bonds", "wet"}) {
    match::scoring_budget budget;
    std::vector<match::label_score> said;
    ASSERT_TRUE(with->score(text, budget, fresh, said));
    ASSERT_EQ(scores(text).size(), 1u);
    EXPECT_EQ(scores(text)[0].second, said[*with->find_label("money")].score) << text;
  }
}

TEST(classifier_rule, refuses_a_test_that_gives_a_score_nobody_asks_for) {
  auto text = rule(good, full);
  text.replace(text.find("topic.money"), 11, "topic.mony");
  const auto said = to_text(testing::built(source(text)).found);
  EXPECT_TRUE(said.contains("gives the score 'topic.mony', for which no rule asks; did you mean 'topic.money'?")) << said;
}

TEST(classifier_rule, inline_tests_take_the_scores_that_they_are_given) {
  const auto made = testing::built(source(rule(good, full)));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  EXPECT_EQ(made.reached, phase::done);
}

TEST(classifier_rule, is_refused_with_advice_when_it_cannot_work) {
  const auto said = [](const bundle_source& from) { return to_text(testing::built(from).found); };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(said(source(rule("{name: topik, label: money, threshold: 0.7, on_timeout: match}", full))), "did you mean 'topic'?"));
  const auto label = said(source(rule("{name: topic, label: mony, threshold: 0.7, on_timeout: match}", full)));
  EXPECT_TRUE(has(label, "has no label 'mony'") && has(label, "its labels are: money, none")) << label;
  EXPECT_TRUE(has(said(source(rule("{name: topic, label: money, threshold: 0.7}", full))), "needs 'on_timeout'"));
  EXPECT_TRUE(has(said(source(rule(good))), "'classifier' is decided at the end of an answer"));
  const auto cut = said(source(rule(good, full), model().substr(0, model().size() / 2)));
  EXPECT_TRUE(has(cut, "models/topic.ftz) was not loaded: ")) << cut;
}

}  // namespace
}  // namespace sluice::policy
