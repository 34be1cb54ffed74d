// The Anthropic dialect's words for "no": errors and refusals.
#include "anthropic.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

std::string_view type_of(gateway_error e) {
  switch (e) {
    case gateway_error::blocked: case gateway_error::bad_request: case gateway_error::method: case gateway_error::media_type:
    case gateway_error::expectation: case gateway_error::head_too_large: case gateway_error::request_timeout:
    case gateway_error::target_too_long: case gateway_error::not_implemented: case gateway_error::http_version: return "invalid_request_error";
    case gateway_error::unauthorized: return "authentication_error";
    case gateway_error::forbidden: return "permission_error";
    case gateway_error::not_found: return "not_found_error";
    case gateway_error::too_large: return "request_too_large";
    case gateway_error::busy: case gateway_error::policy_missing: return "overloaded_error";
    case gateway_error::upstream_timeout: return "timeout_error";
    case gateway_error::upstream: return "api_error";
  }
  return "api_error";
}

}  // namespace

std::string anthropic_error_body(const error_text& text) {
  std::string out = "{\"type\":\"error\",\"error\":{\"type\":" + json_quoted(type_of(text.what)) + ",\"message\":\"";
  append_whole_message(out, text);
  out += "\"},\"request_id\":" + json_quoted(text.decision_id) + "}";
  return out;
}

namespace {

std::string event(std::string_view type, const std::string& rest) {
  std::string out = "event: ";
  out += type;
  out += "\ndata: {\"type\":" + json_quoted(type) + rest + "}\n\n";
  return out;
}

}  // namespace

std::string anthropic_message_start(std::string_view id, std::string_view model) {
  return event("message_start", ",\"message\":{\"id\":" + std::string(id) + ",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":" + std::string(model) +
                                    ",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}");
}

std::string anthropic_text_block(std::int64_t index, std::string_view text) {
  const auto at = ",\"index\":" + std::to_string(index);
  return event("content_block_start", at + ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}") +
         event("content_block_delta", at + ",\"delta\":{\"type\":\"text_delta\",\"text\":" + json_quoted(text) + "}") + event("content_block_stop", at);
}

std::string anthropic_refusal_end(std::string_view message, std::string_view output_tokens) {
  const auto why = message.empty() ? std::string("null") : json_quoted(message);
  return event("message_delta", ",\"delta\":{\"stop_reason\":\"refusal\",\"stop_sequence\":null,\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":" + why +
                                    "}},\"usage\":{\"output_tokens\":" + std::string(output_tokens) + "}") +
         event("message_stop", "");
}

std::string anthropic_refusal_body(const request_body& request, std::string_view message, std::string_view decision_id) {
  const auto id = json_quoted("msg_" + std::string(decision_id)), model = json_quoted(request.model());
  if (request.stream()) {
    auto out = anthropic_message_start(id, model);
    if (!message.empty()) out += anthropic_text_block(0, message);
    return out + anthropic_refusal_end(message, "0");
  }
  return "{\"id\":" + id + ",\"type\":\"message\",\"role\":\"assistant\",\"model\":" + model +
         ",\"content\":[" + (message.empty() ? std::string() : "{\"type\":\"text\",\"text\":" + json_quoted(message) + "}") +
         "],\"stop_reason\":\"refusal\",\"stop_sequence\":null,\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":" +
         (message.empty() ? std::string("null") : json_quoted(message)) + "},\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}";
}

}  // namespace sluice::wire
