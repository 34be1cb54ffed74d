// Normalised views of text with a map back to the original bytes (design: "matched in a normalised view, edited in the
// original"). `regex`: NFKC without default-ignorable code points, case kept. `folded`: the same plus case folding and, in words of
// several alphabets only, look-alikes as the ASCII letter or digit that they are drawn like (a table after UTS #39). ASCII text takes
// a fast path: no map, no copy for `regex`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

[[nodiscard]] bool is_ascii(std::string_view bytes);
[[nodiscard]] bool is_valid_utf8(std::string_view bytes);
// Bytes at the end of `bytes` that begin a code point which is not complete yet (0 to 3).
[[nodiscard]] std::size_t incomplete_utf8_tail(std::string_view bytes);

enum class view_kind : std::uint8_t { regex, folded };

// The original code points, as bytes [original_begin, original_end), that produced one normalised byte.
struct text_unit {
  std::uint32_t original_begin, original_end;
};

// Where the first of units[begin, end) lies in the original. Only marks of one letter, whose units end alike, may have changed places.
[[nodiscard]] inline std::uint32_t first_original(const std::vector<text_unit>& units, std::size_t begin, std::size_t end) {
  auto first = units[begin].original_begin;
  for (auto i = begin + 1; i < end && units[i].original_end == units[begin].original_end; ++i) {
    if (units[i].original_begin < first) first = units[i].original_begin;
  }
  return first;
}

// A view of one text. Offsets are bytes. `text()` is valid as long as the view and, when `identity()`, the original.
class view {
 public:
  [[nodiscard]] std::string_view text() const { return identity_ ? original_ : std::string_view(text_); }
  [[nodiscard]] bool identity() const { return identity_; }
  // Maps a half-open span of view bytes to the smallest span of original bytes that produced it.
  struct span { std::uint32_t begin, end; };
  [[nodiscard]] span to_original(std::uint32_t begin, std::uint32_t end) const;
  [[nodiscard]] std::string_view original() const { return original_; }
  // Frees its memory where that is more than so much. It then shows no text.
  void give_back(std::size_t kept_bytes);
  // For each byte of the text; empty when the offsets are equal.
  [[nodiscard]] const std::vector<text_unit>& units() const { return units_; }
  // Where signs begin in the original that are shown as something else, letters perhaps: in order.
  [[nodiscard]] const std::vector<std::uint32_t>& signs() const { return signs_; }

 private:
  friend bool make_view(std::string_view, view_kind, view&, std::size_t);
  std::string_view original_;
  std::string text_;
  // For byte i of text_: the original code points that produced it. Empty when the offsets are equal (ASCII, whatever case
  // folding did).
  std::vector<text_unit> units_;
  std::vector<std::uint32_t> signs_;
  bool identity_ = true;
};

// Builds `out` from valid UTF-8. Reuses out's memory. `original` must outlive `out` when the result is an identity. False: its text would be longer
// than the original by more than `growth_max` bytes (NFKC makes 33 of the three of U+FDFA), and `out` is of no use.
inline constexpr std::size_t any_growth = static_cast<std::size_t>(-1);
bool make_view(std::string_view original, view_kind kind, view& out, std::size_t growth_max = any_growth);

// What is known of the word at the end of a text that may go on. Normalisation decides on look-alikes word by word.
struct open_word {
  std::uint16_t points = 0;    // code points so far; 0: none is open
  std::uint16_t alphabets = 0; // one bit for each
  bool digit = false;          // an ASCII digit was seen
  bool stranger = false;       // a letter that looks like no ASCII letter was seen
};

// The same normalisation, a piece at a time: after feed(a), feed(b), finish() the caller's text and map are exactly those
// of make_view(a + b), whatever the cut. Later bytes can still change the end of the text (a combining mark joins its base,
// a word turns out to be mixed-script), so feed() may rewrite that end.
class view_stream {
 public:
  explicit view_stream(view_kind kind) : kind_(kind) {}
  using unit = text_unit;  // counted from the first byte ever fed
  // Appends to `text` and `map` (same length, one unit per byte), which the caller hands in again each time; the caller may
  // have dropped bytes from their front, never from the part that is not stable. Returns how many bytes at the end of
  // `text` as it was were replaced before the new ones were appended.
  std::size_t feed(std::string_view original, std::string& text, std::vector<unit>& map);
  void finish(std::string& text, std::vector<unit>& map);
  // Bytes at the end of the text that a later feed() may still replace.
  [[nodiscard]] std::size_t unstable() const { return unstable_; }
  // What those bytes may become when more comes, besides staying as they are: each of `out` may stand in their place, with
  // anything behind it. A word may turn out to be mixed-script; with `compose`, marks may join the last letter as well.
  void alternatives(bool compose, std::vector<std::string>& out) const;
  // As view::signs, of the text behind what was forgotten.
  [[nodiscard]] const std::vector<std::uint32_t>& signs() const { return signs_; }
  void forget_signs(std::uint32_t before) {
    if (!signs_.empty()) signs_.erase(signs_.begin(), std::ranges::lower_bound(signs_, before));
  }
  // The last letter, when marks may still join it: ASCII, or 0x80 for any other; 0 when there is none.
  [[nodiscard]] unsigned char open_letter() const;

 private:
  [[nodiscard]] std::string form_of(std::string_view open, bool mixed) const;
  void read_signs_from_open();
  view_kind kind_;
  std::string open_;             // original bytes behind the unstable end
  std::uint32_t open_begin_ = 0; // where they begin in the original
  open_word word_;               // the word that `open_` goes on with
  std::size_t open_segment_ = 0; // where in `open_` its last letter and the marks on it begin; its size when marks can join nothing
  std::size_t unstable_ = 0;
  std::vector<std::uint32_t> signs_;
};

// Case folding, NFKC, ignorables and confusables for a pattern word, so that lists and text meet in one form.
[[nodiscard]] std::string normalise(std::string_view original, view_kind kind);

// True when some part of a normalised text may come about by composition or reordering: it holds a composed letter or a mark.
[[nodiscard]] bool may_be_composed(std::string_view form);
// What an ASCII letter may turn into when marks follow it.
[[nodiscard]] const std::vector<std::string>& compositions_of_ascii(char c);

// A code point is a word character when it is alphanumeric, a combining mark, or '_' (UAX #18 \w, as PCRE2's UCP \w).
[[nodiscard]] bool is_word(char32_t c);
// No view shows it (Default_Ignorable_Code_Point).
[[nodiscard]] bool is_ignorable(char32_t c);
// The code point that starts at / ends before `at`; `at` must be on a boundary. 0 at the edges.
[[nodiscard]] char32_t code_point_at(std::string_view text, std::size_t at);
[[nodiscard]] char32_t code_point_before(std::string_view text, std::size_t at);

}  // namespace sluice::text
