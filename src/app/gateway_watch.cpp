// What the gateway looks after while it runs, once a second, and what it tells of itself.
#include <algorithm>
#include <utility>

#include "gateway.hpp"
#include "sluice/rollout/fleet_watch.hpp"
#include "sluice/telemetry/log.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::app {

using telemetry::level;

void gateway::watch_pins() {
  const std::lock_guard lock(publish_mutex_);
  if (serving_) let_go();
}

void gateway::watch_log() {
  const auto stats = log_->stats();
  const auto fault = stats.failed ? stats.failure : std::string();
  const bool missed = stats.sync_failures != log_sync_failures_;  // it may have been made good within the second
  if (fault == log_fault_ && !missed) return;
  if (stats.failed || missed) {
    telemetry::log(level::error, settings_.audit.block_when_full ? "the audit log failed: new requests get 503 until it is made good" : "the audit log failed: decisions may be lost",
                   {{"reason", stats.failure}, {"failed_syncs", std::to_string(stats.sync_failures)}});
  }
  if (!stats.failed) telemetry::log(level::info, "the audit log works again");
  log_fault_ = fault;
  log_sync_failures_ = stats.sync_failures;
}

void gateway::watch_keys() {
  const auto& file = settings_.context.keys_file;
  if (file.empty()) return;
  std::error_code failed;
  const auto time = std::filesystem::last_write_time(file, failed);
  if (std::exchange(keys_lost_, bool(failed)) != bool(failed) && failed) {
    telemetry::log(level::error, "the keys stay as they were: their file cannot be looked at", {{"file", file}, {"reason", failed.message()}});
  }
  if (failed || time == keys_time_) return;
  keys_time_ = time;  // a file with a mistake is complained about once
  if (auto done = read_keys_file(); done) {
    telemetry::log(level::info, "keys were reloaded", {{"file", file}});
  } else {
    telemetry::log(level::error, "the keys stay as they were", {{"reason", done.error().message}});
  }
}

// What the version showed at its gate and in shadow, as its manifest and its activation say.
store::block_evidence gateway::evidence_of(const std::string& version) const {
  const auto status = agent_->status();
  const auto known = status.evidence.find(version);
  return known == status.evidence.end() ? store::block_evidence{} : known->second;
}

// The breaker: what is over its limit goes to shadow, on this node's own evidence.
void gateway::watch_blocks() {
  if (settings_.global_shadow || !serving_) return;  // nothing is blocked, and nothing was noted
  std::vector<std::shared_ptr<const policy::snapshot>> in_force;
  policy::activation as;
  {
    const std::lock_guard lock(publish_mutex_);
    as = active_->activation;
    in_force.push_back(active_->snapshot);
    if (active_->canary) in_force.push_back(active_->canary->policy->snapshot);
  }
  auto news = blocks_.look(in_force, as, [this](const std::string& version) { return evidence_of(version); }, mono_now());
  auto arms = rollout::arms_json(blocks_.arms());
  auto bands = blocks_.bands();
  {
    const std::lock_guard lock(publish_mutex_);
    arms_ = std::move(arms);
    bands_ = std::move(bands);
  }
  breaker_users_.store(blocks_.users());
  for (const auto& told : news.told) telemetry::log(level::warn, told);
  demotions_.fetch_add(news.demote.size());
  if (!news.demote.empty()) agent_->demote(std::move(news.demote));
}

telemetry::metrics_input gateway::metrics() {
  telemetry::metrics_input out;
  const auto wall = now().wall;
  const auto age = [wall](const std::optional<wall_time>& t) {
    return t ? std::max(0.0, std::chrono::duration<double>(wall - *t).count()) : -1.0;
  };
  out.build = build_;
  out.node = node_;
  out.uptime_seconds = age(started_);
  for (const auto& each : services_) {
    out.workers.push_back(&each->counted());
  }
  const auto dialects = wire::dialect_names();
  for (std::size_t d = 0; d < dialects.size(); ++d) {
    for (std::size_t i = 0; i < proxy::unscanned_reasons.size(); ++i) {
      std::uint64_t sum = 0;
      for (const auto& each : services_) sum += each->unscanned()[d][i].value();
      if (sum != 0) out.unscanned_bytes.push_back({dialects[d], proxy::unscanned_reasons[i], sum});
    }
  }
  out.rules = rules_.totals();
  const auto status = agent_->status();
  out.policy.version = status.version;
  out.policy.activation = policy::to_string(status.activation);
  out.policy.state = status.state;
  out.policy.connected = status.connected;
  out.policy.name_given_twice = status.name_given_twice;
  out.policy.age_seconds = age(status.last_activation);
  out.policy.contact_age_seconds = age(status.last_contact);
  out.policy.activations = activations_.load();
  out.policy.refusals = status.refusals;
  out.policy.demotions = demotions_.load();
  out.policy.breaker_unseen = blocks_.unseen();
  out.policy.breaker_users = breaker_users_.load();
  for (const auto& each : status.demotions) out.policy.demoted.push_back({.version = each.what.version, .rule = each.what.rule, .by = each.here ? "node" : "ring"});
  if (lane_) {
    const auto lane = lane_->stats();
    out.shadow = {.version = status.shadow, .judged = lane.judged, .inexact = lane.inexact, .cpu_us = lane.cpu_us,
                  .shed = {{"budget", lane.shed_budget}, {"queue", lane.shed_queue}, {"size", lane.shed_size}, {"log", lane.shed_log}}};
  }
  {
    const std::lock_guard lock(publish_mutex_);
    out.policy.bundle = active_->snapshot->bundle_name();
    out.policy.rules = active_->snapshot->rules().size();
    out.policy.memory_bytes = active_->snapshot->memory_bytes();
    const auto held = pins_.now_held();
    out.policy.pinned_snapshots = held.snapshots;
    out.policy.held_bytes = held.bytes;
  }
  const auto shared = [](const store::shared_figures& of) {
    return telemetry::metrics_input::shared_memory{.asked = of.asked, .unavailable = of.unavailable, .kept = of.kept, .recalled = of.recalled,
                                                   .unreadable = of.unreadable, .present = true, .connected = of.connected};
  };
  if (vault_) out.vault = shared(vault_->stats());
  if (ledger_) out.ledger = shared(ledger_->stats());
  if (spool_) {
    const auto spool = spool_->stats();
    out.feedback = {.received = spool.received, .forwarded = spool.forwarded, .dropped = spool.dropped, .spool_bytes = spool.waiting_bytes, .present = true};
  }
  const auto audit = log_->stats();
  out.audit = {.written = audit.written, .dropped = audit.dropped, .bytes = audit.bytes, .syncs = audit.syncs,
               .sync_failures = audit.sync_failures, .failed = audit.failed, .failure = audit.failed ? audit.failure : ""};
  if (checkpoints_) {
    const auto sent = checkpoints_->stats();
    out.checkpoints = {.sent = sent.sent, .skipped = sent.skipped, .waiting = sent.waiting, .present = true};
  }
  return out;
}

}  // namespace sluice::app
