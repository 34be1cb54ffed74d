// Which paths the Gemini dialect has, and what each is.
#include <array>

#include "gemini.hpp"
#include "paths.hpp"

namespace sluice::wire {
namespace {

constexpr std::string_view not_read = "This gateway does not read this API's text, so it refuses this path, and no setting passes it; use generateContent or streamGenerateContent.";
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

std::string_view gemini_model(std::string_view written) {
  auto name = written;
  return cut_models(name) ? name : written;
}

endpoint gemini_classify(std::string_view method, std::string_view path) {
  auto rest = path;
  for (const char* version : {"/v1beta1/", "/v1beta/", "/v1alpha/", "/v1/"}) {
    if (!path.starts_with(version)) continue;
    rest.remove_prefix(std::string_view(version).size());
    if (rest == "models") return only_get("models", method);
    if (rest == caches && method == "POST") return {endpoint_class::scanned, caches, "POST", ""};
    if (rest.starts_with(caches) && rest.substr(caches.size()).starts_with('/') && plain_segment(rest.substr(caches.size() + 1)) && (method == "GET" || method == "DELETE")) {
      const bool reads = method == "GET";  // what its client called it; what is in it stays there
      endpoint one{reads ? endpoint_class::scanned : endpoint_class::passes, reads ? "cachedContents.get" : "cachedContents.delete", reads ? "GET" : "DELETE", ""};
      one.handle = rest;  // as requests name it
      return one;
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

}  // namespace sluice::wire
