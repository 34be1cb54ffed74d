// sluice prune: what was pushed and never went live takes no room in Redis for ever.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct prune_options {
  ring_options ring;
  std::string older = "7d";
  bool look_only = false;
};

int prune(const prune_options& options, bool json) {
  const auto age = parse_duration(options.older);
  if (!age) return complain("--older: " + age.error().message), 2;
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  const auto gone = ring->prune(now().wall - *age, options.look_only);
  if (!gone) return complain_ring(gone.error()), 1;
  if (json) {
    std::cout << nlohmann::ordered_json{{"versions", gone->versions}, {"files", gone->files}, {"done", !options.look_only}, {"kept", gone->kept}}.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    return 0;
  }
  for (const auto& version : gone->versions) std::cout << "version " << short_version(version) << '\n';
  std::cout << gone->versions.size() << " versions that were never live and " << gone->files << " files that nothing else needs " << (options.look_only ? "would go" : "are gone") << '\n';
  if (gone->kept > 0) std::cout << gone->kept << " versions stay, for the log lacks entries before " << policy::to_string(gone->after_gap) << " by which they may have been live\n";
  return 0;
}

}  // namespace

void add_prune(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("prune", "Take away versions that were pushed and never went live");
  auto options = std::make_shared<prune_options>();
  add_ring_options(*command, options->ring);
  command->add_option("--older", options->older, "Only those that were pushed so long ago")->capture_default_str();
  command->add_flag("--dry-run", options->look_only, "Only say what would go");
  add_json(*command, call);
  command->footer("Whatever was live once, also for a share of conversations, stays: decisions name it. So does what may have been, where the log lacks entries or one of them cannot be read.\n\nExample:\n  sluice prune --redis redis://127.0.0.1:6379 --ring prod --dry-run");
  command->callback([options, &call] { call.exit_code = prune(*options, call.json); });
}

}  // namespace sluice::app
