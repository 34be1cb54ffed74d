// A marker in every place that a dialect's tables name, and beside each of them: it is listed, judged or refused, in both directions,
// in one piece and streamed. The bodies are made from the tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sinks.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

const std::string marker = "QXMARKERQX";

// Puts `leaf` where `path` says: keys by '.', "[]" elements, "<t>" an object whose type is t.
void put(json& at, std::string_view path, const json& leaf) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.empty()) {
    at = leaf;
    return;
  }
  if (path.starts_with("[]")) {
    if (!at.is_array()) at = json::array({json()});
    return put(at[0], path.substr(2), leaf);
  }
  if (!at.is_object()) at = json::object();
  if (path.starts_with('<')) {
    const auto end = path.find('>');
    if (end > 1) at["type"] = path.substr(1, end - 1);
    return put(at, path.substr(end + 1), leaf);
  }
  const auto end = std::min(path.find_first_of(".[<", 1), path.size());
  auto key = std::string(path.substr(0, end));
  if (key == "{*}") key = "anykey";
  put(at[key], path.substr(end), leaf);
}

// What a body must have besides.
struct trial {
  const dialect& speaks;
  const char* method;
  const char* path;
  const char* frame;       // of a request
  bool sse = true;
};

std::string endpoint_name(const trial& t) { return std::string(t.speaks.classify(t.method, t.path).name); }

json request_with(const trial& t, std::string_view path, const json& leaf) {
  auto body = json::parse(t.frame);
  put(body, path, leaf);
  for (const char* turns : {"messages", "contents"}) {
    if (!body.contains(turns) || !body[turns].is_array()) continue;
    for (auto& m : body[turns]) {
      if (m.is_object() && !m.contains("role")) m["role"] = "user";
    }
  }
  return body;
}

bool reads(const trial& t, const std::string& body, bool& refused) {
  const auto to = t.speaks.classify(t.method, t.path);
  const auto r = t.speaks.read_request(to, body, 64);
  // What the upstream reads from the web by itself is none of the request's own text, and what stands beside it is read all the same.
  refused = !r || std::ranges::any_of((*r)->unread_parts(), [](const unread& u) { return u.reason != "upstream fetch"; });
  return r && std::ranges::any_of((*r)->parts(), [](const part& p) { return p.text.find(marker) != std::string_view::npos; });
}

bool reads_answer(const trial& t, const std::string& body) {
  const auto r = t.speaks.read_response(t.speaks.classify(t.method, t.path), body, 64);
  return !r || !(*r)->unread_parts().empty() ||
         std::ranges::any_of((*r)->parts(), [](const part& p) { return p.text.find(marker) != std::string_view::npos; });
}

bool judges_event(const trial& t, const json& event) {
  const auto to = t.speaks.classify(t.method, t.path);
  const std::string frame = t.frame;
  const auto request = t.speaks.read_request(to, frame, 64);
  const auto stream = t.speaks.open_stream(to, **request, 64);
  testing::pass_sink sink;
  std::string out;
  auto bytes = t.sse ? "data: " + event.dump() + "\n\n" : event.dump() + "\n";
  if (t.sse && event.contains("type") && event["type"].is_string()) bytes = "event: " + event["type"].get<std::string>() + "\n" + bytes;
  const bool named = &t.speaks == &anthropic(), numbered = &t.speaks == &gemini();
  bytes += named ? "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n" : numbered ? "data: {\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\"}]}\n\n"
           : t.sse ? "data: [DONE]\n\n" : "{\"done\":true}\n";
  const auto s = stream->feed(bytes, sink, out);
  return s == response_stream::status::unreadable || std::ranges::any_of(sink.texts, [](const std::string& text) { return text.find(marker) != std::string::npos; });
}

const std::vector<trial>& trials() {
  static const std::vector<trial> all = {
      {openai(), "POST", "/v1/chat/completions", R"({"model":"m","messages":[]})"},
      {anthropic(), "POST", "/v1/messages", R"({"model":"m","max_tokens":1,"messages":[]})"},
      {anthropic(), "POST", "/v1/messages/count_tokens", R"({"model":"m","messages":[]})"},
      {gemini(), "POST", "/v1beta/models/m:generateContent", R"({"contents":[]})"},
      {gemini(), "POST", "/v1beta/models/m:streamGenerateContent", R"({"contents":[]})"},
      {gemini(), "POST", "/v1beta/models/m:countTokens", R"({})"},
      {gemini(), "POST", "/v1beta/models/m:embedContent", R"({})"},
      {gemini(), "POST", "/v1beta/models/m:batchEmbedContents", R"({})"},
      {gemini(), "POST", "/v1beta/cachedContents", R"({})"},
      {openai(), "POST", "/v1/responses", R"({"model":"m"})"},
      {openai(), "POST", "/v1/conversations", R"({})"},
      {openai(), "POST", "/v1/conversations/conv_1", R"({})"},
      {openai(), "POST", "/v1/conversations/conv_1/items", R"({})"},
      {openai(), "POST", "/v1/completions", R"({"model":"m"})"},
      {openai(), "POST", "/v1/embeddings", R"({"model":"m"})"},
      {openai(), "POST", "/v1/moderations", R"({"model":"m"})"},
      {ollama(), "POST", "/api/chat", R"({"model":"m","messages":[]})", false},
      {ollama(), "POST", "/api/generate", R"({"model":"m"})", false},
      {ollama(), "POST", "/api/embed", R"({"model":"m"})", false},
      {ollama(), "POST", "/api/embeddings", R"({"model":"m"})", false},
  };
  return all;
}

// Where a marker may stand: the path with its leaf.
std::vector<std::pair<std::string, json>> leaves(const dialect::coverage_row& r) {
  const std::string path(r.path);
  if (r.text_class == "S" || r.text_class == "A") {
    return {{path, json{{"deep", {marker}}}}, {path, json{{"deep", {{marker, 1}}}}}, {path, json{{"a", {{"b", marker}}}}}};
  }
  if (r.text_class == "J") return {{path, marker}, {path, json({{"k", marker}}).dump()}, {path, json({{marker, 1}}).dump()}};
  // What may pass unread must look the part: words, and things of another kind, are read or refused.
  const auto words = std::string(marker) + " and more words";
  if (r.text_class == "O" || r.text_class == "H") return {{path, words}, {path, json{{"deep", marker}}}, {path, json::array({json{{marker, 1}}})}};
  if (r.text_class == "P") return {{path, words}, {path, json{{"deep", {words}}}}, {path, json{{words, 1}}}};
  if (r.text_class == "C") {
    std::vector<std::pair<std::string, json>> out;
    for (const json& leaf : {json(marker), json{{"deep", marker}}, json{{marker, 1}}, json::array({marker}), json::array({1, marker}), json::array({json{{"word", marker}}}), json::array({json{{"token", marker}}}),
                             json::array({json{{"word", {{"deep", marker}}}}}), json::array({json{{marker, 1}}}), json::array({json::array({marker})})}) {
      out.emplace_back(path, leaf);
    }
    return out;
  }
  if (r.text_class == "E") return {{path, words}, {path, json{{"deep", words}}}};
  return {{path, marker}};
}

TEST(every_path, of_a_request_is_listed_or_refused) {
  for (const auto& t : trials()) {
    int looked = 0;
    for (const auto& r : t.speaks.coverage()) {
      if (r.direction != "request" || r.endpoint != endpoint_name(t) || r.text_class == "-") continue;
      for (const auto& [path, leaf] : leaves(r)) {
        const auto body = request_with(t, path, leaf).dump();
        bool refused = false;
        const bool listed = reads(t, body, refused);
        const bool must_refuse = r.text_class == "B" || r.text_class == "R" || r.text_class == "V";
        const bool may_refuse = r.text_class == "O" || r.text_class == "P" || r.text_class == "E";
        EXPECT_TRUE(must_refuse ? refused : may_refuse ? listed || refused : listed && !refused) << t.path << " " << body;
        ++looked;
      }
    }
    EXPECT_GT(looked, 1) << t.path;
  }
}

// Beside each field stands one that no table knows, at every depth.
TEST(every_path, of_a_request_has_no_unread_neighbour) {
  for (const auto& t : trials()) {
    for (const auto& r : t.speaks.coverage()) {
      if (r.direction != "request" || r.endpoint != endpoint_name(t) || r.text_class == "-") continue;
      const std::string path(r.path);
      for (auto at = path.find('.'); at != std::string::npos; at = path.find('.', at + 1)) {
        const auto above = path.substr(0, at);
        if (above.ends_with("{*}")) continue;
        for (const json& leaf : {json(marker), json{{"inner", marker}}, json::array({marker}), json::array({1, 2, 3}), json{{marker, true}}}) {
          const auto body = request_with(t, above + ".x_unknown", leaf).dump();
          bool refused = false;
          EXPECT_TRUE(reads(t, body, refused) || refused) << t.path << " " << body;
        }
      }
    }
  }
}

TEST(every_path, of_an_answer_is_judged_in_one_piece_and_streamed) {
  auto all = trials();
  for (const char* form : {"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/files"}) all.push_back({openai(), "POST", form, ""});
  for (const auto& t : all) {
    int looked = 0;
    for (const auto& r : t.speaks.coverage()) {
      if (r.direction != "response" || r.endpoint != endpoint_name(t) || r.text_class == "-") continue;
      for (const auto& [path, leaf] : leaves(r)) {
        json body;
        put(body, path, leaf);
        if (r.streaming == "yes") {
          EXPECT_TRUE(judges_event(t, body)) << t.path << " " << body.dump();
        } else {
          EXPECT_TRUE(reads_answer(t, body.dump())) << t.path << " " << body.dump();
        }
        ++looked;
      }
      // And beside it.
      const std::string path(r.path);
      if (path.ends_with("{*}")) continue;
      const auto at = path.rfind('.');
      const auto above = at == std::string::npos ? std::string() : path.substr(0, at);
      for (const json& leaf : {json(marker), json{{"inner", {marker}}}, json{{marker, true}}}) {
        json body;
        put(body, above + ".x_unknown", leaf);
        EXPECT_TRUE(r.streaming == "yes" ? judges_event(t, body) : reads_answer(t, body.dump())) << t.path << " " << body.dump();
      }
    }
    EXPECT_GT(looked, 0) << t.path;
  }
}

}  // namespace
}  // namespace sluice::wire
