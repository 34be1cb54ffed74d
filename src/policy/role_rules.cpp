// See role_rules.hpp.
#include "role_rules.hpp"

#include <algorithm>
#include <tuple>

namespace sluice::policy {

role_rules::role_rules(const ruleset& rules, std::span<const text_part> parts) : rules_(rules), parts_(parts), together_(parts) {
  std::uint32_t at = 0;
  for (const auto& p : parts) {
    begins_.push_back(at);
    at += static_cast<std::uint32_t>(p.text.size());
  }
}

role_rules::group& role_rules::of(const text_part& part) {
  const auto [known, fresh] = places_.try_emplace({part.role, part.kind, part.choice}, groups_.size());
  return fresh ? groups_.emplace_back(group{.who = part.role, .kind = part.kind, .choice = part.choice, .entries = {}}) : groups_[known->second];
}

void role_rules::keep(std::uint32_t part, std::span<const gathered> found) {
  if (found.empty()) return;
  auto& into = of(parts_[part]).entries;
  for (const auto& g : found) into.push_back({g.term, begins_[part] + g.begin, begins_[part] + g.end, part, within_part, g.noted});
}

void role_rules::keep(const joined_match& match) {
  const auto& first = match.pieces.front();
  const auto& last = match.pieces.back();
  of(parts_[first.part]).entries.push_back({match.term, begins_[first.part] + first.begin, begins_[last.part] + last.end, first.part, static_cast<std::uint32_t>(over_.size()), false});
  over_.push_back(match);
}

std::span<const role_rules::entry> role_rules::of_rule(const group& in, const compiled_rule& rule) {
  const auto from = std::ranges::lower_bound(in.entries, rule.terms_begin, {}, &entry::term);
  return {from, std::ranges::lower_bound(from, in.entries.end(), rule.terms_end, {}, &entry::term)};
}

void role_rules::sort(group& in) {
  std::ranges::sort(in.entries, {}, [](const entry& e) { return std::tuple(e.term, e.end, e.begin, e.over); });
  const auto again = std::ranges::unique(in.entries, [](const entry& a, const entry& b) { return a.over != within_part && b.over != within_part && a.term == b.term && a.begin == b.begin && a.end == b.end; });
  in.entries.erase(again.begin(), again.end());
}

// As many as stand beside each other: what a text shows by itself and goes on over the seam is one place.
std::vector<gathered> role_rules::counted(std::span<const entry> all) const {
  std::vector<gathered> out;
  for (const auto& e : all) {
    if (!out.empty() && out.back().term == e.term && e.begin < out.back().end) continue;
    out.push_back({.term = e.term, .begin = e.begin, .end = e.end, .value = {}});
  }
  return out;
}

// A classifier that the other members of its rule made pointless in one text may matter for all of them.
void role_rules::ask(group& in, std::span<const std::pair<std::uint32_t, std::uint32_t>> asked_before, sink& out) {
  const auto& program = *rules_.owner;
  std::vector<std::uint32_t> wanted, here;
  rules_.scoring.each([&](std::uint32_t term) {
    const auto& rule = program.rules[program.terms[term].rule];
    if (!rule.expression) return;
    const auto mine = of_rule(in, rule);
    if (!mine.empty() && may_hold(program, *rule.expression, counted(mine))) wanted.push_back(term);
  });
  if (wanted.empty()) return;
  for (const auto i : together_.of(in.who, in.kind, in.choice)) {
    here.clear();
    for (const auto term : wanted) {
      if (!std::ranges::binary_search(asked_before, std::pair(term, i))) here.push_back(term);
    }
    if (!here.empty()) out.ask(i, here);
  }
}

void role_rules::decide(const group& in, sink& out) {
  const auto& program = *rules_.owner;
  std::vector<std::uint32_t> matches;
  std::vector<bool> matter;
  for (const auto index : rules_.composed) {
    const auto& rule = program.rules[index];
    const auto mine = of_rule(in, rule);
    matches.clear();
    if (mine.empty()) continue;
    const auto all = counted(mine);
    if (!holds(*rule.expression, all, matches)) continue;
    matter.assign(rule.terms_end - rule.terms_begin, false);
    for (const auto m : matches) matter[all[m].term - rule.terms_begin] = true;
    const auto matters = [&](const entry& e) { return matter[e.term - rule.terms_begin]; };
    // First what lies over a seam: it is no part of what a text shows by itself, and is left out only where that was noted before.
    for (const auto& e : mine) {
      if (e.over != within_part && matters(e)) out.over_seam(over_[e.over]);
    }
    for (const auto& e : mine) {
      const auto begin = begins_[e.part];
      if (e.over == within_part && !e.noted && matters(e)) out.within(e.term, {e.part, e.begin - begin, e.end - begin});
    }
  }
}

void role_rules::decide(sink& out) {
  std::ranges::sort(asked_);
  const auto asked_before = asked_;  // what is asked for from here on is of the group at hand
  // What is asked for is kept, and may make a group.
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    sort(groups_[i]);
    if (rules_.scoring.any()) ask(groups_[i], asked_before, out);
    sort(groups_[i]);
    decide(groups_[i], out);
  }
}

}  // namespace sluice::policy
