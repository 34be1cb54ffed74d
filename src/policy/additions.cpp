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

void sort_by_name(const program& all, std::vector<std::uint32_t>& rules) {
  const auto name = [&](std::uint32_t rule) { return std::tie(all.infos[rule].policy, all.infos[rule].id); };
  std::ranges::sort(rules, [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
}

}  // namespace

void judge::await(std::uint32_t rule, std::uint32_t part) {
  const auto same = [&](const waiting& w) { return w.rule == rule && w.part == part; };
  if (std::ranges::none_of(waiting_, same)) waiting_.push_back({rule, part});
}

// The findings say what was done, not what the rule had in mind.
void judge::conclude(std::uint32_t rule, action done) {
  const bool enforced = enforces(rule);
  for (auto& f : out_.findings) {
    if (f.rule == rule) f.action = done;
  }
  raise(done, enforced, true);
  if (enforced && done == action::block) block_by(rule);
}

void judge::settle_request() {
  if (waiting_.empty()) return;
  std::vector<std::uint32_t> rules;
  for (const auto& w : waiting_) {
    if (std::ranges::find(rules, w.rule) == rules.end()) rules.push_back(w.rule);
  }
  sort_by_name(*rules_.owner, rules);
  std::vector<std::string_view> before, behind;
  for (const auto rule : rules) {
    const auto& r = rules_.owner->rules[rule];
    if (!options_.takes_system_words) {
      conclude(rule, r.on_structured == on_structured::block ? action::block : action::flag);
      continue;
    }
    conclude(rule, action::inject_system);
    if (!enforces(rule)) continue;
    add(r.position == inject_position::prepend ? before : behind, r.text);
    ++out_.system.rules;
  }
  waiting_.clear();
  out_.system.before = joined(before);
  out_.system.behind = joined(behind);
  if (out_.verdict == verdict::block) out_.system = {};
}

}  // namespace sluice::policy
