// See breadth.hpp.
#include "sluice/policy/breadth.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "sluice/policy/build.hpp"
#include "trial.hpp"

namespace sluice::policy {
namespace {

struct sighted {
  std::size_t texts = 0;
  policy::place first;  // of the case that it was seen in first
};

// Every rule for everybody: a rule that is bound to one tenant may not be wider than one that is bound to all.
bundle_ast unbound(bundle_ast bundle) {
  for (policy_ast& each : bundle.policies) {
    each.scope = {};
    each.binds = {scope{}};
  }
  return bundle;
}

bool asks_classifier(const match_spec& match) {
  return match.kind == match_spec::kind::classifier || std::ranges::any_of(match.children, asks_classifier);
}

// What was refused for another reason goes, so that one run shows it all: rules with an error, and those of a classifier whose file may
// be what is wrong.
void leave_out_refused(bundle_ast& bundle, const diagnostics& found) {
  std::set<std::string> refused;
  for (const diagnostic& each : found) {
    if (each.severity == severity::error && !each.rule.empty()) refused.insert(each.rule);
  }
  bundle.models.clear();
  for (policy_ast& each : bundle.policies) {
    each.variants.clear();
    std::erase_if(each.rules, [&](const rule& r) { return refused.contains(r.id) || asks_classifier(r.match); });
  }
}

place place_of(const rule& of) {
  if (of.match.kind == match_spec::kind::regex && !of.match.regex.place.file.empty()) return of.match.regex.place;
  return of.match.place.file.empty() ? of.place : of.match.place;
}

std::string text_of(const golden_case& each) {
  if (each.response) return *each.response;
  return each.request.empty() ? std::string() : each.request.back().content;
}

// Ids of the rules that match the case's text, enforced or in shadow.
std::set<std::string> matching(const golden_case& each, const snapshot& with, scratch& working) {
  const auto text = text_of(each);
  trial_input asked{.who = each.who, .direction = direction::request, .messages = each.request};
  if (asked.messages.empty()) asked.messages = {{.who = role::user, .content = text, .part = part_kind::text}};
  const trial_input answered{.who = each.who, .direction = direction::response, .messages = {{.who = role::assistant, .content = text, .part = part_kind::text}}};
  std::set<std::string> out;
  for (const trial_input* input : {&std::as_const(asked), &answered}) {
    const trial_outcome got = try_whole(with, *input, working);
    out.insert(got.rules.begin(), got.rules.end());
    out.insert(got.shadow.begin(), got.shadow.end());
  }
  return out;
}

// What people write and read every day, for bundles that bring no harmless texts of their own: a rule that changes most of these would stop
// everything.
constexpr std::string_view everyday[] = {
    "Thanks, that helps a lot!",
    "Can you rewrite this paragraph so that it sounds friendlier?",
    "What time does the museum close on Sundays?",
    "Good morning. I would like to move my appointment to next week, please.",
    "The soup needs about twenty minutes; stir it now and then.",
    "Why do leaves turn red in autumn?",
    "Please summarise the meeting: we agreed on the budget and postponed the launch.",
    "Here are three names for a cat: Pepper, Biscuit and Juno.",
    "My train was late again, so I missed the beginning of the film.",
    "Translate 'see you tomorrow' into Italian.",
    "A for loop repeats its body once for each element of the list.",
    "How do I get a coffee stain out of a wool sweater?",
    "Our garden is small, but there is room for two apple trees.",
    "No, I meant the second chapter, not the first one.",
    "Write a short poem about rain on a tin roof.",
    "The report is attached. Let me know if anything is missing.",
    "What is the difference between a lake and a pond?",
    "She learned to play the violin when she was nine years old.",
    "OK, let's do it the other way round.",
    "Could you explain the joke to me? I don't get it.",
};

void refuse_stopping(const bundle_ast& bundle, const snapshot& compiled, diagnostics& found) {
  std::map<std::string, std::size_t> seen;
  scratch working;
  for (const std::string_view text : everyday) {
    golden_case each;
    each.request = {{.who = role::user, .content = std::string(text), .part = part_kind::text}};
    for (const std::string& id : matching(each, compiled, working)) ++seen[id];
  }
  for (const policy_ast& owner : bundle.policies) {
    for (const rule& each : owner.rules) {
      const auto at = seen.find(each.id);
      if (at == seen.end() || at->second * 2 <= std::size(everyday) || !changes_match(each.action.type) || each.enforcement != enforcement::enforce || asks_classifier(each.match)) continue;
      found.push_back({.severity = severity::error,
                       .place = place_of(each),
                       .rule = each.id,
                       .message = "it matches " + std::to_string(at->second) + " of " + std::to_string(std::size(everyday)) + " everyday sentences, so it would " +
                                  std::string(to_string(each.action.type)) + " nearly everything",
                       .advice = "make the pattern say more, or ask for a word beside it with 'near'"});
    }
  }
}

void report(const rule& wide, const sighted& seen, std::size_t texts, diagnostics& found) {
  const bool may = wide.action.type == action::allow || asks_classifier(wide.match);
  found.push_back({.severity = may ? severity::warning : severity::error,
                   .place = place_of(wide),
                   .rule = wide.id,
                   .message = "it matches " + std::to_string(seen.texts) + " of " + std::to_string(texts) + " harmless texts, first at " + to_string(seen.first) +
                              "; more than " + std::to_string(harmless_percent_max) + " in a hundred is too wide",
                   .advice = "make the pattern say more, or ask for a word beside it with 'near'; a case that is not harmless does not belong into set benign"});
}

}  // namespace

breadth judge_breadth(const bundle_ast& bundle, std::span<const golden_case> cases, match::compile_backend& backend, shard_cache& cache, diagnostics& found) {
  breadth out;
  std::vector<const golden_case*> harmless;
  for (const golden_case& each : cases) {
    if (each.set == "benign") harmless.push_back(&each);
  }
  out.texts = harmless.size();
  auto judged = unbound(bundle);
  const bool refused = has_errors(found);
  if (refused) leave_out_refused(judged, found);
  diagnostics of_compiling;
  const auto compiled = compile(judged, backend, cache, of_compiling);
  if (compiled == nullptr) {
    if (!refused) std::ranges::move(of_compiling, std::back_inserter(found));
    return out;
  }
  if (!out.sufficient()) {
    refuse_stopping(judged, *compiled, found);
    return out;
  }
  std::map<std::string, sighted> seen;
  scratch working;
  for (const golden_case* each : harmless) {
    for (const std::string& id : matching(*each, *compiled, working)) {
      if (seen[id].texts++ == 0) seen[id].first = each->place;
    }
  }
  for (const policy_ast& owner : judged.policies) {
    for (const rule& each : owner.rules) {
      const auto at = seen.find(each.id);
      const bool wide = at != seen.end() && at->second.texts * 100 > harmless_percent_max * out.texts;
      if (wide) report(each, at->second, out.texts, found);
    }
  }
  return out;
}

// Of what is published, and of what a node finds in a folder. What was published leaves its golden sets at home.
breadth hold_against_harmless_texts(build_report& built, const bundle_source& source, match::compile_backend& backend, shard_cache& cache) {
  // What could not be read was not checked either.
  if (built.snapshot == nullptr && built.reached != phase::check) return {};
  const auto cases = golden_of(source, built.found);
  const auto out = judge_breadth(built.bundle, cases, backend, cache, built.found);
  if (built.snapshot == nullptr || !has_errors(built.found)) return out;
  built.snapshot = nullptr;
  built.reached = phase::selftest;
  return out;
}

}  // namespace sluice::policy
