// See score_cache.hpp.
#include "score_cache.hpp"

namespace sluice::policy {

std::size_t score_cache::place_of(const crypto::digest& text, std::uint32_t model) {
  return (static_cast<std::size_t>(text[0]) << 8 | text[1]) * 31 + model;
}

const std::vector<match::label_score>* score_cache::find(const crypto::digest& text, std::uint32_t model) const {
  if (entries_.empty()) return nullptr;
  const auto& e = entries_[place_of(text, model) % entries_max];
  return !e.scores.empty() && e.model == model && e.text == text ? &e.scores : nullptr;
}

void score_cache::keep(const crypto::digest& text, std::uint32_t model, const std::vector<match::label_score>& scores) {
  if (entries_.empty()) entries_.resize(entries_max);
  auto& e = entries_[place_of(text, model) % entries_max];
  e.text = text;
  e.model = model;
  e.scores = scores;
}

}  // namespace sluice::policy
