// White space between the words of what is looked for: a blank there stands for a run of any white space, so that a line's end, a tab or two
// blanks in a text hide nothing. Pure; texts are valid UTF-8.
//
// Source: White_Space of Unicode (PropList.txt), which is what PCRE2's \s matches with UCP.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/text/view.hpp"

namespace sluice::text {

// A blank of a word stands for a run of at most so many code points: no stream waits longer for the next word.
inline constexpr std::size_t blank_run_max = 8;

// Bytes of the white space that begins at `at`; 0 where none does.
[[nodiscard]] std::size_t white_space_size(std::string_view text, std::size_t at);

// True where each run of white space is one blank.
[[nodiscard]] bool has_single_blanks(std::string_view text);
// Makes `out` the text with each run of white space as one blank: it holds every word that the text holds.
void single_blanks(std::string_view text, std::string& out);
// A word as it is looked for: normalised, with single blanks.
[[nodiscard]] std::string word_form(std::string_view word, view_kind kind);
// Code points by which a match of a word may be longer than the word.
[[nodiscard]] std::size_t blanks_widen(std::string_view form);

// Where the white space that a blank of a word stands for ends, when it begins at `at`: behind its first code point where the word ends with the
// blank, else behind the whole run. Npos: there is none, or the run is too long.
[[nodiscard]] std::size_t blank_end(std::string_view text, std::size_t at, bool word_ends);

struct as_written {
  constexpr char operator()(char c) const { return c; }
};
// The end of a word (its form) that stands at a place in a text; npos when it does not. `read` makes of a byte of the text what it is compared as.
template <class Read = as_written>
[[nodiscard]] std::size_t word_end(std::string_view text, std::size_t at, std::string_view form, Read&& read = {}) {
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == ' ') {
      at = blank_end(text, at, i + 1 == form.size());
      if (at == std::string_view::npos) return at;
    } else {
      if (at >= text.size() || read(text[at]) != form[i]) return std::string_view::npos;
      ++at;
    }
  }
  return at;
}

struct word_place {
  std::size_t begin, end;
};
// The first place from `from` on where a word (its form, not empty) stands.
[[nodiscard]] std::optional<word_place> find_word(std::string_view text, std::string_view form, std::size_t from);

}  // namespace sluice::text
