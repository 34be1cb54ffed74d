// Texts that are nearly the same: sets of short runs of characters, found by MinHash and compared exactly.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <set>
#include <utility>

#include "sluice/base/strings.hpp"
#include "sluice/rollout/golden_import.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t run = 5;
// The least hashes of a text's runs: with a mebibyte of text, what is compared stays small. Their index differs from that of all runs by 0.004.
constexpr std::size_t runs_max = 1u << 14;
// A signature has so many least hashes; bands of `rows` of them each. Of texts that are x alike 1 - (1 - x^rows)^(hashes / rows) share a band.
constexpr std::size_t hashes = 64;
constexpr std::size_t bucket_max = 200;  // texts of one band that are compared; more of them are alike in the same way

// The most rows with which all but few of those that are alike share a band: the more rows, the fewer others do.
std::size_t rows_for(double alike_min) {
  constexpr double missed_max = 1.0 / 800;
  for (const std::size_t rows : {4, 2}) {
    const double missed = std::pow(1 - std::pow(alike_min, static_cast<double>(rows)), static_cast<double>(hashes / rows));
    if (missed <= missed_max) return rows;
  }
  return 1;
}

std::uint64_t mix(std::uint64_t x) {
  // The finaliser of SplitMix64.
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Hashes of the runs, sorted, each once. White space counts as one space.
std::vector<std::uint64_t> runs_of(std::string_view text) {
  std::string plain;
  for (const char c : lower(text)) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space) plain += c;
    if (space && !plain.empty() && plain.back() != ' ') plain += ' ';
  }
  if (!plain.empty() && plain.back() == ' ') plain.pop_back();
  std::vector<std::uint64_t> out;
  const std::size_t count = plain.size() < run ? 1 : plain.size() - run + 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t hash = 0;
    for (const char c : std::string_view(plain).substr(i, run)) hash = mix(hash ^ static_cast<unsigned char>(c));
    out.push_back(hash);
  }
  std::ranges::sort(out);
  const auto rest = std::ranges::unique(out);
  out.erase(rest.begin(), rest.end());
  if (out.size() > runs_max) out.resize(runs_max);
  out.shrink_to_fit();
  return out;
}

// Where one of the two is a sample, only hashes up to its last say what the other has of it.
double likeness_of(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  auto last = std::numeric_limits<std::uint64_t>::max();
  for (const auto* each : {&a, &b}) {
    if (each->size() == runs_max) last = std::min(last, each->back());
  }
  std::size_t both = 0, either = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() || j != b.end(); ++either) {
    const auto next = std::min(i != a.end() ? *i : last, j != b.end() ? *j : last);
    if (next > last) break;
    const bool in_a = i != a.end() && *i == next, in_b = j != b.end() && *j == next;
    if (!in_a && !in_b) break;  // what is left lies behind the last
    both += in_a && in_b ? 1 : 0;
    i += in_a ? 1 : 0;
    j += in_b ? 1 : 0;
  }
  return static_cast<double>(both) / static_cast<double>(either);
}

// One for each band.
std::vector<std::uint64_t> signature(const std::vector<std::uint64_t>& runs, std::size_t rows) {
  std::vector<std::uint64_t> out;
  for (std::size_t band = 0; band < hashes / rows; ++band) {
    std::uint64_t together = band;
    for (std::size_t row = 0; row < rows; ++row) {
      std::uint64_t least = UINT64_MAX;
      const auto seed = mix(band * rows + row);
      for (const std::uint64_t each : runs) least = std::min(least, mix(each ^ seed));
      together = mix(together ^ least);
    }
    out.push_back(together);
  }
  return out;
}

}  // namespace

double likeness(std::string_view a, std::string_view b) { return likeness_of(runs_of(a), runs_of(b)); }

likeness_index::likeness_index(double alike_min) : alike_min_(alike_min), rows_(rows_for(alike_min)) {}

std::size_t likeness_index::add(std::string_view text) {
  const auto number = added_++;
  auto runs = runs_of(text);
  const auto bands = signature(runs, rows_);
  std::set<std::size_t> candidates;
  for (const std::uint64_t band : bands) {
    if (const auto at = by_band_.find(band); at != by_band_.end()) candidates.insert(at->second.begin(), at->second.end());
  }
  for (const std::size_t earlier : candidates) {
    if (likeness_of(kept_.at(earlier), runs) >= alike_min_) return earlier;
  }
  for (const std::uint64_t band : bands) {
    auto& bucket = by_band_[band];
    if (bucket.size() < bucket_max) bucket.push_back(number);
  }
  kept_.emplace(number, std::move(runs));
  return number;
}

std::vector<bool> near_duplicates(std::span<const std::string> texts, double alike_min) {
  likeness_index index(alike_min);
  std::vector<bool> out;
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(index.add(texts[i]) != i);
  return out;
}

}  // namespace sluice::rollout
