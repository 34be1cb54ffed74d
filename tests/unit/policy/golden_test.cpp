// Golden sets: how a line is read, how a case is judged, and that the starter bundle keeps its own.
#include "sluice/policy/golden.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "built.hpp"
#include "sluice/policy/diff.hpp"

namespace sluice::policy {
namespace {

using testing::built;
using testing::clean;
using testing::one_policy;
using testing::says;

std::vector<golden_case> read(const std::string& bytes, diagnostics& found) {
  return parse_golden("golden/a.jsonl", bytes, found);
}

std::string problem(const std::string& bytes) {
  diagnostics found;
  EXPECT_TRUE(read(bytes, found).empty()) << bytes;
  return to_text(found);
}

TEST(golden, reads_a_case) {
  diagnostics found;
  const auto cases = read(
      "\n"
      R"({"id":"g1","set":"must_block","slice":["de"],"weight":1,"context":{"tenant":"t"},"messages":[{"role":"tool","content":"x"}],"response":"y","given":{},"expect":{"action_at_least":"block","rules_any":["r"],"text_absent":["z"]},"label":{"by":["a"]},"expires":null})"
      "\n\n",
      found);
  ASSERT_EQ(cases.size(), 1u) << to_text(found);
  EXPECT_EQ(cases[0].place.line, 2);
  EXPECT_EQ(cases[0].who.tenant, "t");
  ASSERT_EQ(cases[0].request.size(), 1u);
  EXPECT_EQ(cases[0].request[0].part, part_kind::tool_result);
  EXPECT_EQ(cases[0].response, "y");
  EXPECT_EQ(cases[0].expect.action_at_least, action::block);
}

TEST(golden, refuses_lines_with_a_reason) {
  EXPECT_TRUE(problem("{").contains("golden/a.jsonl:1: error: not JSON"));
  EXPECT_TRUE(problem("[]").contains("must be a JSON object"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benign","reqest":"x"})").contains("did you mean 'request'?"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benin","request":"x"})").contains("'set' must be one of"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benign"})").contains("a case needs 'messages'"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benign","request":"x","given":{"topic.a":1.9}})").contains("'given.topic.a' must be a number from 0 to 1"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benign","request":"x","given":{"topic":0.9}})").contains("names no score"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benign","request":"x","given":[]})").contains("'given' must be an object"));
  EXPECT_TRUE(problem(R"({"id":"a","set":"benign","request":"x","expect":{"action_at_least":"tokenise"}})")
                  .contains("'tokenise' is no value of 'action_at_least'"));
}

TEST(golden, judges_by_set_and_by_expectation) {
  const auto report = built(one_policy(
      "  - id: stop\n    direction: request\n    match: {keywords: [needle]}\n    action: {type: block, message: m}\n"
      "    tests: [{name: hit, request: needle, expect: {rules: [stop]}}, {name: miss, request: x, expect: {rules: "
      "[]}}]\n"
      "  - id: hide\n    direction: response\n    match: {keywords: [secret]}\n    action: {type: redact, mask: "
      "\"#\"}\n"
      "    tests: [{name: hit, response: secret, expect: {rules: [hide]}}, {name: miss, response: x, expect: {rules: "
      "[]}}]\n"));
  ASSERT_TRUE(clean(report.found));
  diagnostics found;
  const auto cases = read(R"({"id":"1","set":"must_block","request":"needle"}
{"id":"2","set":"must_block","request":"hay"}
{"id":"3","set":"must_pass","request":"hay"}
{"id":"4","set":"must_pass","request":"a needle"}
{"id":"5","set":"benign","request":"a needle"}
{"id":"6","set":"attack","response":"the secret word","expect":{"rules_any":["hide"],"text_absent":["secret"],"text_present":["the # word"]}}
{"id":"7","set":"attack","response":"the secret word","expect":{"text_present":["secret"],"rules_none":["hide"]}})",
                          found);
  ASSERT_EQ(cases.size(), 7u) << to_text(found);
  const auto results = run_golden(cases, report.snapshot);
  EXPECT_TRUE(results[0].judged && results[0].passed) << results[0].what;
  EXPECT_FALSE(results[1].passed);
  EXPECT_TRUE(results[2].passed);
  EXPECT_FALSE(results[3].passed);
  EXPECT_FALSE(results[4].judged);
  EXPECT_EQ(results[4].action, action::block);
  EXPECT_TRUE(results[5].passed) << results[5].what;
  EXPECT_FALSE(results[6].passed);
}

// What must be absent is in none of the texts, and what is done to any of them is told from what was done before.
TEST(golden, every_message_of_a_request_and_its_answer_count) {
  const auto redacting = [](const std::string& direction, const std::string& mask) {
    return built(one_policy("  - id: hide\n    direction: " + direction + "\n    match: {keywords: [DE89]}\n    action: {type: redact, mask: \"" + mask + "\"}\n    tests: [{name: hit, " +
                            (direction == "response" ? "response" : "request") + ": DE89, expect: {rules: [hide]}}, {name: miss, request: x, expect: {rules: []}}]\n"));
  };
  diagnostics found;
  const auto cases = read(R"({"id":"1","set":"must_block","messages":[{"role":"user","content":"IBAN DE89 it is"},{"role":"assistant","content":"ok"},{"role":"user","content":"thanks"}],"expect":{"text_absent":["DE89"]}}
{"id":"2","set":"attack","request":"IBAN DE89 it is","response":"thanks","expect":{"text_absent":["DE89"]}}
{"id":"3","set":"attack","messages":[{"role":"user","content":"IBAN DE89 it is"},{"role":"user","content":"thanks"}],"expect":{"text_present":["IBAN # it"]}}
{"id":"4","set":"must_block","request":"hay","expect":{"text_absent":["needle"]}})",
                          found);
  ASSERT_EQ(cases.size(), 4u) << to_text(found);
  const auto in_answers = redacting("response", "#"), everywhere = redacting("both", "#"), otherwise = redacting("both", "%");
  ASSERT_TRUE(clean(everywhere.found));
  for (const auto& each : run_golden(cases, in_answers.snapshot)) EXPECT_FALSE(each.passed) << each.id;
  const auto done = run_golden(cases, everywhere.snapshot);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(done[i].passed) << done[i].id << ": " << done[i].what;
  EXPECT_FALSE(done[3].passed) << "nothing was done to it";
  const auto changes = diff_decisions(done, run_golden(cases, otherwise.snapshot));
  ASSERT_EQ(changes.size(), 3u);
  for (const auto& each : changes) EXPECT_TRUE(each.text_differs) << each.id;
}

TEST(golden, what_is_blocked_goes_nowhere) {
  const auto report = built(one_policy(
      "  - id: stop\n    direction: response\n    match: {keywords: [secret]}\n    action: {type: block, message: m}\n"
      "    tests: [{name: hit, response: secret, expect: {rules: [stop]}}, {name: miss, request: x, expect: {rules: []}}]\n"));
  ASSERT_TRUE(clean(report.found));
  diagnostics found;
  const auto cases = read(R"({"id":"1","set":"must_block","request":"say it","response":"the secret","expect":{"text_absent":["secret"]}}
{"id":"2","set":"must_block","request":"say it","response":"the secret","expect":{"text_absent":["say"]}}
{"id":"3","set":"must_block","request":"say it","response":"the secret","expect":{"text_present":["say"]}})",
                          found);
  ASSERT_EQ(cases.size(), 3u) << to_text(found);
  const auto results = run_golden(cases, report.snapshot);
  EXPECT_TRUE(results[0].passed) << results[0].what;
  EXPECT_FALSE(results[1].passed) << "the request went to the upstream before its answer was blocked";
  EXPECT_FALSE(results[2].passed);
}

bundle_source starter() {
  bundle_source source;
  const std::filesystem::path root = std::filesystem::path(SLUICE_SOURCE_DIR) / "policies";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    // The examples are bundles of their own, which a folder's reader leaves alone.
    if (!entry.is_regular_file() || entry.path().lexically_relative(root).begin()->string() == "examples") continue;
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::string path = entry.path().lexically_relative(root).generic_string();
    if (classify_file(path) != file_class::other) source.files.push_back(make_source_file(path, bytes.str()));
  }
  std::ranges::sort(source.files, {}, &source_file::path);
  return source;
}

TEST(golden, a_case_has_the_turns_of_its_messages) {
  diagnostics found;
  const auto cases = read(
      R"({"id":"a","set":"benign","messages":[{"role":"user","content":"1"},{"role":"assistant","content":"2"},{"role":"user","content":"3"}]})"
      "\n"
      R"({"id":"b","set":"benign","messages":[{"role":"user","content":"1"},{"role":"assistant","content":"2"},{"role":"user","content":"3"},{"role":"assistant","content":"4"},{"role":"assistant","content":"5","part":"tool_call"}]})"
      "\n",
      found);
  ASSERT_EQ(cases.size(), 2u) << to_text(found);
  const auto last = [](const golden_case& of) {
    std::string out;
    for (const auto& part : parts_of(of, direction::request)) {
      if (part.last_turn) out += part.text;
    }
    return out;
  };
  EXPECT_EQ(last(cases[0]), "3");
  EXPECT_EQ(last(cases[1]), "345");
}

TEST(starter_bundle, passes_its_tests_and_keeps_its_golden_set) {
  const bundle_source source = starter();
  const auto report = built(source);
  ASSERT_TRUE(clean(report.found));
  EXPECT_TRUE(report.found.empty()) << to_text(report.found);
  diagnostics found;
  const auto cases = golden_of(source, found);
  ASSERT_TRUE(found.empty()) << to_text(found);
  EXPECT_GE(cases.size(), 40u);
  for (const golden_result& each : run_golden(cases, report.snapshot))
    EXPECT_TRUE(each.passed) << to_string(each.place) << ' ' << each.id << ": " << each.what;
}

}  // namespace
}  // namespace sluice::policy
