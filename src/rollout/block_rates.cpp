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

// What was seen since a time, gathered in one pass: a rule that is looked at costs what it blocked and the kinds of users, not another pass. Whoever trips
// hundreds of rules at once makes no work of it.
struct block_rates::gathered {
  struct part {
    std::uint64_t context = 0;
    std::uint32_t seen = 0, blocked = 0;
  };
  struct user {
    std::uint64_t tenant = 0;
    std::vector<part> in;
  };
  std::unordered_map<std::uint64_t, user> users;
  std::map<std::pair<std::uint64_t, std::vector<std::uint64_t>>, std::size_t> kinds;           // users of one tenant who were in the same contexts
  std::unordered_map<std::uint32_t, std::unordered_map<std::uint64_t, std::uint32_t>> blocked;  // by the first entry of a rule's id: users, and how often
};

std::string told(const trip& of) {
  return of.what + " blocked " + percent(of.rate) + " of " + std::to_string(of.users) + " users" + (of.tenants > 1 ? " of " + std::to_string(of.tenants) + " tenants" : "") +
         " within " + std::to_string(of.window.count()) + " s (at least " + percent(of.at_least) + "), its limit is " + told(of.band);
}

block_rates::block_rates(std::vector<watched_rule> rules, policy::breaker_terms terms, block_band version, std::function<bool(std::uint64_t, std::uint32_t)> applies)
    : rules_(std::move(rules)), terms_(terms), version_(version), applies_(std::move(applies)) {
  for (std::uint32_t i = 0; i < rules_.size(); ++i) numbers_[rules_[i].id].push_back(i);
}

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

block_rates::gathered block_rates::gather(mono_time since) const {
  gathered out;
  for (const auto& slice : slices_) {
    if (slice.begin + slice_length <= since) continue;
    for (const auto& [key, entry] : slice.entries) {
      auto& user = out.users[entry.user];
      user.tenant = entry.tenant;
      auto part = std::ranges::find(user.in, entry.context, &gathered::part::context);
      if (part == user.in.end()) part = user.in.insert(part, {.context = entry.context});
      part->seen += entry.seen;
      part->blocked += entry.blocked;
      for (const auto& by : entry.by) out.blocked[numbers_.at(rules_[by.rule].id).front()][entry.user] += std::min(by.times, entry.seen);
    }
  }
  std::vector<std::uint64_t> contexts;
  for (const auto& [id, user] : out.users) {
    contexts.clear();
    for (const auto& part : user.in) contexts.push_back(part.context);
    std::ranges::sort(contexts);
    ++out.kinds[{user.tenant, contexts}];
  }
  return out;
}

block_rates::rates block_rates::rates_of_all(const gathered& seen) {
  rates out;
  for (const auto& [id, user] : seen.users) {
    std::uint32_t asked = 0, blocked = 0;
    for (const auto& part : user.in) {
      asked += part.seen;
      blocked += part.blocked;
    }
    for (auto* to : {&out.all, &out.tenants[user.tenant]}) {
      ++to->users;
      to->users_blocked += blocked > 0 ? 1 : 0;
      to->blocked += static_cast<double>(blocked) / asked;
    }
  }
  return out;
}

// Of whom the rule concerns, in proportion to what he asked where it does. A rule and its variants are never in force together.
block_rates::rates block_rates::rates_of(const std::string& rule, const gathered& seen) const {
  rates out;
  const auto& numbers = numbers_.at(rule);
  const auto blocked = seen.blocked.find(numbers.front());
  if (blocked == seen.blocked.end() || blocked->second.size() < blocked_users_min) return out;  // too few, whoever else there was
  std::unordered_map<std::uint64_t, bool> known;
  const auto concerns = [&](std::uint64_t context) {
    const auto [at, fresh] = known.try_emplace(context, false);
    if (fresh) at->second = std::ranges::any_of(numbers, [&](std::uint32_t number) { return applies_(context, number); });
    return at->second;
  };
  for (const auto& [kind, users] : seen.kinds) {
    if (std::ranges::none_of(kind.second, concerns)) continue;
    out.all.users += users;
    out.tenants[kind.first].users += users;
  }
  for (const auto& [id, times] : blocked->second) {
    const auto& user = seen.users.at(id);
    std::uint32_t asked = 0;
    for (const auto& part : user.in) asked += concerns(part.context) ? part.seen : 0;
    if (asked == 0) continue;
    for (auto* to : {&out.all, &out.tenants[user.tenant]}) {
      ++to->users_blocked;
      to->blocked += static_cast<double>(std::min(times, asked)) / asked;
    }
  }
  return out;
}

std::optional<trip> block_rates::judged(const std::string* id, const block_band& band, seconds window, const gathered& all_seen) const {
  const auto seen = id == nullptr ? rates_of_all(all_seen) : rates_of(*id, all_seen);
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
  std::vector<bool> blocking(rules_.size());
  for (const auto& slice : slices_) {
    for (const auto& [key, entry] : slice.entries) {
      for (const auto& by : entry.by) blocking[by.rule] = true;
    }
  }
  if (std::ranges::find(blocking, true) == blocking.end()) return;
  const auto seen = gather(t - window);
  std::set<std::string> looked;
  std::vector<std::string> rules;  // that the version's rate consists of
  for (std::uint32_t number = 0; number < rules_.size(); ++number) {
    const auto& rule = rules_[number];
    if (!blocking[number] || !rule.enforced || !looked.insert(rule.id).second) continue;
    if (!rule.never_demote) rules.push_back(rule.id);
    const auto before = tripped_.find(rule.id);
    if (before != tripped_.end() && (!rule.never_demote || t - before->second < long_window)) continue;
    auto found = judged(&rule.id, rule.band, window, seen);
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
  auto found = judged(nullptr, version_, window, seen);
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
    users_ = gather(t - short_window).users.size();
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
