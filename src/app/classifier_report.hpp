// What the scores of labelled rows say of a classifier: precision and recall, the threshold for a bound on false positives, and which
// rows it gets worst. Pure, for `sluice classifier eval`.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace sluice::app {

struct scored_row {
  std::string place;          // file:line
  std::string label;          // what a person said
  std::string text;
  std::vector<float> scores;  // one for each label of the model
};

// One label against all the others, at one threshold.
struct label_counts {
  std::size_t hits = 0, misses = 0, false_alarms = 0, rest = 0;
  [[nodiscard]] double precision() const;
  [[nodiscard]] double recall() const;
  [[nodiscard]] double false_positive_rate() const;
};
[[nodiscard]] label_counts count_at(const std::vector<scored_row>& rows, const std::string& label, std::size_t index, double threshold);

struct threshold_choice {
  double threshold = 1;
  label_counts counts;
  double rate_upper95 = 1;  // Clopper and Pearson, one-sided
  bool shown = false;       // the bound holds with 95 % confidence; else the rows are too few and only the rate that was seen holds
};
// The lowest threshold, in ten-thousandths, at which the rate of false positives is shown to be at most `rate_max`.
[[nodiscard]] threshold_choice choose_threshold(const std::vector<scored_row>& rows, const std::string& label, std::size_t index, double rate_max);

// Rows by what was said (first) and what the model says most (second).
using confusion = std::map<std::string, std::map<std::string, std::size_t>>;
[[nodiscard]] confusion confuse(const std::vector<scored_row>& rows, const std::vector<std::string>& labels);

// The rows that a threshold would get wrong first: others with the highest score, own ones with the lowest.
struct worst_rows {
  std::vector<const scored_row*> false_alarms, misses;
};
[[nodiscard]] worst_rows find_worst(const std::vector<scored_row>& rows, const std::string& label, std::size_t index, std::size_t most);

}  // namespace sluice::app
