// See block_rates.hpp.
#include "sluice/rollout/block_rates.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "sluice/rollout/shares.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

constexpr seconds slice_length{5};
constexpr double sure = 0.9999;       // of each look; looks overlap, so that few of them are independent
constexpr double sure_of_others = 0.99;  // without the tenant that is blocked most, where all of them together are sure
const std::string version_key;        // of what tripped: no rule has an empty id

}  // namespace

// Sums over users, whole and by tenant.
struct block_rates::rates {
  struct sum {
    double blocked = 0;  // of each user the share of its exchanges
    std::size_t users = 0, users_blocked = 0;
    [[nodiscard]] double rate() const { return users == 0 ? 0 : blocked / static_cast<double>(users); }
  };
  sum all;
  std::map<std::uint64_t, sum> tenants;
  // Without the tenant of which most was blocked.
  [[nodiscard]] sum others() const {
    const auto most = std::ranges::max_element(tenants, {}, [](const auto& each) { return each.second.blocked; });
    if (most == tenants.end()) return {};
    return {all.blocked - most->second.blocked, all.users - most->second.users, all.users_blocked - most->second.users_blocked};
  }
};

std::string told(const trip& of) {
  return of.what + " blocked " + percent(of.rate) + " of " + std::to_string(of.users) + " users" + (of.tenants > 1 ? " of " + std::to_string(of.tenants) + " tenants" : "") +
         " within " + std::to_string(of.window.count()) + " s (at least " + percent(of.at_least) + "), its limit is " + told(of.band);
}

block_rates::block_rates(std::vector<watched_rule> rules, policy::breaker_terms terms, block_band version, std::function<bool(std::uint64_t, std::uint32_t)> applies)
    : rules_(std::move(rules)), terms_(terms), version_(version), applies_(std::move(applies)) {}

void block_rates::see(const judged_exchange& one, mono_time t) {
  if (!terms_.on) return;
  if (slices_.empty() || t - slices_.back().begin >= slice_length) begin_slice(t);
  if (!followed_.follows(one.user)) return;
  const auto gone = [this](std::uint32_t rule) { return rule < rules_.size() && !rules_[rule].never_demote && tripped_.contains(rules_[rule].id); };
  auto& entries = slices_.back().entries;
  auto& entry = entries.at(one.user, one.context);
  entry.tenant = one.tenant;
  ++entry.seen;
  // What a rule blocks that was told to go, or that stays whatever happens, says nothing about the others: it would be blocked without them too.
  const auto beside = [&](std::uint32_t rule) { return gone(rule) || (rule < rules_.size() && rules_[rule].never_demote); };
  entry.blocked += one.blocked && (one.blocked_by.empty() || !std::ranges::all_of(one.blocked_by, beside)) ? 1 : 0;
  for (const auto rule : one.blocked_by) {
    if (rule >= rules_.size() || gone(rule)) continue;
    const auto known = std::ranges::find(entry.by, rule, &share::rule);
    known == entry.by.end() ? entry.by.push_back({rule, 1}) : void(++known->times);
  }
  if (!entries.full()) return;
  followed_.halve();
  for (auto& slice : slices_) slice.entries.keep(followed_);
}

// A crowd that has gone leaves no sample behind that is too small for those who stay.
void block_rates::begin_slice(mono_time t) {
  if (!slices_.empty()) followed_.widen_after(slices_.back().entries.size());
  slices_.push_back({.begin = t, .entries = {}});
  while (slices_.front().begin + slice_length + long_window < t) slices_.pop_front();
}

void block_rates::forget() {
  slices_.clear();
  followed_.follow_all();
}

block_rates::rates block_rates::rates_of(const std::string* id, mono_time since) const {
  struct user_sum {
    std::uint64_t tenant = 0;
    std::uint32_t seen = 0, blocked = 0;
  };
  std::vector<std::uint32_t> entries_of;  // the rule's numbers
  for (std::uint32_t i = 0; id != nullptr && i < rules_.size(); ++i) {
    if (rules_[i].id == *id) entries_of.push_back(i);
  }
  std::map<std::uint64_t, bool> in_force;  // by context
  const auto concerns = [&](std::uint64_t context) {
    if (id == nullptr) return true;
    const auto [at, fresh] = in_force.try_emplace(context, false);
    if (fresh) at->second = std::ranges::any_of(entries_of, [&](std::uint32_t rule) { return applies_(context, rule); });
    return at->second;
  };
  std::unordered_map<std::uint64_t, user_sum> users;
  for (const auto& slice : slices_) {
    if (slice.begin + slice_length <= since) continue;
    for (const auto& [key, entry] : slice.entries) {
      if (!concerns(entry.context)) continue;
      auto& user = users[entry.user];
      user.tenant = entry.tenant;
      user.seen += entry.seen;
      if (id == nullptr) user.blocked += entry.blocked;
      std::uint32_t times = 0;  // a rule and its variants are never in force together
      for (const auto rule : entries_of) {
        const auto by = std::ranges::find(entry.by, rule, &share::rule);
        if (by != entry.by.end()) times += by->times;
      }
      user.blocked += std::min(times, entry.seen);
    }
  }
  rates out;
  for (const auto& [user, sum] : users) {
    for (auto* to : {&out.all, &out.tenants[sum.tenant]}) {
      ++to->users;
      to->users_blocked += sum.blocked > 0 ? 1 : 0;
      to->blocked += static_cast<double>(sum.blocked) / sum.seen;
    }
  }
  return out;
}

std::optional<trip> block_rates::judged(const std::string* id, const block_band& band, seconds window, mono_time t) const {
  const auto seen = rates_of(id, t - window);
  const auto& all = seen.all;
  const double limit = band.limit;
  // Whole users blocked are the least certain of all shares with this mean, so that the bound holds for shares as well.
  const auto lower_of = [](const rates::sum& of, double confidence) { return rate_lower(static_cast<std::size_t>(of.blocked), of.users, confidence); };
  const auto over = [&](const rates::sum& of, double confidence) {
    return of.users >= terms_.users_min && of.users_blocked >= blocked_users_min && of.rate() > limit && lower_of(of, confidence) > limit;
  };
  // By evidence of their own: otherwise one account elsewhere would speak for all others.
  if (!over(all, sure) || (seen.tenants.size() > 1 && !over(seen.others(), sure_of_others))) return std::nullopt;
  const auto lower = lower_of(all, sure);
  return trip{.rules = {}, .what = id == nullptr ? "the version" : "rule " + *id, .rate = all.rate(), .at_least = lower, .band = band, .users = all.users,
              .users_blocked = all.users_blocked, .tenants = seen.tenants.size(), .window = window};
}

void block_rates::look_at(seconds window, mono_time t, std::vector<trip>& out) {
  std::set<std::uint32_t> blocking;
  for (const auto& slice : slices_) {
    for (const auto& [key, entry] : slice.entries) {
      for (const auto& by : entry.by) blocking.insert(by.rule);
    }
  }
  std::set<std::string> looked;
  std::vector<std::string> rules;  // that the version's rate consists of
  for (const auto number : blocking) {
    const auto& rule = rules_[number];
    if (!rule.enforced || !looked.insert(rule.id).second) continue;
    if (!rule.never_demote) rules.push_back(rule.id);
    const auto before = tripped_.find(rule.id);
    if (before != tripped_.end() && (!rule.never_demote || t - before->second < long_window)) continue;
    auto found = judged(&rule.id, rule.band, window, t);
    if (!found) continue;
    if (!rule.never_demote) found->rules = {rule.id};
    tripped_[rule.id] = t;
    out.push_back(std::move(*found));
  }
  std::erase_if(rules, [this](const auto& id) { return tripped_.contains(id); });
  // Where one rule explains it, that one has gone and the others get their chance.
  if (!out.empty() || rules.empty()) return;
  const auto before = tripped_.find(version_key);
  if (before != tripped_.end() && t - before->second < window) return;
  auto found = judged(nullptr, version_, window, t);
  if (!found) return;
  tripped_[version_key] = t;
  for (const auto& id : rules) tripped_[id] = t;
  found->rules = std::move(rules);
  out.push_back(std::move(*found));
}

std::vector<trip> block_rates::look(mono_time t) {
  std::vector<trip> out;
  if (!terms_.on) return out;
  look_at(short_window, t, out);
  if (out.empty() && t >= next_long_look_) {
    next_long_look_ = t + slice_length;
    users_ = rates_of(nullptr, t - short_window).all.users;
    look_at(long_window, t, out);
  }
  // What follows a demotion is judged by itself: what went before would be held against the rules that stay.
  if (std::ranges::any_of(out, [](const trip& each) { return !each.rules.empty(); })) forget();
  return out;
}

void block_rates::rearm(const std::string& rule) {
  forget();
  if (rule.empty()) return tripped_.clear();
  tripped_.erase(rule);
  tripped_.erase(version_key);
}

}  // namespace sluice::rollout
