// A blank of a word stands for a run of any white space: against PCRE2 on whole texts, and at every cut of a stream.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "sluice/match/regex.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/text/blanks.hpp"
#include "texts.hpp"

namespace sluice::policy {
namespace {

using testing::code_points;
using testing::snapshot_of;
using testing::edited;

std::string rule(const std::string& id, const std::string& match, const std::string& hit, const std::string& more = "    action: {type: redact, mask: \"[R]\"}\n") {
  return testing::rule_found_in(hit, id, "both", match, more);
}

outcome whole(const std::shared_ptr<const snapshot>& with, const std::string& text, direction which = direction::response) {
  scratch working;
  const text_part part{which == direction::request ? role::user : role::assistant, part_kind::text, true, true, text};
  return evaluate(with->rules_for({}), {&part, 1}, {which, false}, working);
}

// The words as one pattern, the longest first, on text in their view.
std::string pattern_of(std::vector<std::string> words) {
  for (auto& w : words) w = text::word_form(w, text::view_kind::folded);
  std::ranges::sort(words, [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  std::string out;
  for (const auto& w : words) {
    out += out.empty() ? "" : "|";
    out += "(?:(?<!\\w)|(?=\\W))";
    for (const char c : w) out += c == ' ' ? "\\s{1,8}" : std::string(1, c);
    out += "(?:(?!\\w)|(?<=\\W))";
  }
  return out;
}

TEST(blanks, any_white_space_between_two_words_is_found_as_pcre2_finds_it_and_at_any_cut) {
  std::mt19937 random(3);
  static const char* words_of_text[] = {"halden", "bank", "group", "of", "HALDEN", "b", ".", "\u00e9", "h\u0430lden", "ba\u200bnk", ""};
  static const char* between[] = {" ", " ", "\n", "\t", "  ", "\r\n", "\u00a0", "\u2028", "\u0085", "\u3000", " \n \n", "        ", "\n\n\n\n\n\n\n\n\n", ""};
  const std::vector<std::vector<std::string>> lists = {{"halden bank"}, {"halden bank", "halden bank group", "bank of halden", "halden"}, {"bank  of", "of\u00a0bank of halden", "b b b"}};
  std::size_t wide = 0;
  for (const auto& words : lists) {
    std::string list;
    for (const auto& w : words) list += (list.empty() ? "" : ", ") + std::string("\"") + w + "\"";
    for (const bool many : {false, true}) {
      // Beside so many others the words are in databases behind a filter.
      std::string rest;
      for (int i = 0; many && i < 400; ++i) rest += ", \"other word" + std::to_string(i) + "\"";
      const auto with = snapshot_of(rule("r", "{keywords: [" + list + rest + "]}", words[0]));
      ASSERT_NE(with, nullptr);
      const auto oracle = match::regex::compile(pattern_of(words));
      ASSERT_TRUE(oracle.has_value());
      scratch working;
      match::match_state state;
      for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (auto n = 1 + random() % 6; n > 0; --n) (text += words_of_text[random() % std::size(words_of_text)]) += between[random() % std::size(between)];
        text::view view;
        text::make_view(text, text::view_kind::folded, view);
        const auto got = whole(with, text);
        std::size_t at = 0, n = 0;
        for (auto hit = oracle->find(view.text(), 0, false, state); hit.status == match::regex::status::match; hit = oracle->find(view.text(), at, false, state), ++n) {
          const auto span = view.to_original(static_cast<std::uint32_t>(hit.begin), static_cast<std::uint32_t>(hit.end));
          ASSERT_LT(n, got.findings.size()) << text;
          ASSERT_EQ(got.findings[n].begin, span.begin) << text;
          ASSERT_EQ(got.findings[n].end, span.end) << text;
          wide += std::string_view(text).substr(span.begin, span.end - span.begin).find_first_of("\n\t\xe2") != std::string_view::npos ? 1 : 0;
          at = hit.end;
        }
        ASSERT_EQ(n, got.findings.size()) << text;
        const auto expected = edited(text, got.edits);
        for (int cut = 0; cut < 3; ++cut) {
          stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
          const auto c = e.open(role::assistant, part_kind::text, true);
          std::string out, waiting;
          for (const auto& p : code_points(text)) {
            waiting += p;
            if (cut > 0 && random() % 3 != 0) continue;
            (void)e.feed(c, waiting, out);
            waiting.clear();
          }
          (void)e.feed(c, waiting, out);
          (void)e.finish(c, out);
          ASSERT_EQ(out, expected) << text;
          ASSERT_EQ(e.result().findings.size(), n) << text;
        }
      }
    }
  }
  EXPECT_GT(wide, 500u);
}

TEST(blanks, hold_a_stream_for_as_much_white_space_as_a_blank_may_be) {
  const auto with = snapshot_of(rule("r", "{keywords: [halden bank]}", "a halden bank"));
  ASSERT_NE(with, nullptr);
  scratch working;
  for (const std::string space : {" ", "\n", "\u2028"}) {
    stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string out;
    (void)e.feed(c, "see Halden", out);
    for (std::size_t n = 1; n <= text::blank_run_max; ++n) {
      (void)e.feed(c, space, out);
      EXPECT_EQ(out, "see ") << n;
      EXPECT_EQ(e.held_bytes(c), 6 + n * space.size());
    }
    (void)e.feed(c, space, out);
    EXPECT_EQ(e.held_bytes(c), 0u);
    (void)e.feed(c, "Bank", out);
    (void)e.finish(c, out);
    EXPECT_EQ(e.result().verdict, verdict::allow);
  }
}

TEST(blanks, stand_for_white_space_wherever_a_policy_names_words) {
  const auto edits = [](const std::shared_ptr<const snapshot>& with, const std::string& text, direction which = direction::response) {
    const auto got = edited(text, whole(with, text, which).edits);
    scratch working;
    stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string out;
    for (const auto& p : code_points(text)) (void)e.feed(c, p, out);
    (void)e.finish(c, out);
    if (which == direction::response) EXPECT_EQ(out, got) << text;
    return got;
  };
  const auto near = snapshot_of(rule("near", "{keywords: [merrow], near: {of: [savings bank], within: 30}, unless_near: {of: [old street], within: 30}}", "merrow savings bank"));
  EXPECT_EQ(edits(near, "the savings\n bank merrow pays"), "the savings\n bank [R] pays");
  EXPECT_EQ(edits(near, "the savings\tbank merrow, old \n street"), "the savings\tbank merrow, old \n street");
  const auto prefilter = snapshot_of(rule("prefilter", "{regex: 'k-[0-9]{4}', prefilter: [api key, a b]}", "api key k-1234"));
  EXPECT_EQ(edits(prefilter, "API \n key k-1234"), "API \n key [R]");
  EXPECT_EQ(edits(prefilter, "A\nB k-1234"), "A\nB [R]");
  EXPECT_EQ(edits(prefilter, "k-1234 api\tkey k-1234"), "k-1234 api\tkey [R]");
  EXPECT_EQ(edits(prefilter, "k-1234 api\tkey", direction::request), "[R] api\tkey");
  const auto exception = snapshot_of(rule("exception", "{regex: 'Pay [A-Za-z\\s]{3,20}!'}", "Pay me now!",
                                          "    action: {type: redact, mask: \"[R]\"}\n    exceptions:\n      - {id: e, match: {keywords: [halden bank], case: sensitive}, reason: r, owner: o, ticket: t, expires: 2027-01-31}\n"));
  EXPECT_EQ(edits(exception, "Pay me now!"), "[R]");
  EXPECT_EQ(edits(exception, "Pay halden\n\tbank!"), "Pay halden\n\tbank!");
  const auto sensitive = snapshot_of(rule("sensitive", "{keywords: [Halden Bank], case: sensitive}", "a Halden Bank"));
  EXPECT_EQ(edits(sensitive, "a Halden\n Bank, a halden bank"), "a [R], a halden bank");
}

// Whole texts are looked at in blocks of bytes, and beside what other words have in common with them: neither may hide a word.
TEST(blanks, are_read_wherever_they_stand_and_whatever_else_is_looked_for) {
  const auto with = snapshot_of(rule("r", "{keywords: [halden bank, \"halden\u2019s group\", \"halden\u00ae\"]}", "halden bank"));
  for (std::size_t pad = 0; pad < 100; ++pad) {
    for (const char* blank : {" \n", "\t ", " \xe2\x80\xa8", "\xe2\x80\xa8", "\xc2\x85", " \xc2\x85", "\n", "  "}) {
      const auto text = std::string(pad, 'a') + " Halden" + blank + "Bank today";
      EXPECT_EQ(edited(text, whole(with, text).edits), std::string(pad, 'a') + " [R] today") << pad;
    }
  }
}

TEST(blanks, a_word_in_two_messages_of_which_one_ends_in_white_space_is_found) {
  const auto with = snapshot_of(rule("r", "{keywords: [halden bank]}", "a halden bank"));
  ASSERT_NE(with, nullptr);
  scratch working;
  const std::string first = "pay halden \n\n", second = "\n  bank now";
  const std::vector<text_part> parts = {{role::user, part_kind::text, true, true, first}, {role::user, part_kind::text, true, true, second}};
  const auto got = evaluate(with->rules_for({}), parts, {direction::request, false}, working);
  EXPECT_EQ(got.verdict, verdict::edit);
  ASSERT_EQ(got.edits.size(), 2u);
  EXPECT_EQ(first.substr(0, got.edits[0].begin), "pay ");
  EXPECT_EQ(second.substr(got.edits[1].end), " now");
}

TEST(blanks, a_disclaimer_is_there_however_its_lines_are_broken) {
  const auto report = testing::built(testing::one_policy(
      "  - id: r\n    direction: response\n    match: {keywords: [bond]}\n    action: {type: require_disclaimer, disclaimer: d}\n"
      "    tests:\n      - {name: there, response: \"A bond. This is no\\n  advice at all.\", expect: {text: \"A bond. This is no\\n  advice at all.\"}}\n"
      "      - {name: missing, response: A bond., expect: {rules: [r], text: \"A bond.\\n\\n This is no advice.\"}}\n",
      "disclaimers: {d: {text: \" This is no advice.\", present_if: {keywords: [no advice]}}}\n"));
  EXPECT_FALSE(has_errors(report.found)) << to_text(report.found);
}

TEST(spaced, words_are_found_in_letters_that_are_all_spaced_alike) {
  const std::vector<std::string> matches = {"{keywords: [halden bank], normalize: [collapse_space]}", "{phrase: halden bank, normalize: [collapse_space]}",
                                            "{regex: '(?i)\\bh(?:alden|elden)\\s{1,3}[b]anks?\\b', normalize: [collapse_space]}"};
  for (const auto& match : matches) {
    const auto with = snapshot_of(rule("r", match, "a halden bank b", "    action: {type: redact, mask: \"[R]\"}\n    stream: {hold: full}\n"));
    ASSERT_NE(with, nullptr);
    for (const std::string text : {"H a l d e n B a n k", "see H  a  l  d  e  n  B  a  n  k now", "I s a H a l d e n B a n k", "Is a H a l d e n  B a n k", "H\na\nl\nd\ne\nn\nB\na\nn\nk", "H a l d e n\nB a n k", "H-a-l-d-e-n-B-a-n-k"}) {
      const auto got = whole(with, text, direction::request);
      EXPECT_EQ(got.verdict, verdict::edit) << match << " " << text;
      EXPECT_FALSE(edited(text, got.edits).contains("n k")) << edited(text, got.edits);
    }
    for (const std::string text : {"a b c d", "A B C, 1 2 3, T. S. Eliot", "h a l d e n", "B a n k", "x y z\n1 2 3", "option a, option b"}) {
      EXPECT_EQ(whole(with, text, direction::request).verdict, verdict::allow) << match << " " << text;
    }
  }
}

}  // namespace
}  // namespace sluice::policy
