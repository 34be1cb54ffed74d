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

void add_spans(const policy::outcome& side, std::uint64_t conversation, const std::vector<policy::snapshot::rule_info>& infos, judged_exchange& to) {
  for (const auto& f : side.findings) {
    if (!f.enforced || std::ranges::find(to.blocked_by, f.rule) == to.blocked_by.end()) continue;
    to.spans.push_back({f.rule, mixed(mixed(conversation ^ hashed(infos[f.rule].id)) ^ hashed(f.value)), f.last_turn});
  }
}

}  // namespace

void describe(judged_exchange& out, const policy::context& who, std::string_view counted_as, std::string_view effective, const policy::outcome& request, const policy::outcome& response,
              const std::vector<policy::snapshot::rule_info>& infos) {
  const auto user = hashed(who.user.empty() ? counted_as : std::string_view(who.user));
  out.tenant = hashed(who.tenant);
  out.user = mixed(out.tenant ^ user);
  out.context = hashed(effective);
  out.blocked_by.clear();
  policy::add_blocking_rules(request, infos, out.blocked_by);
  policy::add_blocking_rules(response, infos, out.blocked_by);
  out.blocked = request.verdict == policy::verdict::block || response.verdict == policy::verdict::block;
  out.spans.clear();
  if (out.blocked_by.empty()) return;
  const auto conversation = mixed(out.tenant ^ (who.conversation.empty() ? user : hashed(who.conversation)));
  add_spans(request, conversation, infos, out);
  add_spans(response, conversation, infos, out);
}

}  // namespace sluice::rollout
