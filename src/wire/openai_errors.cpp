// The OpenAI dialect's words for "no": errors and refusals.
#include "openai.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

struct words {
  std::string_view type, code;
};

words words_of(gateway_error e) {
  switch (e) {
    case gateway_error::blocked: return {"invalid_request_error", "content_filter"};
    case gateway_error::bad_request: return {"invalid_request_error", "invalid_request"};
    case gateway_error::unauthorized: return {"invalid_request_error", "invalid_api_key"};
    case gateway_error::forbidden: return {"invalid_request_error", "path_not_allowed"};
    case gateway_error::not_found: return {"invalid_request_error", "unknown_path"};
    case gateway_error::method: return {"invalid_request_error", "method_not_allowed"};
    case gateway_error::request_timeout: return {"invalid_request_error", "request_timeout"};
    case gateway_error::too_large: return {"invalid_request_error", "request_too_large"};
    case gateway_error::target_too_long: return {"invalid_request_error", "uri_too_long"};
    case gateway_error::media_type: return {"invalid_request_error", "unsupported_media_type"};
    case gateway_error::expectation: return {"invalid_request_error", "expectation_failed"};
    case gateway_error::head_too_large: return {"invalid_request_error", "headers_too_large"};
    case gateway_error::not_implemented: return {"invalid_request_error", "not_implemented"};
    case gateway_error::http_version: return {"invalid_request_error", "http_version_not_supported"};
    case gateway_error::busy: return {"server_error", "gateway_busy"};
    case gateway_error::policy_missing: return {"server_error", "policy_unavailable"};
    case gateway_error::upstream: return {"server_error", "upstream_error"};
    case gateway_error::upstream_timeout: return {"server_error", "upstream_timeout"};
  }
  return {"server_error", "internal_error"};
}

}  // namespace

std::string openai_error_body(const error_text& text) {
  const auto w = words_of(text.what);
  std::string out = "{\"error\":{\"message\":\"";
  append_json_escaped(out, text.message);
  if (!text.decision_id.empty()) {
    out += " (decision ";
    append_json_escaped(out, text.decision_id);
    out += ')';
  }
  out += "\",\"type\":" + json_quoted(w.type) + ",\"param\":";
  out += text.param.empty() ? "null" : json_quoted(text.param);
  out += ",\"code\":" + json_quoted(w.code) + ",\"decision_id\":" + json_quoted(text.decision_id) + "}}";
  return out;
}

std::string openai_refusal_body(const request_body& request, std::string_view message, std::string_view decision_id) {
  const auto head = "\"id\":" + json_quoted("chatcmpl-" + std::string(decision_id)) + ",\"created\":0,\"model\":" + json_quoted(request.model());
  if (!request.stream()) {
    return "{" + head + ",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":" +
           json_quoted(message) +
           "},\"logprobs\":null,\"finish_reason\":\"content_filter\"}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}";
  }
  const auto chunk = [&](const std::string& choices) { return "data: {" + head + ",\"object\":\"chat.completion.chunk\",\"choices\":" + choices + "}\n\n"; };
  auto out = chunk("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"refusal\":" + json_quoted(message) + "},\"finish_reason\":null}]");
  out += chunk("[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]");
  if (openai_includes_usage(request)) {
    out += "data: {" + head + ",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}\n\n";
  }
  return out + "data: [DONE]\n\n";
}

}  // namespace sluice::wire
