// explain --lines: one row in, one row out.
#include "explain_lines.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/shard_cache.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

std::shared_ptr<const policy::snapshot> compiled() {
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: p, bind: {scope: global}}\n"));
  source.files.push_back(policy::make_source_file("p.yaml",
      "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n"
      "  - id: card\n    category: pii.payment_card\n    direction: both\n"
      "    match: {regex: '\\b[0-9]{16}\\b', validator: luhn}\n    action: {type: redact, mask: X}\n"
      "    tests:\n      - {name: hit, request: \"4111111111111111\", expect: {rules: [card]}}\n"
      "      - {name: miss, request: \"no card\", expect: {rules: []}}\n"));
  return policy::build(source, wall_time{}, *backend, cache).snapshot;
}

struct said {
  int code;
  std::vector<json> rows;
};

said asked(const std::string& input, const policy::explain_request& request = {}) {
  std::istringstream in(input);
  std::ostringstream out;
  const auto snapshot = compiled();
  EXPECT_NE(snapshot, nullptr);
  const int code = explain_lines(snapshot, request, in, out);
  said back{code, {}};
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) back.rows.push_back(json::parse(line));
  return back;
}

TEST(explain_lines, prints_one_row_for_each_with_its_findings_in_bytes) {
  const auto got = asked("{\"text\": \"h\u00e9 4111111111111111.\"}\n\n{\"text\": \"nothing\", \"id\": 7}\n");
  EXPECT_EQ(got.code, 0);
  ASSERT_EQ(got.rows.size(), 2u);
  EXPECT_EQ(got.rows[0]["line"], 1);
  EXPECT_EQ(got.rows[0]["verdict"], "edit");
  EXPECT_EQ(got.rows[0]["text"], "h\u00e9 X.");
  EXPECT_GT(got.rows[0]["us"].get<double>(), 0);
  const json finding = {{"rule", "card"}, {"policy", "p"}, {"category", "pii.payment_card"}, {"begin", 4}, {"end", 20}, {"action", "redact"}, {"enforced", true}, {"reading", "case kept"}};
  EXPECT_EQ(got.rows[0]["findings"], json::array({finding}));
  EXPECT_EQ(got.rows[1]["line"], 3);
  EXPECT_EQ(got.rows[1]["findings"], json::array());
  EXPECT_FALSE(got.rows[1].contains("text"));
}

TEST(explain_lines, holds_a_whole_conversation_and_names_the_part) {
  const auto got = asked(R"({"messages": [{"role": "user", "content": "one"}, {"role": "tool", "content": "4111111111111111", "part": "tool_result"}]})" "\n");
  ASSERT_EQ(got.rows.size(), 1u);
  EXPECT_EQ(got.rows[0]["verdict"], "edit");
  EXPECT_EQ(got.rows[0]["findings"][0]["part"], 1);
  EXPECT_EQ(got.rows[0]["messages"], (json{"one", "X"}));
}

TEST(explain_lines, a_streamed_answer_says_what_a_whole_one_says) {
  const policy::explain_request answer{.who = {}, .direction = policy::direction::response, .role = policy::role::assistant, .text = {}};
  const auto got = asked("{\"text\": \"h\u00e9 4111111111111111.\"}\n{\"stream\": true, \"text\": \"h\u00e9 4111111111111111.\"}\n", answer);
  ASSERT_EQ(got.rows.size(), 2u);
  EXPECT_EQ(got.rows[1]["text"], "h\u00e9 X.");
  EXPECT_EQ(got.rows[0]["findings"], got.rows[1]["findings"]);
}

TEST(explain_lines, stops_at_a_line_that_has_no_text) {
  for (const char* bad : {"{\"text\": 1}\n", "[]\n", "{\n", "{}\n", "{\"text\": \"\xff\"}\n", "{\"messages\": [{\"content\": \"a\", \"role\": \"boss\"}]}\n",
                          "{\"messages\": {}}\n", "{\"stream\": true, \"text\": \"of a request\"}\n"}) {
    const auto got = asked(std::string("{\"text\": \"a\"}\n") + bad + "{\"text\": \"b\"}\n");
    EXPECT_EQ(got.code, 1) << bad;
    EXPECT_EQ(got.rows.size(), 1u) << bad;
  }
}

}  // namespace
}  // namespace sluice::app
