// Texts that are nearly the same: sets of short runs of characters, found by MinHash and compared exactly.
#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_map>

#include "sluice/base/strings.hpp"
#include "sluice/rollout/golden_import.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t run = 5;
// Of texts that are 0.8 alike, all but one in 5,000 share a band: 1 - (1 - 0.8^4)^16.
constexpr std::size_t bands = 16, rows = 4;
constexpr std::size_t bucket_max = 200;  // texts of one band that are compared; more of them are alike in the same way

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
  return out;
}

double likeness_of(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::vector<std::uint64_t> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(a.size() + b.size() - both.size());
}

std::array<std::uint64_t, bands> signature(const std::vector<std::uint64_t>& runs) {
  std::array<std::uint64_t, bands> out{};
  for (std::size_t band = 0; band < bands; ++band) {
    std::uint64_t together = band;
    for (std::size_t row = 0; row < rows; ++row) {
      std::uint64_t least = UINT64_MAX;
      for (const std::uint64_t each : runs) least = std::min(least, mix(each ^ mix(band * rows + row)));
      together = mix(together ^ least);
    }
    out[band] = together;
  }
  return out;
}

}  // namespace

double likeness(std::string_view a, std::string_view b) { return likeness_of(runs_of(a), runs_of(b)); }

std::vector<bool> near_duplicates(std::span<const std::string> texts, double alike_min) {
  std::vector<bool> out(texts.size(), false);
  std::vector<std::vector<std::uint64_t>> kept(texts.size());
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_band;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto runs = runs_of(texts[i]);
    const auto bands_of = signature(runs);
    for (const std::uint64_t band : bands_of) {
      const auto at = by_band.find(band);
      if (at == by_band.end()) continue;
      out[i] = std::ranges::any_of(at->second, [&](std::size_t earlier) { return likeness_of(kept[earlier], runs) >= alike_min; });
      if (out[i]) break;
    }
    if (out[i]) continue;
    kept[i] = std::move(runs);
    for (const std::uint64_t band : bands_of) {
      auto& bucket = by_band[band];
      if (bucket.size() < bucket_max) bucket.push_back(i);
    }
  }
  return out;
}

}  // namespace sluice::rollout
