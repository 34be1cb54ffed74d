// The Anthropic dialect's pieces, put together in dialect.cpp.
#pragma once

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

[[nodiscard]] endpoint anthropic_classify(std::string_view method, std::string_view path);
[[nodiscard]] result<std::unique_ptr<request_body>> anthropic_read_request(std::string_view body, std::uint32_t depth_max);
[[nodiscard]] result<std::unique_ptr<response_body>> anthropic_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] std::unique_ptr<response_stream> anthropic_open_stream(std::string_view model, std::uint32_t depth_max);
[[nodiscard]] std::string anthropic_error_body(const error_text& text);
[[nodiscard]] std::string anthropic_refusal_body(const request_body& request, std::string_view message, std::string_view decision_id);

// Raw tokens of what a client reads of a message that begins, blocks, and the end that a refusal gives it.
[[nodiscard]] std::string anthropic_message_start(std::string_view id, std::string_view model);
[[nodiscard]] std::string anthropic_text_block(std::int64_t index, std::string_view text);
[[nodiscard]] std::string anthropic_refusal_end(std::string_view message, std::string_view output_tokens);

}  // namespace sluice::wire
