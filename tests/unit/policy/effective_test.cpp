// The hash of the rules in force depends on whatever decides, wherever it stands.
#include <gtest/gtest.h>

#include <functional>

#include "built.hpp"
#include "sluice/match/classifier_training.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

std::string model(const char* first, const char* second) {
  std::vector<match::training_row> lines;
  for (int i = 0; i < 50; ++i) {
    lines.push_back({"should i buy shares or bonds with my savings number " + std::to_string(i), first});
    lines.push_back({"the weather in the garden was cold and wet on day " + std::to_string(i), second});
  }
  auto made = match::train_classifier(lines, {.dim = 8, .epochs = 2, .buckets = 1000, .cutoff = 1000});
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return made ? *made : std::string();
}

std::string rule(const std::string& id, const std::string& match, const std::string& more = {}) {
  const std::string given = match.contains("classifier") ? "given: {topic.money: 0.9}, " : "";
  return "  - id: " + id + "\n    direction: request\n    match: " + match + "\n    action: {type: flag}\n" + more + "    tests: [{name: miss, request: hay, expect: {rules: []}}, {name: hit, request: needle, " + given + "expect: {rules_any: [" + id + "]}}]\n";
}

// What a bundle is made of; each member is a file's text.
struct files {
  std::string macro = "{keywords: [needle, one]}", inner = "{keywords: [two]}", list = "[needle]", excused = "{keywords: [three]}", bytes = model("money", "none");
};

std::string macro(const std::string& name, const std::string& match) {
  return "apiVersion: sluice/v1\nkind: Macro\nmetadata: {name: " + name + ", owner: o}\nmatch: " + match + "\n";
}

bundle_source source(const files& of, const std::string& rules) {
  auto out = testing::source_of({{"bundle.yaml", testing::bundle_file("  - {use: p, bind: {scope: global}}\n", "classifiers:\n  - {name: topic, model: models/topic.ftz}\n")},
                                 {"p.yaml", testing::policy_file("p", rules)},
                                 {"outer.yaml", macro("outer", "{any: [" + of.macro + ", {macro: inner}]}")},
                                 {"inner.yaml", macro("inner", of.inner)},
                                 {"excused.yaml", macro("excused", of.excused)},
                                 {"list.yaml", "apiVersion: sluice/v1\nkind: List\nmetadata: {name: l, owner: o}\nmatch: {}\nitems: " + of.list + "\n"}});
  out.files.push_back(make_source_file("models/topic.ftz", of.bytes));
  std::ranges::sort(out.files, {}, &source_file::path);
  return out;
}

struct hashes {
  std::string now, before;
};
hashes of(const files& with, const std::string& rules) {
  const auto made = testing::built(source(with, rules));
  EXPECT_NE(made.snapshot, nullptr) << to_text(made.found);
  if (made.snapshot == nullptr) return {};
  const auto& in_force = made.snapshot->rules_for({});
  return {effective_hash(in_force), effective_hash_before(in_force)};
}

const std::string plain = rule("plain", "{list: l}");
const std::string drawing = rule("m", "{macro: outer}", "    exceptions: [{id: x, match: {macro: excused}, reason: r, owner: o, ticket: t, expires: 2026-12-31}]\n") +
                            rule("c", "{classifier: {name: topic, label: money, threshold: 0.7, on_timeout: match}}");

TEST(effective_hash, changes_with_every_file_that_a_rule_draws_on) {
  const auto first = of({}, plain + drawing);
  EXPECT_EQ(first.now, of({}, plain + drawing).now);
  for (const auto& [what, changed] : std::initializer_list<std::pair<const char*, files>>{{"a macro", {.macro = "{keywords: [needle, four]}"}},
                                                                                         {"a macro in a macro", {.inner = "{keywords: [five]}"}},
                                                                                         {"an exception's macro", {.excused = "{keywords: [six]}"}},
                                                                                         {"a list", {.list = "[needle, seven]"}},
                                                                                         {"a model", {.bytes = model("none", "money")}}}) {
    EXPECT_NE(of(changed, plain + drawing).now, first.now) << what;
  }
  // Of what no rule draws on it does not.
  EXPECT_EQ(of({.macro = "{keywords: [needle, four]}", .bytes = model("none", "money")}, plain).now, of({}, plain).now);
}

TEST(effective_hash, is_known_as_it_was_without_the_files_of_macros_and_models) {
  const auto first = of({}, plain + drawing);
  EXPECT_NE(first.now, first.before);
  EXPECT_EQ(first.before, of({.macro = "{keywords: [needle, four]}", .excused = "{keywords: [six]}", .bytes = model("none", "money")}, plain + drawing).before);
  EXPECT_NE(first.before, of({.list = "[needle, seven]"}, plain + drawing).before);
  const auto alone = of({}, plain);
  EXPECT_EQ(alone.now, alone.before) << "most rules draw on neither, and their records stay as they are";
}

}  // namespace
}  // namespace sluice::policy
