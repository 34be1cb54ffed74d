// Streams against whole texts and against an oracle that asks PCRE2 alone.
// Goal: any cut of a text gives the same text out, what is held is exactly what could still become a match, and shadow rules
// change nothing. Method: random rules over a small alphabet, random text, random cuts.
#include <gtest/gtest.h>
#include <malloc.h>

#include <random>

#include "built.hpp"
#include "sluice/match/regex.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/kept_stream.hpp"
#include "texts.hpp"

namespace sluice::policy {
namespace {

using testing::code_points;
using testing::snapshot_of;
using testing::edited;
using testing::random_cut;

std::string rule(const std::string& id, const std::string& match, const std::string& action, const std::string& hit,
                 const std::string& more = {}) {
  return testing::rule_found_in(hit, id, "both", match, "    title: t\n    severity: low\n    action: " + action + "\n" + more);
}

struct streamed {
  std::string out;
  verdict what;
  std::size_t findings;
};

// Feeds `text` in the given pieces.
streamed stream(const std::shared_ptr<const snapshot>& with, const std::vector<std::string>& pieces, scratch& working, bool shadow = false) {
  const auto& rules = with->rules_for({});
  stream_evaluator e(with, rules, {direction::response, shadow}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  streamed s;
  for (const auto& p : pieces) (void)e.feed(c, p, s.out);
  (void)e.finish(c, s.out);
  s.what = e.result().verdict;
  s.findings = e.result().findings.size();
  return s;
}

std::string whole(const std::shared_ptr<const snapshot>& with, const std::string& text, scratch& working, outcome* out = nullptr) {
  const text_part part{role::assistant, part_kind::text, true, true, text};
  auto o = evaluate(with->rules_for({}), {&part, 1}, {direction::response, false}, working);
  auto left = edited(text, o.edits);
  if (out != nullptr) *out = std::move(o);
  return left;
}

std::string random_text(std::mt19937& rng) {
  static const char* pieces[] = {"halden", "bank", "hal", "den", " ", "-", "1", "23", "4", "é", "e\u0301", "a", "b", "x", "\u200b", "sk_", "HALDEN", "Банк", "h\u0430lden", "."};
  std::string out;
  const auto n = 1 + rng() % 14;
  for (std::size_t i = 0; i < n; ++i) out += pieces[rng() % std::size(pieces)];
  return out;
}

const std::string mixed_rules = rule("brand", "{keywords: [halden, halden bank, hal]}", "{type: redact, mask: \"[B]\"}", "a halden b") +
                                rule("loose", "{keywords: [nba, x1], boundary: none}", "{type: redact, mask: \"[L]\"}", "xnbax") +
                                rule("number", "{regex: '\\b[0-9]{2,4}(?:-[0-9]+)?\\b(?<!5)'}", "{type: redact, mask: \"[N]\"}", "a 123 b",
                                     "    stream: {hold: full}\n") +
                                rule("key", "{regex: 'sk_[a-z0-9]{2,6}'}", "{type: redact, mask: \"[K]\", keep_last: 1}", "sk_ab1") +
                                rule("note", "{regex: '\\w+@\\w{1,9}'}", "{type: flag}", "a@b", "    stream: {hold: full}\n");

const std::string bounded_rules = rule("brand", "{keywords: [halden, halden bank, hal]}", "{type: redact, mask: \"[B]\"}", "a halden b") +
                                  rule("loose", "{keywords: [nba, x1], boundary: none}", "{type: redact, mask: \"[L]\"}", "xnbax") +
                                  rule("number", "{regex: '\\b[0-9]{2,4}(?:-[0-9]{1,3})?\\b'}", "{type: redact, mask: \"[N]\"}", "a 123 b") +
                                  rule("key", "{regex: 'sk_[a-z0-9]{2,6}'}", "{type: redact, mask: \"[K]\", keep_last: 1}", "sk_ab1") +
                                  rule("overlap", "{regex: 'den ?b'}", "{type: redact, mask: \"[O]\"}", "den b") +
                                  rule("note", "{regex: '[ab]{1,4}-'}", "{type: flag}", "ab-");

TEST(stream, any_cut_gives_what_the_whole_text_gives) {
  scratch working;
  std::mt19937 rng(5);
  for (const auto& rules : {bounded_rules, mixed_rules}) {
    const auto with = snapshot_of(rules);
    ASSERT_NE(with, nullptr);
    std::size_t edited = 0;
    for (int round = 0; round < 4000; ++round) {
      const auto text = random_text(rng);
      outcome o;
      const auto expected = whole(with, text, working, &o);
      edited += expected != text ? 1 : 0;
      for (int cut = 0; cut < 3; ++cut) {
        const auto pieces = cut == 0 ? code_points(text) : random_cut(rng, text);
        const auto got = stream(with, pieces, working);
        ASSERT_EQ(got.out, expected) << "text: " << text;
        ASSERT_EQ(got.what, o.verdict) << "text: " << text;
        ASSERT_EQ(got.findings, o.findings.size()) << "text: " << text;
      }
    }
    EXPECT_GT(edited, 1000u);
  }
}

// What points into a text must find its words again: outside of the edits that are told, both texts are the same.
TEST(stream, says_where_it_edited_in_code_points) {
  scratch working;
  std::mt19937 rng(11);
  std::size_t told = 0;
  for (const auto& rules : {bounded_rules, mixed_rules}) {
    const auto with = snapshot_of(rules);
    ASSERT_NE(with, nullptr);
    for (int round = 0; round < 1500; ++round) {
      const auto text = random_text(rng);
      stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
      const auto c = e.open(role::assistant, part_kind::text, true);
      std::string out;
      for (const auto& p : random_cut(rng, text)) (void)e.feed(c, p, out);
      (void)e.finish(c, out);
      const auto* placed = e.placed(c);
      ASSERT_NE(placed, nullptr);
      const auto before = code_points(text), after = code_points(out);
      std::size_t from = 0, at = 0;
      const auto same_until = [&](std::size_t to) {
        for (; from < to; ++from, ++at) ASSERT_TRUE(at < after.size() && before[from] == after[at]) << text << " -> " << out;
      };
      for (const auto& edit : *placed) {
        same_until(static_cast<std::size_t>(edit.begin));
        from = static_cast<std::size_t>(edit.end);
        at += static_cast<std::size_t>(edit.length);
        ++told;
      }
      same_until(before.size());
      ASSERT_EQ(at, after.size()) << text << " -> " << out;
    }
  }
  EXPECT_GT(told, 500u);
}

// What must be held of `text`: everything from the first place where PCRE2 says that a match could still begin, or, where a
// finished match reaches past that place, from that match on.
std::size_t oracle_released(const match::regex& r, const std::string& text, match::match_state& state) {
  std::size_t from = 0;
  for (;;) {
    const auto hit = r.find(text, from, true, state);
    if (hit.status == match::regex::status::partial) return hit.begin;
    if (hit.status != match::regex::status::match) return text.size();
    from = hit.end;
  }
}

TEST(stream, holds_exactly_what_pcre2_says_could_still_match) {
  scratch working;
  match::match_state state;
  std::mt19937 rng(6);
  for (const std::string pattern : {R"(\bsk_[a-z0-9]{4,6}\b)", R"([0-9]{2}(?:-[0-9]{2}){1,3})", R"(\b[\w.+-]{1,8}@[\w-]{1,8}\.[a-z]{2,4}\b)", R"((?i)ab?c{1,3} x)"}) {
    const auto with = snapshot_of(rule("r", "{regex: '" + pattern + "'}", "{type: redact, mask: \"#\"}",
                                       pattern.find('@') != std::string::npos ? "a.b@cd.ef" : pattern.find("sk_") != std::string::npos ? "sk_abcd" :
                                       pattern.find("[0-9]{2}(") != std::string::npos ? "12-34" : "abcc x"));
    ASSERT_NE(with, nullptr);
    auto compiled = match::regex::compile(pattern);
    ASSERT_TRUE(compiled.has_value());
    static const char* pieces[] = {"sk_", "ab", "c", "1", "12", "-", "34", " ", "@", ".", "co", "x", "A"};
    for (int round = 0; round < 1500; ++round) {
      const auto& rules = with->rules_for({});
      stream_evaluator e(with, rules, {direction::response, false}, working);
      const auto c = e.open(role::assistant, part_kind::text, true);
      std::string text, out;
      for (int i = 0; i < 8; ++i) {
        const std::string piece = pieces[rng() % std::size(pieces)];
        text += piece;
        (void)e.feed(c, piece, out);
        const auto held = text.size() - oracle_released(*compiled, text, state);
        // A match that ends with the text is decided, but its last letter could still get a combining mark: held one event longer.
        if (e.held_bytes(c) != held) {
          const auto last = compiled->find(text, text.size() - e.held_bytes(c), true, state);
          ASSERT_TRUE(last.status == match::regex::status::match && last.end == text.size()) << pattern << " on " << text << ": held " << e.held_bytes(c) << ", oracle " << held;
        }
      }
    }
  }
}

TEST(stream, a_block_releases_nothing_at_or_after_its_match_and_stays) {
  scratch working;
  const auto with = snapshot_of(rule("b", "{keywords: [halden bank]}", "{type: block, message: \"no\"}", "a halden bank b"));
  ASSERT_NE(with, nullptr);
  const std::string text = "We like Halden Bank very much.";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto got = stream(with, {text.substr(0, cut), text.substr(cut)}, working);
    EXPECT_EQ(got.what, verdict::block);
    EXPECT_TRUE(std::string("We like ").starts_with(got.out)) << got.out;
  }
  EXPECT_EQ(stream(with, code_points(text), working).out, "We like ");
}

// What the last letter of an event turns into with the next event belongs to the match, and is held for it.
TEST(stream, holds_a_letter_that_a_mark_of_the_next_event_may_join) {
  struct { const char *match, *hit; std::vector<std::string> pieces; const char* out; } const all[] = {
      {"{keywords: [café]}", "café", {"a caf", "e", "\u0301 b"}, "a [R] b"},
      {"{keywords: [éa]}", "éa", {"e", "\u0301a b"}, "[R] b"},
      {"{keywords: [ế]}", "ế", {"e", "\u0302", "\u0301 b"}, "[R] b"},
      {"{keywords: [pay]}", "pay", {"\u0440\u0430", "y b"}, "[R] b"},
      {"{keywords: [p4y]}", "p4y", {"\u0440", "4\u0443", " b"}, "[R] b"},
      {"{regex: 'caf\\x{e9}'}", "café", {"caf", "e", "\u0301 b"}, "[R] b"},
      {"{regex: '\\Wsecret'}", " secret", {"x", "\u0301secret b"}, "x[R] b"},
      {"{regex: '[^a-z]{2}5'}", "--5", {"e", "\u0301-5"}, "[R]"},
      {"{regex: 'caf(?!e)'}", "caf", {"caf", "e", "\u0301"}, "[R]e\u0301"},
      {"{keywords: [가나]}", "가나", {"\u1100", "\u1161나 b"}, "[R] b"},
      {"{keywords: [각], boundary: none}", "각", {"가", "\u11a8b"}, "[R]b"},
  };
  scratch working;
  for (const auto& each : all) {
    const auto with = snapshot_of(rule("r", each.match, "{type: redact, mask: \"[R]\"}", each.hit));
    ASSERT_NE(with, nullptr) << each.match;
    std::string text;
    for (const auto& p : each.pieces) text += p;
    EXPECT_EQ(whole(with, text, working), each.out) << each.match;
    EXPECT_EQ(stream(with, each.pieces, working).out, each.out) << each.match;
    EXPECT_EQ(stream(with, code_points(text), working).out, each.out) << each.match;
  }
}

TEST(stream, finds_what_must_follow_a_certain_letter) {
  scratch working;
  for (const std::string match : {"(?<=:)[0-9]{4}", "(?<=b)(?:ab|b)", "(?<!a)\\B[0-9]{2}", "(?<=\\d)x", "(?<![a-z])\\b-7"}) {
    const auto with = snapshot_of(rule("r", "{regex: '" + match + "'}", "{type: redact, mask: \"[R]\"}", "k:1234 bb b12 1x 0-7"));
    ASSERT_NE(with, nullptr) << match;
    const std::string text = "k:1234 bb b12 1x 0-7 k";
    EXPECT_NE(whole(with, text, working), text) << match;
    EXPECT_EQ(stream(with, code_points(text), working).out, whole(with, text, working)) << match;
  }
}

TEST(stream, holds_no_letter_for_a_mark_that_no_rule_waits_for) {
  scratch working;
  for (const std::string match : {"{keywords: [café]}", "{regex: '\\Wsecret'}", "{keywords: [pay]}"}) {
    const auto with = snapshot_of(rule("r", match, "{type: redact}", match.contains("pay") ? "pay" : match.contains("caf") ? "café" : " secret"));
    ASSERT_NE(with, nullptr);
    stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string fed, out;
    for (const std::string piece : {"the", "se", " are", " nai\u0308ve", " слова", " без", " e"}) {
      (void)e.feed(c, piece, out);
      fed += piece;
      EXPECT_EQ(out, fed) << match;
    }
  }
}

TEST(stream, shadow_changes_no_byte_and_holds_nothing) {
  scratch working;
  std::mt19937 rng(8);
  auto shadowed = bounded_rules;
  for (auto at = shadowed.find("    action:"); at != std::string::npos; at = shadowed.find("    action:", at + 30)) shadowed.insert(at, "    enforcement: shadow\n");
  for (auto at = shadowed.find("rules_any"); at != std::string::npos; at = shadowed.find("rules_any", at + 9)) shadowed.replace(at, 9, "shadow");
  const auto enforced = snapshot_of(bounded_rules), shadow = snapshot_of(shadowed);
  ASSERT_NE(shadow, nullptr);
  for (int round = 0; round < 1000; ++round) {
    const auto text = random_text(rng);
    const auto pieces = random_cut(rng, text);
    const auto& rules = shadow->rules_for({});
    stream_evaluator e(shadow, rules, {direction::response, false}, working);
    const auto c = e.open(role::assistant, part_kind::text, true);
    std::string fed, out;
    for (const auto& p : pieces) {
      fed += p;
      (void)e.feed(c, p, out);
      ASSERT_EQ(out, fed);
    }
    (void)e.finish(c, out);
    ASSERT_EQ(out, text);
    EXPECT_EQ(e.result().verdict, verdict::allow);
    EXPECT_EQ(e.result().shadow_verdict, stream(enforced, pieces, working).what);
    EXPECT_EQ(stream(enforced, pieces, working, true).out, text);  // the global switch
  }
}

TEST(stream, a_long_text_is_held_in_bounded_memory) {
  scratch working;
  const auto with = snapshot_of(bounded_rules);
  const auto& rules = with->rules_for({});
  stream_evaluator e(with, rules, {direction::response, false}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  std::size_t held = 0;
  std::string out;
  for (int i = 0; i < 100'000; ++i) {
    (void)e.feed(c, "some words ", out);
    held = std::max(held, e.held_bytes(c));
    out.clear();
  }
  EXPECT_LE(held, 16u);
}

// Where a text is read in two ways, each place that was found is remembered, so that it counts once.
TEST(stream, matches_without_end_in_a_text_that_is_also_decoded_take_bounded_memory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's allocator does not count";
#else
  scratch working;
  const auto with = snapshot_of(rule("note", "{regex: '\\w+@\\w{1,9}'}", "{type: flag}", "a@b"));
  ASSERT_NE(with, nullptr);
  stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
  const auto c = e.open(role::assistant, part_kind::text, true);
  std::string out;
  const auto feed = [&](int times) {
    for (int i = 0; i < times; ++i) {
      (void)e.feed(c, "a@b \\u0061 ", out);
      out.clear();
    }
    return mallinfo2().uordblks;
  };
  (void)e.feed(c, "{\"k\": \"", out);
  const auto before = feed(20'000);
  const auto after = feed(100'000);
  EXPECT_EQ(e.result().findings.size(), 1000u) << "as many as are told";
  EXPECT_LT(after, before + (2u << 20));
#endif
}

// As they were judged live: texts that clients put together over their seams, others each by itself.
TEST(kept_stream, is_read_over_the_seams_of_texts_in_series) {
  const auto with = snapshot_of(rule("word", "{keywords: [bomb]}", "{type: block, message: No.}", "a bomb"));
  scratch working;
  const auto judged = [&](std::vector<std::string> said, bool in_series) {
    std::vector<text_part> texts;
    for (const auto& each : said) texts.push_back({.role = role::assistant, .kind = part_kind::text, .text = each, .in_series = in_series});
    return evaluate_kept_stream(with, with->rules_for({}), {.texts = texts, .choices = {}, .ended = true}, {direction::response, false}, working).verdict;
  };
  EXPECT_EQ(judged({"a bo", "mb"}, true), verdict::block);
  EXPECT_EQ(judged({"a bo", "mb"}, false), verdict::allow);
  EXPECT_EQ(judged({"x", "bomb"}, true), verdict::block);
  EXPECT_EQ(judged({"x", "bo", "mbs"}, true), verdict::allow);
}

}  // namespace
}  // namespace sluice::policy
