// What somebody does to logs who may write every file and has no key: it is found, or what is left is what docs/audit.md says that nobody
// sees ("What verify does not see"): the log as it was, without an end of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "files.hpp"
#include "log_edits.hpp"
#include "sluice/audit/packing.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/audit/retention.hpp"
#include "sluice/base/strings.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
namespace fs = std::filesystem;
constexpr std::uint64_t records_apart = 3;  // at most so many between two checkpoints

class tampering : public ::testing::Test {
 protected:
  void SetUp() override {
    set_packing({.pack = [](const std::string& from, const std::string& to) -> result<void> { return write(to, turned(read(from))), result<void>(); },
                 .unpack = [](const std::string& from, const std::function<bool(std::string_view)>& take) -> result<void> {
                   (void)take(turned(read(from)));
                   return {};
                 }});
  }
  void TearDown() override { set_packing({}); }

  std::unique_ptr<log> open(const std::string& node) {
    auto config = config_for(folder_, node);
    config.signing = key_;
    config.checkpoint_records = records_apart;
    config.checkpoint_interval = std::chrono::hours(1);
    config.file_bytes_max = 1500;  // a file every few records
    config.on_checkpoint = [this](const std::string& line) { sent_.push_back(line); };
    return log::open(config, 1).value();
  }
  static void add(log& to, int records) {
    for (int i = 0; i < records; ++i) {
      ASSERT_TRUE(push(to, 0, decision("d" + std::to_string(i))));
      to.flush();
    }
  }
  // As if the process had been killed now.
  void kill(std::unique_ptr<log> to) {
    to->flush();
    const auto disk = now_there();
    const auto sent = sent_;
    to.reset();
    put(disk);
    sent_ = sent;
  }
  // Two nodes of one fleet: boots that were stopped and one that was killed, packed files, and a begin that was retired.
  void write_logs() {
    { add(*open("n1"), 6); }
    { add(*open("n2"), 5); }
    {
      auto to = open("n1");
      add(*to, 5);
      ASSERT_FALSE(tidy(*to, folder_.path(), "n1", {.age = {}, .bytes = 9000, .pack = false}, sluice::now(), memory_).removed.empty());
      add(*to, 2);
      kill(std::move(to));
    }
    auto to = open("n1");
    add(*to, 5);
    ASSERT_FALSE(tidy(*to, folder_.path(), "n1", {}, sluice::now(), memory_).packed.empty());
    to.reset();
    { add(*open("n2"), 4); }
    { add(*open("n1"), 3); }
  }

  tree now_there() const {
    tree out;
    for (const auto& file : fs::directory_iterator(folder_.path())) {
      if (const auto name = file.path().filename().string(); name.contains(".jsonl")) out[name] = read(file.path());
    }
    return out;
  }
  // Only what differs is written, into a new file: over an old one it would wait for the disk.
  void put(const tree& wanted) {
    const auto there = now_there();
    for (const auto& [name, bytes] : there) {
      if (const auto other = wanted.find(name); other == wanted.end() || other->second != bytes) fs::remove(folder_.path() + "/" + name);
    }
    for (const auto& [name, bytes] : wanted) {
      if (const auto other = there.find(name); other == there.end() || other->second != bytes) write(folder_.path() + "/" + name, bytes);
    }
  }
  static std::vector<std::string> lines_of(const tree& of, const std::string& node) {
    std::vector<std::string> out;
    for (auto& each : rows_of(of, node)) out.push_back(std::move(each.line));
    return out;
  }

  verify_options options() const { return {.keys = {hex(key_->public_key())}, .anchors = {}, .complete = false, .nodes = {"n1", "n2"}}; }
  verify_options with_ring() const {
    auto out = options();
    out.ring.emplace();
    for (const auto& line : sent_) out.ring->push_back({.place = "entry " + std::to_string(out.ring->size() + 1), .line = line});
    return out;
  }
  std::vector<std::string> problems(const verify_options& with) const { return verify({folder_.path()}, with).value().problems; }
  static bool says(const std::vector<std::string>& problems, const std::string& what) {
    return std::ranges::any_of(problems, [&](const auto& each) { return each.contains(what); });
  }

  log_folder folder_;
  retention_memory memory_;
  std::shared_ptr<const crypto::signing_key> key_ = std::make_shared<const crypto::signing_key>(crypto::signing_key::from_seed(std::string(32, 'k')));
  std::vector<std::string> sent_;  // the checkpoints that Redis has
};

TEST_F(tampering, a_forged_retired_record_excuses_nothing) {
  write_logs();
  ASSERT_EQ(problems(with_ring()), std::vector<std::string>{});
  const auto honest = now_there();
  const auto all = rows_of(honest, "n1");
  auto anchored = options();
  anchored.anchors.push_back(all.back().line);
  for (const std::uint64_t through : {std::uint64_t{1'000'000'000'000'000}, sequence_of(all.back().line)}) {
    // The end goes.
    auto left = rows(all.begin(), all.begin() + 4);
    left.push_back({left.back().file, linked_behind(forged_retired(all[0].line, through, hash_of(all.back().line)), left)});
    auto cut = honest;
    put_rows(cut, "n1", left);
    put(cut);
    EXPECT_TRUE(says(problems(with_ring()), "its log was cut or replaced")) << through;
    EXPECT_TRUE(says(problems(anchored), "kept elsewhere")) << through;
    // The gateway goes on behind it and signs what it found.
    open("n1").reset();
    EXPECT_TRUE(says(problems(with_ring()), "its log was cut or replaced")) << through;
    EXPECT_TRUE(says(problems(anchored), "kept elsewhere")) << through;
  }
  // The begin goes.
  for (const bool goes_on : {false, true}) {
    auto left = rows(all.begin() + 9, all.end());
    left.push_back({left.back().file, linked_behind(forged_retired(all[0].line, sequence_of(left[0].line) - 1, hash_of(all[8].line)), left)});
    auto cut = honest;
    put_rows(cut, "n1", left);
    put(cut);
    if (goes_on) open("n1").reset();
    EXPECT_TRUE(says(problems(options()), "no record says that they were retired")) << goes_on;
  }
}

TEST_F(tampering, a_record_that_says_that_it_was_retired_itself_is_a_problem) {
  {
    auto to = open("n1");
    to->event({.kind = "retired", .time = sluice::now().wall, .activation = {}, .version = {}, .freshness = {}, .detail = {}, .through = 3, .through_hash = std::string(64, 'a')});
  }
  EXPECT_TRUE(says(problems({.keys = {hex(key_->public_key())}, .anchors = {}}), "itself among them"));
}

TEST_F(tampering, what_is_said_to_be_retired_and_is_there_vouches_for_nothing_that_is_not) {
  // Its files are still there, as after a crash; then somebody puts others in the place of the newest of them.
  {
    auto to = open("n1");
    add(*to, 9);
    const auto before = now_there();
    ASSERT_FALSE(tidy(*to, folder_.path(), "n1", {.age = {}, .bytes = 1, .pack = false}, sluice::now(), memory_).removed.empty());
    to.reset();
    auto with = now_there();
    with.insert(before.begin(), before.end());
    put(with);
  }
  const verify_options alone{.keys = {hex(key_->public_key())}, .anchors = {}};
  ASSERT_EQ(problems(alone), std::vector<std::string>{});
  auto other = sent_[0];
  other.replace(other.find("\"time\":\"") + 8, 4, "2001");
  auto kept = alone;
  kept.anchors = {linked(other, sequence_of(other), std::string(64, 'b'))};
  EXPECT_TRUE(says(problems(kept), "kept elsewhere"));
}

TEST_F(tampering, a_log_that_was_begun_anew_is_found_although_its_begin_was_retired_since) {
  { add(*open("n1"), 5); }
  put({});
  auto to = open("n1");
  add(*to, 30);
  ASSERT_FALSE(tidy(*to, folder_.path(), "n1", {.age = {}, .bytes = 1, .pack = false}, sluice::now(), memory_).removed.empty());
  to.reset();
  auto with = with_ring();
  with.nodes = {"n1"};
  EXPECT_TRUE(says(problems(with), "its log was cut or replaced"));
  with.ring = std::nullopt;
  EXPECT_EQ(problems(with), std::vector<std::string>{}) << "only what was kept elsewhere shows it";
}

TEST_F(tampering, files_under_another_name_are_found) {
  write_logs();
  const auto honest = now_there();
  tree swapped, copied;
  for (const auto& [name, bytes] : honest) swapped[(name.starts_with("n1") ? "n2" : "n1") + name.substr(2)] = bytes;
  put(swapped);
  EXPECT_TRUE(says(problems(options()), "of node n2, boot "));
  for (const auto& [name, bytes] : honest) {
    if (name.starts_with("n1")) copied["n1" + name.substr(2)] = copied["n2" + name.substr(2)] = bytes;
  }
  put(copied);
  EXPECT_TRUE(says(problems(options()), "the file was renamed"));
}

TEST_F(tampering, a_folder_or_a_node_without_a_record_is_no_whole_log) {
  write_logs();
  auto left = now_there();
  for (auto& [name, bytes] : left) {
    if (name.starts_with("n2")) bytes.clear();
  }
  put(left);
  EXPECT_TRUE(says(problems({}), "node n2: its files hold no record"));
  std::erase_if(left, [](const auto& each) { return each.first.starts_with("n2"); });
  put(left);
  EXPECT_TRUE(says(problems(options()), "there is no log of node n2"));
  put({});
  EXPECT_TRUE(says(problems({}), "holds no record"));
}

TEST_F(tampering, a_node_that_is_in_two_folders_and_a_boot_that_was_killed_are_told) {
  write_logs();
  const log_folder copy;
  for (const auto& [name, bytes] : now_there()) {
    if (name.starts_with("n1")) write(copy.path() + "/" + name, bytes);
  }
  const auto report = verify({folder_.path(), copy.path()}, options()).value();
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_TRUE(says(report.notes, "node n1 has a log in " + folder_.path() + " and in " + copy.path()));
  EXPECT_TRUE(says(report.notes, "was not stopped"));
}

// Whatever is edited: with what Redis has and the nodes' names it is found; without, all that can be gone is an end of the log, and what can
// have come is fewer records behind a checkpoint than `checkpoint_records`.
class edits : public tampering, public ::testing::WithParamInterface<unsigned> {
 protected:
  // How many lines of a node's are as they were signed.
  std::size_t same(const tree& edited, const std::string& node) const {
    const auto& honest = signed_.at(node);
    const auto lines = lines_of(edited, node);
    return static_cast<std::size_t>(std::ranges::mismatch(honest, lines).in1 - honest.begin());
  }
  void keep_signed(const tree& honest) {
    for (const std::string node : {"n1", "n2"}) {
      auto lines = lines_of(honest, node);
      while (!lines.empty() && !lines.back().contains("\"event\":\"checkpoint\"")) lines.pop_back();
      signed_[node] = lines;
    }
  }
  // What a verify without anything from elsewhere leaves open, and no more.
  void only_an_end_is_gone(const tree& edited, const std::string& node, const std::string& what) const {
    const auto lines = lines_of(edited, node);
    const auto whole = same(edited, node);
    const std::vector<std::string> added(lines.begin() + static_cast<std::ptrdiff_t>(whole), lines.end());
    EXPECT_LE(added.size(), records_apart) << what;
    EXPECT_TRUE(std::ranges::none_of(added, [](const auto& each) { return each.contains("\"event\":\"checkpoint\""); })) << what;
  }
  std::map<std::string, std::vector<std::string>> signed_;  // by node, up to the last checkpoint
};

TEST_P(edits, are_found_or_leave_the_log_whole_up_to_where_the_manual_says) {
  write_logs();
  const auto honest = now_there();
  keep_signed(honest);
  ASSERT_EQ(problems(with_ring()), std::vector<std::string>{});
  auto stopped = options(), anchored = options();
  stopped.complete = true;
  ASSERT_EQ(problems(stopped), std::vector<std::string>{});
  auto anchor = signed_["n1"].size() / 2;
  while (!signed_["n1"][anchor - 1].contains("\"event\":\"checkpoint\"")) --anchor;
  anchored.anchors.push_back(signed_["n1"][anchor - 1]);
  attacker by(honest, sent_, GetParam());
  std::string what;
  int found = 0, open_ends = 0;
  for (int i = 0; i < 500 && !HasFailure(); ++i) {
    const auto edited = by.edit(what);
    put(edited);
    what = "edit " + std::to_string(i) + ": " + what;
    if (problems(with_ring()).empty()) {
      for (const auto& [node, lines] : signed_) ASSERT_EQ(same(edited, node), lines.size()) << what << node;
    } else {
      ++found;
    }
    if (problems(anchored).empty()) ASSERT_GE(same(edited, "n1"), anchor) << what;
    if (problems(stopped).empty()) {
      for (const auto& [node, lines] : signed_) {
        const auto whole = same(edited, node);
        ASSERT_EQ(lines_of(edited, node).size(), whole) << what << node;
        ASSERT_TRUE(lines[whole - 1].contains("\"detail\":\"close\"")) << what << node;
      }
    }
    if (!problems(options()).empty()) continue;
    open_ends += edited != honest ? 1 : 0;
    for (const auto& [node, lines] : signed_) only_an_end_is_gone(edited, node, what + node);
  }
  EXPECT_GT(found, 300);
  EXPECT_GT(open_ends, 3) << "some are what the manual says that nobody sees";
}

INSTANTIATE_TEST_SUITE_P(of, edits, ::testing::Values(1u, 2u, 3u, 4u));

}  // namespace
}  // namespace sluice::audit
