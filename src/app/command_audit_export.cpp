// sluice audit export: records to somewhere else, once each where a cursor is kept.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

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

bool read_cursor(const std::string& file, positions& out) {
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return true;
  const auto bytes = read_whole(file, 16u << 20);
  if (!bytes) return false;
  const auto j = parse_bounded<json>(*bytes);
  bool fine = j.is_object();
  for (const auto& [node, at] : (fine ? j : json::object()).items()) fine = fine && read_position(at, out[node]);
  if (!fine) complain(file + " is no cursor", "give another file, or remove it to export everything again");
  return fine;
}

std::string cursor_text(positions& at) {
  json out = json::object();
  for (auto& [node, reached] : at) {
    while (reached.boots.size() > boots_max) reached.boots.erase(reached.boots.begin());
    out[node] = reached.boots;
  }
  return out.dump() + "\n";
}

// True: it was exported before.
bool known(const positions& before, const std::string& node, const std::string& boot, std::uint64_t seq) {
  const auto at = before.find(node);
  if (at == before.end()) return false;
  const auto in_boot = at->second.boots.find(boot);
  return in_boot != at->second.boots.end() ? seq <= in_boot->second : at->second.of_all && seq <= *at->second.of_all;
}

result<std::size_t> send_all(const export_options& o, const std::vector<std::string>& folders, record_sink& sink, positions& at) {
  const auto before = at;
  std::vector<std::string> batch;
  std::size_t sent = 0;
  result<void> fault;
  const auto flush = [&] {
    if (!batch.empty()) fault = sink.write(batch);
    if (fault) sent += batch.size();
    batch.clear();
    return fault.has_value();
  };
  const auto found = audit::query(folders, o.filter, [&](const std::string& line) {
    const auto r = parse_bounded<json>(line, record_bounds);
    if (!r.is_object()) return true;
    const auto node = word(r, "node"), boot = word(r, "boot");
    const auto seq = natural(r, "seq");
    auto& reached = at[node].boots[boot];
    reached = std::max(reached, seq);
    if (known(before, node, boot, seq)) return true;
    batch.push_back(line);
    return batch.size() < batch_lines || flush();
  });
  if (!found) return std::unexpected(found.error());
  if (fault) flush();
  if (!fault) return std::unexpected(fault.error());
  if (auto done = sink.finish(); !done) return std::unexpected(done.error());
  return sent;
}

int run(export_options o) {
  if (!parse_instant(o.since, o.filter.from) || !parse_instant(o.until, o.filter.to)) return 2;
  positions at;
  if (!read_cursor(o.cursor, at)) return 2;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  const auto sink = open_sink(o.target);
  if (!sink) return complain(sink.error().message), 1;
  const auto sent = send_all(o, logs->folders(), **sink, at);
  if (!sent) return complain(sent.error().message, "the cursor stays as it was: the next run sends again what may be missing"), 1;
  // Only now: what was sent twice can be told by node, boot and seq, what was never sent cannot.
  if (!o.cursor.empty()) {
    if (auto kept = replace_file(o.cursor, cursor_text(at)); !kept) return complain(kept.error().message), 1;
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
  e->add_option("--cursor", o->cursor, "A file that remembers how far each node was exported, so that the next run goes on there");
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
