// Where a word has an edge that the characters of a view do not show.
#include "sluice/text/edged_text.hpp"

#include <gtest/gtest.h>

namespace sluice::text {
namespace {

// The view's text with a '|' at each such edge.
std::string edges(std::string_view original, bool more = false, view_kind kind = view_kind::regex) {
  view v;
  make_view(original, kind, v);
  const edged_text in(v);
  std::string out;
  for (std::size_t at = 0; at < v.text().size(); ++at) {
    const bool begins = (static_cast<unsigned char>(v.text()[at]) & 0xc0) != 0x80;
    if (begins && in.edge(at, more) == edged_text::answer::yes) out += '|';
    out += v.text()[at];
  }
  return out;
}

TEST(edged_text, has_an_edge_where_the_view_lost_one) {
  EXPECT_EQ(edges("card\u200b4111"), "card|4111");
  EXPECT_EQ(edges("a\u00adb\u2060c\ufe0fd"), "a|b|c|d");
  EXPECT_EQ(edges("Bank™"), "Bank|TM");
  EXPECT_EQ(edges("Bank²"), "Bank|2");
  EXPECT_EQ(edges("№4111 ①4111 ⅷ8"), "No|4111 1|4111 viii|8");
  EXPECT_EQ(edges("ℹ\ufe0fignore"), "i|ignore");
  EXPECT_EQ(edges("HALDEN\u200bBank™", false, view_kind::folded), "halden|bank|tm");
}

TEST(edged_text, has_none_inside_of_words_that_are_written_otherwise) {
  for (const auto* text : {"ｆｕｌｌwidth", "o\ufb03ce", "Stra\u00dfe", "\U0001d421\U0001d41aLDEN", "caf\u0065\u0301s", "e\u200b\u0301", "x4111111111111111y"}) {
    EXPECT_FALSE(edges(text).contains('|')) << text;
    EXPECT_FALSE(edges(text, false, view_kind::folded).contains('|')) << text;
  }
  EXPECT_FALSE(edges("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645").contains('|')) << "a joiner belongs to the word";
  EXPECT_FALSE(edges("\u0915\u094d\u200d\u0937").contains('|'));
}

TEST(edged_text, has_an_edge_between_a_script_without_spaces_and_another) {
  EXPECT_EQ(edges("卡号是4111谢谢"), "卡号是|4111|谢谢");
  EXPECT_EQ(edges("カードは4111です"), "カードは|4111|です");
  EXPECT_EQ(edges("サーバーBank"), "サーバー|Bank");
  EXPECT_EQ(edges("카드번호DE89입니다"), "카드번호|DE89|입니다");
  EXPECT_EQ(edges("บัตร4111ครับ"), "บัตร|4111|ครับ");
  EXPECT_EQ(edges("漢字かな交じりカナ"), "漢字かな交じりカナ") << "none between two of them";
  EXPECT_EQ(edges("Банк4111 αβ12"), "Банк4111 αβ12");
}

TEST(edged_text, has_an_edge_where_underscores_set_a_word_off) {
  EXPECT_EQ(edges("_Halden Bank_ __4111__ ___x___."), "_|Halden Bank|_ __|4111|__ ___|x|___.");
  EXPECT_EQ(edges("请_Bank_吧"), "请_|Bank|_吧");
  for (const auto* text : {"snake_case_name", "a__b", "sk_live_x1", "____x", "x____"}) EXPECT_FALSE(edges(text).contains('|')) << text;
}

TEST(edged_text, says_where_a_word_stands_alone) {
  view v;
  make_view("x\u200bpin™ spin _pin_ pin", view_kind::regex, v);
  const edged_text in(v);
  ASSERT_EQ(in.text(), "xpinTM spin _pin_ pin");
  EXPECT_TRUE(in.stands_alone(1, 4));
  EXPECT_FALSE(in.stands_alone(8, 11));
  EXPECT_TRUE(in.stands_alone(13, 16));
  EXPECT_TRUE(in.stands_alone(18, 21));
  EXPECT_TRUE(in.stands_alone(0, 21));
  EXPECT_TRUE(in.stands_alone(6, 7)) << "no word goes on over a blank's ends";
  EXPECT_EQ(edged_text("pin").boundary(3, true), edged_text::answer::open);
  EXPECT_EQ(edged_text("pin ").boundary(4, true), edged_text::answer::yes);
  EXPECT_EQ(edged_text("pin_").boundary(3, true), edged_text::answer::open);
  EXPECT_EQ(edged_text("pins").boundary(3, true), edged_text::answer::no);
  EXPECT_EQ(edged_text("").boundary(0, true), edged_text::answer::yes);
}

TEST(edged_text, waits_for_what_comes_behind_underscores) {
  EXPECT_EQ(edged_text("a_").edge(1, true), edged_text::answer::open);
  EXPECT_EQ(edged_text("a___").edge(1, true), edged_text::answer::open);
  EXPECT_EQ(edged_text("a____").edge(1, true), edged_text::answer::no);
  EXPECT_EQ(edged_text("a_ ").edge(1, true), edged_text::answer::yes);
  EXPECT_EQ(edged_text("a_b").edge(1, true), edged_text::answer::no);
  EXPECT_EQ(edged_text("a_").edge(1, false), edged_text::answer::yes);
}

}  // namespace
}  // namespace sluice::text
