// sluice status: what is live in a ring, and what each node runs.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

int status(const ring_options& options, bool json) {
  auto ring = connect_ring(options);
  if (!ring) return 1;
  const auto head = ring->head();
  if (!head && head.error().code != errc::not_found) return complain_ring(head.error()), 1;
  const auto nodes = ring->nodes();
  if (!nodes) return complain_ring(nodes.error()), 1;
  const auto frozen = ring->frozen();
  if (!frozen) return complain_ring(frozen.error()), 1;
  if (json) {
    nlohmann::ordered_json out = {{"ring", options.ring}, {"head", nullptr}, {"frozen", nullptr}, {"nodes", nlohmann::ordered_json::array()}};
    if (head) {
      out["head"] = {{"activation", policy::to_string(head->activation)}, {"version", head->version}, {"kind", head->kind},
                     {"actor", head->actor}, {"note", head->note}, {"time", head->time}, {"commit", head->commit}, {"gate_report", head->gate_report}};
    }
    if (head && head->canary) out["canary"] = {{"version", head->canary->version}, {"percent", head->canary->basis_points / 100.0}};
    if (*frozen) out["frozen"] = **frozen;
    for (const auto& n : *nodes) {
      out["nodes"].push_back({{"id", n.id}, {"alive", n.alive}, {"activation", n.activation}, {"version", n.version}, {"state", n.state},
                              {"build", n.build}, {"heartbeat_age_ms", n.heartbeat_age.count()}});
    }
    std::cout << out.dump(2) << '\n';
    return 0;
  }
  if (head) {
    std::cout << "ring " << options.ring << ": " << policy::to_string(head->activation) << " version " << short_version(head->version) << " (" << head->kind
              << " by " << head->actor << ", " << head->time << ")" << (head->note.empty() ? "" : ": " + head->note) << '\n';
  } else {
    std::cout << "ring " << options.ring << ": nothing was ever activated\n";
  }
  if (head && head->canary) std::cout << "canary: version " << short_version(head->canary->version) << " for " << head->canary->basis_points / 100.0 << " % of conversations\n";
  if (*frozen) std::cout << "frozen: " << **frozen << '\n';
  std::vector<std::vector<std::string>> rows = {{"node", "activation", "version", "state", "heartbeat", "build"}};
  for (const auto& n : *nodes) {
    rows.push_back({n.id, n.alive ? n.activation : "gone", short_version(n.version), n.alive ? n.state : "-", std::to_string(n.heartbeat_age.count() / 1000) + " s ago", n.build});
  }
  if (rows.size() > 1) std::cout << table(rows);
  return 0;
}

}  // namespace

void add_status(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("status", "Show what is live in a ring and what each node runs");
  auto options = std::make_shared<ring_options>();
  add_ring_options(*command, *options);
  add_json(*command, call);
  command->footer("Example:\n  sluice status --redis redis://127.0.0.1:6379 --ring prod");
  command->callback([options, &call] { call.exit_code = status(*options, call.json); });
}

}  // namespace sluice::app
