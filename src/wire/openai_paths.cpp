// The paths of the OpenAI dialect: its own, and Azure's to the same.
#include <algorithm>
#include <array>

#include "forms.hpp"
#include "openai.hpp"
#include "paths.hpp"

namespace sluice::wire {
namespace {

constexpr auto paths = std::to_array<known_path>({
    {"/v1/chat/completions", "POST", "chat.completions", endpoint_class::scanned, ""},
    {"/v1/responses", "POST", "responses", endpoint_class::scanned, ""},
    {"/v1/responses/input_tokens", "POST", "responses.input_tokens", endpoint_class::scanned, ""},
    {"/v1/responses/compact", "POST", "responses.compact", endpoint_class::scanned, ""},
    {"/v1/conversations", "POST", "conversations", endpoint_class::scanned, ""},
    {"/v1/completions", "POST", "completions", endpoint_class::scanned, ""},
    {"/v1/embeddings", "POST", "embeddings", endpoint_class::scanned, ""},
    {"/v1/moderations", "POST", "moderations", endpoint_class::scanned, ""},
    {"/v1/audio/transcriptions", "POST", "audio.transcriptions", endpoint_class::scanned, ""},
    {"/v1/audio/translations", "POST", "audio.translations", endpoint_class::scanned, ""},
    {"/v1/images/edits", "POST", "images.edits", endpoint_class::scanned, ""},
    {"/v1/images/variations", "POST", "images.variations", endpoint_class::scanned, ""},
    {"/v1/files", "POST", "files", endpoint_class::scanned, ""},
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
      // What is read there is in `paths`.
      const auto* read = std::ranges::find(paths, not_read[i], &known_path::path);
      if (!stored && read != paths.end() && find_form_endpoint(read->name) == nullptr) {
        out[i] = {not_read[i], "This gateway knows no such path below " + std::string(not_read[i]) +
                                   ", so it passes nothing on there; an identifier in a path is letters, digits and any of -_.: as they are, without a % before them."};
        continue;
      }
      std::string forms;  // of what is below it, what an operator can have read
      for (const auto& p : paths) {
        if (p.path.starts_with(not_read[i]) && find_form_endpoint(p.name) != nullptr) forms += (forms.empty() ? "" : ", ") + std::string(p.method) + " " + std::string(p.path);
      }
      out[i] = {not_read[i], "This gateway does not read the text of " + std::string(stored ? "stored completions (/v1/chat/completions/…)" : not_read[i]) +
                                 ", so it refuses this path, and no setting passes it" + (forms.empty() ? std::string() : "; of its forms, unreadable.forms: scan has these read: " + forms) +
                                 ". Use /v1/chat/completions or /v1/responses, or ask your operator."};
    }
    return out;
  }();
  for (const auto& d : all) {
    if (path.starts_with(d.prefix) && (path.size() == d.prefix.size() || path[d.prefix.size()] == '/')) return &d;
  }
  return nullptr;
}

endpoint of_handle(std::string_view id, bool right, endpoint_class what, std::string_view name, std::string_view takes) {
  endpoint out{right ? what : endpoint_class::unknown, name, takes, ""};
  out.handle = id;
  return out;
}

// One conversation: "/v1/conversations/{id}", its items, and one of them. Where a path takes several methods, the answer to another one
// names the first of them.
std::optional<endpoint> classify_conversation(std::string_view method, std::string_view path) {
  constexpr std::string_view above = "/v1/conversations/", items = "/items";
  if (!path.starts_with(above)) return std::nullopt;
  auto id = path.substr(above.size());
  const auto slash = id.find('/');
  auto below = slash == std::string_view::npos ? std::string_view() : id.substr(slash);
  id = id.substr(0, slash);
  if (!plain_segment(id)) return std::nullopt;
  const bool reads = method == "GET" || method == "HEAD";
  using enum endpoint_class;
  const auto as = [id](endpoint_class what, std::string_view name, std::string_view takes) { return of_handle(id, true, what, name, takes); };
  if (below.empty()) {
    if (method == "DELETE") return as(passes, "conversations.delete", "DELETE");
    auto itself = method == "POST" ? as(scanned, "conversations.update", "POST") : as(reads ? scanned : unknown, "conversations.retrieve", "GET");
    itself.describes = true;
    return itself;
  }
  if (below == items) {
    auto adds = as(scanned, "conversations.items.create", "POST");
    adds.grows = true;
    if (method == "POST") return adds;
    return reads ? as(scanned, "conversations.items", "GET") : as(unknown, "conversations.items", "GET");
  }
  if (!below.starts_with(items) || below[items.size()] != '/' || !plain_segment(below.substr(items.size() + 1))) return std::nullopt;
  if (method == "DELETE") return as(passes, "conversations.item.delete", "DELETE");
  return reads ? as(scanned, "conversations.item", "GET") : as(unknown, "conversations.item", "GET");
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
  const auto as = [id](bool right, endpoint_class what, std::string_view name, std::string_view takes) { return of_handle(id, right, what, name, takes); };
  if (below == "/cancel") return as(method == "POST", endpoint_class::scanned, "responses.cancel", "POST");
  if (below == "/input_items") return as(reads, endpoint_class::scanned, "responses.input_items", "GET");
  if (!below.empty()) return std::nullopt;
  if (method == "DELETE") return as(true, endpoint_class::passes, "responses.delete", "DELETE");
  return as(reads, endpoint_class::scanned, "responses.retrieve", "GET");
}

endpoint classify_v1(std::string_view method, std::string_view path) {
  if (auto found = classify_known(paths, method, path)) {
    found->form = find_form_endpoint(found->name) != nullptr;
    if (!found->form || found->what != endpoint_class::unknown) return *found;
  }
  if (const auto found = classify_response(method, path)) return *found;
  if (const auto found = classify_conversation(method, path)) return *found;
  if (path.starts_with("/v1/models/") && plain_segment(path.substr(11))) return only_get("models", method, path.substr(11));
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
  const auto whole = "/v1/" + std::string(rest);
  auto found = classify_v1(method, whole);
  // Of the path, not of its copy.
  for (auto* of_copy : {&found.handle, &found.model}) {
    if (!of_copy->empty()) *of_copy = rest.substr(static_cast<std::size_t>(of_copy->data() - whole.data()) - 4, of_copy->size());
  }
  if (!model.empty()) found.model = model;
  const bool of_model = found.what != endpoint_class::passes;
  return model.empty() || (of_model && found.name != "models") ? found : endpoint{};
}

}  // namespace sluice::wire
