// The test model in Ollama's API (docs/api.md of Ollama, "Generate a chat completion" and "Generate a completion"): lines of JSON, streamed
// where the request does not say otherwise, and a tool call that comes whole.
#include <ctime>
#include <nlohmann/json.hpp>

#include "mock_speech.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

class ollama_api final : public mock_api {
 public:
  std::string error_body(int, std::string_view message) const override { return "{\"error\":" + json_quoted(message) + "}"; }
  std::string read(const mock_request& request, const mock_options& options, mock_speech& out) const override {
    const bool chat = request.path.starts_with("/api/chat");
    auto wrong = read_turns(request.body, {.turns = chat ? "messages" : "prompt", .tool_within = "function", .streams = true}, options, out);
    out.choices = 1;
    out.prompt = !chat;
    return wrong;
  }
  std::string_view stream_type(const mock_speech&) const override { return "application/x-ndjson"; }
  std::string plain(const mock_speech& s) const override { return line(s, s.tool ? call(s) : said(s, s.text), true); }
  void begin(const mock_speech&, std::string&) const override {}
  void say(const mock_speech& s, std::string_view token, std::size_t, std::string& out) const override {
    if (!s.tool) out += line(s, said(s, token), false) + "\n";
  }
  void end(const mock_speech& s, std::size_t, std::string& out) const override {
    if (s.tool) out += line(s, call(s), false) + "\n";
    out += line(s, said(s, ""), true) + "\n";
  }

 private:
  static std::string when(std::int64_t seconds) {
    const std::time_t at = seconds;
    std::tm parts{};
    gmtime_r(&at, &parts);
    char out[32];
    return {out, std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts)};
  }
  static std::string said(const mock_speech& s, std::string_view text) {
    return s.prompt ? "\"response\":" + json_quoted(text) : "\"message\":{\"role\":\"assistant\",\"content\":" + json_quoted(text) + "}";
  }
  static std::string call(const mock_speech& s) {
    const bool object = parse_bounded<nlohmann::json>(s.text).is_object();  // a script may say anything
    return "\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":" + json_quoted(*s.tool) +
           ",\"arguments\":" + (object ? s.text : "{}") + "}}]}";
  }
  static std::string line(const mock_speech& s, const std::string& what, bool last) {
    auto out = "{\"model\":" + json_quoted(s.model) + ",\"created_at\":\"" + when(s.created) + "\"," + what + ",\"done\":" + (last ? "true" : "false");
    if (last) {
      out += ",\"done_reason\":\"stop\",\"total_duration\":1,\"load_duration\":1,\"prompt_eval_count\":" + std::to_string(s.prompt_tokens()) +
             ",\"prompt_eval_duration\":1,\"eval_count\":" + std::to_string(s.answer_tokens()) + ",\"eval_duration\":1";
    }
    return out + "}";
  }
};

}  // namespace

const mock_api& mock_ollama_api() {
  static const ollama_api only;
  return only;
}

}  // namespace sluice::app
