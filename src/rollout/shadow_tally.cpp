// See shadow_tally.hpp.
#include "sluice/rollout/shadow_tally.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>

namespace sluice::rollout {

shadow_tally::shadow_tally(const policy::snapshot& of) : version_(of.version()) {
  for (const auto& rule : of.rules()) {
    ids_.push_back(rule.id);
    may_block_.push_back(rule.enforcement == policy::enforcement::enforce && rule.may_block);
  }
}

void shadow_tally::see(const judged_exchange& one, const policy::ruleset& rules) {
  if (!followed_.follows(one.user)) return;
  const auto [context, fresh] = contexts_.try_emplace(one.context);
  for (std::uint32_t i = 0; fresh && i < ids_.size(); ++i) {
    if (may_block_[i] && policy::applies(rules, i)) context->second.push_back(i);
  }
  auto& entry = users_.at(one.user, one.context);
  ++entry.seen;
  entry.blocked += one.blocked ? 1 : 0;
  for (const auto rule : one.blocked_by) ++entry.by[rule];
  if (!users_.full()) return;
  followed_.halve();
  users_.keep(followed_);
}

// One user is one, in however many contexts: of each rule by those where it applies, in proportion to what was asked there.
store::shown_blocks shadow_tally::shown() const {
  std::vector<const entry*> entries;
  for (const auto& [key, entry] : users_) entries.push_back(&entry);
  std::ranges::sort(entries, {}, &entry::user);
  // By context the rules that may block somebody there: several entries of one id are one rule, and at most one of them applies.
  std::map<std::uint64_t, std::set<std::string>> here;
  for (const auto* each : entries) {
    const auto [rules, fresh] = here.try_emplace(each->context);
    if (!fresh) continue;
    for (const auto rule : contexts_.at(each->context)) rules->second.insert(ids_[rule]);
  }
  store::shown_blocks out;
  std::map<std::uint64_t, std::size_t> alone;    // users who were in one context only, by it: nearly all
  std::map<std::string, store::block_share> by_rule;
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (may_block_[i]) by_rule[ids_[i]] = {};
  }
  for (auto from = entries.begin(); from != entries.end();) {
    const auto to = std::find_if(from, entries.end(), [&](const entry* e) { return e->user != (*from)->user; });
    std::uint64_t seen = 0, blocked = 0;
    std::map<std::string, std::uint64_t> asked, times;  // by rule: what concerned it, and what it blocked of that
    for (const auto* each : std::span(from, to)) {
      seen += each->seen;
      blocked += each->blocked;
      for (const auto& [rule, n] : each->by) {
        if (rule < ids_.size()) times[ids_[rule]] += n;
      }
    }
    if (to - from == 1) {
      ++alone[(*from)->context];
    } else {
      for (const auto* each : std::span(from, to)) {
        for (const auto& id : here.at(each->context)) asked[id] += each->seen;
      }
    }
    for (const auto& [id, n] : asked) ++by_rule[id].of;
    for (const auto& [id, n] : times) by_rule[id].blocked += static_cast<double>(n) / static_cast<double>(asked.contains(id) ? asked[id] : seen);
    out.all.blocked += static_cast<double>(blocked) / static_cast<double>(seen);
    ++out.all.of;
    from = to;
  }
  for (const auto& [context, n] : alone) {
    for (const auto& id : here.at(context)) by_rule[id].of += n;
  }
  for (const auto& [id, seen] : by_rule) {
    if (seen.blocked > 0 || seen.of != out.all.of) out.rules[id] = {.blocked = std::min(seen.blocked, static_cast<double>(seen.of)), .of = seen.of};
  }
  return out;
}

}  // namespace sluice::rollout
