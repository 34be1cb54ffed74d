// See ended_trials.hpp.
#include "ended_trials.hpp"

#include <algorithm>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t looked_back = 1000;  // activations; a trial that is older is told without who began it

const std::string& on_trial(const store::head_record& of, bool canary) {
  static const std::string none;
  return !canary ? of.shadow : of.canary ? of.canary->version : none;
}

// Who made the oldest activation of those, without a gap, in which it is on trial; "" where it began before them.
std::string begun_by(const std::vector<store::head_record>& newest_first, const store::head_record& last, bool canary) {
  std::string who;
  for (const auto& each : newest_first) {
    if (each.activation > last.activation) continue;
    if (on_trial(each, canary) != on_trial(last, canary)) return who;
    who = each.actor;
  }
  return newest_first.size() < looked_back ? who : std::string();
}

}  // namespace

std::vector<std::string> ended_trials(store::publisher& ring, const store::head_record& before, const store::head_record& after) {
  std::vector<std::string> out;
  for (const bool canary : {true, false}) {
    const auto& version = on_trial(before, canary);
    if (version.empty() || version == after.version || version == on_trial(after, true) || version == on_trial(after, false)) continue;
    const auto history = ring.history(looked_back);
    const auto who = history ? begun_by(*history, before, canary) : std::string();
    out.push_back(std::string("the ") + (canary ? "canary" : "version in shadow") + ", " + (canary ? "version " : "") + short_version(version) + (who.empty() ? "" : ", which " + printable(who) + " began") + ", ends with it");
    complain(out.back(), std::string("push it once more ") + (canary ? "as a canary" : "with --shadow") + " where it is to go on");
  }
  for (const auto& each : before.demoted) {
    const bool stays = std::ranges::any_of(after.demoted, [&](const store::rule_demotion& d) { return d.rule == each.rule && d.version == after.version; });
    if (stays || (each.version != before.version && each.version != after.version)) continue;
    out.push_back("rule " + printable(each.rule) + ", which was demoted, is enforced again where version " + short_version(after.version) + " has it");
    complain(out.back(), "sluice demote " + printable(each.rule) + " puts it into shadow in what is live now");
  }
  return out;
}

}  // namespace sluice::app
