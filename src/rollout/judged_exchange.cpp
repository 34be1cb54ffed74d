// See judged_exchange.hpp.
#include "sluice/rollout/judged_exchange.hpp"

#include <algorithm>
#include <functional>
#include <string>

namespace sluice::rollout {
namespace {

// Names of tenants and users, told apart and nothing else. The mixing makes every bit count, so that a part of the range is a fair sample.
std::uint64_t mixed(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
  return n ^ (n >> 31);
}
std::uint64_t hashed(std::string_view text) { return mixed(std::hash<std::string_view>{}(text)); }

void add(std::vector<std::uint32_t>& to, std::uint32_t rule) {
  if (std::ranges::find(to, rule) == to.end()) to.push_back(rule);
}

// The rules that made this side a block: those that block, whose matcher failed, or whose scores crossed a threshold.
void blocking_rules(const policy::outcome& side, const std::vector<policy::snapshot::rule_info>& infos, std::vector<std::uint32_t>& out) {
  if (side.verdict != policy::verdict::block) return;
  if (side.block.rule < infos.size()) add(out, side.block.rule);
  if (side.gave_up < infos.size()) add(out, side.gave_up);
  for (const auto& f : side.findings) {
    if (!f.enforced || f.rule >= infos.size()) continue;
    const auto& rule = infos[f.rule];
    const bool scores = rule.score > 0 && std::ranges::any_of(side.scores, [&](const policy::score_sum& s) { return s.policy == rule.policy && s.crossed && s.action == policy::action::block; });
    if (f.action == policy::action::block || scores) add(out, f.rule);
  }
}

}  // namespace

void describe(judged_exchange& out, const policy::context& who, std::string_view counted_as, std::string_view effective, const policy::outcome& request, const policy::outcome& response,
              const std::vector<policy::snapshot::rule_info>& infos) {
  out.tenant = hashed(who.tenant);
  out.user = mixed(out.tenant ^ hashed(who.user.empty() ? counted_as : std::string_view(who.user)));
  out.context = hashed(effective);
  out.blocked_by.clear();
  blocking_rules(request, infos, out.blocked_by);
  blocking_rules(response, infos, out.blocked_by);
  out.blocked = request.verdict == policy::verdict::block || response.verdict == policy::verdict::block;
}

}  // namespace sluice::rollout
