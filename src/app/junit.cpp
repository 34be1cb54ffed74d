// See junit.hpp.
#include "junit.hpp"

#include <algorithm>

namespace sluice::app {
namespace {

// The inside of an attribute. XML 1.0 has no control characters, not even escaped.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      case '\n': out += "&#10;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

std::string attribute(const char* name, const std::string& value) { return std::string(" ") + name + "=\"" + escaped(value) + "\""; }

}  // namespace

void junit_report::add(std::span<const policy::test_result> tests, const std::string& name) {
  auto& into = suites_.emplace_back(suite{.name = name, .cases = {}});
  for (const auto& each : tests) {
    into.cases.push_back({.group = each.policy + "." + each.rule, .name = each.test, .place = to_string(each.place), .failure = each.passed ? "" : each.what});
  }
}

void junit_report::add(std::span<const policy::golden_result> cases, const std::string& name) {
  auto& into = suites_.emplace_back(suite{.name = name, .cases = {}});
  for (const auto& each : cases) {
    if (each.judged) into.cases.push_back({.group = each.set, .name = each.id, .place = to_string(each.place), .failure = each.what + (each.what.empty() || each.stream.empty() ? "" : "; ") + each.stream});
  }
}

void junit_report::add(std::span<const rollout::check_row> rows, const std::string& name) {
  auto& into = suites_.emplace_back(suite{.name = name, .cases = {}});
  for (const auto& row : rows) {
    std::string failure, said;
    for (const auto& each : row.findings) {
      auto& where = each.status >= rollout::status::insufficient ? failure : said;
      if (each.status > rollout::status::skipped) where += (where.empty() ? "" : "\n") + (each.of.empty() ? "" : each.of + ": ") + each.what;
    }
    into.cases.push_back({.group = "gate", .name = row.check, .place = "bundle.yaml", .failure = failure, .skipped = row.status == rollout::status::skipped ? row.summary : "", .said = said});
  }
}

void junit_report::add(const policy::diagnostics& found) {
  auto& into = suites_.emplace_back(suite{.name = "check", .cases = {}});
  for (const auto& each : found) {
    if (each.severity == policy::severity::error) into.cases.push_back({.group = each.rule.empty() ? "bundle" : each.rule, .name = to_string(each.place), .place = to_string(each.place), .failure = each.message});
  }
}

std::string junit_report::xml() const {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const auto& each : suites_) {
    const auto failed = std::ranges::count_if(each.cases, [](const test_case& c) { return !c.failure.empty(); });
    out += "  <testsuite" + attribute("name", each.name) + attribute("tests", std::to_string(each.cases.size())) + attribute("failures", std::to_string(failed));
    const auto skipped = std::ranges::count_if(each.cases, [](const test_case& c) { return !c.skipped.empty(); });
    out += (skipped > 0 ? attribute("skipped", std::to_string(skipped)) : "") + ">\n";
    for (const auto& c : each.cases) {
      out += "    <testcase" + attribute("classname", c.group) + attribute("name", c.name) + attribute("file", c.place);
      std::string inside;
      if (!c.failure.empty()) inside += "<failure" + attribute("message", c.failure) + "/>";
      if (!c.skipped.empty()) inside += "<skipped" + attribute("message", c.skipped) + "/>";
      if (!c.said.empty()) inside += "<system-out>" + escaped(c.said) + "</system-out>";
      out += inside.empty() ? "/>\n" : ">" + inside + "</testcase>\n";
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace sluice::app
