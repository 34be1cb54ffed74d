// See block_band.hpp.
#include "sluice/rollout/block_band.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "sluice/policy/build.hpp"
#include "sluice/rollout/judged_exchange.hpp"
#include "sluice/rollout/shares.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

// Shares of users' exchanges add up to parts of users: the next whole one is the more cautious.
double upper(const store::block_share& shown) { return rate_upper(static_cast<std::size_t>(std::ceil(shown.blocked)), shown.of); }

// What live traffic showed counts before what golden cases did.
block_band shown_band(const store::block_share& shadow, const store::block_share& gate, double cap, double least_shadow, double least_gate) {
  block_band out{.limit = cap};
  if (shadow.of == 0 && gate.of == 0) return out;
  out.from = shadow.of > 0 ? band_source::shadow : band_source::gate;
  out.shown = shadow.of > 0 ? shadow : gate;
  const double wanted = std::max(band_times * upper(out.shown), shadow.of > 0 ? least_shadow : least_gate);
  out.capped = wanted > cap;
  out.limit = std::min(wanted, cap);
  return out;
}

std::string amount(double n) {
  const double tenths = std::round(n * 10) / 10;
  auto out = std::to_string(tenths);
  out.resize(out.find('.') + 2);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out;
}

}  // namespace

std::string_view to_string(band_source s) {
  switch (s) {
    case band_source::stated: return "max_block_rate";
    case band_source::shadow: return "shadow";
    case band_source::gate: return "gate";
    case band_source::bundle: return "bundle";
  }
  return "?";
}

block_band band_of(const std::string& rule, std::optional<double> stated, const policy::breaker_terms& terms, const store::block_evidence& evidence) {
  if (stated) return {.limit = *stated, .from = band_source::stated};
  return shown_band(evidence.shadow.of(rule), evidence.gate.of(rule), terms.rule, band_least_shadow, band_least_gate);
}

block_band band_of_version(const policy::breaker_terms& terms, const store::block_evidence& evidence, double highest) {
  return shown_band(evidence.shadow.all, evidence.gate.all, std::max(terms.version, highest), highest, highest);
}

std::string told(const block_band& band) {
  const auto share = [&](const char* where, const char* of) {
    const auto n = std::to_string(band.shown.of);
    return where + amount(band.shown.blocked) + " of " + n + of + ", at most " + percent(upper(band.shown));
  };
  std::string why;
  switch (band.from) {
    case band_source::stated: why = "its max_block_rate"; break;
    case band_source::bundle: why = "the bundle's"; break;
    case band_source::shadow: why = share("in shadow it blocked ", " users"); break;
    case band_source::gate: why = share("at the gate it blocked ", " benign cases"); break;
  }
  return percent(band.limit) + " (" + (band.capped ? "the bundle's; " : "") + why + ")";
}

version_bands bands_of(const policy::snapshot& of, const store::block_evidence& evidence) {
  version_bands out{.version = of.version(), .all = {}, .rules = {}};
  const auto terms = of.breaker();
  std::set<std::string> known;
  double highest = 0;
  for (const auto& rule : of.rules()) {
    const bool demoted = std::ranges::binary_search(of.demoted(), rule.id);
    if (!rule.may_block || (rule.enforcement != policy::enforcement::enforce && !demoted) || !known.insert(rule.id).second) continue;
    out.rules.emplace_back(rule.id, band_of(rule.id, rule.max_block_rate, terms, evidence));
    highest = std::max(highest, out.rules.back().second.limit);
  }
  out.all = band_of_version(terms, evidence, std::max(highest, terms.rule));
  return out;
}

std::vector<over_band> over_band_in_shadow(const policy::bundle_ast& bundle, const store::block_evidence& evidence) {
  std::vector<over_band> out;
  if (!bundle.breaker.on) return out;
  const auto kept = policy::never_demoted_rules(bundle);
  for (const auto& owner : bundle.policies) {
    for (const auto& rule : owner.rules) {
      if (rule.enforcement != policy::enforcement::enforce || kept.contains(rule.id)) continue;
      const auto shown = evidence.shadow.of(rule.id);
      if (shown.of < bundle.breaker.users_min) continue;  // less is no evidence to the breaker either
      auto band = band_of(rule.id, rule.max_block_rate, bundle.breaker, evidence);
      if (rate_lower(static_cast<std::size_t>(shown.blocked), shown.of) <= band.limit) continue;
      band.shown = shown;
      out.push_back({.rule = rule.id, .band = band});
    }
  }
  return out;
}

bool may_demote(const policy::bundle_ast& bundle, const std::string& rule) {
  const auto blocks = [&](const policy::policy_ast& owner, const policy::rule& as) {
    const bool by_score = as.score > 0 && owner.anomaly && owner.anomaly->action == policy::action::block;
    return as.id == rule && as.enforcement == policy::enforcement::enforce && (policy::may_block(as.action) || by_score);
  };
  const bool any = std::ranges::any_of(bundle.policies, [&](const policy::policy_ast& owner) {
    const auto here = [&](const policy::rule& as) { return blocks(owner, as); };
    return std::ranges::any_of(owner.rules, here) || std::ranges::any_of(owner.variants, here, &policy::rule_variant::rule);
  });
  return any && bundle.breaker.on && !policy::never_demoted(bundle, rule);
}

}  // namespace sluice::rollout
