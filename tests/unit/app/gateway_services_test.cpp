// A report becomes a record in a place of the ring that an older exchange has used: nothing of that one may be left.
#include "gateway_services.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

using audit::record;

audit::section used_section() {
  return {.judged = true,
          .verdict = policy::verdict::block,
          .shadow_verdict = policy::verdict::block,
          .findings = {{.rule = "r", .policy = "p", .action = policy::action::block, .enforcement = policy::enforcement::enforce, .channel = "c", .begin = 1, .end = 2, .score = 3,
                        .more = {{"c2", 0, 1}}, .value = "secret"}},
          .suppressed = {{.rule = "r", .exception = "e", .value = "secret"}},
          .classifier_scores = {{"a.b", 0.5F}},
          .truncated = true,
          .scores = {{.policy = "p", .score = 7, .shadow_score = 8, .threshold = 5, .crossed = true}},
          .tags = {"investing"}};
}

// Each field with something of another exchange's in it.
record used() {
  record r;
  auto& [event, id, time, activation, version, effective, freshness, who, dialect, endpoint, method, path, streamed, request, response, status, upstream_status, bytes,
         upstream_edits, edits, latency_us, added_us, unscanned, attachments, unread, recalled, reason, demoted, shadow, canary, stale, with_text, request_text, response_text, choices, answer_ended, takes_system_words,
         text_omitted, caller] = r;  // a field that is added has to be here, too
  event = record::event::aborted;
  for (auto* text : {&id, &activation, &version, &effective, &freshness, &dialect, &endpoint, &method, &path, &reason, &text_omitted, &caller}) *text = "another exchange's";
  time = wall_time(microseconds(99));
  who = {.tenant = "other", .region = "r", .tier = "t", .user = "u", .conversation = "c", .route = "r", .model = "m", .tags = {"x"}, .minute = 9};
  for (auto* flag : {&streamed, &canary, &stale, &with_text, &answer_ended}) *flag = true;
  takes_system_words = false;
  request = response = used_section();
  status = upstream_status = 499;
  bytes = latency_us = added_us = 99;
  upstream_edits = edits = 9;
  unscanned = {{"attachment", 5}};
  attachments = unread = {{.path = "a", .type = "image", .treatment = "flag", .bytes = 7}};
  recalled = {{.path = "a", .version = "v", .verdict = policy::verdict::block}};
  demoted = {"r"};
  shadow = {.live_version = "v", .text_differs = true, .inexact = "x", .took_us = 1, .live_us = 2};
  request_text = response_text = {{.text = "secret", .choice = 4}};
  choices = {{.choice = 1, .structured = true}};
  return r;
}

class no_names final : public proxy::text_names {
 public:
  [[nodiscard]] std::string of(std::uint32_t) const override { return "body"; }
};

TEST(fill, of_a_used_record_is_as_of_a_fresh_one) {
  const policy::active_policy policy;
  const policy::context who;
  const policy::outcome nothing;
  const no_names names;
  const proxy::exchange_report report{.decision_id = "d1", .time = {}, .policy = policy, .who = who, .effective = {}, .dialect = "openai", .endpoint = {}, .method = {}, .path = {},
                                      .request = nothing, .response = nothing, .request_names = names, .response_names = names, .unscanned = {}, .recalled = {}, .attachments = {}, .unread = {}, .caller = {}, .counted_as = {}, .reason = {}};
  record over = used(), fresh;
  fill(over, report);
  fill(fresh, report);
  EXPECT_TRUE(over == fresh);
  EXPECT_EQ(fresh.id, "d1");
  EXPECT_FALSE(fresh == used());
}

}  // namespace
}  // namespace sluice::app
