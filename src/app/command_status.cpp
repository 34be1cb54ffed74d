// sluice status: what is live in a ring, and what each node runs; once, or again and again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "bundle_input.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "screen_block.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

constexpr milliseconds look_every{500};

struct status_options {
  ring_options ring;
  std::string trust_file;
  bool watch = false;
};

struct ring_state {
  std::optional<store::head_record> head;
  std::string damage;  // why what is live cannot be read
  bool verified = false;  // signatures were held against keys that were named
  std::string unheard;  // why nobody can tell which nodes there are
  std::vector<store::node_status> nodes;
  store::publisher::nodes_ahead lost;  // what living nodes have seen and Redis has not
  std::map<std::string, std::string> phases;  // by node: how it answered to the head; a node that has not is waited for
  std::optional<std::string> frozen;
  std::vector<std::string> revoked;  // versions, sorted
  std::map<std::string, store::provenance> how;  // of what is live and of what is beside it, by version; without those of which nobody can tell
  [[nodiscard]] std::string phase(const store::node_status& node) const {
    if (!head || !node.alive) return "-";
    const auto answer = phases.find(node.id);
    if (answer != phases.end()) return answer->second;
    return node.activation == policy::to_string(head->activation) && node.version == head->version ? "active" : "waiting";
  }
  // Users on whose exchanges the version in shadow was judged.
  [[nodiscard]] std::size_t shadow_users(const store::node_status& node) const {
    const auto known = head ? node.shown.find(head->shadow) : node.shown.end();
    return known == node.shown.end() ? 0 : known->second.all.of;
  }
  [[nodiscard]] std::vector<store::rule_demotion> demoted() const { return head ? head->demoted : std::vector<store::rule_demotion>{}; }
};

// An activation is about one version, and says how that one came to be. Of the others their manifests say it.
result<void> learn_how(store::publisher& ring, ring_state& of) {
  const auto& head = *of.head;
  of.how[store::origin_of(head)] = head.how;
  for (const auto& version : {head.version, head.canary ? head.canary->version : std::string(), head.shadow}) {
    if (version.empty() || of.how.contains(version)) continue;
    auto known = of.verified ? ring.vouched_origin(version) : ring.origin(version);
    if (!known && known.error().code != errc::not_found && known.error().code != errc::integrity) return std::unexpected(known.error());
    if (known) of.how[version] = std::move(*known);
  }
  return {};
}

result<ring_state> look(store::publisher& ring, bool verified) {
  ring_state out;
  out.verified = verified;
  auto head = ring.head();
  if (!head && head.error().code == errc::integrity) out.damage = head.error().message;
  else if (!head && head.error().code != errc::not_found) return std::unexpected(head.error());
  if (head) out.head = std::move(*head);
  auto nodes = ring.nodes();
  if (!nodes && nodes.error().code != errc::refused) return std::unexpected(nodes.error());
  if (nodes) out.nodes = std::move(*nodes);
  else out.unheard = nodes.error().message;
  if (auto ahead = out.damage.empty() ? ring.ahead_of(out.head.value_or(store::head_record{})) : fail(errc::integrity, "")) out.lost = std::move(*ahead);
  std::ranges::sort(out.lost.nodes);
  std::ranges::sort(out.nodes, {}, &store::node_status::id);  // by their last heartbeat they would change places all the time
  auto frozen = ring.frozen();
  if (!frozen) return std::unexpected(frozen.error());
  out.frozen = std::move(*frozen);
  auto revoked = ring.revoked();
  if (!revoked) return std::unexpected(revoked.error());
  out.revoked = std::move(*revoked);
  std::ranges::sort(out.revoked);
  if (!out.head) return out;
  if (auto done = learn_how(ring, out); !done) return std::unexpected(done.error());
  const auto answers = ring.acknowledgements(out.head->activation, out.head->version);
  if (!answers) return std::unexpected(answers.error());
  for (const auto& a : *answers) out.phases[a.node] = phase_of(a);
  return out;
}

// Why what stands at the head does not count: it cannot be read, or, where it was said whose signatures do, none of those has signed it.
std::string damage_of(const ring_state& is) { return is.head ? is.head->doubt : is.damage; }

nlohmann::ordered_json labels_of(const store::node_status& node) {
  auto out = nlohmann::ordered_json::object();
  for (const auto& [name, value] : node.labels) out[name] = value;
  return out;
}

// How a version came to be; null where nobody can tell.
nlohmann::ordered_json gate_of(const ring_state& is, const std::string& version) {
  const auto known = is.how.find(version);
  if (known == is.how.end()) return {{"commit", nullptr}, {"gate_report", nullptr}, {"gate_verdict", nullptr}, {"skipped", nullptr}};
  const auto& how = known->second;
  return {{"commit", how.commit}, {"gate_report", how.gate_report}, {"gate_verdict", how.gate_verdict}, {"skipped", how.skipped}};
}

nlohmann::ordered_json to_json(const ring_state& is, const std::string& name) {
  nlohmann::ordered_json out = {{"ring", name}, {"head", nullptr}, {"damage", damage_of(is).empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(damage_of(is))}, {"unheard", is.unheard.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(is.unheard)}, {"lost", nullptr}, {"frozen", nullptr}, {"revoked", is.revoked}, {"nodes", nlohmann::ordered_json::array()}};
  const auto& head = is.head;
  if (head) {
    out["head"] = {{"activation", policy::to_string(head->activation)}, {"version", head->version}, {"kind", head->kind},
                   {"actor", head->actor}, {"note", head->note}, {"time", head->time}, {"signed_by", head->signed_by}, {"verified", is.verified && head->doubt.empty()}};
    out["head"].update(gate_of(is, head->version));
  }
  if (head && head->canary) out["canary"] = {{"version", head->canary->version}, {"percent", head->canary->basis_points / 100.0}};
  if (head && head->canary) out["canary"].update(gate_of(is, head->canary->version));
  out["shadow"] = head && !head->shadow.empty() ? nlohmann::ordered_json(head->shadow) : nullptr;
  if (head && !head->shadow.empty()) out["shadow_origin"] = gate_of(is, head->shadow);
  const auto demotions = [](const std::vector<store::rule_demotion>& of) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& d : of) list.push_back({{"version", d.version}, {"rule", d.rule}, {"why", d.why}});
    return list;
  };
  out["demoted"] = demotions(is.demoted());
  if (is.frozen) out["frozen"] = *is.frozen;
  if (!is.lost.nodes.empty()) out["lost"] = {{"highest", policy::to_string(is.lost.highest)}, {"nodes", is.lost.nodes}};
  for (const auto& n : is.nodes) {
    out["nodes"].push_back({{"id", n.id}, {"alive", n.alive}, {"activation", n.activation}, {"version", n.version}, {"state", n.state}, {"phase", is.phase(n)},
                            {"build", n.build}, {"heartbeat_age_ms", n.heartbeat_age.count()}, {"name_given_twice", n.name_given_twice}, {"shadow_users", is.shadow_users(n)}, {"demoted", demotions(n.demoted)}, {"kept", demotions(n.kept)}, {"labels", labels_of(n)}});
  }
  return out;
}

// A signature says nothing of itself: only who knows the keys can tell whether it is one.
std::string unverified(const ring_state& is) {
  if (!is.head || is.head->signed_by.empty() || is.verified) return {};
  return "signed with key " + printable(is.head->signed_by) + ", unverified: --trust FILE (or SLUICE_TRUST) says whether it counts\n";
}

constexpr std::size_t revoked_shown = 5;

// A version that is forbidden and decides all the same: a node that restarts has it no more.
std::string told_of_revoked(const ring_state& is) {
  std::string out, others;
  std::size_t more = 0;
  for (const auto& version : is.revoked) {
    const auto& head = is.head;
    const bool live = head && head->version == version, canary = head && head->canary && head->canary->version == version, shadow = head && head->shadow == version;
    if (live || canary || shadow) {
      out += "REVOKED: version " + short_version(version) + ", which is " + (live ? "live" : canary ? "the canary" : "in shadow") + ", may not be activated, and nodes delete it from their disks; " +
             (live ? "sluice rollback leaves it" : "sluice abort ends it") + ", sluice unrevoke " + short_version(version) + " lets it be\n";
    } else if (more++ < revoked_shown) {
      others += (others.empty() ? "revoked: " : ", ") + short_version(version);
    }
  }
  if (more > revoked_shown) others += " and " + std::to_string(more - revoked_shown) + " more (--json names all)";
  return out + (others.empty() ? "" : others + "\n");
}

// Golden sets did not speak for it. `where`: what it is beside the one that is live; "": that one.
std::string told_of_emergency(const ring_state& is, const std::string& version, const std::string& where) {
  const auto known = is.how.find(version);
  if (version.empty() || (known != is.how.end() && !known->second.emergency)) return {};
  if (known == is.how.end()) return "how version " + short_version(version) + ", which is " + (where.empty() ? "live" : where) + ", came to be, nobody can tell: its manifest is gone, damaged or does not count\n";
  std::string skipped;
  for (const auto& each : known->second.skipped) skipped += (skipped.empty() ? "" : ", ") + each;
  return printable("EMERGENCY: the gate of version " + short_version(version) + "" + (where.empty() ? "" : ", which is " + where + ",") + " was not asked for " + (skipped.empty() ? "golden sets" : skipped)) + "\n";
}

std::string told_of_loss(const ring_state& is) {
  if (is.lost.nodes.empty()) return {};
  return printable("LOST: nodes have seen " + policy::to_string(is.lost.highest) + ", and this Redis has not: it lost that, or another server has it. They keep what they have, and follow the next push: " + join(is.lost.nodes)) + "\n";
}

std::string told_of_emergencies(const ring_state& is) {
  const auto& head = *is.head;
  return told_of_emergency(is, head.version, "") + told_of_emergency(is, head.canary ? head.canary->version : "", "the canary") + told_of_emergency(is, head.shadow, "in shadow");
}

// Whoever may write to Redis wrote what stands in it: each piece is made printable, so that it stays within its line.
std::string summary(const ring_state& is, const std::string& name) {
  const auto& head = is.head;
  const auto damage = printable(damage_of(is));
  const auto frozen = is.frozen ? "frozen: " + printable(*is.frozen) + "\n" : std::string();
  const bool lost = !head || head->doubt.starts_with("cannot be read");
  const auto damaged = damage.empty() ? unverified(is) : (lost ? "DAMAGED: " : "DOES NOT COUNT: ") + damage + "; nodes keep what they have, and the next push or rollback mends it\n";
  if (!head) return (damage.empty() ? "ring " + name + ": " + (is.lost.nodes.empty() ? "nothing was ever activated" : "nothing is activated") + "\n" : "ring " + name + "\n" + damaged) + told_of_loss(is) + frozen + told_of_revoked(is);
  const auto& subject = store::origin_of(*head);
  std::string out = "ring " + name + ": " + policy::to_string(head->activation) + " version " + short_version(head->version) + " (" + printable(head->kind + (subject == head->version ? "" : " of version " + short_version(subject)) + " by " + head->actor + ", " + head->time) + ")" +
                    (head->note.empty() ? "" : ": " + printable(head->note)) + "\n" + damaged + told_of_loss(is) + told_of_emergencies(is) + told_of_revoked(is);
  if (head->canary) {
    std::ostringstream percent;
    percent << head->canary->basis_points / 100.0;
    out += "canary: version " + short_version(head->canary->version) + " for " + (head->canary->nodes.empty() ? percent.str() + " % of conversations" : "everybody on nodes with " + printable(head->canary->nodes)) + "\n";
  }
  if (!head->shadow.empty()) {
    std::size_t users = 0;
    for (const auto& n : is.nodes) users = std::max(users, is.shadow_users(n));  // one may have asked several nodes
    out += "in shadow: version " + short_version(head->shadow) + ", judged for at least " + std::to_string(users) + " users so far\n";
  }
  const auto demoted = [&out](const std::string& by, const std::vector<store::rule_demotion>& of) {
    for (const auto& d : of) out += printable("DEMOTED " + by + ": rule " + d.rule + " of version " + short_version(d.version) + ": " + d.why) + "\n";
  };
  for (const auto& d : head->demoted) {
    std::string keeping;
    std::size_t alive = 0, kept = 0;
    for (const auto& n : is.nodes) {
      const bool keeps = n.alive && std::ranges::any_of(n.kept, [&](const auto& each) { return store::same_rule(each, d); });
      alive += n.alive ? 1 : 0;
      kept += keeps ? 1 : 0;
      if (keeps) keeping += (keeping.empty() ? "" : ", ") + n.id;
    }
    if (kept == 0 || kept < alive) demoted("in the ring", {d});
    if (kept > 0) out += printable("NOT DEMOTED, enforced by " + keeping + ": rule " + d.rule + " of version " + short_version(d.version) + " is under never_demote, and no key that they trust with the role activate has demoted it") + "\n";
  }
  for (const auto& n : is.nodes) demoted("by " + n.id, n.demoted);
  for (const auto& n : is.nodes) {
    if (n.name_given_twice) out += printable("NAME GIVEN TWICE: several gateways report as " + n.id + ", so that nobody can tell what either of them runs; each needs a node.id of its own") + "\n";
  }
  if (!is.unheard.empty()) out += "NODES UNKNOWN: " + is.unheard + "\n";
  return out + frozen;
}

std::vector<std::string> cells(const ring_state& is, const store::node_status& n) {
  return {n.id, is.phase(n), n.alive ? n.activation : "gone", short_version(n.version), n.alive ? n.state : "-", std::to_string(n.heartbeat_age.count() / 1000) + " s ago", n.build};
}

std::string told(const ring_state& is, const std::string& name) {
  std::vector<std::vector<std::string>> rows = {{"node", "phase", "activation", "version", "state", "heartbeat", "build"}};
  for (const auto& n : is.nodes) rows.push_back(cells(is, n));
  return summary(is, name) + (rows.size() > 1 ? table(rows) : "");
}

// Where no cursor can move: the summary, and a node, each when it has changed. As JSON: the whole, when something but an age has.
class change_log {
 public:
  explicit change_log(bool json) : json_(json) {}
  void tell(const ring_state& is, const std::string& name) {
    if (json_) {
      const auto whole = to_json(is, name);
      auto lasting = whole;
      for (auto& n : lasting["nodes"]) n.erase("heartbeat_age_ms"), n.erase("shadow_users");
      if (changed("", lasting.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace))) std::cout << whole.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n' << std::flush;
      return;
    }
    if (const auto text = summary(is, name); changed("", text)) std::cout << text;
    for (const auto& n : is.nodes) {
      const auto text = n.id + ": " + is.phase(n) + ", " + (n.alive ? n.activation + " version " + short_version(n.version) + ", " + n.state : "gone");
      if (changed(n.id, text)) std::cout << "  " << printable(text) << '\n';
    }
    std::cout << std::flush;
  }

 private:
  bool changed(const std::string& of, const std::string& text) {
    auto& last = last_[of];
    if (last == text) return false;
    last = text;
    return true;
  }
  bool json_;
  std::map<std::string, std::string> last_;
};

// Until it is interrupted, or Redis is gone.
int watch(store::publisher& ring, const std::string& name, bool verified, bool json) {
  screen_block block;
  change_log changes(json);
  for (;;) {
    const auto is = look(ring, verified);
    if (!is) return complain_ring(is.error()), 1;
    if (!json && screen_block::possible()) block.draw(told(*is, name));
    else changes.tell(*is, name);
    std::this_thread::sleep_for(look_every);
  }
}

int status(const status_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !trust_ring(*ring, options.trust_file)) return 1;
  const bool verified = !options.trust_file.empty();
  if (options.watch) return watch(*ring, options.ring.ring, verified, json);
  const auto is = look(*ring, verified);
  if (!is) return complain_ring(is.error()), 1;
  // A new ring looks like that, and so does a mistyped name.
  if (!is->head && is->damage.empty() && is->unheard.empty() && is->nodes.empty()) {
    complain("nothing was ever activated in ring '" + options.ring.ring + "', and no node follows it", "is --ring (or SLUICE_RING) the fleet's name? A new ring begins with its first push");
  }
  if (json) std::cout << to_json(*is, options.ring.ring).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  else std::cout << told(*is, options.ring.ring);
  return 0;
}

}  // namespace

void add_status(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("status", "Show what is live in a ring and what each node runs");
  auto options = std::make_shared<status_options>();
  add_ring_options(*command, options->ring);
  add_trust_option(*command, options->trust_file, "The file of the keys whose signatures count, as policy.trust.keys_file of the nodes; also from SLUICE_TRUST. Without it signatures are shown as unverified");
  command->add_flag("--watch", options->watch, "Again and again, in place on a terminal, until Ctrl-C; elsewhere a line for what changes");
  add_json(*command, call);
  command->footer("phase: how far a node is with what is live: waiting, received, verified (it builds), active, or refused and where.\n\nExamples:\n  sluice status --redis redis://127.0.0.1:6379 --ring prod\n  sluice status --watch");
  command->callback([options, &call] { call.exit_code = status(*options, call.json); });
}

}  // namespace sluice::app
