// The sorted table of words behind keyword_table.
#include "sluice/match/keyword_table.hpp"

#include <algorithm>
#include <tuple>

namespace sluice::match {

keyword_table::keyword_table(std::vector<entry> entries) : bucket_(257, 0), pair_(65536, false), first_(256, false) {
  std::erase_if(entries, [](const entry& e) { return e.word.empty(); });
  std::sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) {
    return std::tie(a.word, a.owner, a.bounded) < std::tie(b.word, b.owner, b.bounded);
  });
  std::vector<std::uint32_t> chain;  // words that are prefixes of the one at hand, as a stack
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& e = entries[i];
    has_unbounded_ = has_unbounded_ || !e.bounded;
    if (i == 0 || entries[i - 1].word != e.word) {
      while (!chain.empty() && !std::string_view(e.word).starts_with(word(chain.back()))) chain.pop_back();
      const auto owners = static_cast<std::uint32_t>(owners_.size());
      words_.push_back({.offset = static_cast<std::uint32_t>(bytes_.size()),
                        .length = static_cast<std::uint32_t>(e.word.size()),
                        .owners_begin = owners,
                        .owners_end = owners,
                        .prefix = chain.empty() ? 0 : chain.back() + 1});
      bytes_ += e.word;
      chain.push_back(static_cast<std::uint32_t>(words_.size() - 1));
      const auto a = static_cast<unsigned char>(e.word[0]);
      first_[a] = true;
      ++bucket_[a + 1u];
      length_max_ = std::max(length_max_, static_cast<std::uint32_t>(e.word.size()));
      if (e.word.size() > 1) {
        pair_[a * 256u + static_cast<unsigned char>(e.word[1])] = true;
      } else {
        std::fill_n(pair_.begin() + a * 256, 256, true);
      }
    }
    owners_.push_back({e.owner, e.bounded});
    words_.back().owners_end = static_cast<std::uint32_t>(owners_.size());
  }
  for (std::size_t b = 1; b < bucket_.size(); ++b) bucket_[b] += bucket_[b - 1];
}

std::string_view keyword_table::word(std::size_t i) const {
  return std::string_view(bytes_).substr(words_[i].offset, words_[i].length);
}

bool keyword_table::look_up(std::string_view text, std::size_t at, std::vector<found>& out) const {
  const auto rest = text.substr(at, length_max_ + 1);
  if (rest.empty()) return false;
  const auto first = static_cast<unsigned char>(rest[0]);
  if (!first_[first] || (rest.size() > 1 && !pair_[first * 256u + static_cast<unsigned char>(rest[1])])) return false;
  // The first word of this bucket that is greater than the text.
  std::size_t low = bucket_[first];
  std::size_t high = bucket_[first + 1u];
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (word(middle) <= rest) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool grows = low < bucket_[first + 1u] && word(low).starts_with(rest);
  for (std::size_t i = low; i > bucket_[first];) {
    const auto& s = words_[i - 1];
    if (rest.starts_with(word(i - 1))) {
      out.push_back({s.length, std::span(owners_).subspan(s.owners_begin, s.owners_end - s.owners_begin)});
    }
    if (s.prefix == 0) break;
    i = s.prefix;
  }
  return grows;
}

void keyword_table::growing(std::string_view text, std::size_t at, void* self, bool (*visit)(void*, owner_ref)) const {
  const auto rest = text.substr(at);
  if (rest.empty() || rest.size() > length_max_) return;
  const auto first = static_cast<unsigned char>(rest[0]);
  const auto begin = words_.begin() + bucket_[first];
  const auto end = words_.begin() + bucket_[first + 1u];
  auto it = std::partition_point(begin, end, [&](const slot& s) {
    return std::string_view(bytes_).substr(s.offset, s.length) <= rest;
  });
  for (; it != end; ++it) {
    if (!std::string_view(bytes_).substr(it->offset, it->length).starts_with(rest)) return;
    for (auto o = it->owners_begin; o < it->owners_end; ++o) {
      if (!visit(self, owners_[o])) return;
    }
  }
}

std::size_t keyword_table::memory_bytes() const {
  return bytes_.capacity() + words_.capacity() * sizeof(slot) + owners_.capacity() * sizeof(owner_ref) + 65536 / 8 + 2048;
}

}  // namespace sluice::match
