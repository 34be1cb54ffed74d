// sluice promote and sluice abort: how a canary, or a version in shadow, ends.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bundle_input.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct trial_options {
  ring_options ring;
  signing_options signing;
  wait_options wait;
  std::string note, actor;
  bool shadow = false;
};

int end_trial(const trial_options& options, bool promote, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing)) return 1;
  const auto live = ring->head();
  if (!live) return complain_ring(live.error()), 1;
  const bool canary = live->canary && !options.shadow;
  if (!canary && live->shadow.empty()) {
    complain(std::string("there is no ") + (options.shadow ? "version in shadow" : "canary and no version in shadow") + " in ring '" + options.ring.ring + "': " + policy::to_string(live->activation) + " is live for everybody",
             "sluice push BUNDLE --canary 5 begins one, --shadow the other");
    return 1;
  }
  const std::string what = canary ? "canary" : "version in shadow";
  const auto version = !promote ? live->version : canary ? live->canary->version : live->shadow;
  store::activate_request asked{.version = version, .kind = promote ? "promote" : "abort", .actor = actor_name(options.actor), .note = options.note, .only_after = live->activation};
  // What the command is not about goes on.
  if (canary && live->shadow != version) asked.shadow = live->shadow;
  if (!canary && !promote) asked.canary = live->canary;
  const auto head = ring->activate(asked);
  if (!head) return complain_ring(head.error()), 1;
  warn_of_replicas(*head);
  if (!json) {
    std::cout << (promote ? "the " + what + " " : "the " + what + " is over; version ") << short_version(version) << (promote ? " is live for everybody as " : " goes on as ")
              << policy::to_string(head->activation) << '\n' << std::flush;
  }
  return wait_and_tell(*ring, options.ring.ring, version, *head, options.wait, json);
}

void add_ending(CLI::App& root, invocation& call, bool promote) {
  const std::string name = promote ? "promote" : "abort";
  auto* command = root.add_subcommand(name, promote ? "Make a ring's canary, or its version in shadow, live for everybody" : "End a ring's canary, or its version in shadow: what is live goes on for everybody");
  auto options = std::make_shared<trial_options>();
  add_ring_options(*command, options->ring);
  add_signing_options(*command, options->signing, false);
  command->add_flag("--shadow", options->shadow, "The version in shadow, where there is a canary as well");
  command->add_option("--actor", options->actor, "Who, for the history; by default user@host");
  command->add_option("--note", options->note, "Why, for the history");
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer(std::string(promote ? "Nothing is built: nodes have the version already.\n\n" : "Passes a freeze.\n\n") + "Example:\n  sluice " + name +
                  " --redis redis://127.0.0.1:6379 --ring prod --wait all");
  command->callback([options, &call, promote] { call.exit_code = end_trial(*options, promote, call.json); });
}

}  // namespace

void add_promote(CLI::App& root, invocation& call) {
  add_ending(root, call, true);
  add_ending(root, call, false);
}

}  // namespace sluice::app
