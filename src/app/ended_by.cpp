// See ended_by.hpp.
#include "ended_by.hpp"

#include <optional>
#include <set>
#include <utility>

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

// The warning is read on stderr, and then stands in `out`.
void warn(std::vector<std::string>& out, std::string what, const std::string& advice) {
  complain(what, advice);
  out.push_back(std::move(what));
}

void ended_trials(store::publisher& ring, const store::head_record& before, const store::head_record& after, std::vector<std::string>& out) {
  std::optional<std::vector<store::head_record>> history;  // asked for once, and seldom
  for (const bool canary : {true, false}) {
    const auto& version = on_trial(before, canary);
    if (version.empty() || version == after.version || version == on_trial(after, true) || version == on_trial(after, false)) continue;
    if (!history) history = ring.history(looked_back).value_or(std::vector<store::head_record>{});
    const auto who = begun_by(*history, before, canary);
    warn(out, std::string("the ") + (canary ? "canary" : "version in shadow") + ", " + (canary ? "version " : "") + short_version(version) + (who.empty() ? "" : ", which " + printable(who) + " began") + ", ends with it",
         std::string("push it once more ") + (canary ? "as a canary" : "with --shadow") + " where it is to go on");
  }
}

void ended_demotions(const store::head_record& before, const store::head_record& after, std::vector<std::string>& out) {
  std::set<std::string> rules;
  for (const auto& each : before.demoted) {
    if (each.version == before.version || each.version == after.version) rules.insert(each.rule);
  }
  for (const auto& each : after.demoted) {
    if (each.version == after.version) rules.erase(each.rule);
  }
  for (const auto& rule : rules) {
    warn(out, "rule " + printable(rule) + ", which was demoted, is enforced again where version " + short_version(after.version) + " has it", "sluice demote " + printable(rule) + " puts it into shadow in what is live now");
  }
}

}  // namespace

std::vector<std::string> ended_by(store::publisher& ring, const store::head_record& before, const store::head_record& after) {
  std::vector<std::string> out;
  ended_trials(ring, before, after, out);
  ended_demotions(before, after, out);
  return out;
}

}  // namespace sluice::app
