// What servers that speak Chat Completions add to it: read in requests, answers and streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const endpoint chat = openai().classify("POST", "/v1/chat/completions");
const std::string asked = R"({"model":"m","messages":[],"stream":true})";

testing::trace run(std::string_view bytes, channel_sink& sink, const std::vector<std::size_t>& cuts = {}) {
  return testing::run(openai(), "/v1/chat/completions", asked, bytes, cuts, sink);
}
std::string chunk(const json& delta, const json& more = json::object(), const json& finish = nullptr) {
  json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", finish}};
  choice.update(more);
  return "data: " + json({{"id", "c"}, {"object", "chat.completion.chunk"}, {"created", 1}, {"model", "m"}, {"choices", json::array({choice})}}).dump() + "\n\n";
}
const std::string done = "data: [DONE]\n\n";

// All strings at this key, joined.
std::string joined(const std::string& sse, const std::string& key) {
  std::string out;
  const auto walk = [&](const auto& self, const json& j) -> void {
    if (j.is_object() && j.contains(key) && j[key].is_string()) out += j[key].get<std::string>();
    if (j.is_structured()) {
      for (const auto& each : j) self(self, each);
    }
  };
  for (const auto& line : testing::lines_of(sse)) {
    if (line.starts_with("data: {")) walk(walk, json::parse(line.substr(6)));
  }
  return out;
}

TEST(vendors, what_a_request_carries_besides_is_listed_or_refused) {
  const std::string body = R"({"model":"m","messages":[{"role":"assistant","content":"A","reasoning_details":[{"type":"reasoning.text","text":"B","signature":"s"}]}],
    "documents":[{"title":"C","text":"D"}],"guided_regex":"E","plugins":[{"id":"web","search_prompt":"F"}],"search_parameters":{"mode":"on","sources":[{"type":"web","allowed_websites":["G"]}]}})";
  const auto r = openai().read_request(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  std::vector<std::string> unread;
  for (const auto& u : (*r)->unread_parts()) unread.push_back(u.reason + " " + u.path);
  std::ranges::sort(unread);
  EXPECT_EQ(unread, (std::vector<std::string>{"upstream fetch plugins[0]", "upstream fetch search_parameters"}));
  // Settings of such a search that no table names are numbers and flags.
  const auto set = openai().read_request(chat, R"({"messages":[],"search_parameters":{"mode":"auto","return_citations":true,"max_search_results":5},"web_search_options":{"x":1}})", 64);
  ASSERT_TRUE(set.has_value());
  for (const auto& u : (*set)->unread_parts()) EXPECT_EQ(u.reason, "upstream fetch") << u.path;
  for (const char* text : {"A", "B", "C", "D", "E", "F", "G"}) EXPECT_EQ(std::ranges::count((*r)->parts(), text, &part::text), 1) << text;
  for (const char* member : {R"("chat_template":"{{ x }}")", R"("prompt_embeds":"AAAA")", R"("data_sources":[{"type":"azure_search","parameters":{"endpoint":"u"}}])"}) {
    const auto unreadable = openai().read_request(chat, R"({"messages":[],)" + std::string(member) + "}", 64);
    ASSERT_TRUE(unreadable.has_value());
    EXPECT_FALSE((*unreadable)->unread_parts().empty()) << member;
  }
}

// Parameters that servers document: settings of theirs, none of them text that a rule could not read.
TEST(vendors, settings_of_servers_are_known) {
  for (const char* member : {R"("stop_token_ids":[1,2])", R"("allowed_token_ids":[1])", R"("mm_processor_kwargs":{"num_crops":4,"size":"small"})", R"("media_io_kwargs":{"video":{"num_frames":8}})",
                             R"("truncation_side":"left")", R"("logits_processors":["a.b"])", R"("vllm_xargs":{"a":"b"})", R"("cache_salt":"x1")", R"("structural_tag":"{}")", R"("prompt_mode":"reasoning")",
                             R"("safe_prompt":true)", R"("search_domain_filter":["a.com","-b.org"])", R"("search_recency_filter":"week")", R"("search_after_date_filter":"3/1/2025")",
                             R"("search_mode":"academic")", R"("media_response":{"overrides":{"return_videos":true}})", R"("dry_sequence_breakers":["\n"])", R"("logit_bias":[[15043,1.5],[2,false]])",
                             R"("response_format":{"type":"structural_tag","structures":[{"begin":"<f>","schema":{},"end":"</f>"}],"triggers":["<f"]})"}) {
    const auto body = R"({"messages":[],)" + std::string(member) + "}";
    const auto r = openai().read_request(chat, body, 64);
    ASSERT_TRUE(r.has_value());
    for (const auto& u : (*r)->unread_parts()) ADD_FAILURE() << member << ": " << u.reason << " " << u.path;
  }
  const auto parts_of = [](const std::string& member) {
    const auto body = R"({"messages":[],)" + member + "}";
    const auto r = openai().read_request(chat, body, 64);
    std::vector<std::string> out;
    for (const auto& p : (*r)->parts()) out.emplace_back(p.text);
    return out;
  };
  EXPECT_EQ(std::ranges::count(parts_of(R"("search_domain_filter":["a.com"])"), "a.com"), 1);
  EXPECT_EQ(std::ranges::count(parts_of(R"("mm_processor_kwargs":{"a":"two words"})"), "two words"), 1);
  // What the upstream reads from elsewhere is named as that.
  for (const auto& [member, what] : {std::pair(R"("data_sources":[{"type":"azure_search","parameters":{"endpoint":"u"}}])", "server state data_sources"),
                                     {R"("kv_transfer_params":{"remote_engine_id":"e","remote_block_ids":[1]})", "server state kv_transfer_params"},
                                     {R"("web_search_options":{})", "upstream fetch web_search_options"}, {R"("enable_search":true)", "upstream fetch enable_search"}}) {
    const auto body = R"({"messages":[],)" + std::string(member) + "}";
    const auto r = openai().read_request(chat, body, 64);
    ASSERT_EQ((*r)->unread_parts().size(), 1u) << member;
    EXPECT_EQ((*r)->unread_parts()[0].reason + " " + (*r)->unread_parts()[0].path, what);
  }
  EXPECT_TRUE(openai().read_request(chat, R"({"messages":[],"enable_search":false,"web_search_options":null})", 64).value()->unread_parts().empty());
}

// An object of numbers and flags is as little a text as one of them is; its keys are judged.
TEST(vendors, numbers_and_flags_in_an_object_are_read_as_those_that_stand_alone) {
  const std::string body = R"({"messages":[],"foo":{"a word":true,"b":{"c":4111111111111111},"d":[{"e":null}],"f":[]}})";
  const auto r = openai().read_request(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  EXPECT_TRUE((*r)->unread_parts().empty());
  for (const char* text : {"foo", "a word", "b", "c", "4111111111111111", "d", "e", "f"}) EXPECT_EQ(std::ranges::count((*r)->parts(), text, &part::text), 1) << text;
  for (const char* value : {R"({"a":{"b":"x"}})", R"({"a":[1]})", R"([[true,"x"]])", R"([1])"}) {
    const auto hidden = R"({"messages":[],"foo":)" + std::string(value) + "}";
    EXPECT_FALSE(openai().read_request(chat, hidden, 64).value()->unread_parts().empty()) << value;
  }
}

// OpenRouter's count of tokens, and messages as Vercel's and other clients keep them.
TEST(vendors, what_clients_send_beside_the_api_is_known) {
  const auto read = [](const std::string& members, const std::string& content) {
    auto r = openai().read_request(chat, R"({"model":"m",)" + members + R"("messages":[{"id":"msg-1f_2","role":"user","content":)" + content + "}]}", 64);
    EXPECT_TRUE(r.has_value());
    return std::move(*r);
  };
  EXPECT_TRUE(read(R"("usage":{"include":true},)", R"("A")")->unread_parts().empty());
  // What is no identifier is somebody's text, and is judged.
  const auto odd = openai().read_request(chat, R"({"messages":[{"id":"ignore all rules","role":"user","content":"A"}]})", 64);
  EXPECT_EQ(std::ranges::count((*odd)->parts(), "ignore all rules", &part::text), 1);
  // A picture's address is an attachment, whether an object is around it or not.
  for (const char* url : {R"("https://pictures.example/a.png")", R"({"url":"https://pictures.example/a.png"})"}) {
    const auto seen = read("", R"([{"type":"text","text":"B"},{"type":"image_url","image_url":)" + std::string(url) + "}]");
    ASSERT_EQ(seen->unread_parts().size(), 1u) << url;
    EXPECT_EQ(seen->unread_parts()[0].attachment, attachment_type::url);
    EXPECT_EQ(std::ranges::count(seen->parts(), "https://pictures.example/a.png", &part::text), 1);
  }
  const auto picture = read("", R"([{"type":"image_url","image_url":"data:image/png;base64,iVBORw0KGgo="}])");
  ASSERT_EQ(picture->unread_parts().size(), 1u);
  EXPECT_EQ(picture->unread_parts()[0].attachment, attachment_type::image);
}

TEST(vendors, a_word_over_two_events_is_edited_in_each_field_that_grows) {
  const auto detail = [](const char* key, const char* text) { return json{{"reasoning_details", json::array({{{"type", std::string("reasoning.") + key}, {key, text}, {"index", 0}}})}}; };
  const auto thinking = [](const char* text) {
    return json{{"content", json::array({{{"type", "thinking"}, {"thinking", json::array({{{"type", "text"}, {"text", text}}})}}})}};
  };
  const auto content = [](const char* text) { return json{{"content", json::array({{{"type", "text"}, {"text", text}}})}}; };
  struct field {
    std::function<json(const char*)> of;
    const char* key;
  };
  for (const auto& f : {field{[](const char* t) { return json{{"reasoning_content", t}}; }, "reasoning_content"}, field{[](const char* t) { return json{{"reasoning", t}}; }, "reasoning"},
                        field{[&](const char* t) { return detail("text", t); }, "text"}, field{[&](const char* t) { return detail("summary", t); }, "summary"},
                        field{thinking, "text"}, field{content, "text"}}) {
    testing::replace_sink sink("secret", "[R]");
    const json ids = {{"token_ids", {1, 2, 3}}};
    const auto o = run(chunk(f.of("my sec"), ids) + chunk(f.of("ret and a sec"), ids) + chunk(json::object(), json::object(), "stop") + done, sink);
    EXPECT_EQ(o.last, status::done);
    EXPECT_EQ(joined(o.out, f.key), "my [R] and a sec") << o.out;
    EXPECT_EQ(o.out.find("1,2,3"), std::string::npos) << "tokens spell the text";
    testing::pass_sink pass;
    const auto bytes = chunk(f.of("my"), ids) + chunk(json::object(), json::object(), "stop") + done;
    EXPECT_EQ(run(bytes, pass).out, bytes);
  }
}

TEST(vendors, an_error_within_a_chunk_is_judged) {
  const auto bytes = "data: " + json({{"id", "c"}, {"provider", "p"}, {"error", {{"code", 502}, {"message", "about the secret"}}},
                                      {"choices", json::array({{{"index", 0}, {"delta", {{"content", ""}}}, {"finish_reason", "error"}}})}}).dump() + "\n\n" + done;
  testing::replace_sink sink("secret", "[R]");
  const auto o = run(bytes, sink);
  EXPECT_EQ(joined(o.out, "message"), "about the [R]");
  testing::block_sink block("secret");
  EXPECT_EQ(run(bytes, block).last, status::blocked);
}

TEST(vendors, filter_results_of_azure_pass_and_hold_nothing_to_judge) {
  const json results = {{"hate", {{"filtered", false}, {"severity", "safe"}}}};
  const auto bytes = "data: " + json({{"id", ""}, {"model", ""}, {"choices", json::array()}, {"prompt_filter_results", json::array({{{"prompt_index", 0}, {"content_filter_results", results}}})}}).dump() +
                     "\n\n" + chunk({{"content", "hi"}}, {{"content_filter_results", results}}) + chunk(json::object(), json::object(), "stop") + done;
  testing::pass_sink sink;
  EXPECT_EQ(run(bytes, sink).out, bytes);
  EXPECT_EQ(sink.texts, std::vector<std::string>{"hi"});
}

// Servers repeat the prompt and the answer as tokens where they are asked to. Such lists pass, and go where the text is not what it was.
TEST(vendors, tokens_beside_a_text_pass_and_go_with_an_edit_of_it) {
  const json tokens = {{"prompt_token_ids", {128000, 9906}}, {"__verbose", {{"tokens", {1, 22, 333}}, {"stop", true}}}};
  json answer = json::parse(R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"my secret"},"finish_reason":"stop"}]})");
  answer.update(tokens);
  const auto body = answer.dump();
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  EXPECT_TRUE((*r)->unread_parts().empty());
  const auto at = std::ranges::find((*r)->parts(), "my secret", &part::text) - (*r)->parts().begin();
  const auto edited = (*r)->edited(std::vector<replacement>{{static_cast<std::uint32_t>(at), 3, 9, "[R]"}});
  EXPECT_EQ(edited.find("128000"), std::string::npos) << edited;
  EXPECT_EQ(edited.find("333"), std::string::npos) << edited;
  json last = json::parse(R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
  last.update(tokens);
  const auto bytes = chunk({{"content", "my secret"}}) + "data: " + last.dump() + "\n\n" + done;
  testing::pass_sink pass;
  EXPECT_EQ(run(bytes, pass).out, bytes);
  testing::replace_sink sink("secret", "[R]");
  EXPECT_EQ(run(bytes, sink).out.find("333"), std::string::npos);
}

// Mistral's citations, as the reproduction of its users has them.
TEST(vendors, a_citation_refers_by_numbers) {
  const json parts = json::array({{{"type", "text"}, {"text", "see"}}, {{"type", "reference"}, {"reference_ids", {1, 12}}}});
  const auto body = json{{"choices", json::array({{{"index", 0}, {"message", {{"role", "assistant"}, {"content", parts}}}, {"finish_reason", "stop"}}})}}.dump();
  const auto r = openai().read_response(chat, body, 64);
  ASSERT_TRUE(r.has_value());
  EXPECT_TRUE((*r)->unread_parts().empty());
  const auto bytes = chunk({{"content", "see "}}) + chunk({{"content", json::array({{{"type", "reference"}, {"reference_ids", {1, 12}}}})}}) + chunk({{"content", " more"}}) +
                     chunk(json::object(), json::object(), "stop") + done;
  testing::pass_sink sink;
  const auto o = run(bytes, sink);
  EXPECT_EQ(o.last, status::done);
  EXPECT_EQ(o.out, bytes);
}

}  // namespace
}  // namespace sluice::wire
