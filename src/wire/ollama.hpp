// The Ollama dialect's pieces, put together in dialect.cpp.
#pragma once

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

[[nodiscard]] endpoint ollama_classify(std::string_view method, std::string_view path);
[[nodiscard]] result<std::unique_ptr<request_body>> ollama_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] result<std::unique_ptr<response_body>> ollama_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] std::unique_ptr<response_stream> ollama_open_stream(const endpoint& to, std::string_view model, std::uint32_t depth_max);
[[nodiscard]] std::string ollama_error_body(const error_text& text);
[[nodiscard]] std::string ollama_refusal_body(const request_body& request, std::string_view message);
// The last line of an answer that policy ended. `model` and `created_at` are raw tokens.
[[nodiscard]] std::string ollama_refusal_line(bool chat, std::string_view model, std::string_view created_at, std::string_view message);

}  // namespace sluice::wire
