// sluice promote and sluice abort: how a canary ends.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct canary_options {
  ring_options ring;
  signing_options signing;
  wait_options wait;
  std::string note, actor;
};

int end_canary(const canary_options& options, bool promote, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing)) return 1;
  const auto live = ring->head();
  if (!live) return complain_ring(live.error()), 1;
  if (!live->canary) {
    complain("there is no canary in ring '" + options.ring.ring + "': " + policy::to_string(live->activation) + " is live for everybody", "sluice push BUNDLE --canary 5 begins one");
    return 1;
  }
  const auto version = promote ? live->canary->version : live->version;
  const auto head = ring->activate({.version = version, .kind = promote ? "promote" : "abort", .actor = actor_name(options.actor),
                                    .note = options.note, .only_after = live->activation});
  if (!head) return complain_ring(head.error()), 1;
  warn_of_replicas(*head);
  if (!json) {
    std::cout << (promote ? "the canary " : "the canary is over; version ") << short_version(version) << (promote ? " is live for everybody as " : " goes on as ")
              << policy::to_string(head->activation) << '\n' << std::flush;
  }
  return wait_and_tell(*ring, options.ring.ring, version, *head, options.wait, json);
}

void add_ending(CLI::App& root, invocation& call, bool promote) {
  const std::string name = promote ? "promote" : "abort";
  auto* command = root.add_subcommand(name, promote ? "Make a ring's canary live for everybody" : "End a ring's canary: the version before goes on for everybody");
  auto options = std::make_shared<canary_options>();
  add_ring_options(*command, options->ring);
  add_signing_options(*command, options->signing, false);
  command->add_option("--actor", options->actor, "Who, for the history; by default user@host");
  command->add_option("--note", options->note, "Why, for the history");
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer(std::string(promote ? "Nothing is built: nodes have the version already.\n\n" : "Passes a freeze.\n\n") + "Example:\n  sluice " + name +
                  " --redis redis://127.0.0.1:6379 --ring prod --wait all");
  command->callback([options, &call, promote] { call.exit_code = end_canary(*options, promote, call.json); });
}

}  // namespace

void add_promote(CLI::App& root, invocation& call) {
  add_ending(root, call, true);
  add_ending(root, call, false);
}

}  // namespace sluice::app
