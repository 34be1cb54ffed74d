// Whole bodies: Hyperscan says which rules to look at, the confirm stage says where they match. External interface: evaluate().
#include "sluice/policy/evaluate.hpp"

#include "judge.hpp"

namespace sluice::policy {
namespace {

struct hit_context {
  const shard* from;
  rule_set* candidates;
};

void on_hit(void* self, std::uint32_t id) {
  auto& c = *static_cast<hit_context*>(self);
  c.candidates->add(c.from->rule_of[id]);
}

class evaluation {
 public:
  evaluation(const ruleset& rules, const evaluate_options& options, scratch::impl& s, outcome& out)
      : rules_(rules), program_(*rules.owner), options_(options), s_(s), judge_(rules, options.global_shadow, out) {}

  void part(std::uint32_t index, const text_part& p) {
    if (p.text.empty() || (rules_.role_mask >> static_cast<unsigned>(p.role) & 1) == 0) return;
    text::make_view(p.text, text::view_kind::regex, s_.regex_view);
    regexes(index, p);
    if (!program_.exact_words.empty()) words(index, p, s_.regex_view, program_.exact_words, program_.exact_filter, program_.exact_shards, rules_.exact_rules);
    if (!program_.folded_words.empty()) {
      text::make_view(p.text, text::view_kind::folded, s_.folded_view);
      words(index, p, s_.folded_view, program_.folded_words, program_.folded_filter, program_.folded_shards, rules_.folded_rules);
    }
  }

  [[nodiscard]] std::vector<pending_edit>& edits() { return edits_; }

 private:
  // Adds to the candidates the rules whose patterns hit; a failed scan makes every rule of its shard one.
  void scan(const shard& one, std::string_view text) {
    hit_context c{&one, &s_.candidates};
    if (match::scan(*one.database, text, s_.scan, &c, on_hit)) return;
    for (const auto rule : one.rule_of) s_.candidates.add(rule);
  }

  void regexes(std::uint32_t index, const text_part& p) {
    if (!rules_.regex_rules.any()) return;
    const auto text = s_.regex_view.text();
    s_.candidates = program_.unfiltered;
    for (const auto& one : program_.regex_shards) scan(one, text);
    s_.candidates.each_in(rules_.regex_rules, [&](std::uint32_t rule) {
      const auto& r = program_.rules[rule];
      if (!r.applies(options_.direction, p.role, p.kind, p.last_turn)) return;
      spans_.clear();
      const auto state = advance_regex(r, text, 0, false, text.size(), s_.state, spans_);
      for (const auto& m : spans_) note(rule, index, p, s_.regex_view, m.begin, m.end);
      if (state.failed) (void)judge_.unavailable(rule);
    });
  }

  void words(std::uint32_t index, const text_part& p, const text::view& view, const match::keyword_table& table,
             const match::word_filter& filter, const std::vector<shard>& shards, const rule_set& wanted) {
    if (!wanted.any()) return;
    s_.candidates.clear();
    filter.candidates(view.text(), s_.words);
    for (std::size_t i = 0; i < shards.size(); ++i) {
      if ((s_.words[i / 64] >> i % 64 & 1) != 0) scan(shards[i], view.text());
    }
    rule_set here(program_.rules.size());
    bool any = false;
    s_.candidates.each_in(wanted, [&](std::uint32_t rule) {
      if (!program_.rules[rule].applies(options_.direction, p.role, p.kind, p.last_turn)) return;
      here.add(rule);
      any = true;
    });
    if (!any) return;
    keyword_cursor cursor;
    found_.clear();
    (void)advance_keywords(table, here, here, view.text(), cursor, false, view.text().size(), s_.found, found_);
    for (const auto& m : found_) note(m.rule, index, p, view, m.begin, m.end);
  }

  void note(std::uint32_t rule, std::uint32_t index, const text_part& p, const text::view& view, std::size_t begin, std::size_t end) {
    const auto span = view.to_original(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
    const auto what = judge_.note(rule, index, span.begin, span.end, p.text.substr(span.begin, span.end - span.begin),
                                  view.text().substr(begin, end - begin), p.editable, s_.state);
    if (what == judge::effect::edit) edits_.push_back({index, span.begin, span.end, rule});
  }

  const ruleset& rules_;
  const program& program_;
  const evaluate_options& options_;
  scratch::impl& s_;
  judge judge_;
  std::vector<match_span> spans_;
  std::vector<keyword_match_span> found_;
  std::vector<pending_edit> edits_;
};

void deny(const evaluate_options& options, outcome& out, const char* why) {
  out.shadow_verdict = verdict::block;
  out.verdict = options.global_shadow ? verdict::allow : verdict::block;
  out.reason = why;
}

}  // namespace

outcome evaluate(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
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
  for (std::size_t i = 0; i < parts.size(); ++i) run.part(static_cast<std::uint32_t>(i), parts[i]);
  if (out.verdict != verdict::block && !run.edits().empty()) {
    std::vector<std::string_view> texts;
    for (const auto& p : parts) texts.push_back(p.text);
    out.edits = merge_edits(rules, std::move(run.edits()), texts);
  }
  return out;
}

}  // namespace sluice::policy
