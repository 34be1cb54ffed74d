// Signed checkpoints: what somebody without the key cannot do to a log, whatever hashes he computes anew.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "checkpoint.hpp"
#include "log_edits.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;
using nlohmann::json;
namespace fs = std::filesystem;

std::shared_ptr<const crypto::signing_key> key_of(char seed) {
  return std::make_shared<const crypto::signing_key>(crypto::signing_key::from_seed(std::string(32, seed)));
}
std::string public_hex(const crypto::signing_key& key) {
  return hex(std::span(reinterpret_cast<const unsigned char*>(key.public_key().data()), key.public_key().size()));
}

class checkpoints : public ::testing::Test {
 protected:
  log_config config() {
    auto out = config_for(folder_);
    out.signing = key_of('k');
    out.checkpoint_records = 3;
    out.checkpoint_interval = std::chrono::hours(1);
    return out;
  }
  void boot(int records) {
    auto to = log::open(config(), 1).value();
    for (int i = 0; i < records; ++i) ASSERT_TRUE(push(*to, 0, decision("d" + std::to_string(i))));
  }
  verify_report check(bool complete = true) { return verify({folder_.path()}, {.keys = {public_hex(*key_of('k'))}, .anchors = {}, .complete = complete}).value(); }
  bool says(const verify_report& r, const std::string& what) {
    for (const auto& p : r.problems) {
      if (p.contains(what)) return true;
    }
    return false;
  }
  // What an attacker can do who knows everything but the key: number and chain lines anew, from the first one that he touched. With the key:
  // what the log would have written.
  void rechain(const std::string& file, std::vector<std::string> lines, const crypto::signing_key* key = nullptr) {
    std::string prev(64, '0'), out;
    std::uint64_t sequence = 0;
    for (auto& line : lines) {
      line = linked(line, ++sequence, prev);
      if (const auto signature = line.rfind(",\"signature\":\""); key != nullptr && signature != std::string::npos) {
        line = line.substr(0, signature) + "}";
        sign_line(line, *key);
        line = line.substr(0, line.size() - 1) + ",\"hash\":\"" + crypto::sha256_hex(line) + "\"}";
      }
      prev = hash_of(line);
      out += line + "\n";
    }
    write(file, out);
  }
  // A file that is cut to nothing first is written to disk when it is closed, which takes milliseconds.
  static void overwrite(const std::string& file, const std::string& bytes) {
    std::fstream(file, std::ios::binary | std::ios::in | std::ios::out) << bytes;
    fs::resize_file(file, bytes.size());
  }
  log_folder folder_;
};

TEST_F(checkpoints, stand_at_the_begin_the_end_and_after_so_many_records) {
  boot(7);
  std::vector<std::string> kinds;
  for (const auto& line : folder_.lines()) kinds.push_back(json::parse(line)["event"] == "checkpoint" ? json::parse(line)["detail"] : json::parse(line)["event"]);
  EXPECT_EQ(kinds, (std::vector<std::string>{"start", "boot", "decision", "decision", "decision", "interval", "decision", "decision", "decision", "interval", "decision",
                                             "stop", "close"}));
  const auto report = check();
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_EQ(report.checkpoints, 4u);
  EXPECT_EQ(report.keys, std::vector<std::string>{public_hex(*key_of('k'))});
  ASSERT_EQ(report.ends.size(), 1u);
  EXPECT_TRUE(report.ends[0].closed);
  EXPECT_EQ(report.ends[0].unsigned_records, 0u);
}

TEST_F(checkpoints, come_in_time_although_nothing_happens) {
  auto quiet = config();
  quiet.checkpoint_interval = milliseconds(20);
  std::atomic<int> seen{0};
  quiet.on_checkpoint = [&](const std::string&) { ++seen; };
  auto to = log::open(quiet, 1).value();
  for (int i = 0; i < 1000 && seen < 4; ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_GE(seen, 4);
}

TEST_F(checkpoints, the_first_of_a_boot_names_the_end_of_the_boot_before) {
  boot(1);
  const auto before = json::parse(folder_.lines().back());
  boot(0);
  const auto lines = folder_.lines();
  const auto after = json::parse(lines.at(lines.size() - 3))["checkpoint"]["after"];
  EXPECT_EQ(after["hash"], before["hash"]);
  EXPECT_EQ(after["boot"], before["boot"]);
  EXPECT_EQ(after["seq"], before["seq"]);
}

TEST_F(checkpoints, the_first_of_a_boot_and_its_start_name_the_same_end) {
  boot(0);
  const auto file = folder_.files()[0];
  auto lines = folder_.lines();
  rechain(file, lines, key_of('k').get());
  ASSERT_EQ(check().problems, std::vector<std::string>{});
  const std::string named = "\"after\":{\"boot\":\"\",\"seq\":0";
  lines[1].replace(lines[1].find(named), named.size(), "\"after\":{\"boot\":\"\",\"seq\":7");
  rechain(file, lines, key_of('k').get());
  EXPECT_TRUE(says(check(), "names another end of the boot before than its start does: record 7"));
}

TEST_F(checkpoints, ten_thousand_random_edits_of_one_byte_are_all_found_and_placed) {
  boot(2);
  ASSERT_EQ(check().problems, std::vector<std::string>{});
  const auto files = folder_.files();
  std::vector<std::string> whole;
  for (const auto& file : files) whole.push_back(read(file));
  std::mt19937 random(20261129);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int i = 0; i < 10'000; ++i) {
    const auto f = below(files.size());
    auto bytes = whole[f];
    const auto at = below(bytes.size());
    switch (below(3)) {
      case 0: bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) + 1 + below(255)); break;
      case 1: bytes.erase(at, 1); break;
      default: bytes.insert(at + 1, 1, static_cast<char>(below(256)));
    }
    if (bytes == whole[f]) continue;
    overwrite(files[f], bytes);
    const auto report = check();
    ASSERT_FALSE(report.problems.empty()) << "edit " << i << " at byte " << at << " of " << files[f];
    const auto line = 1 + std::ranges::count(whole[f].substr(0, at), '\n');
    const auto& place = report.problems[0];
    EXPECT_TRUE(place.starts_with(files[f] + ":" + std::to_string(line) + ": ") || place.starts_with(files[f] + ":" + std::to_string(line + 1) + ": ") || at + 2 >= whole[f].size())
        << place << " for line " << line;
    overwrite(files[f], whole[f]);
  }
}

TEST_F(checkpoints, a_log_that_was_changed_and_chained_anew_is_found) {
  boot(5);
  const auto file = folder_.files()[0];
  auto lines = folder_.lines();
  const auto honest = lines;
  lines[3].replace(lines[3].find("\"status\":200"), 12, "\"status\":201");
  rechain(file, lines);
  EXPECT_TRUE(says(check(), "signature of the checkpoint does not fit"));
  for (std::size_t gone = 0; gone + 1 < honest.size(); ++gone) {
    lines = honest;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(gone));
    rechain(file, lines);
    EXPECT_FALSE(check().problems.empty()) << gone;
  }
}

TEST_F(checkpoints, a_log_without_its_checkpoints_or_with_another_s_is_found) {
  boot(5);
  const auto file = folder_.files()[0];
  auto lines = folder_.lines();
  std::erase_if(lines, [](const std::string& line) { return line.contains("\"event\":\"checkpoint\""); });
  rechain(file, lines);
  EXPECT_TRUE(says(check(false), "has no checkpoint"));
  log_folder other;
  auto theirs = config();
  theirs.directory = other.path();
  theirs.signing = key_of('x');
  log::open(theirs, 1).value().reset();
  EXPECT_TRUE(verify({other.path()}).value().problems.empty()) << "by itself it is whole";
  const auto report = verify({other.path()}, {.keys = {public_hex(*key_of('k'))}, .anchors = {}, .complete = false}).value();
  EXPECT_TRUE(says(report, "by a key that was not given"));
}

TEST_F(checkpoints, an_end_that_was_cut_off_is_found_where_the_node_was_stopped_or_a_checkpoint_was_kept) {
  std::string kept;
  {
    auto with = config();
    with.on_checkpoint = [&](const std::string& line) { kept = line; };
    auto to = log::open(with, 1).value();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(push(*to, 0, decision("d")));
  }
  const auto file = folder_.files()[0];
  const auto lines = folder_.lines();
  EXPECT_EQ(kept, lines.back());
  for (auto left = lines.size() - 1; left > 2; --left) {
    rechain(file, {lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(left)});
    EXPECT_TRUE(says(check(), "does not end with the checkpoint of a stop")) << left;
    EXPECT_TRUE(says(verify({folder_.path()}, {.keys = {}, .anchors = {kept}, .complete = false}).value(), "kept elsewhere")) << left;
    EXPECT_TRUE(check(false).problems.empty()) << "a node that was killed looks the same";
    EXPECT_EQ(check(false).ends[0].closed, false);
  }
}

TEST_F(checkpoints, that_a_ring_has_find_a_log_that_looks_whole_and_forged_ones_are_named) {
  std::vector<std::string> sent;
  {
    auto with = config();
    with.on_checkpoint = [&](const std::string& line) { sent.push_back(line); };
    auto to = log::open(with, 1).value();
    for (int i = 0; i < 9; ++i) {
      ASSERT_TRUE(push(*to, 0, decision("d")));
      to->flush();
    }
  }
  const auto ask = [&](std::vector<std::string> lines, const std::vector<std::string>& where) {
    verify_options with{.keys = {public_hex(*key_of('k'))}, .anchors = {}, .ring = std::vector<verify_options::ring_entry>{}};
    for (auto& line : lines) with.ring->push_back({.place = "entry " + std::to_string(with.ring->size() + 1), .line = std::move(line)});
    return verify(where, with).value();
  };
  const std::vector<std::string> here = {folder_.path()};
  ASSERT_GE(sent.size(), 4u);
  const auto whole = ask(sent, here);
  EXPECT_EQ(whole.problems, std::vector<std::string>{});
  EXPECT_EQ(whole.notes, std::vector<std::string>{});
  EXPECT_EQ(whole.ends[0].ring_sequence, whole.ends[0].sequence);
  const auto nothing = ask({}, here);
  EXPECT_TRUE(nothing.problems.empty());
  ASSERT_EQ(nothing.notes.size(), 1u);
  EXPECT_TRUE(nothing.notes[0].contains("Redis has no checkpoint of node n1")) << nothing.notes[0];

  const log_folder another;
  auto of_another = config();
  of_another.directory = another.path();
  of_another.node = "n2";
  log::open(of_another, 1).value().reset();
  EXPECT_EQ(ask(sent, {another.path()}).problems, std::vector<std::string>{});
  EXPECT_TRUE(ask(sent, {another.path()}).notes[0].contains("node n1, of which no log was given"));

  auto changed = sent.back();
  changed.replace(changed.find("\"seq\":") + 6, 1, "9");
  EXPECT_TRUE(says(ask({changed}, here), "Redis, entry 1: this is no checkpoint, or its bytes do not fit their hash"));
  changed.replace(changed.rfind(",\"hash\":\"") + 9, 64, crypto::sha256_hex(changed.substr(0, changed.rfind(",\"hash\":\"")) + "}"));
  EXPECT_TRUE(says(ask({changed}, here), "Redis, entry 1: the signature of the checkpoint does not fit"));
  log_folder other;
  auto theirs = config();
  theirs.directory = other.path();
  theirs.signing = key_of('x');
  theirs.on_checkpoint = [&](const std::string& line) { changed = line; };
  log::open(theirs, 1).value().reset();
  EXPECT_TRUE(says(ask({sent[0], changed}, here), "Redis, entry 2: the checkpoint is signed by a key that was not given"));

  // Cut behind each of its checkpoints in turn.
  const auto file = folder_.files()[0];
  const auto lines = folder_.lines();
  for (auto left = lines.size() - 1; left > 2; --left) {
    rechain(file, {lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(left)});
    EXPECT_TRUE(check(false).problems.empty());
    EXPECT_TRUE(says(ask(sent, here), "node n1: its log was cut or replaced")) << left;
  }
}

TEST_F(checkpoints, more_records_than_may_lie_behind_one_are_a_missing_one) {
  boot(9);
  auto lines = folder_.lines();
  lines.resize(13);  // up to the third record behind the third checkpoint
  while (lines.back().contains("\"checkpoint\"")) lines.pop_back();
  lines.erase(std::ranges::find_if(lines.rbegin(), lines.rend(), [](const auto& l) { return l.contains("\"event\":\"checkpoint\""); }).base() - 1);
  rechain(folder_.files()[0], lines);
  EXPECT_TRUE(says(check(false), "a checkpoint is missing"));
}

TEST_F(checkpoints, a_boot_whose_files_are_gone_is_named) {
  for (int i = 0; i < 3; ++i) boot(2);
  const auto files = folder_.files();
  fs::remove(files[1]);
  const auto report = check();
  ASSERT_FALSE(report.problems.empty());
  EXPECT_TRUE(report.problems[0].starts_with(files[2] + ":1: records 8 to 14 are missing: boots or files before boot ")) << report.problems[0];
}

TEST_F(checkpoints, a_clock_that_was_set_back_leaves_the_boots_in_their_order) {
  boot(1);
  const auto file = folder_.files()[0];
  auto lines = folder_.lines();
  const auto of_now = json::parse(lines[0])["boot"].get<std::string>();
  const auto of_late = "2999" + of_now.substr(4);  // as if the boot had been in that year
  for (auto& line : lines) line.replace(line.find(of_now), of_now.size(), of_late);
  auto late = file;
  late.replace(late.find(of_now), of_now.size(), of_late);
  fs::remove(file);
  rechain(late, lines, key_of('k').get());
  boot(1);
  boot(1);
  EXPECT_EQ(check().problems, std::vector<std::string>{});
  EXPECT_EQ(folder_.files()[0], late);
}

// Within a boot, and it is no break: nothing was changed.
TEST_F(checkpoints, a_clock_that_was_set_back_is_a_note) {
  boot(4);
  EXPECT_EQ(check().notes, std::vector<std::string>{});
  auto lines = folder_.lines();
  std::size_t number = 0;
  for (auto& line : lines) {
    if (!line.contains(R"("event":"checkpoint")") || ++number == 1) continue;
    line.replace(line.find(R"("time":")") + 8, 4, "2019");
  }
  rechain(folder_.files()[0], lines, key_of('k').get());
  const auto report = check();
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_TRUE(report.notes[0].contains("the node's clock was set back")) << report.notes[0];
}

}  // namespace
}  // namespace sluice::audit
