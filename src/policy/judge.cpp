// See judge.hpp.
#include "judge.hpp"

#include <algorithm>
#include <tuple>

#include "exception.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/text/json.hpp"

namespace sluice::policy {
namespace {

verdict verdict_of(action a, bool editable) {
  return changes_match(a) && !editable ? verdict::block : traits_of(a).verdict;
}

std::string_view first_of(std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (!name.empty()) return name;
  }
  return {};
}

// Always the same for one salt. Each field is led by its length, so that no two sets of fields read alike.
std::uint32_t bucket_of(std::string_view salt, std::string_view tenant, std::string_view sticky) {
  std::string bytes;
  for (const auto field : {salt, tenant, sticky}) {
    bytes += std::to_string(field.size()) + ':';
    bytes += field;
  }
  const auto digest = crypto::sha256(bytes);
  std::uint64_t high = 0;
  for (std::size_t i = 0; i < 4; ++i) high = high << 8 | digest[i];
  return static_cast<std::uint32_t>(high * 10'000 >> 32);
}

std::uint32_t bucket_of(const rollout_spec& share, const context& who, std::string_view caller) {
  using enum rollout_spec::by;
  const auto sticky = share.by == tenant    ? std::string_view()
                      : share.by == user_id ? first_of({who.user, caller})
                                            : first_of({who.conversation, who.user, caller});
  return bucket_of(share.salt, who.tenant, sticky);
}

// What tells equal values of one tenant, and nothing else about them.
std::string short_hash(std::string_view value, const evaluate_options& options) {
  if (options.hash_key.empty()) return "#00000000";
  const std::string_view tenant = options.who != nullptr ? std::string_view(options.who->tenant) : std::string_view();
  const auto mac = crypto::hmac_sha256(options.hash_key, std::to_string(tenant.size()) + ':' + std::string(tenant) + std::string(value));
  return '#' + hex(std::span(mac).first(4));
}

// `strings`: of JSON, one in the other, in which it is written.
std::string in_form(pending_edit::form written, std::size_t strings, std::string replacement) {
  switch (written) {
    case pending_edit::form::plain: return replacement;
    case pending_edit::form::json_scalar: return json_quoted(replacement);
    case pending_edit::form::json_string: break;
  }
  return text::json_escaped(std::move(replacement), strings);
}

// In how many strings of JSON edits stand, asked in their order.
class edit_depths {
 public:
  edit_depths(const std::vector<std::string_view>& part_text, const text::json_depth& before) : part_text_(part_text), before_(before) {}
  std::size_t of(const pending_edit& e) {
    if (e.written != pending_edit::form::json_string) return 0;
    if (part_ != e.part) {
      part_ = e.part;
      fed_ = 0;
      depth_ = before_;
    }
    depth_.feed(part_text_[part_].substr(fed_, e.begin - fed_));
    fed_ = e.begin;
    return std::max<std::size_t>(depth_.strings(), 1);
  }

 private:
  const std::vector<std::string_view>& part_text_;
  const text::json_depth& before_;
  text::json_depth depth_;
  std::uint32_t part_ = 0xffffffff, fed_ = 0;
};

}  // namespace

std::uint32_t conversation_bucket(std::string_view salt, const context& who, std::string_view caller) {
  return bucket_of(salt, who.tenant, first_of({who.conversation, who.user, caller}));
}

void add_blocking_rules(const outcome& of, const std::vector<snapshot::rule_info>& infos, std::vector<std::uint32_t>& out) {
  if (of.verdict != verdict::block) return;
  const auto add = [&](std::uint32_t rule) {
    if (rule < infos.size() && std::ranges::find(out, rule) == out.end()) out.push_back(rule);
  };
  add(of.block.rule);
  add(of.gave_up);
  for (const auto rule : of.blocked_by) add(rule);
  for (const auto& f : of.findings) {
    if (!f.enforced || f.rule >= infos.size() || infos[f.rule].score == 0) continue;
    if (std::ranges::any_of(of.scores, [&](const score_sum& s) { return s.policy == infos[f.rule].policy && s.crossed && s.action == action::block; })) add(f.rule);
  }
}

bool enforced_here(const compiled_rule& rule, const evaluate_options& options) {
  if (rule.enforcement != enforcement::enforce || options.global_shadow) return false;
  if (!rule.rollout || options.who == nullptr) return true;
  return bucket_of(*rule.rollout, *options.who, options.caller) < rule.rollout->basis_points;
}

void judge::raise(action a, bool enforced, bool editable) {
  const auto v = verdict_of(a, editable);
  if (enforced) out_.verdict = std::max(out_.verdict, v);
  out_.shadow_verdict = std::max(out_.shadow_verdict, v);
}

void judge::block_by(std::uint32_t rule) {
  if (std::ranges::find(out_.blocked_by, rule) == out_.blocked_by.end()) out_.blocked_by.push_back(rule);
  speak_for(rule);
}

void judge::speak_for(std::uint32_t rule) {
  // Of several blocking rules the first by policy name and place speaks, whichever was found first.
  if (rule >= out_.block.rule) return;
  const auto& r = rules_.owner->rules[rule];
  out_.block = {rule, r.message, r.http_status, r.message_in_stream, r.i18n.empty() ? nullptr : &r.i18n};
}

// What a match means beyond the text: tags of the conversation, and the policy's sum.
void judge::consequences(std::uint32_t rule, std::uint32_t part, std::uint32_t begin, bool enforced) {
  const auto& r = rules_.owner->rules[rule];
  for (const auto& tag : r.tags) {
    auto& set = enforced ? out_.tags : out_.shadow_tags;
    if (std::ranges::find(set, tag) == set.end()) set.push_back(tag);
  }
  if (r.threshold != compiled_rule::no_threshold) scored_.push_back({part, begin, rule, enforced});
}

judge::effect judge::note(std::uint32_t rule, std::uint32_t part, std::uint32_t begin, std::uint32_t end, std::string_view original,
                          std::string_view matched_view, bool editable, match::match_state& state,
                          std::span<const text_span> more) {
  if (const auto* why = suppressing(rules_, rule, matched_view, state)) {
    const auto same = std::ranges::find_if(out_.suppressed, [&](const suppression& s) { return s.rule == rule && s.exception_id == why->id; });
    if (same != out_.suppressed.end()) {
      ++same->count;
    } else {
      out_.suppressed.push_back({.rule = rule, .exception_id = why->id, .owner = why->owner, .ticket = why->ticket, .part = part, .begin = begin, .end = end, .value = std::string(original)});
    }
    return effect::suppressed;
  }
  const auto& r = rules_.owner->rules[rule];
  const bool enforced = enforces(rule);
  const bool listed = out_.findings.size() < findings_max;
  if (listed) {
    out_.findings.push_back({rule, part, begin, end, r.action, enforced, std::string(original), {more.begin(), more.end()}});
  } else {
    out_.findings_truncated = true;
  }
  consequences(rule, part, begin, enforced);
  if (adds_text(r.action)) {
    auto& findings = waiting_[{choice_, rule}];
    if (listed) findings.push_back(out_.findings.size() - 1);
    return effect::none;
  }
  raise(r.action, enforced, editable);
  if (!enforced || !changes_match(r.action)) return effect::none;
  if (r.action != action::block && editable) return effect::edit;
  block_by(rule);
  return effect::block;
}

// True when it crosses a threshold that blocks.
bool judge::add_score(std::uint32_t rule, bool enforced) {
  const auto& r = rules_.owner->rules[rule];
  const auto& threshold = rules_.owner->thresholds[r.threshold];
  const auto limit = threshold.of(options_.direction);
  if (limit == 0) return false;
  auto sum = std::ranges::find(out_.scores, threshold.policy, &score_sum::policy);
  if (sum == out_.scores.end()) sum = out_.scores.insert(sum, {.policy = threshold.policy, .threshold = limit, .action = threshold.action});
  sum->all += r.score;
  if (enforced) sum->enforced += r.score;
  if (sum->all >= limit) raise(threshold.action, false, true);
  if (sum->enforced < limit || sum->crossed) return false;
  sum->crossed = true;
  raise(threshold.action, true, true);
  if (threshold.action != action::block) return false;
  if (out_.crossed.empty()) {
    out_.crossed = "the score of policy '" + threshold.policy + "' is " + std::to_string(sum->enforced) + ", its threshold " + std::to_string(limit);
  }
  return true;
}

std::optional<judge::crossing> judge::settle() {
  std::ranges::sort(scored_, [](const scored& a, const scored& b) { return std::tie(a.part, a.begin, a.rule) < std::tie(b.part, b.begin, b.rule); });
  std::optional<crossing> first;
  for (const auto& each : scored_) {
    if (add_score(each.rule, each.enforced) && !first) first = {.part = each.part, .begin = each.begin};
  }
  scored_.clear();
  return first;
}

judge::effect judge::unavailable(std::uint32_t rule) {
  out_.reason = "matcher unavailable: rule " + rules_.owner->infos[rule].id;
  const auto& r = rules_.owner->rules[rule];
  if (rules_.owner->matcher_unavailable != action::block) return effect::none;
  const bool enforced = enforces(rule);
  // What others wait for counts as found; where nobody does, only a rule that could have changed or stopped the text, or added to it,
  // makes a failure matter.
  consequences(rule, 0, 0, enforced);
  if (!r.changes() && !adds_text(r.action)) return effect::none;
  raise(action::block, enforced, false);
  if (!enforced) return effect::none;
  out_.gave_up = std::min(out_.gave_up, rule);  // what it would say of a match is not true of this text
  return effect::block;
}

void add_json_edits(pending_edit match, const text::json_outline& outline, const text::escape_map& escapes, std::vector<pending_edit>& out) {
  const auto place = outline.of(match.begin, match.end, escapes);
  if (!place.json) return out.push_back(match);
  match.half = match.half || place.pieces.size() > 1;
  for (const auto& piece : place.pieces) {
    match.begin = piece.begin;
    match.end = piece.end;
    match.written = piece.scalar ? pending_edit::form::json_scalar : pending_edit::form::json_string;
    out.push_back(match);
  }
}

bool json_editable(std::uint32_t begin, std::uint32_t end, direction which, const text::json_outline& outline, const text::escape_map& escapes) {
  const auto place = outline.of(begin, end, escapes);
  return !place.json || (!place.pieces.empty() && (!place.scalars || which == direction::request));
}

bool editable_at(const text_part& of, std::uint32_t begin, std::uint32_t end, direction which) {
  if (!of.editable || !text::begins_as_json(of.text)) return of.editable;
  const auto json = text::outlined_json(of.text);
  return json_editable(begin, end, which, json.outline, json.escapes.map());
}

std::vector<edit> merge_edits(const ruleset& rules, std::vector<pending_edit> all, const std::vector<std::string_view>& part_text,
                              const evaluate_options& options, token_map& tokens, const text::json_depth& before) {
  std::sort(all.begin(), all.end(), [](const pending_edit& a, const pending_edit& b) {
    return std::tie(a.part, a.begin, b.end, a.term) < std::tie(b.part, b.begin, a.end, b.term);
  });
  const auto& terms = rules.owner->terms;
  const auto rule_of = [&](const pending_edit& e) -> const compiled_rule& { return rules.owner->rules[terms[e.term].rule]; };
  const auto beats = [&](const pending_edit& a, const pending_edit& b) {
    const auto strength_a = traits_of(rule_of(a).action).strength, strength_b = traits_of(rule_of(b).action).strength;
    return strength_a != strength_b ? strength_a > strength_b : a.end - a.begin > b.end - b.begin;
  };
  edit_depths depths(part_text, before);
  std::vector<edit> out;
  for (std::size_t i = 0; i < all.size();) {
    auto span = all[i];
    auto winner = all[i];
    bool restores = rule_of(span).restores;
    std::size_t j = i + 1;
    for (; j < all.size() && all[j].part == span.part && all[j].begin < span.end; ++j) {
      span.end = std::max(span.end, all[j].end);
      if (all[j].written == pending_edit::form::plain) span.written = pending_edit::form::plain;  // goes on in what is no JSON any more
      if (beats(all[j], winner)) winner = all[j];
      restores = restores && rule_of(all[j]).restores;
    }
    const auto& rule = rule_of(winner);
    const auto written = part_text[span.part].substr(span.begin, span.end - span.begin);
    // What is written as JSON says something else, which is what a token stands for.
    const auto strings = depths.of(span);
    const auto said = strings > 0 ? text::loosely_unescaped(written, strings) : std::string();
    const auto original = strings > 0 ? std::string_view(said) : written;
    // Where rules overlap nothing of the text is kept: what one rule may show another may have to hide.
    const bool alone = j == i + 1 && !winner.half;
    if (rule.action == action::tokenize) {
      // Only the client has a value back: what an answer brought up itself stays a token.
      const bool back = restores && options.direction == direction::request;
      out.push_back({span.part, span.begin, span.end, in_form(span.written, strings, tokens.token_of(rule.mask, original, back, rule.vault_ttl))});
      i = j;
      continue;
    }
    const auto hash = rule.hashed && alone ? short_hash(original, options) : std::string();
    out.push_back({span.part, span.begin, span.end, in_form(span.written, strings, replacement_of(rule, terms[winner.term], original, alone, hash))});
    i = j;
  }
  return out;
}

}  // namespace sluice::policy
