// sluice audit replay: one decision again, from the version that made it.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "audit_options.hpp"
#include "gateway_audit.hpp"
#include "gateway_setup.hpp"
#include "log_sources.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/audit/replay.hpp"
#include "version_lookup.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

struct replay_options {
  log_options logs;
  version_options versions;
  std::string decision, secret_file;
  std::vector<std::string> keys;
};

struct found_decision {
  std::string line, version;
  wall_time time;
  std::vector<std::string> demoted;  // rules that were in shadow, whatever the version says
};

// The record with the whole of it: what closed a stream, or the one there is.
result<found_decision> decision_in(const std::vector<std::string>& folders, const std::string& id) {
  std::string best;
  audit::filter by_id;
  by_id.decision = id;
  const auto found = audit::query(folders, by_id, [&](const std::string& line) {
    if (best.empty() || line.contains("\"event\":\"closed\"")) best = line;
    return true;
  });
  if (!found) return std::unexpected(found.error());
  const auto j = json::parse(best, nullptr, false);
  if (!j.is_object()) return fail(errc::not_found, "these logs have no decision " + id);
  return found_decision{.line = best, .version = j.value("version", ""), .time = parse_time(j.value("time", "")).value_or(wall_time{}), .demoted = j.value("demoted", std::vector<std::string>())};
}

// Why the text is not at hand is part of the answer: without it the replay goes rule by rule.
std::optional<audit::kept_exchange> text_of(const replay_options& o, const std::string& line, const std::string& master, std::string& why_not) {
  if (master.empty()) {
    why_not = "without --secret its text cannot be opened";
    return std::nullopt;
  }
  auto folders = o.keys;
  for (const auto& state : o.versions.states) folders.push_back(text_key_directory(state));
  if (folders.empty()) folders.emplace_back();
  for (const auto& folder : folders) {
    auto text = audit::open_text(line, text_keys_of(folder, master));
    if (text) return std::move(*text);
    why_not = text.error().message;
  }
  return std::nullopt;
}

int replay(const replay_options& o, bool raw) {
  std::string master;
  if (!o.secret_file.empty()) {
    const auto secret = read_secret(o.secret_file, "--secret");
    if (!secret) return complain(secret.error().message), 2;
    master = *secret;
  }
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  const auto decision = decision_in(logs->folders(), o.decision);
  if (!decision) return complain(decision.error().message), 1;
  version_lookup lookup(o.versions);
  const auto built = lookup.find(decision->version, decision->time);
  if (!built) return complain(built.error().message), 1;
  auto bundle = (*built)->bundle;
  auto snapshot = (*built)->snapshot;
  if (!decision->demoted.empty()) snapshot = policy::in_shadow(*snapshot, decision->demoted);
  for (const auto& rule : decision->demoted) policy::put_in_shadow(bundle, rule);
  std::string why_not;
  const auto text = text_of(o, decision->line, master, why_not);
  const auto done = audit::replay({.line = decision->line, .bundle = bundle, .snapshot = snapshot, .text = text,
                                   .value_key = master.empty() ? std::string() : audit_value_key(master)});
  if (!done) return complain(done.error().message), 1;
  const bool same = done->differences.empty();
  if (raw) {
    std::cout << json{{"decision", o.decision}, {"version", decision->version}, {"replayed", done->full ? "in full" : "rule by rule"}, {"why_not_in_full", why_not},
                      {"same", same}, {"checked", done->checked}, {"differences", done->differences}}
                     .dump(2)
              << '\n';
    return same ? 0 : 1;
  }
  std::cout << "decision " << o.decision << " of version " << short_version(decision->version) << ", replayed " << (done->full ? "in full" : "rule by rule: " + why_not) << '\n';
  for (const auto& c : done->checked) std::cout << "  as recorded  " << c << '\n';
  for (const auto& d : done->differences) std::cout << "  DIFFERENT    " << d << '\n';
  std::cout << (same ? "the record is what comes out\n" : "the record is not what comes out\n");
  return same ? 0 : 1;
}

}  // namespace

void add_audit_replay(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<replay_options>();
  auto* r = audit.add_subcommand("replay", "Run a decision again from the version that made it");
  r->add_option("DECISION", o->decision, "The id that the client was given")->required();
  add_from(*r, o->logs);
  add_version_options(*r, o->versions);
  r->add_option("--secret", o->secret_file, "The file with the gateway's master secret: opens kept text, compares matched values");
  r->add_option("--keys", o->keys, "A folder of text keys; those of --state are looked into anyway");
  add_json(*r, call);
  r->footer(
      "In full where the log kept the text (audit.text: encrypted), otherwise rule by rule; it says which, and why. Exit code 1 when the record is not what comes out.\n\n"
      "Example:\n  sluice audit replay 06h0mqn3047np0000cshjbwck3954r58 --from /var/lib/sluice/audit --state /var/lib/sluice --secret /var/lib/sluice/secret");
  r->callback([o, &call] { call.exit_code = replay(*o, call.json); });
}

}  // namespace sluice::app
