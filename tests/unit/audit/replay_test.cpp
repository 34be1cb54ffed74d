// A decision again, rule by rule: for whom and when it was made is read from its record as it was written there.
#include "sluice/audit/replay.hpp"

#include <gtest/gtest.h>

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

// `invest` tags a conversation, `advice` holds for those, `hours` from nine to ten, `notice` adds to answers.
const policy::build_report& built() {
  static const auto report = [] {
    policy::bundle_source source;
    const auto add = [&](const std::string& path, const std::string& yaml) { source.files.push_back(policy::make_source_file(path, yaml)); };
    add("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: invest, bind: {scope: global}}\n"
                       "  - {use: notice, bind: {scope: global}}\n  - {use: advice, bind: {conversation_tag: investing}}\n  - {use: hours, bind: {time: {tz: UTC, from: \"09:00\", to: \"10:00\"}}}\n");
    add("invest.yaml", policy_file("invest", "portfolio", "{type: tag, tags: [investing]}", ", action: tag"));
    add("advice.yaml", policy_file("advice", "bonds", "{type: flag}", ""));
    add("notice.yaml", policy_file("notice", "gold", "{type: append, text: By a machine.}", "", "response"));
    add("hours.yaml", policy_file("hours", "lunch", "{type: flag}", ""));
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

std::vector<std::string> differences(const record& r) {
  log_folder folder;
  const auto config = config_for(folder);
  const same_in_all same(config, "boot");
  std::string line;
  append_record(line, r, {config, same, 1});
  const std::optional<kept_exchange> no_text;
  const auto done = replay({.line = line + "}", .bundle = built().bundle, .snapshot = built().snapshot, .text = no_text, .value_key = {}});
  EXPECT_TRUE(done) << done.error().message;
  return done ? done->differences : std::vector<std::string>{"no replay"};
}

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

}  // namespace
}  // namespace sluice::audit
