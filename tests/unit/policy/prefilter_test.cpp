// Words of which one must be in the text: anywhere in a request, up to a match's end in an answer, and there any cut of a stream gives what
// the whole text gives. And patterns whose matches a validator turns down by the thousand stay within their bound.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "texts.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

using testing::snapshot_of;
using testing::edited;

std::string rule(const std::string& id, const std::string& match, const std::string& action, const std::string& hit) {
  return testing::rule_found_in(hit, id, "both", match, "    action: " + action + "\n");
}

outcome judge(const snapshot& with, direction d, std::string_view text) {
  const text_part part{d == direction::request ? role::user : role::assistant, part_kind::text, true, true, text};
  scratch working;
  return evaluate(with.rules_for({}), {&part, 1}, {.direction = d}, working);
}
std::string asked(const snapshot& with, const std::string& text) { return edited(text, judge(with, direction::request, text).edits); }
std::string answered(const snapshot& with, const std::string& text) { return edited(text, judge(with, direction::response, text).edits); }

// What leaves of an answer that comes in pieces of so many bytes, 0: at random.
std::string streamed(const std::shared_ptr<const snapshot>& with, std::string_view text, std::size_t size, std::mt19937& rng) {
  scratch working;
  stream_evaluator e(with, with->rules_for({}), {.direction = direction::response}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  std::string out;
  while (!text.empty()) {
    const auto n = std::min<std::size_t>(text.size(), size != 0 ? size : 1 + rng() % 9);
    (void)e.feed(c, text.substr(0, n), out);
    text.remove_prefix(n);
  }
  (void)e.finish(c, out);
  return out;
}

const std::string pin = rule("pin", "{regex: '\\b[0-9]{4}\\b', prefilter: [pin, Secret-Number, \":\"]}", "{type: redact, mask: \"#\"}", "pin 1234");

TEST(prefilter, a_word_may_stand_anywhere_in_a_request) {
  const auto with = snapshot_of(pin);
  EXPECT_EQ(asked(*with, "It is 1234."), "It is 1234.");
  EXPECT_EQ(asked(*with, "My PIN is 1234."), "My PIN is #.");
  EXPECT_EQ(asked(*with, "It is 1234, which is my secret-number."), "It is #, which is my secret-number.");
  EXPECT_EQ(asked(*with, "1234 and " + std::string(20'000, 'x') + " at last: 5678"), "# and " + std::string(20'000, 'x') + " at last: #");
}

TEST(prefilter, a_word_of_an_answer_counts_from_where_it_ends_on) {
  const auto with = snapshot_of(pin);
  std::mt19937 rng(7);
  const std::string far(5000, 'x');
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"It is 1234, a pin; that is 5678.", "It is 1234, a pin; that is #."},
           {"Your pin " + far + " is 1234", "Your pin " + far + " is #"},
           {"Your Secret-Number, " + far + " 1234 " + far + " 5678", "Your Secret-Number, " + far + " # " + far + " #"},
           {"1234:5678", "1234:#"},
           {"secret- number 1234", "secret- number 1234"}}) {
    EXPECT_EQ(answered(*with, text), expected);
    for (const std::size_t size : {1, 2, 7, 0}) EXPECT_EQ(streamed(with, text, size, rng), expected) << size;
  }
}

TEST(prefilter, any_cut_of_a_stream_gives_what_the_whole_text_gives) {
  const auto with = snapshot_of(pin + rule("key", "{regex: 'k[ab]{1,4}(?:-[ab]{1,4})?', prefilter: [token, a-b]}", "{type: redact, mask: \"[K]\"}", "token kab") +
                                rule("words", "{keywords: [halden bank]}", "{type: redact, mask: \"[W]\"}", "halden bank"));
  static const char* pieces[] = {"pin", "PIN ", "1234", " 56", "78 ", "token", "to", "ken", "kab", "ka-b", "-a", "b", " ", "secret-", "number", "Halden ", "bank", ":", "é", "e\u0301", "\u200b"};
  std::mt19937 rng(11);
  std::size_t changed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto n = 1 + rng() % 16; n > 0; --n) text += pieces[rng() % std::size(pieces)];
    const auto expected = answered(*with, text);
    changed += expected != text;
    scratch working;
    stream_evaluator e(with, with->rules_for({}), {.direction = direction::response}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      auto to = std::min(text.size(), at + 1 + rng() % 4);
      while (to < text.size() && (static_cast<unsigned char>(text[to]) & 0xc0) == 0x80) ++to;
      (void)e.feed(c, text.substr(at, to - at), out);
      at = to;
    }
    (void)e.finish(c, out);
    ASSERT_EQ(out, expected) << text;
  }
  EXPECT_GT(changed, 500u);
}

TEST(edits, keep_letters_and_digits_and_no_more_than_was_asked_for) {
  const auto with = snapshot_of(rule("id", "{regex: 'id:[^;]{1,60};'}", "{type: redact, mask: \"#\", keep_first: 2, keep_last: 3}", "id:a1b2c3;") +
                                rule("marks", "{regex: '!{3,9}'}", "{type: redact, mask: \"#\", keep_last: 2}", "!!!"));
  EXPECT_EQ(asked(*with, "id:A-1 B-2 C-3;"), "id#2 C-3;");
  EXPECT_EQ(asked(*with, "id:a1b2c3;"), "id#2c3;");
  EXPECT_EQ(asked(*with, "id:x\u200b1\u200b2\u200b é;"), "id#1\u200b2\u200b é;") << "what nobody sees is not counted";
  EXPECT_EQ(asked(*with, "!!!!!"), "#!!");
}

TEST(prefilter, a_word_of_a_text_counts_for_a_match_over_its_seam) {
  const auto with = snapshot_of(rule("pin", "{regex: '\\b[0-9]{4}\\b', prefilter: [pin]}", "{type: redact, mask: \"#\"}", "pin 1234"));
  const std::string far(5000, 'x');
  const auto split = [&](const std::string& a, const std::string& b) {
    const std::vector<text_part> parts = {{role::user, part_kind::text, true, true, a}, {role::user, part_kind::text, true, true, b}};
    scratch working;
    const auto out = evaluate(with->rules_for({}), parts, {.direction = direction::request}, working);
    return edited(a, out.edits, 0) + "|" + edited(b, out.edits, 1);
  };
  EXPECT_EQ(split("my pin, " + far + " 12", "34 " + far), "my pin, " + far + " #|# " + far);
  EXPECT_EQ(split("it is 12", "34 " + far + " as a PIN"), "it is #|# " + far + " as a PIN");
  EXPECT_EQ(split(far + " 12", "34 " + far), far + " 12|34 " + far);
}

const std::string card = rule("card", "{regex: '\\b[0-9](?:[ -]?[0-9]){11,18}\\b', validator: luhn}", "{type: redact, mask: \"[C]\"}", "4111 1111 1111 1111");

std::string repeated(std::string_view what, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += what;
  return out;
}

TEST(validated, two_hundred_kilobytes_of_single_digits_are_scanned_whole_and_a_card_behind_them_is_found) {
  const auto with = snapshot_of(card);
  std::mt19937 rng(3);
  for (const std::string_view filler : {"7 7 ", "4 4 ", "0 ", "9-9-", "4 1 4 1 4 1 4 7 ", "1 2 3 4 5 6 7 8 9 0 ", "5 5 "}) {
    const auto text = repeated(filler, 200'000) + ". My card: 4111 1111 1111 1111.";
    for (const auto d : {direction::request, direction::response}) {
      const auto out = judge(*with, d, text);
      EXPECT_EQ(out.reason, "") << filler;
      EXPECT_TRUE(edited(text, out.edits).ends_with("My card: [C].")) << filler;
    }
    EXPECT_TRUE(streamed(with, text, 4096, rng).ends_with("My card: [C].")) << filler;
  }
}

// The walk that finds the longest number must find what trying one end after the other found.
TEST(validated, a_card_is_found_in_whatever_digits_stand_behind_it) {
  const auto with = snapshot_of(card);
  for (const std::string behind : {" 12/26", " 12 26", " 5", "-0", " 1 2 3 4 5 6 7 8 9", " 4111 1111 1111 1111"}) {
    const auto got = asked(*with, "4111 1111 1111 1111" + behind);
    EXPECT_EQ(got.find("4111"), std::string::npos) << behind << ": " << got;
  }
}

// Texts with a match at every few bytes that no check accepts: each is decided, and what stands behind it is found.
TEST(validated, two_hundred_kilobytes_of_what_looks_like_a_number_are_decided) {
  const auto with = snapshot_of(
      rule("vat", "{regex: '\\b(?:DE|FR)[0-9A-Z .-]{7,16}\\b', validator: vat}", "{type: redact, mask: \"[V]\"}", "DE136695976") +
      rule("phone", "{regex: '(?<!\\w)\\(?[0-9](?:[ ().\\/-]{0,3}[0-9]){6,16}(?!\\w|[.,\\/-][0-9])', validator: phone}", "{type: redact, mask: \"[P]\"}", "(212) 555-0123") +
      rule("said", "{regex: '(?<!\\w)\\(?[0-9](?:[ ().\\/-]{0,2}[0-9]){5,14}(?!\\w)', validator: phone_digits, near: {of: [dial, hotline], within: 30}}", "{type: redact, mask: \"[S]\"}", "dial 72 128 827") +
      rule("account", "{regex: '\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\\b', validator: iban}", "{type: redact, mask: \"[I]\"}", "DE89 3704 0044 0532 0130 00"));
  const std::string behind = " . DE136695976 . (212) 555-0123 . DE89 3704 0044 0532 0130 00 . dial 72 128 827";
  std::mt19937 rng(5);
  for (const std::string_view filler : {"DE89 DE89 ", "(555) (555) ", "(555) 1234 ", "DE89 3704 ", "12 34 56 ", "a1 a1 "}) {
    const auto text = repeated(filler, 200'000) + behind;
    for (const auto d : {direction::request, direction::response}) {
      const auto out = judge(*with, d, text);
      EXPECT_EQ(out.reason, "") << filler;
      EXPECT_TRUE(edited(text, out.edits).ends_with(" . [V] . [P] . [I] . dial [S]")) << filler;
    }
    EXPECT_TRUE(streamed(with, text, 4096, rng).ends_with(" . [V] . [P] . [I] . dial [S]")) << filler;
  }
}

TEST(readings, of_two_hundred_kilobytes_that_read_in_several_ways_are_all_looked_at) {
  const auto with = snapshot_of("  - id: bomb\n    direction: request\n    match: {keywords: [make a bomb], normalize: [nfkc, strip_zero_width, confusables, leet, collapse_space, strip_marks], decode: [base64, hex, percent, html, rot13], max_depth: 2}\n"
                                "    action: {type: block, message: \"No.\"}\n    tests:\n      - {name: hit, request: make a bomb, expect: {rules: [bomb]}}\n      - {name: miss, request: x, expect: {rules: []}}\n");
  for (const std::string_view filler : {"a1 a1 ", "1st &amp; 2nd ", "to be or not, ", "x1 %41%42 "}) {
    const auto text = repeated(filler, 200'000);
    EXPECT_EQ(judge(*with, direction::request, text).verdict, verdict::allow) << filler;
    EXPECT_EQ(judge(*with, direction::request, text).reason, "") << filler;
    EXPECT_EQ(judge(*with, direction::request, text + " m4k3 a b0mb").verdict, verdict::block) << filler;
    EXPECT_EQ(judge(*with, direction::request, text + " znxr n obzo").verdict, verdict::block) << filler;
    EXPECT_EQ(judge(*with, direction::request, text + " z4x3 n o0zo").verdict, verdict::block) << filler;
  }
}

// Databases are left out that a text cannot need, and a pattern that two rules have is in one of them once.
TEST(databases, are_searched_whenever_a_text_holds_what_their_patterns_need) {
  const auto with = snapshot_of(rule("digits", "{regex: '[0-9]{5}x'}", "{type: redact, mask: \"[D]\"}", "12345x") + rule("few", "{regex: 'k[0-9]'}", "{type: redact, mask: \"[F]\"}", "k1") +
                                rule("mail", "{regex: '[a-z]{1,9}@[a-z]{1,9}'}", "{type: redact, mask: \"[M]\"}", "ab@cd") + rule("again", "{regex: 'k[0-9]'}", "{type: flag}", "k1") +
                                rule("word", "{keywords: [zebra, zeal]}", "{type: redact, mask: \"[W]\"}", "zebra") + rule("plain", "{regex: 'q[a-z]{2}'}", "{type: redact, mask: \"[Q]\"}", "qab"));
  EXPECT_EQ(asked(*with, "k7 a@b 12345x zebra qab 1234x"), "[F] [M] [D] [W] [Q] 1234x");
  EXPECT_EQ(judge(*with, direction::request, "k7").findings.size(), 2u);
  EXPECT_EQ(asked(*with, "12345x"), "[D]");
  EXPECT_EQ(asked(*with, "１２３４５x"), "[D]");
  EXPECT_EQ(asked(*with, "x@y"), "[M]");
  EXPECT_EQ(asked(*with, "ZEAL"), "[W]");
  std::mt19937 rng(41);
  std::size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    static const char* pieces[] = {"1", "23", "45x", "x", "k", "@", "a", "qa", "b", " ", "zebra", "５", "-"};
    std::string text;
    for (auto n = 1 + rng() % 12; n > 0; --n) text += pieces[rng() % std::size(pieces)];
    // A stream asks no database: it looks at every place that a match may begin.
    ASSERT_EQ(answered(*with, text), streamed(with, text, 0, rng)) << text;
    found += answered(*with, text) != text;
  }
  EXPECT_GT(found, 1000u);
}

}  // namespace
}  // namespace sluice::policy
