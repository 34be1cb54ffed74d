// sluice revoke and sluice unrevoke: what may never become live again.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct revoke_options {
  ring_options ring;
  std::string version, note, actor;
};

int revoke(const revoke_options& options, bool back, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  const auto version = staged_version(*ring, options.version);
  if (!version) return 1;
  const auto actor = actor_name(options.actor);
  const auto done = back ? ring->unrevoke(*version, actor, options.note) : ring->revoke(*version, actor, options.note);
  if (!done) return complain_ring(done.error()), 1;
  if (json) std::cout << nlohmann::ordered_json{{"ok", true}, {"version", *version}, {"revoked", !back}}.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  else std::cout << "version " << short_version(*version) << (back ? " may be activated again\n" : " will not be activated again\n");
  return 0;
}

void add_revoking(CLI::App& root, invocation& call, bool back) {
  auto* command = root.add_subcommand(back ? "unrevoke" : "revoke", back ? "Let a revoked version be activated again" : "Forbid that a version is ever activated again");
  auto options = std::make_shared<revoke_options>();
  command->add_option("version", options->version, "The version or its first digits")->required();
  add_ring_options(*command, options->ring);
  add_history_options(*command, options->actor, options->note);
  add_json(*command, call);
  command->footer(std::string(back ? "" : "A version that is live is not revoked: sluice rollback --revoke goes back first. Nodes also delete it from their disks.\n\n") + "Example:\n  sluice " +
                  (back ? "unrevoke" : "revoke") + " 3f0c1d2e4a5b --redis redis://127.0.0.1:6379 --ring prod --note '" + (back ? "the leak was elsewhere'" : "leaks card numbers'"));
  command->callback([options, &call, back] { call.exit_code = revoke(*options, back, call.json); });
}

}  // namespace

void add_revoke(CLI::App& root, invocation& call) {
  add_revoking(root, call, false);
  add_revoking(root, call, true);
}

}  // namespace sluice::app
