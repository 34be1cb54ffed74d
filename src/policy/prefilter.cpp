// See prefilter.hpp.
#include "prefilter.hpp"

#include "program.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {
namespace {

std::size_t first_end(const std::vector<std::string>& words, std::string_view text) {
  const auto lowered = lower(text);
  auto out = nowhere;
  for (const auto& word : words) {
    if (const auto at = text::find_word(lowered, word, 0)) out = std::min(out, at->end);
  }
  return out;
}

}  // namespace

bool prefilter_state::admits(const term& of, std::string_view text, std::size_t match_end) {
  if (of.prefilter.empty()) return true;
  if (!first_end) first_end = policy::first_end(of.prefilter, text);
  return anywhere ? *first_end != nowhere : *first_end <= match_end;
}

bool prefilter_state::excludes_all(const term& of, std::string_view text) { return anywhere && !admits(of, text, text.size()); }

void prefilter_table::add(std::string_view word, std::uint32_t term) {
  const auto key = static_cast<std::uint16_t>(folded(word[0]) << 8 | (word.size() > 1 ? folded(word[1]) : 0));
  constexpr std::size_t white_space_bytes_max = 3;
  longest_ = std::max(longest_, word.size() + text::blanks_widen(word) * white_space_bytes_max + (white_space_bytes_max - 1) * word.size());
  if (word.substr(0, 2).contains(' ')) return blank_.push_back({key, std::string(word), term});
  if (word.size() == 1) return short_.push_back({key, std::string(word), term});
  entries_.push_back({key, std::string(word), term});
  begins_[key / 64u] |= std::uint64_t{1} << key % 64u;
}

void prefilter_table::seal() { std::ranges::sort(entries_, {}, &entry::key); }

std::size_t prefilter_table::end_at(std::string_view text, std::size_t at, std::string_view word) {
  return text::word_end(text, at, word, [](char c) { return static_cast<char>(folded(c)); });
}

}  // namespace sluice::policy
