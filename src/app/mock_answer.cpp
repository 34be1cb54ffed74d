// Reading a chat request as far as an answer needs it, and writing OpenAI's plain and streamed answers (API reference,
// "Chat Completions"). See mock_answer.hpp.
#include "mock_answer.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sluice/base/strings.hpp"
#include "sluice/http/head.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> models = {"mock", "mock-slow", "mock-cut", "mock-wrong-length", "mock-500",
                                                    "mock-garbage", "gpt-4o-mini"};

struct chat {
  std::string model = "mock", text;   // what is answered
  std::optional<std::string> tool;    // its name; `text` is then the arguments
  unsigned choices = 1;
  bool stream = false, usage = false;
  std::size_t prompt_bytes = 0;
};

// The text of a message's content: a string, or the text parts of a list.
std::string content_text(const json& message) {
  if (!message.is_object() || !message.contains("content")) return {};
  const json& content = message["content"];
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (!content.is_array()) return out;
  for (const json& part : content) {
    if (part.is_object() && part.contains("text") && part["text"].is_string()) out += part["text"].get<std::string>();
  }
  return out;
}

// A tool is called when the request demands one, or when the last message names one.
std::optional<std::string> tool_wanted(const json& body, const std::string& said) {
  if (!body.contains("tools") || !body["tools"].is_array() || body["tools"].empty()) return std::nullopt;
  const json choice = body.value("tool_choice", json("auto"));
  if (choice == "none") return std::nullopt;
  if (choice.is_object()) {
    const json function = choice.value("function", json::object());
    if (function.is_object() && function.contains("name") && function["name"].is_string()) return function["name"].get<std::string>();
  }
  for (const json& tool : body["tools"]) {
    const json function = tool.is_object() ? tool.value("function", json::object()) : json::object();
    if (!function.is_object() || !function.contains("name") || !function["name"].is_string()) continue;
    const auto name = function["name"].get<std::string>();
    if (choice == "required" || said.find(name) != std::string::npos) return name;
  }
  return std::nullopt;
}

// Empty when the body is a chat request; otherwise what is wrong with it.
std::string read_chat(std::string_view bytes, const mock_options& options, chat& out) {
  const json body = json::parse(bytes, nullptr, false);
  if (!body.is_object()) return "We could not parse the JSON body of your request.";
  if (!body.contains("messages") || !body["messages"].is_array() || body["messages"].empty()) {
    return "Missing required parameter: 'messages'.";
  }
  if (body.contains("model") && body["model"].is_string()) out.model = body["model"].get<std::string>();
  if (body.contains("n") && body["n"].is_number_unsigned()) out.choices = std::clamp(body["n"].get<unsigned>(), 1u, 128u);
  out.stream = body.contains("stream") && body["stream"] == true;
  if (body.contains("stream_options") && body["stream_options"].is_object()) {
    out.usage = body["stream_options"].value("include_usage", json(false)) == true;
  }
  std::string said;
  for (const json& message : body["messages"]) {
    const auto text = content_text(message);
    out.prompt_bytes += text.size() + 8;
    if (message.is_object() && message.contains("role") && message["role"] == "user") said = text;
  }
  if (said.empty()) said = content_text(body["messages"].back());
  out.text = said;
  for (const auto& line : options.script) {
    if (said.find(line.when) == std::string::npos) continue;
    out.text = line.answer;
    out.tool = line.tool;
    return {};
  }
  out.tool = tool_wanted(body, said);
  if (out.tool) out.text = json{{"text", said}}.dump(-1, ' ', false, json::error_handler_t::replace);
  return {};
}

std::string head(int status, std::string_view type, std::string_view framing) {
  static constexpr std::pair<int, std::string_view> phrases[] = {
      {200, "OK"}, {400, "Bad Request"}, {404, "Not Found"}, {429, "Too Many Requests"}, {500, "Internal Server Error"}};
  std::string_view phrase = "Status";
  for (const auto& [code, text] : phrases) {
    if (code == status) phrase = text;
  }
  std::string out = "HTTP/1.1 " + std::to_string(status) + " ";
  out.append(phrase).append("\r\ncontent-type: ").append(type).append("\r\nx-request-id: req_mock\r\n").append(framing);
  return out + "\r\n";
}

std::string plain_message(int status, std::string_view body, std::size_t length_lie = 0) {
  return head(status, "application/json", "content-length: " + std::to_string(body.size() + length_lie) + "\r\n") +
         std::string(body);
}

std::string error_message(int status, std::string_view text, std::string_view type) {
  return plain_message(status, "{\"error\":{\"message\":" + json_quoted(text) + ",\"type\":" + json_quoted(type) +
                                   ",\"param\":null,\"code\":null}}");
}

std::string usage_json(const chat& c) {
  const auto prompt = c.prompt_bytes / 4 + 1, completion = (c.text.size() / 4 + 1) * c.choices;
  return "{\"prompt_tokens\":" + std::to_string(prompt) + ",\"completion_tokens\":" + std::to_string(completion) +
         ",\"total_tokens\":" + std::to_string(prompt + completion) + "}";
}

std::string envelope(const chat& c, std::uint64_t number, std::int64_t created, std::string_view object) {
  std::string out = "{\"id\":\"chatcmpl-mock-" + std::to_string(number) + "\",\"object\":\"";
  out.append(object).append("\",\"created\":").append(std::to_string(created)).append(",\"model\":").append(json_quoted(c.model));
  return out + ",\"system_fingerprint\":\"fp_mock\",";
}

std::string plain_body(const chat& c, std::uint64_t number, std::int64_t created) {
  std::string out = envelope(c, number, created, "chat.completion") + "\"choices\":[";
  for (unsigned i = 0; i < c.choices; ++i) {
    out += (i == 0 ? "" : ",") + std::string("{\"index\":") + std::to_string(i) + ",\"message\":{\"role\":\"assistant\",\"content\":";
    if (c.tool) {
      out += "null,\"tool_calls\":[{\"id\":\"call_mock_" + std::to_string(i) + "\",\"type\":\"function\",\"function\":{\"name\":" +
             json_quoted(*c.tool) + ",\"arguments\":" + json_quoted(c.text) + "}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}";
    } else {
      out += json_quoted(c.text) + ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}";
    }
  }
  return out + "],\"usage\":" + usage_json(c) + "}";
}

// Bytes that are there from the beginning.
class ready_answer : public mock_answer {
 public:
  ready_answer(std::string bytes, milliseconds wait, bool close) : bytes_(std::move(bytes)), wait_(wait), close_(close) {}
  milliseconds first_wait() const override { return wait_; }
  step next(std::string& out) override {
    out += bytes_;
    return {.what = close_ ? step::then::close : step::then::finished};
  }

 private:
  std::string bytes_;
  milliseconds wait_;
  bool close_;
};

// A stream: for each choice a role, its tokens in turn, a finish; then usage when asked for, and [DONE].
class stream_answer : public mock_answer {
 public:
  stream_answer(chat what, const mock_options& options, std::uint64_t number, std::int64_t created, bool chunked)
      : chat_(std::move(what)), delay_(options.delay), slow_(options.slow), chunked_(chunked) {
    tokens_ = tokens_of(chat_.text);
    chat_.text.shrink_to_fit();
    envelope_ = "data: " + envelope(chat_, number, created, "chat.completion.chunk") + "\"choices\":[";
    cut_at_ = chat_.model == "mock-cut" || chat_.model == "mock-wrong-length" ? tokens_.size() / 2 : tokens_.size() + 1;
  }
  milliseconds first_wait() const override { return chat_.model == "mock-slow" ? slow_ : milliseconds{0}; }

  step next(std::string& out) override {
    if (!begun_) return begin(out);
    if (at_ >= cut_at_) return break_off(out);
    if (at_ < tokens_.size()) {
      for (unsigned i = 0; i < chat_.choices; ++i) event(out, i, token_delta(tokens_[at_]), "null");
      ++at_;
      return {.what = step::then::more, .wait = delay_};
    }
    for (unsigned i = 0; i < chat_.choices; ++i) event(out, i, "{}", chat_.tool ? "\"tool_calls\"" : "\"stop\"");
    if (chat_.usage) piece(out, envelope_ + "],\"usage\":" + usage_json(chat_) + "}\n\n");
    piece(out, "data: [DONE]\n\n");
    if (chunked_) out += http::last_chunk;
    return {.what = chunked_ ? step::then::finished : step::then::close};
  }

 private:
  step begin(std::string& out) {
    begun_ = true;
    out += head(200, "text/event-stream; charset=utf-8",
                chunked_ ? "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n" : "cache-control: no-cache\r\nconnection: close\r\n");
    if (chat_.model == "mock-garbage") {
      piece(out, "data: {\"choices\": [ this is no JSON\n\n");
      return {.what = step::then::close};
    }
    for (unsigned i = 0; i < chat_.choices; ++i) event(out, i, opening(i), "null");
    return {.what = step::then::more, .wait = delay_};
  }
  step break_off(std::string& out) {
    if (chat_.model == "mock-wrong-length" && chunked_) out += "fff\r\ndata: {\"choi";  // a chunk that never comes whole
    return {.what = step::then::close};
  }
  std::string opening(unsigned choice) const {
    if (!chat_.tool) return R"({"role":"assistant","content":"","refusal":null})";
    return R"({"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_mock_)" + std::to_string(choice) +
           R"(","type":"function","function":{"name":)" + json_quoted(*chat_.tool) + R"(,"arguments":""}}]})";
  }
  std::string token_delta(std::string_view token) const {
    if (!chat_.tool) return "{\"content\":" + json_quoted(token) + "}";
    return R"({"tool_calls":[{"index":0,"function":{"arguments":)" + json_quoted(token) + "}}]}";
  }
  void event(std::string& out, unsigned choice, std::string_view delta, std::string_view finish) {
    std::string made = envelope_ + "{\"index\":" + std::to_string(choice) + ",\"delta\":";
    made.append(delta).append(",\"logprobs\":null,\"finish_reason\":").append(finish).append("}]");
    if (chat_.usage) made += ",\"usage\":null";
    piece(out, made + "}\n\n");
  }
  void piece(std::string& out, std::string_view bytes) const {
    if (chunked_) {
      http::append_chunk(out, bytes);
    } else {
      out += bytes;
    }
  }

  chat chat_;
  milliseconds delay_, slow_;
  bool chunked_, begun_ = false;
  std::string envelope_;
  std::vector<std::string> tokens_;
  std::size_t at_ = 0, cut_at_ = 0;
};

std::unique_ptr<mock_answer> ready(std::string bytes, milliseconds wait = milliseconds{0}, bool close = false) {
  return std::make_unique<ready_answer>(std::move(bytes), wait, close);
}

std::string models_body() {
  std::string out = "{\"object\":\"list\",\"data\":[";
  for (const auto name : models) {
    out += (name == models.front() ? "" : ",") + std::string("{\"id\":") + json_quoted(name) +
           ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"sluice\"}";
  }
  return out + "]}";
}

// A model named mock-NNN answers with that status.
int status_lie(std::string_view model) {
  if (!model.starts_with("mock-") || model.size() != 8 || model[5] < '4' || model[5] > '5') return 0;
  if (model[6] < '0' || model[6] > '9' || model[7] < '0' || model[7] > '9') return 0;
  return (model[5] - '0') * 100 + (model[6] - '0') * 10 + (model[7] - '0');
}

std::unique_ptr<mock_answer> plain_answer(const chat& c, const mock_options& options, std::uint64_t number, std::int64_t created) {
  if (c.model == "mock-garbage") return ready(plain_message(200, "{\"choices\": [ this is no JSON"), options.delay);
  const auto body = plain_body(c, number, created);
  if (c.model == "mock-wrong-length") return ready(plain_message(200, body, 100), options.delay, true);
  if (c.model == "mock-cut") {
    const auto whole = plain_message(200, body);
    return ready(whole.substr(0, whole.size() - body.size() / 2), options.delay, true);
  }
  return ready(plain_message(200, body), c.model == "mock-slow" ? options.slow : options.delay);
}

}  // namespace

std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> out;
  std::string token;
  std::size_t points = 0, word_points = 0;
  const auto flush = [&] {
    if (!token.empty()) out.push_back(std::move(token));
    token.clear();
    points = 0;
  };
  for (const char c : text) {
    const bool begins_point = (c & 0xc0) != 0x80;
    if (begins_point && (c == ' ' || c == '\n')) {
      flush();
      word_points = 0;
    } else if (begins_point && points >= 4 && word_points >= 4) {
      flush();
    }
    token += c;
    if (begins_point && c != ' ' && c != '\n') {
      ++points;
      ++word_points;
    }
  }
  flush();
  return out;
}

result<std::vector<script_line>> parse_script(const std::string& file, std::string_view bytes) {
  std::vector<script_line> out;
  int number = 0;
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), bytes.size());
    const auto line = trim(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    ++number;
    if (line.empty()) continue;
    const json read = json::parse(line, nullptr, false);
    const auto text = [&read](const char* key) {
      return read.contains(key) && read[key].is_string() ? std::optional(read[key].get<std::string>()) : std::nullopt;
    };
    if (!read.is_object() || !text("answer")) {
      return fail(errc::parse, file + ":" + std::to_string(number) + R"(: a line looks like {"when": "hello", "answer": "Hi!"})");
    }
    out.push_back({.when = text("when").value_or(""), .answer = *text("answer"), .tool = text("tool")});
  }
  return out;
}

std::unique_ptr<mock_answer> answer_to(const mock_request& request, const mock_options& options, std::uint64_t number,
                                       wall_time now) {
  const auto created = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const auto path = request.path.substr(0, request.path.find('?'));
  if (path == "/v1/models" && request.method == "GET") return ready(plain_message(200, models_body()));
  if (path.starts_with("/v1/models/") && request.method == "GET") {
    return ready(plain_message(200, "{\"id\":" + json_quoted(path.substr(11)) +
                                        ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"sluice\"}"));
  }
  if (path != "/v1/chat/completions") {
    return ready(error_message(404, "Invalid URL (" + std::string(request.method) + " " + std::string(path) + ")",
                               "invalid_request_error"));
  }
  if (request.method != "POST") {
    return ready(error_message(405, "Not allowed to " + std::string(request.method) + " on /v1/chat/completions.",
                               "invalid_request_error"));
  }
  chat c;
  if (const auto wrong = read_chat(request.body, options, c); !wrong.empty()) {
    return ready(error_message(400, wrong, "invalid_request_error"));
  }
  if (const int status = status_lie(c.model)) {
    return ready(error_message(status, "The mock failed as it was asked to.", status >= 500 ? "server_error" : "invalid_request_error"),
                 options.delay);
  }
  if (!c.stream) return plain_answer(c, options, number, created);
  return std::make_unique<stream_answer>(std::move(c), options, number, created, request.minor_version > 0);
}

}  // namespace sluice::app
