// See standing.hpp.
#include "standing.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::audit {
namespace {

using nlohmann::json;

// "rule ID: why", or "rule ID".
std::string rule_of(const std::string& detail) {
  constexpr std::string_view before = "rule ";
  return detail.starts_with(before) ? detail.substr(before.size(), detail.find(':') - before.size()) : std::string();
}

}  // namespace

void standing_state::take(const control_event& event) {
  if (event.kind == "activated" || event.kind == "state" || event.kind == "downgraded") return activate(event);
  if (event.kind == "demoted") demoted_[event.version].insert(rule_of(event.detail));
  if (event.kind == "rearmed") demoted_[event.version].erase(rule_of(event.detail));
  if (event.kind != "canary") return;
  is_.canary = event.version;
  is_.canary_share = event.version.empty() ? "" : event.detail;
  keep_demotions();
}

void standing_state::activate(const control_event& event) {
  auto canary = std::exchange(is_.canary, {});
  auto share = std::exchange(is_.canary_share, {});
  // The same version under the same number was in force all the time, however current the node was.
  const bool goes_on = runs() && is_.activation == event.activation && is_.version == event.version;
  const auto since = goes_on ? is_.since : event.time;
  const auto state_since = goes_on && is_.freshness == event.freshness ? is_.state_since : event.time;
  is_ = {.activation = event.activation, .version = event.version, .freshness = event.freshness, .since = since, .state_since = state_since, .canary = {}, .canary_share = {}};
  if (canary != is_.version) is_.canary = std::move(canary), is_.canary_share = std::move(share);
  keep_demotions();
}

// A demotion belongs to its version, and ends with it.
void standing_state::keep_demotions() {
  std::erase_if(demoted_, [&](const auto& of) { return of.first != is_.version && of.first != is_.canary; });
}

std::vector<std::string> standing_state::demoted(const std::string& version) const {
  const auto rules = demoted_.find(version);
  return rules == demoted_.end() ? std::vector<std::string>() : std::vector<std::string>(rules->second.begin(), rules->second.end());
}

control_event standing_state::event(wall_time now) const {
  return {.kind = "standing", .time = now, .activation = is_.activation, .version = is_.version, .freshness = is_.freshness, .detail = {}};
}

void standing_state::append(std::string& out) const {
  out += ",\"standing\":{\"since\":\"" + rfc3339(is_.since) + "\",\"state_since\":\"" + rfc3339(is_.state_since) + "\",\"canary\":" + json_quoted(is_.canary) + ",\"share\":" + json_quoted(is_.canary_share) + ",\"demoted\":[";
  bool first = true;
  for (const auto& [version, rules] : demoted_) {
    for (const auto& rule : rules) {
      out += std::string(std::exchange(first, false) ? "" : ",") + "{\"version\":" + json_quoted(version) + ",\"rule\":" + json_quoted(rule) + "}";
    }
  }
  out += "]}";
}

void standing_state::restate(const std::string& line) {
  const auto j = parse_bounded<json>(line, record_bounds);
  const auto said = j.is_object() ? j.find("standing") : j.end();
  if (said == j.end() || !said->is_object()) return;
  const auto since = parse_time(word(*said, "since")).value_or(wall_time{});
  // Older releases had one time for both.
  is_ = {.activation = word(j, "activation"), .version = word(j, "version"), .freshness = word(j, "state"), .since = since, .state_since = parse_time(word(*said, "state_since")).value_or(since),
         .canary = word(*said, "canary"), .canary_share = word(*said, "share")};
  demoted_.clear();
  const auto demoted = said->find("demoted");
  if (demoted == said->end() || !demoted->is_array()) return;
  for (const auto& each : *demoted) demoted_[word(each, "version")].insert(word(each, "rule"));
}

}  // namespace sluice::audit
