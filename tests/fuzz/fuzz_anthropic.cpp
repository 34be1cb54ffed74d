// Streamed Messages of Anthropic: blocks of text, thinking and calls made from the input, and the input as bytes (stream_check.hpp).
#include <nlohmann/json.hpp>

#include "stream_check.hpp"

namespace {

using nlohmann::json;
using namespace sluice::fuzz;

const asked messages = {sluice::wire::anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]})"};

constexpr std::string_view fragments[] = {
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[]}}\n\n", "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"",
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"", "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"", "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"",
    "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"", "\"}}\n\n", "\"}}\r\n\r\n", "\",\"x\":\"", "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n", "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n", ": comment\n\n", "se", "cret", "secret", "\\u0065", "\\\"", "{\\\"a\\\":\\\"", "\\\"}", "é", "\xff", "\\ud800", "data: ", "{", "}", "\n", "\r", "data: {\"type\":\"new_event\",\"text\":\"x\"}\n\n",
    "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"secret\"}}\n\n"};

class upstream {
 public:
  explicit upstream(answer& out) : out_(out) {
    event({{"type", "message_start"}, {"message", {{"id", "m"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", json::array()}, {"stop_reason", nullptr}, {"usage", {{"output_tokens", 1}}}}}});
  }
  // Opens another block now and then, as the choice says.
  void piece(std::uint8_t choice, std::string_view text) {
    if (type_ == nullptr || choice < 4) {
      stop();
      type_ = choice == 2 ? "tool_use" : choice == 3 ? "thinking" : "text";
      ++block_;
      json made = {{"type", type_}};
      made.update(choice == 2 ? json{{"id", "t"}, {"name", "f"}, {"input", json::object()}} : choice == 3 ? json{{"thinking", ""}, {"signature", ""}} : json{{"text", ""}});
      event({{"type", "content_block_start"}, {"index", block_}, {"content_block", made}});
    }
    const bool call = *type_ == 't' && type_[1] == 'o';
    const char* key = call ? "partial_json" : type_;
    event({{"type", "content_block_delta"}, {"index", block_}, {"delta", {{"type", call ? "input_json_delta" : std::string(type_) + "_delta"}, {key, text}}}});
    out_.calls = out_.calls || call;
    if (!call) out_.said[std::to_string(block_)] += text;
  }
  void end() {
    stop();
    event({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}}, {"usage", {{"output_tokens", 2}}}});
    event({{"type", "message_stop"}});
  }

 private:
  void stop() {
    if (type_ != nullptr) event({{"type", "content_block_stop"}, {"index", block_}});
  }
  void event(const json& e) { out_.bytes += "event: " + e["type"].get<std::string>() + "\ndata: " + e.dump() + "\n\n"; }
  answer& out_;
  const char* type_ = nullptr;
  int block_ = -1;
};

// A client takes a block for the next of its list, and a delta for one of a block that is open.
void follow(const json& e, std::vector<bool>& open) {
  const std::string type = e["type"];
  if (!type.starts_with("content_block_")) return;
  const auto at = e["index"].get<std::size_t>();
  if (type == "content_block_start") {
    SLUICE_REQUIRE(at == open.size());
    return open.push_back(true);
  }
  SLUICE_REQUIRE(at < open.size() && open[at]);
  if (type == "content_block_stop") open[at] = false;
}

reading read(std::string_view sse) {
  reading r;
  std::vector<bool> open;
  for (const auto line : data_lines(sse)) {
    const auto e = json::parse(line);
    follow(e, open);
    if (e["type"] == "message_start") SLUICE_REQUIRE(open.empty());
    if (e["type"] == "message_delta") r.end = e["delta"]["stop_reason"];
    if (e["type"] != "content_block_delta") {
      if (e["type"] == "content_block_start") r.grown[std::to_string(e["index"].get<int>())] += e["content_block"].value("text", "");
      continue;
    }
    for (const char* key : {"text", "thinking"}) r.grown[std::to_string(e["index"].get<int>())] += e["delta"].value(key, "");
  }
  SLUICE_REQUIRE(std::ranges::count(open, true) == 0);
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 2000) return 0;
  any_bytes(messages, fragments, data, size);
  answer made;
  upstream up(made);
  for (std::size_t i = 1; i < size && i < 200; ++i) up.piece(static_cast<std::uint8_t>(data[i] >> 4), pieces[data[i] & 15]);
  up.end();
  whole_answer(messages, made, read, 1 + data[0] % 97, "refusal");
  return 0;
}
