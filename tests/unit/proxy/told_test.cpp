// What a client is told when something of it is refused. Goal: the error says where, what it is, and what to do or whom to ask for which setting.
#include <gtest/gtest.h>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

// The error that the client gets; "" where the upstream is asked.
std::string refusal_of(trace& t, const std::string& body, const std::string& target = "/v1/chat/completions") {
  t.out = {};
  exchange x(t.config, t.worker);
  t.request(x, body, target);
  return t.out.done ? t.out.client : std::string();
}
std::string refusal_of(const std::string& body, const std::string& target = "/v1/chat/completions") {
  trace t;
  return refusal_of(t, body, target);
}
void expect_said(const std::string& told, std::initializer_list<std::string_view> words) {
  for (const auto word : words) EXPECT_TRUE(told.contains(word)) << word << "\nin " << told;
}

TEST(told, a_flag_in_quotes_is_to_be_written_without) {
  expect_said(refusal_of(R"({"model":"m","stream":"true","messages":[]})"), {"400 ", "cannot read stream ", "write it without quotes", "unreadable.unknown_part is deny"});
  expect_said(refusal_of(R"({"model":"m","max_tokens":"9","messages":[]})"), {"cannot read max_tokens ", "write it without quotes"});
  expect_said(refusal_of(R"({"model":"m","streams":"true","messages":[]})"), {"cannot read streams ", "remove it or ask your operator"});
}

TEST(told, a_body_in_another_encoding_is_to_be_utf_8) {
  const std::string plain = ask("hi");
  for (const bool big : {false, true}) {
    for (const std::size_t unit : {2U, 4U}) {
      std::string wide;
      for (const char c : plain) wide += big ? std::string(unit - 1, '\0') + c : c + std::string(unit - 1, '\0');
      expect_said(refusal_of(wide), {"400 ", "UTF-16 or UTF-32", "encode it in UTF-8"});
      if (unit == 2) expect_said(refusal_of((big ? "\xfe\xff" : "\xff\xfe") + wide), {"UTF-16 or UTF-32"});
    }
  }
  expect_said(refusal_of("\xef\xbb\xbf" + plain), {"byte order mark", "leave it out"});
}

TEST(told, an_attachment_is_called_what_it_is_and_names_its_setting) {
  const auto with = [](const std::string& part) { return R"({"model":"m","messages":[{"role":"user","content":[)" + part + "]}]}"; };
  expect_said(refusal_of(with(R"({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}})")), {"messages[0].content[0].image_url.url", "an image", "unreadable.attachments.image is deny"});
  expect_said(refusal_of(with(R"({"type":"image_url","image_url":{"url":"https://pictures.example/a.png"}})")), {"an address, which the upstream fetches", "unreadable.attachments.url is deny"});
  expect_said(refusal_of(with(R"({"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0xLjcK"}})")), {"a PDF", "unreadable.attachments.pdf is deny"});
}

TEST(told, what_is_refused_by_its_path_says_which_setting_passes_it_or_that_none_does) {
  expect_said(refusal_of("{}", "/v1/audio/transcriptions"), {"403 ", "refuses forms", "unreadable.forms: scan", "unreadable.attachments"});
  expect_said(refusal_of("{}", "/v1/images/generations"), {"403 ", "/v1/images", "no setting passes it", "POST /v1/images/edits, POST /v1/images/variations"});
  expect_said(refusal_of("{}", "/v1/audio/speech"), {"403 ", "no setting passes it", "POST /v1/audio/transcriptions"});
  expect_said(refusal_of("{}", "/v1/batches"), {"403 ", "/v1/batches", "no setting passes it. Use /v1/chat/completions"});
}

TEST(told, of_a_redaction_that_became_a_block_where_and_why) {
  expect_said(refusal_of(R"({"model":"m","messages":[{"role":"user","name":"rival bank","content":"hi"}]})"), {"400 ", "would have changed what it found in messages[0].name", "a name, by which others call it", "write it otherwise"});
  expect_said(refusal_of(R"({"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{"description":"of a rival bank"}}}]})"), {"part of a schema"});
  // Of two finds, the one that could not be edited.
  expect_said(refusal_of(R"({"model":"m","messages":[{"role":"user","content":"rival bank"},{"role":"user","content":"x"}],"stop":["rival bank"]})"), {"in stop[0]", "only these very words"});
  EXPECT_FALSE(refusal_of(R"({"model":"m","messages":[{"role":"user","name":"rival bank","content":"hi"}]})").contains("rival"));
  // A rule that blocks speaks for itself.
  EXPECT_FALSE(refusal_of(ask("a bomb")).contains("would have changed"));
  // In an answer.
  trace t;
  exchange x(t.config, t.worker);
  t.request(x, ask("hi"));
  t.answer(x, json_head, R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"rival bank","arguments":"{}"}}]}}]})");
  x.upstream_end(t.out);
  expect_said(t.out.client, {"400 ", "choices[0].message.tool_calls[0].function.name", "a name, by which others call it, so the answer was withheld"});
}

TEST(told, what_the_upstream_looks_into_itself_is_called_by_its_name) {
  for (const auto how : {unreadable_policy::deny, unreadable_policy::ledger}) {
    trace t;
    t.config.server_state = how;
    const auto responses = [&](const std::string& tool) { return refusal_of(t, R"({"model":"m","input":"hi","tools":[)" + tool + "]}", "/v1/responses"); };
    expect_said(responses(R"({"type":"mcp","server_label":"l","server_url":"https://tools.example/mcp"})"), {"tools[0].server_url", "an MCP server", "unreadable.server_state"});
    expect_said(responses(R"({"type":"code_interpreter","container":"cntr_1"})"), {"tools[0].container", "a container"});
    expect_said(responses(R"({"type":"file_search","vector_store_ids":["vs_1"]})"), {"tools[0].vector_store_ids[0]", "a store or a search"});
    EXPECT_FALSE(responses(R"({"type":"mcp","server_label":"l","server_url":"https://tools.example/mcp"})").contains("send the text itself"));
  }
  trace t;
  t.config.server_state = unreadable_policy::ledger;
  t.config.upstreams.clear();
  t.config.upstreams.push_back({"gemini", &wire::gemini(), {"/v1beta"}, "gemini.example", ""});
  expect_said(refusal_of(t, R"({"contents":[{"parts":[{"fileData":{"fileUri":"gs://bucket/a.txt"}}]}]})", "/v1beta/models/m:generateContent"), {"fileData.fileUri", "a file at an address", "leave it out"});
  t.config.upstreams.clear();
  t.config.upstreams.push_back({"anthropic", &wire::anthropic(), {"/v1"}, "anthropic.example", ""});
  expect_said(refusal_of(t, R"({"model":"m","max_tokens":9,"messages":[],"container":"c_1"})", "/v1/messages"), {"What container names is a container"});
  t.config.upstreams.clear();
  t.config.upstreams.push_back({"ollama", &wire::ollama(), {"/api"}, "ollama.example", ""});
  expect_said(refusal_of(t, R"({"model":"m","prompt":"hi","context":[1,2,3]})", "/api/generate"), {"What context names is a conversation in its server's own tokens", "/api/chat", "unreadable.server_state"});
}

TEST(told, a_body_that_is_compressed_and_does_not_say_so_is_called_that) {
  for (const auto& [bytes, coding] : {std::pair<std::string, std::string_view>{std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00", 8), "gzip"}, {"\x28\xb5\x2f\xfd\x04", "zstd"}}) {
    expect_said(refusal_of(bytes), {"400 ", "compressed with " + std::string(coding), "Content-Encoding"});
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, ask("hi"));
    t.answer(x, json_head, bytes);
    x.upstream_end(t.out);
    expect_said(t.out.client, {"502 ", "compressed with " + std::string(coding), "ask your operator"});
    EXPECT_FALSE(t.out.client.contains("name it there")) << "that is advice for who wrote it";
  }
}

TEST(told, an_unknown_role_is_to_be_one_that_there_is) {
  expect_said(refusal_of(R"({"model":"m","messages":[{"role":"narrator","content":"hi"}]})"), {"400 ", "messages[0].role", "system, developer, user, assistant, tool or function", "unreadable.unknown_part is deny"});
  expect_said(refusal_of(R"({"model":"m","messages":[{"content":"hi"}]})"), {"400 ", "messages[0] ", "name its role: system, developer, user"});
  expect_said(refusal_of(R"({"model":"m","input":[{"role":"narrator","content":"hi"}]})", "/v1/responses"), {"input[0].role", "user, assistant, system, developer or tool"});
  struct { const wire::dialect* speaks; std::string path, under, body, roles; } const all[] = {
      {&wire::anthropic(), "/v1/messages", "/v1", R"({"model":"m","max_tokens":9,"messages":[{"role":"narrator","content":"hi"}]})", "user, assistant or system"},
      {&wire::gemini(), "/v1beta/models/m:generateContent", "/v1beta", R"({"contents":[{"role":"narrator","parts":[{"text":"hi"}]}]})", "user, model, function or system"},
      {&wire::ollama(), "/api/chat", "/api", R"({"model":"m","messages":[{"role":"narrator","content":"hi"}]})", "user, assistant, system or tool"},
  };
  for (const auto& of : all) {
    trace t;
    t.config.upstreams.clear();
    t.config.upstreams.push_back({"u", of.speaks, {of.under}, "u.example", ""});
    expect_said(refusal_of(t, of.body, of.path), {"400 ", "name its role: " + of.roles + ", or ask your operator"});
  }
}

// The client has not written it, and no rule has seen how it calls its fields.
TEST(told, of_an_answer_that_cannot_be_read_the_setting_and_that_the_upstream_sent_it) {
  const auto answered = [](const std::string& head, const std::string& body) {
    trace t;
    exchange x(t.config, t.worker);
    t.request(x, ask("hi", head == sse_head));
    t.answer(x, head, body);
    if (!t.out.done) x.upstream_end(t.out);
    return t.out.client;
  };
  const auto plain = answered(json_head, R"({"choices":[{"index":0,"token_ids":[1,2,3],"message":{"role":"assistant"}}]})");
  expect_said(plain, {"502 ", "unknown part", "ask your operator (unreadable.unknown_part is deny)"});
  const auto streamed = answered(sse_head, "data: " R"({"choices":[{"index":0,"token_ids":[1,2,3],"delta":{}}]})" "\n\n");
  expect_said(streamed, {"502 ", "ask your operator (unreadable.unknown_part is deny)"});
  // Where it stands is said without the upstream's own words.
  const std::string file = R"("gomorrah":"data:application/pdf;base64,JVBERi0xLjQ=",)";
  for (const auto& told : {answered(json_head, "{" + file + R"("choices":[{"index":0,"message":{"role":"assistant","content":"fine"}}]})"),
                           answered(sse_head, "data: {" + file + R"("choices":[{"index":0,"delta":{"content":"fine"}}]})" "\n\n")}) {
    expect_said(told, {"502 ", "unreadable.attachments"});
    EXPECT_FALSE(told.contains("gomorrah")) << told;
  }
  const auto marked = answered(json_head, "\xef\xbb\xbf{}");
  expect_said(marked, {"502 ", "could not be read: ", "The upstream sent it so; ask your operator."});
  EXPECT_FALSE(marked.contains("leave it out")) << marked;
}

}  // namespace
}  // namespace sluice::proxy
