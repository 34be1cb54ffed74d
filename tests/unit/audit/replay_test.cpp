// A decision again, rule by rule: for whom and when it was made is read from its record as it was written there.
#include "sluice/audit/replay.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "format.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;

std::string policy_file(const std::string& name, const std::string& match, const std::string& action, const std::string& expect, const std::string& way = "request") {
  return "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: " + name + ", owner: o}\nrules:\n  - id: " + name + "-rule\n    direction: " + way + "\n    match: {keywords: [" + match +
         "]}\n    action: " + action + "\n    tests: [{name: a, " + way + ": " + match + ", expect: {rules: [" + name + "-rule]" + expect + "}}, {name: b, " + way +
         ": nothing, expect: {rules: []}}]\n";
}

// `invest` tags a conversation, `advice` holds for those, `hours` from nine to ten, `notice` adds to answers, `sums` counts towards a threshold, and
// what tenant `club` says of lotteries is excepted.
const policy::build_report& built() {
  static const auto report = [] {
    policy::bundle_source source;
    const auto add = [&](const std::string& path, const std::string& yaml) { source.files.push_back(policy::make_source_file(path, yaml)); };
    add("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: invest, bind: {scope: global}}\n"
                       "  - {use: notice, bind: {scope: global}}\n  - {use: advice, bind: {conversation_tag: investing}}\n  - {use: hours, bind: {time: {tz: UTC, from: \"09:00\", to: \"10:00\"}}}\n"
                       "  - {use: sums, bind: {scope: global}}\n");
    add("invest.yaml", policy_file("invest", "portfolio", "{type: tag, tags: [investing]}", ", action: tag"));
    auto advice = policy_file("advice", "bonds", "{type: flag}", "");
    advice.replace(advice.find("{keywords: [bonds]}"), 19, "{macro: securities}");
    add("advice.yaml", advice);
    add("securities.yaml", "apiVersion: sluice/v1\nkind: Macro\nmetadata: {name: securities, owner: o}\nmatch: {keywords: [bonds]}\n");
    add("notice.yaml", policy_file("notice", "gold", "{type: append, text: By a machine.}", "", "response"));
    auto sums = policy_file("sums", "lottery", "{type: flag}", "");
    sums.insert(sums.find("rules:"), "thresholds: {anomaly: {request: 5, response: 5, action: block}}\n");
    sums.insert(sums.find("    action:"), "    score: 3\n    exceptions: [{id: club, when: {tenant: [club]}, reason: it runs one, owner: o, ticket: T-1, expires: 2027-03-31}]\n");
    add("sums.yaml", sums);
    add("hours.yaml", policy_file("hours", "lunch", "{type: flag}", ""));
    add("suite.yaml", "apiVersion: sluice/v1\nkind: TestSuite\nmetadata: {name: all, owner: o}\ntests: [{name: nothing, request: hello, expect: {rules: []}}]\n");
    auto backend = match::in_process_backend();
    policy::shard_cache cache{""};
    return policy::build(source, at("2026-12-01T00:00:00Z"), *backend, cache);
  }();
  EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
  return report;
}

record decided(const std::string& asked, std::vector<std::string> tags) {
  auto r = decision("d1");
  r.version = built().snapshot->version();
  r.time = at(asked);
  r.who.tags = std::move(tags);
  auto who = r.who;
  who.minute = minute_of(r.time);
  r.effective = policy::effective_hash(built().snapshot->rules_for(who));
  return r;
}

std::string line_of(const record& r) {
  log_folder folder;
  const auto config = config_for(folder);
  const same_in_all same(config, "boot");
  std::string line;
  append_record(line, r, {config, same, 1});
  return line + "}";
}

replay_report replayed(const record& r, const std::optional<kept_exchange>& text = std::nullopt) {
  log_folder folder;
  const auto config = config_for(folder);
  const auto done = replay({.line = line_of(r), .bundle = built().bundle, .snapshot = built().snapshot, .text = text, .value_key = config.value_key});
  EXPECT_TRUE(done) << done.error().message;
  return done ? *done : replay_report{.checked = {}, .differences = {"no replay"}};
}
std::vector<std::string> differences(const record& r) { return replayed(r).differences; }

TEST(replay, the_tags_of_the_conversation_decide_which_rules_were_in_force) {
  EXPECT_EQ(differences(decided("2026-12-01T12:00:00Z", {})), std::vector<std::string>{});
  EXPECT_EQ(differences(decided("2026-12-01T12:00:00Z", {"investing"})), std::vector<std::string>{});
  auto untagged = decided("2026-12-01T12:00:00Z", {"investing"});
  untagged.who.tags.clear();
  EXPECT_EQ(differences(untagged).size(), 1u);
}

TEST(replay, a_window_of_time_is_that_of_when_it_was_asked_and_not_of_when_its_answer_ended) {
  for (const auto end : {record::event::decision, record::event::closed, record::event::aborted}) {
    auto r = decided("2026-12-01T09:59:50Z", {});
    r.event = end;
    r.latency_us = 30'000'000;
    if (end != record::event::decision) r.time += microseconds(r.latency_us);
    EXPECT_EQ(differences(r), std::vector<std::string>{}) << static_cast<int>(end);
  }
}

// `advice` draws on a macro. A record that was written when the hash left out macros' files says so and is none the worse; any other hash is one.
TEST(replay, a_record_from_before_macros_were_hashed_is_compared_by_the_hash_of_then) {
  auto r = decided("2026-12-01T12:00:00Z", {"investing"});
  auto who = r.who;
  who.minute = minute_of(r.time);
  const auto& rules = built().snapshot->rules_for(who);
  ASSERT_NE(policy::effective_hash(rules), policy::effective_hash_before(rules));
  EXPECT_FALSE(replayed(r).checked.at(0).contains("without the files of macros"));
  r.effective = policy::effective_hash_before(rules);
  const auto before = replayed(r);
  EXPECT_EQ(before.differences, std::vector<std::string>{});
  EXPECT_EQ(before.checked.at(0), "the rules in force for this context: " + r.effective + ", hashed without the files of macros and models as it was when the record was written");
  r.effective = std::string(64, 'a');
  EXPECT_EQ(replayed(r).differences.size(), 1u);
}

// Where it found no place it says `flag`, or `block` as its on_structured has it.
TEST(replay, what_became_of_a_text_behind_an_answer_does_not_contradict_its_rule) {
  using policy::action;
  for (const auto done : {action::append, action::flag, action::block, action::redact}) {
    auto r = decided("2026-12-01T12:00:00Z", {});
    r.response.judged = true;
    r.response.verdict = r.response.shadow_verdict = policy::traits_of(done).verdict;
    r.response.findings.push_back({.rule = "notice-rule", .policy = "notice", .action = done, .enforcement = policy::enforcement::enforce, .channel = "c", .begin = 0, .end = 4, .value = "gold"});
    EXPECT_EQ(differences(r).empty(), done != action::redact) << policy::to_string(done);
  }
}

// The bundle has a threshold and a suite of tests: neither makes a block of a request in which nothing was found.
TEST(replay, a_verdict_beyond_its_findings_needs_a_sum_that_the_version_calls_too_much) {
  auto r = decided("2026-12-01T12:00:00Z", {});
  r.request.judged = true;
  EXPECT_EQ(differences(r), std::vector<std::string>{});
  r.request.verdict = r.request.shadow_verdict = policy::verdict::block;
  EXPECT_EQ(differences(r), std::vector<std::string>{"request: the record says verdict block, its findings make allow"});
  for (int i = 0; i < 2; ++i) {
    r.request.findings.push_back({.rule = "sums-rule", .policy = "sums", .action = policy::action::flag, .enforcement = policy::enforcement::enforce, .channel = "c", .begin = 0, .end = 7, .value = "lottery"});
  }
  EXPECT_EQ(differences(r).size(), 1u);
  r.request.scores.push_back({.policy = "sums", .score = 6, .shadow_score = 6, .threshold = 5, .action = policy::action::block, .crossed = true});
  EXPECT_EQ(differences(r), std::vector<std::string>{});
  for (const auto& change : std::vector<std::function<void(score_record&)>>{[](score_record& s) { s.score = 4; }, [](score_record& s) { s.threshold = 6; },
                                                                            [](score_record& s) { s.policy = "hours"; }, [](score_record& s) { s.crossed = false; }}) {
    auto other = r;
    change(other.request.scores.front());
    EXPECT_FALSE(differences(other).empty());
  }
}

TEST(replay, what_pinned_its_version_is_when_it_was_asked) {
  const auto midnight = at("2026-12-02T00:00:00Z");
  for (const char* end : {"closed", "aborted"}) EXPECT_EQ(began(end, midnight + seconds(20), 30'000'000), midnight - seconds(10)) << end;
  for (const char* begin : {"decision", "opened", "shadow"}) EXPECT_EQ(began(begin, midnight, 30'000'000), midnight) << begin;
}

// A path that is not known, a body that is none: the gateway's own refusals have nothing to run again, and do not differ for that.
TEST(replay, a_refusal_before_a_rule_was_asked_is_checked_for_what_it_says) {
  const auto unasked = [](const record& r) { return replay_unasked(line_of(r)); };
  auto r = decided("2026-12-01T12:00:00Z", {});
  EXPECT_FALSE(unasked(r)->has_value());
  r.effective.clear();
  r.request = r.response = {};
  r.request.verdict = r.request.shadow_verdict = policy::verdict::block;
  r.status = 415;
  r.upstream_status = 0;
  r.reason = "This path takes a JSON body";
  const auto refused = **unasked(r);
  EXPECT_TRUE(refused.unasked);
  EXPECT_EQ(refused.differences, std::vector<std::string>{});
  EXPECT_EQ(refused.checked.at(0), "no rule was asked: This path takes a JSON body");
  auto gone = r;  // the client, before its body was there
  gone.status = 0;
  gone.reason = "client closed";
  gone.request.verdict = gone.request.shadow_verdict = policy::verdict::allow;
  EXPECT_EQ((**unasked(gone)).differences, std::vector<std::string>{});
  const auto made_up = [&](const std::function<void(record&)>& change) {
    auto forged = r;
    change(forged);
    return (**unasked(forged)).differences.size();
  };
  EXPECT_EQ(made_up([](record& f) { f.reason.clear(); }), 1u);
  EXPECT_EQ(made_up([](record& f) { f.status = 200; }), 1u);
  EXPECT_EQ(made_up([](record& f) { f.upstream_status = 200; }), 1u);
  EXPECT_EQ(made_up([](record& f) { f.request.judged = true; }), 1u);
  EXPECT_EQ(made_up([](record& f) { f.request.verdict = policy::verdict::allow; }), 1u);
}

struct kept_decision {
  record written;
  kept_exchange text;
};

// What the rules say of a request with one text, as a gateway records it, and that text.
kept_decision kept(const std::string& said, const std::string& tenant) {
  kept_decision out{.written = decided("2026-12-01T12:00:00Z", {}), .text = {}};
  auto& r = out.written;
  r.who.tenant = tenant;
  auto who = r.who;
  who.minute = out.text.minute = minute_of(r.time);
  const std::string channel = "messages[0].content";
  out.text.request.push_back({policy::role::user, policy::part_kind::text, true, true, said, 0, channel});
  const std::vector<policy::text_part> parts = {{policy::role::user, policy::part_kind::text, true, true, said, 0}};
  policy::scratch scratch;
  const auto& rules = built().snapshot->rules();
  const auto judged = policy::evaluate_either(*built().snapshot, who, parts, {.direction = policy::direction::request, .who = &r.who}, scratch);
  r.effective = policy::effective_hash(*judged.rules);
  r.who.tags = out.text.tags = who.tags;
  r.request.verdict = judged.what.verdict;
  r.request.shadow_verdict = judged.what.shadow_verdict;
  r.request.tags = judged.what.tags;
  for (const auto& f : judged.what.findings) {
    r.request.findings.push_back({.rule = rules[f.rule].id, .policy = rules[f.rule].policy, .action = f.action, .enforcement = policy::enforcement::enforce, .channel = channel,
                                  .begin = f.begin, .end = f.end, .value = f.value});
  }
  for (const auto& s : judged.what.suppressed) {
    r.request.suppressed.push_back({.rule = rules[s.rule].id, .exception = s.exception_id, .policy = rules[s.rule].policy, .owner = s.owner, .ticket = s.ticket, .channel = channel,
                                    .begin = s.begin, .end = s.end, .count = s.count, .value = s.value});
  }
  for (const auto& s : judged.what.scores) r.request.scores.push_back({std::string(s.policy), s.enforced, s.all, s.threshold, s.action, s.crossed});
  return out;
}

TEST(replay, in_full_every_place_count_score_and_tag_is_compared) {
  const auto whole = kept("a lottery for my portfolio", "acme");
  ASSERT_EQ(whole.written.request.findings.size(), 2u);
  ASSERT_EQ(whole.written.request.scores.size(), 1u);
  ASSERT_EQ(whole.written.request.tags, std::vector<std::string>{"investing"});
  const auto excepted = kept("one lottery, another lottery", "club");
  ASSERT_EQ(excepted.written.request.suppressed.size(), 1u);
  ASSERT_EQ(excepted.written.request.suppressed[0].count, 2u);
  for (const auto* each : {&whole, &excepted}) EXPECT_EQ(replayed(each->written, each->text).differences, std::vector<std::string>{});

  const auto differs = [](const kept_decision& honest, const std::function<void(section&)>& make_up) {
    auto record = honest.written;
    make_up(record.request);
    return replayed(record, honest.text).differences.size();
  };
  EXPECT_EQ(differs(whole, [](section& s) { s.findings[0].channel = "messages[1].content"; }), 2u);
  EXPECT_EQ(differs(whole, [](section& s) { s.findings[0].more.push_back({"messages[1].content", 0, 3}); }), 2u);
  EXPECT_EQ(differs(whole, [](section& s) { s.scores[0].score += 1; }), 2u);
  EXPECT_EQ(differs(whole, [](section& s) { s.scores[0].crossed = true; }), 2u);
  EXPECT_EQ(differs(whole, [](section& s) { s.scores.clear(); }), 1u);
  EXPECT_EQ(differs(whole, [](section& s) { s.tags.clear(); }), 1u);
  EXPECT_EQ(differs(excepted, [](section& s) { s.suppressed[0].count = 1; }), 2u);
  EXPECT_EQ(differs(excepted, [](section& s) { s.suppressed[0].channel = "messages[1].content"; }), 2u);

  // Text that was kept before it said where each part stood: by the rest.
  auto old = whole;
  old.text.request[0].channel.clear();
  EXPECT_EQ(replayed(old.written, old.text).differences, std::vector<std::string>{});
}

}  // namespace
}  // namespace sluice::audit
