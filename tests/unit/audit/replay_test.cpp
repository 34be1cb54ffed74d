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
    auto advice = policy_file("advice", "bonds", "{type: flag}", "");
    advice.replace(advice.find("{keywords: [bonds]}"), 19, "{macro: securities}");
    add("advice.yaml", advice);
    add("securities.yaml", "apiVersion: sluice/v1\nkind: Macro\nmetadata: {name: securities, owner: o}\nmatch: {keywords: [bonds]}\n");
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

replay_report replayed(const record& r) {
  log_folder folder;
  const auto config = config_for(folder);
  const same_in_all same(config, "boot");
  std::string line;
  append_record(line, r, {config, same, 1});
  const std::optional<kept_exchange> no_text;
  const auto done = replay({.line = line + "}", .bundle = built().bundle, .snapshot = built().snapshot, .text = no_text, .value_key = {}});
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

}  // namespace
}  // namespace sluice::audit
