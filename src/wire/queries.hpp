// The parameters that a request's query may have: what an API's paths take behind '?'. What stands in no row is text that nobody scans.
#pragma once

#include "table.hpp"

namespace sluice::wire {

struct query_row {
  std::string_view endpoint;  // any_endpoint: all of them
  std::string_view key;       // of a list written with brackets ("include[]"), what stands before those
  text_class what = text_class::opaque;
};
inline constexpr std::string_view any_endpoint = "any endpoint";

[[nodiscard]] std::span<const query_row> openai_queries();
[[nodiscard]] std::span<const query_row> anthropic_queries();
[[nodiscard]] std::span<const query_row> gemini_queries();
[[nodiscard]] std::span<const query_row> ollama_queries();
void add_query_coverage(std::vector<dialect::coverage_row>& out, std::span<const query_row> rows);

}  // namespace sluice::wire
