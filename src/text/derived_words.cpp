// See derived_words.hpp.
#include "derived_words.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rewriting.hpp"
#include "sluice/base/byte_block.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/edged_text.hpp"

namespace sluice::text {
namespace {

constexpr std::string_view signs_between = " .-_*/|,";  // of words written apart
constexpr std::string_view signs = "013457$@|!8", letters = "oIeastsaIIb";  // for letters; I: i or l

bool is_letter(char c) { return (static_cast<unsigned char>(c) | 0x20) >= 'a' && (static_cast<unsigned char>(c) | 0x20) <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr auto is_sign = [] {
  std::array<bool, 256> out{};
  for (const char c : signs) out[static_cast<unsigned char>(c)] = true;
  return out;
}();

// A digit that is the first of an emoji (UTS #51, ED-14c).
bool is_keycap(std::string_view s, std::size_t at) {
  const auto behind = s.substr(at + 1);
  return behind.starts_with("\ufe0f\u20e3") || behind.starts_with("\u20e3");
}

std::size_t letter_size(std::string_view s, std::size_t at) {
  if (at >= s.size()) return 0;
  if (static_cast<unsigned char>(s[at]) < 0x80) return is_letter(s[at]) || (is_digit(s[at]) && !is_keycap(s, at)) ? 1 : 0;
  const auto [c, size] = decode(s, at);
  const bool of_sign = is_ignorable(c) || (c >= 0x20dd && c <= 0x20e4);  // a selector, or what encloses: the end of an emoji
  return is_word(c) && !of_sign ? size : 0;
}

// A letter at a place where the word before it goes on.
bool continues_word(std::string_view s, std::size_t at) {
  if (at == 0 || letter_size(s, at) == 0 || letter_size(s, previous_code_point(s, at)) == 0) return false;
  return edged_text(s).edge(at, false) != edged_text::answer::yes;
}

std::size_t visible_size(std::string_view s, std::size_t at) {
  if (at >= s.size()) return 0;
  const auto c = static_cast<unsigned char>(s[at]);
  if (c < 0x80) return c > ' ' && c < 0x7f ? 1 : 0;
  return white_space_size(s, at) > 0 ? 0 : decode(s, at).size;
}

// White space at a place: its end, and how wide it is in code points. A line's end makes it wider: lines break between words.
struct white_space {
  std::size_t end = 0, width = 0;
};
white_space white_space_at(std::string_view s, std::size_t at) {
  white_space out{.end = at};
  bool breaks = false;
  for (auto size = white_space_size(s, at); size > 0; size = white_space_size(s, out.end)) {
    breaks = breaks || s[out.end] == '\n' || s[out.end] == '\r';
    out.end += size;
    ++out.width;
  }
  out.width += breaks ? 1 : 0;
  return out;
}

// A character with no other beside it; between white space stands any character, as in d o n ' t. 0: none.
std::size_t lone_size(std::string_view s, std::size_t at) {
  const auto letter = letter_size(s, at);
  const auto size = letter > 0 ? letter : visible_size(s, at);
  const auto next = at + size;
  const bool joined = letter > 0 ? continues_word(s, next) : next < s.size() && white_space_size(s, next) == 0;
  return joined ? 0 : size;
}

// How wide the white space between two letters of the words from `at` on is: what most of it is.
std::size_t letter_gap(std::string_view s, std::size_t at) {
  constexpr std::size_t wide = 16, asked_max = 256;
  std::array<std::size_t, wide + 1> seen{};
  std::size_t width = 0;
  for (std::size_t n = 0; n < asked_max; ++n) {
    const auto size = lone_size(s, at);
    if (size == 0) break;
    ++seen[width];
    const auto behind = white_space_at(s, at + size);
    if (behind.width == 0 || behind.width > wide) break;
    width = behind.width;
    at = behind.end;
  }
  return static_cast<std::size_t>(std::ranges::max_element(seen.begin() + 1, seen.end()) - seen.begin());
}

// A word whose characters have one sign between each two.
struct apart {
  std::size_t characters = 0, letters = 0, end = 0;
};

// Between white space, which is no wider than `gap`, stands any character; between other signs only letters. Calls each(at, size) for the characters.
template <class Each>
apart word_apart(std::string_view s, std::size_t at, std::size_t gap, Each&& each) {
  apart out;
  char sign = 0;
  for (;;) {
    const auto letter = letter_size(s, at);
    const auto size = letter > 0 || sign == 0 || sign == ' ' ? lone_size(s, at) : 0;
    if (size == 0) return out;
    const auto next = at + size;
    each(at, size);
    ++out.characters;
    out.letters += letter > 0 ? 1 : 0;
    out.end = next;
    if (next >= s.size()) return out;
    const auto white = white_space_at(s, next);
    const char between = white.width > 0 ? ' ' : s[next];
    if (white.width > gap || !signs_between.contains(between) || (sign != 0 && between != sign)) return out;
    sign = between;
    at = white.width > 0 ? white.end : next + 1;
    // Two signs end the word.
    if (letter_size(s, at) == 0 && (sign != ' ' || visible_size(s, at) == 0)) return out;
  }
}

std::size_t gap_end(std::string_view s, std::size_t at) {
  for (;;) {
    const auto white = white_space_size(s, at);
    if (white == 0 && (at >= s.size() || !signs_between.contains(s[at]))) return at;
    at += std::max<std::size_t>(white, 1);
  }
}

// The words that follow each other apart, and where they end.
struct apart_run {
  std::size_t words = 0, letters = 0, longest = 0, end = 0;
};

// Calls each(at, size) for the characters, and gap(at, end) for what separates a word from the next.
template <class Each, class Gap>
apart_run run_apart(std::string_view s, std::size_t at, Each&& each, Gap&& gap) {
  apart_run out{.end = at};
  const auto wide = letter_gap(s, at);
  for (;;) {
    const auto word = word_apart(s, at, wide, each);
    if (word.characters == 0) return out;
    ++out.words;
    out.letters += word.letters;
    out.longest = std::max(out.longest, word.letters);
    at = out.end = gap_end(s, word.end);
    if (at == word.end) return out;
    gap(word.end, at);
  }
}
apart_run run_apart(std::string_view s, std::size_t at) {
  return run_apart(s, at, [](std::size_t, std::size_t) {}, [](std::size_t, std::size_t) {});
}

// Where no two characters stand alone one behind the other in the bytes from `at` on, what follows those bytes; else `at`. Of most texts a block at a
// time: in words of several letters none stands alone, nor does what is written against them, and "a" has such a word behind it.
constexpr std::size_t joined_bytes = byte_block::size - 4;  // asked at once: with the byte before them and three behind
std::size_t behind_joined(std::string_view s, std::size_t at) {
  for (; at > 0 && at - 1 + byte_block::size <= s.size(); at += joined_bytes) {
    const byte_block block(s, at - 1);
    const auto alnum = block.letters() | block.digits(), visible = ~block.between(0, ' ');
    const auto alone = visible & ~(alnum << 1 | (alnum & alnum >> 1) | (~alnum & visible >> 1));
    const auto pairs = alone & (alone >> 2 | ~alnum >> 2);
    constexpr auto asked = ((std::uint64_t{1} << joined_bytes) - 1) << 1;
    if (block.beyond_ascii() != 0 || (pairs & asked) != 0) return at;
  }
  return at;
}

// What digits and signs read as in one text: words, with whether they hold letters and signs.
struct sign_word {
  std::size_t begin = 0, end = 0;
  bool letter = false, sign = false;
  [[nodiscard]] bool mixed() const { return letter && sign; }
};

// False where no byte is a sign for a letter: most texts. Digits that are none count as well, so that the loop has no branch.
bool may_hold_sign(std::string_view s) {
  unsigned char any = 0;
  for (const char each : s) {
    const auto c = static_cast<unsigned char>(each);
    any |= static_cast<unsigned char>((static_cast<unsigned char>(c - '0') < 10) | (c == '$') | (c == '@') | (c == '|') | (c == '!'));
  }
  return any != 0;
}

// The first word in s[from..) that is one: what ends a sentence is not a letter. Empty: none.
sign_word next_word(std::string_view s, std::size_t from) {
  for (auto i = from; i < s.size(); ++i) {
    sign_word word{.begin = i, .end = i};
    for (; word.end < s.size(); ++word.end) {
      const bool letter = is_letter(s[word.end]);
      if (!letter && !is_sign[static_cast<unsigned char>(s[word.end])]) break;
      (letter ? word.letter : word.sign) = true;
    }
    if (word.end == i) continue;
    i = word.end;
    while (word.end > word.begin && s[word.end - 1] == '!') --word.end;
    if (word.end > word.begin) return word;
  }
  return {.begin = s.size(), .end = s.size()};
}

// "70" is a number, but beside a word of letters and signs it is "to": 7h3 w4y 70 g0.
bool stands_beside(std::string_view s, const sign_word& word, const sign_word& other) {
  constexpr std::size_t digits_max = 4, gap_max = 2;
  if (!other.mixed() || word.end - word.begin > digits_max) return false;
  const auto from = std::min(word.end, other.end), to = std::max(word.begin, other.begin);
  return to >= from && to - from <= gap_max && s.substr(from, to - from).find_first_of("0123456789") == std::string_view::npos;
}

// Writes the characters of a run, word by word; with a vocabulary each word as the words that it knows.
class spelled_run {
 public:
  spelled_run(std::string_view from, const vocabulary* words, rewriting& out) : from_(from), words_(words), out_(out) {}
  void add(std::size_t at, std::size_t size) {
    if (words_ == nullptr) return out_.put(from_.substr(at, size), at, at + size);
    places_.push_back({at, at + size, letters_.size()});
    for (const char c : from_.substr(at, size)) letters_ += static_cast<char>(c + (c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0));
    if (letters_.size() >= letters_max) write(letters_.size() - 2 * vocabulary::word_bytes_max);
  }
  void end_word() {
    if (!places_.empty()) write(letters_.size());
  }
  // Whether the vocabulary showed more than one word somewhere.
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  static constexpr std::size_t letters_max = 16'384;  // cut at once
  struct place {
    std::size_t begin, end, letter;  // in the text; in `letters_`
  };

  // Writes the letters before `until`, and leaves those from the last cut before it on: a word may go on behind them.
  void write(std::size_t until) {
    words_->cut(letters_, cuts_);
    cut_ = cut_ || !cuts_.empty();
    const bool all = until == letters_.size();
    const auto behind = std::ranges::upper_bound(cuts_, until);
    if (!all && behind != cuts_.begin()) until = *std::prev(behind);
    auto next = cuts_.begin();
    std::size_t written = 0;
    for (; written < places_.size() && (all || places_[written].letter <= until); ++written) {
      const auto& [begin, end, letter] = places_[written];
      while (next != cuts_.end() && *next < letter) ++next;
      if (written > 0 && next != cuts_.end() && *next == letter) out_.put(" ", places_[written - 1].end, begin);
      if (!all && letter == until) break;
      out_.put(from_.substr(begin, end - begin), begin, end);
    }
    const auto rest = written < places_.size() ? places_[written].letter : letters_.size();
    places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(written));
    letters_.erase(0, rest);
    for (auto& place : places_) place.letter -= rest;
  }

  std::string_view from_;
  const vocabulary* words_;
  rewriting& out_;
  std::vector<place> places_;  // of the word at hand
  std::string letters_;
  std::vector<std::size_t> cuts_;
  bool cut_ = false;
};

}  // namespace

std::optional<derived_text> spaced(std::string_view s, const vocabulary* words) {
  constexpr std::size_t word_min = 4, run_min = 6;  // letters: in one word, or in several that follow each other
  rewriting out(s);
  spelled_run spelled(s, words, out);
  std::size_t copied = 0;  // nothing is written before something is read otherwise
  bool changed = false;
  std::size_t joined = 0;  // how far the text was asked
  for (std::size_t i = 0; i < s.size();) {
    if (i >= joined) {
      i = behind_joined(s, i);
      joined = i + joined_bytes;
    }
    // A word of more than one letter has none that stands apart: most of a text.
    auto end = i;
    while (end < s.size() && (is_letter(s[end]) || is_digit(s[end]))) ++end;
    if (end - i > 1) {
      i = end;
      continue;
    }
    const auto next = next_code_point(s, i);
    const bool letter = letter_size(s, i) > 0;
    const bool goes_on = letter ? continues_word(s, i) : i > 0 && letter_size(s, previous_code_point(s, i)) > 0;
    if (goes_on || (!letter && visible_size(s, i) == 0)) {
      i = next;
      continue;
    }
    const auto run = run_apart(s, i);
    if (run.longest < word_min && run.letters < run_min) {
      i = run.words == 0 ? next : run.end;
      continue;
    }
    out.copy(copied, i - copied);
    changed = true;
    run_apart(s, i, [&](std::size_t at, std::size_t size) { spelled.add(at, size); },
              [&](std::size_t at, std::size_t end) {
                spelled.end_word();
                out.put(" ", at, end);
              });
    spelled.end_word();
    i = copied = run.end;
  }
  if (!changed || (words != nullptr && !spelled.cut())) return std::nullopt;
  out.copy(copied, s.size() - copied);
  return out.finish(reading::spaced);
}

std::optional<derived_text> leet(std::string_view s, char one) {
  if (!may_hold_sign(s)) return std::nullopt;
  rewriting out(s);
  std::size_t at = 0;
  bool changed = false;
  sign_word before, word = next_word(s, 0);
  for (; word.begin < word.end;) {
    const auto behind = next_word(s, word.end);
    const auto previous = std::exchange(before, word);
    const auto here = std::exchange(word, behind);
    const bool number = here.sign && !here.letter;
    const bool beside = number && (stands_beside(s, here, previous) || stands_beside(s, here, behind));
    if (!here.mixed() && !beside) continue;
    changed = true;
    out.copy(at, here.begin - at);
    for (at = here.begin; at < here.end; ++at) {
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
