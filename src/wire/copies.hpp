// What an answer says again in pieces: tokens with their probabilities, beside the text that they spell.
#pragma once

#include <string>

#include "sluice/text/json.hpp"

namespace sluice::wire {

// Whether the member of this key holds tokens that spell a text: logprobs, as each API calls them.
[[nodiscard]] bool spells_text(std::string_view key);
// Whether a member of this key holds the words of a transcript with their times.
[[nodiscard]] bool times_words(std::string_view key);
// Whether the value at `i` may be part of the copy that the member `key` is, whose own dialect holds it against the text. Where that is no
// text, it is a number in lists: anything else is somebody's text like any other.
[[nodiscard]] bool belongs_to_copy(std::string_view key, const text::json::document& body, text::json::index i);
// What stands in the place of a copy that goes.
[[nodiscard]] std::string_view nothing_of(text::json::kind k);
// Whether the member of this key is a list of what a model could have said instead.
[[nodiscard]] bool lists_alternatives(std::string_view key);

struct spelled_text {
  std::string words;  // its strings and the keys that are none of an API's, one behind the other
  std::string bytes;  // what its lists of bytes say, as UTF-8
  text::json::index bytes_at = text::json::none;  // the first of them
  [[nodiscard]] bool empty() const { return words.empty() && bytes.empty(); }
  [[nodiscard]] bool is(std::string_view said) const { return words == said && (bytes_at == text::json::none || bytes == said); }
  // Of the value at `at`, without alternatives.
  void read(const text::json::document& body, text::json::index at);
};

}  // namespace sluice::wire
