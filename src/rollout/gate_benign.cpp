// What the gate saw of blocked harmless text, for the breakers of the nodes: by rule, of the benign cases that the rule could see at all.
#include <algorithm>
#include <set>

#include "gate_rows.hpp"

namespace sluice::rollout {
namespace {

struct counted_rule {
  policy::direction direction = policy::direction::both;
  std::vector<std::uint32_t> entries;  // its numbers in the snapshot
};

std::map<std::string, counted_rule> counted_rules(const policy::bundle_ast& bundle, const policy::snapshot& with) {
  std::map<std::string, counted_rule> out;
  const auto& infos = with.rules();
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    if (infos[i].enforcement == policy::enforcement::enforce && infos[i].may_block) out[infos[i].id].entries.push_back(i);
  }
  for (const auto& owner : bundle.policies) {
    for (const auto& rule : owner.rules) {
      if (const auto at = out.find(rule.id); at != out.end()) at->second.direction = rule.direction;
    }
  }
  return out;
}

}  // namespace

store::shown_blocks benign_blocks(std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results, const policy::bundle_ast& bundle, const policy::snapshot& with) {
  const auto rules = counted_rules(bundle, with);
  std::map<std::string, store::block_share> shares;
  for (const auto& [id, rule] : rules) shares[id];
  std::map<const policy::ruleset*, std::set<std::string>> in_force;  // one for each context that a case names
  store::shown_blocks out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].set != "benign") continue;
    const auto& ruleset = with.rules_for(cases[i].who);
    const auto [here, fresh] = in_force.try_emplace(&ruleset);
    for (auto at = rules.begin(); fresh && at != rules.end(); ++at) {
      if (std::ranges::any_of(at->second.entries, [&](std::uint32_t n) { return policy::applies(ruleset, n); })) here->second.insert(at->first);
    }
    ++out.all.of;
    out.all.blocked += results[i].action == policy::action::block ? 1 : 0;
    for (const auto& id : here->second) {
      if (!has_text(cases[i], rules.at(id).direction)) continue;
      auto& share = shares[id];
      ++share.of;
      share.blocked += std::ranges::find(results[i].blocked_by, id) != results[i].blocked_by.end() ? 1 : 0;
    }
  }
  for (const auto& [id, share] : shares) {
    if (share.blocked > 0 || share.of != out.all.of) out.rules[id] = share;
  }
  return out;
}

}  // namespace sluice::rollout
