// See fleet_watch.hpp.
#include "sluice/rollout/fleet_watch.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/rollout/user_sample.hpp"

namespace sluice::rollout {
namespace {

using nlohmann::json;

constexpr const char* actor = "sluice controller";
constexpr std::size_t name_bytes_max = 100, why_bytes_max = 300;  // of a heartbeat, in a record that is carried on

// Shares of so many users: neither more than all of them, nor more than one user is.
std::optional<user_shares> shares_from(const json& j, std::uint64_t users) {
  if (!j.is_array() || j.size() != 2 || !j[0].is_number() || !j[1].is_number()) return std::nullopt;
  const user_shares out{.sum = j[0].get<double>(), .squares = j[1].get<double>()};
  const bool possible = out.squares >= 0 && out.squares <= out.sum && out.sum <= static_cast<double>(users);
  return possible ? std::optional(out) : std::nullopt;
}

// A node follows no more users than that (arm_tally): whoever claims more is none.
std::optional<arm_counts> arm_from(const json& j) {
  if (!member(j, "users").is_number_unsigned() || j["users"].get<std::uint64_t>() > user_sample::users_max) return std::nullopt;
  arm_counts out{.version = word(j, "version"), .users = j["users"].get<std::uint64_t>(), .blocked = {}, .failed = {}};
  const auto blocked = shares_from(member(j, "blocked"), out.users), failed = shares_from(member(j, "failed"), out.users);
  const auto& slower = member(j, "slower");
  if (!blocked || !failed || !slower.is_array() || slower.size() != out.slower.size()) return std::nullopt;
  out.blocked = *blocked;
  out.failed = *failed;
  for (std::size_t i = 0; i < slower.size(); ++i) {
    const auto one = shares_from(slower[i], out.users);
    if (!one) return std::nullopt;
    out.slower[i] = *one;
  }
  return out;
}

void add(arm_counts& to, const arm_counts& more) {
  to.users += more.users;
  to.blocked.add(more.blocked);
  to.failed.add(more.failed);
  for (std::size_t i = 0; i < to.slower.size(); ++i) to.slower[i].add(more.slower[i]);
}

// The same shares, of fewer users.
void weigh_as(arm_counts& of, std::uint64_t users) {
  if (of.users == 0) return;
  const auto scale = [part = static_cast<double>(users) / static_cast<double>(of.users)](user_shares& s) { s = {.sum = s.sum * part, .squares = s.squares * part}; };
  scale(of.blocked);
  scale(of.failed);
  for (auto& each : of.slower) scale(each);
  of.users = users;
}

// What the living nodes say of one version since the head is in force there. A version stands once in a heartbeat. One user may have been at
// every node, and each has counted him: as for the breakers' bands (store::together), all nodes' shares make the mean, and it weighs as
// much as the users of the node with the most. So each counts once, however many gateways there are.
arm_counts pooled(const std::string& version, const store::head_record& head, const std::vector<store::node_status>& nodes) {
  arm_counts out{.version = version, .users = 0, .blocked = {}, .failed = {}};
  std::uint64_t most = 0;
  for (const auto& node : nodes) {
    const auto j = node.alive ? parse_bounded<json>(node.arms) : json();
    if (!j.is_object() || word(j, "activation") != policy::to_string(head.activation)) continue;
    for (const auto& each : member(j, "arms")) {
      const auto arm = arm_from(each);
      if (!arm || arm->version != version) continue;
      add(out, *arm);
      most = std::max(most, arm->users);
      break;
    }
  }
  weigh_as(out, most);
  return out;
}

}  // namespace

std::string arms_json(const arms_report& of) {
  const auto pair = [](const user_shares& s) { return json::array({s.sum, s.squares}); };
  auto arms = json::array();
  for (const auto& each : of.arms) {
    auto slower = json::array();
    for (const auto& s : each.slower) slower.push_back(pair(s));
    arms.push_back({{"version", each.version}, {"users", each.users}, {"blocked", pair(each.blocked)}, {"failed", pair(each.failed)}, {"slower", slower}});
  }
  return json{{"activation", policy::to_string(of.activation)}, {"arms", arms}}.dump();
}

// What at least half of the nodes found independently: of two nodes one, of three two. A heartbeat is the word of whoever may write one: a node
// has one voice for each rule, and none for what a person keeps enforced. Nor has one that has not followed the head yet: what it says may be what
// the head took back.
std::optional<store::activate_request> fleet_watch::demote(const store::head_record& head, const std::vector<store::node_status>& nodes, mono_time t) {
  if (!begun_) begun_ = t;
  for (const auto& node : nodes) {
    if (node.alive) seen_[node.id] = t;
  }
  std::erase_if(seen_, [t](const auto& each) { return t - each.second > counted_for; });
  if (t - *begun_ < settles) return std::nullopt;
  std::map<std::pair<std::string, std::string>, std::pair<store::rule_demotion, std::set<std::string>>> found;  // by version and rule: which nodes
  for (const auto& node : nodes) {
    if (!node.alive || node.activation != policy::to_string(head.activation)) continue;
    for (const auto& each : node.demoted) {
      const auto same = [&](const store::rule_demotion& d) { return store::same_rule(d, each); };
      const bool decides = each.version == head.version || (head.canary && each.version == head.canary->version);
      if (!decides || std::ranges::any_of(head.demoted, same)) continue;
      auto& [what, by] = found[{each.version, each.rule}];
      if (by.empty()) what = {.version = each.version, .rule = each.rule, .why = "on node " + clipped(node.id, name_bytes_max) + ": " + clipped(each.why, why_bytes_max)};
      by.insert(node.id);
    }
  }
  auto demoted = head.demoted;
  std::string note;
  for (const auto& [key, one] : found) {
    const auto& [what, by] = one;
    if (by.size() * 2 < seen_.size() || !may_(what.version, what.rule)) continue;
    note += (note.empty() ? "" : ", ") + what.rule;
    demoted.push_back(what);
  }
  if (note.empty()) return std::nullopt;
  return store::activate_request{.version = head.version, .kind = "demote", .actor = actor, .note = "demoted by nodes themselves: " + note, .canary = head.canary, .shadow = head.shadow,
                                 .demoted = std::move(demoted), .only_after = head.activation};
}

std::optional<store::activate_request> fleet_watch::look(const store::head_record& head, const std::vector<store::node_status>& nodes, mono_time t) {
  auto wanted = demote(head, nodes, t);
  if (!head.canary) return wanted;
  const auto why = why_abort(pooled(head.canary->version, head, nodes), pooled(head.version, head, nodes), terms_);
  if (!why) return wanted;
  return store::activate_request{.version = head.version, .kind = "abort", .actor = actor, .note = "the canary " + head.canary->version.substr(0, 12) + " ends: " + *why, .shadow = head.shadow,
                                 .only_after = head.activation};
}

}  // namespace sluice::rollout
