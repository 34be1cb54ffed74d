// Exchanges that cannot be recorded, where the configuration lets them go on and a policy does not.
#include <gtest/gtest.h>

#include "traces.hpp"

namespace sluice::proxy::testing {
namespace {

// The second policy is in force for conversations that were tagged, by an earlier request or by this one.
constexpr auto two_policies = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: opens
    direction: request
    match: {keywords: [my account]}
    action: {type: tag, tags: [bank]}
    tests: [{name: a, request: open my account, expect: {rules: [opens]}}, {name: b, request: nothing, expect: {rules: []}}]
---
apiVersion: sluice/v1
kind: Policy
metadata: {name: q, owner: o}
audit: {on_full: block}
rules:
  - id: watched
    direction: both
    match: {keywords: [transfer]}
    action: {type: flag}
    tests: [{name: a, request: a transfer, context: {tags: [bank]}, expect: {rules: [watched]}}, {name: b, request: nothing, expect: {rules: []}}]
)";

struct dropping : trace {
  dropping() {
    worker.active_->snapshot = compiled(two_policies, "[{use: p, bind: {scope: global}}, {use: q, bind: {conversation_tag: [bank]}}]");
    worker.conversation = "c";
    worker.needs = false;
  }
  // The status of an exchange that was refused; 0: the upstream is asked.
  int begun(const std::string& text) {
    exchange x(config, worker);
    out = {};
    request(x, ask(text));
    if (out.connect) {
      EXPECT_EQ(out.client, "");
      effects gone;
      x.client_gone(0, gone);
      return 0;
    }
    return std::stoi(out.client.substr(std::string_view("HTTP/1.1 ").size(), 3));
  }
};

TEST(places, are_taken_for_a_policy_that_wants_its_exchanges_on_record_and_for_no_other) {
  dropping t;
  EXPECT_EQ(t.begun("hello"), 0);
  EXPECT_EQ(t.worker.without_place, 1) << "the configuration says drop";
  t.worker.kept_tags = {"bank"};
  EXPECT_EQ(t.begun("hello"), 0);
  EXPECT_EQ(t.worker.without_place, 1);
}

TEST(places, that_are_not_there_refuse_what_a_policy_wants_on_record_and_nothing_else) {
  dropping t;
  t.worker.full = true;
  EXPECT_EQ(t.begun("hello"), 0);
  t.worker.kept_tags = {"bank"};
  EXPECT_EQ(t.begun("hello"), 503);
  EXPECT_EQ(t.worker.counters().refused_busy.value(), 1u);
  ASSERT_EQ(t.worker.records.size(), 2u);
  EXPECT_TRUE(t.worker.records[1].request_refused);
  EXPECT_NE(t.worker.records[1].reason.find("a policy wants this one on record"), std::string::npos);
}

TEST(places, are_missing_too_when_only_the_request_brings_the_policy_into_force) {
  dropping t;
  t.worker.full = true;
  EXPECT_EQ(t.begun("open my account"), 503);
}

TEST(places, refuse_nothing_in_shadow) {
  dropping t;
  t.worker.full = true;
  t.config.global_shadow = true;
  t.worker.kept_tags = {"bank"};
  EXPECT_EQ(t.begun("hello"), 0);
}

TEST(places, are_taken_at_admission_where_the_configuration_says_block) {
  dropping t;
  t.worker.needs = true;
  EXPECT_EQ(t.begun("hello"), 0);
  EXPECT_EQ(t.worker.without_place, 0);
  t.worker.full = true;
  EXPECT_EQ(t.begun("hello"), 503);
}

}  // namespace
}  // namespace sluice::proxy::testing
