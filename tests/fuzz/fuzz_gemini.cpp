// Streams of Gemini, as events and as an array: candidates that take turns, with thoughts, made from the input; and the input as bytes
// (stream_check.hpp).
#include <nlohmann/json.hpp>

#include "stream_check.hpp"

namespace {

using nlohmann::json;
using namespace sluice::fuzz;

constexpr std::string_view body = R"({"contents":[{"role":"user","parts":[{"text":"x"}]}]})";
const asked events = {sluice::wire::gemini(), "/v1beta/models/m:streamGenerateContent?alt=sse", body};
const asked elements = {sluice::wire::gemini(), "/v1beta/models/m:streamGenerateContent", body};

constexpr std::string_view fragments[] = {
    "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"", "data: {\"candidates\":[{\"index\":1,\"content\":{\"parts\":[{\"thought\":true,\"text\":\"",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":\"", "\"}]}}]}\r\n\r\n", "\"}}}]}}]}\n\n", "\"}]},\"finishReason\":\"STOP\"}]}\n\n", "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"",
    ",\n{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"", "\"}]}}]}", "]\n", "[", ",", "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}]}\n\n", "data: {\"usageMetadata\":{\"totalTokenCount\":3}}\n\n",
    "\"},{\"text\":\"", "\",\"thoughtSignature\":\"QUJD", "se", "cret", "secret", "\\u0065", "é", "\xff", "\\ud800", "{", "}", "\n", "data: ", "data: {\"candidates\":[{\"groundingMetadata\":{\"webSearchQueries\":[\"secret\"]}}]}\n\n"};

json candidate(int number, const char* text, std::string_view said) {
  json part = {{"text", said}};
  if (*text == 't') part["thought"] = true;
  return {{"index", number}, {"content", {{"role", "model"}, {"parts", json::array({part})}}}};
}

answer make(bool as_array, const std::uint8_t* data, std::size_t size) {
  answer out;
  std::vector<json> all;
  std::map<int, bool> open;
  for (std::size_t i = 1; i < size && i < 200; ++i) {
    const int number = (data[i] >> 4) % 3;
    const char* text = (data[i] >> 6) % 3 == 2 ? "thought" : "answer";
    const auto said = pieces[data[i] & 15];
    all.push_back({{"candidates", json::array({candidate(number, text, said)})}});
    out.said[text + std::to_string(number)] += said;
    open[number] = true;
  }
  for (const auto& [number, is] : open) {
    auto last = candidate(number, "answer", "");
    last["finishReason"] = "STOP";
    all.push_back({{"candidates", json::array({last})}});
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    out.bytes += as_array ? (i == 0 ? "[" : ",\r\n") + all[i].dump() : "data: " + all[i].dump() + "\r\n\r\n";
  }
  if (as_array) out.bytes += all.empty() ? "[]" : "\n]\n";
  return out;
}

reading add_up(const std::vector<json>& answers) {
  reading r;
  for (const auto& a : answers) {
    for (const auto& c : a.value("candidates", json::array())) {
      r.end = c.value("finishReason", r.end);
      if (!c.contains("content")) continue;
      for (const auto& p : c["content"]["parts"]) r.grown[(p.contains("thought") ? "thought" : "answer") + std::to_string(c.value("index", 0))] += p.value("text", "");
    }
  }
  return r;
}

reading read_events(std::string_view sse) {
  std::vector<json> all;
  for (const auto line : data_lines(sse)) all.push_back(json::parse(line));
  return add_up(all);
}
reading read_array(std::string_view text) { return add_up(json::parse(text).get<std::vector<json>>()); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 2000) return 0;
  const bool as_array = data[0] % 3 == 0;
  any_bytes(as_array ? elements : events, fragments, data, size);
  const auto made = make(as_array, data, size);
  whole_answer(as_array ? elements : events, made, as_array ? read_array : read_events, 1 + data[0] % 97, "SAFETY");
  return 0;
}
