// Anthropic Messages: where the text is, how its streams are judged and cut off, and recorded traffic.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string asked = R"({"model":"claude","max_tokens":9,"stream":true,"messages":[]})";

testing::trace run(std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}, std::string_view message = {}) {
  return testing::run(anthropic(), "/v1/messages", asked, bytes, cuts, sink, message);
}

std::string event(const json& data) { return "event: " + data["type"].get<std::string>() + "\ndata: " + data.dump() + "\n\n"; }
std::string start() {
  return event({{"type", "message_start"}, {"message", {{"id", "msg_1"}, {"type", "message"}, {"role", "assistant"}, {"content", json::array()}, {"model", "claude-x"}, {"usage", {{"input_tokens", 3}, {"output_tokens", 1}}}}}});
}
std::string begin(int i, const json& block) { return event({{"type", "content_block_start"}, {"index", i}, {"content_block", block}}); }
std::string begin_text(int i) { return begin(i, {{"type", "text"}, {"text", ""}}); }
std::string delta(int i, const json& d) { return event({{"type", "content_block_delta"}, {"index", i}, {"delta", d}}); }
std::string text(int i, const std::string& t) { return delta(i, {{"type", "text_delta"}, {"text", t}}); }
std::string stop(int i) { return event({{"type", "content_block_stop"}, {"index", i}}); }
std::string finish(const std::string& why = "end_turn") {
  return event({{"type", "message_delta"}, {"delta", {{"stop_reason", why}, {"stop_sequence", nullptr}}}, {"usage", {{"output_tokens", 5}}}}) +
         event({{"type", "message_stop"}});
}

// What an SDK puts together of a stream. Fails the test on an order that an SDK would not take.
struct client_view {
  std::map<std::int64_t, json> blocks;
  std::string stop_reason;
  bool started = false, stopped = false, left_open = false;
};

client_view read(const std::string& sse) {
  client_view v;
  std::map<std::int64_t, bool> open;
  std::string type;
  for (auto line : testing::lines_of(sse)) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("event: ")) type = line.substr(7);
    if (!line.starts_with("data:")) continue;
    const auto j = json::parse(line.substr(5));
    EXPECT_EQ(j.value("type", ""), type);
    const auto index = j.value("index", std::int64_t{-1});
    if (type == "message_start") v.started = true;
    if (type != "ping" && type != "error") EXPECT_TRUE(v.started) << line;
    if (type == "content_block_start") {
      EXPECT_FALSE(open[index]) << line;
      open[index] = true;
      v.blocks[index] = j["content_block"];
      v.blocks[index]["json"] = "";
    }
    if (type == "content_block_delta") {
      EXPECT_TRUE(open[index]) << line;
      const auto& d = j["delta"];
      const auto grow = [&](const char* key, const char* from) { v.blocks[index][key] = v.blocks[index].value(key, "") + d[from].get<std::string>(); };
      if (d["type"] == "text_delta") grow("text", "text");
      if (d["type"] == "thinking_delta") grow("thinking", "thinking");
      if (d["type"] == "input_json_delta") grow("json", "partial_json");
      if (d["type"] == "signature_delta") v.blocks[index]["signature"] = d["signature"];
    }
    if (type == "content_block_stop") {
      EXPECT_TRUE(open[index]) << line;
      open[index] = false;
    }
    if (type == "message_delta") v.stop_reason = j["delta"].value("stop_reason", "");
    if (type == "message_stop") v.stopped = true;
  }
  v.left_open = std::ranges::any_of(open, [](const auto& o) { return o.second; });
  return v;
}

TEST(anthropic_request, lists_each_kind_of_text_with_its_role_and_place) {
  const std::string body = R"({"model":"claude","stream":true,"system":[{"type":"text","text":"SYS","cache_control":{"type":"ephemeral"}}],"messages":[
    {"role":"user","content":"FIRST"},
    {"role":"assistant","content":[{"type":"thinking","thinking":"WHY","signature":"c2ln"},{"type":"tool_use","id":"t1","name":"FN","input":{"KEY":["ARG"]}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"RESULT"}]},{"type":"document","title":"TITLE","source":{"type":"text","media_type":"text/plain","data":"DOC"}}]}],
    "tools":[{"name":"FN2","description":"DESC","input_schema":{"type":"object","properties":{"PROP":{"type":"string"}}}}],"metadata":{"user_id":"USER"},"stop_sequences":["STOP"]})";
  const auto r = anthropic().read_request(anthropic().classify("POST", "/v1/messages"), body, 64);
  ASSERT_TRUE(r.has_value()) << r.error().message;
  EXPECT_TRUE((*r)->stream());
  EXPECT_EQ((*r)->model(), "claude");
  for (const auto& u : (*r)->unread_parts()) ADD_FAILURE() << u.path;
  struct expected {
    const char* text;
    role who;
    part_kind kind;
    bool last_turn, editable;
    const char* path;
  };
  for (const auto& e : {expected{"SYS", role::system, part_kind::text, true, true, "system[0].text"},
                        {"FIRST", role::user, part_kind::text, false, true, "messages[0].content"},
                        {"WHY", role::assistant, part_kind::reasoning, false, false, "messages[1].content[0].thinking"},
                        {"FN", role::assistant, part_kind::name, false, false, "messages[1].content[1].name"},
                        {"KEY", role::assistant, part_kind::tool_call, false, false, "messages[1].content[1].input.KEY"},
                        {"ARG", role::assistant, part_kind::tool_call, false, true, "messages[1].content[1].input.KEY[0]"},
                        {"RESULT", role::tool, part_kind::tool_result, true, true, "messages[2].content[0].content[0].text"},
                        {"DOC", role::user, part_kind::text, true, true, "messages[2].content[1].source.data"},
                        {"TITLE", role::user, part_kind::text, true, true, "messages[2].content[1].title"},
                        {"DESC", role::system, part_kind::tool_definition, true, true, "tools[0].description"},
                        {"PROP", role::system, part_kind::tool_definition, true, false, "tools[0].input_schema.properties.PROP"},
                        {"USER", role::user, part_kind::name, true, false, "metadata.user_id"},
                        {"STOP", role::user, part_kind::text, true, false, "stop_sequences[0]"}}) {
    const auto p = std::ranges::find_if((*r)->parts(), [&](const part& x) { return x.text == e.text; });
    ASSERT_NE(p, (*r)->parts().end()) << e.text;
    EXPECT_EQ(p->role, e.who) << e.text;
    EXPECT_EQ(p->kind, e.kind) << e.text;
    EXPECT_EQ(p->last_turn, e.last_turn) << e.text;
    EXPECT_EQ(p->editable, e.editable) << e.text;
    EXPECT_EQ((*r)->path(*p), e.path);
  }
  EXPECT_TRUE(std::ranges::none_of((*r)->parts(), [](const part& p) { return p.text == "c2ln" || p.text == "t1"; }));
}

TEST(anthropic_request, what_it_cannot_read_is_named) {
  for (const auto& [block, reason] : std::vector<std::pair<const char*, const char*>>{
           {R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}})", "attachment"},
           {R"({"type":"document","source":{"type":"url","url":"https://x/y.pdf"}})", "attachment"},
           {R"({"type":"document","source":{"type":"file","file_id":"f1"}})", "server state"},
           {R"({"type":"hologram","text":"hidden"})", "unknown part"},
           {R"({"text":"no type"})", "unknown part"},
           {R"({"type":"text","text":"x","subtitles":["hidden"]})", "unknown part"},
           {R"({"type":"document","source":{"type":"stream","data":"hidden"}})", "unknown part"}}) {
    const auto body = R"({"messages":[{"role":"user","content":[)" + std::string(block) + "]}]}";
    const auto r = anthropic().read_request(anthropic().classify("POST", "/v1/messages"), body, 64);
    ASSERT_TRUE(r.has_value());
    ASSERT_EQ((*r)->unread_parts().size(), 1u) << block;
    EXPECT_EQ((*r)->unread_parts()[0].reason, reason) << block;
    EXPECT_TRUE((*r)->unread_parts()[0].path.starts_with("messages[0].content[0]"));
  }
}

TEST(anthropic_request, an_edit_within_a_tools_input_touches_nothing_else) {
  const std::string body = R"({"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{ "q" : "the SECRET", "n":1.50 }}]}]})";
  const auto r = anthropic().read_request(anthropic().classify("POST", "/v1/messages"), body, 64);
  ASSERT_TRUE(r.has_value());
  const auto p = std::ranges::find_if((*r)->parts(), [](const part& x) { return x.text == "the SECRET"; });
  ASSERT_NE(p, (*r)->parts().end());
  const std::vector<replacement> edits{{static_cast<std::uint32_t>(p - (*r)->parts().begin()), 4, 10, "[\"R\"]"}};
  auto expected = body;
  expected.replace(expected.find("SECRET"), 6, R"([\"R\"])");
  EXPECT_EQ((*r)->edited(edits), expected);
}

TEST(anthropic_paths, are_known_or_denied_with_a_reason) {
  EXPECT_EQ(anthropic().classify("POST", "/v1/messages").what, endpoint_class::scanned);
  EXPECT_EQ(anthropic().classify("POST", "/v1/messages/count_tokens").what, endpoint_class::scanned);
  EXPECT_EQ(anthropic().classify("GET", "/v1/models").what, endpoint_class::passes);
  EXPECT_EQ(anthropic().classify("GET", "/v1/models/claude-x").what, endpoint_class::passes);
  EXPECT_EQ(anthropic().classify("GET", "/v1/messages").allowed_method, "POST");
  for (const char* p : {"/v1/messages/batches", "/v1/messages/batches/b1/results", "/v1/files", "/v1/files/f/content", "/v1/skills", "/v1/complete", "/v1/sessions/s/events"}) {
    EXPECT_EQ(anthropic().classify("POST", p).what, endpoint_class::denied) << p;
    EXPECT_FALSE(anthropic().classify("POST", p).why.empty());
  }
  for (const char* p : {"/v1//messages", "/V1/messages", "/v1/messages%2f", "/v1/chat/completions", "/v1/models/../messages"}) {
    EXPECT_EQ(anthropic().classify("POST", p).what, endpoint_class::unknown) << p;
  }
}

TEST(anthropic_errors, have_the_shape_that_its_sdks_know) {
  for (int e = 0; e <= static_cast<int>(gateway_error::upstream_timeout); ++e) {
    const auto j = json::parse(anthropic().error_body({static_cast<gateway_error>(e), "a\n\"b\"", "messages[0]", "d1"}));
    EXPECT_EQ(j["type"], "error");
    EXPECT_TRUE(j["error"]["type"].is_string());
    EXPECT_EQ(j["error"]["message"], "messages[0]: a\n\"b\" (decision d1)");
    EXPECT_EQ(j["request_id"], "d1");
  }
}

TEST(anthropic_errors, a_refusal_has_the_form_that_was_asked_for) {
  const auto to = anthropic().classify("POST", "/v1/messages");
  const std::string plain = R"({"model":"m","messages":[]})";
  const auto a = anthropic().read_request(to, plain, 64), b = anthropic().read_request(to, asked, 64);
  ASSERT_TRUE(a && b);
  const auto j = json::parse(anthropic().refusal_body(**a, "No.", "d"));
  EXPECT_EQ(j["stop_reason"], "refusal");
  EXPECT_EQ(j["content"][0]["text"], "No.");
  const auto v = read(anthropic().refusal_body(**b, "No.", "d"));
  EXPECT_EQ(v.stop_reason, "refusal");
  EXPECT_EQ(v.blocks.at(0)["text"], "No.");
  EXPECT_TRUE(v.stopped);
}

TEST(anthropic_stream, a_word_over_two_events_is_edited_and_what_is_held_leaves_before_the_block_ends) {
  testing::replace_sink sink("secret", "[R]");
  const auto fine = text(0, " fine");
  const auto o = run(start() + begin_text(0) + text(0, "my sec") + text(0, "ret now") + fine + text(0, " sec") + stop(0) + finish(), sink);
  EXPECT_EQ(o.last, status::done);
  const auto v = read(o.out);
  EXPECT_EQ(v.blocks.at(0)["text"], "my [R] now fine sec");
  EXPECT_EQ(v.stop_reason, "end_turn");
  EXPECT_NE(o.out.find(fine), std::string::npos) << "an untouched event leaves byte for byte";
  EXPECT_EQ(sink.names[0], "content[0].text");
}

TEST(anthropic_stream, blocks_are_judged_apart) {
  testing::replace_sink sink("secret", "[R]");
  const auto v = read(run(start() + begin_text(0) + text(0, "sec") + stop(0) + begin_text(1) + text(1, "ret secret") + stop(1) + finish(), sink).out);
  EXPECT_EQ(v.blocks.at(0)["text"], "sec");
  EXPECT_EQ(v.blocks.at(1)["text"], "ret [R]");
}

TEST(anthropic_stream, a_tools_input_in_fragments_is_judged_whole) {
  const auto call = [](const std::string& f) { return delta(1, {{"type", "input_json_delta"}, {"partial_json", f}}); };
  const auto bytes = start() + begin_text(0) + text(0, "hi") + stop(0) + begin(1, {{"type", "tool_use"}, {"id", "t"}, {"name", "f"}, {"input", json::object()}}) +
                     call("") + call("{\"q\":\"the s") + call("\\u0065cr") + call("et\"}") + stop(1) + finish("tool_use");
  testing::replace_sink sink("secret", "[R]");
  const auto v = read(run(bytes, sink).out);
  EXPECT_EQ(json::parse(v.blocks.at(1)["json"].get<std::string>())["q"], "the [R]");
  EXPECT_EQ(v.stop_reason, "tool_use");
  testing::pass_sink pass;
  EXPECT_EQ(run(bytes, pass).out, bytes);
  EXPECT_NE(std::ranges::find(pass.texts, "the secret"), pass.texts.end());
  testing::block_sink block("secret");
  const auto cut = run(bytes, block);
  EXPECT_EQ(cut.last, status::blocked);
  EXPECT_EQ(read(cut.out).stop_reason, "refusal");
  EXPECT_EQ(cut.out.find("cr\""), std::string::npos) << "nothing of the call leaves";
}

TEST(anthropic_stream, thinking_is_not_editable_and_its_signature_leaves_as_it_came) {
  class asks : public testing::pass_sink {
   public:
    std::uint32_t open(role who, part_kind kind, bool editable, std::string name, std::int64_t choice) override {
      if (kind == part_kind::reasoning) reasoning_editable = editable;
      return pass_sink::open(who, kind, editable, std::move(name), choice);
    }
    bool reasoning_editable = true;
  } sink;
  const auto bytes = start() + begin(0, {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}) + delta(0, {{"type", "thinking_delta"}, {"thinking", "hm"}}) +
                     delta(0, {{"type", "signature_delta"}, {"signature", "c2lnbmVk"}}) + stop(0) + finish();
  EXPECT_EQ(run(bytes, sink).out, bytes);
  EXPECT_FALSE(sink.reasoning_editable);
  EXPECT_EQ(sink.texts, std::vector<std::string>{"hm"});
}

TEST(anthropic_stream, a_cut_in_any_state_is_a_refusal_that_an_sdk_reads) {
  const auto open_tool = begin(1, {{"type", "tool_use"}, {"id", "t"}, {"name", "f"}, {"input", json::object()}});
  for (const auto& before : {std::string("event: ping\ndata: {\"type\": \"ping\"}\n\n"), start(), start() + begin_text(0), start() + begin_text(0) + text(0, "a"),
                             start() + begin_text(0) + text(0, "a") + stop(0), start() + begin_text(0) + text(0, "a") + stop(0) + open_tool}) {
    for (const char* message : {"", "Not here."}) {
      testing::block_sink sink("bomb");
      const auto o = run(before + begin(2, {{"type", "text"}, {"text", "a bomb"}}) + text(2, "never") + stop(2) + finish(), sink, {}, message);
      ASSERT_EQ(o.last, status::blocked);
      EXPECT_TRUE(o.out.starts_with(before));
      EXPECT_EQ(o.out.find("bomb"), std::string::npos);
      const auto v = read(o.out);
      EXPECT_EQ(v.stop_reason, "refusal");
      EXPECT_TRUE(v.stopped && !v.left_open);
      EXPECT_EQ(o.out.find("Not here.") != std::string::npos, *message != 0);
    }
  }
}

TEST(anthropic_stream, an_error_of_the_upstream_is_judged_and_ends_it) {
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(start() + begin_text(0) + text(0, "a sec") + event({{"type", "error"}, {"error", {{"type", "overloaded_error"}, {"message", "the secret"}}}}), sink);
  EXPECT_EQ(o.last, status::done);
  EXPECT_NE(o.out.find("the [R]"), std::string::npos);
  EXPECT_EQ(o.out.find("sec\""), std::string::npos) << "what was held is dropped";
}

TEST(anthropic_stream, what_is_no_json_is_unreadable_and_nothing_of_it_leaves) {
  testing::pass_sink sink;
  const auto o = run(start() + begin_text(0) + "event: content_block_delta\ndata: {broken secret\n\n", sink);
  EXPECT_EQ(o.last, status::unreadable);
  EXPECT_EQ(o.out.find("broken"), std::string::npos);
  EXPECT_EQ(read(o.out).stop_reason, "refusal");
}

// Recorded streams as bytes.
std::vector<std::pair<std::string, std::string>> recordings() {
  std::vector<std::pair<std::string, std::string>> out;
  for (auto& [name, bytes] : testing::fixture_files()) {
    if (bytes.find("\"content_block_start\"") == std::string::npos) continue;
    if (bytes.starts_with("event:")) out.emplace_back(name, bytes);
    if (!bytes.starts_with("{")) continue;
    std::string sse;
    for (const auto& line : testing::lines_of(bytes)) {
      const auto type = json::parse(line)["type"].get<std::string>();
      sse += "event: " + type + "\ndata: " + line + "\n\n";
      if (type == "message_stop") out.emplace_back(name, std::exchange(sse, {}));  // some files hold several answers
    }
  }
  return out;
}

TEST(anthropic_stream, text_behind_the_end_of_its_block_ends_the_stream) {
  testing::replace_sink sink("secret", "[R]");
  const auto t = run(start() + begin_text(0) + text(0, "a sec") + stop(0) + text(0, "ret") + finish(), sink);
  EXPECT_EQ(t.last, status::unreadable);
  EXPECT_EQ(t.out.find("ret\""), std::string::npos);
}

TEST(anthropic_stream, an_unknown_delta_in_pieces_is_found) {
  const auto odd = [](const char* words) { return delta(0, {{"type", "new_delta"}, {"words", words}}); };
  testing::block_sink sink("secret");
  EXPECT_EQ(run(start() + begin(0, {{"type", "new"}}) + odd("a sec") + odd("ret") + finish(), sink).last, status::blocked);
}

TEST(anthropic_recordings, untouched_is_byte_identical_at_any_cut) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  std::mt19937 rng(5);
  for (const auto& [name, bytes] : all) {
    testing::pass_sink sink;
    const auto whole = run(bytes, sink);
    ASSERT_NE(whole.last, status::unreadable) << name;
    ASSERT_EQ(whole.out, bytes) << name;
    for (int round = 0; round < 4; ++round) {
      testing::pass_sink again;
      ASSERT_EQ(run(bytes, again, testing::random_cuts(rng, bytes.size())).out, bytes) << name;
    }
  }
  EXPECT_GT(all.size(), 20u);
}

TEST(anthropic_recordings, a_word_is_edited_out_of_its_block_and_blocked_as_a_refusal) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  std::mt19937 rng(7);
  int words = 0;
  for (const auto& [name, bytes] : all) {
    if (name.find("message-start") != std::string::npos) continue;  // streams that are wrong on purpose
    const auto before = read(bytes);
    for (const auto& [index, b] : before.blocks) {
      if (!b.contains("text") || !b["text"].is_string()) continue;
      const auto said = b["text"].get<std::string>();
      std::smatch m;
      const auto half = said.substr(said.size() / 2);
      if (!std::regex_search(half, m, std::regex("[A-Za-z]{6,}"))) continue;
      const std::string word = m.str();
      ++words;
      testing::replace_sink sink(word, "#");
      const auto o = run(bytes, sink, testing::random_cuts(rng, bytes.size()));
      const auto after = read(o.out);
      ASSERT_EQ(after.blocks.at(index)["text"], std::regex_replace(said, std::regex(word), "#")) << name;
      ASSERT_EQ(after.stop_reason, before.stop_reason) << name;
      testing::block_sink block(word);
      const auto cut = run(bytes, block, testing::random_cuts(rng, bytes.size()));
      ASSERT_EQ(cut.last, status::blocked) << name;
      const auto v = read(cut.out);
      ASSERT_EQ(v.stop_reason, "refusal") << name;
      ASSERT_TRUE(v.stopped && !v.left_open) << name;
    }
  }
  EXPECT_GT(words, 10);
}

TEST(anthropic_recordings, a_text_is_put_behind_the_last_block_and_nothing_else_changes) {
  const auto all = recordings();
  if (all.empty()) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
  std::mt19937 rng(13);
  int added = 0;
  for (const auto& [name, bytes] : all) {
    if (name.find("message-start") != std::string::npos) continue;  // streams that are wrong on purpose
    const auto before = read(bytes);
    for (const bool keep : {false, true}) {
      testing::adding_sink sink(" +", keep);
      const auto after = read(run(bytes, sink, testing::random_cuts(rng, bytes.size())).out);
      auto expected = before.blocks;
      if (before.stopped && !sink.closed.empty() && !sink.closed.at(0).second) {
        ++added;
        const auto last = expected.empty() ? 0 : expected.rbegin()->first;
        if (expected.empty() || expected[last]["type"] != "text") {
          expected[expected.empty() ? 0 : last + 1] = {{"type", "text"}, {"text", " +"}, {"json", ""}};
        } else {
          expected[last]["text"] = expected[last]["text"].get<std::string>() + " +";
        }
      }
      ASSERT_EQ(json(after.blocks), json(expected)) << name << (keep ? " kept" : "");
      ASSERT_EQ(after.stop_reason, before.stop_reason) << name;
      ASSERT_EQ(after.stopped, before.stopped) << name;
      ASSERT_EQ(after.left_open, before.left_open) << name;
      ASSERT_LE(sink.closed.size(), 1u) << name;
    }
  }
  EXPECT_GT(added, 10);
}

TEST(anthropic_recordings, whole_answers_are_read_without_an_unknown_part) {
  int seen = 0;
  for (const auto& [name, bytes] : testing::fixture_files()) {
    if (!name.ends_with(".json") || name.find("/anthropic/anthropic-") == std::string::npos) continue;
    const auto r = anthropic().read_response(anthropic().classify("POST", "/v1/messages"), bytes, 64);
    ASSERT_TRUE(r.has_value()) << name << r.error().message;
    EXPECT_EQ((*r)->edited({}), bytes);
    for (const auto& u : (*r)->unread_parts()) ADD_FAILURE() << name << " " << u.path << " " << u.reason;
    for (const auto& p : (*r)->parts()) EXPECT_FALSE(p.kind == part_kind::annotation && (*r)->path(p).find("citations") == std::string::npos) << name << " " << (*r)->path(p);
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no recordings: set SLUICE_FIXTURES";
}

}  // namespace
}  // namespace sluice::wire
