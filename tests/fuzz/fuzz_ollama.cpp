// Streams of Ollama, chat and generate: lines with text and thinking made from the input, and the input as bytes (stream_check.hpp).
#include <nlohmann/json.hpp>

#include "stream_check.hpp"

namespace {

using nlohmann::json;
using namespace sluice::fuzz;

const asked chat = {sluice::wire::ollama(), "/api/chat", R"({"model":"m","messages":[{"role":"user","content":"x"}]})"};
const asked generate = {sluice::wire::ollama(), "/api/generate", R"({"model":"m","prompt":"x"})"};

constexpr std::string_view fragments[] = {
    "{\"message\":{\"role\":\"assistant\",\"content\":\"", "{\"message\":{\"content\":\"\",\"thinking\":\"", "{\"response\":\"", "{\"thinking\":\"", "\"}}\n", "\"}\n", "\"},\"done\":false}\n", "\",\"done\":true}\n",
    "{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":\"", "\"}}}]}}\n", "{\"model\":\"m\",\"done\":true,\"done_reason\":\"stop\"}\n", "{\"done\":true,\"context\":[1,2]}\n",
    "{\"error\":\"secret\"}\n", "\",\"new\":\"", "se", "cret", "secret", "\\u0065", "\\\"", "é", "\xff", "\\ud800", "{", "}", "[", "\n", "\r\n", " ", "null\n"};

answer make(bool of_chat, const std::uint8_t* data, std::size_t size) {
  answer out;
  const auto line = [&](const char* key, std::string_view text, bool done) {
    json l = {{"model", "m"}, {"created_at", "2026-01-01T00:00:00Z"}, {"done", done}};
    if (of_chat) {
      l["message"] = {{"role", "assistant"}, {"content", ""}};
      l["message"][key] = text;
    } else {
      l["response"] = "";
      l[key] = text;
    }
    if (done) l["done_reason"] = "stop";
    out.said[key] += text;
    out.bytes += l.dump() + "\n";
  };
  const char* told = of_chat ? "content" : "response";
  for (std::size_t i = 1; i < size && i < 200; ++i) line((data[i] >> 4) % 3 == 2 ? "thinking" : told, pieces[data[i] & 15], false);
  line(told, "", true);
  return out;
}

reading read(std::string_view lines) {
  reading r;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size() - 1);
    const auto l = json::parse(lines.substr(0, end + 1));
    lines.remove_prefix(end + 1);
    const auto& at = l.contains("message") ? l["message"] : l;
    for (const char* key : {"content", "response", "thinking"}) r.grown[key] += at.value(key, "");
    r.end = l.value("done_reason", r.end);
  }
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 2000) return 0;
  const bool of_chat = data[0] % 3 != 0;
  any_bytes(of_chat ? chat : generate, fragments, data, size);
  whole_answer(of_chat ? chat : generate, make(of_chat, data, size), read, 1 + data[0] % 97, "content_filter");
  return 0;
}
