// The tables of Chat Completions; see table.hpp. Source: OpenAI API reference, Chat Completions, and the types of its SDKs.
#pragma once

#include "table.hpp"

namespace sluice::wire {

[[nodiscard]] const path_table& chat_request_table();
[[nodiscard]] const answer_table& chat_response_table();
[[nodiscard]] const answer_table& chat_chunk_table();
void add_chat_coverage(std::vector<dialect::coverage_row>& out);

}  // namespace sluice::wire
