// PCRE2 behind regex.hpp; and the promise that everything rests on: wherever PCRE2 matches, the superset pattern hits in
// Hyperscan, and the start filter lets the rule through.
#include "sluice/match/regex.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "sluice/match/compiler.hpp"
#include "sluice/match/database.hpp"
#include "sluice/match/regex_syntax.hpp"
#include "sluice/match/start_filter.hpp"

namespace sluice::match {
namespace {

regex compiled(const std::string& pattern) {
  auto r = regex::compile(pattern);
  EXPECT_TRUE(r.has_value()) << pattern << ": " << r.error().reason;
  return std::move(*r);
}

TEST(regex, tells_where_a_pattern_is_wrong) {
  const auto r = regex::compile("abc(def");
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().offset, 7u);
}

TEST(regex, widths_are_those_of_the_pattern) {
  struct expectation {
    const char* pattern;
    std::uint32_t code_points;
  };
  for (const auto& e : {expectation{"abc", 3}, {"a{2,5}b?", 6}, {"(?:ab|cde){2}", 6}, {R"(\b[\w.+-]{1,64}@[\w-]{1,63}\b)", 128},
                        {R"([0-9](?:[ -]?[0-9]){12,18})", 37}, {"(?=abc)d", 1}, {"[[:alpha:]]{3}", 3}, {R"(\x{1F600}\Qa.b\E)", 4}, {R"(\Qa+\E{3})", 4}, {"[[:<:]]ab[[:>:]]", 2},
                        {"key[=[:][.]]", 6}, {"[[.][[=][[:alpha][[:^alpha:]x]", 4}, {R"([\Q]\E][^\E]a][\E^]a][\c]])", 4}, {R"((?x)a {2} # {4})", 2}}) {
    EXPECT_EQ(read_shape(e.pattern).width_max, e.code_points) << e.pattern;
  }
  for (const char* p : {"a+", "a*b", "(ab)+", R"((a)\1)", "a{3,}", "key[=[:].{0,}[a-z]", "key[[:^alpha].{0,}[:]]", R"(k[\Q]\E].{0,}[\Q[\E]])", R"(a\Q\E*b)", R"(a\E*b)", "a(?#more)*b", "(?x)a *b", R"((?xx)[ ].{0,}])"}) EXPECT_EQ(read_shape(p).width_max, 0xffffffffu) << p;
}

// Whoever reads a class to be longer or shorter than PCRE2 does takes what stands behind it for something else.
TEST(regex, classes_end_where_they_end_for_pcre2) {
  static const char* members[] = {"[", "]", "^", ":", ".", "=", "[:", ":]", "[=", "[.", "[:alpha:]", "[:^digit:]", R"(\Q)", R"(\E)", R"(\])", R"(\c])", R"(\\)", "a", "-", "(", "#"};
  static const char* behind[] = {"", "x", "x*", "[a:]", "(?:]|a){2}", "{0,}]", R"(\Q]\E)"};
  static const char* letters[] = {"k", "a", "x", "]", ":", "[", "^", "-", ".", "=", "\\", "E", "Q", "(", "#", "1"};
  std::mt19937 rng(3);
  match_state state;
  int compared = 0;
  for (int round = 0; round < 40'000; ++round) {
    std::string pattern = "k[";
    for (auto n = 1 + rng() % 5; n > 0; --n) pattern += members[rng() % std::size(members)];
    pattern += std::string("]") + behind[rng() % std::size(behind)];
    const auto r = regex::compile(pattern);
    if (!r) continue;
    const auto width = read_shape(pattern).width_max;
    for (int t = 0; t < 20; ++t) {
      std::string text = "k";
      for (auto n = rng() % 6; n > 0; --n) text += letters[rng() % std::size(letters)];
      const auto hit = r->find(text, 0, false, state);
      if (hit.status != regex::status::match) continue;
      ++compared;
      ASSERT_LE(hit.end - hit.begin, width) << pattern << " on " << text;
    }
  }
  EXPECT_GT(compared, 10'000);
}

TEST(regex, partial_matching_tells_from_where_a_text_could_still_match) {
  match_state state;
  const auto r = compiled(R"(\bsecret-[0-9]{4}\b)");
  EXPECT_EQ(r.find("a sec", 0, true, state).status, regex::status::partial);
  EXPECT_EQ(r.find("a sec", 0, true, state).begin, 2u);
  EXPECT_EQ(r.find("a sec", 0, false, state).status, regex::status::none);
  EXPECT_EQ(r.find("a secret-1234", 0, true, state).status, regex::status::partial);  // the boundary is not seen yet
  EXPECT_EQ(r.find("a secret-1234 ", 0, true, state).status, regex::status::match);
  EXPECT_EQ(r.find("a secreT", 0, true, state).begin, 8u);  // only the boundary after the end is open: no byte is held
}

TEST(regex, shorter_ends_are_found_in_their_surroundings) {
  match_state state;
  const auto r = compiled(R"(\b[0-9](?:[ -]?[0-9]){3,18}\b)");
  const auto hit = r.find_within(text::edged_text("1234 5678 9"), 0, 10, state);
  ASSERT_EQ(hit.status, regex::status::match);
  EXPECT_EQ(hit.end, 9u);
}

TEST(regex, what_is_bearable_at_one_place_is_not_at_each_of_a_long_text) {
  match_state state;
  const auto r = compiled("(?:[ab]{1,4}|b){1,6}[xy]");
  EXPECT_EQ(r.find(std::string(100, 'b'), 0, false, state).status, regex::status::none);
  EXPECT_EQ(r.find(std::string(1 << 20, 'b'), 0, false, state).status, regex::status::unavailable);
  state.limit_steps(100);
  EXPECT_EQ(r.find(std::string(100, 'b'), 0, false, state).status, regex::status::unavailable);
}

TEST(regex, a_runaway_is_unavailable_and_never_no_match) {
  match_state state;
  const auto r = compiled("(x+x+)+[yz]");
  EXPECT_EQ(r.find(std::string(5000, 'x'), 0, false, state).status, regex::status::unavailable);
}

// A random pattern over a small alphabet, with what rules use.
std::string random_pattern(std::mt19937& rng, int depth) {
  static const char* atoms[] = {"a", "b", "c", "1", " ", "[ab]", "[^a]", R"(\w)", R"(\d)", R"(\s)", ".", "[a-c1]", R"(\W)", "é", "[é1]", R"(\x{e9})", "-", R"(\.)", "[b[:]", "[c[:alpha]", R"([\Qa-\E])", R"(\Qab\E)", "(?#b)"};
  static const char* repeats[] = {"", "", "", "?", "+", "*", "{2}", "{1,3}", "{2,20}", "*?", "++"};
  std::string out;
  const auto n = 1 + rng() % 4;
  for (std::size_t i = 0; i < n; ++i) {
    const auto what = rng() % 12;
    if (what == 0) out += R"(\b)";
    std::string atom = what == 1 && depth > 0 ? "(?:" + random_pattern(rng, depth - 1) + ")"
                       : what == 2 && depth > 0 ? "(?i:" + random_pattern(rng, depth - 1) + ")"
                       : what == 3 && depth > 0 ? "(?:" + random_pattern(rng, depth - 1) + "|" + random_pattern(rng, depth - 1) + ")"
                                                : atoms[rng() % std::size(atoms)];
    out += atom + repeats[rng() % std::size(repeats)];
  }
  return out;
}

std::string random_text(std::mt19937& rng) {
  static const char* pieces[] = {"a", "b", "c", "1", " ", "-", ".", "A", "B", "é", "É", "x", "\n"};
  std::string out;
  const auto n = rng() % 14;
  for (std::size_t i = 0; i < n; ++i) out += pieces[rng() % std::size(pieces)];
  return out;
}

// Many alternatives that repeat, between two other patterns: the filter knows only their bytes.
std::string long_group(std::mt19937& rng) {
  static const char* counts[] = {"*", "+", "{0,9}", "{2,}", "{1,5}?"};
  std::string words = random_pattern(rng, 1);
  while (words.size() < 150) words += "|" + random_pattern(rng, 1);
  return random_pattern(rng, 0) + "(?:" + words + ")" + counts[rng() % std::size(counts)] + random_pattern(rng, 0);
}

std::string utf8(char32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

// White space above ASCII is in the filter by its bytes alone: all of it must be there.
TEST(superset, knows_every_blank_that_pcre2_knows) {
  match_state state;
  auto backend = in_process_backend();
  for (const char* pattern : {R"(nc\s+x)", R"(nc\sx)", R"(nc\s{2}x)", R"(nc\h+x)", R"(nc\v+x)"}) {
    const auto r = compiled(pattern);
    pattern_set set;
    set.patterns.push_back({r.superset(), single_match_flags()});
    const auto bytes = backend->compile(set);
    ASSERT_TRUE(bytes.has_value()) << r.superset();
    const auto db = database::load(*bytes);
    ASSERT_TRUE(db.has_value());
    scan_scratch scratch;
    ASSERT_TRUE(scratch.prepare(**db));
    int blanks = 0;
    for (char32_t c = 1; c <= 0x10ffff; ++c) {
      if (c >= 0xd800 && c <= 0xdfff) continue;
      const auto one = utf8(c);
      const auto text = "nc" + one + (std::string_view(pattern).contains("{2}") ? one : "") + "x";
      if (r.find(text, 0, false, state).status != regex::status::match) continue;
      ++blanks;
      bool seen = false;
      ASSERT_TRUE(scan(**db, text, scratch, &seen, [](void* self, std::uint32_t) { *static_cast<bool*>(self) = true; }));
      EXPECT_TRUE(seen) << pattern << " " << r.superset() << " U+" << std::hex << static_cast<std::uint32_t>(c);
    }
    EXPECT_GE(blanks, 7) << pattern;
  }
}

TEST(superset, hits_wherever_pcre2_matches) {
  std::mt19937 rng(11);
  match_state state;
  auto backend = in_process_backend();
  int patterns = 0, matches = 0;
  for (int round = 0; round < 1500; ++round) {
    const auto pattern = round % 8 == 0 ? long_group(rng) : random_pattern(rng, 2);
    auto r = regex::compile(pattern);
    if (!r || r->superset().empty()) continue;
    pattern_set set;
    set.patterns.push_back({r->superset(), single_match_flags()});
    const auto bytes = backend->compile(set);
    if (!bytes) continue;  // then the rule is looked at without a filter
    ++patterns;
    const auto db = database::load(*bytes);
    ASSERT_TRUE(db.has_value());
    scan_scratch scratch;
    ASSERT_TRUE(scratch.prepare(**db));
    for (int t = 0; t < 60; ++t) {
      const auto text = random_text(rng);
      const auto hit = r->find(text, 0, false, state);
      if (hit.status != regex::status::match || hit.end <= hit.begin) continue;
      ++matches;
      bool seen = false;
      ASSERT_TRUE(scan(**db, text, scratch, &seen, [](void* self, std::uint32_t) { *static_cast<bool*>(self) = true; }));
      ASSERT_TRUE(seen) << "pattern " << pattern << " superset " << r->superset() << " text " << text;
    }
  }
  EXPECT_GT(patterns, 500);
  EXPECT_GT(matches, 5000);
}

TEST(rare_bytes, are_what_a_pattern_asks_for_at_least) {
  struct expectation {
    const char* pattern;
    rare_bytes needs;
  };
  for (const auto& [pattern, needs] : {expectation{R"(\b[0-9](?:[ -]?[0-9]){11,18}\b)", {12, 0, false, true}},
                                       {R"(\b\w[\w.+-]{0,63}@(?:[\w-]{1,63}\.){1,6}[\w-]{2,24}\b)", {0, 1, false, false}},
                                       {R"((?:[A-Z]{2}[0-9]{7}|[0-9]{3}-[0-9]{2})x)", {5, 0, false, false}},
                                       {R"(\d{3,}a?|b)", {}},
                                       {R"((?<=[0-9]{4})[0-57](?!@)1)", {2, 0, false, false}},
                                       {R"((?i)@[a-f0-9]{13}\Q7@\E)", {1, 2, true, false}},
                                       {R"([@]{2}[0-9a]{3}[^a][-0-9])", {0, 2, false, false}},
                                       {R"((1)\1)", {}},
                                       {R"((?:[0-9]{200}){2000})", {0xffff, 0, true, true}},
                                       {R"(sk-(?:live|test)_[A-Za-z0-9]{8,})", {0, 0, true, false}},
                                       {R"(sk-(?:live|test) ?[A-Za-z0-9]{15})", {}},
                                       {R"(a(?:b|c d)[a-z]{15}.)", {}},
                                       {R"((?:[A-Z]{3} ){2}(?:x|[A-Z-]{8}))", {0, 0, false, true}},
                                       {R"([A-Z]{3} (?:x|[A-Z-]{7})[A-Z])", {}},
                                       {R"(é{8})", {8, 0, false, true}}}) {
    EXPECT_EQ(read_shape(pattern).needs, needs) << pattern;
  }
}

TEST(rare_bytes, are_there_wherever_pcre2_matches) {
  std::mt19937 rng(29);
  match_state state;
  std::size_t asked = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto r = regex::compile(round % 8 == 0 ? long_group(rng) : random_pattern(rng, 2));
    if (!r || r->superset().empty() || r->info().needs == rare_bytes{}) continue;
    for (int t = 0; t < 60; ++t) {
      const auto text = random_text(rng);
      const auto hit = r->find(text, 0, false, state);
      if (hit.status != regex::status::match) continue;
      ++asked;
      ASSERT_TRUE(count_rare(std::string_view(text).substr(hit.begin, hit.end - hit.begin)).cover(r->info().needs)) << r->superset() << ": " << text;
    }
  }
  EXPECT_GT(asked, 500u);
}

TEST(rare_bytes, are_counted_in_texts_of_any_length) {
  std::mt19937 rng(31);
  for (int round = 0; round < 300; ++round) {
    std::string text(rng() % 1000, ' ');
    const std::string_view from = round % 3 == 0 ? "abc 0129@\xc3\xa9\xff/:?A`" : round % 3 == 1 ? "abcdefghijklmnopqrstuvwxyz \n" : "ABCDEFGHIJKLMNOPQR xyz";
    rare_bytes expected;
    std::size_t unspaced = 0, capitals = 0;
    for (char& c : text) {
      c = from[rng() % from.size()];
      expected.digits += (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 ? 1 : 0;
      expected.ats += c == '@' ? 1 : 0;
      unspaced = c == ' ' || (c >= '\t' && c <= '\r') ? 0 : unspaced + 1;
      capitals = c >= 'a' && c <= 'z' ? 0 : capitals + 1;
      expected.long_word = expected.long_word || unspaced >= 16;
      expected.capitals = expected.capitals || capitals >= 8;
    }
    EXPECT_EQ(count_rare(text), expected) << text;
  }
}

TEST(start_filter, lets_every_match_and_every_partial_match_through) {
  std::mt19937 rng(13);
  match_state state;
  int seen = 0;
  for (int round = 0; round < 250; ++round) {
    const auto pattern = random_pattern(rng, 1);
    auto r = regex::compile(pattern);
    if (!r) continue;
    const auto starts = find_starts(*r, state);
    const std::vector<const start_set*> sets = {&starts};
    const start_filter filter(sets);
    for (int t = 0; t < 60; ++t) {
      const auto text = random_text(rng);
      const auto hit = r->find(text, 0, true, state);
      if (hit.status == regex::status::none || hit.status == regex::status::unavailable || hit.begin >= text.size()) continue;
      ++seen;
      std::vector<std::uint64_t> rules;
      filter.candidates(text, hit.begin, rules);
      ASSERT_EQ(rules[0], 1u) << "pattern " << pattern << " text " << text << " at " << hit.begin;
    }
  }
  EXPECT_GT(seen, 3000);
}

TEST(regex, says_when_marks_on_letters_may_matter) {
  using enum regex_info::marks;
  for (const char* pattern : {R"(\bsk_[a-z0-9]{4,6}\b)", R"([\w.+-]{1,8}@\d)", R"((?i)ab?c{1,3} x)", R"(a.b\.c)", R"(1[ \x{2010}-\x{2015}\x{2212}-]?1)"}) {
    EXPECT_EQ(regex::compile(pattern)->info().marks, ignored) << pattern;
  }
  for (const char* pattern : {"[^a]b", R"(\Wa)", "a(?!e)", R"((?<![a-z])[a-z]{3}1)"}) {
    EXPECT_EQ(regex::compile(pattern)->info().marks, alike) << pattern;
  }
  for (const char* pattern : {"caf\u00e9", R"(caf\x{e9})", R"(\p{M}a)", R"((a)\1)", R"(\Qa\E)", R"([^\x{e9}])"}) {
    EXPECT_EQ(regex::compile(pattern)->info().marks, distinct) << pattern;
  }
}

// `\b` and what refuses one character by its class also hold at the edges that a text has; everything else means what PCRE2 says.
TEST(regex, knows_the_edges_of_words) {
  match_state state;
  const auto hits = [&](const std::string& pattern, const std::string& text) { return compiled(pattern).find(text, 0, false, state).status == regex::status::match; };
  for (const std::string pattern : {R"(\bab\b)", R"([ [:]?\bab\b(?:[[:]|)|[:]])", R"((?<!\w)ab(?!\w))", R"((?<![\w-])ab(?![\w-]))", R"((?x) \b ab # [ ( \b
 \b)", R"((?i:\bAB)\b)", R"((?=\bab\b)a\w)", R"((?(?=a)\bab\b|z))", R"((a)?\bab(?(1)x|\b))"}) {
    EXPECT_TRUE(hits(pattern, "x ab x")) << pattern;
    EXPECT_TRUE(hits(pattern, "的ab的")) << pattern;
    EXPECT_TRUE(hits(pattern, "_ab_")) << pattern;
    EXPECT_FALSE(hits(pattern, "xab x")) << pattern;
    EXPECT_FALSE(hits(pattern, "x_ab_x")) << pattern;
  }
  // A class that names characters is taken at its word.
  EXPECT_FALSE(hits(R"((?<![a-z_])ab)", "_ab"));
  EXPECT_TRUE(hits(R"((?<![a-z])ab)", "的ab"));
  // Not a `\b`: a backslash and a letter, a backspace in a class, what is quoted.
  EXPECT_FALSE(hits(R"(x\\bab)", "x 的bab"));
  EXPECT_TRUE(hits(R"(x\\bab)", R"(x\bab)"));
  EXPECT_FALSE(hits(R"(x[\b]ab)", "x的ab"));
  EXPECT_TRUE(hits(R"(x[^]\b]ab)", "x的ab"));
  EXPECT_TRUE(hits(R"(\Qx\bab\E)", R"(x\bab)"));
  EXPECT_TRUE(hits(R"([\Q]\b\E]ab)", "bab"));
}

// What only looks like a verb is none; a pattern with a verb stays as it is.
TEST(regex, knows_a_verb_by_where_it_stands) {
  match_state state;
  const auto hits = [&](const std::string& pattern, const std::string& text) { return compiled(pattern).find(text, 0, false, state).status == regex::status::match; };
  for (const std::string pattern : {R"(\(*\bab\b)", R"([(*]?\bab\b)", R"(\b\Qab\E\b|\Q(*\E)", R"(\bab\b(?#(*)|z\(*y)", R"((?x)\bab\b # (*
)"}) {
    EXPECT_TRUE(hits(pattern, "的ab的")) << pattern;
    EXPECT_FALSE(hits(pattern, "xabx")) << pattern;
  }
  EXPECT_FALSE(compiled(R"(\(*ab)").info().picky_start);
  EXPECT_EQ(compiled(R"([(*]ab)").info().marks, regex_info::marks::ignored);
  for (const std::string pattern : {R"((*UCP)\bab\b)", R"(\bab(*positive_lookahead:\b))", R"((?xx)\bab\b)"}) {
    EXPECT_FALSE(hits(pattern, "的ab的")) << pattern;
    EXPECT_TRUE(hits(pattern, "-ab-")) << pattern;
  }
  EXPECT_TRUE(compiled("(*UCP)ab").info().picky_start);
}

TEST(regex, refuses_a_callout_and_says_where_it_stands) {
  for (const auto& [pattern, at] : std::vector<std::pair<std::string, std::size_t>>{{"a(?C)b", 1}, {"ab(?C255)", 2}, {"a(?C'text')b", 1}, {"(?(?C9)(?=a)ab|c)", 0}}) {
    const auto r = regex::compile(pattern);
    ASSERT_FALSE(r.has_value()) << pattern;
    EXPECT_EQ(r.error().offset, at) << pattern;
    EXPECT_TRUE(r.error().reason.contains("callout")) << r.error().reason;
    EXPECT_FALSE(r.error().fix.empty());
  }
  for (const std::string pattern : {R"(\(?C)", "[(?C]", R"(\Q(?C\E)", "a(?#(?C)b"}) EXPECT_TRUE(regex::compile(pattern).has_value()) << pattern;
}

TEST(regex, says_where_the_edges_of_words_do_not_fit_into_a_pattern) {
  match_state state;
  const auto nested = [](std::size_t deep) { return std::string(deep, '(') + R"(\bab\b)" + std::string(deep, ')'); };
  EXPECT_EQ(compiled(nested(250)).find("的ab的", 0, false, state).status, regex::status::match);
  EXPECT_TRUE(regex::compile(nested(251)).error().fix.empty()) << "no regular expression for PCRE2 itself";
  std::string many = "a";
  for (int i = 0; i < 10'000; ++i) many += R"(\b)";
  const auto r = regex::compile(many);
  ASSERT_FALSE(r.has_value());
  EXPECT_TRUE(r.error().reason.contains("edges")) << r.error().reason;
  EXPECT_FALSE(r.error().fix.empty());
}

TEST(regex, waits_where_an_edge_is_open) {
  match_state state;
  const auto r = compiled(R"(\bab\b)");
  for (const std::string text : {"x ab_", "x ab__", "x ab"}) {
    const auto hit = r.find(text, 0, true, state);
    EXPECT_EQ(hit.status, regex::status::partial) << text;
    EXPECT_EQ(hit.begin, 2u) << text;
  }
  EXPECT_EQ(r.find("x ab_ ", 0, true, state).status, regex::status::match);
  const auto past = r.find("x ab_c", 0, true, state);
  EXPECT_TRUE(past.status == regex::status::none || past.begin == 6u) << past.begin;  // only the boundary after the end is open
  EXPECT_EQ(r.find("x ab_", 0, false, state).status, regex::status::match);
}

}  // namespace
}  // namespace sluice::match
