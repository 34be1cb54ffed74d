// Streamed responses as an upstream writes them, and as a client reads them.
#pragma once

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire::testing::responses {

using nlohmann::json;
using status = response_stream::status;

inline const std::string asked = R"({"model":"m","input":"hi","stream":true})";

inline std::string event(const json& e) { return "event: " + e["type"].get<std::string>() + "\ndata: " + e.dump() + "\n\n"; }

// The events with the numbers that an upstream gives them.
inline std::string numbered(const std::string& bytes) {
  std::string out;
  int number = 0;
  for (const auto& line : testing::lines_of(bytes)) {
    if (line.starts_with(':')) out += line + "\n\n";
    if (!line.starts_with("data: ")) continue;
    auto e = json::parse(line.substr(6), nullptr, false);
    if (e.is_discarded()) return bytes;
    e["sequence_number"] = number++;
    out += event(e);
  }
  return out;
}

inline testing::trace run_raw(std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}, std::string_view message = {},
                       const std::string& request = asked) {
  return testing::run(openai(), "/v1/responses", request, bytes, cuts, sink, message);
}
inline testing::trace run(const std::string& bytes, channel_sink& sink, std::string_view message = {}, const std::string& request = asked) {
  return run_raw(numbered(bytes), sink, {}, message, request);
}

inline json response(const std::string& how, json output = json::array(), json more = json::object()) {
  json r = {{"id", "resp_1"}, {"object", "response"}, {"created_at", 1}, {"status", how}, {"model", "m"}, {"error", nullptr}, {"incomplete_details", nullptr},
            {"output", std::move(output)}, {"usage", nullptr}};
  r.update(more);
  return r;
}
inline std::string created(json more = json::object()) { return event({{"type", "response.created"}, {"response", response("in_progress", json::array(), std::move(more))}}); }
inline json message(const std::string& how, json content, int n = 0) {
  return {{"id", "msg_" + std::to_string(n)}, {"type", "message"}, {"status", how}, {"role", "assistant"}, {"content", std::move(content)}};
}
inline json text_part(const std::string& text, json annotations = json::array(), json logprobs = json::array()) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", std::move(annotations)}, {"logprobs", std::move(logprobs)}};
}
inline json at(const std::string& type, int n = 0) { return {{"type", type}, {"item_id", "msg_" + std::to_string(n)}, {"output_index", n}, {"content_index", 0}}; }
inline json with(json a, const json& b) {
  a.update(b);
  return a;
}
inline std::string begin_text(int n = 0) {
  return event({{"type", "response.output_item.added"}, {"output_index", n}, {"item", message("in_progress", json::array(), n)}}) +
         event(with(at("response.content_part.added", n), {{"part", text_part("")}}));
}
inline std::string piece(const std::string& text, int n = 0) {
  return event(with(at("response.output_text.delta", n), {{"delta", text}, {"logprobs", {{{"token", text}, {"logprob", 0}}}}, {"obfuscation", "abc"}}));
}
inline std::string end_text(const std::string& text, int n = 0, json annotations = json::array()) {
  const auto whole = text_part(text, std::move(annotations), {{{"token", text}, {"logprob", 0}}});
  return event(with(at("response.output_text.done", n), {{"text", text}, {"logprobs", {{{"token", text}}}}})) +
         event(with(at("response.content_part.done", n), {{"part", whole}})) +
         event({{"type", "response.output_item.done"}, {"output_index", n}, {"item", message("completed", json::array({whole}), n)}});
}
inline std::string completed(json output) { return event({{"type", "response.completed"}, {"response", response("completed", std::move(output))}}); }
inline std::string one_text(const std::vector<std::string>& pieces) {
  std::string bytes = created() + begin_text(), all;
  for (const auto& p : pieces) {
    bytes += piece(p);
    all += p;
  }
  return bytes + end_text(all) + completed(json::array({message("completed", json::array({text_part(all)}))}));
}

inline std::vector<json> events(const std::string& sse) {
  std::vector<json> out;
  for (const auto& line : testing::lines_of(sse)) {
    if (line.starts_with("data: {")) out.push_back(json::parse(line.substr(6)));
  }
  return out;
}

// What a client that adds pieces has, and what it is told at the end, by item.
struct client_view {
  std::map<std::string, std::string> grown;  // "0/content/0"
  std::vector<std::string> told;             // every whole text, in order
  json last;
  bool numbers_rise = true;
};
inline client_view read(const std::string& sse) {
  client_view v;
  std::int64_t number = -1;
  for (const auto& e : events(sse)) {
    const auto type = e["type"].get<std::string>();
    if (e.contains("sequence_number")) {
      const auto n = e["sequence_number"].get<std::int64_t>();
      v.numbers_rise = v.numbers_rise && n > number;
      number = n;
    }
    const auto key = std::to_string(e.value("output_index", 0)) + (e.contains("content_index") ? "/" + std::to_string(e["content_index"].get<int>()) : "");
    if (type.ends_with(".delta") && e["delta"].is_string()) v.grown[key] += e["delta"].get<std::string>();
    for (const char* whole : {"text", "arguments", "input", "code", "refusal"}) {
      if (type.ends_with(".done") && e.contains(whole) && e[whole].is_string()) v.told.push_back(e[whole]);
    }
    const auto of_part = [&](const json& p) {
      if (p.contains("text") && p["text"].is_string()) v.told.push_back(p["text"]);
    };
    const auto of_item = [&](const json& i) {
      if (i.contains("content") && i["content"].is_array()) std::ranges::for_each(i["content"], of_part);
      if (i.contains("arguments") && i["arguments"].is_string()) v.told.push_back(i["arguments"]);
    };
    if (type == "response.content_part.done") of_part(e["part"]);
    if (type == "response.output_item.done") of_item(e["item"]);
    if (e.contains("response")) {
      if (type != "response.created") {
        for (const auto& i : e["response"]["output"]) of_item(i);
      }
      v.last = e;
    }
  }
  return v;
}

// The answer with every `word` in an editable text replaced.
inline std::string edited(const std::string& body, const std::string& word, const std::string& by, const request_body* asked_with = nullptr) {
  const auto r = openai().read_response(openai().classify("POST", "/v1/responses"), body, 64, asked_with);
  if (!r) return r.error().message;
  std::vector<replacement> edits;
  const auto parts = (*r)->parts();
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    for (auto hit = parts[p].text.find(word); parts[p].editable && hit != std::string_view::npos; hit = parts[p].text.find(word, hit + 1)) {
      edits.push_back({p, static_cast<std::uint32_t>(hit), static_cast<std::uint32_t>(hit + word.size()), by});
    }
  }
  return (*r)->edited(edits);
}

}  // namespace sluice::wire::testing::responses
