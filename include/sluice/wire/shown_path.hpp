// Paths as they may stand in errors, records and logs. A key of a body may be anybody's text: the card number that a rule has found, a credential.
#pragma once

#include <string>
#include <string_view>

namespace sluice::wire {

// `path` with a '*' for each key that no table of any dialect names: matched text is nowhere in it, unless it is a word of the API.
// Thread-safe; the words are gathered at the first call.
[[nodiscard]] std::string shown_path(std::string_view path);
// The same, and what looks like the name of a field stays (at most 40 letters, '_' and '-', and three digits): of a part that no table knows, so
// that somebody can see which one it is.
[[nodiscard]] std::string named_path(std::string_view path);

}  // namespace sluice::wire
