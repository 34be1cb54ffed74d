// From a request to the pieces of its answer, and the lies of some models. See mock_answer.hpp; what an API writes: mock_speech.hpp.
#include "mock_answer.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "mock_speech.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/head.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> models = {"mock", "mock-slow", "mock-cut", "mock-wrong-length", "mock-500",
                                                    "mock-garbage", "gpt-4o-mini"};

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

std::string error_message(const mock_api& api, int status, std::string_view text) { return plain_message(status, api.error_body(status, text)); }

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

// A stream as its API writes one, or the beginning of one for the models that break off.
class stream_answer : public mock_answer {
 public:
  stream_answer(const mock_api& api, mock_speech what, const mock_options& options, bool chunked)
      : api_(api), speech_(std::move(what)), tokens_(tokens_of(speech_.text)), delay_(options.delay), slow_(options.slow), chunked_(chunked) {
    cut_at_ = speech_.model == "mock-cut" || speech_.model == "mock-wrong-length" ? tokens_.size() / 2 : tokens_.size() + 1;
  }
  milliseconds first_wait() const override { return speech_.model == "mock-slow" ? slow_ : milliseconds{0}; }

  step next(std::string& out) override {
    if (!begun_) return begin(out);
    if (at_ >= cut_at_) return break_off(out);
    std::string events;
    if (at_ < tokens_.size()) {
      api_.say(speech_, tokens_[at_], at_, events);
      ++at_;
      piece(out, events);
      return {.what = step::then::more, .wait = delay_};
    }
    api_.end(speech_, tokens_.size(), events);
    piece(out, events);
    if (chunked_) out += http::last_chunk;
    return {.what = chunked_ ? step::then::finished : step::then::close};
  }

 private:
  step begin(std::string& out) {
    begun_ = true;
    out += head(200, api_.stream_type(speech_),
                chunked_ ? "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n" : "cache-control: no-cache\r\nconnection: close\r\n");
    if (speech_.model == "mock-garbage") {
      piece(out, "data: {\"choices\": [ this is no JSON\n\n");
      return {.what = step::then::close};
    }
    std::string events;
    api_.begin(speech_, events);
    piece(out, events);
    return {.what = step::then::more, .wait = delay_};
  }
  step break_off(std::string& out) {
    if (speech_.model == "mock-wrong-length" && chunked_) out += "fff\r\ndata: {\"choi";  // a chunk that never comes whole
    return {.what = step::then::close};
  }
  void piece(std::string& out, std::string_view bytes) const {
    if (chunked_) {
      http::append_chunk(out, bytes);
    } else {
      out += bytes;
    }
  }

  const mock_api& api_;
  mock_speech speech_;
  std::vector<std::string> tokens_;
  milliseconds delay_, slow_;
  bool chunked_, begun_ = false;
  std::size_t at_ = 0, cut_at_ = 0;
};

std::unique_ptr<mock_answer> ready(std::string bytes, milliseconds wait = milliseconds{0}, bool close = false) {
  return std::make_unique<ready_answer>(std::move(bytes), wait, close);
}

// Before the name of each model, after it, and what joins them.
std::string list_of_models(std::string_view before, std::string_view after) {
  std::string out;
  for (const auto name : models) out.append(out.empty() ? "" : ",").append(before).append(name).append(after);
  return out;
}

// Which models there are, as each API says it; empty: not at this path.
std::string listing_body(std::string_view path) {
  static constexpr std::string_view rest = R"(","object":"model","created":1700000000,"owned_by":"sluice"})";
  if (path == "/v1/models") return R"({"object":"list","data":[)" + list_of_models(R"({"id":")", rest) + "]}";
  if (path.starts_with("/v1/models/")) return "{\"id\":" + json_quoted(path.substr(11)) + std::string(rest.substr(1));
  if (path == "/v1beta/models") {
    return R"({"models":[)" + list_of_models(R"({"name":"models/)", R"(","supportedGenerationMethods":["generateContent"]})") + "]}";
  }
  if (path == "/api/tags") return R"({"models":[)" + list_of_models(R"({"name":")", R"(:latest","modified_at":"2023-11-14T22:13:20Z","size":0})") + "]}";
  return {};
}

// A model named mock-NNN answers with that status.
int status_lie(std::string_view model) {
  if (!model.starts_with("mock-") || model.size() != 8 || model[5] < '4' || model[5] > '5') return 0;
  if (model[6] < '0' || model[6] > '9' || model[7] < '0' || model[7] > '9') return 0;
  return (model[5] - '0') * 100 + (model[6] - '0') * 10 + (model[7] - '0');
}

std::unique_ptr<mock_answer> plain_answer(const mock_api& api, const mock_speech& c, const mock_options& options) {
  if (c.model == "mock-garbage") return ready(plain_message(200, "{\"choices\": [ this is no JSON"), options.delay);
  const auto body = api.plain(c);
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
    const bool begins_point = !continues_code_point(c);
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
    const json read = parse_bounded<json>(line);
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
  if (request.method == "GET") {
    if (const auto body = listing_body(path); !body.empty()) return ready(plain_message(200, body));
  }
  const auto* api = find_mock_api(path);
  if (api == nullptr) {
    return ready(error_message(mock_chat_api(), 404, "Invalid URL (" + std::string(request.method) + " " + std::string(path) + ")"));
  }
  if (request.method != "POST") return ready(error_message(*api, 405, "Not allowed to " + std::string(request.method) + " on " + std::string(path) + "."));
  mock_speech said;
  said.number = number;
  said.created = created;
  if (const auto wrong = api->read(request, options, said); !wrong.empty()) return ready(error_message(*api, 400, wrong));
  if (const int status = status_lie(said.model)) return ready(error_message(*api, status, "The mock failed as it was asked to."), options.delay);
  if (!said.stream) return plain_answer(*api, said, options);
  return std::make_unique<stream_answer>(*api, std::move(said), options, request.minor_version > 0);
}

}  // namespace sluice::app
