// See node.hpp.
#include "node.hpp"

#include <algorithm>

namespace sluice::store {

node::node(const agent_config& config, const agent::callbacks& calls)
    : config_(config), calls_(calls), disk_(config.state_directory), max_stale_(config.max_stale), on_unavailable_(config.on_unavailable) {
  published_.state = "NONE";
  published_.source = config.redis ? config.redis->display() + " ring " + config.ring : "directory " + config.directory;
}

void node::restore() {
  auto state = disk_.open();
  if (!state) {
    log("error", state.error().message);
    publish();
    return;
  }
  disk_works_ = true;
  state_ = std::move(*state);
  auto candidates = state_.healthy;
  if (!state_.version.empty()) candidates.insert(candidates.begin(), state_.version);
  for (const auto& version : candidates) {
    auto source = disk_.load_version(version);
    if (!source) {
      log("warn", source.error().message);
      continue;
    }
    auto applied = calls_.apply(*source, version);
    if (!applied.snapshot) {
      log("warn", "version " + version.substr(0, 12) + " on disk does not build any more: " + applied.message);
      continue;
    }
    if (version != state_.version) log("warn", "fell back to the older version " + version.substr(0, 12));
    state_.version = version;
    adopt(applied);
    break;
  }
  tick();
  publish();
}

void node::adopt(const apply_result& applied) {
  snapshot_ = applied.snapshot;
  // A bundle may only make its node stricter.
  max_stale_ = applied.bundle_max_stale ? std::min(config_.max_stale, *applied.bundle_max_stale) : config_.max_stale;
  on_unavailable_ = config_.on_unavailable;
  if (applied.bundle_on_unavailable == on_unavailable::fail_closed) on_unavailable_ = on_unavailable::fail_closed;
}

node::outcome node::take(const policy::bundle_source& source, const std::string& version, policy::activation as,
                         const std::function<void(const std::string&)>& told) {
  {
    const std::scoped_lock hold(lock_);
    published_.last_attempt = now().wall;
  }
  last_result_ = calls_.apply(source, version);
  if (!last_result_.snapshot) {
    refuse(as, version, last_result_.phase, last_result_.message);
    return outcome::refused;
  }
  told("COMPILED");
  told("SELFTESTED");
  if (disk_works_) {
    std::erase(state_.healthy, version);
    state_.healthy.insert(state_.healthy.begin(), version);
    if (state_.healthy.size() > state_store::versions_kept) state_.healthy.resize(state_store::versions_kept);
    auto next = state_;
    next.highest = std::max(next.highest, as);
    next.active = as;
    next.version = version;
    auto saved = disk_.save_version(version, source);
    if (saved) saved = disk_.save(next);
    if (!saved) log("error", "the version is in force but not on disk: " + saved.error().message);
    disk_.prune(state_.healthy);
  }
  state_.highest = std::max(state_.highest, as);
  state_.active = as;
  state_.version = version;
  adopt(last_result_);
  contact();
  freshness_ = compute();
  refuse_all_ = refuses_all();
  {
    const std::scoped_lock hold(lock_);
    published_.last_activation = now().wall;
  }
  publish();
  calls_.event("activated", as, version, std::string(to_string(freshness_)), "");
  return outcome::accepted;
}

void node::refuse(policy::activation as, const std::string& version, const std::string& phase, const std::string& message) {
  {
    const std::scoped_lock hold(lock_);
    published_.last_refusal = agent_status::refusal{now().wall, policy::to_string(as), version, phase, message};
  }
  log("error", "refused version " + version.substr(0, 12) + " as " + policy::to_string(as) + " (" + phase + "): " + message);
  calls_.event("refused", as, version, std::string(to_string(freshness_)), phase + ": " + message);
}

void node::contact() {
  const auto t = now();
  contact_ = t.mono;
  connected_ = true;
  state_.last_contact = t.wall;
  if (disk_works_ && (!contact_saved_ || t.mono - *contact_saved_ > seconds(5))) {
    disk_.save_contact(t.wall);
    contact_saved_ = t.mono;
  }
}

void node::lost(const std::string& why) {
  if (connected_) log("warn", "lost the policy source: " + why);
  connected_ = false;
}

policy::freshness node::compute() const {
  using enum policy::freshness;
  if (!snapshot_) return none;
  // While running, time since the last contact is monotonic; across a restart only the wall clock remembers.
  milliseconds age = milliseconds::max();
  if (contact_) {
    age = std::chrono::duration_cast<milliseconds>(mono_now() - *contact_);
  } else if (state_.last_contact) {
    age = std::chrono::duration_cast<milliseconds>(now().wall - *state_.last_contact);
  }
  if (age > max_stale_) return expired;
  return contact_ && connected_ && age <= config_.poll * 3 ? fresh : stale;
}

bool node::refuses_all() const { return freshness_ == policy::freshness::expired && on_unavailable_ == on_unavailable::fail_closed; }

void node::tick() {
  const auto next = compute();
  if (next == freshness_) {
    const std::scoped_lock hold(lock_);
    published_.connected = connected_;
    published_.last_contact = state_.last_contact;
    return;
  }
  freshness_ = next;
  refuse_all_ = refuses_all();
  publish();
  calls_.event("state", state_.active, state_.version, std::string(to_string(freshness_)), "");
  log(next == policy::freshness::fresh ? "info" : "warn", "policy state is " + std::string(to_string(next)));
}

void node::publish() {
  auto active = std::make_shared<policy::active_policy>();
  if (snapshot_) active->snapshot = snapshot_;
  active->activation = state_.active;
  active->freshness = freshness_;
  active->refuse_all = refuse_all_;
  {
    const std::scoped_lock hold(lock_);
    published_.activation = state_.active;
    published_.version = snapshot_ ? state_.version : "";
    published_.state = to_string(freshness_);
    published_.connected = connected_;
    published_.last_contact = state_.last_contact;
    published_.stored_versions = state_.healthy;
  }
  calls_.publish(std::move(active));
}

void node::set_nodes(std::vector<agent_status::node> nodes) {
  const std::scoped_lock hold(lock_);
  published_.nodes = std::move(nodes);
}

agent_status node::status() const {
  const std::scoped_lock hold(lock_);
  return published_;
}

}  // namespace sluice::store
