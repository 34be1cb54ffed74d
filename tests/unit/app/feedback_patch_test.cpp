// A proposal as a patch: where its lines go, and that git takes it.
#include "feedback_patch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sluice::app {
namespace {

constexpr const char* bundle_yaml = "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b, owner: o}\nmodules:\n  - {use: p, bind: {scope: global}}\n";
// Three ways to write a rule; the last line has no end.
constexpr const char* policy_yaml = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: plain
    direction: request
    match: {keywords: [needle]}
    action: {type: flag}
    tests: [{name: a, request: a needle, expect: {rules: [plain]}}, {name: b, request: hay, expect: {rules: []}}]
  - id: known
    direction: request
    match: {keywords: [thorn]}
    action: {type: flag}
    exceptions:
      - {id: e, when: {tenant: [a]}, reason: r, owner: o, ticket: t, expires: 2027-01-01}
    tests: [{name: a, request: a thorn, expect: {rules: [known]}}, {name: b, request: hay, expect: {rules: []}}]
  - id: none
    direction: request
    match: {keywords: [briar]}
    action: {type: flag}

    exceptions: []
    tests: [{name: a, request: a briar, expect: {rules: [none]}}, {name: b, request: hay, expect: {rules: []}}]
  - {id: flow, direction: request, match: {keywords: [rose]}, action: {type: flag}, tests: [{name: a, request: a rose, expect: {rules: [flow]}}, {name: b, request: hay, expect: {rules: []}}]})";

bundle_input input() {
  bundle_input out{.path = "b", .source = {}, .report = {}};
  out.source.files = {policy::make_source_file("bundle.yaml", bundle_yaml), policy::make_source_file("golden/feedback.jsonl", R"({"id":"old","set":"must_pass","request":"x"})"),
                      policy::make_source_file("p.yaml", policy_yaml)};
  policy::diagnostics found;
  out.report.bundle = policy::parse(out.source, found);
  EXPECT_FALSE(policy::has_errors(found)) << policy::to_text(found);
  return out;
}

std::string exception(const std::string& id) {
  return "{id: " + id + ", when: {tenant: [x]}, match: {keywords: [a]}, reason: r, owner: o, ticket: t, expires: 2027-01-01}";
}

const std::string& bytes_of(const policy::bundle_source& source, const std::string& path) {
  return std::ranges::find(source.files, path, &policy::source_file::path)->bytes;
}

TEST(feedback_patch, puts_exceptions_into_their_rules_and_says_what_has_no_place) {
  const auto made = patch_of(input(), {.cases = {R"({"id":"new","set":"must_pass","request":"y"})", R"({"id":"old","set":"must_pass","request":"x"})"},
                                       .exceptions = {{"plain", "p", "a", exception("f1")}, {"plain", "p", "a", exception("f2")}, {"known", "p", "a", exception("f3")}, {"flow", "p", "a", exception("f4")}, {"gone", "p", "a", exception("f5")}, {"none", "p", "a", exception("f6")}},
                                       .left_out = {}});
  policy::diagnostics found;
  const auto bundle = policy::parse(made.patched, found);
  ASSERT_FALSE(policy::has_errors(found)) << policy::to_text(found) << bytes_of(made.patched, "p.yaml");
  const auto ids = [&](std::size_t rule) {
    std::vector<std::string> out;
    for (const auto& e : bundle.policies[0].rules[rule].exceptions) out.push_back(e.id);
    return out;
  };
  EXPECT_EQ(ids(0), (std::vector<std::string>{"f1", "f2"}));
  EXPECT_EQ(ids(1), (std::vector<std::string>{"f3", "e"}));
  EXPECT_TRUE(ids(2).empty());
  EXPECT_TRUE(ids(3).empty());
  ASSERT_EQ(made.left_out.size(), 3u);
  EXPECT_NE(made.left_out[0].find("add by hand"), std::string::npos);
  EXPECT_NE(made.left_out[1].find("this bundle has none"), std::string::npos);
  EXPECT_NE(made.left_out[2].find("add by hand"), std::string::npos) << "exceptions: [] is there, and cannot be given twice";
  EXPECT_EQ(bytes_of(made.patched, "golden/feedback.jsonl"), std::string(R"({"id":"old","set":"must_pass","request":"x"})") + "\n" + R"({"id":"new","set":"must_pass","request":"y"})" + "\n") << "a case that is there is not added again";
}

TEST(feedback_patch, never_excuses_the_word_that_a_rule_looks_for) {
  const auto made = patch_of(input(), {.cases = {}, .exceptions = {{"plain", "p", "NEEDLE", exception("f1")}, {"plain", "p", "a needle", exception("f2")}}, .left_out = {}});
  policy::diagnostics found;
  const auto bundle = policy::parse(made.patched, found);
  ASSERT_EQ(bundle.policies[0].rules[0].exceptions.size(), 1u);
  EXPECT_EQ(bundle.policies[0].rules[0].exceptions[0].id, "f2");
  ASSERT_EQ(made.left_out.size(), 1u);
  EXPECT_NE(made.left_out[0].find("would switch that word off"), std::string::npos) << made.left_out[0];
}

TEST(feedback_patch, is_one_that_git_takes) {
  if (std::system("git --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "git is not installed";
  const auto before = input();
  const auto made = patch_of(before, {.cases = {R"({"id":"new","set":"must_pass","request":"y"})"}, .exceptions = {{"plain", "p", "a", exception("f1")}, {"known", "p", "a", exception("f3")}}, .left_out = {}});
  const auto folder = std::filesystem::temp_directory_path() / ("feedback-patch-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "golden");
  for (const auto& f : before.source.files) std::ofstream(folder / f.path, std::ios::binary) << f.bytes;
  std::ofstream(folder / "the.patch", std::ios::binary) << made.text;
  EXPECT_EQ(std::system(("cd " + folder.string() + " && git init -q . && git apply the.patch").c_str()), 0) << made.text;
  for (const char* path : {"p.yaml", "golden/feedback.jsonl"}) {
    std::ifstream in(folder / path, std::ios::binary);
    std::string now{std::istreambuf_iterator<char>(in), {}};
    auto wanted = bytes_of(made.patched, path);
    if (std::string_view(path) == "p.yaml") wanted.pop_back();  // its last line was not touched, and still has no end
    EXPECT_EQ(now, wanted) << path;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sluice::app
