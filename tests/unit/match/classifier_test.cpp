// The classifier: its scores against fastText's own, its bounds, and files that are not what they should be.
#include "sluice/match/classifier.hpp"

#include <fasttext/fasttext.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "sluice/match/classifier_training.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/text/view.hpp"

namespace sluice::match {
namespace {

std::vector<training_row> rows() {
  const std::array<const char*, 6> fruit = {"apple", "pear", "plum", "cherry", "peach", "melon"};
  const std::array<const char*, 6> metal = {"iron", "copper", "tin", "zinc", "silver", "lead"};
  std::vector<training_row> out;
  for (int i = 0; i < 240; ++i) {
    const auto a = static_cast<std::size_t>(i % 6), b = static_cast<std::size_t>(i / 6 % 6);
    out.push_back({std::string("I ate a ripe ") + fruit[a] + " and a sweet " + fruit[b] + " number " + std::to_string(i), "fruit"});
    out.push_back({std::string("They melt ") + metal[a] + " with some " + metal[b] + " in furnace " + std::to_string(i), "metal"});
  }
  return out;
}

const std::string& model(std::int32_t char_ngrams = 0) {
  const auto train = [](std::int32_t n) {
    const training_options options{.dim = 8, .epochs = 10, .char_ngrams_min = n > 0 ? 2 : 0, .char_ngrams_max = n, .buckets = 2000, .cutoff = 800};
    auto made = train_classifier(rows(), options);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return made.value_or("");
  };
  static const std::string words = train(0), subwords = train(4);
  return char_ngrams > 0 ? subwords : words;
}

float score_of(const classifier& with, std::string_view text, std::string_view label, scoring_budget budget = {}) {
  text::view view;
  text::make_view(text, text::view_kind::folded, view);
  classifier_scratch scratch;
  std::vector<label_score> out;
  EXPECT_TRUE(with.score(view.text(), budget, scratch, out));
  return out[*with.find_label(label)].score;
}

// What the library itself says of a line whose words are tokens already.
std::map<std::string, float> library_scores(const std::string& bytes, const std::string& line) {
  std::istringstream file(bytes), in(line + "\n");
  struct : fasttext::FastText {
    bool read(std::istream& from) { return checkModel(from) && (loadModel(from), from.good()); }
  } library;
  EXPECT_TRUE(library.read(file));
  std::vector<std::pair<float, std::string>> found;
  library.predictLine(in, found, 10, 0);
  std::map<std::string, float> out;
  for (const auto& [score, label] : found) out[label.substr(std::strlen("__label__"))] = score;
  return out;
}

TEST(classifier, tells_two_labels_apart) {
  const auto made = load_classifier(model());
  ASSERT_TRUE(made.has_value()) << made.error().message;
  const auto& with = **made;
  ASSERT_EQ(with.labels().size(), 2u);
  EXPECT_EQ(with.labels()[0], "fruit");
  EXPECT_FALSE(with.find_label("stone").has_value());
  EXPECT_GT(score_of(with, "A sweet PEAR!", "fruit"), 0.9f);
  EXPECT_GT(score_of(with, "melt the copper in a furnace", "metal"), 0.9f);
  EXPECT_GT(score_of(with, "Ａ ｓｗｅｅｔ ｐｅａｒ", "fruit"), 0.9f) << "full width";
  EXPECT_NEAR(score_of(with, "melt the copper", "metal") + score_of(with, "melt the copper", "fruit"), 1, 1e-4);
  EXPECT_EQ(score_of(with, "", "fruit"), 0);
}

TEST(classifier, scores_what_the_library_scores) {
  const std::array<const char*, 6> texts = {"a ripe apple", "melt iron with zinc", "unknown words only here", "ripe iron pear copper",
                                            "furnace", "i ate some tin in a furnace number 0"};
  for (const std::int32_t n : {0, 4}) {
    const auto made = load_classifier(model(n));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    for (const char* text : texts) {
      const auto reference = library_scores(model(n), text);
      for (const auto& [label, expected] : reference) EXPECT_NEAR(score_of(**made, text, label), expected, 2e-4) << text;
      EXPECT_EQ(reference.size(), 2u);
    }
  }
}

TEST(classifier, a_piece_of_a_long_text_is_found_by_its_window) {
  const auto with = *load_classifier(model());
  std::string text;
  while (text.size() < 20'000) text += "they melt lead with some iron in furnace 7 ";
  EXPECT_LT(score_of(*with, text, "fruit"), 0.2f);
  std::string inside;
  while (inside.size() < 2'500) inside += "i ate a ripe apple and a sweet plum ";
  const auto place = text.size() / 2;
  text.insert(place, inside);
  classifier_scratch scratch;
  scoring_budget budget;
  std::vector<label_score> out;
  ASSERT_TRUE(with->score(text, budget, scratch, out));
  const auto& found = out[*with->find_label("fruit")];
  EXPECT_GT(found.score, 0.9f);
  EXPECT_LT(found.begin, place + inside.size());
  EXPECT_GT(found.end, place);
  EXPECT_LT(found.end - found.begin, 4'000u);
}

TEST(classifier, past_its_budget_it_says_that_the_text_did_not_end) {
  const auto with = *load_classifier(model());
  std::string text(10u << 20, ' ');
  for (const char* unit : {"iron ", "i", "7", " ", "'", "\xe9\x89\x84", "\xe2\x80\x99"}) {
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = unit[i % std::strlen(unit)];
    classifier_scratch scratch;
    scoring_budget budget{.bytes = 100'000};
    std::vector<label_score> out;
    EXPECT_FALSE(with->score(text, budget, scratch, out));
    EXPECT_EQ(budget.bytes, 0u);
    scoring_budget enough{.bytes = 200'000};
    EXPECT_TRUE(with->score(std::string_view(text).substr(0, 100'000), enough, scratch, out));
    EXPECT_NEAR(static_cast<double>(enough.bytes), 100'000, 1);
  }
}

TEST(classifier, a_text_of_one_word_has_a_score_and_one_without_words_has_none) {
  const auto with = *load_classifier(model());
  classifier_scratch scratch;
  std::vector<label_score> out;
  const auto highest = [&](std::string_view text) {
    scoring_budget budget;
    EXPECT_TRUE(with->score(text, budget, scratch, out)) << text;
    return std::ranges::max(out, {}, &label_score::score).score;
  };
  EXPECT_GT(highest("copper"), 0.0f);
  for (const std::string_view text : {"", " ", "\n\t "}) EXPECT_EQ(highest(text), 0.0f);
}

TEST(classifier, the_same_rows_in_any_order_give_the_same_bytes) {
  auto turned = rows();
  std::ranges::reverse(turned);
  const training_options options{.dim = 8, .epochs = 10, .buckets = 2000, .cutoff = 800};
  const auto again = train_classifier(turned, options);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, model());
}

TEST(classifier, training_says_what_it_cannot_use) {
  const auto one = train_classifier(std::vector<training_row>{{"a", "x"}, {"b", "x"}}, {});
  ASSERT_FALSE(one.has_value());
  EXPECT_NE(one.error().message.find("two labels"), std::string::npos);
  const auto bad = train_classifier(std::vector<training_row>{{"a", "x"}, {"b", "No label"}}, {});
  ASSERT_FALSE(bad.has_value());
  EXPECT_TRUE(bad.error().message.starts_with("row 2: ")) << bad.error().message;
  const auto stopped = train_classifier(rows(), {.buckets = 2000}, [](double, double) { return false; });
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, errc::closed);
}

TEST(classifier_file, cut_anywhere_it_is_refused) {
  const auto& whole = model();
  for (std::size_t size = 0; size < whole.size(); size += size < 2'000 ? 1 : 97) {
    const auto made = load_classifier(std::string_view(whole).substr(0, size));
    ASSERT_FALSE(made.has_value()) << size;
    EXPECT_FALSE(made.error().message.empty());
  }
  EXPECT_FALSE(load_classifier(whole + "x").has_value());
}

TEST(classifier_file, too_large_foreign_or_of_another_version_it_is_refused_by_name) {
  const auto says = [](std::string_view bytes, const classifier_limits& limits, const char* what) {
    const auto made = load_classifier(bytes, limits);
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(made.error().message.find(what), std::string::npos) << made.error().message;
  };
  says(model(), {.model_bytes_max = 100}, "more than the 100 allowed");
  says(model(), {.table_bytes_max = 100}, "of memory");
  says("PK\x03\x04 something else altogether", {}, "no fastText model");
  auto other = model();
  other[4] = 11;
  says(other, {}, "format 11");
}

TEST(classifier_file, a_child_loads_it_first) {
  if (!std::filesystem::exists(SLUICE_BINARY)) GTEST_SKIP() << "the binary is not built";
  const auto child = child_backend(SLUICE_BINARY, {});
  const auto fine = child->try_classifier(model());
  EXPECT_TRUE(fine.has_value()) << fine.error().message;
  const auto cut = child->try_classifier(std::string_view(model()).substr(0, 500));
  ASSERT_FALSE(cut.has_value());
  EXPECT_NE(cut.error().message.find("cut off"), std::string::npos) << cut.error().message;
}

// Any byte may be wrong: what comes back is a model or an error, and a model can be used.
TEST(classifier_file, a_wrong_byte_anywhere_never_ends_the_process) {
  const auto whole = model(4);
  classifier_scratch scratch;
  std::vector<label_score> out;
  std::uint32_t seed = 7;
  for (std::size_t i = 0; i < 4'000; ++i) {
    seed = seed * 1664525u + 1013904223u;
    auto bytes = whole;
    bytes[i < 400 ? i : seed % whole.size()] = static_cast<char>(seed >> 24);
    const auto made = load_classifier(bytes);
    if (!made) continue;
    scoring_budget budget;
    EXPECT_TRUE((*made)->score("a ripe apple and an unknown word", budget, scratch, out));
    for (const auto& each : out) EXPECT_TRUE(each.score >= 0 && each.score <= 1.0001f);
  }
}

}  // namespace
}  // namespace sluice::match
