// What a node runs otherwise than its version says: rules that were demoted, and a version in shadow. See node.hpp.
#include <algorithm>

#include "node.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::store {

bool concerns(const canary_version& share, const node_labels& labels) {
  const auto sign = share.nodes.find('=');
  return share.nodes.empty() || (sign != std::string::npos && std::ranges::find(labels, std::pair(share.nodes.substr(0, sign), share.nodes.substr(sign + 1))) != labels.end());
}

bool node::concerns(const canary_version& share) const { return store::concerns(share, config_.labels); }

bool node::take_shadow(const policy::bundle_source& source, const std::string& version) {
  auto applied = crashes(version) ? crash_loop("the process died of it") : built(source, version, state_.active);
  if (!applied.snapshot) {
    last_result_ = applied;
    refuse_build(state_.active, version, "in shadow: ");
    return false;
  }
  shadow_ = version;
  keep_ending(applied, source, version);
  shadow_applied_ = std::move(applied);
  publish();
  tell_shadow();
  return true;
}

void node::tell_canary() const {
  const auto& share = *canary_;
  const auto share_text = !share.nodes.empty() ? "100 % on nodes with " + share.nodes : std::to_string(share.basis_points / 100) + "." + std::to_string(share.basis_points / 10 % 10) + std::to_string(share.basis_points % 10) + " %";
  log("info", "version " + share.version.substr(0, 12) + " decides for " + share_text + " of conversations as a canary of " + policy::to_string(state_.active));
  calls_.event("canary", state_.active, share.version, std::string(to_string(freshness_)), share_text);
}

void node::tell_shadow() const {
  log("info", "version " + shadow_.substr(0, 12) + " is judged in shadow beside " + policy::to_string(state_.active));
  calls_.event("shadowing", state_.active, shadow_, std::string(to_string(freshness_)), "");
}

apply_result node::crash_loop(const std::string& why) {
  apply_result out;
  out.phase = "CRASH_LOOP";
  out.message = why;
  return out;
}

bool node::crashes(const std::string& version) const {
  constexpr unsigned twice = 2;
  const auto known = config_.crashes.find(version);
  return known != config_.crashes.end() && known->second >= twice;
}

// A newer activation is somebody's word that it should be tried again; a folder knows no such word.
bool node::still_avoids(const std::string& version, policy::activation as) const {
  if (!snapshot_ || !crashes(version) || version == state_.version) return false;
  const auto built_as = config_.crashed_as.find(version);
  return !config_.redis || as <= (built_as == config_.crashed_as.end() ? crashed_before_ : std::max(crashed_before_, built_as->second));
}

void node::downgraded_from(const std::string& version) {
  const auto died = "the process died " + std::to_string(config_.crashes.at(version)) + " times of version " + version.substr(0, 12);
  downgrade_ = died + (version != state_.version ? "; version " + state_.version.substr(0, 12) + " is in force instead" : ", and it is in force all the same: there is no other on disk of which it did not");
  log("error", "DOWNGRADED: " + downgrade_ + ". Publish another version" + (config_.redis ? ", or activate this one again" : ""));
  calls_.event("downgraded", state_.active, state_.version, std::string(to_string(freshness_)), downgrade_);
}

// Also what it died of before, where it has to run: then it goes well now.
void node::prove() {
  const auto it = std::ranges::find(state_.healthy, state_.version, &healthy_version::version);
  const bool died_of_it = !downgrade_.empty() && crashes(state_.version);
  if (!snapshot_ || it == state_.healthy.end() || (it->proven && !died_of_it) || mono_now() - live_since_ < config_.goes_well_after) return;
  it->proven = true;
  if (died_of_it) {
    downgrade_.clear();
    publish();
    log("info", "version " + state_.version.substr(0, 12) + ", of which the process died before, goes well now");
  }
  if (!disk_works_) return;
  if (const auto saved = disk_.save(state_); !saved) log("warn", "that version " + state_.version.substr(0, 12) + " goes well is not on disk: " + saved.error().message);
}

// The version that runs goes on, with nothing beside it that does not run already: an abort, a demotion, a canary that goes to shadow.
bool node::only_takes_away(const std::string& version, const beside& with) const {
  return snapshot_ && version == state_.version && adds_nothing(with, beside_here_or_elsewhere(), shadow_);
}

// A demotion belongs to its version and ends with it; activations of the same one leave it until it is armed again.
std::vector<demotion> node::demotions_with(const std::string& version, const beside& with) const {
  const auto stays = [&](const std::string& of) { return of == version || (with.canary && of == with.canary->version); };
  std::vector<demotion> out;
  for (const auto& each : state_.demotions) {
    const bool by_ring = std::ranges::any_of(with.demoted, [&](const rule_demotion& d) { return same_rule(d, each.what); });
    const bool armed = each.at < with.rearmed || std::ranges::any_of(with.rearmed_rules, [&](const rearming& r) { return same_rule(r, each.what) && each.at < r.at; });
    if (each.here && !by_ring && stays(each.what.version) && !armed) out.push_back(each);
  }
  for (const auto& each : with.demoted) {
    if (!stays(each.version)) continue;
    const auto known = std::ranges::find_if(state_.demotions, [&](const demotion& d) { return !d.here && d.what == each; });
    out.push_back(known != state_.demotions.end() ? *known : demotion{.what = each, .at = state_.active, .time = now().wall, .here = false});
    out.back().by_person = std::ranges::any_of(with.by_person, [&](const rule_demotion& d) { return same_rule(d, each); });
  }
  return out;
}

void node::note(const said& by) {
  state_.record = by.record;
  state_.made_live = by.made_live;
  if (!disk_works_) return;
  if (const auto saved = disk_.save(state_); !saved) log("warn", "by which record this version was made live is not on disk: " + saved.error().message);
}

void node::learn(const std::string& version, const shown_blocks& benign) {
  if (benign.all.of > 0) state_.gate[version] = benign;
}

void node::keep_evidence(node_state& of, const beside& with) const {
  of.shadow = with.shown;
  std::erase_if(of.gate, [&](const auto& each) {
    const auto& version = each.first;
    const bool beside_it = version == with.shadow || (with.canary && version == with.canary->version);
    return version != of.version && !beside_it && std::ranges::find(of.healthy, version, &healthy_version::version) == of.healthy.end();
  });
}

std::shared_ptr<const policy::snapshot> node::with_demotions(const std::shared_ptr<const policy::snapshot>& of, const std::string& version) {
  std::vector<std::string> rules;
  for (const auto& each : state_.demotions) {
    if (each.what.version == version && holds(each)) rules.push_back(each.what.rule);
  }
  std::erase_if(made_, [&](const made_snapshot& each) { return each.of != snapshot_ && each.of != canary_applied_.snapshot; });
  if (rules.empty() || !calls_.in_shadow) return of;
  const auto known = std::ranges::find_if(made_, [&](const made_snapshot& each) { return each.of == of && each.rules == rules; });
  if (known != made_.end()) return known->made;
  auto made = calls_.in_shadow(of, rules);
  if (made == nullptr) {
    log("error", "rules of version " + version.substr(0, 12) + " were to be demoted, and it cannot be done with this version: they stay enforced");
    return of;
  }
  made_.push_back({.of = of, .made = made, .rules = std::move(rules)});
  return made;
}

bool node::holds(const demotion& of) const {
  const auto& with = canary_ && of.what.version == canary_->version ? canary_applied_.snapshot : snapshot_;
  return of.by_person || with == nullptr || with->version() != of.what.version || !policy::never_demoted(*with, of.what.rule);
}

std::vector<rule_demotion> node::kept() const {
  std::vector<rule_demotion> out;
  for (const auto& each : state_.demotions) {
    if (!each.here && !holds(each)) out.push_back(each.what);
  }
  return out;
}

void node::save_demotions() {
  if (!disk_works_) return;
  if (const auto saved = disk_.save(state_); !saved) log("error", "what was demoted is not on disk, a restart would not know of it: " + saved.error().message);
}

void node::tell_demotions(const std::vector<demotion>& before) const {
  const auto same = [](const demotion& a, const demotion& b) { return same_rule(a.what, b.what); };
  // Of a canary that comes take_canary() tells; of one that went there is nothing to tell.
  const auto runs_here = [&](const demotion& one) { return one.what.version == state_.version || (canary_ && one.what.version == canary_->version); };
  const auto held = [&](const std::vector<demotion>& all, const demotion& one) { return std::ranges::any_of(all, [&](const demotion& d) { return same(d, one) && holds(d); }); };
  for (const auto& each : state_.demotions) {
    if (held(before, each)) continue;
    if (!holds(each)) {
      if (std::ranges::any_of(before, [&](const demotion& d) { return same(d, each); })) continue;
      log("error", "rule " + each.what.rule + " of version " + each.what.version.substr(0, 12) + " is under never_demote: it stays enforced, although the ring demotes it (" + each.what.why +
                       "). Only an activation that is signed by a trusted key of role activate may: sluice demote --key");
      continue;
    }
    log("error", "DEMOTED to shadow in the whole ring: rule " + each.what.rule + " of version " + each.what.version.substr(0, 12) + ": " + each.what.why);
    if (runs_here(each)) calls_.event("demoted", state_.active, each.what.version, std::string(to_string(freshness_)), "rule " + each.what.rule + ": " + each.what.why);
  }
  for (const auto& each : before) {
    if (!holds(each) || held(state_.demotions, each) || !runs_here(each)) continue;
    log("warn", "armed again: rule " + each.what.rule + " of version " + each.what.version.substr(0, 12));
    calls_.event("rearmed", state_.active, each.what.version, std::string(to_string(freshness_)), "rule " + each.what.rule);
  }
}

// The log of each boot says by itself what is demoted: that of the boot before may be gone. Of a canary once the log knows that it is one: before
// that it is a version that does not run.
void node::tell_standing_demotions(const std::string& version) const {
  for (const auto& each : state_.demotions) {
    if (each.what.version != version || !holds(each)) continue;
    calls_.event("demoted", state_.active, each.what.version, std::string(to_string(freshness_)), "rule " + each.what.rule + ": since " + rfc3339(each.time) + ": " + each.what.why);
  }
}

void node::demote(const std::vector<rule_demotion>& what) {
  std::vector<rule_demotion> fresh;
  for (const auto& each : what) {
    const bool runs_here = each.version == state_.version || (canary_ && each.version == canary_->version);
    const bool known = std::ranges::any_of(state_.demotions, [&](const demotion& d) { return same_rule(d.what, each); });
    const demotion one{.what = each, .at = state_.active, .time = now().wall, .here = true};
    if (!runs_here || known || !holds(one)) continue;
    state_.demotions.push_back(one);
    fresh.push_back(each);
  }
  if (fresh.empty()) return;
  publish();  // first of all
  save_demotions();
  for (const auto& each : fresh) {
    log("error", "DEMOTED to shadow: rule " + each.rule + " of version " + each.version.substr(0, 12) + ": " + each.why + "; when it is right again: sluice rearm");
    calls_.event("demoted", state_.active, each.version, std::string(to_string(freshness_)), "rule " + each.rule + ": " + each.why);
  }
}

void node::rearm(const std::string& rule) {
  std::vector<demotion> gone;
  std::erase_if(state_.demotions, [&](const demotion& d) {
    if (!d.here || (!rule.empty() && d.what.rule != rule)) return false;
    gone.push_back(d);
    return true;
  });
  if (gone.empty()) return;
  publish();
  save_demotions();
  for (const auto& each : gone) {
    log("warn", "armed again: rule " + each.what.rule + " of version " + each.what.version.substr(0, 12));
    calls_.event("rearmed", state_.active, each.what.version, std::string(to_string(freshness_)), "rule " + each.what.rule);
  }
}

}  // namespace sluice::store
