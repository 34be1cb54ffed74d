// What people say of decisions: how it is read, when two of them settle it, and what that proposes.
#include "sluice/rollout/feedback.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "../time_by_number.hpp"

namespace sluice::rollout {
namespace {

using kind = feedback_entry::kind;

std::string id(char of) { return std::string(32, of); }

feedback_entry said(kind what, char decision, judgement verdict, const std::string& by, int second = 0) {
  return {.what = what, .decision = id(decision), .verdict = verdict, .by = by, .note = {}, .sealed_note = {}, .tenant = "retail", .node = "n", .account = {}, .time = wall_time(std::chrono::seconds(1'700'000'000 + second))};
}

logged_decision logged(char decision, const std::string& text = "pay Halden Bank now") {
  return {.id = id(decision), .tenant = "retail", .verdict = "edit", .time = {}, .rules = {{.rule = "rivals", .policy = "p", .direction = "request", .enforced = true, .value = "Halden Bank"}},
          .request = text, .response = {}};
}

TEST(feedback, is_read_strictly_and_says_what_is_wrong) {
  const auto body = [](const std::string& verdict, const std::string& more = "") { return R"({"decision_id":")" + id('a') + R"(","verdict":")" + verdict + "\"" + more + "}"; };
  EXPECT_TRUE(parse_feedback(body("false_positive", R"(,"note":"x")"), false));
  EXPECT_TRUE(parse_feedback(body("correct", R"(,"by":"Ada")"), true));
  for (const auto& bad : {std::string("[]"), std::string(""), body("correct"), body("nonsense"), body("false_positive", R"(,"by":"me")"), body("false_positive", R"(,"note":1)"),
                          std::string(R"({"verdict":"false_positive"})"), body("false_positive", R"(,"note":")" + std::string(1001, 'x') + "\"")}) {
    EXPECT_FALSE(parse_feedback(bad, false)) << bad;
  }
  EXPECT_FALSE(parse_feedback(body("false_positive"), true)) << "a label without a name";
  EXPECT_FALSE(parse_feedback(body("false_positive", R"(,"by":"  ")"), true));
}

TEST(feedback, an_entry_comes_back_as_it_was_written) {
  auto one = said(kind::report, 'a', judgement::false_negative, "hash");
  one.note = "a \"note\"\nof two lines";
  const auto read = parse_entry(to_json(one));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(one));
  EXPECT_EQ(read->note, one.note);
  EXPECT_FALSE(parse_entry("{}"));
  EXPECT_FALSE(parse_entry(R"({"kind":"verdict"})"));
}

TEST(feedback, a_masked_note_holds_no_digit_and_no_address) {
  EXPECT_EQ(masked_note("card 4111-1111 of ada@example.com, please"), "card ####-#### of [address] please");
  EXPECT_EQ(masked_note("  plain \t words "), " plain words ");
}

TEST(feedback, a_note_stays_when_its_author_says_the_same_again_without_one) {
  auto first = said(kind::report, 'a', judgement::false_positive, "u1");
  first.note = "my own name";
  const auto again = review(std::vector{first, said(kind::report, 'a', judgement::false_negative, "u1", 1)}).front();
  ASSERT_EQ(again.reports.size(), 1u);
  EXPECT_EQ(again.reports[0].verdict, judgement::false_negative);
  EXPECT_EQ(again.reports[0].note, "my own name");
}

TEST(feedback, only_two_different_people_settle_a_decision) {
  const auto state = [](std::vector<feedback_entry> all) { return review(all).front(); };
  using enum judgement;
  EXPECT_FALSE(state({said(kind::report, 'a', false_positive, "u1"), said(kind::report, 'a', false_positive, "u2"), said(kind::report, 'a', false_positive, "u3")}).settled) << "reports are no labels";
  EXPECT_FALSE(state({said(kind::label, 'a', false_positive, "Ada"), said(kind::label, 'a', false_positive, "Ada", 1)}).settled) << "one person twice";
  for (const std::string same : {"ADA", "ada ", "A da", "\u0410da"}) {
    EXPECT_FALSE(state({said(kind::label, 'a', false_positive, "Ada"), said(kind::label, 'a', false_positive, same, 1)}).settled) << same;
  }
  EXPECT_EQ(state({said(kind::label, 'a', false_positive, "Ada"), said(kind::label, 'a', false_positive, "Grace")}).settled, false_positive);
  const auto disputed = state({said(kind::label, 'a', false_positive, "Ada"), said(kind::label, 'a', false_positive, "Grace"), said(kind::label, 'a', correct, "Mary")});
  EXPECT_FALSE(disputed.settled);
  EXPECT_TRUE(disputed.disputed);
  EXPECT_EQ(state({said(kind::label, 'a', correct, "Ada"), said(kind::label, 'a', false_positive, "Grace"), said(kind::label, 'a', false_positive, "Ada", 5)}).settled, false_positive)
      << "the last word of each counts";
}

TEST(feedback, a_thousand_complaints_of_one_are_one) {
  std::vector<feedback_entry> all;
  for (int i = 0; i < 1000; ++i) all.push_back(said(kind::report, 'a', judgement::false_positive, "the same", i));
  const auto reviewed = review(all);
  const std::vector<logged_decision> logs = {logged('a'), logged('b')};
  const auto rules = by_rule(reviewed, logs);
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].hits, 2u);
  EXPECT_EQ(rules[0].reported, 1u);
  EXPECT_EQ(rules[0].reporters, 1u);
  EXPECT_EQ(rules[0].precision_low, 0);
  EXPECT_EQ(rules[0].precision_high, 1) << "nothing is settled, so nothing is known";
}

TEST(feedback, what_a_conversation_sends_again_is_one_hit_of_its_rule) {
  std::vector<logged_decision> logs;
  for (int turn = 0; turn < 4; ++turn) {
    auto one = logged(static_cast<char>('a' + turn));
    one.conversation = "c1";
    one.time = wall_time(seconds(turn));
    one.rules[0].span = "hash";
    one.rules[0].last_turn = turn == 0;
    logs.push_back(std::move(one));
  }
  std::ranges::reverse(logs);  // files of several nodes have no order
  std::vector<feedback_entry> all;
  for (const char d : {'b', 'c', 'd'}) all.push_back(said(kind::report, d, judgement::false_positive, "u"));
  for (const char d : {'b', 'c'}) {
    for (const char* who : {"Ada", "Grace"}) all.push_back(said(kind::label, d, judgement::false_positive, who));
  }
  const auto rules = by_rule(review(all), logs);
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0].hits, 1u);
  EXPECT_EQ(rules[0].reported, 1u);
  EXPECT_EQ(rules[0].wrong, 1u);
  for (auto& each : logs) each.rules[0].last_turn = true;
  EXPECT_EQ(by_rule(review(all), logs)[0].hits, 4u) << "what is said anew is another";
  for (auto& each : logs) each.rules[0].last_turn = false, each.conversation += each.id;
  EXPECT_EQ(by_rule(review(all), logs)[0].wrong, 2u) << "so is another conversation's";
}

TEST(feedback, many_labels_of_one_decision_take_time_by_their_number) {
  testing::expect_time_by_number(
      [](std::size_t n) {
        std::vector<feedback_entry> all;
        for (std::size_t i = 0; i < n; ++i) all.push_back(said(kind::label, 'a', judgement::correct, "person " + std::to_string(i)));
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_EQ(review(all).front().labels.size(), n);
        return std::chrono::steady_clock::now() - begin;
      },
      500);
}

TEST(feedback, texts_that_are_alike_stand_together) {
  std::vector<feedback_entry> all;
  std::vector<logged_decision> logs = {logged('a', "please pay the rent of flat 1 to Halden Bank"), logged('b', "please pay the rent of flat 2 to Halden Bank"), logged('c', "how do I bake bread at home")};
  for (const char d : {'a', 'b', 'c'}) all.push_back(said(kind::report, d, judgement::false_positive, "u"));
  const auto found = clusters(review(all), logs);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].decisions.size(), 2u);
}

// Words of a text that is like no other.
std::string own_words(std::uint32_t seed, std::size_t bytes) {
  std::string out;
  for (std::uint32_t random = seed * 2654435761u + 1; out.size() < bytes; random = random * 1664525u + 1013904223u) out += static_cast<char>((random >> 24) % 7 == 0 ? ' ' : 'a' + (random >> 16) % 26);
  return out;
}

TEST(feedback, texts_of_which_none_is_like_another_take_time_by_their_number) {
  testing::expect_time_by_number(
      [](std::size_t n) {
        std::vector<feedback_entry> all;
        std::vector<logged_decision> logs;
        for (std::size_t i = 0; i < n; ++i) {
          logs.push_back(logged('a', own_words(static_cast<std::uint32_t>(i), 2'000)));
          all.push_back(said(kind::report, 'a', judgement::false_positive, "u"));
          logs.back().id = all.back().decision = "d" + std::to_string(i);
        }
        const auto reviewed = review(all);
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_EQ(clusters(reviewed, logs).size(), n);
        return std::chrono::steady_clock::now() - begin;
      },
      60);
}

TEST(feedback, what_is_settled_becomes_a_case_and_an_exception_that_ends) {
  using enum judgement;
  const std::vector<feedback_entry> all = {said(kind::label, 'a', false_positive, "Ada"), said(kind::label, 'a', false_positive, "Grace"), said(kind::label, 'b', false_negative, "Ada"),
                                           said(kind::label, 'b', false_negative, "Grace"), said(kind::label, 'c', false_positive, "Ada"), said(kind::label, 'd', false_positive, "Ada"),
                                           said(kind::label, 'd', false_positive, "Grace")};
  auto without_text = logged('d');
  without_text.request.clear();
  const auto made = propose(review(all), std::vector<logged_decision>{logged('a'), logged('b', "hide the money"), logged('c'), without_text},
                            {.today = parse_time("2026-11-29").value(), .days = 30});
  ASSERT_EQ(made.cases.size(), 2u);
  std::map<std::string, nlohmann::json> by_set;
  for (const auto& line : made.cases) by_set[nlohmann::json::parse(line)["set"]] = nlohmann::json::parse(line);
  EXPECT_EQ(by_set["must_pass"]["request"], "pay Halden Bank now");
  EXPECT_EQ(by_set["must_pass"]["expect"]["rules_none"], nlohmann::json({"rivals"}));
  EXPECT_EQ(by_set["must_pass"]["context"]["tenant"], "retail");
  EXPECT_EQ(by_set["must_block"]["expect"]["action_at_least"], "block");
  ASSERT_EQ(made.exceptions.size(), 1u) << "what was missed needs a rule, no exception";
  const auto& yaml = made.exceptions[0].yaml;
  for (const char* part : {"tenant: [\"retail\"]", "keywords: [\"Halden Bank\"]", "Ada and Grace agree", "expires: 2026-12-29"}) EXPECT_NE(yaml.find(part), std::string::npos) << part << ": " << yaml;
  ASSERT_EQ(made.left_out.size(), 1u);
  EXPECT_NE(made.left_out[0].find("its text was not kept"), std::string::npos);
}

TEST(feedback, an_exception_for_everybody_is_proposed_only_to_who_asks_for_it) {
  using enum judgement;
  std::vector<feedback_entry> all = {said(kind::label, 'a', false_positive, "Ada"), said(kind::label, 'a', false_positive, "Grace")};
  for (auto& each : all) each.tenant.clear();
  auto nobodys = logged('a');
  nobodys.tenant.clear();
  const auto today = parse_time("2026-11-29").value();
  const auto careful = propose(review(all), std::vector{nobodys}, {.today = today});
  EXPECT_TRUE(careful.exceptions.empty());
  EXPECT_EQ(careful.cases.size(), 1u);
  ASSERT_EQ(careful.left_out.size(), 1u);
  EXPECT_NE(careful.left_out[0].find("--for-everybody"), std::string::npos);
  const auto asked = propose(review(all), std::vector{nobodys}, {.today = today, .for_everybody = true});
  ASSERT_EQ(asked.exceptions.size(), 1u);
  EXPECT_EQ(asked.exceptions[0].yaml.find("when:"), std::string::npos);
  // A label names no tenant; the record of its decision does.
  const auto known = propose(review(all), std::vector{logged('a')}, {.today = today});
  ASSERT_EQ(known.exceptions.size(), 1u);
  EXPECT_NE(known.exceptions[0].yaml.find("tenant: [\"retail\"]"), std::string::npos) << known.exceptions[0].yaml;
  EXPECT_EQ(nlohmann::json::parse(known.cases[0])["context"]["tenant"], "retail");
}

}  // namespace
}  // namespace sluice::rollout
