// The Anthropic dialect's tables; see table.hpp. Source: Messages API reference and the types of its SDKs.
#pragma once

#include "table.hpp"

namespace sluice::wire {

// Rows of blocks of text, and of every kind of block, below `at`; `who` where a block does not say whose it is.
void add_anthropic_texts(row_list& out, const std::string& at, role_source who);
void add_anthropic_blocks(row_list& out, const std::string& at, role_source who);

[[nodiscard]] const path_table& anthropic_request();
[[nodiscard]] const answer_table& anthropic_response();
[[nodiscard]] const answer_table& anthropic_count();
[[nodiscard]] const answer_table& anthropic_event();
[[nodiscard]] std::span<const dialect::coverage_row> anthropic_coverage();

// The texts that grow within a block, in its first event (or that of its message) and in the deltas that carry the rest: as the table says it.
struct anthropic_text {
  std::string_view delta_row, delta_type, type, key;
  std::string first_row, message_row;
};
inline constexpr std::string_view anthropic_in_message = "<message_start>.message.content[]<";
[[nodiscard]] std::span<const anthropic_text> anthropic_texts();

}  // namespace sluice::wire
