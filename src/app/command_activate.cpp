// sluice activate: a version that is in Redis already becomes live, with no bundle at hand.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bundle_input.hpp"
#include "ended_by.hpp"
#include "may_follow.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct activate_options {
  std::string version, note, actor, approved_by;
  ring_options ring;
  signing_options signing;
  wait_options wait;
};

int activate(const activate_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = activating})) return 1;
  const auto version = staged_version(*ring, options.version);
  if (!version) return 1;
  store::activate_request asked{.version = *version, .kind = "activate", .actor = actor_name(options.actor), .note = options.note, .approved_by = options.approved_by};
  if (refused_as_own_approval(asked.actor, asked.approved_by, "nothing was changed") || refused_as_revoked(*ring, *version, "nothing was changed")) return 1;
  const auto live = ring->head();
  if (!may_follow(*ring, {.version = *version, .ring = options.ring.ring, .approved_by = options.approved_by}, live, asked)) return 1;
  const auto head = ring->activate(asked);
  if (!head) return complain_ring(head.error()), 1;
  warn_about(*head);
  if (!json) std::cout << "version " << short_version(*version) << " is active as " << policy::to_string(head->activation) << " in ring " << options.ring.ring << '\n' << std::flush;
  const auto ended = live ? ended_by(*ring, *live, *head) : std::vector<std::string>{};
  return wait_and_tell(*ring, options.ring.ring, *version, *head, options.wait, json, ended);
}

}  // namespace

void add_activate(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("activate", "Make a version live that was pushed with --no-activate");
  auto options = std::make_shared<activate_options>();
  command->add_option("version", options->version, "The version or its first digits")->required();
  add_ring_options(*command, options->ring);
  add_signing_options(*command, options->signing, false);
  add_history_options(*command, options->actor, options->note);
  command->add_option("--approved-by", options->approved_by, "The second person, who agrees that rules may be weaker than those that are live now");
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer("So that who builds is not who decides: CI pushes with its key and --no-activate, an operator activates with another.\n\nExample:\n"
                  "  sluice activate 3f0c1d2e4a5b --redis redis://127.0.0.1:6379 --ring prod --key operations.pem --wait all");
  command->callback([options, &call] { call.exit_code = activate(*options, call.json); });
}

}  // namespace sluice::app
