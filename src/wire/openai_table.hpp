// The OpenAI dialect's tables; see table.hpp. Source: OpenAI API reference, Chat Completions, and the types of its SDKs.
#pragma once

#include "table.hpp"

namespace sluice::wire {

[[nodiscard]] const path_table& openai_chat_request();
[[nodiscard]] const path_table& openai_chat_response();
[[nodiscard]] const path_table& openai_chat_chunk();
[[nodiscard]] std::span<const dialect::coverage_row> openai_coverage();

}  // namespace sluice::wire
