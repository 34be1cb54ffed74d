// sluice activate: a version that is in Redis already becomes live, with no bundle at hand.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "bundle_input.hpp"
#include "ended_by.hpp"
#include "gate_run.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::app {
namespace {

struct activate_options {
  std::string version, note, actor, approved_by;
  ring_options ring;
  signing_options signing;
  wait_options wait;
};

struct judged {
  std::string why;    // it may be weaker, for people; "" when it is not
  bool known = true;  // false: nobody can tell
};

// Whether a version that was held against another one may be weaker than what counts now.
judged weaker_than(store::publisher& ring, const store::head_record& live, const std::string& version) {
  const auto parsed = [&](const std::string& of) -> std::optional<policy::bundle_ast> {
    const auto source = ring.fetch(of);
    policy::diagnostics found;
    if (!source) return std::nullopt;
    auto out = policy::parse(*source, found);
    policy::check(out, now().wall, found, policy::expired_exceptions::leave_out);
    return policy::has_errors(found) ? std::nullopt : std::optional(std::move(out));
  };
  const auto was = parsed(live.version), is = parsed(version);
  if (!was || !is) return {.why = "nobody can tell whether it is weaker than version " + short_version(live.version) + ", which is live: one of the two cannot be read or does not pass its checks here", .known = false};
  return {.why = rollout::weaker(*was, *is) ? "it is weaker than version " + short_version(live.version) + ", which is live, or may be" : ""};
}

// A version from Redis, compiled here. Nothing: it cannot be read, or is not built here any more.
std::optional<bundle_input> built(store::publisher& ring, const std::string& version, bundle_compiler& compiler) {
  auto source = ring.fetch(version);
  if (!source) return std::nullopt;
  auto out = build_published("version " + short_version(version), std::move(*source), compiler);
  return out.report.snapshot != nullptr ? std::optional(std::move(out)) : std::nullopt;
}

// What is live promised more than rules: its tests and golden sets, which were not asked when the version was pushed. As a push asks, where one
// of the two has a `gate` block. `must`: what cannot be compared stops it. False: it was complained about.
bool passes_gate(store::publisher& ring, const activate_options& options, const store::head_record& live, const std::string& version, bool must) {
  auto compiler = make_bundle_compiler();
  const auto was = built(ring, live.version, compiler), is = built(ring, version, compiler);
  if (!was || !is) {
    if (!must) return true;
    complain("version " + short_version(version) + " cannot be held against version " + short_version(live.version) + ", which is live: one of the two cannot be read or is not built here", "push it again");
    return false;
  }
  if (!was->report.bundle.gate && !is->report.bundle.gate) return true;
  gate_request asked;
  asked.actor = actor_name(options.actor);
  asked.approved_by = options.approved_by;
  asked.from_nothing = false;
  const auto run = run_gate(*is, &*was, asked, now().wall, compiler);
  if (!run) return false;
  // Whether it is weaker is asked behind this, of whoever activates.
  const auto stops = [](const rollout::check_row& row) { return row.check != "weakening" && row.status >= rollout::status::insufficient; };
  if (std::ranges::none_of(run->report.rows, stops)) return true;
  print_checks(*run, std::cerr);
  complain("the gate says " + std::string(rollout::to_string(run->report.verdict)) + " of version " + short_version(version) + " against version " + short_version(live.version) + ", which is live and is not what it was held against when it was pushed; nothing was changed",
           "push it again, with what its gate asks for");
  return false;
}

// What its manifest says holds for what it was held against when it was pushed. False: it was complained about.
bool may_follow(store::publisher& ring, const activate_options& options, const std::string& version, const result<store::head_record>& live, store::activate_request& asked) {
  asked.only_after = live ? live->activation : policy::activation{};  // what is compared below, and nothing that came after it
  const auto origin = ring.origin(version);
  if (!origin) return complain_ring(origin.error()), false;
  if (!live && live.error().code == errc::not_found) return true;
  const bool vouched = live && live->doubt.empty();
  const auto measured = measure_of(ring, live);
  if (!measured) return complain_ring(measured.error()), false;
  const auto& against = *measured;
  if (!vouched) {
    asked.weaker = true;
    complain("whether it is weaker than what is live, nobody can tell (" + (live ? live->doubt : live.error().message) + "), so it counts as weaker", "nodes with require_approval want a second key: sluice approve. --trust FILE names the keys that count");
  }
  if (!against || against->version == version) return true;
  if (vouched && origin->ring == options.ring.ring && origin->against == against->version) return true;
  if (!origin->emergency && !passes_gate(ring, options, *against, version, vouched)) return false;
  if (ring.approved(version)) return true;
  const auto [why, known] = weaker_than(ring, *against, version);
  asked.weaker = !why.empty() || !vouched;
  if (why.empty() || !options.approved_by.empty() || (!vouched && !known)) return true;  // what nobody vouches for stops no repair
  complain("version " + short_version(version) + " was held against " + (origin->against.empty() ? "nothing" : "version " + short_version(origin->against)) + " when it was pushed, and " + why,
           "push it again, so that its gate sees what changes; or let a second person agree: --approved-by. Nodes with require_approval want sluice approve");
  return false;
}

int activate(const activate_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = activating})) return 1;
  const auto version = staged_version(*ring, options.version);
  if (!version) return 1;
  store::activate_request asked{.version = *version, .kind = "activate", .actor = actor_name(options.actor), .note = options.note, .approved_by = options.approved_by};
  if (refused_as_own_approval(asked.actor, asked.approved_by, "nothing was changed") || refused_as_revoked(*ring, *version, "nothing was changed")) return 1;
  const auto live = ring->head();
  if (!may_follow(*ring, options, *version, live, asked)) return 1;
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
