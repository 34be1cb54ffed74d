// What the test model says, and how each API that it speaks writes it. Private to the mock's sources.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mock_answer.hpp"

namespace sluice::app {

struct mock_speech {
  std::string model = "mock", text;   // what is answered
  std::optional<std::string> tool;    // its name; `text` is then the arguments
  unsigned choices = 1;
  bool stream = false, usage = false;
  bool list = false;                  // Gemini: the stream is one JSON array instead of events
  bool prompt = false;                // Ollama: what was asked is a prompt, not messages
  std::size_t prompt_bytes = 0;
  std::uint64_t number = 0;           // of the answer
  std::int64_t created = 0;

  [[nodiscard]] std::size_t prompt_tokens() const { return prompt_bytes / 4 + 1; }
  [[nodiscard]] std::size_t answer_tokens() const { return (text.size() / 4 + 1) * choices; }
};

// One API. Its writers append whole events, each with what ends it.
class mock_api {
 public:
  virtual ~mock_api() = default;
  [[nodiscard]] virtual std::string error_body(int status, std::string_view message) const = 0;
  // Fills in what is said. "" when the body is a request of this API; otherwise what is wrong with it.
  [[nodiscard]] virtual std::string read(const mock_request& request, const mock_options& options, mock_speech& out) const = 0;
  [[nodiscard]] virtual std::string_view stream_type(const mock_speech&) const { return "text/event-stream; charset=utf-8"; }
  [[nodiscard]] virtual std::string plain(const mock_speech& s) const = 0;
  // A stream in its order: once, for each token, once.
  virtual void begin(const mock_speech& s, std::string& out) const = 0;
  virtual void say(const mock_speech& s, std::string_view token, std::size_t number, std::string& out) const = 0;
  virtual void end(const mock_speech& s, std::size_t tokens, std::string& out) const = 0;
};
// By path; null when the mock does not speak what is asked for there.
[[nodiscard]] const mock_api* find_mock_api(std::string_view path);
[[nodiscard]] const mock_api& mock_chat_api();
[[nodiscard]] const mock_api& mock_responses_api();
[[nodiscard]] const mock_api& mock_messages_api();
[[nodiscard]] const mock_api& mock_gemini_api();
[[nodiscard]] const mock_api& mock_ollama_api();

// The part of reading that all of them have in common.
struct mock_request_shape {
  std::string_view turns;        // the key of the messages
  std::string_view tool_within;  // the key of what names a tool, within each of `tools`; empty: the tool itself does
  bool streams = false;          // where the request does not say
};
[[nodiscard]] std::string read_turns(std::string_view bytes, const mock_request_shape& shape, const mock_options& options, mock_speech& out);

}  // namespace sluice::app
