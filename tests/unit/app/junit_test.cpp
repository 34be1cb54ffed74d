// What CI systems read: well-formed, with every failure and what it says.
#include "junit.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

TEST(junit, counts_tests_and_shows_failures) {
  junit_report report;
  const std::vector<policy::test_result> tests = {
      {.policy = "p", .rule = "r", .test = "good", .place = {.file = "p.yaml", .line = 3, .column = 1}, .passed = true, .what = ""},
      {.policy = "p", .rule = "r", .test = "a <b> & \"c\"", .place = {.file = "p.yaml", .line = 4, .column = 1}, .passed = false, .what = "got [x]\nand \x01"}};
  report.add(tests, "inline tests");
  const auto xml = report.xml();
  EXPECT_TRUE(xml.contains(R"(<testsuite name="inline tests" tests="2" failures="1">)")) << xml;
  EXPECT_TRUE(xml.contains(R"(<testcase classname="p.r" name="good" file="p.yaml:3:1"/>)")) << xml;
  EXPECT_TRUE(xml.contains(R"(name="a &lt;b&gt; &amp; &quot;c&quot;" file="p.yaml:4:1"><failure message="got [x]&#10;and ?"/></testcase>)")) << xml;
}

TEST(junit, tells_what_was_skipped_and_what_is_warned_of_from_what_passed) {
  junit_report report;
  std::vector<rollout::check_row> rows(3);
  rows[0] = {.check = "replay", .status = rollout::status::skipped, .summary = "no decisions", .findings = {}};
  rows[1] = {.check = "cost", .status = rollout::status::warning, .summary = "slow", .findings = {{.of = "rule r", .status = rollout::status::warning, .what = "slow & large", .examples = {}}}};
  rows[2] = {.check = "recall", .status = rollout::status::pass, .summary = "fine", .findings = {}};
  report.add(rows, "gate");
  const auto xml = report.xml();
  EXPECT_TRUE(xml.contains(R"(<testsuite name="gate" tests="3" failures="0" skipped="1">)")) << xml;
  EXPECT_TRUE(xml.contains(R"(name="replay" file="bundle.yaml"><skipped message="no decisions"/></testcase>)")) << xml;
  EXPECT_TRUE(xml.contains(R"(name="cost" file="bundle.yaml"><system-out>rule r: slow &amp; large</system-out></testcase>)")) << xml;
  EXPECT_TRUE(xml.contains(R"(name="recall" file="bundle.yaml"/>)")) << xml;
}

TEST(junit, shows_what_refused_a_bundle) {
  junit_report report;
  report.add(policy::diagnostics{{.severity = policy::severity::error, .place = {.file = "p.yaml", .line = 3, .column = 1}, .rule = "r", .message = "wrong", .advice = {}},
                                 {.severity = policy::severity::warning, .place = {}, .rule = {}, .message = "meh", .advice = {}}});
  EXPECT_TRUE(report.xml().contains(R"(<testsuite name="check" tests="1" failures="1">)"));
  EXPECT_TRUE(report.xml().contains(R"(<failure message="wrong"/>)"));
}

}  // namespace
}  // namespace sluice::app
