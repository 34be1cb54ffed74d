// What a node knows of its source, and what it says of itself: contact, freshness, status. See node.hpp.
#include <algorithm>
#include <iterator>
#include <utility>

#include "node.hpp"

namespace sluice::store {

void node::reached() {
  const bool answered = std::exchange(connected_, true);
  if (!say_source_error("")) return;
  log("info", answered ? "the policy source is no longer behind what this node has seen" : "the policy source answers again");
}

// What was refused before is not what the source has by now.
void node::behind(const std::string& why) {
  connected_ = true;
  {
    const std::scoped_lock hold(lock_);
    if (published_.last_refusal && !unsaved_) published_.last_refusal->stands = false;
  }
  if (say_source_error(why)) log("warn", why);
}

void node::contact() {
  reached();
  const auto t = now();
  contact_ = t.mono;
  state_.last_contact = t.wall;
  if (disk_works_ && (!contact_saved_ || t.mono - *contact_saved_ > seconds(5))) {
    disk_.save_contact(t.wall);
    contact_saved_ = t.mono;
  }
}

void node::lost(const std::string& why) {
  connected_ = false;
  if (say_source_error(why)) log("warn", "the policy source cannot be read: " + why);
}

bool node::say_source_error(const std::string& why) {
  const std::scoped_lock hold(lock_);
  return std::exchange(published_.source_error, why) != why;
}

policy::freshness node::freshness_now() const {
  using enum policy::freshness;
  if (!snapshot_) return none;
  // While running, time since the last contact is monotonic; across a restart only the wall clock remembers, and it is asked once, at the start.
  milliseconds age = milliseconds::max();
  if (contact_) {
    age = std::chrono::duration_cast<milliseconds>(mono_now() - *contact_);
  } else if (state_.last_contact) {
    age = age_restored_ + std::chrono::duration_cast<milliseconds>(mono_now() - restored_);
  }
  if (age > max_stale_) return expired;
  // A server that may hold its answer back is not lost while it does.
  return contact_ && age <= std::max(config_.poll, config_.download_wait) * 3 ? fresh : stale;
}

bool node::refuses_all() const { return freshness_ == policy::freshness::expired && on_unavailable_ == on_unavailable::fail_closed; }

void node::tick() {
  apply_what_ended();
  prove();
  const auto next = freshness_now();
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
  const bool waiting = next == policy::freshness::stale && !contact_;  // a start from disk: the source was not asked yet
  log(next == policy::freshness::fresh || waiting ? "info" : "warn",
      "policy state is " + std::string(to_string(next)) + (waiting ? " until the source answers" : ""));
}

void node::publish() {
  auto active = std::make_shared<policy::active_policy>();
  if (snapshot_) active->snapshot = with_demotions(snapshot_, state_.version);
  active->activation = state_.active;
  active->freshness = freshness_;
  active->refuse_all = refuse_all_;
  if (canary_ && canary_applied_.snapshot) {
    auto other = std::make_shared<policy::active_policy>(*active);
    other->snapshot = with_demotions(canary_applied_.snapshot, canary_->version);
    other->is_canary = true;
    active->canary = {.policy = std::move(other), .basis_points = canary_->basis_points, .salt = canary_->salt};
  }
  active->shadow = shadow_applied_.snapshot;
  {
    const std::scoped_lock hold(lock_);
    published_.shadow = shadow_;
    published_.downgrade = downgrade_;
    published_.demotions.clear();
    std::ranges::copy_if(state_.demotions, std::back_inserter(published_.demotions), [this](const demotion& d) { return holds(d); });
    published_.evidence.clear();
    for (const auto& [of, shown] : state_.gate) published_.evidence[of].gate = shown;
    for (const auto& [of, shown] : state_.shadow) published_.evidence[of].shadow = shown;
    published_.activation = state_.active;
    published_.version = snapshot_ ? state_.version : "";
    published_.canary = canary_applied_.snapshot ? canary_ : std::nullopt;
    published_.state = to_string(freshness_);
    published_.connected = connected_;
    published_.last_contact = state_.last_contact;
    published_.last_activation = state_.last_activation;
    published_.highest_lost = state_.highest_lost;
    published_.stored_versions.clear();
    for (const auto& h : state_.healthy) published_.stored_versions.push_back(h.version);
  }
  calls_.publish(std::move(active));
}

void node::set_nodes(std::vector<agent_status::neighbour> nodes) {
  const std::scoped_lock hold(lock_);
  published_.nodes = std::move(nodes);
}

void node::set_name_given_twice(bool twice) {
  const std::scoped_lock hold(lock_);
  published_.name_given_twice = twice;
}

agent_status node::status() const {
  const std::scoped_lock hold(lock_);
  return published_;
}

void node::take_revoked(const std::vector<std::string>& versions, bool in_step) {
  auto next = state_;
  revoked_lost_.clear();
  std::ranges::copy_if(state_.revoked, std::back_inserter(revoked_lost_), [&](const auto& known) { return std::ranges::find(versions, known) == versions.end(); });
  if (in_step) revoked_lost_.clear();
  next.revoked = revoked_lost_;
  std::ranges::copy_if(versions, std::back_inserter(next.revoked), policy::is_version);
  std::ranges::sort(next.revoked);
  if (next.revoked.size() > state_store::revoked_kept) next.revoked.resize(state_store::revoked_kept);
  const auto revoked = [&](const healthy_version& h) { return h.version != state_.version && std::ranges::find(versions, h.version) != versions.end(); };
  const bool takes = std::erase_if(next.healthy, revoked) > 0 && disk_works_;
  if (!takes && next.revoked == state_.revoked) return;
  state_.revoked = next.revoked;
  if (!disk_works_) return;
  if (const auto saved = disk_.save(next); !saved) return log("error", "a restart of this node would not know what is revoked in the ring: " + saved.error().message);
  for (const auto& each : state_.healthy) {
    if (!revoked(each)) continue;
    log("warn", "version " + each.version.substr(0, 12) + " is revoked in the ring and was taken from this node's disk: nothing falls back to it");
    calls_.event("revoked", state_.active, each.version, std::string(to_string(freshness_)), "taken from disk");
  }
  state_.healthy = std::move(next.healthy);
  disk_.prune(state_.healthy);
  publish();
}

}  // namespace sluice::store
