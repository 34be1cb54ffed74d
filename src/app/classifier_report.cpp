// See classifier_report.hpp.
#include "classifier_report.hpp"

#include <algorithm>
#include <cmath>

#include "sluice/rollout/statistics.hpp"

namespace sluice::app {
namespace {

constexpr double grain = 10'000;  // thresholds are written with four decimals

double ratio(std::size_t part, std::size_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

double label_counts::precision() const { return ratio(hits, hits + false_alarms); }
double label_counts::recall() const { return ratio(hits, hits + misses); }
double label_counts::false_positive_rate() const { return ratio(false_alarms, false_alarms + rest); }

label_counts count_at(const std::vector<scored_row>& rows, const std::string& label, std::size_t index, double threshold) {
  label_counts out;
  for (const auto& row : rows) {
    const bool found = static_cast<double>(row.scores[index]) >= threshold;
    if (row.label == label) {
      ++(found ? out.hits : out.misses);
    } else {
      ++(found ? out.false_alarms : out.rest);
    }
  }
  return out;
}

threshold_choice choose_threshold(const std::vector<scored_row>& rows, const std::string& label, std::size_t index, double rate_max) {
  std::vector<double> others;
  for (const auto& row : rows) {
    if (row.label != label) others.push_back(static_cast<double>(row.scores[index]));
  }
  std::ranges::sort(others, std::greater<>());
  // How many of the others may be taken for the label: as many as the bound allows, else as the rate that is seen allows.
  std::size_t allowed = 0;
  threshold_choice out;
  out.shown = rollout::rate_upper(0, others.size()) <= rate_max;
  const auto fits = [&](std::size_t n) {
    return n <= others.size() && (out.shown ? rollout::rate_upper(n, others.size()) : ratio(n, others.size())) <= rate_max;
  };
  while (allowed < others.size() && fits(allowed + 1)) ++allowed;
  out.threshold = 0;
  if (allowed < others.size()) out.threshold = std::min(1.0, (std::floor(others[allowed] * grain) + 1) / grain);
  out.counts = count_at(rows, label, index, out.threshold);
  out.rate_upper95 = rollout::rate_upper(out.counts.false_alarms, others.size());
  if (others.empty()) out.shown = false;
  return out;
}

confusion confuse(const std::vector<scored_row>& rows, const std::vector<std::string>& labels) {
  confusion out;
  for (const auto& row : rows) {
    const auto most = std::ranges::max_element(row.scores) - row.scores.begin();
    ++out[row.label][labels[static_cast<std::size_t>(most)]];
  }
  return out;
}

worst_rows find_worst(const std::vector<scored_row>& rows, const std::string& label, std::size_t index, std::size_t most) {
  worst_rows out;
  for (const auto& row : rows) (row.label == label ? out.misses : out.false_alarms).push_back(&row);
  std::ranges::sort(out.misses, {}, [&](const auto* row) { return std::pair(row->scores[index], row); });
  std::ranges::sort(out.false_alarms, {}, [&](const auto* row) { return std::pair(-row->scores[index], row); });
  if (out.misses.size() > most) out.misses.resize(most);
  if (out.false_alarms.size() > most) out.false_alarms.resize(most);
  return out;
}

}  // namespace sluice::app
