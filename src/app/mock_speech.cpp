// Reading a request as far as the test model's answer needs it, and writing Chat Completions (API reference, "Chat Completions").
#include "mock_speech.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

// The text of a message's content (Gemini: its parts): a string, or the text parts of a list.
std::string content_text(const json& message) {
  if (!message.is_object()) return {};
  const json& content = member(message, message.contains("parts") ? "parts" : "content");
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (!content.is_array()) return out;
  for (const json& part : content) {
    if (part.is_object() && part.contains("text") && part["text"].is_string()) out += part["text"].get<std::string>();
  }
  return out;
}

// The names of the tools that are offered: each entry of `tools` is one, has one within, or (Gemini) has a list of them.
std::vector<std::string> tool_names(const json& body, std::string_view within) {
  std::vector<std::string> out;
  const json& tools = member(body, "tools");
  for (const json& tool : tools.is_array() ? tools : json::array()) {
    const json& inner = within.empty() ? tool : member(tool, within);
    for (const json& each : inner.is_array() ? inner : json::array({inner})) {
      if (auto name = word(each, "name"); !name.empty()) out.push_back(std::move(name));
    }
  }
  return out;
}

// A tool is called when the request demands one, or when the last message names one.
std::optional<std::string> tool_wanted(const json& body, const std::string& said, std::string_view within) {
  const auto names = tool_names(body, within);
  if (names.empty()) return std::nullopt;
  const json& choice = member(body, "tool_choice");
  const json& gemini = member(member(body, "toolConfig"), "functionCallingConfig");
  const std::string how = lower(choice.is_string() ? choice.get<std::string>() : choice.is_object() ? word(choice, "type") : word(gemini, "mode"));
  if (how == "none") return std::nullopt;
  if (const auto named = word(within.empty() ? choice : member(choice, within), "name"); !named.empty()) return named;
  for (const auto& name : names) {
    if (how == "required" || how == "any" || said.find(name) != std::string::npos) return name;
  }
  return std::nullopt;
}

class chat_api final : public mock_api {
 public:
  std::string error_body(int status, std::string_view message) const override {
    return "{\"error\":{\"message\":" + json_quoted(message) + ",\"type\":" + (status >= 500 ? "\"server_error\"" : "\"invalid_request_error\"") +
           ",\"param\":null,\"code\":null}}";
  }
  std::string read(const mock_request& request, const mock_options& options, mock_speech& out) const override {
    return read_turns(request.body, {.turns = "messages", .tool_within = "function"}, options, out);
  }
  std::string plain(const mock_speech& s) const override {
    std::string out = envelope(s, "chat.completion") + "\"choices\":[";
    for (unsigned i = 0; i < s.choices; ++i) {
      out += (i == 0 ? "" : ",") + std::string("{\"index\":") + std::to_string(i) + ",\"message\":{\"role\":\"assistant\",\"content\":";
      if (s.tool) {
        out += "null,\"tool_calls\":[{\"id\":\"call_mock_" + std::to_string(i) + "\",\"type\":\"function\",\"function\":{\"name\":" + json_quoted(*s.tool) +
               ",\"arguments\":" + json_quoted(s.text) + "}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}";
      } else {
        out += json_quoted(s.text) + ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}";
      }
    }
    return out + "],\"usage\":" + usage(s) + "}";
  }
  // For each choice a role, its tokens in turn, a finish; then usage when asked for, and [DONE].
  void begin(const mock_speech& s, std::string& out) const override {
    for (unsigned i = 0; i < s.choices; ++i) chunk(s, i, opening(s, i), "null", out);
  }
  void say(const mock_speech& s, std::string_view token, std::size_t, std::string& out) const override {
    const auto text = json_quoted(token);
    const auto delta = s.tool ? R"({"tool_calls":[{"index":0,"function":{"arguments":)" + text + "}}]}" : "{\"content\":" + text + "}";
    for (unsigned i = 0; i < s.choices; ++i) chunk(s, i, delta, "null", out);
  }
  void end(const mock_speech& s, std::size_t, std::string& out) const override {
    for (unsigned i = 0; i < s.choices; ++i) chunk(s, i, "{}", s.tool ? "\"tool_calls\"" : "\"stop\"", out);
    if (s.usage) out += "data: " + envelope(s, "chat.completion.chunk") + "\"choices\":[],\"usage\":" + usage(s) + "}\n\n";
    out += "data: [DONE]\n\n";
  }

 private:
  static std::string usage(const mock_speech& s) {
    return "{\"prompt_tokens\":" + std::to_string(s.prompt_tokens()) + ",\"completion_tokens\":" + std::to_string(s.answer_tokens()) +
           ",\"total_tokens\":" + std::to_string(s.prompt_tokens() + s.answer_tokens()) + "}";
  }
  static std::string envelope(const mock_speech& s, std::string_view object) {
    std::string out = "{\"id\":\"chatcmpl-mock-" + std::to_string(s.number) + "\",\"object\":\"";
    out.append(object).append("\",\"created\":").append(std::to_string(s.created)).append(",\"model\":").append(json_quoted(s.model));
    return out + ",\"system_fingerprint\":\"fp_mock\",";
  }
  static std::string opening(const mock_speech& s, unsigned choice) {
    if (!s.tool) return R"({"role":"assistant","content":"","refusal":null})";
    return R"({"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_mock_)" + std::to_string(choice) +
           R"(","type":"function","function":{"name":)" + json_quoted(*s.tool) + R"(,"arguments":""}}]})";
  }
  static void chunk(const mock_speech& s, unsigned choice, std::string_view delta, std::string_view finish, std::string& out) {
    out += "data: " + envelope(s, "chat.completion.chunk") + "\"choices\":[{\"index\":" + std::to_string(choice) + ",\"delta\":";
    out.append(delta).append(",\"logprobs\":null,\"finish_reason\":").append(finish).append("}]");
    out += s.usage ? ",\"usage\":null}\n\n" : "}\n\n";
  }
};

}  // namespace

std::string read_turns(std::string_view bytes, const mock_request_shape& shape, const mock_options& options, mock_speech& out) {
  const json body = parse_bounded<json>(bytes, {.depth = 256, .bytes = std::size_t{64} << 20});
  if (!body.is_object()) return "We could not parse the JSON body of your request.";
  const json& turns = member(body, shape.turns);
  if (turns.is_string() ? turns.get<std::string>().empty() : !turns.is_array() || turns.empty()) {
    return "Missing required parameter: '" + std::string(shape.turns) + "'.";
  }
  if (body.contains("model") && body["model"].is_string()) out.model = body["model"].get<std::string>();
  if (body.contains("n") && body["n"].is_number_unsigned()) out.choices = std::clamp(body["n"].get<unsigned>(), 1u, 128u);
  out.stream = member(body, "stream").is_boolean() ? truth(body, "stream") : shape.streams;
  out.usage = truth(member(body, "stream_options"), "include_usage");
  std::string said = turns.is_string() ? turns.get<std::string>() : std::string();
  out.prompt_bytes = said.size();
  for (const json& message : turns.is_array() ? turns : json::array()) {
    const auto text = content_text(message);
    out.prompt_bytes += text.size() + 8;
    if (message.is_object() && (word(message, "role") == "user" || !message.contains("role"))) said = text;
  }
  if (said.empty() && turns.is_array()) said = content_text(turns.back());
  out.text = said;
  for (const auto& line : options.script) {
    if (said.find(line.when) == std::string::npos) continue;
    out.text = line.answer;
    out.tool = line.tool;
    return {};
  }
  out.tool = tool_wanted(body, said, shape.tool_within);
  if (out.tool) out.text = json{{"text", said}}.dump(-1, ' ', false, json::error_handler_t::replace);
  return {};
}

const mock_api& mock_chat_api() {
  static const chat_api only;
  return only;
}

const mock_api* find_mock_api(std::string_view path) {
  if (path == "/v1/chat/completions") return &mock_chat_api();
  if (path == "/v1/responses") return &mock_responses_api();
  if (path == "/v1/messages") return &mock_messages_api();
  if (path == "/api/chat" || path == "/api/generate") return &mock_ollama_api();
  const bool model = path.starts_with("/v1beta/models/") || path.starts_with("/v1/models/");
  if (model && (path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent"))) return &mock_gemini_api();
  return nullptr;
}

}  // namespace sluice::app
