// The bytes of an event that is edited: all that stands beside its data stays, whatever the event looks like, in each dialect that streams
// server-sent events.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/http/sse.hpp"
#include "sluice/text/view.hpp"
#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

struct speech {
  const dialect& speaks;
  std::string path;
  std::string type;    // of the event
  json event;          // says "a secret b"
  std::string before, after;  // events
};

std::vector<speech> speeches() {
  const std::string done = "data: [DONE]\n\n";
  const std::string said = "a secret b", begun = R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})";
  return {
      {openai(), "/v1/chat/completions", "message", {{"id", "c"}, {"choices", {{{"index", 0}, {"delta", {{"content", said}}}, {"finish_reason", nullptr}}}}}, "", done},
      {openai(), "/v1/completions", "message", {{"id", "c"}, {"choices", {{{"index", 0}, {"text", said}, {"finish_reason", nullptr}}}}}, "", done},
      {openai(), "/v1/responses", "response.output_text.delta", {{"type", "response.output_text.delta"}, {"item_id", "i"}, {"output_index", 0}, {"content_index", 0}, {"delta", said}}, "", done},
      {anthropic(), "/v1/messages", "content_block_delta", {{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", said}}}}, "data: " + begun + "\n\n", "data: {\"type\":\"message_stop\"}\n\n"},
      {gemini(), "/v1beta/models/m:streamGenerateContent", "message", {{"candidates", {{{"content", {{"role", "model"}, {"parts", {{{"text", said}}}}}}, {"index", 0}}}}}, "", "data: {\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\"}]}\n\n"},
  };
}

testing::trace run(const speech& s, const std::string& bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}) {
  return testing::run(s.speaks, s.path, R"({"model":"m","max_tokens":9,"prompt":"q","contents":[],"messages":[],"input":"q","stream":true})", bytes, cuts, sink);
}

// The JSON over some lines of data, with other lines between them.
std::string event_of(const speech& s, const std::string& end, bool mark, bool spaced) {
  const auto data = s.event.dump();
  const auto first = data.find(',') + 1, last = data.rfind(',') + 1;
  const std::string name = spaced ? "data: " : "data:";
  return (mark ? "\xef\xbb\xbf" : "") + name + data.substr(0, first) + end + ": a note" + end + "id: 7" + end + "event: " + s.type + end + name + data.substr(first, last - first) + end +
         "retry: 5" + end + name + data.substr(last) + end + ": the end" + end + end;
}

std::vector<std::pair<std::string, std::string>> events_in(const std::string& bytes, std::string& types) {
  http::sse_splitter splitter(1 << 20);
  splitter.feed(bytes + "\n");
  std::vector<std::pair<std::string, std::string>> out;
  http::sse_event e;
  while (splitter.next(e) == http::sse_splitter::status::event) {
    if (e.has_data) out.emplace_back(e.raw, e.data);
    for (std::size_t at = 0; at < e.raw.size();) {
      const auto end = std::min(http::find_line_end(e.raw, at), e.raw.size());
      const auto line = e.raw.substr(at, end - at);
      if (const auto [name, value] = http::read_field(line, at == 0); name == "event") types += line.substr(value);
      at = end + 1;
    }
  }
  return out;
}

TEST(event_bytes, of_an_edited_event_in_several_lines_are_an_event_of_the_same_lines) {
  for (const auto& s : speeches()) {
    for (const std::string end : {"\n", "\r\n", "\r"}) {
      for (const bool spaced : {true, false}) {
        SCOPED_TRACE(s.path + (spaced ? " spaced " : " ") + std::to_string(end.size()) + std::to_string(end[0]));
        const bool mark = s.before.empty() && spaced;
        const auto one = event_of(s, end, mark, spaced), bytes = s.before + one + s.after;
        testing::replace_sink sink("secret", "[R]");
        const auto t = run(s, bytes, sink);
        EXPECT_EQ(t.last, s.speaks.name() == "gemini" ? response_stream::status::ok : response_stream::status::done);  // no event of Gemini's is the last
        std::string types;
        const auto all = events_in(t.out, types);
        ASSERT_EQ(all.size(), s.before.empty() ? 2u : 3u) << t.out;
        auto wanted = s.event.dump();
        wanted.replace(wanted.find("secret"), 6, "[R]");
        EXPECT_EQ(json::parse(all[all.size() - 2].second, nullptr, false), json::parse(wanted)) << t.out;
        // Each line of the event is there and as it came, and those of its data differ in the one word.
        auto same = one;
        same.replace(same.find("secret"), 6, "[R]");
        for (auto line : testing::lines_of(end == "\r" ? [&] { auto lines = same; std::ranges::replace(lines, '\r', '\n'); return lines; }() : same)) {
          if (line.find("data:") == std::string::npos && line != "\r") EXPECT_NE(t.out.find(line), std::string::npos) << line << "\nin\n" << t.out;
        }
        EXPECT_EQ(types, s.type);
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
          testing::replace_sink again("secret", "[R]");
          EXPECT_EQ(run(s, bytes, again, {cut}).out, t.out) << cut;
        }
        testing::pass_sink pass;
        EXPECT_EQ(run(s, bytes, pass).out, bytes);
      }
    }
  }
}

// The line is data to who reads over the mark, and none to who does not.
TEST(event_bytes, a_byte_order_mark_before_a_later_line_ends_the_stream) {
  const std::string mark = "\xef\xbb\xbf";
  for (const auto& s : speeches()) {
    const auto whole = "data: " + s.event.dump() + "\n";
    for (const auto& hidden : {mark + "data: hidden\n", mark + "\n", mark + ": hidden\n"}) {
      for (const auto& bytes : {s.before + whole + hidden + "\n", s.before + "id: 1\n" + hidden + whole + "\n", s.before + mark + hidden + whole + "\n"}) {
        testing::pass_sink sink;
        const auto t = run(s, bytes, sink);
        EXPECT_EQ(t.last, response_stream::status::unreadable) << s.path << bytes;
        EXPECT_EQ(t.out.find("hidden"), std::string::npos) << t.out;
      }
    }
    testing::pass_sink sink;
    const auto marked = s.before + mark + whole + "\n";
    EXPECT_EQ(run(s, marked, sink).out, marked);
  }
}

// An object `error` without anything in it is none. Where the upstream goes on behind one, whoever reads on must be told of the end.
TEST(event_bytes, behind_an_error_that_ended_nothing_the_end_is_told) {
  for (const auto& s : speeches()) {
    if (s.speaks.name() == "anthropic" || s.type == "response.output_text.delta") continue;  // they end with their errors
    const auto event = [&](const std::string& word, const json& error) {
      const auto said = s.event.dump();
      auto made = json::parse(std::string(said).replace(said.find("secret"), 6, word));
      if (!error.is_null()) made["error"] = error;
      return "data: " + made.dump() + "\n\n";
    };
    const auto told = event("word", {{"message", "busy"}}), empty = event("word", json::object()), more = event("more", nullptr), bad = event("secret", nullptr);
    for (const auto& came : {empty, empty + more, told + more}) {
      testing::block_sink sink("secret");
      const auto t = run(s, came + bad, sink);
      EXPECT_EQ(t.last, response_stream::status::blocked);
      EXPECT_EQ(t.out.find("secret"), std::string::npos);
      EXPECT_TRUE(t.out.starts_with(came)) << t.out;
      EXPECT_NE(t.out.find(s.speaks.name() == "gemini" ? "SAFETY" : "content_filter"), std::string::npos) << t.out;
      if (s.speaks.name() != "gemini") EXPECT_TRUE(t.out.ends_with("data: [DONE]\n\n")) << t.out;
    }
    // Where it is the last that a client has, nothing is said behind it.
    testing::block_sink sink("secret");
    EXPECT_EQ(run(s, told + bad, sink).out, told);
  }
}

TEST(event_bytes, has_no_line_that_is_no_utf8_and_reaches_a_judge) {
  for (const auto& s : speeches()) {
    for (const std::string line : {": forb\xff\x69\x64\x64\x65n", "id: \xc3", "event: a\xf0\x9f", "retry: \xff", "\xfe"}) {
      testing::pass_sink sink;
      EXPECT_EQ(run(s, s.before + line + "\ndata: " + s.event.dump() + "\n\n", sink).last, response_stream::status::unreadable) << s.path << " " << line;
      for (const auto& text : sink.texts) EXPECT_TRUE(text::is_valid_utf8(text)) << s.path << " " << line;
    }
  }
}

}  // namespace
}  // namespace sluice::wire
