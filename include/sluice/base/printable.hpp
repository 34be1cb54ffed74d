// Text that others wrote (clients, whoever may write to Redis, a log) as people may see it: nothing of it moves a cursor, begins a line of its own
// or turns the direction of writing. Every table, story and complaint for people goes through here; JSON has escapes of its own.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// Control characters (U+0000 to U+001F, U+007F to U+009F), line and paragraph separators, marks of the direction of writing, byte order marks and
// bytes that are no UTF-8 as escapes: \n, \x1b, \u202e. Everything else stays as it is, a backslash too, so that a second time changes nothing.
[[nodiscard]] std::string printable(std::string_view text);
// The same of what has lines by its own right: line feeds and tabs stay.
[[nodiscard]] std::string printable_lines(std::string_view text);

}  // namespace sluice
