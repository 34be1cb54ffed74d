// Whole bodies: what part_match.cpp finds in each part is judged. External interface: evaluate().
#include "sluice/policy/evaluate.hpp"

#include <algorithm>
#include <utility>

#include "evaluation.hpp"

namespace sluice::policy {
namespace {

void deny(const evaluate_options& options, outcome& out, const char* why) {
  out.shadow_verdict = verdict::block;
  out.verdict = options.global_shadow ? verdict::allow : verdict::block;
  out.reason = why;
}

void make_edits(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, std::vector<pending_edit> pending, outcome& out) {
  if ((out.verdict == verdict::block && !options.edits_of_blocked) || pending.empty()) return;
  std::vector<std::string_view> texts;
  for (const auto& p : parts) texts.push_back(p.text);
  token_map counted;
  out.edits = merge_edits(rules, std::move(pending), texts, options, options.tokens != nullptr ? *options.tokens : counted);
}

// Everything but a request's edits, which are made of what `pending` gets once its tags are known.
outcome judge_parts(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working, std::vector<pending_edit>& pending) {
  outcome out;
  if (rules.denies_all) {
    deny(options, out, "no policy");
    return out;
  }
  if (!(options.direction == direction::request ? rules.any_request : rules.any_response)) return out;
  auto& s = working.get();
  if (!prepare(s, rules.owner)) {
    deny(options, out, "matcher unavailable: out of memory");
    return out;
  }
  evaluation run(rules, options, s, out);
  const bool seams = has_seams(rules, parts, options.direction);
  if (seams) run.expect_seams(parts);
  for (std::size_t i = 0; i < parts.size(); ++i) run.part(static_cast<std::uint32_t>(i), parts[i]);
  if (seams) run.join();
  run.finish();
  pending = std::move(run.edits());
  // What comes behind an answer depends on what its edits leave.
  if (options.direction == direction::response) make_edits(rules, parts, options, std::exchange(pending, {}), out);
  run.settle(parts, out);
  const auto in_last_turn = [&](std::uint32_t part) { return part >= parts.size() || parts[part].last_turn; };
  for (auto& f : out.findings) {
    f.last_turn = in_last_turn(f.part) || std::ranges::any_of(f.more, [&](const text_span& rest) { return in_last_turn(rest.part); });
  }
  s.give_back();
  return out;
}

// True when some of `more` is new.
bool add_tags(std::vector<std::string>& to, const std::vector<std::string>& more) {
  const auto before = to.size();
  for (const auto& tag : more) {
    if (std::ranges::find(to, tag) == to.end()) to.push_back(tag);
  }
  return to.size() > before;
}

// What the rules would find that apply only when the rules in shadow tag as well. `real` is judged with the enforced tags.
void add_shadow(const snapshot& with, context who, std::span<const text_part> parts, const evaluate_options& options, scratch& working, judged_request& real) {
  const ruleset* rules = real.rules;
  auto tags = real.what.shadow_tags;
  std::vector<pending_edit> unused;
  while (add_tags(who.tags, tags)) {
    const auto& next = with.rules_for(who);
    if (&next == rules) return;
    rules = &next;
    auto would = judge_parts(*rules, parts, options, working, unused);
    tags = std::move(would.shadow_tags);
    add_tags(tags, would.tags);
    real.what.shadow_verdict = std::max(real.what.shadow_verdict, would.shadow_verdict);
    for (auto& each : would.findings) {
      if (real.rules->active.has(each.rule)) continue;
      const auto same = [&](const finding& f) { return f.rule == each.rule && f.part == each.part && f.begin == each.begin && f.end == each.end; };
      if (std::ranges::any_of(real.what.findings, same)) continue;
      if (real.what.findings.size() >= findings_max) {
        real.what.findings_truncated = true;
        break;
      }
      each.enforced = false;
      real.what.findings.push_back(std::move(each));
    }
  }
}

}  // namespace

void mark_last_turn(std::span<text_part> request) {
  std::size_t said = 0, begin = 0;
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request[i].role == role::assistant) said = i + 1;
    if (request[i].role == role::user || request[i].role == role::tool) begin = said;
  }
  for (std::size_t i = 0; i < request.size(); ++i) request[i].last_turn = i >= begin;
}

outcome evaluate(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
  std::vector<pending_edit> pending;
  auto out = judge_parts(rules, parts, options, working, pending);
  make_edits(rules, parts, options, std::move(pending), out);
  return out;
}

judged_request evaluate_request(const snapshot& with, const ruleset& rules, context& who, std::span<const text_part> parts, const evaluate_options& options,
                                scratch& working) {
  std::vector<pending_edit> pending;
  judged_request out{.rules = &rules, .what = {}};
  out.what = judge_parts(*out.rules, parts, options, working, pending);
  std::vector<std::string> tags;
  while (add_tags(tags, out.what.tags)) {
    add_tags(who.tags, tags);
    const auto& next = with.rules_for(who);
    if (&next == out.rules) break;
    out.rules = &next;
    pending.clear();
    out.what = judge_parts(next, parts, options, working, pending);
  }
  out.what.tags = std::move(tags);
  if (!out.what.shadow_tags.empty()) add_shadow(with, who, parts, options, working, out);
  make_edits(*out.rules, parts, options, std::move(pending), out.what);
  return out;
}

judged_request evaluate_either(const snapshot& with, context& who, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
  const auto& rules = with.rules_for(who);
  if (options.direction == direction::request) return evaluate_request(with, rules, who, parts, options, working);
  return {.rules = &rules, .what = evaluate(rules, parts, options, working)};
}

}  // namespace sluice::policy
