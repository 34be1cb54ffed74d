// Streamed Chat Completions: choices that take turns, with reasoning and refusals, made from the input; and the input as bytes
// (stream_check.hpp).
#include <nlohmann/json.hpp>

#include "stream_check.hpp"

namespace {

using nlohmann::json;
using namespace sluice::fuzz;

const asked chat = {sluice::wire::openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})"};

// What events are made of, sensible and not.
constexpr std::string_view fragments[] = {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"", "data: {\"choices\":[{\"index\":0,\"delta\":{\"x\":\"",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"", "\"}}]}}]}\n\n", "\"}}]}\n\n", "\"}}]}\r\n\r\n", "\"}}]}\r\r",
    "a", "se", "cret", " ", "\\u0041", "\\\"", "\\\\", "{\\\"a\\\":1}", "[1]", "é", "\xff", "\\ud800",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: [DONE]\n\n",
    ": comment\n\n", "event: x\n", "id: 1\n", "note\n", "\n", "\r", "data: ", "data: {}\n\n", "data: []\n\n", "data: {\"id\":\"b c\"}\n\n", "data: {\"x\":\"d\"}\n\n", "data: {\"x\":\"e\"}\n\n",
    "{", "}", "[", "]", "\"", ",", ":", "\"choices\":", "\"index\":", "\"delta\":", "\"audio\":{\"data\":\"QQ\"}", "1e1", "null"};

answer make(const std::uint8_t* data, std::size_t size) {
  answer out;
  std::map<int, bool> open;
  const auto chunk = [&](int number, const char* key, std::string_view text, const json& why) {
    const json c = {{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"},
                    {"choices", json::array({{{"index", number}, {"delta", {{key, text}}}, {"logprobs", nullptr}, {"finish_reason", why}}})}};
    out.bytes += "data: " + c.dump() + "\n\n";
    out.said[key + std::to_string(number)] += text;
    open[number] = true;
  };
  constexpr const char* keys[] = {"content", "content", "reasoning_content", "refusal"};
  for (std::size_t i = 1; i < size && i < 200; ++i) chunk((data[i] >> 4) % 3, keys[data[i] >> 6], pieces[data[i] & 15], nullptr);
  for (const auto& [number, is] : std::map(open)) chunk(number, "content", "", "stop");
  out.bytes += "data: [DONE]\n\n";
  return out;
}

reading read(std::string_view sse) {
  reading r;
  SLUICE_REQUIRE(sse.ends_with("data: [DONE]\n\n"));
  for (const auto line : data_lines(sse)) {
    for (const auto& c : json::parse(line)["choices"]) {
      for (const auto& [key, text] : c["delta"].items()) {
        if (text.is_string() && key != "role") r.grown[key + std::to_string(c["index"].get<int>())] += text.get<std::string>();
      }
      if (c["finish_reason"].is_string()) r.end = c["finish_reason"];
    }
  }
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 2000) return 0;
  any_bytes(chat, fragments, data, size);
  whole_answer(chat, make(data, size), read, 1 + data[0] % 97, "content_filter");
  return 0;
}
