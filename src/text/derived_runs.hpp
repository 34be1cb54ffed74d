// Runs of a text that are an encoding of another: base64, base64url, hex, tag characters, variation selectors.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/text/derived.hpp"

namespace sluice::text {

// Appends a reading for each run that decodes to readable UTF-8, or else for each longer part of it that does; all its bytes map to the whole of it. False: more than `count_max`.
[[nodiscard]] bool find_runs(std::string_view s, std::uint32_t asked, std::size_t count_max, std::vector<derived_text>& out);

}  // namespace sluice::text
