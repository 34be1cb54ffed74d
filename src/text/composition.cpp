// See composition.hpp. Filled from ICU once.
#include "composition.hpp"

#include <unicode/unorm2.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "code_point.hpp"
#include "utf8.hpp"

namespace sluice::text {
namespace {

// Hangul by rule (Unicode 3.12): LV = first + (L * vowels + V) * tails, LVT = LV + T.
constexpr char32_t syllable_first = 0xAC00, lead_first = 0x1100, vowels = 21, tails = 28;
constexpr char32_t syllables = 11172, leads = 19;

class composition_table {
 public:
  composition_table() {
    UErrorCode status = U_ZERO_ERROR;
    const auto* nfc = unorm2_getNFCInstance(&status);
    // Nothing composes above these planes.
    for (char32_t c = 0xC0; c < 0x20000; ++c) {
      if ((c >= syllable_first && c < syllable_first + syllables) || (c >= 0xD800 && c < 0xE000)) continue;
      std::array<UChar, 8> pair{};
      const auto size = unorm2_getRawDecomposition(nfc, static_cast<UChar32>(c), pair.data(), static_cast<std::int32_t>(pair.size()), &status);
      if (size <= 0) continue;
      UChar32 first = 0, second = 0;
      std::int32_t i = 0;
      U16_NEXT(pair.data(), i, size, first);
      if (i == size) continue;
      U16_NEXT(pair.data(), i, size, second);
      if (unorm2_composePair(nfc, first, second) != static_cast<UChar32>(c)) continue;
      first_of_[c] = static_cast<char32_t>(first);
      made_of_[static_cast<char32_t>(first)].push_back(c);
    }
    for (char32_t l = 0; l < leads; ++l) {
      for (char32_t v = 0; v < vowels; ++v) {
        const auto lv = syllable_first + (l * vowels + v) * tails;
        made_of_[lead_first + l].push_back(lv);
        for (char32_t t = 1; t < tails; ++t) made_of_[lv].push_back(lv + t);
      }
    }
    close_over();
    for (const auto kind : {view_kind::regex, view_kind::folded}) {
      for (char32_t c = 0; c < 0x80; ++c) {
        for (const auto x : of(c)) {
          std::string one;
          append_utf8(one, x);
          ascii_[static_cast<std::size_t>(kind)][c].push_back(normalise(one, kind));
        }
      }
    }
  }

  [[nodiscard]] char32_t base(char32_t c) const {
    for (auto at = first_of_.find(c); at != first_of_.end(); at = first_of_.find(c)) c = at->second;
    return c;
  }
  [[nodiscard]] const std::vector<char32_t>& of(char32_t c) const {
    const auto at = made_of_.find(c);
    return at == made_of_.end() ? none_ : at->second;
  }
  [[nodiscard]] const std::vector<std::string>& ascii(char c, view_kind kind) const {
    return ascii_[static_cast<std::size_t>(kind)][static_cast<unsigned char>(c) & 0x7f];
  }

 private:
  // What composes composes on: U+00E4 to U+01DF.
  void close_over() {
    for (auto& [base, made] : made_of_) {
      for (std::size_t i = 0; i < made.size(); ++i) {
        const auto more = made_of_.find(made[i]);
        if (more == made_of_.end() || more->first == base) continue;
        for (const auto x : more->second) {
          if (std::find(made.begin(), made.end(), x) == made.end()) made.push_back(x);
        }
      }
    }
  }

  std::unordered_map<char32_t, char32_t> first_of_;
  std::unordered_map<char32_t, std::vector<char32_t>> made_of_;
  std::array<std::array<std::vector<std::string>, 128>, 2> ascii_;
  std::vector<char32_t> none_;
};

const composition_table& table() {
  static const composition_table filled;
  return filled;
}

}  // namespace

char32_t base_of(char32_t c) { return table().base(c); }
const std::vector<char32_t>& compositions_of(char32_t base) { return table().of(base); }
const std::vector<std::string>& ascii_compositions(char c, view_kind kind) { return table().ascii(c, kind); }

bool may_be_composed(std::string_view form) {
  for (std::size_t i = 0; i < form.size();) {
    const auto [c, size] = decode(form, i);
    i += size;
    if (c < 0x80) continue;
    // A Hangul syllable that ends in a vowel or a tail came together from jamo.
    if (c >= syllable_first && c < syllable_first + syllables) return true;
    if (table().base(c) != c || !(traits(c) & starts_regex)) return true;
  }
  return false;
}

const std::vector<std::string>& compositions_of_ascii(char c) { return table().ascii(c, view_kind::regex); }

}  // namespace sluice::text
