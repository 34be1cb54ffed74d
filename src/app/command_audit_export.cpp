// sluice audit export: records to somewhere else, once each where a cursor is kept.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "audit_export.hpp"
#include "audit_options.hpp"
#include "bundle_input.hpp"
#include "gateway_setup.hpp"
#include "log_sources.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/durable_file.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr std::size_t batch_lines = 500;

struct export_options {
  log_options logs;
  export_target target;
  audit::filter filter;
  std::string since, until, cursor;
};

// By node and boot, the last sequence number that was exported: a log that was begun anew counts from 1 again, in other boots.
constexpr std::size_t boots_max = 1000;  // of a node; the oldest are forgotten
struct position {
  std::map<std::string, std::uint64_t> boots;
  std::optional<std::uint64_t> of_all;  // as older releases kept it
};
using positions = std::map<std::string, position>;

struct cursor {
  positions at;
  std::string filter;  // of which records; "" of all, and older releases kept none
};
constexpr const char* filter_key = "";  // no node has this name

bool read_position(const json& from, position& to) {
  if (from.is_number_unsigned()) to.of_all = from.get<std::uint64_t>();
  if (from.is_number_unsigned()) return true;
  if (!from.is_object()) return false;
  for (const auto& [boot, seq] : from.items()) {
    if (!seq.is_number_unsigned()) return false;
    to.boots[boot] = seq.get<std::uint64_t>();
  }
  return true;
}

std::string filter_text(const audit::filter& f) {
  return f.tenant.empty() && f.verdict.empty() ? std::string() : json{{"tenant", f.tenant}, {"verdict", f.verdict}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

// What one filter let pass another may have held back, and a cursor that is past it would never send it.
bool same_filter(const std::string& file, const cursor& of, const std::string& filter) {
  if (of.at.empty() || of.filter == filter) return true;
  complain(file + " is the cursor of an export of other records: " + (of.filter.empty() ? "all" : of.filter) + ", and not " + (filter.empty() ? "all" : filter), "give each choice of --tenant and --verdict a cursor of its own");
  return false;
}

bool read_cursor(const std::string& file, cursor& out) {
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return true;
  const auto bytes = read_whole(file, 16u << 20);
  if (!bytes) return false;
  const auto j = parse_bounded<json>(*bytes);
  bool fine = j.is_object();
  for (const auto& [node, at] : (fine ? j : json::object()).items()) {
    if (node == filter_key && at.is_string()) out.filter = at.get<std::string>();
    else fine = fine && read_position(at, out.at[node]);
  }
  if (!fine) complain(file + " is no cursor", "give another file, or remove it to export everything again");
  return fine;
}

std::string cursor_text(cursor& of) {
  json out = json::object();
  if (!of.filter.empty()) out[filter_key] = of.filter;
  for (auto& [node, reached] : of.at) {
    while (reached.boots.size() > boots_max) reached.boots.erase(reached.boots.begin());
    out[node] = reached.boots;
  }
  return out.dump() + "\n";
}

// The last record of a boot that was exported before; of an older cursor, of all boots. Nothing: none was.
std::optional<std::uint64_t> exported_to(const positions& before, const std::string& node, const std::string& boot) {
  const auto at = before.find(node);
  if (at == before.end()) return std::nullopt;
  const auto in_boot = at->second.boots.find(boot);
  return in_boot != at->second.boots.end() ? std::optional(in_boot->second) : at->second.of_all;
}

// How far a cursor may go in each boot: up to the first record that --until held back. Records stand in the order in which they were written, and
// one behind it may be of an earlier time: it leaves again with the next run.
class reach {
 public:
  explicit reach(const std::optional<wall_time>& until) : until_(until) {}
  // False: it is not for this run.
  bool take(const json& r, std::uint64_t seq, std::uint64_t& in_boot, const std::string& node, const std::string& boot) {
    const bool goes = !until_ || parse_time(word(r, "time")).value_or(*until_) < *until_;
    auto& mark = goes ? in_boot : held_.try_emplace({node, boot}, seq).first->second;
    mark = goes ? std::max(mark, seq) : std::min(mark, seq);
    return goes;
  }
  void hold_back(positions& at, const positions& before) const {
    for (const auto& [of, first] : held_) {
      auto& reached = at[of.first].boots[of.second];
      reached = std::max(exported_to(before, of.first, of.second).value_or(0), std::min(reached, first - 1));
    }
  }

 private:
  std::optional<wall_time> until_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> held_;  // by node and boot
};

// Sequence numbers go on from boot to boot: what lies between the newest record that left and the oldest that is here was removed before it could.
void warn_of_gaps(const positions& before, const std::map<std::string, std::uint64_t>& oldest) {
  for (const auto& [node, first] : oldest) {
    const auto known = before.find(node);
    if (known == before.end()) continue;
    std::uint64_t left = known->second.of_all.value_or(0);
    for (const auto& [boot, seq] : known->second.boots) left = std::max(left, seq);
    if (first > left + 1) {
      complain("records " + std::to_string(left + 1) + " to " + std::to_string(first - 1) + " of node " + node + " were removed before they were exported", "let audit.keep keep them for longer than it is between two exports");
    }
  }
}

result<std::size_t> send_all(const export_options& o, const std::vector<std::string>& folders, record_sink& sink, positions& at) {
  const auto before = at;
  std::map<std::string, std::uint64_t> oldest;  // by node
  std::vector<std::string> batch;
  std::size_t sent = 0;
  result<void> fault;
  const auto flush = [&] {
    if (!batch.empty()) fault = sink.write(batch);
    if (fault) sent += batch.size();
    batch.clear();
    return fault.has_value();
  };
  auto asked = o.filter;
  reach within(std::exchange(asked.to, std::nullopt));
  asked.had = [&](const std::string& node, const std::string& boot) { return exported_to(before, node, boot); };
  const auto found = audit::query(folders, asked, [&](const std::string& line) {
    const auto r = parse_bounded<json>(line, record_bounds);
    if (!r.is_object()) return true;
    const auto node = word(r, "node"), boot = word(r, "boot");
    const auto seq = natural(r, "seq");
    const auto known_oldest = oldest.try_emplace(node, seq).first;
    known_oldest->second = std::min(known_oldest->second, seq);
    if (!within.take(r, seq, at[node].boots[boot], node, boot)) return true;
    if (const auto last = exported_to(before, node, boot); last && seq <= *last) return true;
    batch.push_back(line);
    return batch.size() < batch_lines || flush();
  });
  if (!found) return std::unexpected(found.error());
  if (fault) flush();
  if (!fault) return std::unexpected(fault.error());
  if (auto done = sink.finish(); !done) return std::unexpected(done.error());
  within.hold_back(at, before);
  if (!o.filter.from && filter_text(o.filter).empty()) warn_of_gaps(before, oldest);
  return sent;
}

int run(export_options o) {
  if (!parse_instant(o.since, o.filter.from) || !parse_instant(o.until, o.filter.to)) return 2;
  cursor reached;
  const auto filter = filter_text(o.filter);
  if (!read_cursor(o.cursor, reached) || !same_filter(o.cursor, reached, filter)) return 2;
  reached.filter = filter;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  const auto sink = open_sink(o.target);
  if (!sink) return complain(sink.error().message), 1;
  const auto sent = send_all(o, logs->folders(), **sink, reached.at);
  if (!sent) return complain(sent.error().message, "the cursor stays as it was: the next run sends again what may be missing"), 1;
  // Only now: what was sent twice can be told by node, boot and seq, what was never sent cannot.
  if (!o.cursor.empty()) {
    if (auto kept = replace_file(o.cursor, cursor_text(reached)); !kept) return complain(kept.error().message), 1;
  }
  std::cerr << "sluice: " << *sent << " records were exported\n";
  return 0;
}

}  // namespace

void add_audit_export(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<export_options>();
  auto* e = audit.add_subcommand("export", "Send records elsewhere: a file, a Redis stream, an OTLP collector");
  add_from(*e, o->logs);
  e->add_option("--to", o->target.to, "A file (appended to), - for standard output, redis://host:6379, or a collector's URL: http://host:4318/v1/logs")->required()->check(CLI::Validator(check_export_target, ""));
  o->target.stream = "sluice:audit";
  e->add_option("--stream", o->target.stream, "The stream in Redis")->capture_default_str();
  e->add_option("--stream-max", o->target.stream_max, "Keep about so many entries in the stream; 0: all")->capture_default_str();
  e->add_option("--to-token-file", o->target.token_file, "The collector's bearer token, or Redis' password, in a file");
  e->add_option("--to-ca-file", o->target.ca_file, "For TLS: certificates to trust");
  e->add_option("--cursor", o->cursor, "A file that remembers how far each node was exported, so that the next run goes on there; of one choice of --tenant and --verdict");
  e->add_option("--since", o->since, "From this time on: 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  e->add_option("--until", o->until, "Before this time, written as for --since");
  e->add_option("--tenant", o->filter.tenant, "Of this tenant only");
  e->add_option("--verdict", o->filter.verdict, "With this verdict only: allow, flag, edit or block")->check(CLI::Validator(check_verdict, ""));
  e->footer(
      "Each record leaves at least once; node, boot and seq tell one that came twice.\n\nExamples:\n  sluice audit export --from /var/lib/sluice/audit --to records.jsonl --cursor records.cursor\n"
      "  sluice audit export --from /var/lib/sluice/audit --to http://127.0.0.1:4318/v1/logs --cursor otlp.cursor\n"
      "  sluice audit export --from /var/lib/sluice/audit --to redis://127.0.0.1:6379 --stream sluice:audit --stream-max 1000000");
  e->callback([o, &call] { call.exit_code = run(*o); });
}

}  // namespace sluice::app
