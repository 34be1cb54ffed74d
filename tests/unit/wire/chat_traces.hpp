// Chat Completions streams as tests write and read them.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sinks.hpp"

namespace sluice::wire::testing {

using nlohmann::json;

inline const endpoint chat = openai().classify("POST", "/v1/chat/completions");

struct outcome {
  std::string out;
  response_stream::status last = response_stream::status::ok;  // of what came
  bool whole = true;  // false: its end is missing, and what was held then did not leave
};

inline outcome run(std::string_view bytes, const std::vector<std::size_t>& cuts, channel_sink& sink, bool usage = false) {
  const std::string body = usage ? R"({"messages":[],"stream":true,"stream_options":{"include_usage":true}})" : R"({"messages":[],"stream":true})";
  const auto request = openai().read_request(chat, body, 64);
  const auto stream = openai().open_stream(chat, **request, 64);
  outcome o;
  std::size_t at = 0;
  const auto feed = [&](std::size_t to) {
    if (o.last == response_stream::status::ok) o.last = stream->feed(bytes.substr(at, to - at), sink, o.out);
    at = to;
  };
  for (const auto c : cuts) feed(c);
  feed(bytes.size());
  if (o.last == response_stream::status::ok) o.last = stream->end(true, sink, o.out);
  if (o.last == response_stream::status::broken_off) o.whole = false, o.last = response_stream::status::ok;
  if (o.last == response_stream::status::blocked || o.last == response_stream::status::unreadable) stream->cut("", o.out);
  return o;
}

inline std::string chunk(const std::string& choices) {
  return R"(data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":)" + choices + "}\n\n";
}
inline std::string content(const std::string& text, int index = 0) {
  return chunk(R"([{"index":)" + std::to_string(index) + R"(,"delta":{"content":)" + json(text).dump() + R"(},"logprobs":{"content":[{"token":)" + json(text).dump() + R"(}]},"finish_reason":null}])");
}
inline std::string finish(int index = 0, const std::string& why = "stop") {
  return chunk(R"([{"index":)" + std::to_string(index) + R"(,"delta":{},"finish_reason":")" + why + R"("}])");
}
inline const std::string done = "data: [DONE]\n\n";

// What a client reads: text by choice and field, and how each choice ended.
struct client_view {
  std::map<std::pair<int, std::string>, std::string> text;
  std::map<int, std::string> finished;
  bool done = false;
};

inline client_view read(const std::string& sse) {
  client_view v;
  std::size_t at = 0;
  while (at < sse.size()) {
    auto end = sse.find('\n', at);
    if (end == std::string::npos) end = sse.size();
    auto line = sse.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (!line.starts_with("data: ")) continue;
    if (line == "data: [DONE]") {
      v.done = true;
      continue;
    }
    const auto j = json::parse(line.substr(6));
    for (const auto& c : j.value("choices", json::array())) {
      const int index = c.value("index", 0);
      const auto& delta = c.value("delta", json::object());
      for (const char* field : {"content", "refusal", "reasoning_content", "reasoning"}) {
        if (delta.contains(field) && delta[field].is_string()) v.text[{index, field}] += delta[field].get<std::string>();
      }
      for (const auto& t : delta.value("tool_calls", json::array())) {
        if (t.contains("function") && t["function"].contains("arguments")) {
          v.text[{index, "tool" + std::to_string(t.value("index", 0))}] += t["function"]["arguments"].get<std::string>();
        }
      }
      if (c.contains("finish_reason") && c["finish_reason"].is_string()) v.finished[index] = c["finish_reason"];
    }
  }
  return v;
}

}  // namespace sluice::wire::testing
