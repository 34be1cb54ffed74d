// Requests that name what the upstream holds, as traces: what the ledger knows goes on, what it does not know is refused.
#include <gtest/gtest.h>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

class ledger_services final : public fake_services {
 public:
  std::shared_ptr<const ledger_entry> recall_handle(const ledger_key& of) override {
    const auto at = known.find(name(of));
    return at == known.end() ? nullptr : at->second;
  }
  void keep_handle(const ledger_key& of, std::shared_ptr<const ledger_entry> as) override { known[name(of)] = std::move(as); }
  void record(const exchange_report& r) override {
    recalled.assign(r.recalled.begin(), r.recalled.end());
    regions.push_back(r.who.region);
    fake_services::record(r);
  }
  static std::string name(const ledger_key& of) { return std::string(of.tenant) + "/" + std::string(of.dialect) + "/" + std::string(of.handle); }
  std::map<std::string, std::shared_ptr<const ledger_entry>> known;
  std::vector<recalled_handle> recalled;
  std::vector<std::string> regions;
};

struct state_trace : trace {
  state_trace() { config.server_state = unreadable_policy::ledger; }
  ledger_services ring;

  // The status that the client got.
  std::string ask_for(const std::string& body, const std::string& reply, const std::string& target = "/v1/responses", const std::string& method = "POST",
                      const std::string& head = json_head) {
    out = {};
    exchange x(config, ring);
    request(x, body, target, method);
    connected = out.connect.has_value();
    if (!out.done) {
      answer(x, head, reply);
      if (!out.done) x.upstream_end(out);
    }
    return out.client.substr(9, 3);
  }
  [[nodiscard]] std::shared_ptr<const ledger_entry> of(const std::string& id) { return ring.recall_handle({"", "openai", id}); }
  bool connected = false;
};

std::string response(const std::string& id, const std::string& said, const std::string& status = "completed") {
  return R"({"id":")" + id + R"(","object":"response","status":")" + status + R"(","output":[{"id":"msg_)" + id +
         R"(","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":")" + said + R"(","annotations":[]}]}]})";
}
std::string asks(const std::string& more = "") { return R"({"model":"m","input":"hi")" + more + "}"; }

TEST(server_state, a_handle_that_went_through_is_known_and_any_other_is_not) {
  state_trace t;
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), ""), "400");
  EXPECT_FALSE(t.connected);
  EXPECT_NE(t.out.client.find(R"("param":"previous_response_id")"), std::string::npos) << t.out.client;
  EXPECT_EQ(t.ring.counters().refused[static_cast<std::size_t>(refusal::server_state)].value(), 1u);
  EXPECT_EQ(t.ask_for(asks(), response("resp_1", "hello")), "200");
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), response("resp_2", "more")), "200");
  ASSERT_EQ(t.ring.recalled.size(), 1u);
  EXPECT_EQ(t.ring.recalled[0].path, "previous_response_id");
  EXPECT_EQ(t.ring.recalled[0].version, t.ring.pin()->snapshot->version());
  EXPECT_EQ(t.ask_for(R"({"model":"m","input":[{"type":"item_reference","id":"msg_resp_2"},{"role":"user","content":"go on"}]})", response("resp_3", "x")), "200");
  for (const char* field : {R"("conversation":"conv_1")", R"("conversation":{"id":"conv_1"})", R"("prompt":{"id":"pmpt_1"})", R"("previous_response_id":"resp_9")",
                            R"("tools":[{"type":"file_search","vector_store_ids":["vs_1"]}])", R"("input":[{"type":"item_reference","id":"msg_9"}])",
                            R"("input":[{"role":"user","content":[{"type":"input_file","file_id":"file_1"}]}])", R"("tools":[{"type":"mcp","server_label":"a","server_url":"https://a"}])"}) {
    EXPECT_EQ(t.ask_for(R"({"model":"m",)" + std::string(field) + "}", ""), "400") << field;
    EXPECT_FALSE(t.connected) << field;
  }
}

TEST(server_state, what_was_blocked_or_not_read_to_its_end_is_not_known) {
  state_trace t;
  EXPECT_EQ(t.ask_for(asks(), response("resp_1", "a bomb")), "400");
  EXPECT_EQ(t.of("resp_1"), nullptr);
  const auto created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":" + response("resp_2", "", "in_progress") + "}\n\n";
  const auto completed = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":" + response("resp_2", "hello") + "}\n\n";
  EXPECT_EQ(t.ask_for(asks(R"(,"stream":true)"), created, "/v1/responses", "POST", sse_head), "200");
  ASSERT_NE(t.of("resp_2"), nullptr);
  EXPECT_FALSE(t.of("resp_2")->whole);
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_2")"), ""), "400");
  EXPECT_EQ(t.ask_for(asks(R"(,"stream":true)"), created + completed, "/v1/responses", "POST", sse_head), "200");
  EXPECT_TRUE(t.of("resp_2")->whole);
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_2")"), response("resp_3", "x")), "200");
}

TEST(server_state, an_answer_in_the_background_counts_once_it_was_read) {
  state_trace t;
  EXPECT_EQ(t.ask_for(asks(R"(,"background":true)"), R"({"id":"resp_1","object":"response","status":"queued","output":[]})"), "200");
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), ""), "400");
  EXPECT_NE(t.out.client.find("read it first"), std::string::npos) << t.out.client;
  EXPECT_EQ(t.ask_for("", response("resp_1", "the rival bank"), "/v1/responses/resp_1", "GET"), "200");
  EXPECT_NE(t.out.client.find("the [R]"), std::string::npos);
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), response("resp_2", "x")), "200");
  // The middle of a stream begins within a text, whoever made it.
  EXPECT_EQ(t.ask_for("", "", "/v1/responses/resp_1?stream=true&starting_after=3", "GET"), "400");
}

TEST(server_state, what_is_read_back_is_judged_in_the_context_in_which_it_was_made) {
  state_trace t;
  auto made = std::make_shared<ledger_entry>();
  made->who.region = "eu";
  made->who.model = "m";
  t.ring.known["/openai/resp_1"] = made;
  EXPECT_EQ(t.ask_for("", response("resp_1", "hello"), "/v1/responses/resp_1", "GET"), "200");
  EXPECT_EQ(t.ring.regions.back(), "eu");
  for (const char* path : {"/v1/responses/resp_9", "/v1/responses/resp_9/input_items", "/v1/conversations/conv_9", "/v1/conversations/conv_9/items", "/v1/conversations/conv_9/items/msg_1",
                           "/openai/responses/resp_9?api-version=1"}) {
    t.config.upstreams[0].paths = {"/v1", "/openai"};
    EXPECT_EQ(t.ask_for("", "", path, "GET"), "400") << path;
    EXPECT_FALSE(t.connected) << path;
  }
}

TEST(server_state, a_conversation_is_known_from_its_creation_until_an_answer_in_it_is_blocked) {
  state_trace t;
  const std::string made = R"({"id":"conv_1","object":"conversation","created_at":1,"metadata":{}})";
  EXPECT_EQ(t.ask_for(R"({"items":[{"type":"message","role":"user","content":"a bomb"}]})", "", "/v1/conversations"), "400");
  EXPECT_EQ(t.ask_for(R"({"items":[{"type":"message","role":"user","content":"the rival bank"}]})", made, "/v1/conversations"), "200");
  EXPECT_TRUE(t.out.upstream_request.ends_with(R"({"items":[{"type":"message","role":"user","content":"the [R]"}]})")) << t.out.upstream_request;
  EXPECT_EQ(t.ask_for(R"({"items":[{"role":"user","content":"more"}]})", R"({"object":"list","data":[{"id":"msg_1","type":"message","role":"user","content":[{"type":"input_text","text":"more"}]}]})",
                      "/v1/conversations/conv_1/items"), "200");
  EXPECT_NE(t.of("msg_1"), nullptr);
  EXPECT_EQ(t.ask_for(asks(R"(,"conversation":"conv_1")"), response("resp_1", "hello")), "200");
  EXPECT_EQ(t.ask_for(asks(R"(,"conversation":{"id":"conv_1"})"), response("resp_2", "a bomb")), "400");
  EXPECT_EQ(t.ask_for(asks(R"(,"conversation":"conv_1")"), ""), "400");
  EXPECT_NE(t.out.client.find("was blocked"), std::string::npos) << t.out.client;
  EXPECT_EQ(t.ask_for(R"({"items":[]})", "", "/v1/conversations/conv_2/items"), "400");
}

TEST(server_state, a_cache_of_gemini_and_the_audio_of_chat_completions_are_known) {
  state_trace t;
  t.config.upstreams.push_back({"gemini", &wire::gemini(), {"/v1beta"}, "gemini.example", ""});
  const std::string ask = R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}],"cachedContent":"cachedContents/abc"})", said = R"({"candidates":[{"content":{"parts":[{"text":"hi"}]}}]})";
  EXPECT_EQ(t.ask_for(ask, said, "/v1beta/models/m:generateContent"), "400");
  EXPECT_EQ(t.ask_for(R"({"model":"models/m","contents":[{"role":"user","parts":[{"text":"a bomb"}]}]})", "", "/v1beta/cachedContents"), "400");
  EXPECT_EQ(t.ask_for(R"({"model":"models/m","contents":[{"role":"user","parts":[{"text":"a long book"}]}],"ttl":"300s"})", R"({"name":"cachedContents/abc","model":"models/m","usageMetadata":{"totalTokenCount":9}})",
                      "/v1beta/cachedContents"), "200");
  EXPECT_EQ(t.ask_for(ask, said, "/v1beta/models/m:generateContent"), "200");
  t.config.attachments[static_cast<std::size_t>(wire::attachment_type::audio)] = unreadable_policy::pass;
  const std::string again = R"({"messages":[{"role":"assistant","audio":{"id":"audio_1"}},{"role":"user","content":"go on"}]})";
  EXPECT_EQ(t.ask_for(again, "", "/v1/chat/completions"), "400");
  EXPECT_EQ(t.ask_for(R"({"messages":[{"role":"user","content":"hi"}]})", R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"audio":{"id":"audio_1","data":"AAAA","transcript":"hello"}}}]})",
                      "/v1/chat/completions"), "200");
  EXPECT_EQ(t.ask_for(again, R"({"choices":[]})", "/v1/chat/completions"), "200");
}

TEST(server_state, without_a_ledger_nothing_is_asked_or_kept) {
  for (const auto rule : {unreadable_policy::deny, unreadable_policy::pass}) {
    state_trace t;
    t.config.server_state = rule;
    EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), response("resp_2", "x")), rule == unreadable_policy::deny ? "400" : "200");
    EXPECT_EQ(t.ask_for("", response("resp_1", "hello"), "/v1/responses/resp_1", "GET"), "200");
    EXPECT_TRUE(t.ring.known.empty());
  }
}

TEST(server_state, the_global_shadow_records_what_it_would_have_refused) {
  state_trace t;
  t.config.global_shadow = true;
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_9")"), response("resp_1", "hello")), "200");
  EXPECT_EQ(t.ring.records.back().reason, "unreadable: server state");
  EXPECT_EQ(t.ask_for("", response("resp_9", "hello"), "/v1/responses/resp_9", "GET"), "200");
}

}  // namespace
}  // namespace sluice::proxy
