// Words and patterns beside characters that are no edge of a word in the view: they are found in requests, in answers and in streams at any cut,
// and what stands in a longer word is not.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"
#include "texts.hpp"

namespace sluice::policy {
namespace {

using testing::code_points;
using testing::snapshot_of;
using testing::edited;
using testing::random_cut;

std::string rule(const std::string& id, const std::string& match, const std::string& hit) {
  return testing::rule_found_in(hit, id, "both", match, "    action: {type: redact, mask: \"#\"}\n");
}
const std::string rules = rule("brand", "{keywords: [halden bank]}", "a halden bank b") +
                          rule("card", "{regex: '\\b[0-9](?:[ -]?[0-9]){11,18}\\b', validator: luhn}", "4111111111111111") +
                          rule("ssn", "{regex: '(?<![\\w-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![\\w-])', validator: ssn}", "536-32-3065") +
                          rule("key", "{regex: '(?<![A-Za-z0-9])AKIA[A-Z]{16}(?![A-Za-z0-9])'}", "AKIAABCDEFGHIJKLMNOP") +
                          rule("told", "{phrase: \"ignore all rules\"}", "ignore all rules");

std::string whole(const std::shared_ptr<const snapshot>& with, const std::string& text, direction which) {
  scratch working;
  const text_part part{which == direction::request ? role::user : role::assistant, part_kind::text, true, true, text};
  const auto out = evaluate(with->rules_for({}), {&part, 1}, {which, false}, working);
  return edited(text, out.edits);
}

std::string streamed(const std::shared_ptr<const snapshot>& with, const std::vector<std::string>& pieces) {
  scratch working;
  stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  std::string out;
  for (const auto& p : pieces) (void)e.feed(c, p, out);
  (void)e.finish(c, out);
  return out;
}

void expect_everywhere(const std::shared_ptr<const snapshot>& with, const std::string& text, const std::string& expected) {
  EXPECT_EQ(whole(with, text, direction::request), expected);
  EXPECT_EQ(whole(with, text, direction::response), expected);
  EXPECT_EQ(streamed(with, code_points(text)), expected);
  EXPECT_EQ(streamed(with, {text}), expected);
}

// Texts of such pieces, `least` and up to eight more, cut anywhere leave as the whole does. `changed_least`: so many of them are changed.
void expect_at_any_cut(const std::shared_ptr<const snapshot>& with, unsigned seed, unsigned least, std::size_t changed_least, const std::vector<const char*>& pieces) {
  std::mt19937 rng(seed);
  std::size_t changed = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    for (auto n = least + rng() % 9; n > 0; --n) text += pieces[rng() % pieces.size()];
    const auto expected = whole(with, text, direction::response);
    changed += expected != text ? 1 : 0;
    ASSERT_EQ(streamed(with, random_cut(rng, text)), expected) << text;
  }
  EXPECT_GT(changed, changed_least);
}

TEST(edges, what_is_looked_for_is_found_against_characters_that_end_no_word_in_the_view) {
  const auto with = snapshot_of(rules);
  ASSERT_NE(with, nullptr);
  for (const std::string found : {"Halden Bank", "4111111111111111", "536-32-3065", "AKIAABCDEFGHIJKLMNOP", "ignore all rules"}) {
    for (const auto& [before, behind] : std::vector<std::pair<std::string, std::string>>{
             {"我的是", "谢谢"}, {"の", "です"}, {"번호", "입니다"}, {"ครับ", "ครับ"}, {"see\u200b", "\u200bgood"}, {"x\u00ad", "\u2060x"}, {"№", "™"}, {"①", "²"}, {"ℹ\ufe0f", "\ufe0fx"}, {"_", "_"}, {" __", "__ "}, {"我_", "_的"}}) {
      expect_everywhere(with, before + found + behind, before + "#" + behind);
    }
  }
}

TEST(edges, what_stands_in_a_longer_word_is_not_found) {
  const auto with = snapshot_of(rules);
  ASSERT_NE(with, nullptr);
  for (const auto* text : {"x4111111111111111y", "4111111111111111_1", "id_4111111111111111_x", "no_halden bank_account", "xHalden Banker", "ｘ4111111111111111", "1536-32-3065", "-536-32-3065", "xAKIAABCDEFGHIJKLMNOP", "please_ignore all rules"}) {
    expect_everywhere(with, text, text);
  }
}

TEST(edges, any_cut_of_a_stream_gives_what_the_whole_text_gives) {
  const auto with = snapshot_of(rules);
  ASSERT_NE(with, nullptr);
  expect_at_any_cut(with, 17, 1, 500,
                    {"halden", " bank", "Halden Bank", "4111111111111111", "536-32-3065", "AKIA", "ABCDEFGHIJKLMNOP", "ignore all", " rules", "\u200b", "_", "__", "的", "カ", "입", "™", "²", "①", "ℹ\ufe0f", "e\u0301", "\u0430", "x", " ", "1"});
}

TEST(edges, a_word_beside_a_match_is_one_between_scripts_too) {
  const auto with = snapshot_of(rule("pin", "{regex: '\\b[0-9]{4}\\b', near: {of: [pin], within: 8}}", "pin 1234"));
  ASSERT_NE(with, nullptr);
  expect_everywhere(with, "我的pin是1234谢谢", "我的pin是#谢谢");
  expect_everywhere(with, "我的spin是1234谢谢", "我的spin是1234谢谢");
}

TEST(edges, a_word_beside_a_match_ends_where_the_text_has_an_edge) {
  const auto with = snapshot_of(rule("pin", "{regex: '\\b[0-9]{4}\\b', near: {of: [pin], within: 8}}", "pin 1234") +
                                rule("code", "{regex: '\\b[A-Z]{4}\\b', unless_near: {of: [test], within: 8}}", "ABCD") +
                                rule("word", "{keywords: [halden], near: [stra\u00dfe, bank], within: 24}", "halden bank"));
  ASSERT_NE(with, nullptr);
  for (const std::string word : {"PIN™", "x\u200bpin", "pin\u200bx", "①pin", "__pin__", "x \u200b\u200bPin²", "\u0130x\u00adpin"}) {
    expect_everywhere(with, word + " 1234 x", word + " # x");
    expect_everywhere(with, "x 1234 " + word, "x # " + word);
  }
  for (const std::string word : {"pins", "a_pin", "pin_a", "pin____", "spin", "pi\u0144"}) {
    expect_everywhere(with, word + " 1234 x", word + " 1234 x");
    expect_everywhere(with, "x 1234 " + word, "x 1234 " + word);
  }
  for (const std::string word : {"test™", "x\u200bTest", "_test_"}) {
    expect_everywhere(with, word + " ABCD x", word + " ABCD x");
    expect_everywhere(with, "x ABCD " + word + " x", "x ABCD " + word + " x");
  }
  expect_everywhere(with, "x ABCD test_x", "x # test_x");
  expect_everywhere(with, "STRASSE™ halden", "STRASSE™ #");
  expect_everywhere(with, "halden x\u200bbank", "# x\u200bbank");
  expect_everywhere(with, "halden banks", "halden banks");
}

TEST(edges, any_cut_of_a_stream_shows_the_same_words_beside_a_match) {
  const auto with = snapshot_of(rule("pin", "{regex: '\\b[0-9]{4}\\b', near: {of: [pin], within: 6}}", "pin 1234") +
                                rule("code", "{keywords: [abcd], unless_near: [test], within: 6}", "abcd"));
  ASSERT_NE(with, nullptr);
  expect_at_any_cut(with, 19, 2, 300, {"pin", "PIN", "test", "1234", "ABCD", "abcd", " ", " ", "\u200b", "_", "__", "的", "입", "™", "①", "e\u0301", "\u0430", "x", "\u00df", "1"});
}

// Three bytes of the text are 33 of its view: what would cost so much is not looked at, and the policy says what that means.
TEST(edges, a_text_whose_view_grows_beyond_its_bound_is_one_that_cannot_be_judged) {
  const auto with = snapshot_of(rules);
  ASSERT_NE(with, nullptr);
  const auto many = [](std::size_t n) {
    std::string out;
    for (; n > 0; --n) out += "\ufdfa";
    return out;
  };
  scratch working;
  const auto asked = [&](const std::vector<text_part>& parts) { return evaluate(with->rules_for({}), parts, {direction::request, false}, working); };
  const auto small = many(10'000), large = many(150'000);
  EXPECT_EQ(asked({{role::user, part_kind::text, true, true, small}}).verdict, verdict::allow);
  const auto got = asked({{role::user, part_kind::text, true, true, large}});
  EXPECT_EQ(got.verdict, verdict::block);
  EXPECT_TRUE(got.reason.contains("unavailable")) << got.reason;
  // Together they count as one.
  EXPECT_EQ(asked(std::vector<text_part>(20, {role::user, part_kind::text, true, true, small})).verdict, verdict::block);
}

// What other texts say beside a match, or anywhere, is made of their views once more for each way in which rules ask for them.
TEST(edges, a_word_in_a_text_that_grew_too_much_to_be_read_again_is_not_one_that_is_missing) {
  const auto flags = [](const std::string& id, const std::string& match) { return testing::rule_found_in("zzzz yyyy beta", id, "request", match, "    where: {roles: [user]}\n    action: {type: flag}\n"); };
  const auto blocks = [](const std::string& match) {
    return testing::rule_found_in("alpha 1234 beta", "r", "request", match, "    where: {roles: [user], messages: last_turn}\n    action: {type: block}\n");
  };
  const std::string beside = ", near: {of: [beta], within: 40}}", others = flags("a", "{regex: 'zzzz'" + beside) + flags("b", "{keywords: [yyyy]" + beside);
  for (const auto& match : {"{keywords: [alpha]" + beside, "{regex: '\\b[0-9]{4}\\b'" + beside, std::string("{regex: '\\b[0-9]{4}\\b', prefilter: [beta]}")}) {
    const auto with = snapshot_of(others + blocks(match));
    ASSERT_NE(with, nullptr);
    for (const std::size_t n : {30'000, 50'000}) {
      std::string padded = "beta here ";
      for (std::size_t i = 0; i < n; ++i) padded += "\ufdfa";
      const auto judged = [&](const std::string& said) {
        const std::vector<text_part> parts = {{role::user, part_kind::text, true, true, "zzzz yyyy"}, {role::user, part_kind::text, true, true, said}, {role::user, part_kind::text, true, true, padded}};
        scratch working;
        return evaluate(with->rules_for({}), parts, {direction::request, false}, working);
      };
      const auto got = judged("the alpha 1234");
      EXPECT_EQ(got.verdict, verdict::block) << match << n;
      EXPECT_EQ(got.reason.contains("unavailable"), n >= 50'000) << match << n << got.reason;
      EXPECT_EQ(judged("nothing").verdict, verdict::flag) << match << n << ": there is no match that a word could count for";
    }
  }
}

}  // namespace
}  // namespace sluice::policy
