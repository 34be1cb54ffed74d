// sluice rollback: an older version again, as a newer activation.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct rollback_options {
  ring_options ring;
  wait_options wait;
  std::string to, note;
};

// The version to go back to: the newest whose name begins with `to`, or the newest that is not live.
std::optional<std::string> choose(const std::vector<store::head_record>& history, const std::string& to) {
  for (const auto& e : history) {
    if (to.empty() ? e.version != history.front().version : e.version.starts_with(to)) return e.version;
  }
  return std::nullopt;
}

int rollback(const rollback_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  const auto history = ring->history(0);
  if (!history) return complain_ring(history.error()), 1;
  const auto version = choose(*history, options.to);
  if (!version) {
    complain(options.to.empty() ? "there is no older version to go back to" : "no version that was ever live begins with " + options.to,
             "see: sluice history");
    return 1;
  }
  const auto head = ring->activate({.version = *version, .kind = "rollback", .actor = actor_name(), .note = options.note});
  if (!head) return complain_ring(head.error()), 1;
  if (!json) std::cout << "version " << short_version(*version) << " is active again as " << policy::to_string(head->activation) << '\n' << std::flush;
  const auto waited = wait_for_nodes(*ring, *head, options.wait, json);
  if (json) std::cout << nlohmann::ordered_json{{"ok", waited.reached}, {"version", *version}, {"activation", policy::to_string(waited.head.activation)}}.dump(2) << '\n';
  return waited.reached ? 0 : 1;
}

}  // namespace

void add_rollback(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("rollback", "Make an older version live again");
  auto options = std::make_shared<rollback_options>();
  add_ring_options(*command, options->ring);
  command->add_option("--to", options->to, "The version, or its first digits; by default the one before");
  command->add_option("--note", options->note, "Why, for the history");
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer("A rollback is a newer activation of an older version; it revokes nothing.\n\nExample:\n"
                  "  sluice rollback --redis redis://127.0.0.1:6379 --ring prod --wait all");
  command->callback([options, &call] { call.exit_code = rollback(*options, call.json); });
}

}  // namespace sluice::app
