// Trains a classifier from labelled texts. The same rows and options give the same bytes, in whatever order the rows come: one thread,
// a fixed seed, rows ordered by their hash. For commands only: it takes seconds to minutes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "sluice/match/classifier.hpp"

namespace sluice::match {

struct training_row {
  std::string text, label;
};

struct training_options {
  std::int32_t dim = 16, epochs = 20, word_ngrams = 2, min_count = 1;
  std::int32_t char_ngrams_min = 0, char_ngrams_max = 0;  // 0: whole words only
  std::int32_t buckets = 200'000;                         // for n-grams, before pruning
  std::uint32_t cutoff = 50'000;                          // features that stay
  double learning_rate = 0.3;
  std::int32_t seed = 1;
  classifier_limits limits = {};
};

// `progress` is told a part from 0 to 1 and the loss; when it answers false the training ends with an error.
using training_progress = std::function<bool(double part, double loss)>;

// The bytes of a quantised model that load_classifier() takes.
[[nodiscard]] result<std::string> train_classifier(std::span<const training_row> rows, const training_options& options,
                                                   const training_progress& progress = {});

}  // namespace sluice::match
