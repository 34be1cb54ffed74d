// What `sluice classifier eval` says of scored rows.
#include "classifier_report.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

std::vector<scored_row> rows(std::size_t attacks, std::size_t others) {
  std::vector<scored_row> out;
  for (std::size_t i = 0; i < attacks; ++i) out.push_back({"a:" + std::to_string(i), "attack", "", {0.5f + 0.49f * static_cast<float>(i) / static_cast<float>(attacks), 0}});
  for (std::size_t i = 0; i < others; ++i) out.push_back({"b:" + std::to_string(i), "mail", "", {0.6f * static_cast<float>(i) / static_cast<float>(others), 0}});
  for (auto& row : out) row.scores[1] = 1 - row.scores[0];
  return out;
}

TEST(classifier_report, counts_one_label_against_all_others) {
  const auto counts = count_at(rows(10, 100), "attack", 0, 0.5);
  EXPECT_EQ(counts.hits, 10u);
  EXPECT_EQ(counts.misses, 0u);
  EXPECT_EQ(counts.false_alarms, 16u);
  EXPECT_EQ(counts.rest, 84u);
  EXPECT_DOUBLE_EQ(counts.recall(), 1);
  EXPECT_DOUBLE_EQ(counts.false_positive_rate(), 0.16);
  EXPECT_NEAR(counts.precision(), 10.0 / 26, 1e-9);
  EXPECT_EQ(label_counts{}.recall(), 0) << "no rows are no division by zero";
}

TEST(classifier_report, the_threshold_is_the_lowest_that_the_bound_bears) {
  const auto all = rows(50, 1000);
  const auto chosen = choose_threshold(all, "attack", 0, 0.01);
  EXPECT_TRUE(chosen.shown);
  EXPECT_LE(chosen.rate_upper95, 0.01);
  EXPECT_GT(chosen.counts.false_alarms, 0u);
  const auto lower = count_at(all, "attack", 0, chosen.threshold - 0.001);
  EXPECT_GT(lower.false_alarms, chosen.counts.false_alarms);
}

TEST(classifier_report, too_few_rows_show_no_bound) {
  const auto chosen = choose_threshold(rows(10, 100), "attack", 0, 0.005);
  EXPECT_FALSE(chosen.shown);
  EXPECT_EQ(chosen.counts.false_alarms, 0u);
  EXPECT_GT(chosen.rate_upper95, 0.005);
  EXPECT_FALSE(choose_threshold(rows(10, 0), "attack", 0, 0.005).shown);
}

TEST(classifier_report, confusion_and_worst_rows_name_what_went_wrong) {
  const auto all = rows(2, 10);
  const auto matrix = confuse(all, {"attack", "rest"});
  EXPECT_EQ(matrix.at("attack").at("attack"), 2u);
  EXPECT_EQ(matrix.at("mail").at("rest"), 9u);
  const auto worst = find_worst(all, "attack", 0, 1);
  ASSERT_EQ(worst.false_alarms.size(), 1u);
  EXPECT_EQ(worst.false_alarms[0]->place, "b:9");
  EXPECT_EQ(worst.misses[0]->place, "a:0");
}

}  // namespace
}  // namespace sluice::app
