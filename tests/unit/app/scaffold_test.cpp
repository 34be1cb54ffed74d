// What `sluice init` and `sluice new` write goes live as it is.
#include "scaffold.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/policy/build.hpp"
#include "sluice/policy/golden.hpp"

namespace sluice::app {
namespace {

policy::bundle_source source_of(const scaffold::files& files) {
  policy::bundle_source out;
  for (const auto& [path, content] : files) {
    if (policy::classify_file(path) != policy::file_class::other) out.files.push_back(policy::make_source_file(path, content));
  }
  std::ranges::sort(out.files, {}, &policy::source_file::path);
  return out;
}

policy::build_report built(const policy::bundle_source& source) {
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  return policy::build(source, parse_time("2026-12-01").value(), *backend, cache);
}

TEST(scaffold, makes_a_bundle_that_checks_without_a_warning_and_passes_its_golden_set) {
  const auto source = source_of(scaffold::bundle("ours"));
  const auto report = built(source);
  EXPECT_TRUE(report.found.empty()) << policy::to_text(report.found);
  ASSERT_NE(report.snapshot, nullptr);
  policy::diagnostics found;
  const auto cases = policy::golden_of(source, found);
  EXPECT_EQ(cases.size(), 2u);
  for (const auto& result : policy::run_golden(cases, report.snapshot)) EXPECT_TRUE(result.passed) << result.what;
}

TEST(scaffold, makes_policies_rules_and_lists_that_fit_into_one) {
  auto files = scaffold::bundle("ours");
  files[0].second += "  - {use: tone, bind: {scope: global}}\n";
  auto more = scaffold::policy("tone", "tone") + scaffold::rule("tone-002", "second tone");
  more.replace(more.rfind("keywords: [example second tone]"), std::string("keywords: [example second tone]").size(), "list: names");
  for (std::size_t at = more.find("example second tone", more.find("tone-002")); at != std::string::npos; at = more.find("example second tone", at)) {
    more.replace(at, std::string("example second tone").size(), "Example Name");
  }
  files.emplace_back("tone.yaml", more);
  files.emplace_back("names.yaml", scaffold::list("names"));
  const auto report = built(source_of(files));
  EXPECT_TRUE(report.found.empty()) << policy::to_text(report.found);
  EXPECT_NE(report.snapshot, nullptr);
}

}  // namespace
}  // namespace sluice::app
