// sluice promote and sluice abort: how a canary, or a version in shadow, ends.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "bundle_input.hpp"
#include "ended_by.hpp"
#include "may_follow.hpp"
#include "node_answers.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/rollout/block_band.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"

namespace sluice::app {
namespace {

struct trial_options {
  ring_options ring;
  signing_options signing;
  wait_options wait;
  std::string meant, note, actor;  // meant: of the trial, a version or its first digits; "": whichever it is
  std::string approved_by;
  bool shadow = false, over_limit = false;
};

// Rules that every node would soon demote, by what they blocked in shadow. False: there are some, and they were complained about.
bool within_limits(store::publisher& ring, const std::string& version) {
  const auto shown = ring.shown_in_shadow(version);
  if (!shown) return complain_ring(shown.error()), false;
  if (shown->all.of == 0) return true;  // it was not in shadow: nothing is known
  const auto source = ring.fetch(version);
  if (!source) return complain_ring(source.error()), false;
  policy::diagnostics ignored;  // it was checked when it was pushed
  const auto over = rollout::over_band_in_shadow(policy::parse(*source, ignored), {.gate = {}, .shadow = *shown});
  for (const auto& each : over) complain("rule " + each.rule + " blocked more in shadow than it may: its limit is " + rollout::told(each.band) + ", so every node would soon demote it");
  if (over.empty()) return true;
  complain("nothing was promoted", "make the rule narrower; or where it is right, say so in it (max_block_rate, never_demote) and push again; or promote with --over-limit and let the breaker decide");
  return false;
}

constexpr std::size_t digits_least = 8;  // of a version that is named: fewer may be another's

struct trial {
  bool canary = false;
  std::string version;
  [[nodiscard]] std::string what() const { return canary ? "canary" : "version in shadow"; }
};

// Which trial is meant. Somebody may have begun another one since he looked: who says which he means ends no other, and where there are two it has to be
// said. Nothing: it was complained about.
std::optional<trial> chosen(const trial_options& options, store::publisher& ring, const store::head_record& live, const std::string& command) {
  std::vector<trial> there;
  if (live.canary && !options.shadow) there.push_back({.canary = true, .version = live.canary->version});
  if (!live.shadow.empty()) there.push_back({.version = live.shadow});
  const auto in_ring = " in ring '" + options.ring.ring + "'";
  if (there.empty()) {
    const auto [words, refused] = standing_of(ring, live);
    complain(std::string("there is no ") + (options.shadow ? "version in shadow" : "canary and no version in shadow") + in_ring + ": " + policy::to_string(live.activation) + " " + printable(words),
             refused ? "sluice status says which node refused it and why; sluice rollback --to an activation that they took makes its version the head again" : "sluice push BUNDLE --canary 5 begins one, --shadow the other");
    return std::nullopt;
  }
  if (!options.meant.empty() && options.meant.size() < digits_least) return complain("'" + options.meant + "' is too short for a version", "give " + std::to_string(digits_least) + " of its digits at least"), std::nullopt;
  std::erase_if(there, [&](const trial& each) { return !each.version.starts_with(options.meant); });
  if (there.size() == 1 || (there.size() == 2 && there.front().version == there.back().version)) return there.front();
  if (there.empty()) {
    const bool canary = live.canary && !options.shadow;
    complain("the " + trial{.canary = canary, .version = {}}.what() + in_ring + " is version " + short_version(canary ? live.canary->version : live.shadow) + ", not " + short_version(options.meant) + ": nothing was changed", "sluice status shows it; push the version that is meant");
    return std::nullopt;
  }
  complain("there are a canary, version " + short_version(there.front().version) + ", and a version in shadow, " + short_version(there.back().version) + "," + in_ring + ": nothing was changed",
           "say which is meant: sluice " + command + " VERSION");
  return std::nullopt;
}

// What no node runs is live nowhere once it is promoted. `live`: the activation that it is on trial by.
bool runs_somewhere(store::publisher& ring, const store::head_record& live, const trial& of) {
  const auto answers = ring.acknowledgements(live.activation, live.version);
  const auto nodes = ring.nodes();
  if (!answers || !nodes) return complain_ring(answers ? nodes.error() : answers.error()), false;
  const auto n = counted(*answers, live, *nodes);
  if (!n.refused_by_all()) return true;
  complain("no node runs the " + of.what() + ", version " + short_version(of.version) + ": " + policy::to_string(live.activation) + " was " + told(n) + "; nothing was changed", "sluice status says which node refused it and why; sluice abort ends it");
  return false;
}

int end_trial(const trial_options& options, bool promote, bool json) {
  if (refused_as_own_approval(actor_name(options.actor), options.approved_by, "nothing was changed")) return 1;
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = promote ? activating : taking_away})) return 1;
  const auto live = ring->vouched_head();
  if (!live) return complain_head(*ring, options.ring.ring, live.error()), 1;
  const auto tried = chosen(options, *ring, *live, promote ? "promote" : "abort");
  if (!tried || (promote && !runs_somewhere(*ring, *live, *tried))) return 1;
  const auto version = promote ? tried->version : live->version;
  if (promote && !options.over_limit && !within_limits(*ring, version)) return 1;
  auto warnings = promote && tried->canary ? canary_warnings(*ring, options.ring.ring, *live, "nobody has the canary that becomes live for everybody") : std::vector<std::string>{};
  store::activate_request asked{.version = version, .kind = promote ? "promote" : "abort", .actor = actor_name(options.actor), .note = options.note, .approved_by = options.approved_by, .only_after = live->activation};
  if (promote && !may_follow(*ring, {.version = version, .ring = options.ring.ring, .approved_by = options.approved_by}, live, asked)) return 1;
  // What the command is not about goes on.
  if (tried->canary && live->shadow != version) asked.shadow = live->shadow;
  if (!tried->canary && !promote) asked.canary = live->canary;
  const bool nowhere = !promote && run_instead_of(*ring, *live).has_value();
  const auto head = ring->activate(asked);
  if (!head) return complain_ring(head.error()), 1;
  warn_about(*head);
  if (promote) std::ranges::move(ended_by(*ring, *live, *head), std::back_inserter(warnings));
  if (!json) {
    std::cout << (promote ? "the " + tried->what() + " " : "the " + tried->what() + " is over; version ") << short_version(version)
              << (promote ? " is live for everybody as " : nowhere ? ", which nodes had refused, is the head as " : " goes on as ") << policy::to_string(head->activation) << '\n' << std::flush;
  }
  return wait_and_tell(*ring, options.ring.ring, version, *head, options.wait, json, warnings);
}

void add_ending(CLI::App& root, invocation& call, bool promote) {
  const std::string name = promote ? "promote" : "abort";
  auto* command = root.add_subcommand(name, promote ? "Make a ring's canary, or its version in shadow, live for everybody" : "End a ring's canary, or its version in shadow: what is live goes on for everybody");
  auto options = std::make_shared<trial_options>();
  must_name(*command->add_option("VERSION", options->meant, std::string("The version that is meant, or its first digits (8 at least): where another is on trial, nothing is ") + (promote ? "promoted" : "ended")),
            "version");
  add_ring_options(*command, options->ring);
  add_signing_options(*command, options->signing, false);
  command->add_flag("--shadow", options->shadow, "The version in shadow, where there is a canary as well; its VERSION says the same");
  if (promote) command->add_option("--approved-by", options->approved_by, "The second person, who agrees that rules may be weaker than those that are live now: where something went live since the trial began");
  if (promote) command->add_flag("--over-limit", options->over_limit, "Also where rules blocked more in shadow than their breaker's limit: each node will soon demote them");
  add_history_options(*command, options->actor, options->note);
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
