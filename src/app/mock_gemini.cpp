// The test model in Gemini's API (API reference, "Generating content"): the model and how it answers stand in the path, a stream is events
// with alt=sse and otherwise one JSON array, and a function call comes whole.
#include <nlohmann/json.hpp>

#include "mock_speech.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

class gemini_api final : public mock_api {
 public:
  std::string error_body(int status, std::string_view message) const override {
    const char* name = status >= 500 ? "INTERNAL" : status == 429 ? "RESOURCE_EXHAUSTED" : status == 404 ? "NOT_FOUND" : "INVALID_ARGUMENT";
    return "{\"error\":{\"code\":" + std::to_string(status) + ",\"message\":" + json_quoted(message) + ",\"status\":\"" + name + "\"}}";
  }
  std::string read(const mock_request& request, const mock_options& options, mock_speech& out) const override {
    auto wrong = read_turns(request.body, {.turns = "contents", .tool_within = "functionDeclarations"}, options, out);
    const auto query = std::min(request.path.find('?'), request.path.size());
    const auto path = request.path.substr(0, query);
    const auto model = path.substr(path.find("/models/") + 8);
    out.model = model.substr(0, model.rfind(':'));
    out.stream = path.ends_with(":streamGenerateContent");
    out.list = out.stream && request.path.substr(query).find("alt=sse") == std::string_view::npos;
    out.choices = 1;
    return wrong;
  }
  std::string_view stream_type(const mock_speech& s) const override { return s.list ? "application/json; charset=UTF-8" : "text/event-stream"; }
  std::string plain(const mock_speech& s) const override { return chunk(s, s.tool ? call(s) : text(s.text), true); }
  void begin(const mock_speech& s, std::string& out) const override {
    if (s.list) out += "[";
  }
  void say(const mock_speech& s, std::string_view token, std::size_t number, std::string& out) const override {
    if (!s.tool) event(s, chunk(s, text(token), false), number == 0, out);
  }
  void end(const mock_speech& s, std::size_t tokens, std::string& out) const override {
    event(s, chunk(s, s.tool ? call(s) : text(""), true), s.tool || tokens == 0, out);
    if (s.list) out += "]";
  }

 private:
  static void event(const mock_speech& s, const std::string& said, bool first, std::string& out) {
    if (s.list) {
      out.append(first ? "" : ",\r\n").append(said);
    } else {
      out.append("data: ").append(said).append("\r\n\r\n");
    }
  }
  static std::string text(std::string_view said) { return "{\"text\":" + json_quoted(said) + "}"; }
  static std::string call(const mock_speech& s) {
    const bool object = parse_bounded<nlohmann::json>(s.text).is_object();  // a script may say anything
    return "{\"functionCall\":{\"name\":" + json_quoted(*s.tool) + ",\"args\":" + (object ? s.text : "{}") + "}}";
  }
  static std::string chunk(const mock_speech& s, const std::string& part, bool last) {
    return "{\"candidates\":[{\"content\":{\"parts\":[" + part + "],\"role\":\"model\"}," + (last ? "\"finishReason\":\"STOP\"," : "") +
           "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":" + std::to_string(s.prompt_tokens()) + ",\"candidatesTokenCount\":" +
           std::to_string(s.answer_tokens()) + ",\"totalTokenCount\":" + std::to_string(s.prompt_tokens() + s.answer_tokens()) + "},\"modelVersion\":" +
           json_quoted(s.model) + ",\"responseId\":\"mock" + std::to_string(s.number) + "\"}";
  }
};

}  // namespace

const mock_api& mock_gemini_api() {
  static const gemini_api only;
  return only;
}

}  // namespace sluice::app
