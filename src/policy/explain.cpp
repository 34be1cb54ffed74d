// One text against every rule, with reasons.
#include "sluice/policy/explain.hpp"

#include <algorithm>

#include "sluice/match/regex.hpp"
#include "sluice/match/validator.hpp"
#include "sluice/text/view.hpp"
#include "program.hpp"
#include "trial.hpp"

namespace sluice::policy {
namespace {

// The first thing for which the scope refuses the context; empty when it fits.
std::string misfit(const scope& s, const context& who) {
  if (fits(s, who)) return {};
  const auto say = [](std::string_view axis, const std::vector<std::string>& allowed, const std::string& value) {
    std::string out = std::string(axis) + " must be one of [";
    for (const std::string& each : allowed) out += (out.back() == '[' ? "" : ", ") + each;
    return out + "], here it is " + (value.empty() ? "not known" : "'" + value + "'");
  };
  for (const auto& axis : scope_axes) {
    if (!axis.fits(s, who)) return say(axis.name, s.*axis.allowed, who.*axis.value);
  }
  if (!has_tag_of(s, who)) return say("a conversation_tag", s.conversation_tag, "");
  return "the time is outside of the hours in " + s.time->zone;
}

std::string why_not(const policy_ast& owner, const rule& of, const explain_request& asked) {
  if (of.enforcement == enforcement::off) return "enforcement is off";
  if (std::string own = misfit(owner.scope, asked.who); !own.empty()) return "scope: " + own;
  std::string bind;
  for (const scope& each : owner.binds) {
    bind = misfit(each, asked.who);
    if (bind.empty()) break;
  }
  if (!bind.empty()) return "bind: " + bind;
  if ((static_cast<unsigned>(of.direction) & static_cast<unsigned>(asked.direction)) == 0) {
    return "direction: only " + std::string(to_string(of.direction));
  }
  const auto& [roles, parts, last_turn] = of.where;
  if (!roles.empty() && std::ranges::find(roles, asked.role) == roles.end()) {
    return "where: not in text of the role " + std::string(to_string(asked.role));
  }
  if (!parts.empty() && std::ranges::find(parts, asked.part) == parts.end()) {
    return "where: not in parts of the kind " + std::string(to_string(asked.part));
  }
  return {};
}

std::vector<explanation::record_demand> demands_of(const bundle_ast& bundle, const context& who) {
  std::vector<explanation::record_demand> out;
  const auto look = [&](const auto& each, const char* kind) {
    const auto fits = [&](const scope& s) { return misfit(s, who).empty(); };
    if (needs_record(each) && fits(each.scope) && std::ranges::any_of(each.binds, fits)) out.push_back({kind + each.name, to_string(each.audit->place)});
  };
  for (const policy_ast& policy : bundle.policies) look(policy, "policy ");
  for (const overlay_ast& overlay : bundle.overlays) look(overlay, "overlay ");
  return out;
}

std::string_view name_of(validator v) { return v == validator::none ? std::string_view{} : match::entry_of(v).name; }

// What nearly happened: a pattern that matched and was refused afterwards.
std::string near_miss(const match_spec& match, const std::string& original) {
  if (match.kind != match_spec::kind::regex) return {};
  const auto compiled = match::regex::compile(match.regex.pattern);
  if (!compiled) return {};
  text::view view;
  text::make_view(original, match.regex.folded ? text::view_kind::folded : text::view_kind::regex, view);
  match::match_state state;
  const auto hit = compiled->find(text::edged_text(view), 0, false, state);
  if (hit.status == match::regex::status::unavailable) return "the pattern passed the engine's limits on this text";
  if (hit.status != match::regex::status::match) return {};
  const auto span = view.to_original(static_cast<std::uint32_t>(hit.begin), static_cast<std::uint32_t>(hit.end));
  const std::string at =
      "the pattern matches at " + std::to_string(span.begin) + ".." + std::to_string(span.end) + ", but ";
  if (match.validator != validator::none)
    return at + "validator " + std::string(name_of(match.validator)) + " refuses it";
  if (!match.regex.prefilter.empty()) return at + "none of the prefilter words is in the text";
  return {};
}

// What is in force for a rule: the variant that the ruleset names, with who changed what; otherwise the rule itself.
const rule& in_force(const policy_ast& owner, std::uint32_t first, std::uint32_t base, const ruleset& rules, std::vector<explained_rule::patch>& patches) {
  for (std::size_t i = 0; i < owner.variants.size(); ++i) {
    const rule_variant& variant = owner.variants[i];
    if (variant.base != base || !rules.active.has(static_cast<std::uint32_t>(first + owner.rules.size() + i))) continue;
    for (std::size_t p = 0; p < variant.patches.size(); ++p) {
      patches.push_back({.overlay = variant.overlays[p], .place = to_string(variant.patches[p].place), .changed = variant.patches[p].changed});
    }
    return variant.rule;
  }
  return owner.rules[base];
}

std::string rollout_note(const rollout_spec& share) {
  const auto hundredths = share.basis_points % 100;
  return "rollout: enforced for " + std::to_string(share.basis_points / 100) +
         (hundredths == 0 ? "" : "." + std::to_string(hundredths / 10) + std::to_string(hundredths % 10)) +
         " %, in shadow for the others; shown as inside";
}

explained_rule describe(const policy_ast& owner, const rule& of, const explain_request& asked) {
  explained_rule out;
  out.id = of.id;
  out.policy = owner.name;
  out.title = of.title;
  out.place = to_string(of.place);
  out.enforcement = of.enforcement;
  out.action = of.action.type;
  out.score = static_cast<std::uint32_t>(of.score);
  out.validator = name_of(of.match.validator);
  out.why_not = why_not(owner, of, asked);
  out.applies = out.why_not.empty();
  return out;
}

explained_rule::excuse excuse_of(const rule& of, const suppression& kept) {
  explained_rule::excuse out{.exception = kept.exception_id, .owner = kept.owner, .ticket = kept.ticket, .reason = {}, .expires = {}, .begin = kept.begin, .end = kept.end, .count = kept.count};
  const auto at = std::ranges::find(of.exceptions, kept.exception_id, &exception_spec::id);
  if (at == of.exceptions.end()) return out;
  out.reason = at->reason;
  out.expires = at->expires;
  return out;
}

// The form in which the finding was seen: of an expression, that of the first member that lies on it.
std::string reading_of(const std::vector<sighting>& seen, const finding& hit) {
  const auto lies_on = [&](const sighting& s) { return s.rule == hit.rule && s.part == hit.part && s.begin < hit.end && hit.begin < s.end; };
  const auto at = std::ranges::find_if(seen, lies_on);
  return at == seen.end() ? std::string() : at->reading;
}

}  // namespace

explanation explain(const bundle_ast& bundle, const snapshot& compiled, const explain_request& asked) {
  const trial_input input{.who = asked.who,
                          .direction = asked.direction,
                          .messages = {{.who = asked.role, .content = asked.text, .part = asked.part}}};
  const std::vector<text_part> parts = parts_of(input);
  const std::uint8_t structured = is_structured(input) ? 1 : 0;
  const evaluate_options options{.direction = asked.direction, .global_shadow = asked.global_shadow, .structured = {&structured, 1}};
  scratch working;
  explain_request with_tags = asked;  // those among them that the request sets itself
  const judged_request judged = evaluate_either(compiled, with_tags.who, parts, options, working);
  const ruleset& rules = *judged.rules;
  const outcome& result = judged.what;
  explanation out;
  out.tags = result.tags;
  out.version = compiled.version();
  out.effective = effective_hash(rules);
  out.verdict = result.verdict;
  out.shadow_verdict = result.shadow_verdict;
  out.text = result.verdict == verdict::block ? asked.text : apply_edits(asked.text, 0, result.edits);
  for (const addition& behind : result.additions) out.text += behind.text;
  out.system = result.system;
  if (result.verdict == verdict::block) out.message = result.block.message;
  out.reason = result.why();
  for (const score_sum& sum : result.scores) {
    out.scores.push_back({std::string(sum.policy), sum.enforced, sum.all, sum.threshold, sum.action, sum.crossed});
  }
  for (const auto& [name, score] : result.classifier_scores) out.classifiers.emplace_back(name, score);
  const std::vector<sighting> seen = sightings(rules, parts, asked.direction, working);
  const rule_costs cost = costs(rules, parts, options, working);
  out.evaluate_ns = cost.all_ns;
  out.needs_record = demands_of(bundle, with_tags.who);
  std::uint32_t first = 0;
  for (const policy_ast& owner : bundle.policies) {
    for (std::uint32_t base = 0; base < owner.rules.size(); ++base) {
      std::vector<explained_rule::patch> patches;
      const rule& of = in_force(owner, first, base, rules, patches);
      explained_rule next = describe(owner, of, with_tags);
      next.patches = std::move(patches);
      for (const auto& [rule, ns] : cost.alone_ns) {
        if (next.applies && compiled.rules()[rule].id == of.id) next.alone_ns = ns;
      }
      for (const finding& hit : result.findings) {
        if (compiled.rules()[hit.rule].id != of.id) continue;
        next.matches.push_back({.begin = hit.begin, .end = hit.end, .enforced = hit.enforced, .action = hit.action, .reading = reading_of(seen, hit)});
      }
      for (const suppression& kept : result.suppressed) {
        if (compiled.rules()[kept.rule].id == of.id) next.suppressed.push_back(excuse_of(of, kept));
      }
      if (next.applies && next.matches.empty() && next.suppressed.empty())
        next.note = near_miss(of.match, asked.text);
      if (next.applies && next.note.empty() && of.enforcement == enforcement::enforce && of.rollout) next.note = rollout_note(*of.rollout);
      out.rules.push_back(std::move(next));
    }
    first += static_cast<std::uint32_t>(owner.rules.size() + owner.variants.size());
  }
  return out;
}

}  // namespace sluice::policy
