// See shadow_tally.hpp.
#include "sluice/rollout/shadow_tally.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace sluice::rollout {

void shadow_tally::see(const judged_exchange& one, const policy::ruleset& rules) {
  if (!followed_.follows(one.user)) return;
  const auto [context, fresh] = contexts_.try_emplace(one.context);
  const auto& infos = of_->rules();
  for (std::uint32_t i = 0; fresh && i < infos.size(); ++i) {
    if (infos[i].enforcement == policy::enforcement::enforce && may_block(infos[i]) && policy::applies(rules, i)) context->second.push_back(i);
  }
  auto& entry = users_.at(one.user, one.context);
  ++entry.seen;
  entry.blocked += one.blocked ? 1 : 0;
  for (const auto rule : one.blocked_by) ++entry.by[rule];
  if (!users_.full()) return;
  followed_.halve();
  users_.keep(followed_);
}

store::shown_blocks shadow_tally::shown() const {
  const auto& infos = of_->rules();
  store::shown_blocks out;
  std::map<std::uint64_t, std::size_t> users;  // by context
  std::map<std::string, double> blocked;       // by rule
  for (const auto& [key, entry] : users_) {
    ++users[entry.context];
    out.all.blocked += static_cast<double>(entry.blocked) / entry.seen;
    for (const auto& [rule, times] : entry.by) {
      if (rule < infos.size()) blocked[infos[rule].id] += static_cast<double>(times) / entry.seen;
    }
  }
  out.all.of = users_.size();
  std::map<std::string, std::size_t> concerned;  // several entries of one id are one rule, and at most one of them applies
  for (const auto& rule : infos) {
    if (rule.enforcement == policy::enforcement::enforce && may_block(rule)) concerned[rule.id] = 0;
  }
  for (const auto& [context, n] : users) {
    std::set<std::string> here;
    for (const auto rule : contexts_.at(context)) here.insert(infos[rule].id);
    for (const auto& id : here) concerned[id] += n;
  }
  for (const auto& [id, n] : concerned) {
    const auto at = blocked.find(id);
    const double sum = at == blocked.end() ? 0 : at->second;
    if (sum > 0 || n != out.all.of) out.rules[id] = {.blocked = std::min(sum, static_cast<double>(n)), .of = n};
  }
  return out;
}

}  // namespace sluice::rollout
