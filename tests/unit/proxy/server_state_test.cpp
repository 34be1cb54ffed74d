// Requests that name what the upstream holds, as traces: what the ledger knows goes on, what it does not know is refused.
#include <gtest/gtest.h>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

class ledger_services final : public fake_services {
 public:
  std::uint64_t ask_ledger(ledger_question q, ledger_answer& at_once) override {
    ++asked;
    if (away) return 0;
    ledger_answer& to = elsewhere ? waits : at_once;
    to = {.available = true, .found = {}};
    for (const auto& handle : q.recall) to.found.push_back(recall(q.tenant, q.dialect, handle));
    for (auto& each : q.keep) {
      auto& there = known[name(q.tenant, q.dialect, each.id)];
      const bool stands = each.instead_of == nullptr || there == each.instead_of;
      to.missed = to.missed || !stands;
      if (stands) there = std::move(each.as);
    }
    return elsewhere ? ++tickets : 0;
  }
  [[nodiscard]] std::shared_ptr<const ledger_entry> recall(std::string_view tenant, std::string_view dialect, std::string_view handle) const {
    const auto at = known.find(name(tenant, dialect, handle));
    return at == known.end() ? nullptr : at->second;
  }
  void record(const exchange_report& r) override {
    recalled.assign(r.recalled.begin(), r.recalled.end());
    regions.push_back(r.who.region);
    fake_services::record(r);
  }
  static std::string name(std::string_view tenant, std::string_view dialect, std::string_view handle) {
    return std::string(tenant) + "/" + std::string(dialect) + "/" + std::string(handle);
  }
  bool elsewhere = false, away = false;  // elsewhere: it answers later
  ledger_answer waits;
  std::uint64_t tickets = 0, asked = 0;
  std::map<std::string, std::shared_ptr<const ledger_entry>> known;
  std::vector<recalled_handle> recalled;
  std::vector<std::string> regions;
};

struct state_trace : trace {
  explicit state_trace(bool elsewhere) {
    config.server_state = unreadable_policy::ledger;
    ring.elsewhere = elsewhere;
  }
  ledger_services ring;

  // The status that the client got.
  std::string ask_for(const std::string& body, const std::string& reply, const std::string& target = "/v1/responses", const std::string& method = "POST",
                      const std::string& head = json_head) {
    out = {};
    exchange x(config, ring);
    request(x, body, target, method);
    ledger_answers(x);
    connected = out.connect.has_value();
    if (!out.done) {
      answer(x, head, reply);
      if (!out.done) x.upstream_end(out);
      ledger_answers(x);
    }
    EXPECT_TRUE(out.done);
    return out.client.substr(9, 3);
  }
  void ledger_answers(exchange& x) {
    while (std::exchange(out.awaits, 0) != 0) x.ledger_answered(ring.waits, out);
  }
  [[nodiscard]] std::shared_ptr<const ledger_entry> of(const std::string& id) { return ring.recall("", "openai", id); }
  bool connected = false;
};

// In this process, or elsewhere: what is known and refused is the same.
class server_state : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(ledger, server_state, ::testing::Bool(), [](const auto& info) { return std::string(info.param ? "elsewhere" : "here"); });

std::string response(const std::string& id, const std::string& said, const std::string& status = "completed") {
  return R"({"id":")" + id + R"(","object":"response","status":")" + status + R"(","output":[{"id":"msg_)" + id +
         R"(","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":")" + said + R"(","annotations":[]}]}]})";
}
std::string asks(const std::string& more = "") { return R"({"model":"m","input":"hi")" + more + "}"; }

TEST_P(server_state, a_handle_that_went_through_is_known_and_any_other_is_not) {
  state_trace t(GetParam());
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

TEST_P(server_state, what_was_blocked_or_not_read_to_its_end_is_not_known) {
  state_trace t(GetParam());
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

TEST_P(server_state, what_is_blocked_when_it_is_read_back_is_no_longer_built_upon) {
  state_trace t(GetParam());
  EXPECT_EQ(t.ask_for(asks(), response("resp_1", "hello")), "200");
  EXPECT_EQ(t.ask_for("", response("resp_1", "hello"), "/v1/responses/resp_1", "GET"), "200");
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), response("resp_2", "x")), "200");
  // As if the rules had changed since.
  EXPECT_EQ(t.ask_for("", response("resp_1", "a bomb"), "/v1/responses/resp_1", "GET"), "400");
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), ""), "400");
  EXPECT_NE(t.out.client.find("was blocked"), std::string::npos) << t.out.client;
  // What the upstream could not find says nothing of it.
  EXPECT_EQ(t.ask_for("", R"({"error":{"message":"a bomb"}})", "/v1/responses/resp_2", "GET", "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n"), "400");
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_2")"), response("resp_3", "x")), "200");
}

TEST_P(server_state, an_answer_in_the_background_counts_once_it_was_read) {
  state_trace t(GetParam());
  EXPECT_EQ(t.ask_for(asks(R"(,"background":true)"), R"({"id":"resp_1","object":"response","status":"queued","output":[]})"), "200");
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), ""), "400");
  EXPECT_NE(t.out.client.find("read it first"), std::string::npos) << t.out.client;
  EXPECT_EQ(t.ask_for("", response("resp_1", "the rival bank"), "/v1/responses/resp_1", "GET"), "200");
  EXPECT_NE(t.out.client.find("the [R]"), std::string::npos);
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), response("resp_2", "x")), "200");
  // The middle of a stream begins within a text, whoever made it.
  EXPECT_EQ(t.ask_for("", "", "/v1/responses/resp_1?stream=true&starting_after=3", "GET"), "400");
  EXPECT_NE(t.out.client.find("does not support what starting_after asks for"), std::string::npos) << t.out.client;
}

// Half a secret is no match, and a client may ask again and again.
TEST_P(server_state, what_is_still_being_made_is_left_out_of_an_answer_that_is_read_back) {
  state_trace t(GetParam());
  EXPECT_EQ(t.ask_for(asks(R"(,"background":true)"), R"({"id":"resp_1","object":"response","status":"queued","output":[]})"), "200");
  const auto item = [](const std::string& id, const std::string& said, const std::string& status) {
    return R"({"id":")" + id + R"(","type":"message","role":"assistant","status":")" + status + R"(","content":[{"type":"output_text","text":")" + said + R"("}]})";
  };
  const auto reply = [](const std::string& output, const std::string& status) { return R"({"id":"resp_1","object":"response","status":")" + status + R"(","output":[)" + output + "]}"; };
  const auto whole = item("a", "the rival bank", "completed"), half = item("b", "the riv", "in_progress");
  for (const auto& [came, left] : {std::pair{half, std::string()}, {whole + ", " + half, whole}, {half + ", " + whole, whole}, {half + "," + half + "," + whole + "," + half + "," + half, whole}}) {
    EXPECT_EQ(t.ask_for("", reply(came, "in_progress"), "/v1/responses/resp_1", "GET"), "200");
    auto expected = reply(left, "in_progress");
    if (const auto at = expected.find("rival bank"); at != std::string::npos) expected.replace(at, 10, "[R]");
    EXPECT_TRUE(t.out.client.ends_with("\r\n\r\n" + expected)) << t.out.client;
  }
  EXPECT_EQ(t.ask_for("", reply(half, "cancelled"), "/v1/responses/resp_1", "GET"), "200");
  EXPECT_NE(t.out.client.find("the riv"), std::string::npos);
}

// What is ended or read without its text is asked about as well.
TEST_P(server_state, a_handle_in_a_path_is_known_or_refused_whatever_is_done_with_it) {
  state_trace t(GetParam());
  for (const char* path : {"/v1/responses/resp_9", "/v1/conversations/conv_9", "/v1/conversations/conv_9/items/msg_1"}) {
    EXPECT_EQ(t.ask_for("", "", path, "DELETE"), "400") << path;
    EXPECT_FALSE(t.connected) << path;
  }
  EXPECT_EQ(t.ask_for(asks(), response("resp_1", "hello")), "200");
  EXPECT_EQ(t.ring.counters().refused[static_cast<std::size_t>(refusal::server_state)].value(), 3u);
  EXPECT_EQ(t.ask_for("", R"({"id":"resp_1","deleted":true})", "/v1/responses/resp_1", "DELETE"), "200");
  EXPECT_TRUE(t.connected);
}

TEST_P(server_state, items_that_stand_for_text_of_the_upstreams_are_known_or_refused) {
  state_trace t(GetParam());
  const auto input = [](const std::string& item) { return R"({"model":"m","input":[{"role":"user","content":"hi"},)" + item + "]}"; };
  const std::string compaction = R"({"id":"cmp_1","type":"compaction","encrypted_content":"gAAA"})", picture = R"({"id":"ig_1","type":"image_generation_call"})";
  for (const auto& item : {compaction, picture, std::string(R"({"type":"compaction","encrypted_content":"gAAA"})"), std::string(R"({"type":"compaction","id":"cmp_1"})"),
                           std::string(R"({"id":"ig_1","type":"image_generation_call","status":"completed","result":null})")}) {
    EXPECT_EQ(t.ask_for(input(item), ""), "400") << item;
    EXPECT_FALSE(t.connected) << item;
  }
  // What this upstream gave, by this gateway.
  EXPECT_EQ(t.ask_for(asks(), R"({"id":"resp_1","object":"response","status":"completed","output":[)" + compaction + "," + picture + "]}"), "200");
  EXPECT_EQ(t.ask_for(input(compaction), response("resp_2", "x")), "200");
  EXPECT_EQ(t.ask_for(input(picture), response("resp_3", "x")), "200");
  // Thoughts go on, as any conversation that the upstream does not store needs them.
  EXPECT_EQ(t.ask_for(input(R"({"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"gAAA"})"), response("resp_4", "x")), "200");
  t.config.server_state = unreadable_policy::pass;
  EXPECT_EQ(t.ask_for(input(R"({"type":"compaction","encrypted_content":"gAAAB"})"), response("resp_5", "x")), "200");
  EXPECT_EQ(t.ring.counters().unscanned_bytes.value(), 7u);
}

TEST_P(server_state, what_is_read_back_is_judged_in_the_context_in_which_it_was_made) {
  state_trace t(GetParam());
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

TEST_P(server_state, a_conversation_is_known_from_its_creation_until_an_answer_in_it_is_blocked) {
  state_trace t(GetParam());
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

TEST_P(server_state, a_cache_of_gemini_and_the_audio_of_chat_completions_are_known) {
  state_trace t(GetParam());
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

TEST_P(server_state, without_a_ledger_nothing_is_asked_or_kept) {
  for (const auto rule : {unreadable_policy::deny, unreadable_policy::pass}) {
    state_trace t(GetParam());
    t.config.server_state = rule;
    EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_1")"), response("resp_2", "x")), rule == unreadable_policy::deny ? "400" : "200");
    EXPECT_EQ(t.ask_for("", response("resp_1", "hello"), "/v1/responses/resp_1", "GET"), "200");
    EXPECT_TRUE(t.ring.known.empty());
  }
}

TEST_P(server_state, the_global_shadow_records_what_it_would_have_refused) {
  state_trace t(GetParam());
  t.config.global_shadow = true;
  EXPECT_EQ(t.ask_for(asks(R"(,"previous_response_id":"resp_9")"), response("resp_1", "hello")), "200");
  EXPECT_EQ(t.ring.records.back().reason, "unreadable: server state");
  EXPECT_EQ(t.ask_for("", response("resp_9", "hello"), "/v1/responses/resp_9", "GET"), "200");
}

const std::string conversation = R"({"id":"conv_1","object":"conversation","created_at":1,"metadata":{}})", names_it = asks(R"(,"conversation":"conv_1")");

TEST_P(server_state, what_grows_is_unfinished_from_before_the_upstream_is_asked_until_it_was_judged) {
  state_trace t(GetParam());
  EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
  exchange x(t.config, t.ring);
  t.out = {};
  t.request(x, names_it, "/v1/responses");
  t.ledger_answers(x);
  ASSERT_TRUE(t.out.connect);
  EXPECT_FALSE(t.of("conv_1")->whole);
  EXPECT_TRUE(t.out.upstream_request.ends_with(names_it)) << t.out.upstream_request;
  EXPECT_EQ(t.ask_for(names_it, ""), "400");
  EXPECT_NE(t.out.client.find("read it first"), std::string::npos) << t.out.client;
  t.out = {};
  t.answer(x, json_head, response("resp_1", "hello"));
  x.upstream_end(t.out);
  t.ledger_answers(x);
  EXPECT_TRUE(t.out.done);
  EXPECT_TRUE(t.of("conv_1")->whole);
}

// An MCP server or a container is nothing that an answer brought, and no text can be sent in its place: it is refused without a question, as what it is.
TEST_P(server_state, what_the_upstream_looks_into_itself_is_in_no_ledger) {
  state_trace t(GetParam());
  EXPECT_EQ(t.ask_for(R"({"model":"m","input":"hi","tools":[{"type":"code_interpreter","container":"cntr_1"}]})", ""), "400");
  EXPECT_TRUE(t.out.client.contains("What tools[0].container names is a container") && t.out.client.contains("unreadable.server_state: pass")) << t.out.client;
  EXPECT_EQ(t.ring.asked, 0u);
  EXPECT_EQ(t.ask_for(R"({"model":"m","input":"hi","previous_response_id":"resp_9"})", ""), "400");
  EXPECT_TRUE(t.out.client.contains("send the text itself")) << t.out.client;
  EXPECT_EQ(t.ask_for("", "", "/v1/responses/resp_9", "GET"), "400");
  EXPECT_TRUE(t.out.client.contains("what this path names") && !t.out.client.contains("send the text itself")) << t.out.client;
}

TEST_P(server_state, what_grows_takes_nothing_else_until_it_was_judged_and_what_is_told_about_it_changes_nothing) {
  state_trace t(GetParam());
  const std::string items = "/v1/conversations/conv_1/items", adds = R"({"items":[{"role":"user","content":"more"}]})";
  EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
  exchange x(t.config, t.ring);
  t.out = {};
  t.request(x, names_it, "/v1/responses");
  t.ledger_answers(x);
  ASSERT_TRUE(t.out.connect);
  const auto so_far = std::exchange(t.out, {});
  const auto is_refused = [&](const std::string& why) {
    for (const auto& [body, target] : {std::pair(adds, items), {names_it, std::string("/v1/responses")}}) {
      EXPECT_EQ(t.ask_for(body, "", target), "400") << target;
      EXPECT_TRUE(!t.connected && t.out.client.contains(why)) << t.out.client;
    }
    for (const auto& [body, method] : {std::pair("", "GET"), {R"({"metadata":{"a":"b"}})", "POST"}}) {
      EXPECT_EQ(t.ask_for(body, conversation, "/v1/conversations/conv_1", method), "200") << method;
      EXPECT_FALSE(t.of("conv_1")->whole) << method;
    }
  };
  is_refused("read it first");
  t.out = so_far;
  x.upstream_failed(upstream_failure::reset, "reset", t.out);
  t.ledger_answers(x);
  is_refused("read all of its items back");
}

TEST_P(server_state, what_grew_by_an_answer_that_nobody_read_is_refused_until_all_of_it_was_read_back) {
  const auto created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":" + response("resp_1", "", "in_progress") + "}\n\n";
  const std::string items = "/v1/conversations/conv_1/items";
  const auto list = [](const std::string& said, bool more) {
    return R"({"object":"list","data":[{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":")" + said + R"("}]}],"first_id":"msg_1","last_id":"msg_1","has_more":)" +
           (more ? "true}" : "false}");
  };
  for (const bool client : {true, false}) {
    state_trace t(GetParam());
    EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
    exchange x(t.config, t.ring);
    t.out = {};
    t.request(x, asks(R"(,"stream":true,"conversation":"conv_1")"), "/v1/responses");
    t.ledger_answers(x);
    t.answer(x, sse_head, created);
    // What is there now says nothing of what comes.
    const auto so_far = std::exchange(t.out, {});
    EXPECT_EQ(t.ask_for("", list("hello", false), items, "GET"), "200");
    EXPECT_EQ(t.ask_for(names_it, ""), "400");
    t.out = so_far;
    client ? x.client_gone(0, t.out) : x.upstream_failed(upstream_failure::reset, "reset", t.out);
    t.ledger_answers(x);
    ASSERT_TRUE(t.out.done);
    EXPECT_FALSE(t.of("conv_1")->whole);
    EXPECT_EQ(t.ask_for(names_it, ""), "400");
    EXPECT_TRUE(t.out.client.contains("read all of its items back")) << t.out.client;
    for (const auto& [query, more] : {std::pair("", true), {"?after=msg_0", false}, {"?%61fter=msg_0", false}, {"?limit=9&after=msg_0", false}}) {
      EXPECT_EQ(t.ask_for("", list("hello", more), items + query, "GET"), "200");
      EXPECT_EQ(t.ask_for(names_it, ""), "400") << query;
    }
    EXPECT_EQ(t.ask_for("", R"({"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]})", items + "/msg_1", "GET"), "200");
    EXPECT_EQ(t.ask_for(names_it, ""), "400");
    EXPECT_EQ(t.ask_for("", list("hello", false), items + "?limit=100&order=asc", "GET"), "200");
    EXPECT_EQ(t.ask_for(names_it, response("resp_2", "x")), "200");
  }
  state_trace t(GetParam());
  EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
  // Where the answer says itself that more of it will come.
  EXPECT_EQ(t.ask_for(asks(R"(,"stream":true,"conversation":"conv_1")"), created, "/v1/responses", "POST", sse_head), "200");
  EXPECT_FALSE(t.of("conv_1")->whole);
  EXPECT_EQ(t.ask_for("", list("hello", false), items, "GET"), "200");
  EXPECT_EQ(t.ask_for(asks(R"(,"background":true,"conversation":"conv_1")"), R"({"id":"resp_3","object":"response","status":"queued","output":[]})"), "200");
  EXPECT_EQ(t.ask_for(names_it, ""), "400");
  EXPECT_EQ(t.ask_for("", list("a bomb", false), items, "GET"), "400");
  EXPECT_EQ(t.ask_for(names_it, ""), "400");
  EXPECT_TRUE(t.out.client.contains("was blocked")) << t.out.client;
  t.ring.known.clear();
  EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
  exchange x(t.config, t.ring);
  t.out = {};
  t.request(x, names_it, "/v1/responses");
  t.ledger_answers(x);
  x.upstream_failed(upstream_failure::connect, "refused", t.out);
  t.ledger_answers(x);
  EXPECT_TRUE(t.out.done);
  EXPECT_TRUE(t.of("conv_1")->whole) << "nobody was told anything";
}

TEST(ledger_elsewhere, leaves_things_as_they_are_for_a_client_that_goes_before_the_upstream_was_asked) {
  state_trace t(true);
  EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
  for (const bool marks : {false, true}) {
    exchange x(t.config, t.ring);
    t.out = {};
    t.request(x, names_it, "/v1/responses");
    if (marks) x.ledger_answered(t.ring.waits, t.out);
    ASSERT_FALSE(t.out.connect || t.out.done) << t.out.client;
    EXPECT_EQ(t.of("conv_1")->whole, !marks);
    t.out = {};
    x.client_gone(0, t.out);
    EXPECT_TRUE(t.out.done);
    EXPECT_EQ(t.ring.records.back().reason, "client closed");
    EXPECT_TRUE(t.of("conv_1")->whole);
    x.ledger_answered(t.ring.waits, t.out);  // too late
    EXPECT_FALSE(t.out.connect);
  }
}

// Both look before either has told the ledger: the second is refused, whatever becomes of it leaves the mark of the first, and so does one that read
// the conversation back before.
TEST(ledger_elsewhere, lets_one_exchange_at_a_time_add_to_a_conversation) {
  for (const bool gone : {false, true}) {
    state_trace t(true);
    EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
    exchange a(t.config, t.ring), b(t.config, t.ring);
    const auto looks = [&](exchange& x) {
      t.out = {};
      t.request(x, names_it, "/v1/responses");
      return t.ring.waits;
    };
    const auto a_knows = looks(a), b_knows = looks(b);
    const auto goes_on = [&](exchange& x, const ledger_answer& knows) {
      t.out = {};
      x.ledger_answered(knows, t.out);
    };
    goes_on(a, a_knows);
    t.ledger_answers(a);
    ASSERT_TRUE(t.out.connect) << t.out.client;
    const auto of_a = t.out;
    goes_on(b, b_knows);
    ASSERT_NE(std::exchange(t.out.awaits, 0), 0u);
    const auto missed = t.ring.waits;
    EXPECT_TRUE(missed.missed);
    gone ? b.client_gone(0, t.out) : b.ledger_answered(missed, t.out);
    t.ledger_answers(b);
    EXPECT_TRUE(t.out.done && !t.out.connect && t.out.upstream_request.empty());
    if (!gone) EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 400 ") && t.out.client.contains("read it first")) << t.out.client;
    EXPECT_FALSE(t.of("conv_1")->whole) << "the answer to the first is not judged yet";
    t.out = of_a;
    t.answer(a, json_head, response("resp_1", "hello"));
    a.upstream_end(t.out);
    t.ledger_answers(a);
    EXPECT_TRUE(t.out.done && t.of("conv_1")->whole);
    EXPECT_EQ(t.ask_for(names_it, response("resp_2", "x")), "200");
  }
}

TEST(ledger_elsewhere, takes_what_was_read_back_for_no_more_than_what_was_there_then) {
  state_trace t(true);
  auto left = std::make_shared<ledger_entry>();
  left->whole = false;
  left->left = true;
  t.ring.known["/openai/conv_1"] = left;
  exchange x(t.config, t.ring);
  t.out = {};
  t.request(x, "", "/v1/conversations/conv_1/items", "GET");
  t.ledger_answers(x);
  ASSERT_TRUE(t.out.connect);
  auto begun = std::make_shared<ledger_entry>(*left);
  begun->left = false;
  t.ring.known["/openai/conv_1"] = begun;  // by one that read it back as well, and another that adds to it since
  const std::string all = R"({"object":"list","data":[{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]}],"first_id":"msg_1","last_id":"msg_1","has_more":false})";
  t.answer(x, json_head, all);
  x.upstream_end(t.out);
  t.ledger_answers(x);
  EXPECT_TRUE(t.out.done);
  EXPECT_EQ(t.of("conv_1"), begun);
  t.ring.known["/openai/conv_1"] = left;
  EXPECT_EQ(t.ask_for("", all, "/v1/conversations/conv_1/items", "GET"), "200");
  EXPECT_TRUE(t.of("conv_1")->whole);
}

TEST(ledger_elsewhere, the_last_bytes_wait_until_it_was_told) {
  state_trace t(true);
  const auto created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":" + response("resp_2", "", "in_progress") + "}\n\n";
  const auto completed = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":" + response("resp_2", "hello") + "}\n\n";
  for (const bool gone : {false, true}) {
    exchange x(t.config, t.ring);
    t.out = {};
    t.request(x, asks(R"(,"stream":true)"), "/v1/responses");
    t.answer(x, sse_head, created + completed);
    const auto first = std::exchange(t.out.client, {});
    EXPECT_NE(first.find("response.completed"), std::string::npos);
    x.upstream_end(t.out);
    EXPECT_FALSE(t.out.done);
    EXPECT_EQ(t.out.client, "");
    ASSERT_NE(t.out.awaits, 0u);
    const auto records = t.ring.records.size();
    // Nothing that comes now is of the answer.
    x.upstream_failed(upstream_failure::reset, "reset", t.out);
    x.upstream_end(t.out);
    x.quiet(t.out);
    EXPECT_FALSE(t.out.done);
    if (gone) {
      x.client_gone(3, t.out);
    } else {
      x.ledger_answered({}, t.out);  // it went away: the answer is as good as it was
      EXPECT_EQ(t.out.client, "0\r\n\r\n");
    }
    EXPECT_TRUE(t.out.done);
    EXPECT_EQ(t.ring.records.size(), records + 1);
    EXPECT_EQ(t.ring.records.back().reason, gone ? "client closed" : "");
  }
}

TEST(ledger_elsewhere, that_is_away_denies_in_the_dialect_and_in_time) {
  for (const bool at_once : {true, false}) {
    state_trace t(true);
    EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
    for (const auto& [body, target, method] : std::vector<std::array<std::string, 3>>{{names_it, "/v1/responses", "POST"}, {"", "/v1/conversations/conv_1", "GET"}}) {
      t.ring.away = at_once;
      exchange x(t.config, t.ring);
      t.out = {};
      t.request(x, body, target, method);
      if (!at_once) x.ledger_answered({}, t.out);
      EXPECT_FALSE(t.out.connect);
      EXPECT_TRUE(t.out.done);
      EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 503 ") && t.out.client.contains("x-should-retry: false") && t.out.client.contains("cannot reach what it knows")) << t.out.client;
      EXPECT_EQ(t.ring.records.back().reason, "ledger unavailable");
    }
    EXPECT_EQ(t.ring.counters().refused[static_cast<std::size_t>(refusal::server_state)].value(), 2u);
    // What refers to nothing does not need it; what it would have been told is not known later.
    EXPECT_EQ(t.ask_for(asks(), response("resp_1", "hello")), "200");
  }
}

TEST(ledger_elsewhere, that_goes_before_it_was_told_what_grows_denies_too) {
  state_trace t(true);
  EXPECT_EQ(t.ask_for(R"({"items":[]})", conversation, "/v1/conversations"), "200");
  for (const bool at_once : {true, false}) {
    exchange x(t.config, t.ring);
    t.out = {};
    t.request(x, names_it, "/v1/responses");
    t.ring.away = at_once;
    x.ledger_answered(t.ring.waits, t.out);  // what it knows
    if (!at_once) x.ledger_answered({}, t.out);
    t.ring.away = false;
    t.ledger_answers(x);
    EXPECT_TRUE(t.out.done && !t.out.connect && t.out.upstream_request.empty());
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 503 ")) << t.out.client;
    EXPECT_TRUE(t.of("conv_1")->whole);
  }
}

}  // namespace
}  // namespace sluice::proxy
