// What a command that failed says to machines.
#include "failure_document.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

namespace sluice::app {
namespace {

using nlohmann::json;

// What stands on standard output of a command that did that.
template <class Command>
std::string output_of(Command command, int exit_code, bool wanted = true) {
  std::ostringstream out;
  auto* before = std::cout.rdbuf(out.rdbuf());
  {
    failure_document document(wanted);
    command();
    document.tell(exit_code);
  }
  std::cout.rdbuf(before);
  return out.str();
}

TEST(failure_document, says_the_last_complaint) {
  const auto one = json::parse(output_of([] { keep_complaint("no such ring", "look again"); }, 1));
  EXPECT_EQ(one, json::parse(R"({"ok": false, "error": "no such ring", "advice": "look again"})"));
  const auto two = json::parse(output_of([] { keep_complaint("line 3 is wrong"), keep_complaint("it was refused", "correct it"); }, 1));
  EXPECT_EQ(two["error"], "it was refused");
  EXPECT_EQ(two["complaints"], json::parse(R"([{"error": "line 3 is wrong", "advice": ""}, {"error": "it was refused", "advice": "correct it"}])"));
}

TEST(failure_document, says_nothing_beside_a_result_or_of_a_success) {
  EXPECT_EQ(output_of([] { keep_complaint("one node refused"), std::cout << "{}"; }, 1), "{}");
  EXPECT_EQ(output_of([] { keep_complaint("one node refused"), std::cout.put('['); }, 1), "[");
  EXPECT_EQ(output_of([] { keep_complaint("a warning"); }, 0), "");
  EXPECT_EQ(output_of([] { keep_complaint("no such ring"); }, 1, false), "");
  const auto told = json::parse(output_of([] { keep_complaint("no such ring"), std::thread([] { keep_complaint("of another thread"); }).join(); }, 1));
  EXPECT_EQ(told["error"], "no such ring");
}

TEST(failure_document, keeps_so_many_and_always_the_last) {
  const auto told = json::parse(output_of([] { for (int i = 0; i < 250; ++i) keep_complaint("complaint " + std::to_string(i)); }, 1));
  EXPECT_EQ(told["complaints"].size(), 100u);
  EXPECT_EQ(told["complaints"][98]["error"], "complaint 98");
  EXPECT_EQ(told["error"], "complaint 249");
  EXPECT_EQ(told["more"], 150);
}

TEST(failure_document, is_json_whatever_the_words) {
  EXPECT_NE(json::parse(output_of([] { keep_complaint("cannot read \xff\"x\"\n"); }, 1))["error"].get<std::string>().find("cannot read"), std::string::npos);
  EXPECT_EQ(json::parse(output_of([] {}, 3))["error"], "the command ended with exit code 3");
}

}  // namespace
}  // namespace sluice::app
