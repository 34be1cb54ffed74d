// The test model in the two APIs whose streams are named events: OpenAI's Responses and Anthropic's Messages (their API references,
// "Streaming").
#include <nlohmann/json.hpp>

#include "mock_speech.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

// `rest`: members, each with a comma before it.
void event(std::string_view type, std::string_view rest, std::string& out) {
  out.append("event: ").append(type).append("\ndata: {\"type\":").append(json_quoted(type)).append(rest).append("}\n\n");
}

class responses_api final : public mock_api {
 public:
  std::string error_body(int status, std::string_view message) const override { return mock_chat_api().error_body(status, message); }
  std::string read(const mock_request& request, const mock_options& options, mock_speech& out) const override {
    auto wrong = read_turns(request.body, {.turns = "input", .tool_within = ""}, options, out);
    out.choices = 1;
    return wrong;
  }
  std::string plain(const mock_speech& s) const override { return response(s, "completed", item(s, "completed", s.text)); }
  void begin(const mock_speech& s, std::string& out) const override {
    numbered("response.created", 0, ",\"response\":" + response(s, "in_progress", ""), out);
    numbered("response.in_progress", 1, ",\"response\":" + response(s, "in_progress", ""), out);
    numbered("response.output_item.added", 2, ",\"output_index\":0,\"item\":" + item(s, "in_progress", ""), out);
    if (!s.tool) numbered("response.content_part.added", 3, at(s) + ",\"part\":" + part(""), out);
  }
  void say(const mock_speech& s, std::string_view token, std::size_t number, std::string& out) const override {
    const auto delta = at(s) + ",\"delta\":" + json_quoted(token);
    s.tool ? numbered("response.function_call_arguments.delta", number + 4, delta, out)
           : numbered("response.output_text.delta", number + 4, delta + ",\"logprobs\":[]", out);
  }
  void end(const mock_speech& s, std::size_t tokens, std::string& out) const override {
    auto number = tokens + 4;
    if (s.tool) {
      numbered("response.function_call_arguments.done", number++, at(s) + ",\"arguments\":" + json_quoted(s.text), out);
    } else {
      numbered("response.output_text.done", number++, at(s) + ",\"text\":" + json_quoted(s.text) + ",\"logprobs\":[]", out);
      numbered("response.content_part.done", number++, at(s) + ",\"part\":" + part(s.text), out);
    }
    numbered("response.output_item.done", number++, ",\"output_index\":0,\"item\":" + item(s, "completed", s.text), out);
    numbered("response.completed", number, ",\"response\":" + plain(s), out);
  }

 private:
  static void numbered(std::string_view type, std::size_t number, const std::string& rest, std::string& out) {
    event(type, ",\"sequence_number\":" + std::to_string(number) + rest, out);
  }
  static std::string id(const mock_speech& s) { return (s.tool ? "\"fc_mock_" : "\"msg_mock_") + std::to_string(s.number) + "\""; }
  static std::string at(const mock_speech& s) { return ",\"item_id\":" + id(s) + ",\"output_index\":0" + (s.tool ? "" : ",\"content_index\":0"); }
  static std::string part(std::string_view text) { return "{\"type\":\"output_text\",\"text\":" + json_quoted(text) + ",\"annotations\":[],\"logprobs\":[]}"; }
  static std::string item(const mock_speech& s, const std::string& how, std::string_view text) {
    const auto head = "{\"id\":" + id(s) + ",\"status\":\"" + how + "\",\"type\":";
    if (s.tool) return head + "\"function_call\",\"call_id\":\"call_mock\",\"name\":" + json_quoted(*s.tool) + ",\"arguments\":" + json_quoted(text) + "}";
    return head + "\"message\",\"role\":\"assistant\",\"content\":[" + (how == "completed" ? part(text) : "") + "]}";
  }
  static std::string response(const mock_speech& s, const std::string& how, const std::string& output) {
    const auto usage = "{\"input_tokens\":" + std::to_string(s.prompt_tokens()) + ",\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":" + std::to_string(s.answer_tokens()) +
                       ",\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":" + std::to_string(s.prompt_tokens() + s.answer_tokens()) + "}";
    return "{\"id\":\"resp_mock_" + std::to_string(s.number) + "\",\"object\":\"response\",\"created_at\":" + std::to_string(s.created) + ",\"status\":\"" + how +
           "\",\"error\":null,\"incomplete_details\":null,\"instructions\":null,\"metadata\":{},\"model\":" + json_quoted(s.model) + ",\"output\":[" + output +
           "],\"parallel_tool_calls\":true,\"temperature\":1.0,\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,\"usage\":" + (how == "completed" ? usage : "null") + "}";
  }
};

class messages_api final : public mock_api {
 public:
  std::string error_body(int status, std::string_view message) const override {
    const char* type = status >= 500 ? "api_error" : status == 429 ? "rate_limit_error" : "invalid_request_error";
    return std::string("{\"type\":\"error\",\"error\":{\"type\":\"") + type + "\",\"message\":" + json_quoted(message) + "},\"request_id\":\"req_mock\"}";
  }
  std::string read(const mock_request& request, const mock_options& options, mock_speech& out) const override {
    auto wrong = read_turns(request.body, {.turns = "messages", .tool_within = ""}, options, out);
    out.choices = 1;
    return wrong;
  }
  std::string plain(const mock_speech& s) const override {
    const auto block = s.tool ? tool_block(s, s.text) : "{\"type\":\"text\",\"text\":" + json_quoted(s.text) + "}";
    return message(s, block, why(s));
  }
  void begin(const mock_speech& s, std::string& out) const override {
    event("message_start", ",\"message\":" + message(s, "", "null"), out);
    event("content_block_start", ",\"index\":0,\"content_block\":" + (s.tool ? tool_block(s, "{}") : R"({"type":"text","text":""})"), out);
  }
  void say(const mock_speech& s, std::string_view token, std::size_t, std::string& out) const override {
    event("content_block_delta", (s.tool ? ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":" : ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":") +
                                     json_quoted(token) + "}", out);
  }
  void end(const mock_speech& s, std::size_t, std::string& out) const override {
    event("content_block_stop", ",\"index\":0", out);
    event("message_delta", ",\"delta\":{\"stop_reason\":" + why(s) + ",\"stop_sequence\":null},\"usage\":{\"output_tokens\":" + std::to_string(s.answer_tokens()) + "}", out);
    event("message_stop", "", out);
  }

 private:
  static std::string why(const mock_speech& s) { return s.tool ? "\"tool_use\"" : "\"end_turn\""; }
  static std::string tool_block(const mock_speech& s, std::string_view input) {
    const bool object = parse_bounded<nlohmann::json>(input).is_object();  // a script may say anything
    return "{\"type\":\"tool_use\",\"id\":\"toolu_mock\",\"name\":" + json_quoted(*s.tool) + ",\"input\":" + (object ? std::string(input) : "{}") + "}";
  }
  static std::string message(const mock_speech& s, const std::string& content, const std::string& stop_reason) {
    return "{\"id\":\"msg_mock_" + std::to_string(s.number) + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" + json_quoted(s.model) + ",\"content\":[" + content +
           "],\"stop_reason\":" + stop_reason + ",\"stop_sequence\":null,\"usage\":{\"input_tokens\":" + std::to_string(s.prompt_tokens()) + ",\"output_tokens\":" +
           std::to_string(content.empty() ? 1 : s.answer_tokens()) + "}}";
  }
};

}  // namespace

const mock_api& mock_responses_api() {
  static const responses_api only;
  return only;
}

const mock_api& mock_messages_api() {
  static const messages_api only;
  return only;
}

}  // namespace sluice::app
