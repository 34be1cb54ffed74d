// sluice demote: a rule of what is live, or a canary, into shadow.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "bundle_input.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::app {
namespace {

struct demote_options {
  ring_options ring;
  signing_options signing;
  wait_options wait;
  std::string rule, note, actor;
};

// The versions that decide, in which a rule can be.
std::vector<std::string> deciding(const store::head_record& live) {
  std::vector<std::string> out{live.version};
  if (live.canary) out.push_back(live.canary->version);
  return out;
}

result<policy::bundle_ast> parsed(store::publisher& ring, const std::string& version) {
  policy::diagnostics ignored;  // it was checked when it was pushed
  const auto source = ring.fetch(version);
  if (!source) return fail(source.error().code, "whether version " + short_version(version) + " has the rule cannot be read: " + source.error().message);
  return policy::parse(*source, ignored);
}

// By the file of trusted keys, where there is one: nodes take it from nobody else.
bool may_demote_guarded(const demote_options& options) {
  const auto keys = read_signing_keys(options.signing);
  if (keys && keys_count(options.signing, *keys, {.activate = activating})) return true;
  complain("rule '" + options.rule + "' is under never_demote: nodes demote it only where a key of the role activate has signed that", "with such a key, or push a version that has the rule in shadow");
  return false;
}

// What was said to the nodes, for people. Whether a rule that is under never_demote goes to shadow is for them to say, who know the key or do not.
std::string told(const demote_options& options, const store::head_record& head, bool guarded) {
  const auto as = policy::to_string(head.activation);
  if (options.rule.empty()) return "version " + short_version(head.shadow) + " is in shadow as " + as;
  if (!guarded) return "rule " + options.rule + " is in shadow as " + as;
  return "rule " + options.rule + " is to be in shadow as " + as + "; it is under never_demote, so that nodes do it only where the key has the role activate: --wait and sluice status tell";
}

int demote(const demote_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = taking_away})) return 1;
  const auto live = ring->vouched_head();
  if (!live) return complain_head(*ring, options.ring.ring, live.error()), 1;
  bool guarded = false;  // the rule is under never_demote
  store::activate_request asked{.version = live->version, .kind = "demote", .actor = actor_name(options.actor), .note = options.note, .canary = live->canary, .shadow = live->shadow, .only_after = live->activation};
  if (options.rule.empty()) {
    if (!live->canary) {
      complain("there is no canary in ring '" + options.ring.ring + "' that could go to shadow", "name a rule of what is live: sluice demote RULE");
      return 1;
    }
    if (!live->shadow.empty() && live->shadow != live->canary->version) {
      complain("version " + short_version(live->shadow) + " is in shadow in ring '" + options.ring.ring + "', and the canary would take its place: nothing was changed",
               "sluice abort --shadow ends what is in shadow, sluice abort the canary");
      return 1;
    }
    asked.shadow = live->canary->version;
    asked.canary.reset();
  } else {
    asked.demoted = live->demoted;
    bool any = false;
    for (const auto& version : deciding(*live)) {
      const auto bundle = parsed(*ring, version);
      if (!bundle) return complain_ring(bundle.error()), 1;
      if (!policy::has_rule(*bundle, options.rule)) continue;
      if (policy::never_demoted(*bundle, options.rule)) guarded = true;
      if (guarded && ring->signs_as().empty()) {
        complain("rule '" + options.rule + "' is under never_demote: nodes demote it only where a key that they trust has signed that",
                 "give --key with a key of role activate that stands in their policy.trust.keys_file, or push a version that has the rule in shadow");
        return 1;
      }
      if (guarded && !any && !may_demote_guarded(options)) return 1;
      any = true;
      std::erase_if(*asked.demoted, [&](const store::rule_demotion& d) { return d.version == version && d.rule == options.rule; });
      asked.demoted->push_back({.version = version, .rule = options.rule, .why = asked.actor + (options.note.empty() ? "" : ": " + options.note)});
    }
    if (!any) {
      complain("no version that decides in ring '" + options.ring.ring + "' has a rule '" + options.rule + "'", "sluice status says which versions do");
      return 1;
    }
  }
  const auto head = ring->activate(asked);
  if (!head) return complain_ring(head.error()), 1;
  warn_about(*head);
  if (!json) std::cout << told(options, *head, guarded) << '\n' << std::flush;
  auto wait = options.wait;
  wait.demoted = options.rule;
  return wait_and_tell(*ring, options.ring.ring, head->version, *head, wait, json);
}

}  // namespace

void add_demote(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("demote", "Put a rule of what is live, or the canary, into shadow");
  auto options = std::make_shared<demote_options>();
  must_name(*command->add_option("RULE", options->rule, "The rule's id; without it the canary goes to shadow"), "rule");
  add_ring_options(*command, options->ring);
  add_signing_options(*command, options->signing, false);
  add_history_options(*command, options->actor, options->note);
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer("Passes a freeze. sluice rearm takes it back.\n\nExample:\n  sluice demote fin-003 --redis redis://127.0.0.1:6379 --ring prod --note 'blocks tax questions' --wait all");
  command->callback([options, &call] { call.exit_code = demote(*options, call.json); });
}

}  // namespace sluice::app
