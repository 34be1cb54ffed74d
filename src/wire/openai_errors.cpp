// The OpenAI dialect's words for "no": errors, refusals, and which paths there are.
#include <algorithm>
#include <array>

#include "openai.hpp"
#include "paths.hpp"
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

constexpr std::string_view not_yet = "This gateway does not read this API's text yet, so it does not pass it on; use /v1/chat/completions.";
constexpr auto paths = std::to_array<known_path>({
    {"/v1/chat/completions", "POST", "chat.completions", endpoint_class::scanned, ""},
    {"/v1/models", "GET", "models", endpoint_class::passes, ""},
    {"/v1/completions", "POST", "completions", endpoint_class::denied, not_yet},
    {"/v1/responses", "POST", "responses", endpoint_class::denied, not_yet},
    {"/v1/embeddings", "POST", "embeddings", endpoint_class::denied, not_yet},
    {"/v1/moderations", "POST", "moderations", endpoint_class::denied, not_yet},
});
// Stored completions and the APIs that are not read.
constexpr auto denied_below = std::to_array<std::string_view>({"/v1/chat/completions/", "/v1/responses/", "/v1/images", "/v1/audio", "/v1/files",
                                                              "/v1/uploads", "/v1/batches", "/v1/assistants", "/v1/threads", "/v1/vector_stores",
                                                              "/v1/conversations", "/v1/realtime", "/v1/fine_tuning", "/v1/containers", "/v1/evals",
                                                              "/v1/videos"});

}  // namespace

endpoint openai_classify(std::string_view method, std::string_view path) {
  if (const auto found = classify_known(paths, method, path)) return *found;
  if (path.starts_with("/v1/models/") && plain_segment(path.substr(11))) return only_get("models", method);
  for (const auto prefix : denied_below) {
    if (path.starts_with(prefix)) return {endpoint_class::denied, "other", "", not_yet};
  }
  return {};
}

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
