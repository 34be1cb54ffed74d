// See activation_subject.hpp.
#include "activation_subject.hpp"

#include <algorithm>

#include "bundle_input.hpp"

namespace sluice::app {
namespace {

using demotions = std::vector<store::rule_demotion>;

// Rules of those in `a` that are not in `b`, each once.
std::vector<std::string> only_in(const demotions& a, const demotions& b) {
  std::vector<std::string> out;
  for (const auto& each : a) {
    if (std::ranges::find(b, each) == b.end() && std::ranges::find(out, each.rule) == out.end()) out.push_back(each.rule);
  }
  return out;
}

// The version on trial that was there before and is not any more: the canary, where both went.
std::string ended(const store::head_record& of, const store::head_record& before) {
  if (before.canary && (!of.canary || of.canary->version != before.canary->version)) return before.canary->version;
  return before.shadow != of.shadow ? before.shadow : std::string();
}

}  // namespace

activation_subject subject_of(const store::head_record& of, const store::head_record* before) {
  activation_subject out{.version = store::origin_of(of), .rules = {}};
  const store::head_record nothing;
  const auto& last = before != nullptr ? *before : nothing;
  if (of.kind == "abort") {
    const auto gone = ended(of, last);
    if (!gone.empty()) out.version = gone;
  }
  if (of.kind == "demote") {
    out.rules = only_in(of.demoted, last.demoted);
    // Without a rule it is the canary that went to shadow.
    if (before != nullptr && out.rules.empty() && !of.shadow.empty() && of.shadow != last.shadow) out.version = of.shadow;
  }
  if (of.kind == "rearm") {
    out.all_rules = of.rearmed_rule.empty();
    out.rules = of.rearmed_rule.empty() ? only_in(last.demoted, of.demoted) : std::vector{of.rearmed_rule};
  }
  return out;
}

std::string told(const store::head_record& of, const activation_subject& about) {
  std::string out = of.kind;
  if (about.version != of.version) out += " " + short_version(about.version);
  for (const auto& rule : about.rules) out += (&rule == &about.rules.front() ? " " : ", ") + rule;
  if (about.all_rules && about.rules.empty()) out += " all rules";
  return out;
}

}  // namespace sluice::app
