// See promotion.hpp.
#include "sluice/rollout/promotion.hpp"

#include <algorithm>

#include "gate_rows.hpp"
#include "sluice/rollout/shares.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

// A case that the rule could not see says nothing about it.
bool could_see(const policy::policy_ast& owner, const policy::rule& of, const policy::golden_case& each) {
  return has_text(each, of.direction) && in_force(owner, each.who);
}

promotion judged(const policy::policy_ast& owner, const policy::rule& of, std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results) {
  promotion out{.rule = of.id, .policy = owner.name, .wanted = *of.promote_when};
  for (std::size_t i = 0; i < results.size(); ++i) {
    const policy::golden_result& each = results[i];
    const bool harmless = each.set == "benign" || each.set == "must_pass";
    if ((!harmless && each.set != "must_block" && each.set != "attack") || !could_see(owner, of, cases[i])) continue;
    const bool hit = std::ranges::find(each.shadow, of.id) != each.shadow.end();
    ++out.samples;
    out.harmless += harmless ? 1 : 0;
    (harmless ? out.wrong : out.found) += hit ? 1 : 0;
  }
  out.fpr_upper95 = rate_upper(out.wrong, out.harmless);
  const bool seen_too_often = static_cast<double>(out.wrong) > out.wanted.fpr_upper95 * static_cast<double>(out.harmless);
  if (seen_too_often) {
    out.shown = evidence::too_wide;
  } else if (out.samples >= out.wanted.min_samples && out.fpr_upper95 <= out.wanted.fpr_upper95) {
    out.shown = evidence::met;
  }
  return out;
}

}  // namespace

bool in_force(const policy::policy_ast& owner, const policy::context& who) {
  return policy::fits(owner.scope, who) && std::ranges::any_of(owner.binds, [&](const policy::scope& bind) { return policy::fits(bind, who); });
}

std::string_view to_string(evidence shown) {
  switch (shown) {
    case evidence::met:
      return "MET";
    case evidence::insufficient:
      return "INSUFFICIENT";
    case evidence::too_wide:
      return "TOO WIDE";
  }
  return "?";
}

std::vector<promotion> promotions(const policy::bundle_ast& bundle, std::span<const policy::golden_case> cases, std::span<const policy::golden_result> results) {
  std::vector<promotion> out;
  for (const policy::policy_ast& owner : bundle.policies) {
    for (const policy::rule& each : owner.rules) {
      if (each.enforcement == policy::enforcement::shadow && each.promote_when) out.push_back(judged(owner, each, cases, results));
    }
  }
  return out;
}

std::string told(const promotion& of) {
  std::string out = of.rule + ", in shadow: " + std::string(to_string(of.shown)) + ": " + std::to_string(of.samples) + " labelled cases";
  if (of.wanted.min_samples > 0) out += " of " + std::to_string(of.wanted.min_samples);
  out += "; it finds " + std::to_string(of.found) + " of " + std::to_string(of.samples - of.harmless) + " that are not harmless and " + std::to_string(of.wrong) + " of " +
         std::to_string(of.harmless) + " harmless ones";
  if (of.wanted.fpr_upper95 < 1) out += " (at most " + percent(of.fpr_upper95) + " with 95 % confidence, wanted " + percent(of.wanted.fpr_upper95) + ")";
  if (of.wanted.min_days > 0) out += "; its " + std::to_string(of.wanted.min_days) + " days in shadow are for the decision log to show";
  return out;
}

}  // namespace sluice::rollout
