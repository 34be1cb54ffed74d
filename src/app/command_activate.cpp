// sluice activate: a version that is in Redis already becomes live, with no bundle at hand.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bundle_input.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct activate_options {
  std::string version, note, actor;
  ring_options ring;
  signing_options signing;
  wait_options wait;
};

int activate(const activate_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = activating})) return 1;
  const auto version = staged_version(*ring, options.version);
  if (!version) return 1;
  const auto head = ring->activate({.version = *version, .kind = "activate", .actor = actor_name(options.actor), .note = options.note});
  if (!head) return complain_ring(head.error()), 1;
  warn_about(*head);
  if (!json) std::cout << "version " << short_version(*version) << " is active as " << policy::to_string(head->activation) << " in ring " << options.ring.ring << '\n' << std::flush;
  return wait_and_tell(*ring, options.ring.ring, *version, *head, options.wait, json);
}

}  // namespace

void add_activate(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("activate", "Make a version live that was pushed with --no-activate");
  auto options = std::make_shared<activate_options>();
  command->add_option("version", options->version, "The version or its first digits")->required();
  add_ring_options(*command, options->ring);
  add_signing_options(*command, options->signing, false);
  command->add_option("--actor", options->actor, "Who, for the history; by default user@host");
  command->add_option("--note", options->note, "Why, for the history");
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer("So that who builds is not who decides: CI pushes with its key and --no-activate, an operator activates with another.\n\nExample:\n"
                  "  sluice activate 3f0c1d2e4a5b --redis redis://127.0.0.1:6379 --ring prod --key operations.pem --wait all");
  command->callback([options, &call] { call.exit_code = activate(*options, call.json); });
}

}  // namespace sluice::app
