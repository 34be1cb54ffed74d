// The Gemini dialect's tables; see table.hpp. Source: Gemini API reference and the types of its SDKs. Keys are in camel case here; the
// API takes snake case as well.
#pragma once

#include "table.hpp"

namespace sluice::wire {

[[nodiscard]] const path_table& gemini_request();
[[nodiscard]] const path_table& gemini_count();
[[nodiscard]] const path_table& gemini_cache();
[[nodiscard]] const answer_table& gemini_cache_answer();
[[nodiscard]] const path_table& gemini_embed();
[[nodiscard]] const answer_table& gemini_response();
[[nodiscard]] const answer_table& gemini_event();
[[nodiscard]] std::span<const dialect::coverage_row> gemini_coverage();

// What of a candidate points into its text: in which member stands the list, and in which of its elements' members each place.
struct citation_list {
  std::string_view owner, list, of;
};
inline constexpr citation_list gemini_citations[] = {{"groundingMetadata", "groundingSupports", "segment"}, {"citationMetadata", "citations", ""}, {"citationMetadata", "citationSources", ""}};

}  // namespace sluice::wire
