// See block_watch.hpp.
#include "block_watch.hpp"

#include <algorithm>
#include <utility>

#include "sluice/policy/evaluate.hpp"
#include "sluice/rollout/judged_exchange.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t places = 8192;  // of a worker, for one second

}  // namespace

block_watch::block_watch(std::size_t workers) : unseen_(workers) {
  for (std::size_t i = 0; i < workers; ++i) queues_.push_back(std::make_unique<handoff<seen>>(places));
}

void block_watch::note(std::size_t worker, const proxy::exchange_report& report) {
  if (!report.request_judged || report.rules == nullptr) return;
  auto& queue = *queues_[worker];
  if (queue.full()) return unseen_[worker].add();
  auto& to = queue.next();
  to.by = report.policy.snapshot;
  to.rules = report.rules;
  to.as = report.policy.activation;
  rollout::describe(to.what, report.who, report.counted_as, report.effective, report.request, report.response, report.policy.snapshot->rules());
  to.failed = !to.what.blocked && (report.answer_withheld || report.status >= 500);
  to.added_us = report.added_us;
  queue.publish();
}

block_watch::version_rates* block_watch::rates_of(const std::string& version) {
  const auto at = std::ranges::find_if(versions_, [&](const auto& each) { return each->version == version; });
  return at == versions_.end() ? nullptr : at->get();
}

void block_watch::follow(const std::vector<std::shared_ptr<const policy::snapshot>>& in_force, const evidence_source& evidence) {
  std::erase_if(versions_, [&](const auto& each) { return std::ranges::none_of(in_force, [&](const auto& s) { return s->version() == each->version; }); });
  for (const auto& snapshot : in_force) {
    auto* known = rates_of(snapshot->version());
    if (known != nullptr) {
      // Armed again: what was seen before does not count against it.
      for (const auto& rule : known->demoted) {
        if (std::ranges::binary_search(snapshot->demoted(), rule)) continue;
        known->rates->rearm(rule);
        known->counted.forget();
      }
      known->demoted = snapshot->demoted();
      continue;
    }
    const auto terms = snapshot->breaker();
    auto bands = rollout::bands_of(*snapshot, evidence(snapshot->version()));
    const std::unordered_map<std::string, rollout::block_band> by_rule(bands.rules.begin(), bands.rules.end());
    std::vector<rollout::watched_rule> rules;
    for (const auto& r : snapshot->rules()) {
      const auto band = by_rule.find(r.id);
      const bool watched = band != by_rule.end();
      rules.push_back({.id = r.id, .band = watched ? band->second : rollout::block_band{}, .never_demote = r.never_demote, .enforced = watched});
    }
    auto made = std::make_unique<version_rates>();
    made->version = snapshot->version();
    made->demoted = snapshot->demoted();
    made->rates = std::make_unique<rollout::block_rates>(std::move(rules), terms, bands.all, [contexts = &made->contexts](std::uint64_t context, std::uint32_t rule) {
      const auto at = contexts->find(context);
      return at != contexts->end() && rule < at->second.size() && at->second[rule];
    });
    made->bands = std::move(bands);
    versions_.push_back(std::move(made));
  }
}

void block_watch::take(seen& one, mono_time t) {
  auto* of = rates_of(one.by->version());
  if (of == nullptr) return;  // it is out of force
  auto [context, fresh] = of->contexts.try_emplace(one.what.context);
  if (fresh) {
    for (std::uint32_t i = 0; i < one.by->rules().size(); ++i) context->second.push_back(policy::applies(*one.rules, i));
  }
  of->counted.keep_new(one.what);
  of->rates->see(one.what, t);
  if (one.as == activation_) of->arm.see(one.what.user, one.what.blocked, one.failed, one.added_us);
}

block_watch::news block_watch::look(const std::vector<std::shared_ptr<const policy::snapshot>>& in_force, policy::activation as, const evidence_source& evidence, mono_time t) {
  follow(in_force, evidence);
  if (std::exchange(activation_, as) != as) {
    for (auto& each : versions_) {
      each->arm = {};
      each->counted.forget();
    }
  }
  for (auto& queue : queues_) {
    for (std::size_t n = queue->size(); n > 0; --n) {
      auto& one = *queue->front();
      take(one, t);
      one.by.reset();
      queue->release();
    }
  }
  news out;
  for (auto& each : versions_) {
    for (const auto& trip : each->rates->look(t)) {
      for (const auto& rule : trip.rules) {
        out.demote.push_back({.version = each->version, .rule = rule, .why = rollout::told(trip)});
        each->demoted.push_back(rule);  // so that the next look notices when it is armed again by then
      }
      if (trip.rules.empty()) out.told.push_back(rollout::told(trip) + "; never_demote keeps it enforced");
    }
  }
  return out;
}

rollout::arms_report block_watch::arms() const {
  rollout::arms_report out{.activation = activation_, .arms = {}};
  for (const auto& each : versions_) out.arms.push_back(each->arm.counts(each->version));
  return out;
}

std::vector<rollout::version_bands> block_watch::bands() const {
  std::vector<rollout::version_bands> out;
  for (const auto& each : versions_) out.push_back(each->bands);
  return out;
}

std::size_t block_watch::users() const {
  std::size_t most = 0;
  for (const auto& each : versions_) most = std::max(most, each->rates->users());
  return most;
}

std::uint64_t block_watch::unseen() const {
  std::uint64_t sum = 0;
  for (const auto& each : unseen_) sum += each.value();
  return sum;
}

}  // namespace sluice::app
