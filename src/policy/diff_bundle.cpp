// What a bundle says beside its rules: on errors, of sums, records, the breaker and limits.
#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "diff_parts.hpp"

namespace sluice::policy {
namespace {

std::string shortest(double number) {
  std::array<char, 32> out{};
  return {out.data(), std::to_chars(out.data(), out.data() + out.size(), number, std::chars_format::fixed).ptr};
}

void note(bundle_diff& out, effect how, std::string line) {
  out.bundle.push_back(std::move(line));
  out.effect = std::max(out.effect, how);
}

void compare_on_error(const bundle_ast& before, const bundle_ast& after, bundle_diff& out) {
  if (before.on_error.matcher_unavailable != after.on_error.matcher_unavailable) {
    const bool weaker = after.on_error.matcher_unavailable < before.on_error.matcher_unavailable;
    note(out, weaker ? effect::weaker : effect::stronger,
         "on_error.matcher_unavailable: " + std::string(to_string(before.on_error.matcher_unavailable)) + " → " + std::string(to_string(after.on_error.matcher_unavailable)));
  }
  if (before.on_error.policy_stale != after.on_error.policy_stale ||
      before.on_error.max_stale != after.on_error.max_stale) {
    note(out, effect::may_weaken, "on_error: what happens when the policy is stale changed");
  }
}

// An enforced match of the rule, or of what an overlay makes of it, adds to the policy's sum.
bool may_score(const policy_ast& owner, const rule& of) {
  return is_any(owner, of, [](const rule& each) { return each.score > 0 && each.enforcement == enforcement::enforce; });
}

// The policies that add up now what `was` added up. A rule that adds to no sum any more says so itself.
std::vector<const policy_ast*> successors(const policy_ast& was, const bundle_ast& after) {
  std::vector<const policy_ast*> out;
  for (const policy_ast& now : after.policies) {
    const bool adds = now.anomaly && std::ranges::any_of(now.rules, [&](const rule& each) {
      const auto before = std::ranges::find(was.rules, each.id, &rule::id);
      return before != was.rules.end() && may_score(was, *before) && may_score(now, each);
    });
    if (adds) out.push_back(&now);
  }
  if (!out.empty()) return out;
  const auto same = std::ranges::find(after.policies, was.name, &policy_ast::name);
  return same == after.policies.end() ? out : std::vector{&*same};
}

// A sum at which something happens is as strong as its action, and the lower the stronger.
void compare_thresholds(const bundle_ast& before, const bundle_ast& after, bundle_diff& out) {
  const auto effective = [](std::uint32_t sum) { return sum == 0 ? std::uint64_t{1} << 40 : std::uint64_t{sum}; };
  for (const policy_ast& was : before.policies) {
    if (!was.anomaly) continue;
    const auto sums = successors(was, after);
    if (sums.empty()) continue;  // its rules add to no sum any more: that says it
    if (sums.size() > 1) {
      note(out, effect::may_weaken, "policy " + was.name + ": what its rules added to one sum they add to several now");
      continue;
    }
    const policy_ast* now = sums.front();
    const anomaly_spec a = *was.anomaly, b = now->anomaly.value_or(anomaly_spec{});
    const bool weaker = effective(b.request) > effective(a.request) || effective(b.response) > effective(a.response) || b.action < a.action;
    const bool differs = a.request != b.request || a.response != b.response || a.action != b.action;
    if (!differs) continue;
    const auto said = [](const anomaly_spec& t) { return "request " + std::to_string(t.request) + ", response " + std::to_string(t.response) + ", " + std::string(to_string(t.action)); };
    note(out, weaker ? effect::weaker : effect::stronger, "policy " + was.name + ": thresholds " + said(a) + " → " + (now->anomaly ? said(b) : "none"));
  }
  for (const policy_ast& now : after.policies) {
    const auto was = std::ranges::find(before.policies, now.name, &policy_ast::name);
    if (!now.anomaly || was == before.policies.end() || was->anomaly) continue;
    note(out, effect::stronger, "policy " + now.name + ": thresholds added");
  }
}

// Where nodes that otherwise go on unrecorded do not.
void compare_records(const bundle_ast& before, const bundle_ast& after, bundle_diff& out) {
  const lattice_result change = compare_needs_record(before, after);
  if (change.effect == effect::none) return;
  std::string where;
  for (const std::string& cell : change.cells) where += (where.empty() ? "" : "; ") + cell;
  const bool weaker = change.effect == effect::weaker;
  note(out, change.effect,
       !change.exact ? "audit.on_full: too many scopes to compare each; taken as one that may weaken"
       : weaker      ? "audit.on_full: block is not asked for any more: " + where
                     : "audit.on_full: block is asked for where it was not");
}

// The sooner rules go to shadow by themselves, the fewer people it takes to switch one off.
void compare_breaker(const breaker_terms& a, const breaker_terms& b, bundle_diff& out) {
  if (a.on != b.on) return note(out, b.on ? effect::may_weaken : effect::changed, std::string("breaker: ") + (b.on ? "on now: it may demote rules" : "off now"));
  if (!a.on || std::tie(a.rule, a.version, a.users_min) == std::tie(b.rule, b.version, b.users_min)) return;
  const auto said = [](const breaker_terms& t) { return "rule " + shortest(t.rule) + ", version " + shortest(t.version) + ", users_min " + std::to_string(t.users_min); };
  const bool sooner = b.rule < a.rule || b.version < a.version || b.users_min < a.users_min;
  note(out, sooner ? effect::may_weaken : effect::changed, "breaker: " + said(a) + " → " + said(b) + (sooner ? ": it may demote rules sooner" : ""));
}

void compare_limits(const bundle_ast& before, const bundle_ast& after, bundle_diff& out) {
  const auto& a = before.limits;
  const auto& b = after.limits;
  const auto look = [&](const char* key, std::uint64_t was, std::uint64_t now) {
    if (was != now) note(out, effect::changed, std::string("limits.") + key + ": " + std::to_string(was) + " → " + std::to_string(now));
  };
  look("max_rules", a.rules_max, b.rules_max);
  look("max_patterns", a.patterns_max, b.patterns_max);
  look("max_pattern_bytes", a.pattern_bytes_max, b.pattern_bytes_max);
  look("max_db_bytes", a.database_bytes_max, b.database_bytes_max);
  if (a.rule_cpu_us_p99 != b.rule_cpu_us_p99) note(out, effect::changed, "limits.rule_cpu_us_p99 changed");
}

// What owners demand of a node's configuration.
template <class Each>
void compare_demands(const char* what, const std::vector<Each>& before, const std::vector<Each>& after, bundle_diff& out) {
  for (const Each& now : after) {
    const auto was = std::ranges::find(before, now.name, &Each::name);
    if (was == before.end()) continue;
    const audit_spec a = was->audit.value_or(audit_spec{}), b = now.audit.value_or(audit_spec{});
    const auto demanded = [](const audit_spec& each) { return std::tie(each.store_text, each.subject_id, each.region_pin, each.retention); };
    if (demanded(a) != demanded(b)) note(out, effect::changed, std::string(what) + " " + now.name + ": what it demands of records changed");
  }
}

}  // namespace

void compare_bundle(const bundle_ast& before, const bundle_ast& after, bundle_diff& out) {
  compare_on_error(before, after, out);
  compare_thresholds(before, after, out);
  compare_records(before, after, out);
  compare_breaker(before.breaker, after.breaker, out);
  compare_limits(before, after, out);
  compare_demands("policy", before.policies, after.policies, out);
  compare_demands("overlay", before.overlays, after.overlays, out);
}

}  // namespace sluice::policy
