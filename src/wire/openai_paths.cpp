// The paths of the OpenAI dialect: its own, and Azure's to the same.
#include <array>

#include "openai.hpp"
#include "paths.hpp"

namespace sluice::wire {
namespace {

constexpr auto paths = std::to_array<known_path>({
    {"/v1/chat/completions", "POST", "chat.completions", endpoint_class::scanned, ""},
    {"/v1/responses", "POST", "responses", endpoint_class::scanned, ""},
    {"/v1/responses/input_tokens", "POST", "responses.input_tokens", endpoint_class::scanned, ""},
    {"/v1/responses/compact", "POST", "responses.compact", endpoint_class::scanned, ""},
    {"/v1/completions", "POST", "completions", endpoint_class::scanned, ""},
    {"/v1/embeddings", "POST", "embeddings", endpoint_class::scanned, ""},
    {"/v1/moderations", "POST", "moderations", endpoint_class::scanned, ""},
    {"/v1/models", "GET", "models", endpoint_class::passes, ""},
});

// What is not read, by the beginning of its paths.
constexpr auto not_read = std::to_array<std::string_view>({
    "/v1/chat/completions", "/v1/conversations", "/v1/images", "/v1/audio", "/v1/files", "/v1/uploads", "/v1/batches", "/v1/assistants", "/v1/threads",
    "/v1/realtime", "/v1/vector_stores", "/v1/fine_tuning", "/v1/containers", "/v1/evals", "/v1/videos", "/v1/skills", "/v1/chatkit", "/v1/organization",
    "/v1/completions", "/v1/embeddings", "/v1/moderations", "/v1/responses"});

struct denial {
  std::string_view prefix;
  std::string why;
};

// The API that the path belongs to, if it is one that is not read.
const denial* denied(std::string_view path) {
  static const auto all = [] {
    std::array<denial, not_read.size()> out;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool stored = not_read[i] == "/v1/chat/completions";
      out[i] = {not_read[i], "This gateway does not read the text of " + std::string(stored ? "stored completions (/v1/chat/completions/…)" : not_read[i]) +
                                 ", so it passes nothing on there; use /v1/chat/completions or /v1/responses, or ask your operator."};
    }
    return out;
  }();
  for (const auto& d : all) {
    if (path.starts_with(d.prefix) && (path.size() == d.prefix.size() || path[d.prefix.size()] == '/')) return &d;
  }
  return nullptr;
}

// One stored response: "/v1/responses/{id}" and what is below it.
std::optional<endpoint> classify_response(std::string_view method, std::string_view path) {
  constexpr std::string_view above = "/v1/responses/";
  if (!path.starts_with(above)) return std::nullopt;
  auto id = path.substr(above.size());
  const auto slash = id.find('/');
  const auto below = slash == std::string_view::npos ? std::string_view() : id.substr(slash);
  id = id.substr(0, slash);
  if (!plain_segment(id)) return std::nullopt;
  const bool reads = method == "GET" || method == "HEAD";
  const auto as = [](bool right, endpoint_class what, std::string_view name, std::string_view takes) {
    return endpoint{right ? what : endpoint_class::unknown, name, takes, ""};
  };
  if (below == "/cancel") return as(method == "POST", endpoint_class::scanned, "responses.cancel", "POST");
  if (below == "/input_items") return as(reads, endpoint_class::scanned, "responses.input_items", "GET");
  if (!below.empty()) return std::nullopt;
  if (method == "DELETE") return as(true, endpoint_class::passes, "responses.delete", "DELETE");
  return as(reads, endpoint_class::scanned, "responses.retrieve", "GET");
}

endpoint classify_v1(std::string_view method, std::string_view path) {
  if (const auto found = classify_known(paths, method, path)) return *found;
  if (const auto found = classify_response(method, path)) return *found;
  if (path.starts_with("/v1/models/") && plain_segment(path.substr(11))) return only_get("models", method);
  if (const auto* why = denied(path)) return {endpoint_class::denied, "other", "", why->why};
  return {};
}

}  // namespace

// Azure: "/openai/v1/…" is "/v1/…", so is "/openai/…" of its dated versions, and "/openai/deployments/{name}/…" says which model.
endpoint openai_classify(std::string_view method, std::string_view path) {
  constexpr std::string_view azure = "/openai/", deployments = "deployments/";
  if (!path.starts_with(azure)) return classify_v1(method, path);
  auto rest = path.substr(azure.size());
  if (rest.starts_with("v1/")) return classify_v1(method, path.substr(azure.size() - 1));
  std::string_view model;
  if (rest.starts_with(deployments)) {
    rest.remove_prefix(deployments.size());
    const auto slash = rest.find('/');
    model = rest.substr(0, slash);
    if (slash == std::string_view::npos || !plain_segment(model)) return {};
    rest.remove_prefix(slash + 1);
  }
  auto found = classify_v1(method, "/v1/" + std::string(rest));
  found.model = model;
  const bool of_model = found.what != endpoint_class::passes;
  return model.empty() || (of_model && found.name != "models") ? found : endpoint{};
}

}  // namespace sluice::wire
