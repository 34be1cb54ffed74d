// Reads the layout of a fastText model file (version 12) and refuses what fastText's own loader, which trusts its input, could trip
// over. Everything that the loader will allocate or index is checked against the bytes that are there.
// Source: fastText 0.9.2, FastText::saveModel, Args::save, Dictionary::save, QuantMatrix::save, DenseMatrix::save.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/match/classifier.hpp"

namespace sluice::match {

struct model_layout {
  std::int32_t dim = 0, word_ngrams = 1, bucket = 0, minn = 0, maxn = 0;
  bool one_vs_all = false;  // else softmax
  bool pruned = false;
  std::int64_t rows = 0;    // of the input matrix
  std::vector<std::string_view> words, labels;  // labels without their prefix
  std::vector<std::pair<std::int32_t, std::int32_t>> kept;  // pruned: bucket → row behind the words
};

[[nodiscard]] result<model_layout> read_layout(std::string_view bytes, const classifier_limits& limits);

}  // namespace sluice::match
