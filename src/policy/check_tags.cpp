// Tags of conversations: what sets one and what asks for it. A request is judged again with the tags that its rules set, so a tag must
// not lead back to itself: that would never end, or end by chance.
#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "asked_tags.hpp"
#include "check_pass.hpp"

namespace sluice::policy {
namespace {

// A rule that sets one tag where the conversation has another.
struct tag_step {
  std::string to, rule;
  policy::place place;
};
using tag_steps = std::multimap<std::string, tag_step>;  // by the tag that is asked for

void add_steps(const rule& setter, const std::set<std::string>& asked, tag_steps& out) {
  if (setter.action.type != action::tag || setter.enforcement == enforcement::off) return;
  std::set<std::string> all = asked;
  for (const exception_spec& exception : setter.exceptions) add_tags(exception.when, all);
  for (const std::string& from : all) {
    for (const std::string& to : setter.action.tags) out.emplace(from, tag_step{.to = to, .rule = setter.id, .place = setter.action.place});
  }
}

tag_steps steps_of(const bundle_ast& bundle) {
  tag_steps out;
  for (const policy_ast& policy : bundle.policies) {
    std::set<std::string> asked;
    add_tags_of(policy, asked);
    for (const rule& each : policy.rules) add_steps(each, asked, out);
    for (const rule_variant& variant : policy.variants) {
      std::set<std::string> patched = asked;
      for (const overlay_ast& overlay : bundle.overlays) {
        if (std::ranges::find(variant.overlays, overlay.name) != variant.overlays.end()) add_tags_of(overlay, patched);
      }
      // What the overlay takes away from a rule that tags depends on the tag as well.
      add_steps(variant.rule, patched, out);
      if (variant.rule.action.type != action::tag || variant.rule.enforcement == enforcement::off) add_steps(policy.rules[variant.base], patched, out);
    }
  }
  return out;
}

// The steps from `at` back to `to`; empty when there are none.
bool leads_to(const tag_steps& all, const std::string& at, const std::string& to, std::set<std::string>& seen, std::vector<const tag_step*>& path) {
  const auto [first, last] = all.equal_range(at);
  for (auto step = first; step != last; ++step) {
    path.push_back(&step->second);
    if (step->second.to == to) return true;
    if (seen.insert(step->second.to).second && leads_to(all, step->second.to, to, seen, path)) return true;
    path.pop_back();
  }
  return false;
}

std::string circle(const std::string& from, std::span<const tag_step* const> path) {
  std::string out = "tags lead in a circle: ";
  std::string asked = from;
  for (const tag_step* step : path) {
    out += (step == path.front() ? "" : "; ") + ("rule '" + step->rule + "' (" + to_string(step->place) + ") sets '" + step->to + "' where the conversation has '" + asked + "'");
    asked = step->to;
  }
  return out;
}

void check_circles(check_pass& pass) {
  const tag_steps all = steps_of(pass.bundle);
  std::set<std::string> said;
  for (const auto& [from, step] : all) {
    if (said.contains(from)) continue;
    std::set<std::string> seen;
    std::vector<const tag_step*> path;
    if (!leads_to(all, from, from, seen, path)) continue;
    for (const tag_step* each : path) said.insert(each->to);
    pass.error(path.front()->place, circle(from, path), "let one of them apply without the tag");
  }
}

// A scope that asks for a tag that no rule sets never fits: nothing else tags a conversation.
void check_asked(check_pass& pass) {
  std::set<std::string> set;
  for (const policy_ast& policy : pass.bundle.policies) {
    const auto add = [&](const rule& each) { set.insert(each.action.tags.begin(), each.action.tags.end()); };
    for (const rule& each : policy.rules) add(each);
    for (const rule_variant& each : policy.variants) add(each.rule);
  }
  const auto warn = [&](const std::string& what, const place& at, const std::set<std::string>& asked) {
    for (const std::string& tag : asked) {
      if (!set.contains(tag)) pass.warn(at, what + " asks for the conversation tag '" + tag + "', which no rule sets", "add a rule with action: {type: tag, tags: [" + tag + "]}");
    }
  };
  for (const policy_ast& policy : pass.bundle.policies) {
    std::set<std::string> asked;
    add_tags_of(policy, asked);
    warn("policy '" + policy.name + "'", policy.place, asked);
    for (const rule& each : policy.rules) {
      for (const exception_spec& exception : each.exceptions) {
        std::set<std::string> tags;
        add_tags(exception.when, tags);
        warn("exception '" + exception.id + "'", exception.place, tags);
      }
    }
  }
  for (const overlay_ast& overlay : pass.bundle.overlays) {
    std::set<std::string> asked;
    add_tags_of(overlay, asked);
    warn("overlay '" + overlay.name + "'", overlay.place, asked);
  }
}

}  // namespace

void check_tags(check_pass& pass) {
  check_circles(pass);
  check_asked(pass);
}

}  // namespace sluice::policy
