// The OpenAI dialect's pieces, put together in dialect.cpp: its paths, its errors, and the bodies of Chat Completions. Responses and the endpoints
// of plain text have headers of their own (responses.hpp, text_endpoints.hpp).
#pragma once

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

[[nodiscard]] endpoint openai_classify(std::string_view method, std::string_view path);
[[nodiscard]] result<std::unique_ptr<request_body>> chat_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] result<std::unique_ptr<response_body>> chat_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] std::unique_ptr<response_stream> chat_open_stream(const endpoint& to, bool include_usage, std::uint32_t depth_max);
// `id`, `created`, `model`: as they stand in JSON.
struct openai_chunk_head {
  std::string_view object, id, created, model;
};
class event_reader;
// The chunk that counts a stream's tokens, behind its last choice.
[[nodiscard]] bool openai_tells_usage(const event_reader& chunk);
// What stands behind the last choice of a stream that the gateway ends: a count of tokens where the client asked for one, and the end.
void openai_end_stream(const openai_chunk_head& head, bool include_usage, std::string& out);
[[nodiscard]] std::string openai_error_body(const error_text& text);
[[nodiscard]] std::string openai_refusal_body(const request_body& request, std::string_view message, std::string_view decision_id);
// Where vLLM repeats a request that asks for it, at the top of an answer or chunk.
inline constexpr std::string_view openai_prompt_copies[] = {"prompt_text", "prompt_logprobs", "prompt_token_ids"};
[[nodiscard]] bool openai_includes_usage(const request_body& request);
[[nodiscard]] std::span<const dialect::coverage_row> openai_coverage();

}  // namespace sluice::wire
