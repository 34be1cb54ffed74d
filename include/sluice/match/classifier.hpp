// What a text is about, by a small trained model: for each label a score from 0 to 1. One interface, so that other kinds of model
// can follow fastText (https://fasttext.cc), the one there is. A classifier is immutable and thread-safe; it reads no clock, opens no
// file and throws nothing. What a score costs is bounded in bytes of text and not in time, so that a decision can be replayed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::match {


struct classifier_limits {
  std::size_t model_bytes_max = 2u << 20;   // of the file
  std::size_t table_bytes_max = 64u << 20;  // of what it becomes in memory
};

// What scoring may still cost, in bytes of text: one for each exchange, shared by all its texts and classifiers.
struct scoring_budget {
  std::size_t bytes = 1u << 20;
};

// One label's highest score over the windows of a text, and the bytes of the window that had it.
struct label_score {
  float score = 0;
  std::uint32_t begin = 0, end = 0;
};

// A folded text (as text::view_kind::folded gives it) cut into the words that classifiers look up, once for all that score it.
class classifier_words {
 public:
  struct word {
    std::uint32_t hash, begin, size;  // of its bytes; none where there was no word for some hundred bytes
    std::uint32_t behind;             // where the text goes on
  };
  // As far as a budget of so many bytes reaches. Reuses its memory.
  void read(std::string_view folded, std::size_t bytes_max);
  [[nodiscard]] std::span<const word> words() const { return words_; }
  [[nodiscard]] std::string_view text(const word& of) const { return std::string_view(bytes_).substr(of.begin, of.size); }
  [[nodiscard]] std::size_t size() const { return size_; }  // bytes of the whole text

 private:
  std::string bytes_;
  std::vector<word> words_;
  std::size_t size_ = 0;
};

// Working memory, one for each thread; fits every classifier.
struct classifier_scratch {
  std::vector<float> sums;
  std::vector<std::uint32_t> buckets;
  classifier_words words;
};

class classifier {
 public:
  virtual ~classifier() = default;
  classifier() = default;
  classifier(const classifier&) = delete;
  classifier& operator=(const classifier&) = delete;

  // Sorted; a score stands at its label's place.
  [[nodiscard]] virtual std::span<const std::string> labels() const = 0;
  // A text without a word has no score, and any other has one, however short. A text longer than a window is scored by windows that overlap. The words were read with what is left of the budget or more. False: the
  // budget ended before the text did, and `out` says only what was seen so far: at or above a threshold it counts, below it nothing
  // is known ("unavailable").
  [[nodiscard]] virtual bool score(const classifier_words& words, scoring_budget& budget, classifier_scratch& scratch,
                                   std::vector<label_score>& out) const = 0;
  // The same for one classifier alone.
  [[nodiscard]] bool score(std::string_view folded, scoring_budget& budget, classifier_scratch& scratch, std::vector<label_score>& out) const {
    scratch.words.read(folded, budget.bytes);
    return score(scratch.words, budget, scratch, out);
  }
  [[nodiscard]] virtual std::size_t memory_bytes() const = 0;

  [[nodiscard]] std::optional<std::uint32_t> find_label(std::string_view name) const;
};

// A quantised fastText model (`.ftz`, as `sluice classifier train` writes it). The bytes are checked before the library reads them; an
// error says what is wrong with the file. A file that nobody has loaded before is loaded in a child first (compiler.hpp).
[[nodiscard]] result<std::shared_ptr<const classifier>> load_classifier(std::string_view bytes, const classifier_limits& limits = {});

}  // namespace sluice::match
