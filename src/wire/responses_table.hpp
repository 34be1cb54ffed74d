// The tables of OpenAI's Responses; see table.hpp. Source: the API reference and the types of its SDKs.
#pragma once

#include "table.hpp"

namespace sluice::wire {

// Rows of every kind of item below `at`; `who` where an item does not say whose it is.
void add_response_items(row_list& out, const std::string& at, role_source who);
// Rows of the definitions of tools and of the choice between them. `echoed`: in an answer, which repeats what was asked: there a
// text can be edited wherever it stands, and names of what the upstream holds are no more than names.
void add_response_tools(row_list& out, const std::string& at, bool echoed);
void add_tool_choice(row_list& out, const std::string& at, bool echoed);

[[nodiscard]] const path_table& responses_request();
[[nodiscard]] const answer_table& responses_response();
[[nodiscard]] const answer_table& responses_items();  // a list of items
[[nodiscard]] const path_table& conversation_request();
[[nodiscard]] const answer_table& conversation_object();
[[nodiscard]] const answer_table& conversation_item();
[[nodiscard]] const answer_table& responses_count();  // of input tokens
[[nodiscard]] const answer_table& responses_events();
void add_responses_coverage(std::vector<dialect::coverage_row>& out);
void add_conversations_coverage(std::vector<dialect::coverage_row>& out);

}  // namespace sluice::wire
