// Rules that ask for several things, and for something beside a match, of texts that one role says in pieces. Goal: what is put together counts as
// one text, whatever is cut where; what a text shows by itself is excused by no other; and it costs what was found.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"
#include "texts.hpp"

namespace sluice::policy {
namespace {

using testing::snapshot_of;
using testing::edited;

std::string rule(const std::string& id, const std::string& match, const std::string& hit, const std::string& action = "{type: flag}", const std::string& more = {}) {
  return testing::rule_found_in(hit, id, "request", match, "    action: " + action + "\n" + more);
}

struct asked_rule {
  std::string id, match, hit;
  bool excused = false;  // asks what is not there
};
const std::vector<asked_rule> rules = {
    {"thrice", "{keywords: [cherry], min_count: 3}", "cherry cherry cherry"},
    {"both", "{all: [{keywords: [melon]}, {keywords: [grape]}]}", "melon grape"},
    {"nested", "{all: [{any: [{keywords: [lime], min_count: 2}, {keywords: [fig]}]}, {regex: 'k[0-9]{2}', min_count: 2}]}", "fig k11 k22"},
    {"near", "{keywords: [peach], near: [plum], within: 9}", "peach plum"},
    {"close", "{regex: 'q[0-9]{2}', near: [plum], unless_near: [nut], within: 9}", "plum q11", true},
    {"word", "{regex: 'AKIA[0-9]{2}', prefilter: [token, se-cret]}", "token AKIA11"},
    {"pair", "{all: [{keywords: [peach], near: [plum], within: 9}, {regex: 'AKIA[0-9]{2}', prefilter: [token]}]}", "peach plum token AKIA11"},
    {"without", "{all: [{keywords: [kiwi]}, {keywords: [date]}, {not: {keywords: [grape]}}]}", "kiwi date", true},
    {"beside", "{keywords: [kiwi], unless_near: [nut], within: 9}", "kiwi", true},
};

std::shared_ptr<const snapshot> all_rules() {
  std::string text;
  for (const auto& r : rules) text += rule(r.id, r.match, r.hit);
  return snapshot_of(text);
}

std::vector<text_part> parts_of(const std::vector<std::string>& texts) {
  std::vector<text_part> out;
  for (const auto& text : texts) out.push_back({role::user, part_kind::text, true, true, text});
  return out;
}

std::set<std::string> found_of(const snapshot& with, const std::vector<text_part>& parts) {
  static scratch working;
  std::set<std::string> out;
  for (const auto& f : evaluate(with.rules_for({}), parts, {.direction = direction::request}, working).findings) out.insert(with.rules()[f.rule].id);
  return out;
}
std::set<std::string> found_in(const snapshot& with, const std::vector<std::string>& texts) { return found_of(with, parts_of(texts)); }

// Put together with nothing, or with a space, at each seam as the bits say.
std::string joined(const std::vector<std::string>& texts, unsigned spaced) {
  std::string out = texts.front();
  for (std::size_t i = 1; i < texts.size(); ++i) out += (spaced >> (i - 1) & 1) != 0 ? " " + texts[i] : texts[i];
  return out;
}

TEST(policy_role_rules, a_text_in_pieces_is_judged_as_the_text_put_together) {
  const auto with = all_rules();
  ASSERT_NE(with, nullptr);
  static const char* pieces[] = {"cherry ", " cherry", "cherry", " che", "rry ", "melon ", " melon", "mel", "on ", " grape", "gra", "pe ", " lime ", "fig ", "k11 ", " k1", "1 ", " k22 ", " peach", "peach ",
                                 " pea", "ch ", "plum ", " plum", " pl", "um ", " q11", " q1", "1 ", "nut ", " token ", " tok", "en ", " AKIA11", " AKIA", "11 ", " kiwi ", "kiwi", " date ", " ", "\n", " - ", "é ", "some words between "};
  std::mt19937 rng(23);
  std::map<std::string, std::size_t> over_seams;
  for (int round = 0; round < 24'000; ++round) {
    std::vector<std::string> texts;
    for (std::size_t i = 0, n = 2 + rng() % 3; i < n; ++i) {
      auto& text = texts.emplace_back();
      for (std::size_t j = 0, m = 1 + rng() % 6; j < m; ++j) text += pieces[rng() % std::size(pieces)];
    }
    std::set<std::string> alone;
    for (const auto& text : texts) alone.merge(found_in(*with, {text}));
    const unsigned ways = 1u << (texts.size() - 1);
    std::vector<std::set<std::string>> together;
    for (unsigned way = 0; way < ways; ++way) together.push_back(found_in(*with, {joined(texts, way)}));
    const auto got = found_in(*with, texts);
    for (const auto& r : rules) {
      const auto some = std::ranges::any_of(together, [&](const auto& each) { return each.contains(r.id); });
      const auto every = std::ranges::all_of(together, [&](const auto& each) { return each.contains(r.id); });
      const bool least = alone.contains(r.id) || (r.excused ? every : together.front().contains(r.id) || together.back().contains(r.id));
      const bool most = alone.contains(r.id) || some;
      ASSERT_TRUE(!least || got.contains(r.id)) << r.id << " is not found in " << ::testing::PrintToString(texts);
      ASSERT_TRUE(!got.contains(r.id) || most) << r.id << " is found in " << ::testing::PrintToString(texts);
      over_seams[r.id] += got.contains(r.id) && !alone.contains(r.id);
    }
  }
  for (const auto& r : rules) {
    if (r.id != "beside") EXPECT_GT(over_seams[r.id], 10u) << r.id;
  }
}

TEST(policy_role_rules, a_text_far_away_counts_as_one_beside_it) {
  const auto with = all_rules();
  const std::string far(5000, 'x');
  EXPECT_EQ(found_in(*with, {"cherry", far, "cherry", far + " cherry"}), std::set<std::string>{"thrice"});
  EXPECT_EQ(found_in(*with, {"melon " + far, far, "grape"}), std::set<std::string>{"both"});
  EXPECT_EQ(found_in(*with, {"AKIA11", far, "a tok", "en"}), std::set<std::string>{"word"});
  EXPECT_EQ(found_in(*with, {"peach", far, "plum"}), std::set<std::string>{});
  EXPECT_EQ(found_in(*with, {"peach", "a", "b", "plum"}), std::set<std::string>{"near"}) << "over several seams";
  // A part that holds by itself is excused by none, and one that does not is no better for being apart.
  EXPECT_EQ(found_in(*with, {"kiwi date", "grape"}), (std::set<std::string>{"beside", "without"}));
  EXPECT_EQ(found_in(*with, {"kiwi", "date", "grape"}), std::set<std::string>{"beside"});
  EXPECT_EQ(found_in(*with, {"kiwi nut", "date"}), std::set<std::string>{"without"});
}

TEST(policy_role_rules, another_role_kind_or_turn_is_another_text) {
  const auto with = snapshot_of(rule("both", "{all: [{keywords: [melon]}, {keywords: [grape]}]}", "melon grape") +
                                rule("now", "{all: [{keywords: [lime]}, {keywords: [fig]}]}", "lime fig", "{type: flag}", "    where: {messages: last_turn}\n") +
                                rule("word", "{regex: 'AKIA[0-9]{2}', prefilter: [token]}", "token AKIA11", "{type: flag}", "    where: {messages: last_turn}\n") +
                                rule("near", "{keywords: [peach], near: [plum], within: 9}", "peach plum", "{type: flag}", "    where: {messages: last_turn}\n"));
  const auto said = [](role who, std::string_view text, bool last_turn = true, part_kind kind = part_kind::text) { return text_part{who, kind, last_turn, true, text}; };
  EXPECT_EQ(found_of(*with, std::vector{said(role::user, "melon"), said(role::assistant, "Go on"), said(role::user, "grape")}), std::set<std::string>{"both"});
  EXPECT_TRUE(found_of(*with, std::vector{said(role::user, "melon"), said(role::assistant, "grape")}).empty());
  EXPECT_TRUE(found_of(*with, std::vector{said(role::user, "melon"), said(role::user, "grape", true, part_kind::name)}).empty());
  for (const auto& [a, b] : {std::pair{"lime", "fig"}, {"token", "AKIA11"}, {"plum", "peach"}}) {
    EXPECT_TRUE(found_of(*with, std::vector{said(role::user, a, false), said(role::user, b)}).empty()) << a;
    EXPECT_EQ(found_of(*with, std::vector{said(role::user, a, false), said(role::user, a), said(role::user, b)}).size(), 1u) << a;
  }
}

TEST(policy_role_rules, every_piece_of_what_was_found_is_edited) {
  const auto with = snapshot_of(rule("thrice", "{keywords: [cherry], min_count: 3}", "cherry cherry cherry", "{type: redact, mask: \"#\"}"));
  const std::vector<std::string> texts = {"a cherry, che", "rry and", "cherry", "cherries"};
  const auto parts = parts_of(texts);
  scratch working;
  const auto out = evaluate(with->rules_for({}), parts, {.direction = direction::request}, working);
  std::string left;
  for (std::uint32_t i = 0; i < texts.size(); ++i) left += edited(texts[i], out.edits, i) + "|";
  EXPECT_EQ(left, "a #, #|# and|#|cherries|");
}

TEST(policy_role_rules, cost_what_was_found) {
  const auto with = all_rules();
  const auto time_of = [&](std::size_t count) {
    std::vector<text_part> parts(count, {role::user, part_kind::text, true, true, "melon peach AKIA11"});
    const auto begin = mono_now();
    EXPECT_TRUE(found_of(*with, parts).empty());
    return mono_now() - begin;
  };
  testing::expect_time_by_number(time_of, 1000);
}

}  // namespace
}  // namespace sluice::policy
