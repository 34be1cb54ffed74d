// Asks PCRE2 which first bytes and pairs can begin a match, and folds the answers of many rules into one table.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "sluice/match/start_filter.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "sluice/text/view.hpp"

namespace sluice::match {
namespace {

// Surroundings that decide \b, \B, ^ and (?m)^ before a match. Other look-behinds get no filter.
constexpr std::array<std::string_view, 4> befores = {"", " ", "a", "\n"};
// Of bytes below this a pair says more than its first byte (start_set::pair).
constexpr unsigned known_pairs = 128;
// More first bytes than this (a word character, say): pairs would be asked for in vain.
constexpr std::size_t narrow_first_max = 32;

bool could_begin(const regex& of, std::string_view start, match_state& state) {
  for (const auto before : befores) {
    std::string text(before);
    text += start;
    const auto hit = of.find(text, before.size(), true, state);
    if (hit.status == regex::status::unavailable) return true;
    if (hit.status != regex::status::none && hit.begin <= before.size()) return true;
  }
  return false;
}

void find_composed(const regex& of, match_state& state, start_set& set) {
  for (unsigned c = 0; c < 128; ++c) {
    for (const auto& form : text::compositions_of_ascii(static_cast<char>(c))) {
      if (!of.info().picky_start && !could_begin(of, form, state)) continue;
      set.composed[c] = true;
      break;
    }
  }
}

}  // namespace

start_set find_starts(const regex& of, match_state& state) {
  start_set set;
  if (of.info().marks != regex_info::marks::ignored) find_composed(of, state, set);
  set.first.assign(256, true);
  set.wide = true;
  if (of.info().picky_start) return set;
  std::size_t count = 0;
  for (unsigned b = 0; b < 128; ++b) {
    const char c = static_cast<char>(b);
    set.first[b] = could_begin(of, {&c, 1}, state);
    count += set.first[b] ? 1 : 0;
  }
  set.wide = count > narrow_first_max;
  if (set.wide) return set;
  set.pair.assign(65536, false);
  for (unsigned a = 0; a < 256; ++a) {
    if (!set.first[a]) continue;
    for (unsigned b = 0; b < 256; ++b) {
      const std::array<char, 2> two = {static_cast<char>(a), static_cast<char>(b)};
      set.pair[a * 256 + b] = a >= known_pairs || b >= known_pairs || could_begin(of, {two.data(), 2}, state);
    }
  }
  return set;
}

start_filter::start_filter(std::span<const start_set* const> of)
    : words_((of.size() + 63) / 64), pair_class_(65536, 0), first_class_(256, 0), classes_(words_, 0) {
  std::map<std::vector<std::uint64_t>, std::uint16_t> known;
  known.emplace(std::vector<std::uint64_t>(words_, 0), 0);
  const auto class_of = [&](const std::vector<std::uint64_t>& bits) {
    const auto [it, fresh] = known.try_emplace(bits, static_cast<std::uint16_t>(known.size()));
    if (fresh) classes_.insert(classes_.end(), bits.begin(), bits.end());
    return it->second;
  };
  std::vector<std::uint64_t> bits(words_), first_bits(words_), before;
  std::vector<std::size_t> narrow;  // those that say more than by their first byte: few for each byte, however many there are
  for (unsigned a = 0; a < 256; ++a) {
    first_bits.assign(words_, 0);
    narrow.clear();
    for (std::size_t r = 0; r < of.size(); ++r) {
      if (!of[r]->first[a]) continue;
      first_bits[r / 64] |= 1ull << (r % 64);
      if (!of[r]->wide && a < known_pairs) narrow.push_back(r);
    }
    first_class_[a] = class_of(first_bits);
    std::fill_n(pair_class_.begin() + a * 256, 256, first_class_[a]);
    before = first_bits;
    for (unsigned b = 0; b < known_pairs && !narrow.empty(); ++b) {
      bits = first_bits;
      for (const auto r : narrow) {
        if (!of[r]->pair[a * 256 + b]) bits[r / 64] &= ~(1ull << (r % 64));
      }
      // The class numbers are 16 bits; past them a pair falls back to what its first byte says, which is only less strict.
      const bool as_before = b > 0 && bits == before;
      pair_class_[a * 256 + b] = as_before ? pair_class_[a * 256 + b - 1] : known.size() < 65'000 ? class_of(bits) : first_class_[a];
      before = bits;
    }
  }
}

void start_filter::candidates(std::string_view text, std::size_t from, std::vector<std::uint64_t>& rules) const {
  rules.assign(words_, 0);
  if (words_ == 0) return;
  std::uint16_t last = 0;
  const auto add = [&](std::uint16_t c) {
    if (c == 0 || c == last) return;
    last = c;
    for (std::size_t w = 0; w < words_; ++w) rules[w] |= classes_[c * words_ + w];
  };
  for (std::size_t i = from; i < text.size(); ++i) {
    const auto a = static_cast<unsigned char>(text[i]);
    if (i + 1 < text.size()) {
      add(pair_class_[a * 256u + static_cast<unsigned char>(text[i + 1])]);
    } else {
      add(first_class_[a]);
    }
  }
}

std::size_t start_filter::memory_bytes() const {
  return (pair_class_.capacity() + first_class_.capacity()) * 2 + classes_.capacity() * 8;
}

}  // namespace sluice::match
