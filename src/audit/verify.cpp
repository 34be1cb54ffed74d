// Checks a log's chain: every line's hash fits its bytes, every line names the one before, no sequence number is missing; and its
// checkpoints: who signed them, and that none of them is gone.
#include <algorithm>
#include <map>
#include <set>

#include "anchors.hpp"
#include "chain_line.hpp"
#include "checkpoint.hpp"
#include "files.hpp"
#include "format.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::audit {
namespace {

// A log that may be behind by this much before its silence is worth a note: the disk, the scheduler.
constexpr int intervals_silent = 3;
// A clock that is kept in time is moved by less.
constexpr milliseconds set_back_least{1000};

// One node's chain, read line by line.
struct node_chain {
  std::string hash{first_hash}, boot, key;
  std::uint64_t first = 0, sequence = 0, records = 0;
  // Of the boot that is being read:
  std::uint64_t boot_first = 0, boot_records = 0, checkpoints = 0, since = 0, every_records = 0, every_ms = 0;
  std::string boot_prev;  // what its first record names
  bool partial = false;   // its begin was retired
  bool marked = false;    // some boot so far had checkpoints
  bool closed = false, overdue_told = false, misnamed_told = false;
  // Where the chain begins, when it is not with record 1: some later record has to say that what lay before was retired.
  struct {
    std::string place, prev;
    std::uint64_t sequence = 0;
  } begins_late;
  // What a record of this boot says that was retired. It counts when a checkpoint of the same boot stands behind it: the log has made that one
  // from its own memory. A later boot signs whatever it found on the disk.
  struct {
    std::string place, hash;
    std::uint64_t through = 0;
  } said_retired;
  std::uint64_t retired_through = 0;
  wall_time last_checkpoint{};
};

class verifier {
 public:
  verifier(const verify_options& options, verify_report& out) : options_(options), out_(out), anchors_(options, out) {}

  void begin_file(const log_file& file) {
    nodes_[file.node].misnamed_told = false;
    whose_ = whose(file.boot, file.node);
  }

  void line(const log_file& file, std::size_t number, const std::string& text) {
    ++out_.records;
    auto& node = nodes_[file.node];
    place_ = file.path + ":" + std::to_string(number) + ": ";
    if (node.boot != file.boot) begin_boot(node, file);
    ++node.records;
    ++node.boot_records;
    ++node.since;
    if (check_link(text, node)) check_name(text, node);
    if (first_text(text, "event") == "retired") retired(text, node);
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
    const auto& node = nodes_[file.node];
    if (node.boot == file.boot && node.closed) problem("bytes stand behind the checkpoint of a stop");
  }

  void problem(const std::string& what) { problem_at(place_, what); }
  void problem_at(const std::string& place, const std::string& what) { tell(out_.problems, place + what); }

  void finish(const std::string& directory) {
    if (nodes_.empty()) problem_at(directory + ": ", "the folder holds no record of a decision log");
    for (auto& [name, node] : nodes_) {
      place_ = directory + ": node " + name;
      if (node.records == 0) {
        problem(": its files hold no record: they were emptied, or it was killed when it began its first one");
        continue;
      }
      place_ += ", end of boot " + node.boot + ": ";
      end_boot(node);
      if (!options_.keys.empty() && !node.marked) problem("its log has no checkpoint at all: nobody signed any of it, and anybody who may write into the folder can have made it up");
      if (node.begins_late.sequence != 0) {
        problem_at(node.begins_late.place, "records 1 to " + std::to_string(node.begins_late.sequence - 1) + " are missing, and no record says that they were retired: boots or files before boot " +
                                               node.boot + " were removed");
      }
      const auto [other, alone] = folders_.try_emplace(name, directory);
      if (!alone) tell(out_.notes, "node " + name + " has a log in " + other->second + " and in " + directory + ": each was checked for itself; one is a copy, or stands where another node's should");
      anchors_.read_log(name, node.first, node.retired_through);
      out_.ends.push_back({name, node.boot, node.sequence, node.since, node.closed, anchors_.ring_sequence(name), node.first});
      if (options_.complete && !node.closed) problem("the log does not end with the checkpoint of a stop: its end was cut off, or the node was killed");
    }
    nodes_.clear();
  }
  void finish_all() {
    for (const auto& name : options_.nodes) {
      if (!folders_.contains(name)) problem_at("", "there is no log of node " + name + " in these folders");
    }
    anchors_.finish();
    out_.keys.assign(keys_.begin(), keys_.end());
    out_.boots = boots_;
  }

 private:
  void begin_boot(node_chain& node, const log_file& file) {
    if (!node.boot.empty()) {
      end_boot(node);
      if (node.marked && !node.closed) {
        tell(out_.notes, place_ + "boot " + node.boot + " of node " + file.node + " was not stopped: what it wrote behind its last checkpoint (now " + std::to_string(node.since) +
                             " records) stands as the next boot found it");
      }
    }
    ++boots_;
    node.boot = file.boot;
    node.key.clear();
    node.boot_records = node.checkpoints = node.since = node.every_records = 0;
    node.closed = node.overdue_told = node.partial = false;
  }

  // A boot of one record may have been killed before its checkpoint reached the disk.
  void end_boot(node_chain& node) {
    if (node.said_retired.through != 0) {
      tell(out_.notes, node.said_retired.place + "the record says that records up to " + std::to_string(node.said_retired.through) +
                           " were retired; it does not count, because no checkpoint of its boot stands behind it");
      node.said_retired = {};
    }
    if (node.checkpoints != 0 || node.boot_records < 2 || node.partial) return;
    if (node.marked || !options_.keys.empty()) problem("boot " + node.boot + " has no checkpoint: they were removed, or it ran without a key");
  }

  // True: the line is a record whose bytes fit.
  bool check_link(const std::string& text, node_chain& node) {
    if (text.size() < hash_member_bytes || !text.ends_with("\"}")) return problem("the line is no audit record"), false;
    const auto hash = last_member(text, "hash");
    const auto body = std::string_view(text).substr(0, text.size() - hash_member_bytes);
    const auto prev = last_member(body, "prev");
    const auto sequence = sequence_of(text);
    const bool fits = hash_fits(text);
    if (!fits) {
      problem("the bytes do not fit their hash: the record was changed");
    } else if (node.records == 1 && sequence > 1) {
      node.partial = true;
      node.begins_late = {place_, std::string(prev), sequence};
    } else if (prev != node.hash) {
      problem(broken_link(text, sequence, node));
    } else if (sequence != node.sequence + 1) {
      problem("the sequence jumps from " + std::to_string(node.sequence) + " to " + std::to_string(sequence));
    }
    if (node.records == 1) node.first = sequence;
    if (node.boot_records == 1) node.boot_first = sequence, node.boot_prev = prev;
    node.hash = hash;
    node.sequence = sequence;
    return fits;
  }

  // Files are read in the order of their names, and nodes are told apart by them: so they must say what the records do.
  void check_name(const std::string& text, node_chain& node) {
    const auto at = text.find(",\"boot\":");
    if (node.misnamed_told || (at != std::string::npos && std::string_view(text).substr(at).starts_with(whose_))) return;
    node.misnamed_told = true;
    problem("the record is of node " + first_text(text, "node") + ", boot " + first_text(text, "boot") + ", and the file's name is of another: the file was renamed, or taken from another log");
  }

  // Names the last record that was removed; the chain may begin before that one's successor where a crash came between.
  void retired(const std::string& text, node_chain& node) {
    const auto through = last_number(text, "retired_through");
    if (through >= sequence_of(text)) return problem("the record says that records up to " + std::to_string(through) + " were retired, itself among them");
    check_age(text, through);
    if (through > node.said_retired.through) node.said_retired = {place_, std::string(last_member(text, "retired_hash")), through};
  }

  // It says by which rule they went, and when the last of them was written: one must fit the other. Records of older releases say neither.
  void check_age(const std::string& text, std::uint64_t through) {
    const milliseconds rule(last_number(text, "retired_after_ms"));
    const auto last = parse_time(first_text(text, "retired_time")), now = parse_time(first_text(text, "time"));
    if (rule.count() == 0 || !last || !now || *now - *last >= rule) return;
    problem("the record says that records up to " + std::to_string(through) + " were retired because they were older than " + std::to_string(rule.count() / 1000) + " s, and the last of them was of " +
            rfc3339(*last));
  }

  static void count_retired(node_chain& node) {
    auto& late = node.begins_late;
    const auto& said = node.said_retired;
    node.retired_through = std::max(node.retired_through, said.through);
    if (said.through + 1 > late.sequence || (said.through + 1 == late.sequence && said.hash == late.prev)) late = {};
    node.said_retired = {};
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

  // False: told, and it vouches for nothing.
  bool check_signature(const std::string& text, const std::string& key, const node_chain& node) {
    if (!signature_fits(text, key)) {
      problem("the signature of the checkpoint does not fit: it was changed, or written by somebody without the key");
    } else if (!options_.keys.empty() && std::ranges::find(options_.keys, key) == options_.keys.end()) {
      problem("the checkpoint is signed by a key that was not given: " + key.substr(0, 16) + "…");
    } else if (!node.key.empty() && node.key != key) {
      problem("the checkpoint is signed by another key than the one before it, in one boot");
    } else {
      return true;
    }
    return false;
  }

  void checkpoint(const std::string& text, node_chain& node) {
    ++out_.checkpoints;
    ++node.checkpoints;
    node.marked = true;
    const std::string key(last_member(text, "key"));
    if (check_signature(text, key, node) && node.said_retired.through != 0) count_retired(node);
    node.key = key;
    keys_.insert(key);
    const auto number = last_number(text, "number");
    if (node.partial && node.checkpoints == 1) node.checkpoints = number;
    if (number != node.checkpoints) {
      problem("a checkpoint is missing: this is number " + std::to_string(number) + " of its boot and " + std::to_string(node.checkpoints) + " would be next");
      node.checkpoints = number;
    }
    if (number == 1) check_first(text, node);
    anchors_.meet(text);
    const auto when = parse_time(first_text(text, "time"));
    node.every_records = last_number(text, "every_records");
    node.every_ms = last_number(text, "every_ms");
    if (when && number > 1) note_silence(*when, node);
    if (when) note_set_back(*when, node);
    if (when) node.last_checkpoint = *when;
    node.since = 0;
    node.closed = last_member(text, "detail") == "close";
  }

  // It stands behind the start of its boot, and both name the same end of the boot before.
  void check_first(const std::string& text, const node_chain& node) {
    if (node.boot_records != 2) return problem("the first checkpoint of boot " + node.boot + " does not stand behind its start");
    const auto after = std::string_view(text).substr(std::min(text.size(), text.find("\"after\":{")));
    const auto end = after.substr(0, after.find('}'));
    if (end.empty() || (sequence_of(end) + 1 == node.boot_first && last_member(end, "hash") == node.boot_prev)) return;
    problem("the first checkpoint of boot " + node.boot + " names another end of the boot before than its start does: record " + std::to_string(sequence_of(end)));
  }

  // Also from one boot to the next.
  void note_set_back(wall_time when, const node_chain& node) {
    const auto back = std::chrono::duration_cast<milliseconds>(node.last_checkpoint - when);
    if (node.last_checkpoint == wall_time{} || back < set_back_least) return;
    tell(out_.notes, place_ + "this checkpoint is " + std::to_string(back.count() / 1000) + "." + std::to_string(back.count() / 100 % 10) +
                         " s earlier than the one before it: the node's clock was set back, and its times are no order of its records any more");
  }

  void note_silence(wall_time when, const node_chain& node) {
    const auto gap = std::chrono::duration_cast<milliseconds>(when - node.last_checkpoint);
    if (node.every_ms == 0 || gap <= milliseconds(node.every_ms) * intervals_silent) return;
    tell(out_.notes, place_ + "no checkpoint for " + std::to_string(gap.count() / 1000) + " s before this one: the node stood still, its disk did, or its clock was set");
  }

  const verify_options& options_;
  verify_report& out_;
  anchors anchors_;
  std::map<std::string, node_chain> nodes_;      // of the folder that is being read
  std::map<std::string, std::string> folders_;   // by node: the first with records of it
  std::set<std::string> keys_;
  std::string place_, whose_;                    // whose_: what the file's name says, as records do
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
      check.begin_file(file);
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
