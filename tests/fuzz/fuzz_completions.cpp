// Streamed Completions: choices that take turns made from the input, and the input as bytes (stream_check.hpp).
#include <nlohmann/json.hpp>

#include "stream_check.hpp"

namespace {

using nlohmann::json;
using namespace sluice::fuzz;

const asked completions = {sluice::wire::openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true,"n":3})"};

constexpr std::string_view fragments[] = {
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"text\":\"", "data: {\"choices\":[{\"index\":1,\"text\":\"", "data: {\"choices\":[{\"text\":\"", "\"}]}\n\n", "\"}]}\r\n\r\n", "\",\"finish_reason\":\"stop\"}]}\n\n",
    "\",\"logprobs\":{\"tokens\":[\"secret\"]}}]}\n\n", "\"},{\"index\":2,\"text\":\"", "data: [DONE]\n\n", "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n", "data: {\"error\":{\"message\":\"secret\"}}\n\n", ": comment\n\n",
    "se", "cret", "secret", "\\u0065", "\\\"", "é", "\xff", "\\ud800", "data: ", "{", "}", "[", "\n", "\r", "data: {}\n\n", "data: {\"new\":\"secret\"}\n\n"};

answer make(const std::uint8_t* data, std::size_t size) {
  answer out;
  std::map<int, bool> open;
  const auto chunk = [&](int number, std::string_view text, const json& why) {
    const json c = {{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", number}, {"text", text}, {"logprobs", nullptr}, {"finish_reason", why}}})}};
    out.bytes += "data: " + c.dump() + "\n\n";
    out.said[std::to_string(number)] += text;
    open[number] = true;
  };
  for (std::size_t i = 1; i < size && i < 200; ++i) chunk((data[i] >> 4) % 3, pieces[data[i] & 15], nullptr);
  for (const auto& [number, is] : std::map(open)) chunk(number, "", "stop");
  out.bytes += "data: [DONE]\n\n";
  return out;
}

reading read(std::string_view sse) {
  reading r;
  SLUICE_REQUIRE(sse.ends_with("data: [DONE]\n\n"));
  for (const auto line : data_lines(sse)) {
    for (const auto& c : json::parse(line)["choices"]) {
      r.grown[std::to_string(c["index"].get<int>())] += c.value("text", "");
      if (c["finish_reason"].is_string()) r.end = c["finish_reason"];
    }
  }
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 2000) return 0;
  any_bytes(completions, fragments, data, size);
  whole_answer(completions, make(data, size), read, 1 + data[0] % 97, "content_filter");
  return 0;
}
