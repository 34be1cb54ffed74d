// See derived_words.hpp.
#include "derived_words.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "rewriting.hpp"

namespace sluice::text {
namespace {

constexpr std::string_view signs_between = " .-_*/|,";  // of words written apart
constexpr std::string_view signs = "013457$@|!8", letters = "oIeastsaIIb";  // for letters; I: i or l

bool is_letter(char c) { return (static_cast<unsigned char>(c) | 0x20) >= 'a' && (static_cast<unsigned char>(c) | 0x20) <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t letter_size(std::string_view s, std::size_t at) {
  if (at >= s.size()) return 0;
  if (static_cast<unsigned char>(s[at]) < 0x80) return is_letter(s[at]) || is_digit(s[at]) ? 1 : 0;
  const auto [c, size] = decode(s, at);
  return is_word(c) ? size : 0;
}

std::size_t visible_size(std::string_view s, std::size_t at) {
  if (at >= s.size()) return 0;
  const auto c = static_cast<unsigned char>(s[at]);
  if (c < 0x80) return c > ' ' && c < 0x7f ? 1 : 0;
  return decode(s, at).size;
}

// A word whose characters have one sign between each two.
struct apart {
  std::vector<std::pair<std::size_t, std::size_t>> characters;
  std::size_t letters = 0, end = 0;
};

// Between spaces stands any character, as in d o n ' t; between other signs only letters.
apart word_apart(std::string_view s, std::size_t at) {
  apart out;
  char sign = 0;
  for (;;) {
    const auto letter = letter_size(s, at);
    const auto size = letter > 0 ? letter : sign == 0 || sign == ' ' ? visible_size(s, at) : 0;
    const auto next = at + size;
    const bool ends = next >= s.size();
    if (size == 0 || (letter > 0 ? letter_size(s, next) > 0 : !ends && s[next] != ' ')) return out;
    out.characters.emplace_back(at, size);
    out.letters += letter > 0 ? 1 : 0;
    out.end = next;
    if (ends || !signs_between.contains(s[next]) || (sign != 0 && s[next] != sign)) return out;
    sign = s[next];
    at = next + 1;
    // Two signs end the word.
    if (letter_size(s, at) == 0 && (sign != ' ' || visible_size(s, at) == 0)) return out;
  }
}

std::size_t gap_end(std::string_view s, std::size_t at) {
  while (at < s.size() && signs_between.contains(s[at])) ++at;
  return at;
}

// The words that follow each other apart, and where they end.
struct apart_run {
  std::vector<apart> words;
  std::size_t letters = 0, longest = 0, end = 0;
};

apart_run run_apart(std::string_view s, std::size_t at) {
  apart_run out{.words = {}, .end = at};
  for (;;) {
    auto word = word_apart(s, at);
    if (word.characters.empty()) return out;
    out.letters += word.letters;
    out.longest = std::max(out.longest, word.letters);
    at = gap_end(s, word.end);
    out.end = at;
    const bool last = at == word.end;
    out.words.push_back(std::move(word));
    if (last) return out;
  }
}

// What digits and signs read as in one text: words, with whether they hold letters and signs.
struct sign_word {
  std::size_t begin = 0, end = 0;
  bool letter = false, sign = false;
  [[nodiscard]] bool mixed() const { return letter && sign; }
};

std::vector<sign_word> sign_words(std::string_view s) {
  std::vector<sign_word> out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    sign_word word{.begin = i, .end = i};
    for (; word.end < s.size() && (is_letter(s[word.end]) || signs.contains(s[word.end])); ++word.end) {
      (is_letter(s[word.end]) ? word.letter : word.sign) = true;
    }
    if (word.end == i) continue;
    i = word.end;
    // What ends a sentence is not a letter.
    while (word.end > word.begin && s[word.end - 1] == '!') --word.end;
    if (word.end > word.begin) out.push_back(word);
  }
  return out;
}

// "70" is a number, but beside a word of letters and signs it is "to": 7h3 w4y 70 g0.
bool stands_beside(std::string_view s, const sign_word& word, const sign_word& other) {
  constexpr std::size_t digits_max = 4, gap_max = 2;
  if (!other.mixed() || word.end - word.begin > digits_max) return false;
  const auto from = std::min(word.end, other.end), to = std::max(word.begin, other.begin);
  return to >= from && to - from <= gap_max && s.substr(from, to - from).find_first_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<derived_text> spaced(std::string_view s) {
  constexpr std::size_t word_min = 4, run_min = 6;  // letters: in one word, or in several that follow each other
  rewriting out(s);
  std::size_t copied = 0;  // nothing is written before something is read otherwise
  bool changed = false;
  for (std::size_t i = 0; i < s.size();) {
    // A word of more than one letter has none that stands apart: most of a text.
    auto end = i;
    while (end < s.size() && (is_letter(s[end]) || is_digit(s[end]))) ++end;
    if (end - i > 1) {
      i = end;
      continue;
    }
    const bool begins = i == 0 || letter_size(s, i - 1) == 0;
    if (!begins || (letter_size(s, i) == 0 && visible_size(s, i) == 0)) {
      ++i;
      continue;
    }
    const auto run = run_apart(s, i);
    if (run.longest < word_min && run.letters < run_min) {
      i += run.words.empty() ? 1 : run.end - i;
      continue;
    }
    out.copy(copied, i - copied);
    changed = true;
    for (const apart& word : run.words) {
      for (const auto& [from, size] : word.characters) out.put(s.substr(from, size), from, from + size);
      // What separates words is wider than what separates their letters.
      if (const auto gap = gap_end(s, word.end); gap > word.end) out.put(" ", word.end, gap);
    }
    i = copied = run.end;
  }
  if (!changed) return std::nullopt;
  out.copy(copied, s.size() - copied);
  return out.finish(reading::spaced);
}

std::optional<derived_text> leet(std::string_view s, char one) {
  static constexpr auto is_sign = [] {
    std::array<bool, 256> out{};
    for (const char c : signs) out[static_cast<unsigned char>(c)] = true;
    return out;
  }();
  if (std::ranges::none_of(s, [](char c) { return is_sign[static_cast<unsigned char>(c)]; })) return std::nullopt;
  const auto words = sign_words(s);
  rewriting out(s);
  std::size_t at = 0;
  bool changed = false;
  for (std::size_t k = 0; k < words.size(); ++k) {
    const sign_word& word = words[k];
    const bool number = word.sign && !word.letter;
    const bool beside = number && ((k > 0 && stands_beside(s, word, words[k - 1])) || (k + 1 < words.size() && stands_beside(s, word, words[k + 1])));
    if (!word.mixed() && !beside) continue;
    changed = true;
    out.copy(at, word.begin - at);
    for (at = word.begin; at < word.end; ++at) {
      const auto sign = signs.find(s[at]);
      const char c = sign == std::string_view::npos ? s[at] : letters[sign] == 'I' ? one : letters[sign];
      out.put({&c, 1}, at, at + 1);
    }
  }
  if (!changed) return std::nullopt;
  out.copy(at, s.size() - at);
  return out.finish(reading::leet);
}

}  // namespace sluice::text
