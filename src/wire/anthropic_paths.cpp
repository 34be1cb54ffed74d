// Which paths the Anthropic dialect has, and what each is.
#include <array>

#include "anthropic.hpp"
#include "paths.hpp"

namespace sluice::wire {
namespace {

constexpr std::string_view not_read = "This gateway does not read this API's text, so it refuses this path, and no setting passes it; use /v1/messages.";
constexpr auto paths = std::to_array<known_path>({
    {"/v1/messages", "POST", "messages", endpoint_class::scanned, ""},
    {"/v1/messages/count_tokens", "POST", "messages.count_tokens", endpoint_class::scanned, ""},
    {"/v1/models", "GET", "models", endpoint_class::passes, ""},
    {"/v1/complete", "POST", "complete", endpoint_class::denied, not_read},
});
constexpr auto denied_below = std::to_array<std::string_view>({"/v1/messages/", "/v1/files", "/v1/skills", "/v1/agents", "/v1/sessions", "/v1/memory_stores",
                                                              "/v1/environments", "/v1/vaults", "/v1/organizations", "/v1/complete"});

}  // namespace

endpoint anthropic_classify(std::string_view method, std::string_view path) {
  if (const auto found = classify_known(paths, method, path)) return *found;
  if (path.starts_with("/v1/models/") && plain_segment(path.substr(11))) return only_get("models", method, path.substr(11));
  for (const auto prefix : denied_below) {
    if (path.starts_with(prefix)) return {endpoint_class::denied, "other", "", not_read};
  }
  return {};
}

}  // namespace sluice::wire
