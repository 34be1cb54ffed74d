// Whole bodies: Hyperscan says which rules to look at, the confirm stage says where they match. External interface: evaluate().
#include "sluice/policy/evaluate.hpp"

#include "expression.hpp"
#include "judge.hpp"

namespace sluice::policy {
namespace {

struct hit_context {
  const shard* from;
  index_set* candidates;
};

void on_hit(void* self, std::uint32_t id) {
  auto& c = *static_cast<hit_context*>(self);
  c.candidates->add(c.from->term_of[id]);
}

class evaluation {
 public:
  evaluation(const ruleset& rules, const evaluate_options& options, scratch::impl& s, outcome& out)
      : rules_(rules), program_(*rules.owner), options_(options), s_(s), judge_(rules, options.global_shadow, out) {}

  void part(std::uint32_t index, const text_part& p) {
    if (p.text.empty() || (rules_.role_mask >> static_cast<unsigned>(p.role) & 1) == 0) return;
    gathered_.clear();
    for (const auto view : both_views) {
      if (!rules_.regexes[view].any() && !rules_.words[view].any()) continue;
      text::make_view(p.text, view, s_.view[view]);
      regexes(view, index, p);
      words(view, index, p);
    }
    if (!rules_.composed.empty()) compose(index, p);
  }

  [[nodiscard]] std::vector<pending_edit>& edits() { return edits_; }

 private:
  // Adds to the candidates the terms whose patterns hit; a failed scan makes every term of its shard one.
  void scan(const shard& one, std::string_view text) {
    hit_context c{&one, &s_.candidates};
    if (match::scan(*one.database, text, s_.scan, &c, on_hit)) return;
    for (const auto term : one.term_of) s_.candidates.add(term);
  }

  [[nodiscard]] bool applies(std::uint32_t term, const text_part& p) const {
    return program_.rules[program_.terms[term].rule].applies(options_.direction, p.role, p.kind, p.last_turn);
  }

  void regexes(text::view_kind view, std::uint32_t index, const text_part& p) {
    if (!rules_.regexes[view].any()) return;
    const auto text = s_.view[view].text();
    s_.candidates = program_.in[view].unfiltered;
    for (const auto& one : program_.in[view].regex_shards) scan(one, text);
    s_.candidates.each_in(rules_.regexes[view], [&](std::uint32_t term) {
      if (!applies(term, p)) return;
      spans_.clear();
      const auto state = advance_regex(program_.terms[term], text, 0, false, text.size(), s_.state, spans_);
      for (const auto& m : spans_) note(term, index, p, m.begin, m.end);
      if (state.failed) (void)judge_.unavailable(program_.terms[term].rule);
    });
  }

  void words(text::view_kind view, std::uint32_t index, const text_part& p) {
    if (!rules_.words[view].any()) return;
    const auto& in = program_.in[view];
    const auto text = s_.view[view].text();
    s_.candidates.clear();
    in.filter.candidates(text, s_.words);
    for (std::size_t i = 0; i < in.word_shards.size(); ++i) {
      if ((s_.words[i / 64] >> i % 64 & 1) != 0) scan(in.word_shards[i], text);
    }
    index_set here(program_.terms.size());
    bool any = false;
    s_.candidates.each_in(rules_.words[view], [&](std::uint32_t term) {
      if (!applies(term, p)) return;
      here.add(term);
      any = true;
    });
    if (!any) return;
    keyword_cursor cursor;
    found_.clear();
    (void)advance_keywords(program_, view, here, here, text, cursor, false, text.size(), s_.found, found_);
    for (const auto& m : found_) note(m.term, index, p, m.begin, m.end);
  }

  // A match of a term, at a place of its view.
  void note(std::uint32_t term, std::uint32_t index, const text_part& p, std::size_t begin, std::size_t end) {
    const auto& t = program_.terms[term];
    const auto& view = s_.view[t.view];
    const auto span = view.to_original(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
    const auto original = p.text.substr(span.begin, span.end - span.begin);
    if (!t.immediate) return gathered_.push_back({term, span.begin, span.end, std::string(original)});
    note_rule(t.rule, index, p, span.begin, span.end, original, view.text().substr(begin, end - begin));
  }

  void note_rule(std::uint32_t rule, std::uint32_t index, const text_part& p, std::uint32_t begin, std::uint32_t end,
                 std::string_view original, std::string_view matched_view) {
    const auto what = judge_.note(rule, index, begin, end, original, matched_view, p.editable, s_.state);
    if (what == judge::effect::edit) edits_.push_back({index, begin, end, rule});
  }

  // The rules whose match is an expression, once all of the part is known.
  void compose(std::uint32_t index, const text_part& p) {
    for (const auto rule : rules_.composed) {
      const auto& r = program_.rules[rule];
      if (!r.applies(options_.direction, p.role, p.kind, p.last_turn)) continue;
      matches_.clear();
      if (!holds(*r.expression, gathered_, matches_)) continue;
      for (const auto i : matches_) {
        const auto& g = gathered_[i];
        note_rule(rule, index, p, g.begin, g.end, g.value, text::normalise(g.value, text::view_kind::regex));
      }
      // It holds because of what is not there: the whole part is what was found.
      if (matches_.empty()) note_rule(rule, index, p, 0, static_cast<std::uint32_t>(p.text.size()), p.text, p.text);
    }
  }

  const ruleset& rules_;
  const program& program_;
  const evaluate_options& options_;
  scratch::impl& s_;
  judge judge_;
  std::vector<gathered> gathered_;
  std::vector<std::uint32_t> matches_;
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
