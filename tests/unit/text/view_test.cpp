// Views: what each kind normalises, what it leaves alone, and that offsets lead back to the original.
#include "sluice/text/view.hpp"

#include <string>

namespace sluice::text {
namespace {

std::string regex(std::string_view s) { return normalise(s, view_kind::regex); }
std::string folded(std::string_view s) { return normalise(s, view_kind::folded); }

TEST(utf8, refuses_what_is_not_strict) {
  EXPECT_TRUE(is_valid_utf8("gr\u00fc\u00df \U0001f600"));
  EXPECT_FALSE(is_valid_utf8("\xc0\xaf"));              // overlong
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80"));          // surrogate
  EXPECT_FALSE(is_valid_utf8("\xf4\x90\x80\x80"));      // past U+10FFFF
  EXPECT_FALSE(is_valid_utf8("abc\xe2\x82"));
}

TEST(utf8, knows_how_many_bytes_of_a_code_point_are_missing) {
  EXPECT_EQ(incomplete_utf8_tail(""), 0u);
  EXPECT_EQ(incomplete_utf8_tail("abc"), 0u);
  const std::string smile = "\U0001f600";
  for (std::size_t n = 1; n < 4; ++n) EXPECT_EQ(incomplete_utf8_tail("x" + smile.substr(0, n)), n);
  EXPECT_EQ(incomplete_utf8_tail(smile), 0u);
  EXPECT_EQ(incomplete_utf8_tail("\u00e9"), 0u);
  EXPECT_EQ(incomplete_utf8_tail(std::string_view("\u20ac").substr(0, 2)), 2u);
}

TEST(utf8, finds_one_high_byte_anywhere) {
  for (const std::size_t size : {1u, 7u, 8u, 255u, 256u, 257u, 1000u}) {
    std::string s(size, 'a');
    EXPECT_TRUE(is_ascii(s));
    for (std::size_t i = 0; i < size; i += 13) {
      s[i] = '\x80';
      EXPECT_FALSE(is_ascii(s));
      s[i] = 'a';
    }
  }
}

TEST(view, of_ascii_for_regex_is_the_text_itself) {
  const std::string text = "Call 0800 123";
  view v;
  make_view(text, view_kind::regex, v);
  EXPECT_TRUE(v.identity());
  EXPECT_EQ(v.text().data(), text.data());
  EXPECT_EQ(v.to_original(2, 5).begin, 2u);
  EXPECT_EQ(v.to_original(2, 5).end, 5u);
}

TEST(view, of_composed_text_in_any_language_is_the_text_itself) {
  for (const std::string_view text : {"Gr\u00fc\u00dfe", "\u0440\u0430\u0431\u043e\u0442\u0430", "\u65e5\u672c\u8a9e", "\ud55c\uad6d\uc5b4",
                                      "\U0001f600", "\U0001f1e9\U0001f1ea", "\u0639\u0631\u0628\u064a"}) {
    view v;
    make_view(text, view_kind::regex, v);
    EXPECT_TRUE(v.identity()) << text;
  }
}

TEST(view, folds_ascii_without_moving_anything) {
  view v;
  make_view("Hello WORLD_9", view_kind::folded, v);
  EXPECT_EQ(v.text(), "hello world_9");
  EXPECT_FALSE(v.identity());
  EXPECT_EQ(v.to_original(6, 11).begin, 6u);
  EXPECT_EQ(v.to_original(6, 11).end, 11u);
}

TEST(view, drops_what_nobody_sees) {
  EXPECT_EQ(regex("se\u200bcr\u00adet"), "secret");
  EXPECT_EQ(regex("\u202esecret\u2066"), "secret");
  EXPECT_EQ(regex("s\U000e0065\U000e0020ecret"), "secret");  // tag characters
  EXPECT_EQ(regex("a\ufe0f\u3164b"), "ab");
  EXPECT_EQ(regex("e\u034f\u0301"), "\u00e9");  // the joiner no longer keeps them apart
  EXPECT_EQ(regex("\u200b"), "");
}

TEST(view, undoes_compatibility_forms) {
  EXPECT_EQ(regex("\uff33\uff25\uff23"), "SEC");
  EXPECT_EQ(folded("\uff33\uff25\uff23"), "sec");
  EXPECT_EQ(regex("\U0001d42c\U0001d41e\U0001d41c"), "sec");
  EXPECT_EQ(regex("\ufb01ne \u2460"), "fine 1");
  EXPECT_EQ(regex("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(folded("STRA\u00dfE"), "strasse");
  EXPECT_EQ(folded("\u00dcBER"), "\u00fcber");
}

TEST(view, emoji_keep_their_visible_parts) {
  EXPECT_EQ(folded("\U0001f1e9\U0001f1ea!"), "\U0001f1e9\U0001f1ea!");
  EXPECT_EQ(folded("\U0001f468\u200d\U0001f469"), "\U0001f468\U0001f469");
  EXPECT_EQ(folded("\U0001f44d\U0001f3fd"), "\U0001f44d\U0001f3fd");
}

TEST(view, resolves_look_alikes_in_mixed_words_only) {
  EXPECT_EQ(folded("p\u0430yp\u0430l"), "paypal");
  EXPECT_EQ(folded("\u0420\u0430yPal"), "paypal");
  EXPECT_EQ(folded("\u0392\u0391NK"), "bank");                       // Greek capitals
  EXPECT_EQ(folded("\u0441\u043e\u0440"), "\u0441\u043e\u0440");     // Russian, wholly
  EXPECT_EQ(folded("\u043c\u0430\u043c\u0430 and pape"), "\u043c\u0430\u043c\u0430 and pape");
  EXPECT_EQ(folded("\u0441\u043e\u04402"), "cop2");                  // nothing but look-alikes, and a digit
  EXPECT_EQ(folded("\u0436\u043e\u04402"), "\u0436\u043e\u04402");   // a real letter among them
  EXPECT_EQ(regex("p\u0430yp\u0430l"), "p\u0430yp\u0430l");          // a regex sees what is written
  EXPECT_EQ(folded("\u0441\u03bf"), "co");                           // Cyrillic and Greek
  EXPECT_EQ(folded("\ua4f3k"), "ok");
  EXPECT_EQ(folded("\u65e5\u672c\u03b1"), "\u65e5\u672c\u03b1");     // Han makes no mixture
}

TEST(view, look_alikes_lead_back_to_their_place) {
  const std::string text = "my p\u0430yp\u0430l!";
  view v;
  make_view(text, view_kind::folded, v);
  ASSERT_EQ(v.text(), "my paypal!");
  const auto s = v.to_original(3, 9);
  EXPECT_EQ(text.substr(s.begin, s.end - s.begin), "p\u0430yp\u0430l");
  const auto end = v.to_original(9, 10);
  EXPECT_EQ(text.substr(end.begin, end.end - end.begin), "!");
}

TEST(view, a_match_over_dropped_characters_covers_them) {
  const std::string text = "a se\u200bcret b";
  view v;
  make_view(text, view_kind::regex, v);
  ASSERT_EQ(v.text(), "a secret b");
  const auto s = v.to_original(2, 8);
  EXPECT_EQ(text.substr(s.begin, s.end - s.begin), "se\u200bcret");
}

TEST(view, a_composed_character_maps_to_all_that_made_it) {
  const std::string text = "cafe\u0301s";
  view v;
  make_view(text, view_kind::regex, v);
  ASSERT_EQ(v.text(), "caf\u00e9s");
  const auto s = v.to_original(3, 5);
  EXPECT_EQ(s.begin, 3u);
  EXPECT_EQ(s.end, 6u);
}

TEST(view, empty_spans_have_a_place) {
  const std::string text = "\u200bx\u200b";
  view v;
  make_view(text, view_kind::folded, v);
  EXPECT_EQ(v.text(), "x");
  EXPECT_EQ(v.to_original(0, 0).begin, 3u);
  EXPECT_EQ(v.to_original(1, 1).begin, text.size());
}

TEST(view, normalising_twice_changes_nothing) {
  for (const std::string_view text : {"p\u0430yp\u0430l \u0392\u0391NK", "\ufb01ne\u0301", "\uff33\u200b", "STRA\u00dfE \u0130"}) {
    EXPECT_EQ(folded(folded(text)), folded(text)) << text;
    EXPECT_EQ(regex(regex(text)), regex(text)) << text;
  }
}

TEST(words, know_letters_of_any_script) {
  EXPECT_TRUE(is_word(U'a') && is_word(U'Z') && is_word(U'7') && is_word(U'_'));
  EXPECT_FALSE(is_word(U' ') || is_word(U'-') || is_word(0));
  EXPECT_TRUE(is_word(0xe9) && is_word(0x436) && is_word(0x65e5) && is_word(0x301) && is_word(0x20000));
  EXPECT_FALSE(is_word(0x2014) || is_word(0x1f600) || is_word(0x3001));
}

TEST(words, code_points_stand_at_and_before_a_place) {
  const std::string text = "\u00fcber, 1a";
  EXPECT_EQ(code_point_at(text, 0), char32_t{0xfc});
  EXPECT_EQ(code_point_before(text, 2), char32_t{0xfc});
  EXPECT_EQ(code_point_before(text, 0), char32_t{0});
  EXPECT_EQ(code_point_at(text, text.size()), char32_t{0});
}

TEST(view, ends_where_it_would_grow_too_much_and_gives_its_memory_back) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\ufdfa";
  view v;
  EXPECT_TRUE(make_view(text, view_kind::regex, v));
  EXPECT_EQ(v.text().size(), 33'000u);
  EXPECT_TRUE(make_view(text, view_kind::regex, v, 30'000));
  EXPECT_FALSE(make_view(text, view_kind::regex, v, 29'000));
  v.give_back(1u << 20);
  EXPECT_FALSE(v.text().empty());
  v.give_back(1'000);
  EXPECT_TRUE(v.text().empty());
  EXPECT_TRUE(make_view("caf\u0065\u0301", view_kind::regex, v, 0));
  EXPECT_EQ(v.text(), "caf\u00e9");
}

}  // namespace
}  // namespace sluice::text
