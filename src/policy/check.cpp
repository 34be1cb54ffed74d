// What a parser cannot see: references, duplicates, dates and limits of a whole bundle. Patterns: check_pattern.cpp;
// rules: check_rule.cpp.
#include <algorithm>

#include "check_pass.hpp"

namespace sluice::policy {
namespace {

void add(check_pass& pass, severity how, const place& at, std::string message, std::string advice) {
  constexpr std::size_t diagnostics_max = 1000;
  if (pass.found.size() >= diagnostics_max) return;
  pass.found.push_back(
      {.severity = how, .place = at, .rule = pass.rule, .message = std::move(message), .advice = std::move(advice)});
}

bool axis_meets(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() || b.empty()) return true;
  return std::ranges::any_of(a, [&](const std::string& value) { return std::ranges::find(b, value) != b.end(); });
}

bool scopes_meet(const scope& a, const scope& b) {
  return axis_meets(a.region, b.region) && axis_meets(a.tenant, b.tenant) && axis_meets(a.tier, b.tier) &&
         axis_meets(a.route, b.route) && axis_meets(a.model, b.model);
}

void check_dates(check_pass& pass, const std::string& what, const place& at, const std::string& review_by,
                 const std::string& expires) {
  if (!review_by.empty() && end_of_day(review_by) <= pass.today) {
    pass.warn(at, what + " should have been reviewed by " + review_by, "review it and set a new date");
  }
  if (!expires.empty() && end_of_day(expires) <= pass.today) {
    pass.warn(at, what + " expired on " + expires + "; it stays in force", "remove it, or set a new date");
  }
}

void check_audit(check_pass& pass, const std::optional<audit_spec>& audit) {
  if (audit) pass.warn(audit->place, "'audit' is a demand on the nodes' configuration; a bundle cannot change what they record", "hold it against 'audit' in sluice.yaml");
}

void check_policy(check_pass& pass, policy_ast& policy) {
  refuse_unsupported(pass, policy);
  check_audit(pass, policy.audit);
  check_dates(pass, "policy '" + policy.name + "'", policy.place, policy.review_by, policy.expires);
  if (policy.owner.empty())
    pass.warn(policy.place, "policy '" + policy.name + "' has no owner", "add owner to metadata");
  const bool meets =
      std::ranges::any_of(policy.binds, [&](const scope& bind) { return scopes_meet(policy.scope, bind); });
  if (!meets && !policy.binds.empty()) {
    pass.error(policy.place, "the scope of policy '" + policy.name + "' and its bind in bundle.yaml never fit together",
               "name the same values in both");
  }
  for (rule& checked : policy.rules) {
    pass.rule = checked.id;
    check_rule(pass, policy, checked);
    pass.rule.clear();
  }
}

void check_limits(check_pass& pass) {
  std::size_t rules = 0;
  for (const policy_ast& policy : pass.bundle.policies) rules += policy.rules.size();
  if (rules > pass.bundle.limits.rules_max) {
    pass.error({.file = "bundle.yaml"},
               "the bundle has " + std::to_string(rules) + " rules; the limit is " +
                   std::to_string(pass.bundle.limits.rules_max),
               "raise limits.max_rules");
  }
  if (pass.patterns > pass.bundle.limits.patterns_max) {
    pass.error({.file = "bundle.yaml"},
               "the rules use " + std::to_string(pass.patterns) + " words and patterns; the limit is " +
                   std::to_string(pass.bundle.limits.patterns_max),
               "raise limits.max_patterns");
  }
}

}  // namespace

void check_pass::error(const place& at, std::string message, std::string advice) {
  add(*this, severity::error, at, std::move(message), std::move(advice));
}
void check_pass::warn(const place& at, std::string message, std::string advice) {
  add(*this, severity::warning, at, std::move(message), std::move(advice));
}

wall_time end_of_day(const std::string& date) {
  const auto begin = parse_time(date);
  return begin ? *begin + std::chrono::days(1) : wall_time{};
}

void check(bundle_ast& bundle, wall_time today, diagnostics& found, expired_exceptions how) {
  check_pass pass{.bundle = bundle, .today = today, .found = found, .how = how};
  for (auto& [name, list] : bundle.lists) {
    check_words(pass, list.words, list.place);
    check_dates(pass, "list '" + name + "'", list.place, list.review_by, {});
  }
  refuse_unsupported(pass, bundle);
  for (const overlay_ast& overlay : bundle.overlays) check_audit(pass, overlay.audit);
  for (policy_ast& policy : bundle.policies) check_policy(pass, policy);
  for (const auto& [name, list] : bundle.lists) {
    if (!list.used) pass.warn(list.place, "list '" + name + "' is used by no rule", "use it or remove it");
  }
  check_limits(pass);
}

}  // namespace sluice::policy
