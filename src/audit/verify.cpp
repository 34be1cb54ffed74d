// Checks a log's chain: every line's hash fits its bytes, every line names the one before, no sequence number is missing; and its
// checkpoints: who signed them, and that none of them is gone.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "checkpoint.hpp"
#include "files.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit {
namespace {

constexpr std::size_t hash_member_bytes = std::string_view(",\"hash\":\"").size() + 64 + std::string_view("\"}").size();
constexpr std::size_t problems_max = 1000;
// A log that may be behind by this much before its silence is worth a note: the disk, the scheduler.
constexpr int intervals_silent = 3;

std::uint64_t number_of(std::string_view line, std::string_view name) {
  const auto text = last_member(line, name);
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

// The first member of that name, for those that stand before any text of a client.
std::string first_text(std::string_view line, std::string_view name) {
  const auto wanted = "\"" + std::string(name) + "\":\"";
  const auto at = line.find(wanted);
  if (at == std::string_view::npos) return {};
  const auto rest = line.substr(at + wanted.size());
  return std::string(rest.substr(0, rest.find('"')));
}

// Of a whole line: what it says of itself is what its bytes make.
bool hash_fits(std::string_view line) {
  if (line.size() < hash_member_bytes || !line.ends_with("\"}")) return false;
  const auto end = line.size() - hash_member_bytes;
  return line.substr(end).starts_with(",\"hash\":\"") && crypto::sha256_hex(std::string(line.substr(0, end)) + "}") == last_member(line, "hash");
}

// One node's chain, read line by line.
struct node_chain {
  std::string hash{first_hash}, boot, key;
  std::uint64_t sequence = 0, records = 0;
  // Of the boot that is being read:
  std::uint64_t boot_records = 0, checkpoints = 0, since = 0, every_records = 0, every_ms = 0;
  bool partial = false;  // its begin was retired
  bool marked = false;  // some boot so far had checkpoints
  bool closed = false, overdue_told = false;
  // Where the chain begins, when it is not with record 1: some later record has to say that what lay before was retired.
  struct {
    std::string place, prev;
    std::uint64_t sequence = 0;
  } begins_late;
  wall_time last_checkpoint{};
};

class verifier {
 public:
  verifier(const verify_options& options, verify_report& out) : options_(options), out_(out) {
    for (const auto& line : options.anchors) anchors_[std::string(last_member(line, "hash"))] = {first_text(line, "node"), sequence_of(line)};
    if (!options.ring) return;
    for (const auto& entry : *options.ring) take_ring_entry(entry);
  }

  void line(const log_file& file, std::size_t number, const std::string& text) {
    ++out_.records;
    auto& node = nodes_[file.node];
    place_ = file.path + ":" + std::to_string(number) + ": ";
    if (node.boot != file.boot) begin_boot(node, file);
    ++node.records;
    ++node.boot_records;
    ++node.since;
    check_link(text, node);
    if (first_text(text, "event") == "retired") retired(file.node, text, node);
    if (first_text(text, "event") == "checkpoint") {
      checkpoint(text, node);
    } else {
      node.closed = false;
      if (node.every_records != 0 && node.since > node.every_records && !node.overdue_told) {
        node.overdue_told = true;
        problem("a checkpoint is missing: " + std::to_string(node.since) + " records since the last one, of which there is one every " + std::to_string(node.every_records));
      }
    }
  }

  // The file ends inside a record. Only what a crash tore at the very end is no break.
  void torn(const log_file& file, std::size_t number, bool newest) {
    place_ = file.path + ":" + std::to_string(number) + ": ";
    if (!newest) return problem("the file ends inside a record");
    out_.torn_tail = true;
    const auto node = nodes_.find(file.node);
    if (node != nodes_.end() && node->second.boot == file.boot && node->second.closed) problem("bytes stand behind the checkpoint of a stop");
  }

  void problem(const std::string& what) { problem_at(place_, what); }
  void problem_at(const std::string& place, const std::string& what) {
    if (out_.problems.size() < problems_max) out_.problems.push_back(place + what);
  }

  void finish(const std::string& directory) {
    for (auto& [name, node] : nodes_) {
      place_ = directory + ": node " + name + ", end of boot " + node.boot + ": ";
      end_boot(node);
      if (node.begins_late.sequence != 0) {
        problem_at(node.begins_late.place, "records 1 to " + std::to_string(node.begins_late.sequence - 1) + " are missing, and no record says that they were retired: boots or files before boot " +
                                               node.boot + " were removed");
      }
      out_.ends.push_back({name, node.boot, node.sequence, node.since, node.closed, ring_[name].newest});
      ring_[name].logged = true;
      if (options_.complete && !node.closed) problem("the log does not end with the checkpoint of a stop: its end was cut off, or the node was killed");
    }
    nodes_.clear();
  }
  void finish_all() {
    for (const auto& [hash, kept] : anchors_) {
      const auto what = "a checkpoint that was kept elsewhere (record " + std::to_string(kept.sequence) + " of node " + kept.node + ", hash " + hash + ")";
      const auto retired = retired_.find(kept.node);
      if (retired != retired_.end() && kept.sequence <= retired->second) {
        out_.notes.push_back(what + " was retired since");
      } else {
        problem_at("", what + " is not in these logs");
      }
    }
    if (options_.ring) finish_ring();
    out_.keys.assign(keys_.begin(), keys_.end());
    out_.boots = boots_;
  }

 private:
  // One node's checkpoints that a ring has.
  struct ring_node {
    std::map<std::string, const verify_options::ring_entry*> missing;  // by hash: those that were not met yet
    std::uint64_t newest = 0;  // of those that were
    bool logged = false;       // some log of the node is given
  };

  void refuse_entry(const verify_options::ring_entry& entry, const std::string& why) { problem_at("", "Redis, " + entry.place + ": " + why); }

  void take_ring_entry(const verify_options::ring_entry& entry) {
    if (first_text(entry.line, "event") != "checkpoint" || !hash_fits(entry.line)) {
      return refuse_entry(entry, "this is no checkpoint, or its bytes do not fit their hash: it was changed");
    }
    ring_[first_text(entry.line, "node")].missing.emplace(std::string(last_member(entry.line, "hash")), &entry);
  }

  // A checkpoint of the log is what the ring has, byte by byte: it has that hash.
  void meet_ring_entry(const std::string& text) {
    const auto node = ring_.find(first_text(text, "node"));
    if (node == ring_.end() || node->second.missing.erase(std::string(last_member(text, "hash"))) == 0) return;
    node->second.newest = std::max(node->second.newest, sequence_of(text));
  }

  // What is not in the log counts only when the gateway signed it: anybody who may write into the stream can make something up.
  bool counts(const verify_options::ring_entry& entry) {
    const std::string key(last_member(entry.line, "key"));
    if (std::ranges::find(options_.keys, key) == options_.keys.end()) {
      refuse_entry(entry, "the checkpoint is signed by a key that was not given: " + key.substr(0, 16) + "…");
      return false;
    }
    if (signature_fits(entry.line, key)) return true;
    refuse_entry(entry, "the signature of the checkpoint does not fit: it was changed, or written by somebody without the key");
    return false;
  }

  void finish_ring() {
    for (const auto& [name, node] : ring_) {
      const auto retired = retired_.find(name);
      std::map<std::uint64_t, const verify_options::ring_entry*> gone;
      for (const auto& [hash, entry] : node.missing) {
        const auto sequence = sequence_of(entry->line);
        const bool was_retired = retired != retired_.end() && sequence <= retired->second;
        if (!was_retired && counts(*entry)) gone.emplace(sequence, entry);
      }
      if (!node.logged && !gone.empty()) {
        out_.notes.push_back("Redis has " + std::to_string(gone.size()) + " checkpoints of node " + name + ", of which no log was given");
      } else if (!gone.empty()) {
        const auto which = [](const auto& each) { return "record " + std::to_string(each.first) + " (" + each.second->place + ")"; };
        problem_at("", "node " + name + ": its log was cut or replaced: of the checkpoints that Redis has it lacks " + std::to_string(gone.size()) + ", " + which(*gone.begin()) +
                           (gone.size() > 1 ? " to " + which(*gone.rbegin()) : ""));
      } else if (node.newest == 0) {
        out_.notes.push_back("Redis has no checkpoint of node " + name + " that is in its log, and says nothing about its end");
      }
    }
  }

  void begin_boot(node_chain& node, const log_file& file) {
    if (!node.boot.empty()) end_boot(node);
    ++boots_;
    node.boot = file.boot;
    node.key.clear();
    node.boot_records = node.checkpoints = node.since = node.every_records = 0;
    node.closed = node.overdue_told = node.partial = false;
  }

  // A boot of one record may have been killed before its checkpoint reached the disk.
  void end_boot(node_chain& node) {
    if (node.checkpoints != 0 || node.boot_records < 2 || node.partial) return;
    if (node.marked || !options_.keys.empty()) problem("boot " + node.boot + " has no checkpoint: they were removed, or it ran without a key");
  }

  void check_link(const std::string& text, node_chain& node) {
    if (text.size() < hash_member_bytes || !text.ends_with("\"}")) return problem("the line is no audit record");
    const auto hash = last_member(text, "hash");
    const auto body = std::string_view(text).substr(0, text.size() - hash_member_bytes);
    const auto sequence = sequence_of(text);
    if (!hash_fits(text)) {
      problem("the bytes do not fit their hash: the record was changed");
    } else if (node.records == 1 && sequence > 1) {
      node.partial = true;
      node.begins_late = {place_, std::string(last_member(body, "prev")), sequence};
    } else if (last_member(body, "prev") != node.hash) {
      problem(broken_link(text, sequence, node));
    } else if (sequence != node.sequence + 1) {
      problem("the sequence jumps from " + std::to_string(node.sequence) + " to " + std::to_string(sequence));
    }
    node.hash = hash;
    node.sequence = sequence;
  }

  // Names the last record that was removed; the chain may begin before that one's successor where a crash came between.
  void retired(const std::string& name, const std::string& text, node_chain& node) {
    auto& late = node.begins_late;
    const auto through = number_of(text, "retired_through");
    retired_[name] = std::max(retired_[name], through);
    if (through + 1 > late.sequence || (through + 1 == late.sequence && last_member(text, "retired_hash") == late.prev)) late = {};
  }

  static std::string broken_link(const std::string& text, std::uint64_t sequence, const node_chain& node) {
    if (sequence > node.sequence + 1) {
      return "records " + std::to_string(node.sequence + 1) + " to " + std::to_string(sequence - 1) + " are missing" +
             (node.boot_records == 1 ? ": boots or files before boot " + node.boot + " were removed" : "");
    }
    if (sequence <= node.sequence) return "record " + std::to_string(sequence) + " does not follow record " + std::to_string(node.sequence) + ": records were moved, doubled or added";
    return "record " + std::to_string(sequence) + " follows another record " + std::to_string(node.sequence) + " than the one before it: that was replaced (" +
           std::string(last_member(text, "prev").substr(0, 12)) + "… is wanted)";
  }

  void checkpoint(const std::string& text, node_chain& node) {
    ++out_.checkpoints;
    ++node.checkpoints;
    node.marked = true;
    const std::string key(last_member(text, "key"));
    const auto kind = last_member(text, "detail");
    if (!signature_fits(text, key)) {
      problem("the signature of the checkpoint does not fit: it was changed, or written by somebody without the key");
    } else if (!options_.keys.empty() && std::ranges::find(options_.keys, key) == options_.keys.end()) {
      problem("the checkpoint is signed by a key that was not given: " + key.substr(0, 16) + "…");
    } else if (!node.key.empty() && node.key != key) {
      problem("the checkpoint is signed by another key than the one before it, in one boot");
    }
    node.key = key;
    keys_.insert(key);
    const auto number = number_of(text, "number");
    if (node.partial && node.checkpoints == 1) node.checkpoints = number;
    if (number != node.checkpoints) {
      problem("a checkpoint is missing: this is number " + std::to_string(number) + " of its boot and " + std::to_string(node.checkpoints) + " would be next");
      node.checkpoints = number;
    }
    if (number == 1 && node.boot_records != 2) problem("the first checkpoint of boot " + node.boot + " does not stand behind its start");
    anchors_.erase(std::string(last_member(text, "hash")));
    meet_ring_entry(text);
    const auto when = parse_time(first_text(text, "time"));
    node.every_records = number_of(text, "every_records");
    node.every_ms = number_of(text, "every_ms");
    if (when && number > 1) note_silence(*when, node);
    if (when) node.last_checkpoint = *when;
    node.since = 0;
    node.closed = kind == "close";
  }

  void note_silence(wall_time when, const node_chain& node) {
    const auto gap = std::chrono::duration_cast<milliseconds>(when - node.last_checkpoint);
    if (node.every_ms == 0 || gap <= milliseconds(node.every_ms) * intervals_silent || out_.notes.size() >= problems_max) return;
    out_.notes.push_back(place_ + "no checkpoint for " + std::to_string(gap.count() / 1000) + " s before this one: the node stood still, its disk did, or its clock was set");
  }

  const verify_options& options_;
  verify_report& out_;
  std::map<std::string, node_chain> nodes_;
  struct anchor {
    std::string node;
    std::uint64_t sequence = 0;
  };
  std::map<std::string, anchor> anchors_;          // by hash: those that were not met yet
  std::map<std::string, ring_node> ring_;          // by node
  std::map<std::string, std::uint64_t> retired_;   // by node, up to which record
  std::set<std::string> keys_;
  std::string place_;
  std::uint64_t boots_ = 0;
};

}  // namespace

result<verify_report> verify(const std::vector<std::string>& directories, const verify_options& options) {
  verify_report report;
  verifier check(options, report);
  for (const auto& directory : directories) {
    auto files = list_files(directory);
    if (!files) return std::unexpected(files.error());
    for (std::size_t i = 0; i < files->size(); ++i) {
      const auto& file = (*files)[i];
      ++report.files;
      std::size_t n = 0;
      const auto clean = read_lines(file, [&](std::streamoff, const std::string& line) { return check.line(file, ++n, line), true; });
      if (!clean) {
        check.problem_at(file.path + ": ", clean.error().message);
      } else if (!*clean) {
        check.torn(file, n + 1, i + 1 == files->size() || (*files)[i + 1].node != file.node);
      }
    }
    check.finish(directory);
  }
  check.finish_all();
  return report;
}

}  // namespace sluice::audit
