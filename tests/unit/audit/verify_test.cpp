// The chain's promise: no byte of a log changes, no record goes, moves or comes without being found.
#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/audit/query.hpp"
#include "sluice/base/strings.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;

class chain : public ::testing::Test {
 protected:
  void SetUp() override {
    auto to = log::open(config_for(folder_), 1).value();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(push(*to, 0, decision("d" + std::to_string(i))));
    to.reset();
    file_ = folder_.files().at(0);
    bytes_ = read(file_);
  }
  verify_report check(const std::string& bytes) {
    write(file_, bytes);
    return verify({folder_.path()}).value();
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += line + "\n";
    return out;
  }
  log_folder folder_;
  std::string file_, bytes_;
};

TEST_F(chain, an_untouched_log_is_whole) {
  const auto report = check(bytes_);
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_EQ(report.records, 5u);
  EXPECT_FALSE(report.torn_tail);
}

TEST_F(chain, finds_every_change_of_one_byte) {
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    auto changed = bytes_;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto report = check(changed);
    // Without its newline the last line is not a record yet: torn, and said so.
    const bool found = i + 1 == bytes_.size() ? report.torn_tail : !report.problems.empty();
    ASSERT_TRUE(found) << "byte " << i << " of " << bytes_.size() << ": " << bytes_.substr(i < 20 ? 0 : i - 20, 40);
  }
}

TEST_F(chain, finds_every_record_that_was_removed_except_the_last) {
  const auto lines = folder_.lines();
  for (std::size_t gone = 0; gone + 1 < lines.size(); ++gone) {
    auto rest = lines;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
    const auto report = check(joined(rest));
    ASSERT_FALSE(report.problems.empty()) << gone;
    EXPECT_TRUE(report.problems[0].starts_with(file_ + ":" + std::to_string(gone + 1) + ": ")) << report.problems[0];
  }
}

TEST_F(chain, finds_records_that_were_swapped_or_doubled) {
  const auto lines = folder_.lines();
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    auto swapped = lines;
    std::swap(swapped[i], swapped[i + 1]);
    EXPECT_FALSE(check(joined(swapped)).problems.empty()) << i;
    auto doubled = lines;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    EXPECT_FALSE(check(joined(doubled)).problems.empty()) << i;
  }
}

TEST_F(chain, finds_a_file_that_is_missing_between_boots) {
  { auto to = log::open(config_for(folder_), 1).value(); }
  { auto to = log::open(config_for(folder_), 1).value(); }
  ASSERT_EQ(folder_.files().size(), 3u);
  std::filesystem::remove(folder_.files()[1]);
  const auto report = verify({folder_.path()}).value();
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_TRUE(report.problems[0].starts_with(folder_.files()[1] + ":1: "));
}

TEST_F(chain, a_tear_in_a_file_that_is_not_the_newest_is_a_break) {
  { auto to = log::open(config_for(folder_), 1).value(); }
  const auto report = check(bytes_.substr(0, bytes_.size() - 10));
  EXPECT_FALSE(report.problems.empty());
}

// Who has no key can write a whole chain, and a name of a node into it.
TEST_F(chain, with_keys_a_node_without_any_checkpoint_is_a_problem) {
  const auto key = std::make_shared<const crypto::signing_key>(crypto::signing_key::from_seed(std::string(32, 'k')));
  log_folder folder;
  auto config = config_for(folder);
  config.signing = key;
  ASSERT_TRUE(log::open(config, 1));
  auto made_up = config_for(folder, "n2");
  {
    auto to = log::open(made_up, 1).value();
    ASSERT_TRUE(push(*to, 0, decision("forged")));
  }
  const auto all = read(folder.files().back());
  for (const auto& bytes : {all, all.substr(0, all.find('\n') + 1)}) {  // one record alone is the shortest
    write(folder.files().back(), bytes);
    EXPECT_EQ(verify({folder.path()}).value().problems.size(), 0u) << "without keys any key will do, and none";
    const auto problems = verify({folder.path()}, {.keys = {hex(key->public_key())}, .anchors = {}}).value().problems;
    ASSERT_FALSE(problems.empty());
    EXPECT_TRUE(std::ranges::any_of(problems, [](const std::string& p) { return p.contains("node n2") && p.contains("no checkpoint"); })) << problems[0];
  }
}

TEST_F(chain, what_is_no_log_is_told_line_by_line) {
  for (const char* bytes : {"\n", "{}\n", "\"}\n", "x\"}\n", "{\"v\":1}\n"}) EXPECT_EQ(check(bytes).problems.size(), 1u) << bytes;
  EXPECT_FALSE(verify({folder_.path() + "/nowhere"}));
}

}  // namespace
}  // namespace sluice::audit
