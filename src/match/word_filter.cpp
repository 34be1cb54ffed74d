// See word_filter.hpp.
#include "sluice/match/word_filter.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::match {
namespace {

constexpr std::uint32_t seed = 2166136261u;

std::uint32_t mix(std::uint32_t hash, char c) { return (hash ^ static_cast<unsigned char>(c)) * 16777619u; }  // FNV-1a
// The low bits of FNV are the weakest; 0 marks a free slot.
std::uint32_t finish(std::uint32_t hash) { return std::max(1u, hash ^ hash >> 15); }

// A part of what the boundary check takes for a letter of a word, so that no beginning is passed over.
bool in_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

word_filter::word_filter(std::span<const word> words, std::uint32_t groups)
    : slots_(std::bit_ceil(words.size() * 2 + 2)), always_((groups + 63) / 64, 0) {
  for (const auto& w : words) {
    if (!w.bounded) {
      always_[w.group / 64] |= 1ull << w.group % 64;
      continue;
    }
    const auto prefix = w.text.substr(0, prefix_max);
    auto hash = seed;
    for (const char c : prefix) hash = mix(hash, c);
    length_used_[prefix.size()] = true;
    add(finish(hash), w.group);
  }
}

void word_filter::add(std::uint32_t hash, std::uint32_t group) {
  const auto mask = slots_.size() - 1;
  for (auto i = hash & mask;; i = (i + 1) & mask) {
    auto& s = slots_[i];
    if (s.hash == hash && s.group == group) return;
    if (s.hash != 0) continue;
    s = {hash, group};
    return;
  }
}

void word_filter::candidates(std::string_view text, std::vector<std::uint64_t>& named) const {
  named = always_;
  if (slots_.empty()) return;
  const auto mask = slots_.size() - 1;
  bool inside = false;  // the byte before belongs to a word
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool letter = in_word(text[at]);
    if (std::exchange(inside, letter) && letter) continue;
    auto hash = seed;
    const auto end = std::min(text.size() - at, prefix_max);
    for (std::size_t n = 1; n <= end; ++n) {
      hash = mix(hash, text[at + n - 1]);
      if (!length_used_[n]) continue;
      const auto wanted = finish(hash);
      for (auto i = wanted & mask; slots_[i].hash != 0; i = (i + 1) & mask) {
        if (slots_[i].hash == wanted) named[slots_[i].group / 64] |= 1ull << slots_[i].group % 64;
      }
    }
  }
}

std::size_t word_filter::memory_bytes() const { return slots_.capacity() * sizeof(slot) + always_.capacity() * 8; }

}  // namespace sluice::match
