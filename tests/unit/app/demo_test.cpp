// The rules of `sluice demo` go live as they are, and its invented customers ask what the tour says they ask.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "demo_bundle.hpp"
#include "demo_files.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/golden.hpp"

namespace sluice::app::demo {
namespace {

policy::bundle_source source_of(const scaffold::files& files) {
  policy::bundle_source out;
  for (const auto& [path, content] : files) {
    if (policy::classify_file(path) != policy::file_class::other) out.files.push_back(policy::make_source_file(path, content));
  }
  std::ranges::sort(out.files, {}, &policy::source_file::path);
  return out;
}

TEST(demo, its_bundle_checks_without_a_warning_and_passes_its_golden_sets) {
  const auto source = source_of(bundle());
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  const auto report = policy::build(source, parse_time("2026-12-01").value(), *backend, cache);
  EXPECT_TRUE(report.found.empty()) << policy::to_text(report.found);
  ASSERT_NE(report.snapshot, nullptr);
  policy::diagnostics found;
  const auto cases = policy::golden_of(source, found);
  EXPECT_TRUE(found.empty()) << policy::to_text(found);
  for (const auto& each : policy::run_golden(cases, report.snapshot)) {
    EXPECT_TRUE(each.passed) << each.what;
    if (each.set == "benign") {
      EXPECT_EQ(each.action, policy::action::allow);
    }
  }
}

TEST(demo, a_third_of_the_everyday_texts_speaks_of_a_transfer) {
  const auto texts = everyday();
  const auto with = std::ranges::count_if(texts, [](std::string_view text) { return text.find("transfer") != std::string_view::npos; });
  EXPECT_EQ(static_cast<std::size_t>(with) * 3, texts.size());
}

TEST(demo, chooses_ports_that_differ_and_says_which_one_is_taken) {
  const auto chosen = choose_ports(0);
  ASSERT_TRUE(chosen);
  std::vector<std::uint16_t> all = {chosen->redis, chosen->model};
  all.insert(all.end(), chosen->data.begin(), chosen->data.end());
  all.insert(all.end(), chosen->admin.begin(), chosen->admin.end());
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
  EXPECT_GT(all.front(), 0);
}

// The document's users, for a ring named demo and with the passwords that were made.
TEST(demo, its_redis_users_are_those_of_the_document) {
  const auto folder = std::filesystem::temp_directory_path() / ("sluice-demo-test-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto files = write_files(folder.string(), *choose_ports(0), "/usr/bin/sluice");
  ASSERT_TRUE(files) << files.error().message;
  const auto whole = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto conf = whole(files->path("redis/redis.conf")), document = whole(SLUICE_SOURCE_DIR "/docs/deploy.md");
  for (const std::string user : {"gateway", "publisher"}) {
    const auto from = document.find("ACL SETUSER " + user);
    ASSERT_NE(from, std::string::npos);
    auto line = document.substr(from, document.find('\n', from) - from).replace(0, std::string("ACL SETUSER").size(), "user");
    for (auto at = line.find("production"); at != std::string::npos; at = line.find("production")) line.replace(at, 10, ring);
    auto password = whole(files->path("redis/" + user + "-password"));
    password.pop_back();
    line.replace(line.find("PASSWORD"), 8, password);
    EXPECT_NE(conf.find("\n" + line + "\n"), std::string::npos) << line;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sluice::app::demo
