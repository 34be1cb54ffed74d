// See word_filter.hpp.
#include "sluice/match/word_filter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::match {
namespace {

// Up to eight bytes; those behind the end are zero.
std::uint64_t load(std::string_view bytes) {
  std::uint64_t out = 0;
  if (bytes.size() >= sizeof out) {
    std::memcpy(&out, bytes.data(), sizeof out);
  } else {
    std::memcpy(&out, bytes.data(), bytes.size());
  }
  return out;
}

std::uint64_t mask_of(std::size_t length) { return length >= 8 ? ~0ull : (1ull << 8 * length) - 1; }

// A part of what the boundary check takes for a letter of a word, so that no beginning is passed over.
bool in_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

word_filter::word_filter(std::span<const word> words, std::uint32_t groups)
    : slots_(std::bit_ceil(words.size() * 2 + 2)), always_((groups + 63) / 64, 0) {
  for (std::size_t c = 0; c < bytes_.size(); ++c) bytes_[c] = in_word(static_cast<char>(c)) ? letter : 0;
  for (const auto& w : words) {
    if (!w.bounded) {
      always_[w.group / 64] |= 1ull << w.group % 64;
      continue;
    }
    const auto prefix = w.text.substr(0, prefix_max);
    const auto mask = mask_of(prefix.size());
    if (std::ranges::find(masks_, mask) == masks_.end()) masks_.push_back(mask);
    bytes_[static_cast<unsigned char>(prefix[0])] |= beginning;
    add(hash_of(load(prefix)), w.group);
  }
}

// Fibonacci hashing; 0 marks a free slot.
std::uint32_t word_filter::hash_of(std::uint64_t prefix) {
  return std::max(1u, static_cast<std::uint32_t>(prefix * 0x9e3779b97f4a7c15ull >> 32));
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
  if (masks_.empty()) return;
  std::uint64_t inside = 0;  // bit 0: the byte before belongs to a word
  for (std::size_t block = 0; block < text.size(); block += 64) {
    // 64 places at a time, without a branch for each: words are short, and a branch is wrong at every one of them.
    std::uint64_t letters = 0, begins = 0;
    const auto size = std::min<std::size_t>(64, text.size() - block);
    for (std::size_t i = 0; i < size; ++i) {
      const auto what = bytes_[static_cast<unsigned char>(text[block + i])];
      letters |= static_cast<std::uint64_t>(what & letter) << i;
      begins |= static_cast<std::uint64_t>(what >> 1) << i;
    }
    for (auto at = begins & ~(letters & (letters << 1 | inside)); at != 0; at &= at - 1) {
      look_up(text.substr(block + static_cast<std::size_t>(std::countr_zero(at))), named);
    }
    inside = letters >> 63;
  }
}

void word_filter::look_up(std::string_view rest, std::vector<std::uint64_t>& named) const {
  const auto last = slots_.size() - 1;
  const auto prefix = load(rest);
  for (const auto length : masks_) {
    const auto wanted = hash_of(prefix & length);
    for (auto i = wanted & last; slots_[i].hash != 0; i = (i + 1) & last) {
      if (slots_[i].hash == wanted) named[slots_[i].group / 64] |= 1ull << slots_[i].group % 64;
    }
  }
}

std::size_t word_filter::memory_bytes() const { return slots_.capacity() * sizeof(slot) + (always_.capacity() + masks_.capacity()) * 8; }

}  // namespace sluice::match
