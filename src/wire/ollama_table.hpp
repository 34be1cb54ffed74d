// The Ollama dialect's tables; see table.hpp. Source: Ollama's API documentation. Its server takes keys in any case; here they are as
// documented, and another case is refused.
#pragma once

#include "table.hpp"

namespace sluice::wire {

[[nodiscard]] const path_table& ollama_request(std::string_view endpoint);
[[nodiscard]] const answer_table& ollama_response();
[[nodiscard]] std::span<const dialect::coverage_row> ollama_coverage();

}  // namespace sluice::wire
