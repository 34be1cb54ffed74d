// What a parser cannot see: references, duplicates, dates and limits of a whole bundle. Patterns: check_pattern.cpp;
// rules: check_rule.cpp.
#include <algorithm>
#include <set>

#include "check_pass.hpp"
#include "parse_overlay.hpp"
#include "presence.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

void add(check_pass& pass, severity how, const place& at, std::string message, std::string advice) {
  constexpr std::size_t diagnostics_max = 1000;
  if (pass.found.size() >= diagnostics_max) return;
  pass.found.push_back(
      {.severity = how, .place = at, .rule = pass.rule, .message = std::move(message), .advice = std::move(advice)});
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
  if (!audit || (audit->store_text.empty() && audit->subject_id.empty() && audit->region_pin.empty() && audit->retention.count() == 0)) return;
  pass.warn(audit->place, "'audit' is a demand on the nodes' configuration, all but on_full; a bundle cannot change what they record", "hold it against 'audit' in sluice.yaml");
}

// A sum that no rule adds to is never crossed.
void check_threshold(check_pass& pass, const policy_ast& policy) {
  if (!policy.anomaly) return;
  const auto looks = [&](direction d) {
    return std::ranges::any_of(policy.rules, [&](const rule& each) {
      return each.score > 0 && each.enforcement != enforcement::off && (static_cast<unsigned>(each.direction) & static_cast<unsigned>(d)) != 0;
    });
  };
  if (policy.anomaly->request > 0 && !looks(direction::request)) pass.warn(policy.anomaly->place, "no rule for requests has a score, so this threshold is never crossed", "give rules a 'score'");
  if (policy.anomaly->response > 0 && !looks(direction::response)) pass.warn(policy.anomaly->place, "no rule for answers has a score, so this threshold is never crossed", "give rules a 'score'");
}

void check_disclaimers(check_pass& pass, policy_ast& policy) {
  for (auto& [name, each] : policy.disclaimers) {
    const auto asks = [&wanted = name](const rule& r) { return r.action.disclaimer == wanted; };
    if (std::ranges::none_of(policy.rules, asks) && std::ranges::none_of(policy.variants, asks, &rule_variant::rule)) {
      pass.warn(each.place, "disclaimer '" + name + "' is asked for by no rule", "use it or remove it");
    }
    if (!each.present_if) continue;
    check_match(pass, *each.present_if, rule{}, false);
    if (is_sign(*each.present_if)) continue;
    pass.error(each.place, "'present_if' of disclaimer '" + name + "' is more than words and patterns, or asks for something around them",
               "write keywords, a list, a phrase, a regex, or any: of these");
  }
}

void check_policy(check_pass& pass, policy_ast& policy) {
  check_threshold(pass, policy);
  check_audit(pass, policy.audit);
  check_disclaimers(pass, policy);
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
  for (rule_variant& variant : policy.variants) {
    pass.rule = variant.rule.id;
    check_variant(pass, policy, variant);
    pass.rule.clear();
  }
}

void check_overlay(check_pass& pass, const overlay_ast& overlay) {
  check_audit(pass, overlay.audit);
  if (overlay.owner.empty()) pass.warn(overlay.place, "overlay '" + overlay.name + "' has no owner", "add owner to metadata");
  if (overlay.binds.empty() || std::ranges::any_of(overlay.binds, [&](const scope& bind) { return scopes_meet(overlay.scope, bind); })) return;
  pass.error(overlay.place, "the scope of overlay '" + overlay.name + "' and its bind in bundle.yaml never fit together", "name the same values in both");
}

// A suite names a policy that there is, and expects rules that its policy, or the bundle, has.
void check_suite(check_pass& pass, const suite_ast& suite) {
  std::vector<std::string_view> policies;
  std::set<std::string_view> rules;
  for (const policy_ast& policy : pass.bundle.policies) {
    policies.push_back(policy.name);
    if (!suite.policy.empty() && suite.policy != policy.name) continue;
    for (const rule& each : policy.rules) rules.insert(each.id);
  }
  if (!suite.policy.empty() && std::ranges::find(policies, suite.policy) == policies.end()) {
    const std::string_view near = nearest(suite.policy, policies);
    pass.error(suite.place, "test suite '" + suite.name + "' is of policy '" + suite.policy + "', which does not exist",
               near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
    return;
  }
  for (const test_spec& test : suite.tests) {
    const auto& expect = test.expect;
    for (const auto* ids : {&expect.rules_any, &expect.rules_none, &expect.shadow, expect.rules ? &*expect.rules : &expect.rules_any}) {
      for (const std::string& id : *ids) {
        if (!rules.contains(id)) pass.error(test.place, "test '" + test.name + "' expects rule '" + id + "', which is not there", "correct the id");
      }
    }
  }
}

bool asks(const match_spec& match, const std::string& model) {
  return (match.kind == match_spec::kind::classifier && match.classifier.name == model) ||
         std::ranges::any_of(match.children, [&](const match_spec& child) { return asks(child, model); });
}

// It is loaded on every node, and says nothing.
void check_models(check_pass& pass) {
  for (const model_ast& model : pass.bundle.models) {
    const bool asked = std::ranges::any_of(pass.bundle.policies, [&](const policy_ast& policy) {
      return std::ranges::any_of(policy.rules, [&](const rule& each) { return asks(each.match, model.name); }) ||
             std::ranges::any_of(policy.variants, [&](const rule_variant& each) { return asks(each.rule.match, model.name); });
    });
    if (!asked) pass.warn(model.place, "classifier '" + model.name + "' is asked by no rule", "use it or remove it");
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

void check(bundle_ast& bundle, wall_time today, diagnostics& found, expired_exceptions how, shard_cache* known) {
  shard_cache none("");
  check_pass pass{.bundle = bundle, .today = today, .found = found, .cache = known != nullptr ? *known : none, .how = how};
  for (auto& [name, list] : bundle.lists) {
    check_words(pass, list.words, list.place);
    check_dates(pass, "list '" + name + "'", list.place, list.review_by, {});
  }
  for (const overlay_ast& overlay : bundle.overlays) check_overlay(pass, overlay);
  for (policy_ast& policy : bundle.policies) check_policy(pass, policy);
  for (const suite_ast& suite : bundle.suites) check_suite(pass, suite);
  for (const auto& [name, list] : bundle.lists) {
    if (list.used) continue;
    // Whoever publishes means it to act; a node goes on with what was published before.
    const auto say = pass.how != expired_exceptions::leave_out ? &check_pass::error : &check_pass::warn;
    (pass.*say)(list.place, "list '" + name + "' is used by no rule", "use it or remove it");
  }
  check_models(pass);
  check_tags(pass);
  check_limits(pass);
}

}  // namespace sluice::policy
