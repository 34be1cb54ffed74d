// A version with some of its rules in shadow: what is compiled is shared or copied, nothing is compiled again, so that a rule that runs
// wild is out of the way at once, on a node that has neither time nor memory to spare.
#include <algorithm>

#include "asked_tags.hpp"
#include "compiled_snapshot.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::policy {

scope_map scope_map::of_demoted(const std::shared_ptr<const program>& owner) const {
  scope_map out;
  out.tag_of_ = tag_of_;
  out.class_of_ = class_of_;
  out.windows_ = windows_;
  out.tag_steps_ = tag_steps_;
  out.window_steps_ = window_steps_;
  out.axis_steps_ = axis_steps_;
  out.last_ = last_;
  out.memory_bytes_ = memory_bytes_;
  for (const auto& from : rulesets_) {
    auto made = std::make_unique<ruleset>(*from);
    made->owner = owner;
    made->recalls = false;
    std::string changes;  // what is not enforced here any more
    made->active.each([&](std::uint32_t rule) {
      const auto& r = owner->rules[rule];
      made->recalls = made->recalls || (r.restores && r.vault_ttl.count() > 0 && r.enforcement == enforcement::enforce);
      const auto& id = owner->infos[rule].id;
      if (std::ranges::binary_search(owner->demoted, id)) changes += id + '\n';
    });
    for (auto* hash : {&made->effective, &made->effective_before}) {
      if (!changes.empty() && !hash->empty()) *hash = crypto::sha256_hex(*hash + "\ndemoted\n" + changes);
    }
    out.rulesets_.push_back(std::move(made));
  }
  return out;
}

std::shared_ptr<const snapshot> compiled_snapshot::with_demoted(const std::vector<std::string>& rule_ids) const {
  auto made = std::make_shared<program>(*program_);
  for (std::size_t i = 0; i < made->rules.size(); ++i) {
    auto& rule = made->rules[i];
    const auto& id = made->infos[i].id;
    if (rule.enforcement != enforcement::enforce || std::ranges::find(rule_ids, id) == rule_ids.end()) continue;
    rule.enforcement = made->infos[i].enforcement = enforcement::shadow;
    if (std::ranges::find(made->demoted, id) == made->demoted.end()) made->demoted.push_back(id);
  }
  std::ranges::sort(made->demoted);
  auto scopes = scopes_.of_demoted(made);
  return std::make_shared<const compiled_snapshot>(std::move(made), std::move(scopes));
}

std::shared_ptr<const snapshot> in_shadow(const snapshot& of, const std::vector<std::string>& rule_ids) {
  const auto* compiled = dynamic_cast<const compiled_snapshot*>(&of);
  return compiled == nullptr ? nullptr : compiled->with_demoted(rule_ids);
}

bool may_block(const action_spec& what) {
  const bool adds = adds_text(what.type) && what.on_structured == on_structured::block;
  return changes_match(what.type) || adds || (what.type == action::require_disclaimer && what.on_missing == on_missing::block);
}

bool never_demoted(const snapshot& of, std::string_view rule_id) {
  return std::ranges::any_of(of.rules(), [&](const snapshot::rule_info& each) { return each.id == rule_id && each.never_demote; });
}

namespace {

// Of each rule, as it is said and as overlays make it.
template <class F>
void each_rule(const policy_ast& owner, F&& f) {
  for (const rule& each : owner.rules) f(each);
  for (const rule_variant& each : owner.variants) f(each.rule);
}

// Rules that stay, and what they need of others: tags, and the other parts of a sum.
struct kept_rules {
  std::set<std::string> rules, tags, sums;  // ids; tags; names of policies

  [[nodiscard]] std::size_t size() const { return rules.size() + tags.size() + sums.size(); }
  // What asks for a tag asks for it of all its rules. Exceptions do not count: without their tag they do not hold.
  void need(const bundle_ast& bundle, const policy_ast& owner) {
    each_rule(owner, [&](const rule& each) {
      if (!rules.contains(each.id)) return;
      add_tags_of(owner, tags);
      if (owner.anomaly && each.score > 0) sums.insert(owner.name);
    });
    for (const rule_variant& variant : owner.variants) {
      if (!rules.contains(variant.rule.id)) continue;
      for (const overlay_ast& overlay : bundle.overlays) {
        if (std::ranges::find(variant.overlays, overlay.name) != variant.overlays.end()) add_tags_of(overlay, tags);
      }
    }
  }
  void keep_needed(const policy_ast& owner) {
    each_rule(owner, [&](const rule& each) {
      const bool tags_it = std::ranges::any_of(each.action.tags, [&](const std::string& tag) { return tags.contains(tag); });
      if (tags_it || (each.score > 0 && sums.contains(owner.name))) rules.insert(each.id);
    });
  }
};

template <class F>
bool any_rule(const bundle_ast& bundle, F says) {
  return std::ranges::any_of(bundle.policies, [&](const policy_ast& owner) {
    return std::ranges::any_of(owner.rules, says) || std::ranges::any_of(owner.variants, says, &rule_variant::rule);
  });
}

}  // namespace

std::set<std::string> never_demoted_rules(const bundle_ast& bundle) {
  kept_rules out;
  for (const policy_ast& owner : bundle.policies) {
    each_rule(owner, [&](const rule& each) {
      if (each.never_demote) out.rules.insert(each.id);
    });
  }
  std::size_t before = 0;
  do {
    before = out.size();
    for (const policy_ast& owner : bundle.policies) out.need(bundle, owner);
    for (const policy_ast& owner : bundle.policies) out.keep_needed(owner);
  } while (before != out.size());
  return std::move(out.rules);
}

bool never_demoted(const bundle_ast& bundle, std::string_view rule_id) { return never_demoted_rules(bundle).contains(std::string(rule_id)); }

bool has_rule(const bundle_ast& bundle, std::string_view rule_id) {
  return any_rule(bundle, [&](const rule& each) { return each.id == rule_id; });
}

void put_in_shadow(bundle_ast& bundle, const std::string& rule_id) {
  const auto demote = [&](rule& each) {
    if (each.id == rule_id) each.enforcement = std::min(each.enforcement, enforcement::shadow);
  };
  for (policy_ast& owner : bundle.policies) {
    std::ranges::for_each(owner.rules, demote);
    for (rule_variant& variant : owner.variants) demote(variant.rule);
  }
}

}  // namespace sluice::policy
