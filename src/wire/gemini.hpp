// The Gemini dialect's pieces, put together in dialect.cpp.
#pragma once

#include <optional>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

[[nodiscard]] endpoint gemini_classify(std::string_view method, std::string_view path);
// A model by its own name: "models/x" and "projects/…/models/x" are x. Views into `written`.
[[nodiscard]] std::string_view gemini_model(std::string_view written);
[[nodiscard]] result<std::unique_ptr<request_body>> gemini_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] result<std::unique_ptr<response_body>> gemini_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] std::unique_ptr<response_stream> gemini_open_stream(const request_body& request, std::uint32_t depth_max);
[[nodiscard]] std::string gemini_error_body(const error_text& text);
// A refusal as a model's answer: text, and the reason for which it ended.
[[nodiscard]] std::string gemini_refusal(std::string_view message);
// Whether a part says that it is how the model got there and not what it answers; none: it says neither, because what should be a flag is none.
// Clients take that for either.
[[nodiscard]] std::optional<bool> gemini_is_thought(const text::json::document& body, text::json::index part);
// Streams come as events where the request's query says so, as an array otherwise.
[[nodiscard]] bool gemini_asks_for_events(const request_body& request);

}  // namespace sluice::wire
