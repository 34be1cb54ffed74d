// What a stream needs to know of its rules before text comes: whether any may hold it, and which terms look at a channel.
#include "stream_channel.hpp"

namespace sluice::policy {

bool may_change(const ruleset& rules, const evaluate_options& options, role who, part_kind kind) {
  if (rules.denies_all || options.global_shadow) return false;
  bool any = false;
  rules.active.each([&](std::uint32_t rule) {
    const auto& r = rules.owner->rules[rule];
    any = any || (r.changes() && r.applies(options.direction, who, kind, true) && enforced_here(r, options));
  });
  return any;
}

bool holds_answers(const ruleset& rules, const evaluate_options& options) {
  if (rules.denies_all || options.global_shadow) return false;
  bool any = false;
  rules.active.each([&](std::uint32_t rule) {
    const auto& r = rules.owner->rules[rule];
    const bool of_answers = (static_cast<unsigned>(r.direction) & static_cast<unsigned>(direction::response)) != 0;
    any = any || (of_answers && r.hold_full && r.changes() && enforced_here(r, options));
  });
  return any;
}

namespace {

void plan(channel_state& c, const ruleset& rules, const evaluate_options& options) {
  const auto& prog = *rules.owner;
  c.holding = c.composing = index_set(prog.terms.size());
  for (auto& in : c.searched) in.regexes = in.words = index_set(prog.terms.size());
  rules.active.each([&](std::uint32_t rule) {
    const auto& r = prog.rules[rule];
    const bool here = r.applies(direction::response, c.who, c.kind, true);
    c.keeps = c.keeps || (r.replaces_choice() && enforced_here(r, options) && c.choice >= 0 && (here || is_read(c.kind)));
    if (!here) return;
    c.judged = true;
    if (r.expression) c.composed.push_back(rule);
    const bool holds = r.changes() && enforced_here(r, options);
    c.hold_full = c.hold_full || (holds && r.hold_full);
    for (auto t = r.terms_begin; t < r.terms_end; ++t) {
      const auto& term = prog.terms[t];
      auto& in = c.searched[static_cast<std::size_t>(term.view)];
      if (term.kind != term::kind::classifier) (term.kind == term::kind::regex ? in.regexes : in.words).add(t);
      if (term.kind == term::kind::regex && term.regex->regex.info().marks != match::regex_info::marks::ignored) c.composing.add(t);
      if (holds) c.holding.add(t);
      c.wants_whole = c.wants_whole || term.readings != 0 || term.kind == term::kind::classifier;
    }
  });
  c.keeps = c.keeps && c.how != stream_evaluator::reading::field;  // nothing of it leaves, so that nothing can be kept or rewritten
  if (c.keeps) c.judged = c.hold_full = true;
}

}  // namespace

std::unique_ptr<channel_state> opened(const ruleset& rules, const evaluate_options& options, role who, part_kind kind, bool editable, std::int64_t choice,
                                      stream_evaluator::reading how) {
  auto c = std::make_unique<channel_state>();
  c->who = who;
  c->kind = kind;
  c->editable = editable;
  c->choice = choice;
  c->how = how;
  plan(*c, rules, options);
  return c;
}

}  // namespace sluice::policy
