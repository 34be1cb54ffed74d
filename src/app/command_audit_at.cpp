// sluice audit at: which version each node enforced at a time, and which rules that was for one context, with the files they came from.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "audit_options.hpp"
#include "log_sources.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/policy/explain.hpp"
#include "version_lookup.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;

struct at_options {
  log_options logs;
  version_options versions;
  std::string time;
  policy::context who;
  bool rules = false;
};

// Whether a rule looks at any text of this context: direction and place are the text's matter, not the context's.
bool in_force(const policy::explained_rule& rule) { return rule.applies || rule.why_not.starts_with("direction") || rule.why_not.starts_with("where"); }

std::string files_of(const policy::explained_rule& rule) {
  std::string out = rule.place;
  for (const auto& patch : rule.patches) out += ", overlay " + patch.overlay + " (" + patch.place + ")";
  return out;
}

json rules_json(const policy::explanation& why) {
  json rules = json::array();
  for (const auto& each : why.rules) {
    if (!in_force(each)) continue;
    json overlays = json::array();
    for (const auto& patch : each.patches) overlays.push_back({{"overlay", patch.overlay}, {"place", patch.place}, {"changed", patch.changed}});
    rules.push_back({{"rule", each.id}, {"policy", each.policy}, {"title", each.title}, {"enforcement", policy::to_string(each.enforcement)},
                     {"action", policy::to_string(each.action)}, {"place", each.place}, {"overlays", overlays}});
  }
  json demands = json::array();
  for (const auto& each : why.needs_record) demands.push_back({{"by", each.by}, {"place", each.place}});
  return {{"version", why.version}, {"effective", why.effective}, {"on_full_block", demands}, {"rules", rules}};
}

void print_rules(const policy::explanation& why) {
  std::vector<std::vector<std::string>> rows = {{"rule", "policy", "enforcement", "action", "from"}};
  for (const auto& each : why.rules) {
    if (in_force(each)) rows.push_back({each.id, each.policy, std::string(policy::to_string(each.enforcement)), std::string(policy::to_string(each.action)), files_of(each)});
  }
  std::cout << "\nversion " << short_version(why.version) << ", rules in force for this context (effective " << short_version(why.effective) << "): " << rows.size() - 1 << "\n" << table(rows);
  for (const auto& each : why.needs_record) std::cout << "what could not be recorded was refused, as " << each.by << " says (" << each.place << ")\n";
}

int at(at_options& o, bool raw) {
  std::optional<wall_time> when;
  if (!parse_instant(o.time, when) || !when) return 2;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  const auto found = audit::active_at(logs->folders(), *when);
  if (!found) return complain(found.error().message), 1;
  std::map<std::string, policy::explanation> in_force_of;
  o.who.minute = minute_of(*when);
  version_lookup lookup(o.versions);
  const auto& w = o.who;
  const bool rules = o.rules || !(w.tenant + w.region + w.tier + w.route + w.model).empty() || !w.tags.empty();
  for (const auto& n : *found) {
    if (!rules || in_force_of.contains(n.version)) continue;
    const auto built = lookup.find(n.version, *when);
    if (!built) return complain(built.error().message), 1;
    in_force_of[n.version] = policy::explain((*built)->bundle, *(*built)->snapshot, {.who = o.who, .text = {}});
  }
  if (raw) {
    auto nodes = json::array(), versions = json::array();
    for (const auto& n : *found) {
      nodes.push_back({{"node", n.node}, {"activation", n.activation}, {"version", n.version}, {"state", n.freshness}, {"since", rfc3339(n.since)}});
    }
    for (const auto& [version, why] : in_force_of) versions.push_back(rules_json(why));
    std::cout << (rules ? json{{"nodes", nodes}, {"in_force", versions}} : nodes).dump(2) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"node", "activation", "version", "state", "since"}};
  for (const auto& n : *found) rows.push_back({n.node, n.activation, n.version, n.freshness, rfc3339(n.since)});
  std::cout << table(rows);
  if (found->empty()) complain("no node of these logs enforced anything at " + o.time);
  for (const auto& [version, why] : in_force_of) print_rules(why);
  return 0;
}

}  // namespace

void add_audit_at(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<at_options>();
  auto* a = audit.add_subcommand("at", "Which version was active at a time, and which rules that was for whom");
  add_from(*a, o->logs);
  a->add_option("--time", o->time, "2026-12-01T12:00:00Z, or how long ago: 3d")->required();
  a->add_flag("--rules", o->rules, "Show the rules that were in force; a context below does so too");
  a->add_option("--tenant", o->who.tenant, "For whom");
  a->add_option("--region", o->who.region, "From where");
  a->add_option("--tier", o->who.tier, "Of which tier");
  a->add_option("--route", o->who.route, "On which route");
  a->add_option("--model", o->who.model, "Asking which model");
  a->add_option("--tag", o->who.tags, "A tag of the conversation; may be repeated");
  add_version_options(*a, o->versions);
  add_json(*a, call);
  a->footer(
      "Examples:\n  sluice audit at --from /var/lib/sluice/audit --time 2026-12-01T12:00:00Z\n"
      "  sluice audit at --from http://127.0.0.1:9090 --from http://10.0.0.2:9090 --token-file token --time 3d --tenant acme --redis redis://127.0.0.1:6379");
  a->callback([o, &call] { call.exit_code = at(*o, call.json); });
}

}  // namespace sluice::app
