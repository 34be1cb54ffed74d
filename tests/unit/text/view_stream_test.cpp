// The property of streams: any cut gives the view of the whole, and what was called stable never changes.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "sluice/text/view.hpp"

namespace sluice::text {
namespace {

// Feeds `text` in pieces and checks it against the whole view, with the caller dropping stable bytes as it goes.
void expect_same(std::string_view text, view_kind kind, const std::vector<std::size_t>& cuts, bool drop) {
  view whole;
  make_view(text, kind, whole);
  view_stream stream(kind);
  std::string out, kept;
  std::vector<view_stream::unit> map, kept_map;
  std::size_t at = 0, stable = 0;
  const auto push = [&](std::size_t end) {
    const std::string before = out.substr(0, stable);
    const std::size_t size = out.size();
    const std::size_t replaced = stream.feed(text.substr(at, end - at), out, map);
    ASSERT_LE(replaced, size);
    ASSERT_LE(stable, size - replaced);
    ASSERT_EQ(out.size(), map.size());
    ASSERT_EQ(out.substr(0, stable), before);
    ASSERT_LE(stream.unstable(), out.size());
    stable = out.size() - stream.unstable();
    at = end;
    if (drop) {
      kept += out.substr(0, stable);
      kept_map.insert(kept_map.end(), map.begin(), map.begin() + static_cast<std::ptrdiff_t>(stable));
      out.erase(0, stable);
      map.erase(map.begin(), map.begin() + static_cast<std::ptrdiff_t>(stable));
      stable = 0;
    }
  };
  for (const auto cut : cuts) push(cut);
  push(text.size());
  stream.finish(out, map);
  kept += out;
  kept_map.insert(kept_map.end(), map.begin(), map.end());
  ASSERT_EQ(kept, whole.text()) << "of " << text;
  ASSERT_EQ(stream.unstable(), 0u);
  for (std::uint32_t i = 0; i < kept.size(); ++i) {
    auto s = whole.to_original(i, i + 1);
    if (whole.identity()) {  // a view that is the text itself maps bytes to themselves; a stream maps to whole code points
      while ((static_cast<unsigned char>(text[s.begin]) & 0xc0) == 0x80) --s.begin;
      while (s.end < text.size() && (static_cast<unsigned char>(text[s.end]) & 0xc0) == 0x80) ++s.end;
    }
    ASSERT_EQ(kept_map[i].original_begin, s.begin) << "byte " << i << " of " << text;
    ASSERT_EQ(kept_map[i].original_end, s.end) << "byte " << i << " of " << text;
  }
}

const std::vector<std::string> samples = {
    "",
    "plain ASCII text, Mixed CASE, 1234",
    "p\u0430yp\u0430l \u0441\u043e\u0440 \u0441\u043e\u04402x \u0441\u043e\u04402 \u0420\u0430\u0443",
    "caf\u0065\u0301 na\u00efve e\u200b\u0301 \u1112\u1161\u11ab",
    "\ufb01ne \uff33\uff25\uff23\uff32 \U0001d42c\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u200b\u200b\u202ex\u0300\u0301\u0302 \u0439\u0438\u0306",
    "STRA\u00dfE \u0130stanbul \u03a3\u03a3 \u0391\u0392\u0393 \u0391B",
    "\u0430\u0430\u0430\u0430 9\u0430 _\u0430_ a\u0430 \u0430\u0301b",
};

TEST(view_stream, every_single_cut_gives_the_whole_view) {
  for (const auto& text : samples) {
    for (const auto kind : {view_kind::regex, view_kind::folded}) {
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        ASSERT_NO_FATAL_FAILURE(expect_same(text, kind, {cut}, false));
        ASSERT_NO_FATAL_FAILURE(expect_same(text, kind, {cut}, true));
      }
      std::vector<std::size_t> each;
      for (std::size_t cut = 1; cut < text.size(); ++cut) each.push_back(cut);
      ASSERT_NO_FATAL_FAILURE(expect_same(text, kind, each, true));
    }
  }
}

TEST(view_stream, random_text_and_cuts_give_the_whole_view) {
  static const std::vector<std::string> atoms = {
      "a", "B", "z", "7", "_", " ", "-", "\u0430", "\u0420", "\u0436", "\u03b1", "\u0391", "\u0301", "\u0327", "\u200b", "\u200d", "\u00e9",
      "\u00df", "\ufb01", "\uff21", "\U0001f600", "\u1112", "\u1161", "\u11ab", "\u65e5", "\u0345", "\u00ad", "\u0438\u0306", "\ua4f3"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    const auto size = random() % 30;
    for (std::size_t i = 0; i < size; ++i) text += atoms[random() % atoms.size()];
    std::vector<std::size_t> cuts;
    for (auto n = random() % 5; n > 0; --n) cuts.push_back(text.empty() ? 0 : random() % text.size());
    std::sort(cuts.begin(), cuts.end());
    const auto kind = random() % 2 == 0 ? view_kind::regex : view_kind::folded;
    ASSERT_NO_FATAL_FAILURE(expect_same(text, kind, cuts, random() % 2 == 0));
  }
}

TEST(view_stream, long_words_and_piles_of_marks_make_progress) {
  std::string marks = "e", joiners = "\u0430", word;
  for (int i = 0; i < 3000; ++i) marks += "\u0301";
  for (int i = 0; i < 5000; ++i) joiners += "\u200d";
  for (int i = 0; i < 2000; ++i) word += "\u0430";
  for (const auto& text : {marks, joiners, word, word + "x", std::string(700, 'x') + word}) {
    for (const auto kind : {view_kind::regex, view_kind::folded}) {
      std::vector<std::size_t> cuts;
      for (std::size_t c = 37; c < text.size(); c += 37) cuts.push_back(c);
      ASSERT_NO_FATAL_FAILURE(expect_same(text, kind, cuts, true));
      view_stream stream(kind);
      std::string out;
      std::vector<view_stream::unit> map;
      (void)stream.feed(text, out, map);
      EXPECT_LE(stream.unstable(), 4096u);
    }
  }
}

TEST(view_stream, only_the_last_letter_of_ascii_is_open) {
  view_stream stream(view_kind::folded);
  std::string out;
  std::vector<view_stream::unit> map;
  EXPECT_EQ(stream.feed("Hello", out, map), 0u);
  EXPECT_EQ(out, "hello");
  EXPECT_EQ(stream.unstable(), 1u);
  EXPECT_EQ(stream.feed(" there.", out, map), 1u);
  EXPECT_EQ(out, "hello there.");
  EXPECT_EQ(stream.unstable(), 0u);  // nothing composes with a full stop
}

// Whatever comes next, the open end of the text stays as it is or begins with one of the alternatives.
TEST(view_stream, alternatives_are_all_that_the_open_end_may_become) {
  static const char* pieces[] = {"a", "e", "e\u0302", "\u00e4", "x", "\u0301", "\u0302", "\u0308", "\u0430", "\u0440", "\u0438", "4", "-", "\u1100", "\u1161", "\u11a8", "\uac00", "\ufb01", "q", " "};
  std::mt19937 random(11);
  std::size_t changed = 0;
  for (const auto kind : {view_kind::regex, view_kind::folded}) {
    for (int round = 0; round < 20000; ++round) {
      view_stream stream(kind);
      std::string text;
      std::vector<view_stream::unit> map;
      for (auto n = 1 + random() % 4; n > 0; --n) (void)stream.feed(pieces[random() % std::size(pieces)], text, map);
      std::vector<std::string> others;
      stream.alternatives(true, others);
      const auto stable = text.substr(0, text.size() - stream.unstable()), end = text.substr(stable.size());
      std::string more;
      for (auto n = 1 + random() % 3; n > 0; --n) more += pieces[random() % std::size(pieces)];
      (void)stream.feed(more, text, map);
      stream.finish(text, map);
      ASSERT_TRUE(text.starts_with(stable));
      const auto now = text.substr(stable.size());
      if (now.starts_with(end)) continue;
      ++changed;
      const auto same = [&](const std::string& other) { return now.starts_with(other); };
      ASSERT_TRUE(std::any_of(others.begin(), others.end(), same)) << "'" << stable << "' + '" << end << "' became '" << now << "'";
    }
  }
  EXPECT_GT(changed, 2000u);
}

}  // namespace
}  // namespace sluice::text
