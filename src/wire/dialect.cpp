// The four dialects, each put together of its pieces (its paths, bodies, streams and errors), found by name; and the HTTP status of each error.
#include "sluice/wire/dialect.hpp"

#include <algorithm>
#include <array>

#include "anthropic.hpp"
#include "anthropic_table.hpp"
#include "chat_table.hpp"
#include "forms.hpp"
#include "gemini.hpp"
#include "gemini_table.hpp"
#include "ollama.hpp"
#include "ollama_table.hpp"
#include "openai.hpp"
#include "queries.hpp"
#include "responses.hpp"
#include "sluice/base/strings.hpp"
#include "text_endpoints.hpp"

namespace sluice::wire {
namespace {

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) { return std::ranges::find(names, name) != names.end(); }

class openai_dialect final : public dialect {
 public:
  [[nodiscard]] std::string_view name() const override { return "openai"; }
  [[nodiscard]] endpoint classify(std::string_view method, std::string_view path) const override { return openai_classify(method, path); }
  [[nodiscard]] result<std::unique_ptr<request_body>> read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) const override {
    if (is_responses(to)) return responses_read_request(to, body, depth_max);
    if (const auto* as = find_form_endpoint(to.name)) return form_read_request(to, *as, body);
    if (const auto* as = find_text_endpoint(to.name)) return text_read_request(to, *as, body, depth_max);
    return chat_read_request(to, body, depth_max);
  }
  [[nodiscard]] result<std::unique_ptr<response_body>> read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max,
                                                                     const request_body* asked) const override {
    if (is_responses(to)) return responses_read_response(to, body, asked, depth_max);
    if (const auto* as = find_form_endpoint(to.name)) return form_read_response(*as, body, depth_max);
    if (const auto* as = find_text_endpoint(to.name)) return text_read_response(*as, body, depth_max);
    return chat_read_response(to, body, depth_max);
  }
  [[nodiscard]] std::unique_ptr<response_stream> open_stream(const endpoint& to, const request_body& request, std::uint32_t depth_max) const override {
    if (is_responses(to)) return responses_open_stream(to, request, depth_max);
    if (find_text_endpoint(to.name) != nullptr) return completions_open_stream(request, depth_max);
    return chat_open_stream(to, openai_includes_usage(request), depth_max);
  }
  // What takes a form never asked for a stream.
  [[nodiscard]] bool streams(const endpoint& to, const request_body& request, std::string_view content_type) const override {
    return !to.form && dialect::streams(to, request, content_type);
  }
  [[nodiscard]] std::span<const std::string_view> roots() const override {
    static constexpr std::array<std::string_view, 2> all = {"/v1", "/openai"};
    return all;
  }
  [[nodiscard]] std::string error_body(const error_text& text) const override { return openai_error_body(text); }
  [[nodiscard]] bool has_refusal(const endpoint& to) const override {
    return one_of(to.name, {"chat.completions", "completions", "responses", "responses.retrieve", "responses.cancel", "audio.transcriptions", "audio.translations"});
  }
  [[nodiscard]] std::string refusal_body(const request_body& request, std::string_view message, std::string_view decision_id) const override {
    if (form_endpoint_of(request) != nullptr) return form_refusal_body(message);
    if (dynamic_cast<const responses_request_body*>(&request) != nullptr) return responses_refusal_body(request, message, decision_id);
    if (const auto* text = dynamic_cast<const text_request_body*>(&request)) return completions_refusal_body(*text, message, decision_id);
    return openai_refusal_body(request, message, decision_id);
  }
  [[nodiscard]] std::span<const coverage_row> coverage() const override { return openai_coverage(); }

 protected:
  [[nodiscard]] std::span<const query_row> queries() const override { return openai_queries(); }
};

class anthropic_dialect final : public dialect {
 public:
  [[nodiscard]] std::string_view name() const override { return "anthropic"; }
  [[nodiscard]] endpoint classify(std::string_view method, std::string_view path) const override { return anthropic_classify(method, path); }
  [[nodiscard]] result<std::unique_ptr<request_body>> read_request(const endpoint&, std::string_view body, std::uint32_t depth_max) const override {
    return anthropic_read_request(body, depth_max);
  }
  [[nodiscard]] result<std::unique_ptr<response_body>> read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max, const request_body*) const override {
    return anthropic_read_response(to, body, depth_max);
  }
  [[nodiscard]] std::unique_ptr<response_stream> open_stream(const endpoint&, const request_body& request, std::uint32_t depth_max) const override {
    return anthropic_open_stream(request.model(), depth_max);
  }
  [[nodiscard]] std::span<const std::string_view> roots() const override {
    static constexpr std::array<std::string_view, 1> all = {"/v1"};
    return all;
  }
  [[nodiscard]] std::string error_body(const error_text& text) const override { return anthropic_error_body(text); }
  [[nodiscard]] bool has_refusal(const endpoint& to) const override { return to.name == "messages"; }
  [[nodiscard]] std::string refusal_body(const request_body& request, std::string_view message, std::string_view decision_id) const override {
    return anthropic_refusal_body(request, message, decision_id);
  }
  [[nodiscard]] std::span<const coverage_row> coverage() const override { return anthropic_coverage(); }

 protected:
  [[nodiscard]] std::span<const query_row> queries() const override { return anthropic_queries(); }
};

class gemini_dialect final : public dialect {
 public:
  [[nodiscard]] std::string_view name() const override { return "gemini"; }
  [[nodiscard]] endpoint classify(std::string_view method, std::string_view path) const override { return gemini_classify(method, path); }
  [[nodiscard]] result<std::unique_ptr<request_body>> read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) const override {
    return gemini_read_request(to, body, depth_max);
  }
  [[nodiscard]] result<std::unique_ptr<response_body>> read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max, const request_body*) const override {
    return gemini_read_response(to, body, depth_max);
  }
  [[nodiscard]] std::unique_ptr<response_stream> open_stream(const endpoint&, const request_body& request, std::uint32_t depth_max) const override {
    return gemini_open_stream(request, depth_max);
  }
  // Without ?alt=sse a stream is an array in plain JSON.
  [[nodiscard]] bool streams(const endpoint& to, const request_body& request, std::string_view content_type) const override {
    if (dialect::streams(to, request, content_type)) return true;
    return to.name == "streamGenerateContent" && istarts_with(content_type, "application/json");
  }
  [[nodiscard]] std::string_view stream_type(const request_body& request) const override {
    return gemini_asks_for_events(request) ? "text/event-stream" : "application/json";
  }
  [[nodiscard]] std::span<const std::string_view> roots() const override {
    static constexpr std::array<std::string_view, 4> all = {"/v1beta", "/v1alpha", "/v1beta1", "/v1"};
    return all;
  }
  [[nodiscard]] std::string error_body(const error_text& text) const override { return gemini_error_body(text); }
  [[nodiscard]] bool has_refusal(const endpoint& to) const override { return one_of(to.name, {"generateContent", "streamGenerateContent"}); }
  [[nodiscard]] std::string refusal_body(const request_body& request, std::string_view message, std::string_view) const override {
    const auto answer = gemini_refusal(message);
    if (!request.stream()) return answer;
    return gemini_asks_for_events(request) ? "data: " + answer + "\n\n" : "[" + answer + "]";
  }
  [[nodiscard]] std::span<const coverage_row> coverage() const override { return gemini_coverage(); }

 protected:
  [[nodiscard]] std::span<const query_row> queries() const override { return gemini_queries(); }
};

class ollama_dialect final : public dialect {
 public:
  [[nodiscard]] std::string_view name() const override { return "ollama"; }
  [[nodiscard]] endpoint classify(std::string_view method, std::string_view path) const override { return ollama_classify(method, path); }
  [[nodiscard]] result<std::unique_ptr<request_body>> read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) const override {
    return ollama_read_request(to, body, depth_max);
  }
  [[nodiscard]] result<std::unique_ptr<response_body>> read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max, const request_body*) const override {
    return ollama_read_response(to, body, depth_max);
  }
  [[nodiscard]] std::unique_ptr<response_stream> open_stream(const endpoint& to, const request_body& request, std::uint32_t depth_max) const override {
    return ollama_open_stream(to, request.model(), depth_max);
  }
  [[nodiscard]] bool streams(const endpoint&, const request_body&, std::string_view content_type) const override {
    return istarts_with(content_type, "application/x-ndjson");
  }
  [[nodiscard]] std::string_view stream_type(const request_body&) const override { return "application/x-ndjson"; }
  [[nodiscard]] bool takes_any_type() const override { return true; }
  [[nodiscard]] std::span<const std::string_view> roots() const override {
    static constexpr std::array<std::string_view, 1> all = {"/api"};
    return all;
  }
  [[nodiscard]] std::string error_body(const error_text& text) const override { return ollama_error_body(text); }
  [[nodiscard]] bool has_refusal(const endpoint& to) const override { return one_of(to.name, {"chat", "generate"}); }
  [[nodiscard]] std::string refusal_body(const request_body& request, std::string_view message, std::string_view) const override {
    return ollama_refusal_body(request, message);
  }
  [[nodiscard]] std::span<const coverage_row> coverage() const override { return ollama_coverage(); }

 protected:
  [[nodiscard]] std::span<const query_row> queries() const override { return ollama_queries(); }
};

// All of them.
std::array<const dialect*, 4> registered() { return {&openai(), &anthropic(), &gemini(), &ollama()}; }

}  // namespace

bool dialect::streams(const endpoint&, const request_body&, std::string_view content_type) const {
  return istarts_with(content_type, "text/event-stream");
}
std::string_view dialect::stream_type(const request_body&) const { return "text/event-stream"; }

std::size_t dialect::before_root(std::string_view path) const {
  const auto begins = [](std::string_view at, std::string_view root) { return at.starts_with(root) && (at.size() == root.size() || at[root.size()] == '/'); };
  for (std::size_t at = 0; at != std::string_view::npos; at = path.find('/', at + 1)) {
    for (const auto root : roots()) {
      if (begins(path.substr(at), root)) return at;
    }
  }
  return path.ends_with('/') ? path.size() - 1 : path.size();
}

namespace {

bool names(std::string_view message, std::string_view place) {
  constexpr std::string_view around = " ,;()";
  for (auto at = message.find(place); at != std::string_view::npos; at = message.find(place, at + 1)) {
    const auto end = at + place.size();
    if ((at == 0 || around.contains(message[at - 1])) && (end == message.size() || around.contains(message[end]))) return true;
  }
  return false;
}

}  // namespace

void append_whole_message(std::string& out, const error_text& text) {
  if (!text.param.empty() && !names(text.message, text.param)) {
    append_json_escaped(out, text.param);
    out += ": ";
  }
  append_json_escaped(out, text.message);
  if (text.decision_id.empty()) return;
  out += " (decision ";
  append_json_escaped(out, text.decision_id);
  out += ')';
}

int http_status(gateway_error e) {
  switch (e) {
    case gateway_error::bad_request: case gateway_error::blocked: return 400;
    case gateway_error::unauthorized: return 401;
    case gateway_error::forbidden: return 403;
    case gateway_error::not_found: return 404;
    case gateway_error::method: return 405;
    case gateway_error::request_timeout: return 408;
    case gateway_error::too_large: return 413;
    case gateway_error::target_too_long: return 414;
    case gateway_error::media_type: return 415;
    case gateway_error::expectation: return 417;
    case gateway_error::head_too_large: return 431;
    case gateway_error::busy: case gateway_error::policy_missing: return 503;
    case gateway_error::upstream: return 502;
    case gateway_error::not_implemented: return 501;
    case gateway_error::upstream_timeout: return 504;
    case gateway_error::http_version: return 505;
  }
  return 500;
}

const dialect& openai() {
  static const openai_dialect only;
  return only;
}

const dialect& anthropic() {
  static const anthropic_dialect only;
  return only;
}

const dialect& gemini() {
  static const gemini_dialect only;
  return only;
}

const dialect& ollama() {
  static const ollama_dialect only;
  return only;
}

const dialect* find_dialect(std::string_view name) {
  for (const auto* each : registered()) {
    if (each->name() == name) return each;
  }
  return nullptr;
}
std::span<const std::string_view> dialect_names() {
  static const auto names = [] {
    const auto all = registered();
    std::array<std::string_view, all.size()> out;
    std::ranges::transform(all, out.begin(), [](const dialect* each) { return each->name(); });
    return out;
  }();
  return names;
}

}  // namespace sluice::wire
