// Which paths the Ollama dialect has, and what each is.
#include <array>

#include "ollama.hpp"
#include "paths.hpp"

namespace sluice::wire {
namespace {

constexpr std::string_view changes = "This path changes what the server holds, and the gateway does not pass it on; do it at the server itself.";
constexpr auto paths = std::to_array<known_path>({
    {"/api/chat", "POST", "chat", endpoint_class::scanned, ""},
    {"/api/generate", "POST", "generate", endpoint_class::scanned, ""},
    {"/api/embed", "POST", "embed", endpoint_class::scanned, ""},
    {"/api/embeddings", "POST", "embeddings", endpoint_class::scanned, ""},
    {"/api/tags", "GET", "tags", endpoint_class::passes, ""},
    {"/api/show", "POST", "show", endpoint_class::passes, ""},
    {"/api/version", "GET", "version", endpoint_class::passes, ""},
    {"/api/ps", "GET", "ps", endpoint_class::passes, ""},
});
constexpr std::string_view show_takes[] = {"model", "name", "verbose"};
constexpr auto denied_below = std::to_array<std::string_view>({"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs", "/api/me", "/api/signout"});

}  // namespace

endpoint ollama_classify(std::string_view method, std::string_view path) {
  if (auto found = classify_known(paths, method, path)) {
    if (found->name == "show") found->takes = show_takes;
    return *found;
  }
  for (const auto prefix : denied_below) {
    if (path.starts_with(prefix)) return {endpoint_class::denied, "other", "", changes};
  }
  return {};
}

}  // namespace sluice::wire
