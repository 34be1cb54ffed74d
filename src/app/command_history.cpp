// sluice history: every activation of a ring, newest first.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

// Twelve digits, and whether it is exactly that commit.
std::string short_commit(const std::string& commit) { return commit.substr(0, 12) + (commit.ends_with("-dirty") ? "-dirty" : ""); }

int history(const ring_options& options, std::size_t limit, bool json) {
  auto ring = connect_ring(options);
  if (!ring) return 1;
  const auto entries = ring->history(limit);
  if (!entries) return complain_ring(entries.error()), 1;
  if (json) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& e : *entries) {
      out.push_back({{"activation", policy::to_string(e.activation)}, {"version", e.version}, {"canary", e.canary ? nlohmann::ordered_json{{"version", e.canary->version}, {"percent", e.canary->basis_points / 100.0}} : nlohmann::ordered_json(nullptr)}, {"kind", e.kind}, {"actor", e.actor}, {"note", e.note}, {"time", e.time}, {"signed_by", e.signed_by}, {"doubt", e.doubt}, {"commit", e.commit}, {"gate_report", e.gate_report}});
    }
    std::cout << out.dump(2) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"activation", "version", "kind", "time", "who", "key", "commit", "gate report", "why"}};
  for (const auto& e : *entries) rows.push_back({policy::to_string(e.activation), short_version(e.version), e.canary ? e.kind + " " + short_version(e.canary->version) : e.kind, e.time, e.actor, or_dash(e.signed_by), or_dash(short_commit(e.commit)), or_dash(short_version(e.gate_report)), e.kind == store::damaged_kind ? e.doubt : e.note});
  std::cout << table(rows);
  return 0;
}

}  // namespace

void add_history(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("history", "Show who made which version live, when and why");
  struct given {
    ring_options ring;
    std::size_t limit = 20;
  };
  auto options = std::make_shared<given>();
  add_ring_options(*command, options->ring);
  command->add_option("--limit", options->limit, "At most this many, newest first; 0 for all")->capture_default_str();
  add_json(*command, call);
  command->footer("Example:\n  sluice history --redis redis://127.0.0.1:6379 --ring prod --limit 5");
  command->callback([options, &call] { call.exit_code = history(options->ring, options->limit, call.json); });
}

}  // namespace sluice::app
