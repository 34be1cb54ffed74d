// Rules that add text of their own: what they matched waits until all is known, and only then is it decided what becomes of it. In the
// order of policies and ids, so that one request or answer always gets the same bytes.
#include <algorithm>
#include <tuple>

#include "judge.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view blank_line = "\n\n";

// What two rules say alike is said once.
void add(std::vector<std::string_view>& texts, std::string_view text) {
  if (std::ranges::find(texts, text) == texts.end()) texts.push_back(text);
}

std::string joined(const std::vector<std::string_view>& texts) {
  std::string out;
  for (const auto text : texts) {
    if (!out.empty()) out += blank_line;
    out += text;
  }
  return out;
}

}  // namespace

std::vector<std::uint32_t> judge::rules_in(std::int64_t choice) const {
  std::vector<std::uint32_t> out;
  for (auto at = waiting_.lower_bound({choice, 0}); at != waiting_.end() && at->first.first == choice; ++at) out.push_back(at->first.second);
  const auto name = [&](std::uint32_t rule) {
    const auto& info = rules_.owner->infos[rule];
    return std::tie(info.policy, info.id);
  };
  std::ranges::sort(out, [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
  return out;
}

std::vector<std::int64_t> judge::unsettled() const {
  std::vector<std::int64_t> out;
  for (const auto& [at, findings] : waiting_) {
    if (out.empty() || out.back() != at.first) out.push_back(at.first);
  }
  return out;
}

// The findings say what was done, not what the rule had in mind.
void judge::conclude(std::uint32_t rule, std::int64_t choice, action done) {
  if (const auto at = waiting_.find({choice, rule}); at != waiting_.end()) {
    for (const auto each : at->second) out_.findings[each].action = done;
  }
  const bool enforced = enforces(rule);
  raise(done, enforced, true);
  if (enforced && done == action::block) block_by(rule);
}

void judge::settle_request() {
  if (waiting_.empty()) return;
  std::vector<std::string_view> before, behind;
  for (const auto rule : rules_in(choice_)) {
    const auto& r = rules_.owner->rules[rule];
    if (!options_.takes_system_words) {
      conclude(rule, choice_, r.on_structured == on_structured::block ? action::block : action::flag);
      continue;
    }
    conclude(rule, choice_, action::inject_system);
    if (!enforces(rule)) continue;
    add(r.position == inject_position::prepend ? before : behind, r.text);
    ++out_.system.rules;
  }
  waiting_.clear();
  out_.system.before = joined(before);
  out_.system.behind = joined(behind);
  if (out_.verdict == verdict::block) out_.system = {};
}

// What a rule does with a choice that has ended: `allow`, its disclaimer is there; `flag`, it found no place for its text.
action judge::decide(const compiled_rule& rule, bool structured, const choice_text& said, match::match_state& state) const {
  const bool asks = rule.action == action::require_disclaimer && rule.disclaimer != nullptr;
  if (asks && said.has(*rule.disclaimer, state)) return action::allow;
  if (structured) return rule.on_structured == on_structured::block ? action::block : action::flag;
  if (!asks) return rule.action;
  switch (rule.on_missing) {
    case on_missing::append: return action::require_disclaimer;
    case on_missing::rewrite: return action::rewrite;
    case on_missing::block: return action::block;
  }
  return action::block;
}

judge::settled judge::settle(std::int64_t choice, bool structured, const choice_text& said, match::match_state& state) {
  settled out;
  std::vector<std::string_view> texts;
  for (const auto rule : rules_in(choice)) {
    const auto& r = rules_.owner->rules[rule];
    const auto what = decide(r, structured, said, state);
    conclude(rule, choice, what);
    if (!enforces(rule)) continue;
    out.blocked = out.blocked || what == action::block;
    if (what == action::rewrite && out.rewritten == nullptr) out.rewritten = &r.mask;
    if (what == action::append) add(texts, r.text);
    if (what == action::require_disclaimer) add(texts, r.disclaimer->text);
  }
  waiting_.erase(waiting_.lower_bound({choice, 0}), waiting_.lower_bound({choice + 1, 0}));
  out.addition = joined(texts);
  const bool says_something = out.rewritten != nullptr ? !out.rewritten->empty() : !said.empty();
  if (!out.addition.empty() && says_something) out.addition.insert(0, blank_line);
  return out;
}

bool adds_to_answers(const ruleset& rules) {
  if (!rules.adds || rules.denies_all) return false;
  bool some = false;
  rules.active.each([&](std::uint32_t rule) {
    const auto& r = rules.owner->rules[rule];
    some = some || (r.enforcement == enforcement::enforce && (r.action == action::append || r.action == action::require_disclaimer));
  });
  return some;
}

}  // namespace sluice::policy
