// sluice freeze: what may not become live for a while.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"

namespace sluice::app {
namespace {

// A ring that nobody publishes to and no node follows is a mistyped name: to say that it is frozen would be believed.
bool is_there(store::publisher& ring, const std::string& name) {
  const auto head = ring.head();
  if (head || head.error().code == errc::integrity) return true;
  if (head.error().code != errc::not_found) return complain_ring(head.error()), false;
  const auto nodes = ring.nodes();
  if (!nodes || !nodes->empty()) return true;
  complain("there is no ring '" + name + "' here: nothing was ever activated in it, and no node follows it, so nothing was frozen", "is --ring (or SLUICE_RING) the fleet's name? Nodes that lost Redis are back within seconds");
  return false;
}

int freeze(const ring_options& options, const std::string& why, const std::string& who, bool lift, bool json) {
  auto ring = connect_ring(options);
  if (!ring) return 1;
  if (!lift && why.empty()) {
    complain("a freeze needs its reason: whoever is stopped by it reads it", "--note 'audit until Friday'");
    return 2;
  }
  if (!lift && !is_there(*ring, options.ring)) return 1;
  const auto actor = actor_name(who);
  std::string before;  // the reason that this one takes the place of
  if (lift) {
    if (const auto done = ring->thaw(actor, why); !done) return complain_ring(done.error()), 1;
  } else {
    auto done = ring->freeze(why, actor);
    if (!done) return complain_ring(done.error()), 1;
    before = std::move(*done);
  }
  if (!kept_by_replicas(*ring, lift ? "the end of the freeze" : "the freeze")) return 1;
  // Somebody else waits for the end of his own freeze, and one --lift ends both.
  if (!before.empty()) complain("the ring was frozen already: " + printable(before) + "; this reason takes the place of that one, and --lift ends both", "sluice history shows both; tell whoever froze it");
  if (json) std::cout << nlohmann::ordered_json{{"ok", true}, {"ring", options.ring}, {"frozen", !lift}, {"replaced", before}}.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  else if (lift) std::cout << "ring " << options.ring << " takes activations again\n";
  else std::cout << "ring " << options.ring << " is frozen: only rollbacks, aborts and demotions pass\n";
  return 0;
}

}  // namespace

void add_freeze(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("freeze", "Stop activations in a ring, but for what takes harm away");
  struct given {
    ring_options ring;
    std::string note, actor;
    bool lift = false;
  };
  auto options = std::make_shared<given>();
  add_ring_options(*command, options->ring);
  command->add_option("--note", options->note, "Why: shown to whoever is stopped by it, and in the history; with --lift in the history");
  command->add_option("--actor", options->actor, "Who, for the history; by default user@host");
  command->add_flag("--lift", options->lift, "End it");
  add_json(*command, call);
  command->footer("Example:\n  sluice freeze --redis redis://127.0.0.1:6379 --ring prod --note 'audit until Friday'\n"
                  "  sluice freeze --redis redis://127.0.0.1:6379 --ring prod --lift --note 'audit is done'");
  command->callback([options, &call] { call.exit_code = freeze(options->ring, options->note, options->actor, options->lift, call.json); });
}

}  // namespace sluice::app
