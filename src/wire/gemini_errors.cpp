// The Gemini dialect's words for "no": errors and refusals.
#include "gemini.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

std::string_view status_of(gateway_error e) {
  switch (e) {
    case gateway_error::blocked: case gateway_error::bad_request: case gateway_error::media_type: case gateway_error::expectation:
    case gateway_error::head_too_large: case gateway_error::too_large: case gateway_error::request_timeout: case gateway_error::target_too_long:
    case gateway_error::http_version: return "INVALID_ARGUMENT";
    case gateway_error::unauthorized: return "UNAUTHENTICATED";
    case gateway_error::forbidden: return "PERMISSION_DENIED";
    case gateway_error::not_found: return "NOT_FOUND";
    case gateway_error::method: case gateway_error::not_implemented: return "UNIMPLEMENTED";
    case gateway_error::busy: case gateway_error::policy_missing: case gateway_error::upstream: return "UNAVAILABLE";
    case gateway_error::upstream_timeout: return "DEADLINE_EXCEEDED";
  }
  return "INTERNAL";
}

}  // namespace

std::string gemini_error_body(const error_text& text) {
  std::string out = "{\"error\":{\"code\":" + std::to_string(http_status(text.what)) + ",\"message\":\"";
  append_whole_message(out, text);
  out += "\",\"status\":" + json_quoted(status_of(text.what)) + "}}";
  return out;
}

std::string gemini_refusal(std::string_view message) {
  std::string out = "{\"candidates\":[{\"content\":{\"parts\":[";
  if (!message.empty()) out += "{\"text\":" + json_quoted(message) + "}";
  return out + "],\"role\":\"model\"},\"finishReason\":\"SAFETY\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":0,\"totalTokenCount\":0}}";
}

}  // namespace sluice::wire
