// How texts come in the events of a stream. Goal: a text in pieces is one text, in whatever field of whatever table it stands and however
// an event says which of several it is. Method: every row of every streamed table, its text cut over two events.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "anthropic_table.hpp"
#include "chat_table.hpp"
#include "gemini_table.hpp"
#include "ollama_table.hpp"
#include "responses_table.hpp"
#include "text_endpoints.hpp"
#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string word = "halden secret";

// `at` with the leaf where the path of a row leads.
json put(json at, std::string_view path, const json& leaf) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.empty()) return leaf;
  if (path.starts_with("[]")) {
    if (!at.is_array() || at.empty()) at = json::array({nullptr});
    at[0] = put(at[0], path.substr(2), leaf);
    return at;
  }
  if (!at.is_object()) at = json::object();
  if (path.starts_with('<')) {
    const auto end = path.find('>');
    if (end > 1) at["type"] = std::string(path.substr(1, end - 1));
    return put(at, path.substr(end + 1), leaf);
  }
  const auto end = std::min(path.find_first_of(".[<"), path.size());
  const auto key = path.starts_with("{*}") ? std::string("k") : std::string(path.substr(0, end));
  at[key] = put(at.value(key, json()), path.substr(end), leaf);
  return at;
}

// A dialect's stream, and an event that says nothing yet.
struct stream_of {
  const dialect& speaks;
  std::string path, request;
  const path_table& table;
  json event;
  std::string end;  // of the stream
  bool lines = false;

  [[nodiscard]] std::string write(const json& e) const {
    if (lines) return e.dump() + "\n";
    const auto type = e.value("type", json());
    return (type.is_string() && &speaks != &gemini() ? "event: " + type.get<std::string>() + "\n" : "") + "data: " + e.dump() + "\n\n";
  }
  testing::trace run(const std::vector<json>& events, channel_sink& sink) const { return run_bytes(events, "", sink); }
  testing::trace run_to_end(const std::vector<json>& events, channel_sink& sink) const { return run_bytes(events, end, sink); }

 private:
  [[nodiscard]] testing::trace run_bytes(const std::vector<json>& events, const std::string& behind, channel_sink& sink) const {
    std::string bytes;
    for (const auto& e : events) bytes += write(e);
    return testing::run(speaks, path, request, bytes + behind, {}, sink);
  }
};

std::vector<stream_of> streams() {
  const json candidate = {{"candidates", json::array({{{"index", 0}, {"content", {{"role", "model"}}}}})}};
  const std::string done = "data: [DONE]\n\n";
  const json line = {{"model", "m"}, {"created_at", "2026-01-01T00:00:00Z"}, {"done", false}};
  return {{openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", chat_chunk_table(), {{"choices", json::array({{{"index", 0}, {"delta", json::object()}}})}}, done},
          {openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})", find_text_endpoint("completions")->response, {{"choices", json::array({{{"index", 0}}})}}, done},
          {openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})", responses_events(), {{"type", "response.in_progress"}, {"output_index", 0}, {"content_index", 0}}, done},
          {anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"stream":true})", anthropic_event(), {{"index", 0}}, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
          {gemini(), "/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[]})", gemini_event(), candidate, R"(data: {"candidates":[{"index":0,"finishReason":"STOP"}]})" "\n\n"},
          {ollama(), "/api/chat", R"({"model":"m","messages":[]})", ollama_response(), line, R"({"model":"m","created_at":"2026-01-01T00:00:00Z","done":true})" "\n", true}};
}

// Replaces the word where that is allowed, and blocks at it where not.
class strict_sink final : public testing::replace_sink {
 public:
  strict_sink() : replace_sink(word, "[R]") {}
  std::uint32_t open(role who, part_kind kind, bool editable, std::string name, std::int64_t choice) override {
    editable_.push_back(editable);
    return replace_sink::open(who, kind, editable, std::move(name), choice);
  }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    const auto s = replace_sink::feed(c, text, out);
    return !editable_[c] && texts[c].find(word) != std::string::npos ? status::blocked : s;
  }

 private:
  std::vector<bool> editable_;
};

TEST(coming, in_pieces_is_one_text_in_every_row_of_every_table) {
  int rows = 0;
  for (const auto& of : streams()) {
    for (const auto& r : of.table.rows()) {
      const bool below = r.what == text_class::schema || r.what == text_class::arguments, encoded = r.what == text_class::binary && r.carries == attachment_type::other;
      const bool speaks = r.what == text_class::text || r.what == text_class::json || r.what == text_class::name || below || encoded;
      if (!speaks || r.comes == coming::whole) continue;
      const bool opens = r.what == text_class::json;
      const auto path = std::string(r.path) + (below ? ".k" : "");
      const std::string lead = opens ? "{\"a\":\"" : encoded ? "data:text/plain," : "";
      auto first = put(of.event, path, lead + "the halden "), second = put(of.event, path, (encoded ? lead : "") + "secret is" + std::string(opens ? "\"}" : ""));
      // A block begins once; what it begins with, alone or with its message, goes on in its deltas.
      for (const std::string_view begins : {"<content_block_start>.content_block<", "<message_start>.message.content[]<"}) {
        if (!r.path.starts_with(begins) || r.comes != coming::grows) continue;
        auto on = "<content_block_delta>.delta<" + std::string(r.path.substr(begins.size()));
        second = put(of.event, on.insert(on.find(">.", on.find(">.") + 1), "_delta"), "secret is");
      }
      for (auto* e : {&first, &second}) {
        if (r.path.ends_with(".stringValue")) *e = put(*e, "candidates[].content.parts[].functionCall.partialArgs[].willContinue", true);
      }
      testing::pass_sink alone;
      if (of.run({first}, alone).last == status::done) continue;  // an error that ends the stream
      ++rows;
      testing::block_sink sink(word);
      EXPECT_EQ(of.run_to_end({first, second}, sink).last, status::blocked) << of.path << " " << r.path;
      // In an upstream's own words it leaves as it came.
      testing::pass_sink pass;
      EXPECT_EQ(of.run_to_end({first, second}, pass).out, of.write(first) + of.write(second) + of.end) << of.path << " " << r.path;
    }
  }
  EXPECT_GT(rows, 60);
}

// What is the same in every event is a state; where it changes, it was said as often as it came.
TEST(coming, in_equal_pieces_before_others_is_one_text) {
  const auto of = streams()[4];
  const auto event = [&](const std::string& text) { return put(of.event, "candidates[].content.parts[].audioTranscription.text", text); };
  testing::block_sink sink("hahalden");
  EXPECT_EQ(of.run({event("ha"), event("ha"), event("lden")}, sink).last, status::blocked);
  testing::replace_sink edits("secret", "[R]");
  std::vector<json> same(3, event("a secret")), gone(3, event("a [R]"));
  EXPECT_EQ(of.run(same, edits).out, of.write(gone[0]) + of.write(gone[1]) + of.write(gone[2]));
  EXPECT_EQ(edits.texts.size(), 1u) << "and is judged once";
}

// Other rules may apply to it.
TEST(coming, the_same_under_another_row_is_judged_by_that_row) {
  const auto of = streams()[3];
  const auto stop = [](const char* type) { return json{{"type", type}, {"delta", {{"stop_sequence", word}}}}; };
  testing::pass_sink sink;
  (void)of.run({stop("unknown"), stop("message_delta")}, sink);
  EXPECT_EQ(std::ranges::count(sink.texts, word), 2) << json(sink.texts).dump();
}

TEST(coming, in_two_blocks_in_turn_is_two_texts) {
  const auto of = streams()[3];
  const auto piece = [](int block, const char* text) { return json{{"type", "content_block_delta"}, {"index", block}, {"delta", {{"type", "odd_delta"}, {"odd", text}}}}; };
  testing::block_sink sink(word), apart(word);
  EXPECT_EQ(of.run({piece(0, "the halden "), piece(1, "other"), piece(0, "secret is")}, sink).last, status::blocked);
  EXPECT_EQ(of.run({piece(0, "the halden "), piece(1, "secret is")}, apart).last, status::ok);
}

// Of a field that changed nothing is remembered any more.
TEST(coming, in_large_pieces_is_read_however_many_come) {
  const auto of = streams()[4];
  const auto event = [&](char c) { return put(of.event, "candidates[].content.parts[].audioTranscription.text", std::string(600u << 10, c)); };
  testing::pass_sink sink;
  const std::vector<json> all = {event('a'), event('b'), event('c'), event('d')};
  const auto t = of.run(all, sink);
  EXPECT_EQ(t.last, status::ok);
  EXPECT_EQ(t.out, of.write(all[0]) + of.write(all[1]) + of.write(all[2]) + of.write(all[3]));
  testing::pass_sink much;
  EXPECT_EQ(of.run({put(of.event, "vendor", std::string(600u << 10, 'a')), put(of.event, "other", std::string(600u << 10, 'b'))}, much).last, status::unreadable) << "of two fields";
}

TEST(coming, of_two_calls_is_two_texts) {
  const auto all = streams();
  for (const auto& [of, path] : {std::pair{&all[4], "candidates[].content.parts[].functionCall.args.k"}, {&all[5], "message.tool_calls[].function.arguments.k"}}) {
    testing::block_sink sink(word);
    EXPECT_EQ(of->run({put(of->event, path, "the halden "), put(of->event, path, "secret is")}, sink).last, status::ok) << path;
  }
}

TEST(coming, whole_is_a_text_of_its_own_in_each_event) {
  for (const auto& of : streams()) {
    for (const auto& r : of.table.rows()) {
      if (r.what != text_class::text || r.comes != coming::whole || r.path.starts_with("item") || r.path.starts_with("part") || r.path.starts_with("response") || r.path.starts_with("annotation")) continue;
      testing::block_sink sink(word);
      EXPECT_NE(of.run({put(of.event, r.path, "the halden "), put(of.event, r.path, "secret is")}, sink).last, status::blocked) << of.path << " " << r.path;
    }
  }
}

// What was edited where it stood is no match of what all events said together.
TEST(coming, a_word_in_each_of_two_events_is_edited_in_both) {
  for (const auto& of : streams()) {
    if (&of.speaks != &gemini()) continue;
    const auto event = [&](const char* text) { return put(of.event, "candidates[].content.parts[].audioTranscription.text", text); };
    strict_sink sink;
    const auto t = of.run({event("a halden secret"), event("one halden secret more"), event("and one halden secret")}, sink);
    EXPECT_EQ(t.last, status::ok);
    EXPECT_EQ(t.out, of.write(event("a [R]")) + of.write(event("one [R] more")) + of.write(event("and one [R]")));
    strict_sink cut;
    const auto over = of.run({event("a halden secret, a halden "), event("secret")}, cut);
    EXPECT_EQ(over.last, status::blocked);
    EXPECT_EQ(over.out.find("\"secret\""), std::string::npos);
  }
}

TEST(coming, behind_other_parts_of_an_event_is_the_same_text) {
  const auto of = streams()[4];
  const auto event = [&](json parts) { return put(of.event, "candidates[].content.parts", parts); };
  const json begins = {{"audioTranscription", {{"text", "the halden "}}}}, ends = {{"audioTranscription", {{"text", "secret is"}}}};
  testing::block_sink sink(word);
  EXPECT_EQ(of.run({event(json::array({begins})), event(json::array({{{"text", "x"}}, ends}))}, sink).last, status::blocked);
  // The names of two tools are two.
  const auto call = [](const char* name) { return json{{"functionCall", {{"name", name}, {"args", json::object()}}}}; };
  testing::block_sink names("halden secret");
  EXPECT_EQ(of.run({event(json::array({call("halden "), call("secret")}))}, names).last, status::ok);
}

TEST(coming, an_index_in_another_spelling_is_refused) {
  const auto all = streams();
  const auto refused = [](const stream_of& of, const json& event, const char* key) {
    // Of a part there is one -1 that vLLM sends; it is the same number to all.
    const bool part = of.path.ends_with("responses") && std::string_view(key) != "output_index";
    for (const char* odd : {"1e1", "10.0", "\"10\"", part ? "-2" : "-1", "[10]", "9223372036854775807"}) {
      auto bytes = of.write(event), plain = "\"" + std::string(key) + "\":10";
      const auto at = bytes.find(plain);
      ASSERT_NE(at, std::string::npos) << bytes;
      testing::pass_sink fine, sink;
      EXPECT_EQ(testing::run(of.speaks, of.path, of.request, bytes, {}, fine).last, status::ok) << bytes;
      bytes.replace(at, plain.size(), "\"" + std::string(key) + "\":" + odd);
      const auto t = testing::run(of.speaks, of.path, of.request, bytes, {}, sink);
      EXPECT_EQ(t.last, status::unreadable) << bytes;
      EXPECT_EQ(t.out.find("halden"), std::string::npos) << t.out;
    }
  };
  refused(all[0], {{"choices", json::array({{{"index", 10}, {"delta", {{"content", "halden"}}}}})}}, "index");
  refused(all[1], {{"choices", json::array({{{"index", 10}, {"text", "halden"}}})}}, "index");
  for (const char* key : {"output_index", "content_index", "summary_index", "command_index"}) {
    json event = {{"type", "response.output_text.delta"}, {"delta", "halden"}, {"output_index", 0}, {"content_index", 0}};
    event[key] = 10;
    refused(all[2], event, key);
  }
  refused(all[3], {{"type", "content_block_delta"}, {"index", 10}, {"delta", {{"type", "text_delta"}, {"text", "halden"}}}}, "index");
  refused(all[4], {{"candidates", json::array({{{"index", 10}, {"content", {{"parts", json::array({{{"text", "halden"}}})}}}}})}}, "index");
}

// An element that is not refused for its index goes by the value of it.
TEST(coming, in_an_element_that_goes_by_its_own_index_is_one_text_in_any_spelling) {
  const auto of = streams()[0];
  for (const char* odd : {"10", "1e1", "10.0"}) {
    const auto piece = [](const std::string& index, const char* text) {
      return R"(data: {"choices":[{"index":0,"delta":{"reasoning_details":[{"index":)" + index + R"(,"text":")" + text + "\"}]}}]}\n\n";
    };
    testing::replace_sink sink(word, "[R]");
    const auto t = testing::run(of.speaks, of.path, of.request, piece("10", "the halden ") + piece(odd, "secret is"), {}, sink);
    EXPECT_NE(t.out.find("[R] is"), std::string::npos) << odd << t.out;
  }
}

// What cannot be read is refused in whatever shape it comes.
TEST(coming, a_list_in_the_place_of_an_attachment_or_a_reference_is_refused) {
  for (const auto& of : streams()) {
    for (const auto& r : of.table.rows()) {
      const bool leads_on = std::ranges::any_of(of.table.rows(), [&](const row& other) { return other.path.size() > r.path.size() && other.path.starts_with(r.path) && std::string_view(".[<").contains(other.path[r.path.size()]); });
      if ((r.what != text_class::binary && r.what != text_class::reference) || leads_on) continue;
      for (const auto& leaf : {json::array({{{"word", "the"}}, {{"word", "halden"}}}), json{{"word", "halden"}}, json(5)}) {
        testing::pass_sink sink, allowed;
        allowed.passes_unread = true;
        const auto event = put(of.event, r.path, leaf);
        EXPECT_EQ(of.run({event}, sink).last, status::unreadable) << of.path << " " << r.path << " " << leaf;
        EXPECT_EQ(of.run({event}, allowed).out, of.write(event)) << of.path << " " << r.path;
      }
    }
  }
  const auto whole = [](const dialect& speaks, const char* path, const std::string& body) {
    const auto read = speaks.read_response(speaks.classify("POST", path), body, 64, nullptr);
    return read.has_value() ? (*read)->unread_parts().size() : 99;
  };
  EXPECT_EQ(whole(gemini(), "/v1beta/models/m:generateContent", R"({"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"audio/wav","data":[{"word":"halden"}]}}]}}]})"), 1u);
  EXPECT_EQ(whole(gemini(), "/v1beta/models/m:generateContent", R"({"candidates":[{"content":{"parts":[{"fileData":{"fileUri":{"word":"halden"}}}]}}]})"), 1u);
  EXPECT_EQ(whole(ollama(), "/api/chat", R"({"message":{"role":"assistant","content":"x","images":[["halden"]]},"done":true})"), 1u);
}

}  // namespace
}  // namespace sluice::wire
