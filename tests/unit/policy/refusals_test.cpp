// What bad input gets: each kind is refused where it stands and with advice, and one run shows all of it.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "built.hpp"
#include "sluice/policy/breadth.hpp"

namespace sluice::policy {
namespace {

using testing::bundle_file;
using testing::policy_file;
using testing::source_of;

std::string rule(const std::string& id, const std::string& match, const std::string& more = "    action: {type: flag}\n", const std::string& side = "request") {
  return "  - id: " + id + "\n    direction: " + side + "\n    match: " + match + "\n" + more + "    tests: [{name: hit, " + side + ": needle, expect: {rules_any: [" + id + "]}}, {name: miss, " + side +
         ": \"?\", expect: {rules: []}}]\n";
}
std::string excused(const std::string& exception) {
  return "    action: {type: flag}\n    exceptions: [{" + exception + ", reason: r, owner: o, ticket: t}]\n";
}

std::string model_bytes() {
  std::ifstream in(SLUICE_SOURCE_DIR "/policies/models/topic.ftz", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bundle_source with_model(const std::string& rules, const std::string& bytes, const std::vector<std::pair<std::string, std::string>>& more = {}, const std::string& modules = {}) {
  std::vector<std::pair<std::string, std::string>> files = {
      {"bundle.yaml", bundle_file("  - {use: p, bind: {scope: global}}\n" + modules, "classifiers:\n  - {name: topic, model: models/topic.ftz}\n")},
      {"p.yaml", policy_file("p", rules)},
      {"models/topic.ftz", bytes}};
  files.insert(files.end(), more.begin(), more.end());
  return source_of(files);
}

// Every error that a bundle gets, the harmless texts included: what `sluice check` shows.
diagnostics refused(const bundle_source& source) {
  const auto backend = match::in_process_backend();
  shard_cache cache{""};
  auto report = testing::built(source);
  EXPECT_EQ(report.snapshot, nullptr);
  std::string lines;
  for (std::size_t i = 0; i < harmless_texts_min; ++i) lines += R"({"id":"g)" + std::to_string(i) + R"(","set":"benign","request":"good day )" + std::to_string(i) + "\"}\n";
  diagnostics of_cases;
  const auto cases = parse_golden("golden/a.jsonl", lines, of_cases);
  EXPECT_TRUE(judge_breadth(report.bundle, cases, *backend, cache, report.found).sufficient());
  return report.found;
}

struct expected {
  const char *file, *says;
};

void expect_all(const diagnostics& found, const std::vector<expected>& all) {
  for (const auto& each : all) {
    const auto* at = testing::find(found, each.says);
    ASSERT_NE(at, nullptr) << each.says << " is not in:\n" << to_text(found);
    EXPECT_EQ(at->severity, severity::error) << each.says;
    EXPECT_EQ(at->place.file, each.file) << each.says;
    EXPECT_GT(at->place.line, 0) << each.says;
    EXPECT_GT(at->place.column, 0) << each.says;
    EXPECT_FALSE(at->advice.empty()) << each.says;
  }
}

TEST(refusals, every_kind_of_bad_input_is_refused_at_its_place_and_all_of_it_at_once) {
  const std::string rules = "  - id: untested\n    direction: request\n    match: {keywords: [needle]}\n    action: {type: flag}\n" +
                            rule("unbounded", "{regex: 'needle.*'}", "    action: {type: redact}\n", "response") +
                            rule("expired", "{keywords: [needle]}", excused("id: e1, when: {route: a}, expires: 2026-01-01")) +
                            rule("twice", "{keywords: [needle]}") + rule("twice", "{keywords: [needle]}") +
                            rule("empty", "{regex: ''}") + rule("matches-nothing", "{regex: 'n*'}") + rule("strict", "{keywords: [needle]}", "    action: {type: block, message: m}\n") +
                            rule("wide", "{regex: 'good|needle'}");
  const std::string loosens = "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: o, owner: o}\npatches:\n  - {rule: strict, override: {replace: {action: {type: flag}}}}\n";
  const std::string spare = "apiVersion: sluice/v1\nkind: List\nmetadata: {name: spare}\nitems: [x]\n";
  const auto found = refused(with_model(rules, model_bytes().substr(0, 500), {{"o.yaml", loosens}, {"z.yaml", spare}}, "  - {use: o, bind: {region: eu}}\n"));
  expect_all(found, {{"p.yaml", "rule untested: the rule has no tests"},
                     {"p.yaml", "could not be released before its end"},
                     {"p.yaml", "exception 'e1' expired on 2026-01-01"},
                     {"p.yaml", "rule 'twice' exists already"},
                     {"p.yaml", "the pattern is empty"},
                     {"p.yaml", "matches the empty text"},
                     {"o.yaml", "rule strict: "},
                     {"z.yaml", "list 'spare' is used by no rule"},
                     {"p.yaml", "rule wide: it matches 100 of 100 harmless texts"},
                     {"bundle.yaml", "classifier 'topic' (models/topic.ftz) was not loaded: "}});
}

TEST(refusals, what_cannot_be_read_is_told_with_what_is_wrong_elsewhere) {
  const std::string rules = rule("no-pattern-to-check", "{keywords: [needle], validator: luhn}") + rule("unscoped", "{keywords: [needle]}", excused("id: e2, expires: 2026-12-31")) +
                            rule("endless", "{keywords: [needle]}", excused("id: e3, when: {route: a}")) + rule("misspelt", "{keyword: [needle]}") + rule("empty", "{regex: ''}") +
                            rule("unbounded", "{regex: 'needle.*'}", "    action: {type: redact}\n", "response");
  expect_all(testing::built(with_model(rules, model_bytes().substr(0, 500))).found, {{"p.yaml", "'validator' belongs to regex"},
                                                                                    {"p.yaml", "would switch the rule off"},
                                                                                    {"p.yaml", "rule endless: "},
                                                                                    {"p.yaml", "did you mean 'keywords'?"},
                                                                                    {"p.yaml", "the pattern is empty"},
                                                                                    {"p.yaml", "could not be released before its end"},
                                                                                    {"bundle.yaml", "was not loaded: "}});
}

TEST(refusals, loosening_names_both_places) {
  const auto found = testing::checked(source_of({{"bundle.yaml", bundle_file("  - {use: p, bind: {scope: global}}\n  - {use: o, bind: {region: eu}}\n")},
                                                 {"p.yaml", policy_file("p", rule("strict", "{keywords: [needle]}", "    action: {type: block, message: m}\n"))},
                                                 {"o.yaml", "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: o, owner: o}\npatches:\n"
                                                            "  - {rule: strict, override: {replace: {action: {type: flag}}}}\n"}}));
  const auto* at = testing::find(found, "weaker");
  ASSERT_NE(at, nullptr) << to_text(found);
  EXPECT_EQ(to_string(at->place).substr(0, 9), "o.yaml:5:");
  EXPECT_NE(to_text(*at).find("p.yaml:5:"), std::string::npos) << to_text(*at);
}

TEST(refusals, a_classifier_that_is_cut_too_large_or_of_another_version_is_refused_where_it_is_named) {
  auto other = model_bytes();
  ASSERT_GT(other.size(), 1000u);
  other[4] = 11;
  const std::string large(3u << 20, 'x');
  for (const auto& [bytes, why] : {std::pair{model_bytes().substr(0, model_bytes().size() / 2), "cut off"}, {other, "format 11"}, {large, "allowed"}, {std::string(), "was not loaded"}}) {
    const auto report = testing::built(with_model(rule("r", "{keywords: [needle]}"), bytes));
    EXPECT_EQ(report.snapshot, nullptr);
    expect_all(report.found, {{"bundle.yaml", why}});
    EXPECT_TRUE(testing::says(report.found, "bundle.yaml:5:"));
  }
}

}  // namespace
}  // namespace sluice::policy
