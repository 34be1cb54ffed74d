// See fleet_watch.hpp.
#include "sluice/rollout/fleet_watch.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::rollout {
namespace {

using nlohmann::json;

constexpr const char* actor = "sluice controller";

std::uint64_t count_in(const json& j, const char* name) {
  const auto it = j.find(name);
  return it != j.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : 0;
}

std::vector<arm_counts> arms_from(const std::string& text) {
  std::vector<arm_counts> out;
  const auto j = json::parse(text, nullptr, false);
  if (!j.is_array()) return out;
  for (const auto& each : j) {
    if (!each.is_object() || !each.value("version", json()).is_string()) continue;
    arm_counts one{.version = each["version"].get<std::string>(), .exchanges = count_in(each, "exchanges"), .blocked = count_in(each, "blocked"), .failed = count_in(each, "failed"), .added = {}};
    const auto added = each.value("added", json::array());
    for (std::size_t i = 0; i < std::min(one.added.size(), added.size()); ++i) one.added[i] = added[i].is_number_unsigned() ? added[i].get<std::uint64_t>() : 0;
    out.push_back(std::move(one));
  }
  return out;
}

// A node that began to count anew has less than before.
void add_growth(arm_counts& to, const arm_counts& now, const arm_counts& before) {
  if (now.exchanges < before.exchanges) return;
  to.exchanges += now.exchanges - before.exchanges;
  to.blocked += now.blocked - std::min(now.blocked, before.blocked);
  to.failed += now.failed - std::min(now.failed, before.failed);
  for (std::size_t i = 0; i < to.added.size(); ++i) to.added[i] += now.added[i] - std::min(now.added[i], before.added[i]);
}

}  // namespace

std::string arms_json(const std::vector<arm_counts>& arms) {
  auto out = json::array();
  for (const auto& each : arms) out.push_back({{"version", each.version}, {"exchanges", each.exchanges}, {"blocked", each.blocked}, {"failed", each.failed}, {"added", each.added}});
  return out.dump();
}

void fleet_watch::begin(const store::head_record& head) {
  if (canary_.version == head.canary->version && live_.version == head.version) return;
  canary_ = {.version = head.canary->version};
  live_ = {.version = head.version};
  last_.clear();
}

// Both arms grow at once: what was before the canary came is no comparison.
void fleet_watch::add(const store::node_status& node) {
  for (const auto& now : arms_from(node.arms)) {
    const auto [before, fresh] = last_.try_emplace(node.id + " " + now.version, now);
    if (!fresh && now.version == canary_.version) add_growth(canary_, now, before->second);
    if (!fresh && now.version == live_.version) add_growth(live_, now, before->second);
    before->second = now;
  }
}

// What at least half of those that are there found independently: of two nodes one, of three two.
std::optional<store::activate_request> fleet_watch::demote(const store::head_record& head, const std::vector<store::node_status>& nodes) const {
  std::vector<store::rule_demotion> fresh;
  std::vector<std::size_t> found;
  std::size_t alive = 0;
  for (const auto& node : nodes) {
    if (!node.alive) continue;
    ++alive;
    for (const auto& each : node.demoted) {
      const auto same = [&](const store::rule_demotion& d) { return d.version == each.version && d.rule == each.rule; };
      const bool decides = each.version == head.version || (head.canary && each.version == head.canary->version);
      if (!decides || std::ranges::any_of(head.demoted, same)) continue;
      const auto known = std::ranges::find_if(fresh, same);
      if (known == fresh.end()) {
        fresh.push_back({.version = each.version, .rule = each.rule, .why = "on node " + node.id + ": " + each.why});
        found.push_back(1);
      } else {
        ++found[static_cast<std::size_t>(known - fresh.begin())];
      }
    }
  }
  auto demoted = head.demoted;
  std::string note;
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    if (found[i] * 2 < alive) continue;
    note += (note.empty() ? "" : ", ") + fresh[i].rule;
    demoted.push_back(fresh[i]);
  }
  if (note.empty()) return std::nullopt;
  return store::activate_request{.version = head.version, .kind = "demote", .actor = actor, .note = "demoted by nodes themselves: " + note, .canary = head.canary, .shadow = head.shadow,
                                 .demoted = std::move(demoted), .only_after = head.activation};
}

std::optional<store::activate_request> fleet_watch::look(const store::head_record& head, const std::vector<store::node_status>& nodes) {
  if (head.canary) {
    begin(head);
    for (const auto& node : nodes) {
      if (node.alive) add(node);
    }
    if (const auto why = why_abort(canary_, live_, terms_)) {
      return store::activate_request{.version = head.version, .kind = "abort", .actor = actor, .note = "the canary " + head.canary->version.substr(0, 12) + " ends: " + *why, .shadow = head.shadow,
                                     .only_after = head.activation};
    }
  }
  return demote(head, nodes);
}

}  // namespace sluice::rollout
