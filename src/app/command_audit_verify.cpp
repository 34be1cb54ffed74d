// sluice audit verify: holds logs against their hashes, their links and their signed checkpoints.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "audit_options.hpp"
#include "bundle_input.hpp"
#include "log_sources.hpp"
#include "ring_options.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/store/checkpoint_stream.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr std::size_t key_digits = 64;
constexpr std::size_t small_file_max = 1u << 20;
constexpr milliseconds redis_timeout{5000};

struct verify_options {
  log_options logs;
  std::vector<std::string> key_files, anchor_files, nodes;
  ring_options ring;  // url empty: Redis is not asked
  bool complete = false;
};

bool read_lines(const std::vector<std::string>& files, std::vector<std::string>& out) {
  for (const auto& file : files) {
    const auto bytes = read_whole(file, small_file_max);
    if (!bytes) return false;
    std::istringstream in(*bytes);
    for (std::string line; std::getline(in, line);) {
      if (!trim(line).empty()) out.emplace_back(trim(line));
    }
  }
  return true;
}

// What the ring's stream has, and what is wrong with the stream itself, or cannot be told of it. False: it could not be read, which was complained about.
bool ask_ring(const ring_options& options, audit::verify_options& with, std::string& problem, std::string& note) {
  if (options.url.empty()) return true;
  const auto where = redis_of(options);
  if (!where) return false;
  const auto kept = store::read_checkpoints(*where, options.ring, redis_timeout);
  if (!kept) return complain_ring(kept.error()), false;
  auto& ring = with.ring.emplace();
  for (const auto& each : kept->entries) ring.push_back({.place = "stream " + kept->stream + ", entry " + each.id, .line = each.line});
  const auto there = kept->entries.size();
  if (!kept->added && there > 0) note = "this user of Redis may not ask how many checkpoints were added (XINFO), so removed ones would not show";
  if (kept->added && there < *kept->added && there < store::checkpoints_kept) {
    problem = "Redis, stream " + kept->stream + ": of " + std::to_string(*kept->added) + " checkpoints that were added it has " + std::to_string(there) + ", though gateways keep the newest " +
              std::to_string(store::checkpoints_kept) + ": somebody removed the others";
  }
  return true;
}

void print(const audit::verify_report& report, bool pinned, bool ring) {
  for (const auto& p : report.problems) std::cout << printable(p) << '\n';
  for (const auto& n : report.notes) std::cout << "note: " << printable(n) << '\n';
  std::cout << report.records << " records in " << report.files << " files of " << report.boots << " boots, " << report.checkpoints << " signed checkpoints: "
            << (report.problems.empty() ? "the chain is whole" : std::to_string(report.problems.size()) + " problems")
            << (report.torn_tail ? "; the last line is torn and will be cut off at the next start" : "") << '\n';
  if (!pinned) {
    for (const auto& key : report.keys) std::cout << "signed by key " << printable(key) << "; --key says whether that is the gateway's\n";
  }
  for (const auto& end : report.ends) {
    if (ring && end.ring_sequence != 0) {
      std::cout << "node " << printable(end.node) << ": Redis has its checkpoints up to record " << end.ring_sequence << " of " << end.sequence;
      // Only of a log without a problem: a checkpoint that was met says nothing of one that was not.
      if (report.problems.empty()) std::cout << "; from record " << end.first << " to there it is as it was signed";
      std::cout << '\n';
    }
    if (end.closed) continue;
    std::cout << "node " << printable(end.node) << ": " << end.unsigned_records << " records stand behind the last checkpoint and nothing vouches for them; the node runs, was killed, or the end was cut off\n";
  }
}

int verify(const verify_options& o, bool raw) {
  audit::verify_options with;
  with.complete = o.complete;
  with.nodes = o.nodes;
  if (!read_lines(o.key_files, with.keys) || !read_lines(o.anchor_files, with.anchors)) return 2;
  for (const auto& key : with.keys) {
    if (key.size() == key_digits && key.find_first_not_of("0123456789abcdef") == std::string::npos) continue;
    complain("a key file holds a line that is no public key", "give the audit-key.pub of a gateway's state directory: 64 hexadecimal digits a line");
    return 2;
  }
  for (const auto& line : with.anchors) {
    if (line.contains("\"event\":\"checkpoint\"")) continue;
    complain("an anchor file holds a line that is no checkpoint", "give the audit-checkpoint.json of a gateway's state directory, or lines like it");
    return 2;
  }
  // Before the logs, which go on: what Redis has by now they have, too.
  std::string trimmed, blind;
  if (!ask_ring(o.ring, with, trimmed, blind)) return 1;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  auto report = audit::verify(logs->folders(), with);
  if (!report) return complain(report.error().message), 1;
  if (!trimmed.empty()) report->problems.push_back(trimmed);
  if (!blind.empty()) report->notes.push_back(blind);
  if (raw) {
    json ends = json::array();
    for (const auto& e : report->ends) {
      ends.push_back({{"node", e.node}, {"boot", e.boot}, {"seq", e.sequence}, {"unsigned_records", e.unsigned_records}, {"closed", e.closed}, {"first", e.first}, {"redis_seq", e.ring_sequence}});
    }
    std::cout << json{{"ok", report->problems.empty()}, {"records", report->records}, {"files", report->files}, {"boots", report->boots},
                      {"checkpoints", report->checkpoints}, {"keys", report->keys}, {"torn_tail", report->torn_tail}, {"problems", report->problems},
                      {"notes", report->notes}, {"ends", ends}}
                     .dump(2)
              << '\n';
  } else {
    print(*report, !with.keys.empty(), with.ring.has_value());
  }
  return report->problems.empty() ? 0 : 1;
}

}  // namespace

void add_audit_verify(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<verify_options>();
  auto* v = audit.add_subcommand("verify", "Check that no record was changed, removed or moved");
  add_from(*v, o->logs);
  auto* key = v->add_option("--key", o->key_files, "A file of public keys, the only ones that may have signed: audit-key.pub of a state directory");
  v->add_option("--anchor", o->anchor_files, "A file of checkpoints that were kept elsewhere: each must still be in the log");
  add_optional_ring(*v, o->ring, "to which gateways send their checkpoints: each must still be in the log of its node");
  // Who can write there can sign, too.
  v->get_option("--redis")->needs(key);
  v->add_flag("--complete", o->complete, "Every node was stopped: a log that does not end with the checkpoint of a stop was cut");
  v->add_option("--node", o->nodes, "A node whose log has to be there; may be given for several");
  add_json(*v, call);
  v->footer(
      "Exit code 1 when the chain is broken.\n\nExample:\n"
      "  sluice audit verify --from /var/lib/sluice/audit --key /var/lib/sluice/audit-key.pub --anchor /var/lib/sluice/audit-checkpoint.json\n"
      "  sluice audit verify --from /var/lib/sluice/audit --key /var/lib/sluice/audit-key.pub --redis redis://127.0.0.1:6379 --ring prod");
  v->callback([o, &call] { call.exit_code = verify(*o, call.json); });
}

}  // namespace sluice::app
