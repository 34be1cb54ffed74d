// Bundles compared rule by rule.
#include "sluice/policy/diff.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "diff_parts.hpp"

namespace sluice::policy {
namespace {

using rule_index = std::map<std::string, placed_rule>;

rule_index index_of(const bundle_ast& bundle) {
  rule_index out;
  for (const policy_ast& owner : bundle.policies) {
    for (const rule& each : owner.rules) out.try_emplace(each.id, placed_rule{.owner = &owner, .rule = &each, .bundle = &bundle});
  }
  return out;
}

// "2 words removed: halden, merrow"
std::string counted(const std::vector<std::string>& words, const char* what) {
  constexpr std::size_t shown_max = 5;
  std::string out = std::to_string(words.size()) + (words.size() == 1 ? " word " : " words ") + what;
  for (std::size_t i = 0; i < words.size() && i < shown_max; ++i) out += (i == 0 ? ": " : ", ") + words[i];
  return out + (words.size() > shown_max ? ", …" : "");
}

void compare_keywords(const keyword_match& a, const keyword_match& b, const std::string& what, rule_change& out) {
  const auto removed = missing_words(a.words, b.words), added = missing_words(b.words, a.words);
  if (!removed.empty()) note(out, effect::may_weaken, what + ": " + counted(removed, "removed"));
  if (!added.empty()) note(out, effect::stronger, what + ": " + counted(added, "added"));
  if (a.case_sensitive != b.case_sensitive) {
    note(out, b.case_sensitive ? effect::may_weaken : effect::stronger,
         what + ": case is " + (b.case_sensitive ? "sensitive" : "insensitive") + " now");
  }
  if (a.boundary != b.boundary) {
    note(out, b.boundary == boundary::word ? effect::may_weaken : effect::stronger,
         what + ": boundary is " + (b.boundary == boundary::word ? "word" : "none") + " now");
  }
}

// What surrounds a leaf: words near it, entropy, views, how often.
bool same_conditions(const match_spec& a, const match_spec& b) {
  const auto bounds = [](const match_spec& m) { return std::tie(m.entropy_min, m.min_count, m.views, m.decode, m.decode_depth); };
  return a.near == b.near && a.unless_near == b.unless_near && bounds(a) == bounds(b) && a.keywords.options == b.keywords.options;
}

bool same_classifier(const classifier_match& a, const classifier_match& b) {
  return std::tie(a.name, a.label, a.threshold, a.on_timeout) == std::tie(b.name, b.label, b.threshold, b.on_timeout);
}

bool same_match(const match_spec& a, const match_spec& b) {
  if (a.kind != b.kind || a.validator != b.validator || !same_conditions(a, b)) return false;
  switch (a.kind) {
    case match_spec::kind::regex:
      return a.regex.pattern == b.regex.pattern && a.regex.prefilter == b.regex.prefilter && a.regex.folded == b.regex.folded;
    case match_spec::kind::keywords:
      return a.keywords.words == b.keywords.words && a.keywords.case_sensitive == b.keywords.case_sensitive &&
             a.keywords.boundary == b.keywords.boundary;
    case match_spec::kind::classifier:
      return same_classifier(a.classifier, b.classifier);
    case match_spec::kind::any:
    case match_spec::kind::all:
    case match_spec::kind::negation:
      return std::ranges::equal(a.children, b.children, same_match);
  }
  return false;
}

void compare_models(const bundle_ast& before, const bundle_ast& after, const match_spec& match, rule_change& out) {
  for (const match_spec& child : match.children) compare_models(before, after, child, out);
  if (match.kind != match_spec::kind::classifier) return;
  const auto digest = [&](const bundle_ast& in) {
    const auto at = std::ranges::find(in.models, match.classifier.name, &model_ast::name);
    return at == in.models.end() ? std::string{} : at->sha256;
  };
  if (digest(before) != digest(after)) note(out, effect::may_weaken, "match: model '" + match.classifier.name + "' is another one");
}

void compare_match(const match_spec& a, const match_spec& b, rule_change& out) {
  if (same_match(a, b)) return;
  if (a.kind != b.kind) return note(out, effect::may_weaken, "match: another kind");
  if (!same_conditions(a, b)) note(out, effect::may_weaken, "match: its conditions changed");
  if (a.kind == match_spec::kind::keywords) return compare_keywords(a.keywords, b.keywords, "match", out);
  if (a.kind != match_spec::kind::regex) return note(out, effect::may_weaken, "match: what it is made of changed");
  if (a.regex.folded != b.regex.folded) note(out, effect::may_weaken, "match: the view in which it looks changed");
  if (a.regex.pattern != b.regex.pattern) note(out, effect::may_weaken, "match: the pattern changed");
  if (a.regex.prefilter != b.regex.prefilter) {
    note(out, b.regex.prefilter.empty() ? effect::stronger : effect::may_weaken, "match: the prefilter changed");
  }
  if (a.validator != b.validator) {
    note(out, b.validator == validator::none ? effect::stronger : effect::may_weaken, "match: the validator changed");
  }
}

// Exceptions with a match of their own; those without are part of the lattice.
void compare_exceptions(const rule& a, const rule& b, rule_change& out) {
  const auto find = [](const rule& in, const std::string& id) {
    const auto at = std::ranges::find(in.exceptions, id, &exception_spec::id);
    return at == in.exceptions.end() ? nullptr : &*at;
  };
  for (const exception_spec& now : b.exceptions) {
    const exception_spec* was = find(a, now.id);
    // Where it holds is the lattice's to weigh; not until when, nor beside which others.
    if (was == nullptr) {
      note(out, effect::may_weaken, "exception " + now.id + " added, until " + now.expires);
      continue;
    }
    const bool same_text = was->match.has_value() == now.match.has_value() && (!now.match || same_match(*was->match, *now.match)), same_place = same_scope(was->when, now.when);
    if (!same_text || !same_place) note(out, now.match ? effect::may_weaken : effect::changed, "exception " + now.id + " changed");
    if (was->expires != now.expires) {
      const bool longer = was->expires < now.expires;
      note(out, longer ? effect::may_weaken : effect::stronger, "exception " + now.id + " lasts " + (longer ? "longer" : "less long") + ", until " + now.expires);
    }
    if (was->owner != now.owner || was->ticket != now.ticket) note(out, effect::none, "exception " + now.id + " is another's: " + now.owner + ", " + now.ticket);
  }
  for (const exception_spec& was : a.exceptions) {
    if (find(b, was.id) == nullptr) note(out, effect::stronger, "exception " + was.id + " removed");
  }
}

// Who is outside of a rule's share sees it in shadow.
void compare_rollout(const rule& a, const rule& b, rule_change& out) {
  const rollout_spec was = a.rollout.value_or(rollout_spec{}), now = b.rollout.value_or(rollout_spec{});
  if (was.basis_points != now.basis_points) {
    note(out, now.basis_points < was.basis_points ? effect::weaker : effect::stronger,
         "rollout: " + std::to_string(was.basis_points / 100) + " % → " + std::to_string(now.basis_points / 100) + " %");
  }
  if (was.basis_points < 10'000 && (was.by != now.by || was.salt != now.salt)) note(out, effect::may_weaken, "rollout: of other conversations");
}

// What the match asks of things outside of it: disclaimers of the policy, models and scores.
void compare_surroundings(const placed_rule& a, const placed_rule& b, rule_change& out) {
  const auto said = [](const placed_rule& in) {
    const auto at = in.owner->disclaimers.find(in.rule->action.disclaimer);
    return at == in.owner->disclaimers.end() ? nullptr : &at->second;
  };
  const disclaimer_spec *was = said(a), *now = said(b);
  if (was != nullptr && now != nullptr) {
    const bool same = was->text == now->text && was->present_if.has_value() == now->present_if.has_value() &&
                      (!was->present_if || same_match(*was->present_if, *now->present_if));
    if (!same) note(out, effect::may_weaken, "disclaimer '" + a.rule->action.disclaimer + "' changed");
  }
  if (a.rule->score != b.rule->score && a.owner->anomaly) {
    note(out, b.rule->score < a.rule->score ? effect::may_weaken : effect::stronger, "score: " + std::to_string(a.rule->score) + " → " + std::to_string(b.rule->score));
  }
  if (a.bundle != nullptr && b.bundle != nullptr) compare_models(*a.bundle, *b.bundle, b.rule->match, out);
}

void compare_rest(const placed_rule& a, const placed_rule& b, rule_change& out) {
  if (a.owner->name != b.owner->name) note(out, effect::none, "policy: " + a.owner->name + " → " + b.owner->name);
  if (a.rule->enforcement != b.rule->enforcement) {
    note(out, effect::none,
         "enforcement: " + std::string(to_string(a.rule->enforcement)) + " → " +
             std::string(to_string(b.rule->enforcement)));
  }
  if (a.rule->direction != b.rule->direction) {
    note(out, effect::none,
         "direction: " + std::string(to_string(a.rule->direction)) + " → " + std::string(to_string(b.rule->direction)));
  }
  if (a.rule->where.roles != b.rule->where.roles) note(out, effect::none, "where: the roles changed");
  if (a.rule->where.parts != b.rule->where.parts) note(out, effect::none, "where: the parts changed");
  if (a.rule->where.last_turn_only != b.rule->where.last_turn_only) note(out, effect::none, "where: messages changed");
}

// What else a rule says of itself, wherever it is in force.
void compare_terms(const rule& a, const rule& b, rule_change& out) {
  if (a.hold_full != b.hold_full) {
    note(out, b.hold_full ? effect::stronger : effect::may_weaken, std::string("stream: the answer is ") + (b.hold_full ? "" : "not ") + "held in full now");
  }
  if (a.relaxable != b.relaxable) note(out, effect::changed, std::string("relaxable: overlays may ") + (b.relaxable ? "" : "not ") + "make it weaker now");
  if (a.never_demote != b.never_demote) {
    note(out, b.never_demote ? effect::changed : effect::may_weaken, std::string("the breaker may ") + (b.never_demote ? "not " : "") + "demote it now");
  }
  if (a.max_block_rate != b.max_block_rate) {
    // Without one it is what shadow or the gate showed, at most breaker.rule: nobody knows which is sooner.
    const bool later = a.max_block_rate && b.max_block_rate && *b.max_block_rate > *a.max_block_rate;
    note(out, later ? effect::changed : effect::may_weaken, std::string("max_block_rate changed: the breaker may demote it ") + (later ? "later" : "sooner"));
  }
  const promote_spec was = a.promote_when.value_or(promote_spec{}), now = b.promote_when.value_or(promote_spec{});
  const auto shown = [](const promote_spec& each) { return std::tie(each.min_samples, each.fpr_upper95, each.min_days); };
  if (a.promote_when.has_value() != b.promote_when.has_value() || shown(was) != shown(now)) note(out, effect::changed, "promote_when changed");
}

void compare_what(const rule& a, const rule& b, rule_change& out) {
  compare_match(a.match, b.match, out);
  compare_exceptions(a, b, out);
  compare_action(a, b, out);
  compare_rollout(a, b, out);
  compare_terms(a, b, out);
}

rule_change compare(const std::string& id, const placed_rule* was, const placed_rule* now) {
  const placed_rule& shown = now != nullptr ? *now : *was;
  rule_change out{.kind = rule_change::kind::changed,
                  .rule = id,
                  .policy = shown.owner->name,
                  .effect = effect::none,
                  .details = {},
                  .cells = {},
                  .place = shown.rule->place};
  if (was == nullptr) out.kind = rule_change::kind::added;
  if (now == nullptr) out.kind = rule_change::kind::removed;
  if (was != nullptr && now != nullptr) {
    compare_what(*was->rule, *now->rule, out);
    compare_surroundings(*was, *now, out);
    compare_rest(*was, *now, out);
  }
  const lattice_result lattice = compare_cells(was, now);
  out.effect = std::max(out.effect, lattice.effect);
  out.cells = lattice.cells;
  out.details.insert(out.details.end(), lattice.details.begin(), lattice.details.end());
  if (now != nullptr) compare_consequences(was, *now, lattice, out);
  if (!lattice.exact) out.details.emplace_back("too many scopes to compare each; taken as one that may weaken");
  if (out.effect != effect::none && out.details.empty() && out.kind == rule_change::kind::changed) {
    out.details.emplace_back("its scope changed");
  }
  return out;
}

}  // namespace

rule_change compare_text(const placed_rule& was, const placed_rule& now) {
  rule_change out;
  compare_what(*was.rule, *now.rule, out);
  compare_surroundings(was, now, out);
  return out;
}

rule_change compare_content(const policy_ast& owner, const rule& was, const rule& now) {
  policy_ast everywhere;
  everywhere.binds = {scope{}};
  everywhere.anomaly = owner.anomaly;
  everywhere.disclaimers = owner.disclaimers;
  const placed_rule a{.owner = &everywhere, .rule = &was, .bundle = nullptr}, b{.owner = &everywhere, .rule = &now, .bundle = nullptr};
  return compare(was.id, &a, &b);
}

std::string_view to_string(effect e) {
  switch (e) {
    case effect::none:
      return "no effect";
    case effect::stronger:
      return "stronger";
    case effect::changed:
      return "changed";
    case effect::may_weaken:
      return "may weaken";
    case effect::weaker:
      return "WEAKER";
  }
  return "?";
}

bundle_diff diff(const bundle_ast& before, const bundle_ast& after) {
  bundle_diff out;
  const rule_index a = index_of(before), b = index_of(after);
  std::map<std::string, std::pair<const placed_rule*, const placed_rule*>> both;
  for (const auto& [id, rule] : a) both[id].first = &rule;
  for (const auto& [id, rule] : b) both[id].second = &rule;
  for (const auto& [id, pair] : both) {
    rule_change change = compare(id, pair.first, pair.second);
    const bool silent =
        change.kind == rule_change::kind::changed && change.effect == effect::none && change.details.empty();
    if (!silent) out.rules.push_back(std::move(change));
  }
  compare_bundle(before, after, out);
  out.bundle_effect = out.effect;
  for (const rule_change& change : out.rules) out.effect = std::max(out.effect, change.effect);
  return out;
}

std::vector<decision_change> diff_decisions(std::span<const golden_result> before,
                                            std::span<const golden_result> after) {
  std::map<std::string_view, const golden_result*> old;
  for (const golden_result& each : before) old.emplace(each.id, &each);
  std::vector<decision_change> out;
  for (const golden_result& now : after) {
    const auto at = old.find(now.id);
    if (at == old.end()) continue;
    const golden_result& was = *at->second;
    if (was.action == now.action && was.rules == now.rules && was.texts == now.texts) continue;
    out.push_back({.id = now.id,
                   .set = now.set,
                   .place = now.place,
                   .before = was.action,
                   .after = now.action,
                   .rules_before = was.rules,
                   .rules_after = now.rules,
                   .text_differs = was.texts != now.texts});
  }
  return out;
}

}  // namespace sluice::policy
