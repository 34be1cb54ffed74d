// Values that a request does not repeat: the exchange asks the vault before it asks the upstream, puts back what it is told, and without
// it does what the rule says. Goal: nothing goes upstream that a rule would rather refuse, and nothing waits where there is no vault.
#include <gtest/gtest.h>

#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

std::string rules(const std::string& more, const std::string& enforcement = "enforce") {
  return R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: account
    direction: both
    enforcement: )" + enforcement + R"(
    match: {regex: '\bACC-[0-9]{6}\b'}
    action: {type: tokenize, token: "<ACCOUNT_{n}>", restore: true)" + more + R"(}
    tests: [{name: a, request: ACC-123456, expect: {)" + std::string(enforcement == "shadow" ? "shadow" : "rules") + R"(: [account]}}, {name: b, request: nothing, expect: {rules: []}}]
)";
}
const std::string keeps = rules(", vault_ttl: 15m"), needs = rules(", vault_ttl: 15m, on_vault_unavailable: block");

struct asking : trace {
  explicit asking(const std::string& yaml) : trace(yaml) {
    worker.conversation = "c1";
    worker.has_vault = true;
  }
  // What the client reads of an answer with this text.
  std::string answered(exchange& x, const std::string& text) {
    answer(x, json_head, R"({"choices":[{"index":0,"message":{"role":"assistant","content":")" + text + R"("}}]})");
    x.upstream_end(out);
    return out.client;
  }
};
policy::vault_answer known(const std::string& token, const std::string& value) {
  return {.available = true, .values = {{.token = token, .value = value, .ttl = seconds(1)}}};
}

TEST(vault, is_told_what_the_request_says_before_the_upstream_is_asked) {
  asking t(keeps);
  exchange x(t.config, t.worker);
  t.request(x, ask("pay ACC-123456"));
  EXPECT_FALSE(t.out.connect);
  EXPECT_TRUE(t.out.upstream_request.empty());
  EXPECT_EQ(t.out.awaits, 1u);
  ASSERT_EQ(t.worker.questions.size(), 1u);
  const auto& asked = t.worker.questions[0];
  EXPECT_EQ(asked.conversation, "c1");
  ASSERT_EQ(asked.keep.size(), 1u);
  EXPECT_EQ(asked.keep[0].value, "ACC-123456");
  EXPECT_EQ(asked.keep[0].ttl, std::chrono::minutes(15));
  t.out = {};
  x.vault_answered({.available = true, .values = {}}, t.out);
  ASSERT_TRUE(t.out.connect);
  EXPECT_NE(t.out.upstream_request.find("pay " + asked.keep[0].token), std::string::npos);
  EXPECT_NE(t.answered(x, "paid " + asked.keep[0].token).find("paid ACC-123456"), std::string::npos);
  EXPECT_EQ(t.worker.records[0].reason, "");
}

TEST(vault, gives_back_what_an_earlier_request_said_in_plain_and_streamed_answers) {
  for (const bool streamed : {false, true}) {
    asking t(keeps);
    exchange x(t.config, t.worker);
    t.request(x, ask("and now?", streamed));
    ASSERT_EQ(t.worker.questions.size(), 1u);
    EXPECT_TRUE(t.worker.questions[0].keep.empty());
    x.vault_answered(known("<ACCOUNT_bcdfghjkmnpq>", "ACC-777777"), t.out);
    ASSERT_TRUE(t.out.connect);
    if (streamed) {
      t.answer(x, sse_head, event("it is <ACCO") + event("UNT_bcdfghjkmnpq>.") + "data: [DONE]\n\n");
      x.upstream_end(t.out);
      EXPECT_EQ(t.out.client.find("ACCOUNT"), std::string::npos);
      EXPECT_NE(t.out.client.find("ACC-777777."), std::string::npos);
    } else {
      EXPECT_NE(t.answered(x, "it is <ACCOUNT_bcdfghjkmnpq>.").find("it is ACC-777777."), std::string::npos);
    }
    EXPECT_EQ(t.worker.records.back().edits, 1u);
  }
}

TEST(vault, what_the_request_says_itself_goes_before_what_the_vault_says) {
  asking t(keeps);
  exchange x(t.config, t.worker);
  t.request(x, ask("ACC-123456"));
  const auto token = t.worker.questions.at(0).keep.at(0).token;
  x.vault_answered(known(token, "ACC-999999"), t.out);
  EXPECT_NE(t.answered(x, token).find("ACC-123456"), std::string::npos);
}

TEST(vault, that_is_away_leaves_tokens_as_they_are_and_the_record_says_so) {
  for (const bool at_once : {true, false}) {
    asking t(keeps);
    t.worker.has_vault = !at_once;
    exchange x(t.config, t.worker);
    t.request(x, ask("ACC-123456 and the other"));
    if (!at_once) x.vault_answered({}, t.out);
    ASSERT_TRUE(t.out.connect);
    const auto own = t.out.upstream_request.substr(t.out.upstream_request.find("<ACCOUNT_"), 22);
    const auto got = t.answered(x, own + " <ACCOUNT_bcdfghjkmnpq>");
    EXPECT_NE(got.find("ACC-123456 <ACCOUNT_bcdfghjkmnpq>"), std::string::npos) << "its own values an exchange knows all the same";
    EXPECT_EQ(t.worker.records[0].reason, "vault unavailable");
  }
}

TEST(vault, that_is_away_refuses_where_the_rule_says_block_and_no_upstream_is_asked) {
  for (const bool at_once : {true, false}) {
    asking t(needs);
    t.worker.has_vault = !at_once;
    exchange x(t.config, t.worker);
    t.request(x, ask("and the other?"));
    if (!at_once) x.vault_answered({}, t.out);
    EXPECT_FALSE(t.out.connect);
    EXPECT_TRUE(t.out.upstream_request.empty());
    EXPECT_TRUE(t.out.done);
    EXPECT_TRUE(t.out.client.starts_with("HTTP/1.1 503")) << t.out.client;
    EXPECT_EQ(t.worker.counters().refused[static_cast<std::size_t>(refusal::vault_unavailable)].value(), 1u);
    EXPECT_EQ(t.worker.records[0].reason, "vault unavailable");
  }
}

TEST(vault, is_asked_only_where_a_rule_in_force_and_a_conversation_with_a_name_need_it) {
  const auto asks = [](asking& t) {
    exchange x(t.config, t.worker);
    t.request(x, ask("ACC-123456"));
    EXPECT_TRUE(t.out.connect);
    return !t.worker.questions.empty();
  };
  asking without(rules("")), nameless(needs), shadowed(needs), in_shadow(rules(", vault_ttl: 15m, on_vault_unavailable: block", "shadow"));
  nameless.worker.conversation.clear();
  shadowed.config.global_shadow = true;
  EXPECT_FALSE(asks(without));
  EXPECT_FALSE(asks(nameless));
  EXPECT_FALSE(asks(shadowed));
  EXPECT_FALSE(asks(in_shadow));
}

TEST(vault, a_client_that_goes_while_it_is_asked_ends_the_exchange) {
  asking t(needs);
  exchange x(t.config, t.worker);
  t.request(x, ask("ACC-123456"));
  x.client_gone(0, t.out);
  EXPECT_TRUE(t.out.done);
  t.out = {};
  x.vault_answered(known("<ACCOUNT_bcdfghjkmnpq>", "ACC-777777"), t.out);
  EXPECT_FALSE(t.out.connect);
  EXPECT_EQ(t.worker.records.size(), 1u);
}

}  // namespace
}  // namespace sluice::proxy
