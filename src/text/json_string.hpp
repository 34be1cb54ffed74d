// The inside of JSON string literals: escapes to bytes, and which raw bytes made which unescaped ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::text::json {

// One unit of a literal's inside: a run of plain bytes never is one, each of its code points is.
struct unit {
  std::uint32_t raw = 0;    // bytes it takes in the literal; 0: not valid
  std::uint32_t size = 0;   // bytes it unescapes to
  char32_t c = 0;           // for escapes: the code point
};
// The escape at the backslash `at`. raw is 0 when it is none, or a surrogate stands alone.
[[nodiscard]] unit escape_at(std::string_view inside, std::size_t at);

// Appends what a lenient reader makes of the backslash `at`: see loosely_unescaped(). Returns the bytes that it takes.
[[nodiscard]] std::uint32_t append_loosely(std::string& out, std::string_view text, std::size_t at);

// Appends the unescaped inside. False at a bad escape, whose place goes to `bad`.
[[nodiscard]] bool unescape(std::string& out, std::string_view inside, std::size_t& bad);

// What a literal says: its inside, or where that has escapes, a view of the arena, which the first one reserves so that it never moves. `room`: bytes
// that it may take at most. False at a bad escape, whose place goes to `bad`.
[[nodiscard]] bool read_inside(std::string_view inside, std::size_t room, std::string& arena, std::string_view& text, std::size_t& bad);

}  // namespace sluice::text::json
