// sluice revoke and sluice unrevoke: what may never become live again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct revoke_options {
  ring_options ring;
  std::string version, note, actor;
};

// Also one that Redis has not any more, or not yet again.
std::optional<std::string> revoked_version(store::publisher& ring, const std::string& digits) {
  const auto revoked = ring.revoked();
  if (!revoked) return complain_ring(revoked.error()), std::nullopt;
  std::vector<std::string> meant;
  std::ranges::copy_if(*revoked, std::back_inserter(meant), [&](const std::string& each) { return digits.size() >= version_digits_min && each.starts_with(digits); });
  if (meant.size() == 1) return meant.front();
  if (meant.empty()) complain("no revoked version in this ring begins with '" + digits + "'", "sluice status lists what is revoked; give at least " + std::to_string(version_digits_min) + " digits");
  else complain("more than one revoked version begins with '" + digits + "'", "give more digits");
  return std::nullopt;
}

int revoke(const revoke_options& options, bool back, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  const auto version = back ? revoked_version(*ring, options.version) : staged_version(*ring, options.version);
  if (!version) return 1;
  const auto actor = actor_name(options.actor);
  const auto done = back ? ring->unrevoke(*version, actor, options.note) : ring->revoke(*version, actor, options.note);
  if (!done) return complain_ring(done.error()), 1;
  if (!kept_by_replicas(*ring, back ? "the end of the revocation" : "the revocation")) return 1;
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
