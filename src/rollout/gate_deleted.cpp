// Cases of the active version that the candidate does not have. A case that is swapped in the very change that it speaks against would never be
// held against it: rates and comparisons would rest on what its author left there.
#include <algorithm>
#include <cstdio>
#include <set>

#include "gate_rows.hpp"

namespace sluice::rollout {
namespace {

bool compared_set(std::string_view set) { return set == "benign" || set == "attack"; }

// Everything that a case says but for its id, its slices and its place, each part with its length, so that no two say the same by chance.
class spoken {
 public:
  void add(std::string_view text) { said_.append(std::to_string(text.size())).append(":").append(text); }
  void add(std::int64_t number) { add(std::to_string(number)); }
  void add(const std::vector<std::string>& list) {
    add(static_cast<std::int64_t>(list.size()));
    for (const auto& each : list) add(each);
  }
  void add(const std::optional<policy::action>& action) { add(action ? to_string(*action) : std::string_view()); }
  std::string take() { return std::move(said_); }

 private:
  std::string said_;
};

std::string said_by(const policy::golden_case& of) {
  spoken out;
  const auto& who = of.who;
  for (const auto* word : {&of.set, &who.tenant, &who.region, &who.tier, &who.user, &who.conversation, &who.route, &who.model}) out.add(*word);
  out.add(who.tags);
  out.add(who.minute);
  out.add(static_cast<std::int64_t>(of.request.size()));
  for (const auto& message : of.request) {
    out.add(static_cast<std::int64_t>(message.who));
    out.add(static_cast<std::int64_t>(message.part));
    out.add(message.content);
  }
  out.add(static_cast<std::int64_t>(of.response ? 1 : 0));
  out.add(of.response.value_or(""));
  for (const auto& [classifier, score] : of.given) {
    char exact[40];
    std::snprintf(exact, sizeof exact, "%a", score);
    out.add(classifier);
    out.add(std::string_view(exact));
  }
  out.add(of.expect.action_at_least);
  out.add(of.expect.action_at_most);
  for (const auto* list : {&of.expect.rules_any, &of.expect.rules_none, &of.expect.text_absent, &of.expect.text_present}) out.add(*list);
  return out.take();
}

}  // namespace

std::vector<std::size_t> deleted_cases(std::span<const policy::golden_case> before, std::span<const policy::golden_case> now) {
  std::set<std::string> there;
  for (const auto& each : now) {
    if (compared_set(each.set)) there.insert(said_by(each));
  }
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (compared_set(before[i].set) && !there.contains(said_by(before[i]))) out.push_back(i);
  }
  return out;
}

std::vector<compared_case> compared_cases(const gate_evidence& evidence) {
  std::vector<compared_case> out;
  if (!evidence.active) return out;
  const auto& [cases, before, now] = evidence.active->deleted;
  out.reserve(evidence.results.size() + now.size());
  for (std::size_t i = 0; i < evidence.results.size(); ++i) out.push_back({evidence.cases[i], evidence.active->before[i], evidence.results[i], false});
  for (std::size_t i = 0; i < now.size(); ++i) out.push_back({cases[i], before[i], now[i], true});
  return out;
}

std::vector<compared_case> lost_cases(const gate_evidence& evidence, std::string_view set) {
  std::vector<compared_case> out;
  if (!evidence.active) return out;
  const auto& [cases, before, now] = evidence.active->deleted;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (cases[i].set != set) continue;
    const bool worse = set == "attack" ? caught(before[i]) && !caught(now[i]) : !touched(before[i]) && touched(now[i]);
    if (worse) out.push_back({cases[i], before[i], now[i], true});
  }
  return out;
}

std::string example_of(const compared_case& of) { return example_of(of.now) + (of.deleted ? " (of the active version; deleted)" : ""); }

std::string told_of_lost(std::span<const compared_case> lost) {
  if (lost.empty()) return {};
  std::string out = "; of them " + counted(lost.size(), "case", "cases") + " of the active version that the change deletes:";
  for (std::size_t i = 0; i < std::min(lost.size(), examples_max); ++i) out += (i == 0 ? " " : ", ") + lost[i].now.id;
  return out + (lost.size() > examples_max ? ", …" : "");
}

}  // namespace sluice::rollout
