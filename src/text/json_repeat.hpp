// JSON that comes again with other words in it, as the events of a stream do: most of them differ in a text or two from the one before.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sluice/text/json.hpp"

namespace sluice::text::json {

// Makes of `nodes`, which parsing `before` gave, what parsing `bytes` would give. False: `bytes` may be of another shape, or be no JSON, and has to
// be parsed; then `nodes` are of no use. No key may have an escape. `arena`: as of the parser. `changed`: the strings and numbers that say
// something else, in their order; before, those of the last time, or none.
[[nodiscard]] bool repeat(std::vector<node>& nodes, std::string_view before, std::string_view bytes, std::string& arena, std::vector<index>& changed);

}  // namespace sluice::text::json
