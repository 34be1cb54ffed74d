// Splices that add to a body: the system's words where a request has them (a message among the others, a text, a list of blocks), and members
// of any object, also of an answer. What is added depends on nothing but the words and the place, so equal requests stay equal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sluice/text/json.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

using splice_list = std::vector<text::json::splice>;

// Both texts as one, a blank line between them.
[[nodiscard]] std::string joined(const system_words& added);
// A message of its own before all others, and one behind the last of those with which the system begins. It is `developer` where the
// client says so, `system` otherwise.
void add_system_message(const text::json::document& body, text::json::index messages, const system_words& added, splice_list& splices);
// Behind a string literal's text, as it is.
void add_behind(const text::json::document& body, text::json::index literal, std::string_view text, splice_list& splices);
// At the two ends of a string literal.
void add_to_text(const text::json::document& body, text::json::index literal, const system_words& added, splice_list& splices);
// As elements at the two ends of an array; `block` makes one of a text.
void add_to_list(const text::json::document& body, text::json::index array, const system_words& added, std::string (*block)(std::string_view text),
                 splice_list& splices);
// A member that is not there yet, before all others of its object.
void add_member(const text::json::document& body, text::json::index object, std::string_view key, std::string_view value, splice_list& splices);
// The member's value in the place of a null, or the member where there is none (`at` is none).
void set_member(const text::json::document& body, text::json::index object, text::json::index at, std::string_view key, std::string_view value,
                splice_list& splices);

}  // namespace sluice::wire
