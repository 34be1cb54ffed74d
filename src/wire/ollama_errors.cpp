// The Ollama dialect's words for "no": errors and refusals.
#include "ollama.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

std::string ollama_error_body(const error_text& text) {
  std::string out = "{\"error\":\"";
  append_whole_message(out, text);
  return out + "\"}";
}

std::string ollama_refusal_line(bool chat, std::string_view model, std::string_view created_at, std::string_view message) {
  auto out = "{\"model\":" + std::string(model) + ",\"created_at\":" + std::string(created_at);
  out += chat ? ",\"message\":{\"role\":\"assistant\",\"content\":" + json_quoted(message) + "}" : ",\"response\":" + json_quoted(message);
  return out + ",\"done\":true,\"done_reason\":\"content_filter\"}";
}

}  // namespace sluice::wire
