// What a rule that does more, or does it to more texts, takes away from others: a tag that it sets may loosen them, and a text that it puts
// into an answer may be the disclaimer that they look for.
#include <optional>
#include <set>

#include "asked_tags.hpp"
#include "diff_parts.hpp"

namespace sluice::policy {
namespace {

using tag_set = std::set<std::string>;

// Whether a rule of the policy, or what an overlay makes of one, is such.
bool has_any(const policy_ast& policy, const auto& is) { return std::ranges::any_of(policy.rules, is) || std::ranges::any_of(policy.variants, is, &rule_variant::rule); }

// A conversation that has one of these may fare better than one that has not: an exception or an overlay asks for it, or a policy whose
// rules set such a tag.
tag_set loosening_tags(const bundle_ast& in) {
  tag_set out;
  for (const overlay_ast& overlay : in.overlays) add_tags_of(overlay, out);
  const auto add_exceptions = [&](const rule& each) {
    for (const exception_spec& exception : each.exceptions) add_tags(exception.when, out);
  };
  for (const policy_ast& policy : in.policies) {
    for (const rule& each : policy.rules) add_exceptions(each);
    for (const rule_variant& each : policy.variants) add_exceptions(each.rule);
  }
  for (std::size_t known = out.size() + 1; known != out.size() && !out.empty();) {
    known = out.size();
    for (const policy_ast& policy : in.policies) {
      const auto sets = [&](const rule& each) { return std::ranges::any_of(each.action.tags, [&](const std::string& tag) { return out.contains(tag); }); };
      if (has_any(policy, sets)) add_tags_of(policy, out);
    }
  }
  return out;
}

// The disclaimers that enforced rules of the bundle look for.
std::vector<const disclaimer_spec*> wanted_disclaimers(const bundle_ast& in) {
  std::vector<const disclaimer_spec*> out;
  for (const policy_ast& policy : in.policies) {
    for (const auto& [name, each] : policy.disclaimers) {
      const auto wants = [&](const rule& r) { return r.action.type == action::require_disclaimer && r.enforcement == enforcement::enforce && r.action.disclaimer == name; };
      if (has_any(policy, wants)) out.push_back(&each);
    }
  }
  return out;
}

bool is_there(const disclaimer_spec& wanted, const std::string& said) {
  if (wanted.present_if) return looks_for(*wanted.present_if, said);
  match_spec itself;
  itself.keywords.words = {wanted.text};
  itself.keywords.boundary = boundary::none;
  return looks_for(itself, said);
}

// Of the texts that the rule puts into answers, one in which a disclaimer is that another rule looks for.
std::string disclaiming_text(const placed_rule& of, const bundle_ast& wanting) {
  std::optional<std::vector<const disclaimer_spec*>> wanted;  // only few rules put texts in
  std::string out;
  (void)is_any(*of.owner, *of.rule, [&](const rule& each) {
    if (each.enforcement != enforcement::enforce || each.direction == direction::request) return false;
    for (const std::string& text : put_in_place(each)) {
      if (!wanted) wanted = wanted_disclaimers(wanting);
      if (std::ranges::any_of(*wanted, [&](const disclaimer_spec* d) { return is_there(*d, text); })) out = text;
    }
    return !out.empty();
  });
  return out;
}

}  // namespace

void compare_consequences(const placed_rule* was, const placed_rule& now, const lattice_result& lattice, rule_change& out) {
  if (now.bundle == nullptr || out.effect == effect::weaker) return;
  const bool matches_more = out.effect == effect::stronger;
  tag_set more(lattice.tags.begin(), lattice.tags.end());  // tags that more conversations get
  if (matches_more || !lattice.exact) {
    (void)is_any(*now.owner, *now.rule, [&](const rule& each) {
      if (each.enforcement == enforcement::enforce) more.insert(each.action.tags.begin(), each.action.tags.end());
      return false;
    });
  }
  const tag_set loosening = more.empty() ? tag_set() : loosening_tags(*now.bundle);
  for (const std::string& tag : more) {
    if (loosening.contains(tag)) note(out, effect::may_weaken, "action: more conversations get the tag '" + tag + "', for which an exception or an overlay asks, or a policy that leads to one");
  }
  const std::string said = disclaiming_text(now, *now.bundle);
  if (said.empty() || (!matches_more && was != nullptr && disclaiming_text(*was, *now.bundle) == said)) return;
  note(out, effect::may_weaken, "action: \"" + said + "\" is put into answers, and is a disclaimer that another rule looks for");
}

}  // namespace sluice::policy
