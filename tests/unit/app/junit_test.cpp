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

TEST(junit, shows_what_refused_a_bundle) {
  junit_report report;
  report.add(policy::diagnostics{{.severity = policy::severity::error, .place = {.file = "p.yaml", .line = 3, .column = 1}, .rule = "r", .message = "wrong", .advice = {}},
                                 {.severity = policy::severity::warning, .place = {}, .rule = {}, .message = "meh", .advice = {}}});
  EXPECT_TRUE(report.xml().contains(R"(<testsuite name="check" tests="1" failures="1">)"));
  EXPECT_TRUE(report.xml().contains(R"(<failure message="wrong"/>)"));
}

}  // namespace
}  // namespace sluice::app
