// sluice audit at: what each node enforced at a time (its version, without what was demoted, and its canary), and which rules that was for one
// context, with the files they came from.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <compare>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "audit_options.hpp"
#include "log_sources.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/explain.hpp"
#include "version_lookup.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;

constexpr seconds clocks_apart_max{60};  // of nodes, and of whoever asks

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

// A version as nodes ran it.
struct as_run {
  std::string version;
  std::vector<std::string> demoted;
  bool shadow = false;  // the gateway's mode
  auto operator<=>(const as_run&) const = default;
};
using explanations = std::map<as_run, policy::explanation>;

json rules_json(const as_run& of, const policy::explanation& why) {
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
  return {{"version", why.version}, {"demoted", of.demoted}, {"mode", of.shadow ? "shadow" : "enforce"}, {"effective", why.effective}, {"on_full_block", demands}, {"rules", rules}};
}

void print_rules(const as_run& of, const policy::explanation& why) {
  std::vector<std::vector<std::string>> rows = {{"rule", "policy", "enforcement", "action", "from"}};
  for (const auto& each : why.rules) {
    if (in_force(each)) rows.push_back({each.id, each.policy, std::string(policy::to_string(each.enforcement)), std::string(policy::to_string(each.action)), files_of(each)});
  }
  std::cout << "\nversion " << short_version(why.version) << (of.demoted.empty() ? "" : " with " + printable(join(of.demoted)) + " demoted to shadow")
            << (of.shadow ? " on a gateway with mode: shadow, which enforces nothing" : "") << ", rules in force for this context (effective " << short_version(why.effective)
            << "): " << rows.size() - 1 << "\n" << table(rows);
  for (const auto& each : why.needs_record) std::cout << "what could not be recorded was refused, as " << printable(each.by) << " says (" << printable(each.place) << ")\n";
}

result<policy::explanation> explained(const as_run& of, const policy::context& who, version_lookup& lookup, wall_time when) {
  const auto built = lookup.find(of.version, when);
  if (!built) return std::unexpected(built.error());
  const auto as_it_ran = of.demoted.empty() ? **built : in_shadow(**built, of.demoted);
  auto out = policy::explain(as_it_ran.bundle, *as_it_ran.snapshot, {.who = who, .text = {}});
  for (auto& rule : out.rules) {
    if (of.shadow) rule.enforcement = std::min(rule.enforcement, policy::enforcement::shadow);
  }
  return out;
}

// Of all nodes, their canaries too.
std::vector<as_run> versions_of(const std::vector<audit::active_version>& nodes) {
  std::vector<as_run> out;
  for (const auto& n : nodes) {
    if (!n.known()) continue;
    out.push_back({n.version, n.demoted, n.shadow});
    if (!n.canary.empty()) out.push_back({n.canary, n.canary_demoted, n.shadow});
  }
  return out;
}

json moment(const std::optional<wall_time>& t) { return t ? json(rfc3339(*t)) : json(nullptr); }

json unknown_json(const audit::active_version& n) {
  const auto last = n.version.empty() ? json(nullptr) : json{{"activation", n.activation}, {"version", n.version}, {"state", n.freshness}, {"since", rfc3339(n.since)}};
  return {{"node", n.node}, {"activation", nullptr}, {"version", nullptr}, {"state", "UNKNOWN"}, {"last_seen", moment(n.last_seen)}, {"last", last},
          {"goes_on", moment(n.goes_on)}, {"log_begins", moment(n.log_begins)}, {"clock_set_back_s", n.set_back.count()}, {"one_of", n.one_of}};
}

json node_json(const audit::active_version& n) {
  if (!n.known()) return unknown_json(n);
  const auto canary = n.canary.empty() ? json(nullptr) : json{{"version", n.canary}, {"share", n.canary_share}, {"demoted", n.canary_demoted}};
  return {{"node", n.node}, {"activation", n.activation}, {"version", n.version}, {"state", n.freshness}, {"since", rfc3339(n.since)}, {"state_since", rfc3339(n.state_since)},
          {"mode", n.shadow ? "shadow" : "enforce"}, {"demoted", n.demoted}, {"canary", canary}, {"clock_set_back_s", n.set_back.count()}, {"one_of", n.one_of},
          {"lost_until", moment(n.lost_until)}, {"last_seen", nullptr}, {"log_begins", nullptr}};
}

void print_nodes(const std::vector<audit::active_version>& nodes) {
  std::vector<std::vector<std::string>> rows = {{"node", "activation", "version", "state", "mode", "since", "demoted", "canary"}};
  for (const auto& n : nodes) {
    if (!n.known()) {
      rows.push_back({n.node, "", "", "UNKNOWN", "", "", "", ""});
      continue;
    }
    const auto canary = n.canary.empty() ? "" : short_version(n.canary) + ": " + n.canary_share + (n.canary_demoted.empty() ? "" : ", demoted: " + join(n.canary_demoted));
    rows.push_back({n.node, n.activation, n.version, n.freshness, n.shadow ? "shadow" : "enforce", rfc3339(n.since), join(n.demoted), canary});
  }
  std::cout << table(rows);
}

// Times of such a node are no order of what happened there: its records are.
void warn_of_clocks(const std::vector<audit::active_version>& nodes, const std::string& time) {
  std::string last;
  for (const auto& n : nodes) {
    if (n.set_back.count() == 0 || n.node == last) continue;
    last = n.node;
    const auto rows = n.one_of > 1 ? ", and its clock showed " + time + " more than once: what was in force each time has a row of its own, in the order of the chain" : ": its rows go by the order of the chain";
    complain("the clock of node " + n.node + " was set back by " + std::to_string(n.set_back.count()) + " s within these logs" + rows,
             n.one_of > 1 ? "audit query --decision ID says what decided one exchange" : "audit verify says where");
  }
}

void warn_of_lost(const std::vector<audit::active_version>& nodes) {
  for (const auto& n : nodes) {
    if (!n.lost_until) continue;
    complain("node " + n.node + " lost events of that time, for its disk took none: what is told of it is what was in force before, and until " + rfc3339(*n.lost_until) + " it may have changed",
             "audit at --time " + rfc3339(*n.lost_until + seconds(1)) + " says since when what came then was in force");
  }
}

// Whether each node's log says what it enforced; complains of those whose log does not.
bool all_known(const std::vector<audit::active_version>& nodes, const std::string& time) {
  for (const auto& n : nodes) {
    if (n.log_begins) {
      complain("the log of node " + n.node + " begins at " + rfc3339(*n.log_begins) + ": what the node enforced at " + time + " is not in it", "give --from a copy of its older files, if one was kept; audit.keep says how long a node keeps them");
    }
    if (!n.last_seen) continue;
    complain("nobody knows what node " + n.node + " enforced at " + time + ": its log was written last at " + rfc3339(*n.last_seen) + ", with version " + short_version(n.version) + " in force, and does not say that it was stopped" +
                 (n.goes_on ? "; it started again at " + rfc3339(*n.goes_on) : ""),
             n.goes_on ? "it was killed, or its machine was lost, at some time between the two" : "read its log anew if the node runs (--from, its admin port), or a newer copy of it; if there is none it was killed at some time since");
  }
  return std::ranges::all_of(nodes, &audit::active_version::known);
}

int at(at_options& o, bool raw) {
  std::optional<wall_time> when;
  if (!parse_instant(o.time, when) || !when) return 2;
  if (*when > now().wall + clocks_apart_max) return complain("--time " + o.time + " is yet to come", "what will be in force then nobody has recorded; sluice explain says what the rules of a bundle do at a time"), 2;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  const auto found = audit::active_at(logs->folders(), *when);
  if (!found) return complain(found.error().message), 1;
  warn_of_clocks(*found, o.time);
  warn_of_lost(*found);
  const int whole = all_known(*found, o.time) ? 0 : 1;
  o.who.minute = minute_of(*when);
  explanations in_force_of;
  version_lookup lookup(o.versions);
  const auto& w = o.who;
  const bool rules = o.rules || !(w.tenant + w.region + w.tier + w.route + w.model).empty() || !w.tags.empty();
  for (const auto& each : rules ? versions_of(*found) : std::vector<as_run>()) {
    if (in_force_of.contains(each)) continue;
    auto why = explained(each, o.who, lookup, *when);
    if (!why) return complain(why.error().message), 1;
    in_force_of.emplace(each, std::move(*why));
  }
  if (raw) {
    auto nodes = json::array(), versions = json::array();
    for (const auto& n : *found) nodes.push_back(node_json(n));
    for (const auto& [of, why] : in_force_of) versions.push_back(rules_json(of, why));
    std::cout << (rules ? json{{"nodes", nodes}, {"in_force", versions}} : nodes).dump(2) << '\n';
    return whole;
  }
  print_nodes(*found);
  if (found->empty()) complain("no node of these logs enforced anything at " + o.time);
  for (const auto& [of, why] : in_force_of) print_rules(of, why);
  return whole;
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
