// Streams: each channel's text in two normalised windows, each rule's matches followed as far as they are decided, and out goes
// what no rule waits for any more. External interface: stream_evaluator.
//
// A rule that is not waiting costs nothing until a byte arrives with which it could begin (match::start_filter). A rule that waits is
// asked again at every event, from where its match would begin: PCRE2's partial matching decides, so what is held is exactly
// what PCRE2 says could still become a match.
#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "stream_choices.hpp"

namespace sluice::policy {

constexpr std::size_t whole_max = 1u << 20;  // bytes of a channel kept for its other readings

struct stream_evaluator::impl {
  std::shared_ptr<const snapshot> pinned;
  const ruleset& rules;
  const program& prog;
  evaluate_options options;
  scratch::impl& s;
  outcome out;
  std::optional<token_map> counted;  // where the exchange has none
  policy::judge judge;
  stream_choices choices;
  std::vector<std::unique_ptr<channel_state>> channels;
  std::vector<match_span> spans;
  std::vector<keyword_match_span> words;
  bool blocked = false;
  std::size_t edit_count = 0;
  std::size_t block_at = nowhere;  // of the channel at hand: nothing at or after it leaves
  std::size_t limit = nowhere;     // of the channel at hand: first original byte that some rule waits for

  impl(std::shared_ptr<const snapshot> p, const ruleset& r, const evaluate_options& o, scratch::impl& working)
      : pinned(std::move(p)), rules(r), prog(*r.owner), options(o), s(working), judge(r, options, out), choices(r) {}

  // A place in a window as an offset from the first original byte ever fed.
  static std::uint32_t original_begin(const window& w, std::size_t at, const channel_state& c) {
    return at < w.map.size() ? text::first_original(w.map, at, w.map.size()) : c.released + static_cast<std::uint32_t>(c.original.size());
  }

  void note(channel_state& c, std::uint32_t index, std::uint32_t term, const window& w, std::size_t begin, std::size_t end) {
    const auto to = w.map[end - 1].original_end;
    // Marks that moved past a mark which was sent may make a match begin with that one: what is out stays out.
    const auto changes = c.holding.has(term);
    const auto found = text::first_original(w.map, begin, end);
    const auto from = changes ? std::max(found, c.released) : found;
    const auto visible = from >= c.released && from < to ? std::string_view(c.original).substr(from - c.released, to - from)
                                                         : std::string_view(w.text).substr(begin, end - begin);
    const auto& t = prog.terms[term];
    if (t.readings != 0) c.seen.insert({term, from, to});
    if (t.immediate) return note_found(c, index, term, from, to, visible, std::string_view(w.text).substr(begin, end - begin));
    if (c.found.size() < findings_max) return c.found.push_back({term, from, to, std::string(visible)});
    failed(term, c);
  }

  void note_found(channel_state& c, std::uint32_t index, std::uint32_t term, std::uint32_t from, std::uint32_t to, std::string_view visible,
                 std::string_view matched_view) {
    const auto what = judge.note(prog.terms[term].rule, index, from, to, visible, matched_view, c.editable, s.state);
    if (what == judge::effect::edit && from < to) c.edits.push_back({index, from, to, term});
    if (what == judge::effect::block) stop_at(from);
  }

  // The rules whose match is an expression: a channel is decided at its end, and those that change it hold it until then.
  void compose(channel_state& c, std::uint32_t index) {
    std::vector<std::uint32_t> matches;
    for (const auto rule : c.composed) {
      matches.clear();
      if (!holds(*prog.rules[rule].expression, c.found, matches)) continue;
      for (const auto i : matches) {
        const auto& g = c.found[i];
        note_found(c, index, g.term, g.begin, g.end, g.value, text::normalise(g.value, text::view_kind::regex));
      }
      if (!matches.empty()) continue;
      const auto end = c.released + static_cast<std::uint32_t>(c.original.size());
      note_found(c, index, prog.rules[rule].terms_begin, 0, end, c.original, c.original);
    }
  }

  void stop_at(std::size_t original) {
    blocked = true;
    block_at = std::min(block_at, original);
  }

  // The other readings of a channel's text and its scores, once it is all there. Text that is out can only be recorded: what changes it
  // is held in full.
  void look_at_whole(channel_state& c, std::uint32_t index) {
    class sink final : public match_sink {
     public:
      sink(impl& x, channel_state& c, std::uint32_t index, std::string_view text) : x_(x), c_(c), index_(index), text_(text) {}
      void found(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view view) override {
        if (!c_.seen.insert({term, begin, end}).second) return;
        const auto& t = x_.prog.terms[term];
        const auto original = t.kind == term::kind::classifier ? std::string_view() : text_.substr(begin, end - begin);
        if (t.immediate) return x_.note_found(c_, index_, term, begin, end, original, view);
        c_.found.push_back({term, begin, end, std::string(original)});
      }
      void failed(std::uint32_t term) override { x_.failed(term, c_); }
      void scored(std::string_view name, float score) override { keep_highest(x_.out, name, score); }

     private:
      impl& x_;
      channel_state& c_;
      std::uint32_t index_;
      std::string_view text_;
    };
    const std::string_view text = c.hold_full ? c.original : c.whole;
    if (c.whole.size() > whole_max) return;  // said when it passed the bound
    sink into(*this, c, index, text);
    const text_place where{direction::response, c.who, c.kind, true};
    part_matcher matcher(rules, s, options.given);
    matcher.run_scores(text, where, into);
    if (prepare(s, rules.owner)) return matcher.run_derived(text, where, into);
    rules.deriving.each([&](std::uint32_t term) { into.failed(term); });
  }

  // Keeps the text for its other readings; past the bound they are unavailable.
  void keep(channel_state& c, std::string_view text) {
    if (c.whole.size() > whole_max) return;
    c.whole += text;
    if (c.whole.size() <= whole_max) return;
    for (const auto* terms : {&rules.deriving, &rules.scoring}) {
      terms->each([&](std::uint32_t term) {
        const auto& r = prog.rules[prog.terms[term].rule];
        if (r.applies(direction::response, c.who, c.kind, true)) (void)judge.unavailable(prog.terms[term].rule);
      });
    }
  }

  void failed(std::uint32_t term, channel_state& c) {
    const auto& t = prog.terms[term];
    auto& in = c.searched[static_cast<std::size_t>(t.view)];
    (t.kind == term::kind::regex ? in.regexes : in.words).remove(term);  // its state is lost; the policy has decided what that means
    if (judge.unavailable(t.rule) == judge::effect::block) stop_at(c.released);
  }

  void follow_regexes(channel_state& c, searched_channel& in, std::uint32_t index, bool more) {
    auto& w = in.text;
    const auto& starts = prog.in[in.view].starts;
    starts.candidates(w.text, w.changed_from, s.words);
    auto todo = index_set(prog.terms.size());
    todo.words() = s.words;
    const bool open = more && w.stable() < w.text.size() && c.composing.any();
    if (open) {
      // The last stable letter may go on with another byte than the one that is there.
      starts.candidates(w.stable_text(), w.changed_from, s.words);
      for (std::size_t i = 0; i < s.words.size(); ++i) todo.words()[i] |= s.words[i];
      w.others.clear();
    }
    for (const auto& l : in.live) todo.add(l.term);
    std::vector<live_regex> still;
    const auto from_of = [&](std::uint32_t term) {
      auto from = w.changed_from;
      for (const auto& l : in.live) {
        if (l.term == term) from = std::min(from, l.from);
      }
      return from;
    };
    todo.each_in(in.regexes, [&](std::uint32_t term) {
      if (open && c.composing.has(term)) return;
      spans.clear();
      const auto state = advance_regex(prog.terms[term], w.text, from_of(term), more, w.stable(), s.state, spans);
      for (const auto& m : spans) note(c, index, term, w, m.begin, m.end);
      if (state.failed) return failed(term, c);
      if (state.live == nowhere) return;
      still.push_back({term, state.live});
      if (c.holding.has(term)) limit = std::min<std::size_t>(limit, original_begin(w, state.live, c));
    });
    if (open) {
      c.composing.each_in(in.regexes, [&](std::uint32_t term) {
        const auto live = follow_composing(c, in, index, term, todo.has(term), from_of(term));
        if (live != nowhere) still.push_back({term, live});
      });
    }
    in.live = std::move(still);
  }

  // A term to which it matters that the text's end may still change: what does not depend on that end is decided, and text is held
  // when the rule waits for any of the forms that the end may take. Returns where the rule waits.
  std::size_t follow_composing(channel_state& c, searched_channel& in, std::uint32_t index, std::uint32_t term, bool asked, std::size_t from) {
    auto& w = in.text;
    const auto& r = prog.terms[term];
    const auto letter = w.stream.open_letter();
    const bool begins = letter >= 0x80 || r.regex->starts.composed[letter];
    if (!asked && !begins) return nowhere;
    std::size_t live = nowhere;
    if (asked) {
      spans.clear();
      const auto state = advance_regex(r, w.stable_text(), from, true, w.stable(), s.state, spans);
      for (const auto& m : spans) note(c, index, term, w, m.begin, m.end);
      if (state.failed) return failed(term, c), nowhere;
      live = state.live;
    }
    if (!c.holding.has(term)) return live;
    const auto first = std::min(live, w.stable());
    const auto waits_at = [&](std::string_view text) {
      const auto hit = r.regex->regex.find(text, first, true, s.state);
      return hit.status == match::regex::status::none || hit.begin >= text.size() ? nowhere : std::max(hit.begin, first);
    };
    std::size_t held = waits_at(w.text);
    if (live != nowhere || begins) {
      if (w.others.empty()) w.imagine(true);
      const bool one_for_all = letter < 0x80 && r.regex->regex.info().marks == match::regex_info::marks::alike;
      for (const auto& other : std::span(w.others).first(one_for_all ? std::min<std::size_t>(1, w.others.size()) : w.others.size())) {
        held = std::min(held, w.before_open_end(waits_at(w.imagined(other))));
      }
    }
    if (held != nowhere) limit = std::min<std::size_t>(limit, original_begin(w, held, c));
    return live;
  }

  void follow_words(channel_state& c, searched_channel& in, std::uint32_t index, bool more) {
    auto& w = in.text;
    in.cursor.from = std::min(in.cursor.from, w.changed_from);
    words.clear();
    if (more && w.imagine(prog.in[in.view].compose)) return follow_words_to_open_end(c, in, index);
    const auto state = advance_keywords(prog, in.view, in.words, c.holding, w.text, in.cursor, more, w.stable(), s.found, words);
    for (const auto& m : words) note(c, index, m.term, w, m.begin, m.end);
    if (state.live != nowhere) limit = std::min<std::size_t>(limit, original_begin(w, state.live, c));
  }

  // The same for words: decided is what the stable text decides, held is what some form of the end would hold.
  void follow_words_to_open_end(channel_state& c, searched_channel& in, std::uint32_t index) {
    auto& w = in.text;
    (void)advance_keywords(prog, in.view, in.words, c.holding, w.stable_text(), in.cursor, true, w.stable(), s.found, words);
    for (const auto& m : words) note(c, index, m.term, w, m.begin, m.end);
    const auto held = [&](std::string_view text) {
      auto here = in.cursor;
      words.clear();
      auto live = advance_keywords(prog, in.view, in.words, c.holding, text, here, true, w.stable(), s.found, words).live;
      for (const auto& m : words) {
        if (c.holding.has(m.term)) live = std::min(live, m.begin);
      }
      return live;
    };
    auto first = held(w.text);
    for (const auto& other : w.others) first = std::min(first, w.before_open_end(held(w.imagined(other))));
    if (first != nowhere) limit = std::min<std::size_t>(limit, original_begin(w, first, c));
  }

  void follow(channel_state& c, std::uint32_t index, bool more) {
    for (auto& in : c.searched) {
      if (in.regexes.any()) follow_regexes(c, in, index, more);
      if (in.words.any()) follow_words(c, in, index, more);
    }
  }

  token_map& tokens() {
    if (options.tokens != nullptr) return *options.tokens;
    return counted ? *counted : counted.emplace();
  }

  // Sends out what lies before the limit, with its edits.
  void release(channel_state& c, std::string& into) {
    const auto end = c.released + c.original.size();
    const auto until = c.before_waiting_edits(std::min({limit, block_at, end}));
    if (until <= c.released) return;
    std::vector<pending_edit> ready;
    std::erase_if(c.edits, [&](pending_edit e) {
      if (e.end > until) return false;
      ready.push_back({0, e.begin - c.released, e.end - c.released, e.term});
      return true;
    });
    const auto take = until - c.released;
    std::size_t at = 0;
    for (const auto& e : merge_edits(rules, std::move(ready), {std::string_view(c.original)}, options, tokens())) {
      into.append(c.original, at, e.begin - at);
      into += e.replacement;
      at = e.end;
      ++edit_count;
    }
    into.append(c.original, at, take - at);
    c.original.erase(0, take);
    c.released = static_cast<std::uint32_t>(until);
  }

  [[nodiscard]] bool over(std::uint32_t index) const { return channels[index] == nullptr || channels[index]->finished; }

  void push(channel_state& c, std::string_view text) {
    for (auto& in : c.searched) {
      if (in.any()) in.text.feed(text);
    }
  }

  status run(std::uint32_t index, std::string_view text, bool last, std::string& into, bool may_keep = false) {
    auto& c = *channels[index];
    if (blocked) return status::blocked;
    judge.in_choice(c.choice);
    if (!c.judged) {
      into += text;
      choices.hear(c, text, s.state);
      c.released += static_cast<std::uint32_t>(text.size());
      return status::released;
    }
    c.original += text;
    if (c.wants_whole && !c.hold_full) keep(c, text);
    if (c.hold_full && !last) return status::released;
    limit = block_at = nowhere;
    // A channel that is held in full meets its rules only once, at its end.
    const auto fresh = c.hold_full ? std::string_view(c.original) : text;
    if (!fresh.empty()) {
      push(c, fresh);
      follow(c, index, true);
    }
    if (last) {
      limit = nowhere;
      for (auto& in : c.searched) {
        if (in.any()) in.text.finish();
      }
      follow(c, index, false);
      if (c.wants_whole) look_at_whole(c, index);
      compose(c, index);
      c.finished = true;
      if (c.choice < 0 && !choices.close_alone(c, judge, s.state)) stop_at(c.released);
      c.kept = c.keeps && may_keep;
    }
    if (const auto crossed = judge.settle()) stop_at(crossed->begin);
    auto& to = c.kept ? c.rest : into;
    const auto before = to.size();
    // A channel held in full has sent nothing: the answer can still be a whole refusal.
    if (!(blocked && c.hold_full)) release(c, to);
    choices.hear(c, std::string_view(to).substr(before), s.state);
    if (blocked) return status::blocked;
    c.trim(prog.lookbehind_max);
    return status::released;
  }
};

stream_evaluator::stream_evaluator(std::shared_ptr<const snapshot> pinned, const ruleset& rules, const evaluate_options& options,
                                   scratch& working)
    : impl_(std::make_unique<impl>(std::move(pinned), rules, options, working.get())) {
  if (!rules.denies_all) return;
  impl_->out.reason = "no policy";
  impl_->out.shadow_verdict = verdict::block;
  impl_->blocked = !options.global_shadow;
  if (impl_->blocked) impl_->out.verdict = verdict::block;
}
stream_evaluator::~stream_evaluator() = default;

stream_evaluator::channel stream_evaluator::open(role who, part_kind kind, bool editable, std::int64_t choice) {
  auto c = std::make_unique<channel_state>();
  c->who = who;
  c->kind = kind;
  c->editable = editable;
  c->choice = choice;
  plan(*c, impl_->rules, impl_->options);
  impl_->channels.push_back(std::move(c));
  return static_cast<channel>(impl_->channels.size() - 1);
}

stream_evaluator::status stream_evaluator::feed(channel c, std::string_view original, std::string& out) {
  // Nothing follows the end of a channel, and what would is dropped.
  if (impl_->over(c)) return impl_->blocked ? status::blocked : status::released;
  return original.empty() ? (impl_->blocked ? status::blocked : status::released) : impl_->run(c, original, false, out);
}
stream_evaluator::status stream_evaluator::finish(channel c, std::string& out, bool may_keep) {
  if (impl_->over(c)) return impl_->blocked ? status::blocked : status::released;
  const auto what = impl_->run(c, {}, true, out, may_keep);
  if (!keeps(c)) impl_->channels[c].reset();  // a long stream has many, and none is asked again
  return what;
}
stream_evaluator::status stream_evaluator::close(std::int64_t choice, bool structured, std::string& addition) {
  auto& x = *impl_;
  x.blocked = x.blocked || !x.choices.close(choice, structured, x.judge, x.channels, x.s.state, addition, x.edit_count);
  return x.blocked ? status::blocked : status::released;
}
stream_evaluator::status stream_evaluator::close_all() {
  std::string no_place;
  for (const auto choice : impl_->judge.unsettled()) (void)close(choice, true, no_place);
  return impl_->blocked ? status::blocked : status::released;
}
bool stream_evaluator::keeps(channel c) const { return impl_->channels[c] != nullptr && impl_->channels[c]->kept; }
void stream_evaluator::rest(channel c, std::string& out) {
  if (!keeps(c)) return;
  if (!impl_->blocked) out += impl_->channels[c]->rest;
  impl_->channels[c].reset();
}
std::size_t stream_evaluator::held_bytes(channel c) const {
  return impl_->channels[c] == nullptr ? 0 : impl_->channels[c]->original.size() + impl_->channels[c]->rest.size();
}
const outcome& stream_evaluator::result() const { return impl_->out; }
bool stream_evaluator::blocked() const { return impl_->blocked; }
std::size_t stream_evaluator::edits() const { return impl_->edit_count; }

}  // namespace sluice::policy
