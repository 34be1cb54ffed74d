// Streams: each channel's text in two normalised windows, each rule's matches followed as far as they are decided, and out goes
// what no rule waits for any more. External interface: stream_evaluator.
//
// A rule that is not waiting costs nothing until a byte arrives with which it could begin (match::start_filter). A rule that waits is
// asked again at every event, from where its match would begin: PCRE2's partial matching decides, so what is held is exactly
// what PCRE2 says could still become a match.
#include <algorithm>
#include <utility>

#include "role_texts.hpp"
#include "sluice/base/code_points.hpp"
#include "stream_impl.hpp"

namespace sluice::policy {

void stream_evaluator::impl::note_found(channel_state& c, std::uint32_t index, std::uint32_t term, std::uint32_t from, std::uint32_t to, std::string_view visible,
               std::string_view matched_view) {
  const auto rule = prog.terms[term].rule;
  // In this text alone: what a match took of the one before has left.
  const auto begin = from - std::min(from, c.base()), end = to - c.base();
  if (c.how == reading::field && c.found_before.tell(rule, begin, end)) return;
  if (keeps_whole(c)) noted.insert({rule, index, begin, end});
  const bool editable = c.editable && from >= c.base() && (!c.json || json_editable(from, to, direction::response, c.json->outline, c.json->escapes()));
  const auto what = judge.note(rule, index, begin, end, visible, matched_view, editable, s.state);
  if (c.how != reading::once && what != judge::effect::edit) c.found_before.add({rule, begin, end, what == judge::effect::suppressed});
  if (what == judge::effect::edit && from < to) c.edits.push_back({index, from, to, term});
  if (what == judge::effect::block) stop_at(from);
}

void stream_evaluator::impl::compose(channel_state& c, std::uint32_t index) {
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
    note_found(c, index, prog.rules[rule].terms_begin, c.base(), end, c.original, c.original);
  }
}

void stream_evaluator::impl::stop_at(std::size_t original) {
  blocked = true;
  block_at = std::min(block_at, original);
}

void stream_evaluator::impl::look_at_whole(channel_state& c, std::uint32_t index) {
  class sink final : public match_sink {
   public:
    // `at`: where the text begins, counted from the first byte fed; `spaces`: in the text, those that were not fed.
    sink(impl& x, channel_state& c, std::uint32_t index, std::string_view text, std::uint32_t at, std::span<const std::uint32_t> spaces = {})
        : x_(x), c_(c), index_(index), text_(text), at_(at), spaces_(spaces) {}
    void found(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view view) override {
      const auto& t = x_.prog.terms[term];
      const auto original = t.kind == term::kind::classifier ? std::string_view() : text_.substr(begin, end - begin);
      begin = fed(begin);
      end = fed(end);
      if (at_ < c_.base() && begin >= c_.base() && !t.asks_beside()) return;  // not over the seam: by itself the text says this too
      if (!c_.see(term, std::max(begin, c_.base()), end) || (c_.series != nowhere && !x_.is_new(c_, t.rule, begin, end))) return;
      if (t.immediate) return x_.note_found(c_, index_, term, begin, end, original, view);
      c_.found.push_back({term, begin, end, std::string(original)});
    }
    void failed(std::uint32_t term) override { x_.failed(term, c_); }
    void scored(std::string_view name, float score) override { keep_highest(x_.out, name, score); }
    bool wants(std::uint32_t term) override {
      return x_.prog.terms[term].immediate || may_hold(x_.prog, *x_.prog.rules[x_.prog.terms[term].rule].expression, c_.found);
    }

   private:
    impl& x_;
    channel_state& c_;
    std::uint32_t index_;
    std::string_view text_;
    std::uint32_t at_;
    std::span<const std::uint32_t> spaces_;
    [[nodiscard]] std::uint32_t fed(std::uint32_t at) const { return at_ + without_spaces(at, spaces_); }
  };
  const std::string_view text = c.hold_full ? c.original : c.whole;
  if (c.whole.size() > channel_state::whole_max) return;  // said when it passed the bound
  sink into(*this, c, index, text, c.base());
  const text_place where{direction::response, c.who, c.kind, true};
  // First, because other exchanges use the same working memory: it may hold what another version's classifiers said.
  if (!prepare(s, rules.owner)) return look_failed(c);
  part_matcher matcher(rules, s, options.given);
  matcher.run_derived(text, where, into);
  const auto over_seams = [&](const std::string& all, std::span<const std::uint32_t> spaces) {
    sink of_series(*this, c, index, all, 0, spaces);
    matcher.run_derived(all, where, of_series);
  };
  if (!c.before.empty()) {
    over_seams(c.before + std::string(text), {});
    auto spaced = spaced_before(c);
    if (is_seam(c.before, text)) spaced.at.push_back(static_cast<std::uint32_t>(spaced.text.size())), spaced.text += ' ';
    if (!spaced.at.empty()) over_seams(spaced.text + std::string(text), spaced.at);
  }
  matcher.run_scores(text, where, into);
  if (c.json) matcher.run_decoded(text, where, into, true);
}

void stream_evaluator::impl::look_failed(const channel_state& c) {
  for (const auto* terms : {&rules.deriving, &rules.scoring}) {
    terms->each([&](std::uint32_t term) {
      const auto& r = prog.rules[prog.terms[term].rule];
      if (r.applies(direction::response, c.who, c.kind, true) && judge.unavailable(prog.terms[term].rule) == judge::effect::block) stop_at(c.released);
    });
  }
}

void stream_evaluator::impl::keep(channel_state& c, std::string_view text) {
  if (c.whole.size() > channel_state::whole_max) return;
  c.whole += text;
  if (c.whole.size() > channel_state::whole_max) look_failed(c);
}

void stream_evaluator::impl::failed(std::uint32_t term, channel_state& c) {
  const auto& t = prog.terms[term];
  const auto forget = [&](searched_views& views) {  // its state is lost; the policy has decided what that means
    auto& in = views[static_cast<std::size_t>(t.view)];
    (t.kind == term::kind::regex ? in.regexes : in.words).remove(term);
  };
  for (std::size_t level = 0; level <= c.deepest(); ++level) forget(c.level(level));
  c.each_other(forget);
  if (judge.unavailable(t.rule) == judge::effect::block) stop_at(c.released);
}

token_map& stream_evaluator::impl::tokens() {
  if (options.tokens != nullptr) return *options.tokens;
  return counted ? *counted : counted.emplace();
}

// Annotations count in code points, or in bytes.
void stream_evaluator::impl::place(std::uint32_t index, const channel_state& c, std::size_t begin, std::size_t end, std::string_view replacement) {
  auto& all = placed[index];
  if (all.size() > placed_max) return;
  const std::string_view original = c.original;
  const auto from = c.characters + code_points(original.substr(0, begin));
  const auto was = original.substr(begin, end - begin);
  all.push_back({from, from + code_points(was), code_points(replacement), static_cast<std::int64_t>(c.released + begin - c.base()), std::string(was), std::string(replacement)});
}

void stream_evaluator::impl::release(channel_state& c, std::uint32_t index, std::string& into) {
  const auto end = c.released + c.original.size();
  const auto until = c.before_waiting_edits(std::min({limit, block_at, end}));
  if (until <= c.released) return;
  std::vector<pending_edit> ready;
  std::erase_if(c.edits, [&](pending_edit e) {
    if (e.end > until) return false;
    c.json ? add_json_edits(e, c.json->outline, c.json->escapes(), ready) : ready.push_back(e);
    return true;
  });
  for (auto& e : ready) e.part = 0, e.begin -= c.released, e.end -= c.released;
  const auto take = until - c.released;
  std::size_t at = 0;
  const auto edits = ready.empty() ? std::vector<edit>() : merge_edits(rules, std::move(ready), {std::string_view(c.original)}, options, tokens(), c.json ? c.json->left : text::json_depth());
  for (const auto& e : edits) {
    into.append(c.original, at, e.begin - at);
    into += e.replacement;
    place(index, c, e.begin, e.end, e.replacement);
    at = e.end;
    ++edit_count;
  }
  into.append(c.original, at, take - at);
  if (c.json && c.editable && c.holding.any()) c.json->left.feed(std::string_view(c.original).substr(0, take));
  c.characters += code_points(std::string_view(c.original).substr(0, take));
  c.original.erase(0, take);
  c.released = static_cast<std::uint32_t>(until);
}

void stream_evaluator::impl::push(searched_views& to, std::string_view text) {
  for (auto& in : to) {
    if (in.any()) in.text.feed(text);
  }
}

stream_evaluator::status stream_evaluator::impl::run(std::uint32_t index, std::string_view text, bool last, std::string& into, bool may_keep) {
  auto& c = *channels[index];
  if (blocked) return status::blocked;
  judge.in_choice(c.choice);
  if (!c.judged) {
    into += text;
    choices.hear(c, text, s.state);
    c.released += static_cast<std::uint32_t>(text.size());
    return status::released;
  }
  if (c.series != nowhere && !text.empty()) hear(c, index, text);
  if (blocked) return status::blocked;
  keep_whole(c, index, text);
  c.original += text;
  if (c.hold_full && !last) return status::released;
  limit = block_at = nowhere;
  if (c.wants_whole && !c.hold_full) keep(c, text);
  // A channel that is held in full meets its rules only once, at its end.
  const auto fresh = c.hold_full ? std::string_view(c.original) : text;
  // What it was held for is looked for a piece at a time: windows are some times as long as what they show.
  constexpr std::size_t at_once = 64u << 10;
  for (std::size_t at = 0; at < fresh.size(); at += at_once) {
    const auto piece = fresh.substr(at, at_once);
    if (at > 0) c.trim(prog.lookbehind_max);
    limit = nowhere;
    begin(c, piece, c.released + static_cast<std::uint32_t>(c.original.size() - fresh.size() + at));
    if (c.json && c.editable) c.json->outline.feed(piece);
    if (c.by_itself) follow_others(c, index, piece, true);
    advance(c, index, 0, piece);
  }
  if (last) {
    limit = nowhere;
    for (auto& in : c.searched) {
      if (in.any()) in.text.finish();
    }
    if (c.json) end_levels(c);
    if (c.by_itself) follow_others(c, index, {}, false);
    for (std::size_t level = 0; level <= c.deepest(); ++level) follow(c, c.level(level), index, false);
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
  if (!(blocked && c.hold_full)) release(c, index, to);
  choices.hear(c, std::string_view(to).substr(before), s.state);
  if (blocked) return status::blocked;
  if (c.by_itself) drop_others(c);
  c.trim(prog.lookbehind_max);
  return status::released;
}

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

stream_evaluator::channel stream_evaluator::open(role who, part_kind kind, bool editable, std::int64_t choice, reading how) {
  impl_->channels.push_back(opened(impl_->rules, impl_->options, who, kind, editable, choice, how));
  return static_cast<channel>(impl_->channels.size() - 1);
}

void stream_evaluator::open_again(channel c, role who, part_kind kind, bool editable, std::int64_t choice, reading how) {
  impl_->channels[c] = opened(impl_->rules, impl_->options, who, kind, editable, choice, how);
}

stream_evaluator::status stream_evaluator::feed(channel c, std::string_view original, std::string& out) {
  // Nothing follows the end of a channel, and what would is dropped.
  if (impl_->over(c)) return impl_->blocked ? status::blocked : status::released;
  return original.empty() ? (impl_->blocked ? status::blocked : status::released) : impl_->run(c, original, false, out);
}
stream_evaluator::status stream_evaluator::finish(channel c, std::string& out, bool may_keep) {
  if (impl_->over(c)) return impl_->blocked ? status::blocked : status::released;
  const auto what = impl_->run(c, {}, true, out, may_keep);
  impl_->keep_notes(c);
  if (!keeps_rest(c)) impl_->channels[c].reset();  // a long stream has many, and none is asked again
  return what;
}
stream_evaluator::status stream_evaluator::close(std::int64_t choice, bool structured, std::string& addition) {
  auto& x = *impl_;
  const auto rewritten = [&](std::size_t channel) { x.placed[static_cast<std::uint32_t>(channel)].resize(impl::placed_max + 1); };
  x.blocked = x.blocked || !x.choices.close(choice, structured, x.judge, x.channels, x.s.state, addition, x.edit_count, rewritten);
  x.drop_single(choice);
  return x.blocked ? status::blocked : status::released;
}
stream_evaluator::status stream_evaluator::close_all() {
  std::string no_place;
  for (const auto choice : impl_->judge.unsettled()) (void)close(choice, true, no_place);
  return impl_->blocked ? status::blocked : status::released;
}
bool stream_evaluator::keeps_rest(channel c) const { return impl_->channels[c] != nullptr && impl_->channels[c]->kept; }
void stream_evaluator::rest(channel c, std::string& out) {
  if (!keeps_rest(c)) return;
  if (!impl_->blocked) out += impl_->channels[c]->rest;
  impl_->channels[c].reset();
}
bool stream_evaluator::is_open(channel c) const { return !impl_->over(c); }
std::size_t stream_evaluator::held_bytes(channel c) const {
  return impl_->channels[c] == nullptr ? 0 : impl_->channels[c]->original.size() + impl_->channels[c]->rest.size();
}
const std::vector<placed_edit>* stream_evaluator::placed(channel c) const {
  static const std::vector<placed_edit> none;
  const auto at = impl_->placed.find(c);
  if (at == impl_->placed.end()) return &none;
  return at->second.size() > impl::placed_max ? nullptr : &at->second;
}
std::size_t stream_evaluator::kept_bytes() const { return impl_->whole_bytes; }
const outcome& stream_evaluator::result() const { return impl_->out; }
bool stream_evaluator::blocked() const { return impl_->blocked; }
std::size_t stream_evaluator::edits() const { return impl_->edit_count; }

}  // namespace sluice::policy
