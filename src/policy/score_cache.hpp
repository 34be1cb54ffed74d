// What classifiers said of texts that came before: a conversation sends its earlier messages and its system prompt again with each turn. One for
// each thread and program. Keeps digests and scores and no text; of what it has no room for it knows nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/crypto/digest.hpp"
#include "sluice/match/classifier.hpp"

namespace sluice::policy {

class score_cache {
 public:
  // A shorter text is scored sooner than looked up.
  static constexpr std::size_t text_bytes_min = 256;

  // Null: not known. Valid until the next keep().
  [[nodiscard]] const std::vector<match::label_score>* find(const crypto::digest& text, std::uint32_t model) const;
  // Scores of all of the text.
  void keep(const crypto::digest& text, std::uint32_t model, const std::vector<match::label_score>& scores);
  // Another program's models are others.
  void clear() { entries_.clear(); }
  // The same, and keeps its memory.
  void forget() {
    for (auto& each : entries_) each.scores.clear();
  }

 private:
  static constexpr std::size_t entries_max = 2048;  // about 300 KB with six labels
  struct entry {
    crypto::digest text{};
    std::uint32_t model = 0;
    std::vector<match::label_score> scores;  // none: free
  };
  [[nodiscard]] static std::size_t place_of(const crypto::digest& text, std::uint32_t model);
  std::vector<entry> entries_;  // a text has one place, and takes it from the one before
};

}  // namespace sluice::policy
