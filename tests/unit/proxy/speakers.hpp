// Every API that the gateway speaks, as a client asks and an upstream answers: so that one property is shown of all of them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sluice/proxy/exchange.hpp"

namespace sluice::proxy::testing {

struct conversation_text {
  std::string system, first, answered, last;  // what is said in a request of two turns
};

struct answer_text {
  std::vector<std::string> pieces;  // of the answer, as they are streamed
  std::string argument;             // of a call of a tool behind it; "": none is called
  [[nodiscard]] std::string whole() const {
    std::string out;
    for (const auto& each : pieces) out += each;
    return out;
  }
};

struct speaker {
  const char* name;
  const wire::dialect& dialect;
  const char* prefix;  // of its paths
  std::string (*target)(bool stream);
  nlohmann::json (*request)(const conversation_text& says);  // `stream` is added where the dialect has it in the body
  const char* stream_member;                                 // "stream", or "" where the path says it
  nlohmann::json (*plain)(const answer_text& says);
  std::vector<std::string> (*events)(const answer_text& says);  // framed
  const char* stream_type;
};

using nlohmann::json;

// Where a text is cut in two: JSON has whole characters.
inline std::size_t middle_of(const std::string& text) {
  auto at = text.size() / 2;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

inline json chat_messages(const conversation_text& says) {
  return json::array({{{"role", "system"}, {"content", says.system}}, {{"role", "user"}, {"content", says.first}}, {{"role", "assistant"}, {"content", says.answered}},
                      {{"role", "user"}, {"content", json::array({{{"type", "text"}, {"text", says.last}}})}}});
}

inline std::string named_event(const json& e) { return "event: " + e["type"].get<std::string>() + "\ndata: " + e.dump() + "\n\n"; }
inline std::string data_event(const json& e) { return "data: " + e.dump() + "\n\n"; }

namespace chat_completions {
inline json request(const conversation_text& says) { return {{"model", "m"}, {"messages", chat_messages(says)}}; }
inline json call(const std::string& argument) {
  return {{"index", 0}, {"id", "t1"}, {"type", "function"}, {"function", {{"name", "look_up"}, {"arguments", json{{"q", argument}}.dump()}}}};
}
inline json plain(const answer_text& says) {
  json message = {{"role", "assistant"}, {"content", says.whole()}};
  if (!says.argument.empty()) message["tool_calls"] = json::array({call(says.argument)});
  return {{"id", "c"}, {"object", "chat.completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"message", message}, {"finish_reason", "stop"}}})}};
}
inline std::vector<std::string> events(const answer_text& says) {
  const auto chunk = [](const json& delta, const json& finish = nullptr) {
    return data_event({{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}})}});
  };
  std::vector<std::string> out = {chunk({{"role", "assistant"}, {"content", ""}})};
  for (const auto& each : says.pieces) out.push_back(chunk({{"content", each}}));
  if (!says.argument.empty()) {
    auto whole = call(says.argument);
    const auto arguments = whole["function"]["arguments"].get<std::string>();
    whole["function"]["arguments"] = arguments.substr(0, middle_of(arguments));
    out.push_back(chunk({{"tool_calls", json::array({whole})}}));
    out.push_back(chunk({{"tool_calls", json::array({{{"index", 0}, {"function", {{"arguments", arguments.substr(middle_of(arguments))}}}}})}}));
  }
  out.push_back(chunk(json::object(), "stop"));
  out.emplace_back("data: [DONE]\n\n");
  return out;
}
}  // namespace chat_completions

namespace completions {
inline json request(const conversation_text& says) { return {{"model", "m"}, {"prompt", says.first + "\n" + says.last}}; }
inline json plain(const answer_text& says) {
  return {{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"text", says.whole()}, {"logprobs", nullptr}, {"finish_reason", "stop"}}})}};
}
inline std::vector<std::string> events(const answer_text& says) {
  const auto chunk = [](const std::string& text, const json& finish = nullptr) {
    return data_event({{"id", "c"}, {"object", "text_completion"}, {"created", 1}, {"model", "m"}, {"choices", json::array({{{"index", 0}, {"text", text}, {"finish_reason", finish}}})}});
  };
  std::vector<std::string> out;
  for (const auto& each : says.pieces) out.push_back(chunk(each));
  out.push_back(chunk("", "stop"));
  out.emplace_back("data: [DONE]\n\n");
  return out;
}
}  // namespace completions

namespace responses {
inline json request(const conversation_text& says) {
  return {{"model", "m"}, {"instructions", says.system}, {"input", json::array({{{"role", "user"}, {"content", says.first}}, {{"role", "assistant"}, {"content", says.answered}}, {{"role", "user"}, {"content", json::array({{{"type", "input_text"}, {"text", says.last}}})}}})}};
}
inline json response(const char* status, json output) {
  return {{"id", "resp_1"}, {"object", "response"}, {"created_at", 1}, {"status", status}, {"model", "m"}, {"error", nullptr}, {"incomplete_details", nullptr}, {"output", std::move(output)}};
}
inline json part(const std::string& text) { return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}}; }
inline json message(const char* status, json content) {
  return {{"id", "msg_1"}, {"type", "message"}, {"status", status}, {"role", "assistant"}, {"content", std::move(content)}};
}
inline json plain(const answer_text& says) { return response("completed", json::array({message("completed", json::array({part(says.whole())}))})); }
inline std::vector<std::string> events(const answer_text& says) {
  std::vector<json> all = {{{"type", "response.created"}, {"response", response("in_progress", json::array())}},
                           {{"type", "response.output_item.added"}, {"output_index", 0}, {"item", message("in_progress", json::array())}},
                           {{"type", "response.content_part.added"}, {"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"part", part("")}}};
  for (const auto& each : says.pieces) all.push_back({{"type", "response.output_text.delta"}, {"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"delta", each}});
  all.push_back({{"type", "response.output_text.done"}, {"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"text", says.whole()}});
  all.push_back({{"type", "response.content_part.done"}, {"item_id", "msg_1"}, {"output_index", 0}, {"content_index", 0}, {"part", part(says.whole())}});
  all.push_back({{"type", "response.output_item.done"}, {"output_index", 0}, {"item", message("completed", json::array({part(says.whole())}))}});
  all.push_back({{"type", "response.completed"}, {"response", plain(says)}});
  std::vector<std::string> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i]["sequence_number"] = i;
    out.push_back(named_event(all[i]));
  }
  return out;
}
}  // namespace responses

namespace messages {
inline json request(const conversation_text& says) {
  auto all = chat_messages(says);
  all.erase(0);
  return {{"model", "m"}, {"max_tokens", 99}, {"system", says.system}, {"messages", all}};
}
inline json message(json content, const json& stop) {
  return {{"id", "msg_1"}, {"type", "message"}, {"role", "assistant"}, {"model", "m"}, {"content", std::move(content)}, {"stop_reason", stop}, {"stop_sequence", nullptr}, {"usage", {{"input_tokens", 1}, {"output_tokens", 1}}}};
}
inline json plain(const answer_text& says) {
  json content = json::array({{{"type", "text"}, {"text", says.whole()}}});
  if (!says.argument.empty()) content.push_back({{"type", "tool_use"}, {"id", "t1"}, {"name", "look_up"}, {"input", {{"q", says.argument}}}});
  return message(content, "end_turn");
}
inline std::vector<std::string> events(const answer_text& says) {
  const auto begin = [](int i, const json& block) { return named_event({{"type", "content_block_start"}, {"index", i}, {"content_block", block}}); };
  const auto grow = [](int i, const json& delta) { return named_event({{"type", "content_block_delta"}, {"index", i}, {"delta", delta}}); };
  const auto stop = [](int i) { return named_event({{"type", "content_block_stop"}, {"index", i}}); };
  std::vector<std::string> out = {named_event({{"type", "message_start"}, {"message", message(json::array(), nullptr)}}), begin(0, {{"type", "text"}, {"text", ""}})};
  for (const auto& each : says.pieces) out.push_back(grow(0, {{"type", "text_delta"}, {"text", each}}));
  out.push_back(stop(0));
  if (!says.argument.empty()) {
    const auto arguments = json{{"q", says.argument}}.dump();
    out.push_back(begin(1, {{"type", "tool_use"}, {"id", "t1"}, {"name", "look_up"}, {"input", json::object()}}));
    for (const auto& half : {arguments.substr(0, middle_of(arguments)), arguments.substr(middle_of(arguments))}) out.push_back(grow(1, {{"type", "input_json_delta"}, {"partial_json", half}}));
    out.push_back(stop(1));
  }
  out.push_back(named_event({{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}}, {"usage", {{"output_tokens", 5}}}}));
  out.push_back(named_event({{"type", "message_stop"}}));
  return out;
}
}  // namespace messages

namespace gemini_content {
inline json request(const conversation_text& says) {
  const auto turn = [](const char* role, const std::string& text) { return json{{"role", role}, {"parts", json::array({{{"text", text}}})}}; };
  return {{"systemInstruction", {{"parts", json::array({{{"text", says.system}}})}}}, {"contents", json::array({turn("user", says.first), turn("model", says.answered), turn("user", says.last)})}};
}
inline json piece(json parts, bool last) {
  json candidate = {{"content", {{"parts", std::move(parts)}, {"role", "model"}}}, {"index", 0}};
  if (last) candidate["finishReason"] = "STOP";
  return {{"candidates", json::array({candidate})}};
}
inline json call(const std::string& argument) { return {{"functionCall", {{"name", "look_up"}, {"args", {{"q", argument}}}}}}; }
inline json plain(const answer_text& says) {
  json parts = json::array({{{"text", says.whole()}}});
  if (!says.argument.empty()) parts.push_back(call(says.argument));
  return piece(parts, true);
}
inline std::vector<json> pieces(const answer_text& says) {
  std::vector<json> out;
  for (const auto& each : says.pieces) out.push_back(piece(json::array({{{"text", each}}}), false));
  if (!says.argument.empty()) out.push_back(piece(json::array({call(says.argument)}), false));
  out.push_back(piece(json::array({{{"text", ""}}}), true));
  return out;
}
inline std::vector<std::string> events(const answer_text& says) {
  std::vector<std::string> out;
  for (const auto& each : pieces(says)) out.push_back("data: " + each.dump() + "\r\n\r\n");
  return out;
}
inline std::vector<std::string> array(const answer_text& says) {
  std::vector<std::string> out;
  for (const auto& each : pieces(says)) out.push_back((out.empty() ? "[" : ",\r\n") + each.dump());
  out.back() += "\n]\n";
  return out;
}
}  // namespace gemini_content

namespace ollama_lines {
inline json chat_request(const conversation_text& says) {
  auto all = chat_messages(says);
  all[3]["content"] = says.last;
  return {{"model", "m"}, {"messages", all}};
}
inline json generate_request(const conversation_text& says) { return {{"model", "m"}, {"system", says.system}, {"prompt", says.first + "\n" + says.last}}; }
inline json line(bool chat, const std::string& text, bool done) {
  json out = {{"model", "m"}, {"created_at", "2026-01-01T00:00:00Z"}, {"done", done}};
  if (chat) {
    out["message"] = {{"role", "assistant"}, {"content", text}};
  } else {
    out["response"] = text;
  }
  if (done) out["done_reason"] = "stop";
  return out;
}
inline std::vector<std::string> lines(bool chat, const answer_text& says) {
  std::vector<std::string> out;
  for (const auto& each : says.pieces) out.push_back(line(chat, each, false).dump() + "\n");
  out.push_back(line(chat, "", true).dump() + "\n");
  return out;
}
}  // namespace ollama_lines

// All of them; the name says which in a failure.
inline std::vector<speaker> speakers() {
  static constexpr const char* sse = "text/event-stream";
  return {
      {"chat completions", wire::openai(), "/v1", [](bool) { return std::string("/v1/chat/completions"); }, chat_completions::request, "stream", chat_completions::plain, chat_completions::events, sse},
      {"completions", wire::openai(), "/v1", [](bool) { return std::string("/v1/completions"); }, completions::request, "stream", completions::plain, completions::events, sse},
      {"responses", wire::openai(), "/v1", [](bool) { return std::string("/v1/responses"); }, responses::request, "stream", responses::plain, responses::events, sse},
      {"messages", wire::anthropic(), "/v1", [](bool) { return std::string("/v1/messages"); }, messages::request, "stream", messages::plain, messages::events, sse},
      {"gemini, events", wire::gemini(), "/v1beta", [](bool s) { return std::string("/v1beta/models/m:") + (s ? "streamGenerateContent?alt=sse" : "generateContent"); }, gemini_content::request, "",
       gemini_content::plain, gemini_content::events, sse},
      {"gemini, array", wire::gemini(), "/v1beta", [](bool s) { return std::string("/v1beta/models/m:") + (s ? "streamGenerateContent" : "generateContent"); }, gemini_content::request, "",
       gemini_content::plain, gemini_content::array, "application/json"},
      {"ollama chat", wire::ollama(), "/api", [](bool) { return std::string("/api/chat"); }, ollama_lines::chat_request, "stream",
       [](const answer_text& says) { return ollama_lines::line(true, says.whole(), true); }, [](const answer_text& says) { return ollama_lines::lines(true, says); }, "application/x-ndjson"},
      {"ollama generate", wire::ollama(), "/api", [](bool) { return std::string("/api/generate"); }, ollama_lines::generate_request, "stream",
       [](const answer_text& says) { return ollama_lines::line(false, says.whole(), true); }, [](const answer_text& says) { return ollama_lines::lines(false, says); }, "application/x-ndjson"},
  };
}

}  // namespace sluice::proxy::testing
