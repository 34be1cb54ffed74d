// What the upstreams of each dialect say when they fail: an answer of its own in place of the one that was asked for, within a stream an event. Every
// table of answers has these rows (answer_table in table.hpp). A client reads such a text to know what went wrong, so that all of it can be edited:
// a block in its place would hide the status by which SDKs ask again.
#pragma once

#include "table.hpp"

namespace sluice::wire {

[[nodiscard]] std::span<const row> openai_error_rows();
[[nodiscard]] std::span<const row> anthropic_error_rows();
// `in_list`: also as the one element of a list, as which a stream without ?alt=sse begins and, failing, ends.
[[nodiscard]] std::span<const row> gemini_error_rows(bool in_list);
[[nodiscard]] std::span<const row> ollama_error_rows();

}  // namespace sluice::wire
