// The Gemini dialect's words for "no": errors, refusals, and which paths there are.
#include <array>

#include "gemini.hpp"
#include "paths.hpp"
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

constexpr std::string_view not_read = "This gateway does not read this API's text, so it does not pass it on; use generateContent or streamGenerateContent.";
constexpr auto scanned = std::to_array<std::string_view>({"generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"});

constexpr std::string_view caches = "cachedContents";

// "models/x", and Vertex's "projects/p/locations/l/publishers/google/models/x": what stands before the model's own name.
bool cut_models(std::string_view& path) {
  if (path.starts_with("projects/")) {
    for (const char* word : {"projects/", "locations/", "publishers/"}) {
      if (!path.starts_with(word)) return false;
      path.remove_prefix(std::string_view(word).size());
      const auto end = path.find('/');
      if (end == std::string_view::npos || !plain_segment(path.substr(0, end))) return false;
      path.remove_prefix(end + 1);
    }
  }
  if (!path.starts_with("models/")) return false;
  path.remove_prefix(7);
  return true;
}

}  // namespace

endpoint gemini_classify(std::string_view method, std::string_view path) {
  auto rest = path;
  for (const char* version : {"/v1beta1/", "/v1beta/", "/v1alpha/", "/v1/"}) {
    if (!path.starts_with(version)) continue;
    rest.remove_prefix(std::string_view(version).size());
    if (rest == "models") return only_get("models", method);
    if (rest == caches && method == "POST") return {endpoint_class::scanned, caches, "POST", ""};
    if (rest.starts_with(caches) && rest.substr(caches.size()).starts_with('/') && plain_segment(rest.substr(caches.size() + 1)) && (method == "GET" || method == "DELETE")) {
      return {endpoint_class::passes, method == "GET" ? "cachedContents.get" : "cachedContents.delete", method == "GET" ? "GET" : "DELETE", ""};
    }
    const auto whole = rest;
    if (!cut_models(rest)) break;
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) {
      if (whole.starts_with("models/") && plain_segment(rest)) return only_get("models", method, rest);
      break;
    }
    const auto model = rest.substr(0, colon), verb = rest.substr(colon + 1);
    if (!plain_segment(model) || !plain_segment(verb)) return {};
    for (const auto name : scanned) {
      if (verb != name) continue;
      if (method != "POST") return {endpoint_class::unknown, name, "POST", ""};
      return {endpoint_class::scanned, name, "POST", "", model};
    }
    return {endpoint_class::denied, "other", "", not_read};
  }
  for (const char* known : {"/v1beta/", "/v1alpha/", "/v1beta1/", "/v1/projects/", "/v1/cachedContents", "/v1/files", "/v1/tunedModels", "/v1/interactions",
                            "/v1/fileSearchStores", "/upload/", "/v1/corpora"}) {
    if (path.starts_with(known)) return {endpoint_class::denied, "other", "", not_read};
  }
  return {};
}

std::string gemini_error_body(const error_text& text) {
  std::string out = "{\"error\":{\"code\":" + std::to_string(http_status(text.what)) + ",\"message\":\"";
  if (!text.param.empty()) {
    append_json_escaped(out, text.param);
    out += ": ";
  }
  append_json_escaped(out, text.message);
  if (!text.decision_id.empty()) {
    out += " (decision ";
    append_json_escaped(out, text.decision_id);
    out += ')';
  }
  out += "\",\"status\":" + json_quoted(status_of(text.what)) + "}}";
  return out;
}

std::string gemini_refusal(std::string_view message) {
  std::string out = "{\"candidates\":[{\"content\":{\"parts\":[";
  if (!message.empty()) out += "{\"text\":" + json_quoted(message) + "}";
  return out + "],\"role\":\"model\"},\"finishReason\":\"SAFETY\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":0,\"totalTokenCount\":0}}";
}

}  // namespace sluice::wire
