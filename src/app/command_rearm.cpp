// sluice rearm: rules that a breaker or a person put into shadow are enforced again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "http_call.hpp"
#include "log_sources.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

struct rearm_options {
  ring_options ring;
  signing_options signing;
  wait_options wait;
  std::string rule, note, actor, admin, token_file, ca_file;
};

// At one node, for what it demoted itself; the way without Redis.
int rearm_node(const rearm_options& options, bool json) {
  const auto url = options.admin.ends_with('/') ? options.admin.substr(0, options.admin.size() - 1) : options.admin;
  http_request ask{.method = "POST", .url = url + "/v1/rearm", .fields = {}, .body = options.rule.empty() ? "{}" : nlohmann::json{{"rule", options.rule}}.dump(), .ca_file = options.ca_file};
  if (!add_token(ask, options.token_file)) return 2;
  const auto answer = http_call(ask, milliseconds(20'000));
  if (!answer) return complain(url + ": " + answer.error().message), 1;
  if (answer->status != 202) return complain(url + " answered " + std::to_string(answer->status) + ": " + printable(trim(answer->body))), 1;
  if (json) std::cout << answer->body;
  else std::cout << (options.rule.empty() ? std::string("what this node demoted") : "rule " + options.rule) << " is armed again\n";
  return 0;
}

int rearm(const rearm_options& options, bool json) {
  if (!options.admin.empty()) return rearm_node(options, json);
  if (options.ring.url.empty()) {
    complain("where?", "--redis URL --ring R for a whole ring, --admin URL for one node");
    return 2;
  }
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = activating})) return 1;
  const auto live = ring->vouched_head();
  if (!live) return complain_head(*ring, options.ring.ring, live.error()), 1;
  const auto nodes = ring->nodes();
  if (!nodes && nodes.error().code != errc::refused) return complain_ring(nodes.error()), 1;
  if (!nodes) complain("what nodes demoted themselves is not known: " + nodes.error().message);
  const auto meant = [&](const store::rule_demotion& d) { return options.rule.empty() || d.rule == options.rule; };
  auto stays = live->demoted;
  std::erase_if(stays, meant);
  auto all = live->demoted;
  for (const auto& node : nodes ? *nodes : std::vector<store::node_status>{}) all.insert(all.end(), node.demoted.begin(), node.demoted.end());
  if (std::ranges::none_of(all, meant)) {
    complain(options.rule.empty() ? "nothing is demoted in ring '" + options.ring.ring + "'" : "rule '" + options.rule + "' is not demoted in ring '" + options.ring.ring + "'", "see: sluice status");
    return 1;
  }
  const auto head = ring->activate({.version = live->version, .kind = "rearm", .actor = actor_name(options.actor), .note = options.note, .canary = live->canary, .shadow = live->shadow,
                                    .demoted = std::move(stays), .rearm = true, .rearm_rule = options.rule, .only_after = live->activation});
  if (!head) return complain_ring(head.error()), 1;
  warn_about(*head);
  if (!json) std::cout << (options.rule.empty() ? std::string("all rules are") : "rule " + options.rule + " is") << " armed again as " << policy::to_string(head->activation) << '\n' << std::flush;
  return wait_and_tell(*ring, options.ring.ring, head->version, *head, options.wait, json);
}

}  // namespace

void add_rearm(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("rearm", "Enforce again what a breaker or a person put into shadow");
  auto options = std::make_shared<rearm_options>();
  must_name(*command->add_option("RULE", options->rule, "The rule's id; without it all of them"), "rule");
  add_optional_ring(*command, options->ring, "whose nodes are all meant; also from SLUICE_REDIS");
  auto* admin = command->add_option("--admin", options->admin, "The URL of a node's admin port: what this node demoted itself, without Redis");
  admin->excludes(command->get_option("--redis"));
  add_admin_options(*command, options->token_file, options->ca_file);
  add_signing_options(*command, options->signing, false);
  add_history_options(*command, options->actor, options->note);
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer("Examples:\n  sluice rearm fin-003 --redis redis://127.0.0.1:6379 --ring prod --wait all\n  sluice rearm fin-003 --admin http://127.0.0.1:9090");
  command->callback([options, &call] {
    if (options->admin.empty()) take_ring_of_environment(options->ring);
    call.exit_code = rearm(*options, call.json);
  });
}

}  // namespace sluice::app
