// Each rule's matches in the two normalised windows of a channel, followed as far as they are decided; and from where on some rule waits.
#include <algorithm>
#include <span>

#include "stream_impl.hpp"

namespace sluice::policy {

void stream_evaluator::impl::note(channel_state& c, std::uint32_t index, std::uint32_t term, const window& w, std::size_t begin, std::size_t end) {
  const auto to = w.original_end(end);
  // Marks that moved past a mark which was sent may make a match begin with that one: what is out stays out.
  const auto changes = c.holding.has(term);
  const auto found = w.original_begin(begin, end);
  // Read by itself the text says what it says; the other readings are for what lies over the seam, as in joined.cpp.
  const bool by_itself = w.begins_at > 0 || !w.ways_back.empty();
  if (c.by_itself && !by_itself && found >= c.base() && !prog.terms[term].asks_beside()) return;
  if (c.series != nowhere && !is_new(c, prog.terms[term].rule, found, to)) return;
  const auto from = changes && found >= c.base() ? std::max(found, c.released) : found;
  const auto visible = from >= c.released && from < to ? std::string_view(c.original).substr(from - c.released, to - from)
                                                       : std::string_view(w.text).substr(begin, end - begin);
  const auto& t = prog.terms[term];
  const bool read_twice = c.by_itself || (c.json && !c.json->levels.empty());  // then each reading may show the same place
  if ((t.readings != 0 || read_twice) && !c.see(term, std::max(from, c.base()), to) && read_twice) return;
  if (t.immediate) return note_found(c, index, term, from, to, visible, std::string_view(w.text).substr(begin, end - begin));
  if (c.found.size() < findings_max) return c.found.push_back({term, from, to, std::string(visible)});
  failed(term, c);
}

void stream_evaluator::impl::follow_regexes(channel_state& c, searched_channel& in, std::uint32_t index, bool more) {
  auto& w = in.text;
  in.find_prefilter_words(prog.in[in.view].prefilters, more ? w.stable_text() : std::string_view(w.text));
  const auto& starts = prog.in[in.view].starts;
  starts.candidates(w.text, w.changed_from, s.words);
  auto& todo = s.due;
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
    auto prefilter = in.prefilter_of(term);
    const auto state = advance_regex(prog.terms[term], w.edged(), from_of(term), more, w.stable(), prefilter, s.state, spans);
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

std::size_t stream_evaluator::impl::follow_composing(channel_state& c, searched_channel& in, std::uint32_t index, std::uint32_t term, bool asked, std::size_t from) {
  auto& w = in.text;
  const auto& r = prog.terms[term];
  const auto letter = w.stream.open_letter();
  const bool begins = letter >= 0x80 || r.regex->starts.composed[letter];
  if (!asked && !begins) return nowhere;
  std::size_t live = nowhere;
  if (asked) {
    spans.clear();
    auto prefilter = in.prefilter_of(term);
    const auto state = advance_regex(r, w.stable_edged(), from, true, w.stable(), prefilter, s.state, spans);
    for (const auto& m : spans) note(c, index, term, w, m.begin, m.end);
    if (state.failed) return failed(term, c), nowhere;
    live = state.live;
  }
  if (!c.holding.has(term)) return live;
  const auto first = std::min(live, w.stable());
  const auto waits_at = [&](const text::edged_text& in) {
    const auto hit = r.regex->regex.find(in, first, true, s.state);
    return hit.status == match::regex::status::none || hit.begin >= in.text().size() ? nowhere : std::max(hit.begin, first);
  };
  std::size_t held = waits_at(w.edged());
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

void stream_evaluator::impl::follow_words(channel_state& c, searched_channel& in, std::uint32_t index, bool more) {
  auto& w = in.text;
  in.cursor.from = std::min(in.cursor.from, w.changed_from);
  words.clear();
  if (more && w.imagine(prog.in[in.view].compose)) return follow_words_to_open_end(c, in, index);
  const auto state = advance_keywords(prog, in.view, in.words, c.holding, w.edged(), in.cursor, more, w.stable(), s.found, words);
  for (const auto& m : words) note(c, index, m.term, w, m.begin, m.end);
  if (state.live != nowhere) limit = std::min<std::size_t>(limit, original_begin(w, state.live, c));
}

void stream_evaluator::impl::follow_words_to_open_end(channel_state& c, searched_channel& in, std::uint32_t index) {
  auto& w = in.text;
  (void)advance_keywords(prog, in.view, in.words, c.holding, w.stable_edged(), in.cursor, true, w.stable(), s.found, words);
  for (const auto& m : words) note(c, index, m.term, w, m.begin, m.end);
  const auto held = [&](const text::edged_text& end) {
    auto here = in.cursor;
    words.clear();
    auto live = advance_keywords(prog, in.view, in.words, c.holding, end, here, true, w.stable(), s.found, words).live;
    for (const auto& m : words) {
      if (c.holding.has(m.term)) live = std::min(live, m.begin);
    }
    return live;
  };
  auto first = held(w.edged());
  for (const auto& other : w.others) first = std::min(first, w.before_open_end(held(w.imagined(other))));
  if (first != nowhere) limit = std::min<std::size_t>(limit, original_begin(w, first, c));
}

void stream_evaluator::impl::follow(channel_state& c, searched_views& views, std::uint32_t index, bool more) {
  for (auto& in : views) {
    if (in.regexes.any()) follow_regexes(c, in, index, more);
    if (in.words.any()) follow_words(c, in, index, more);
  }
}

void stream_evaluator::impl::begin(channel_state& c, std::string_view text, std::uint32_t at) {
  if (c.begun || text::begin_of_json(text) == std::string_view::npos) return;
  c.begun = true;
  if (!text::may_be_json(text)) return;
  c.json = std::make_unique<json_channel>(at);
}

void stream_evaluator::impl::advance(channel_state& c, std::uint32_t index, std::size_t level, std::string_view text) {
  const bool deepens = c.json && level == c.json->levels.size() && level < text::json_levels;
  if (const auto escape = deepens ? text.find('\\') : std::string_view::npos; escape != std::string_view::npos) {
    // Up to here all texts are alike, and are searched as one.
    const auto until_here = limit;
    if (escape > 0) {
      push(c.level(level), text.substr(0, escape));
      follow(c, c.level(level), index, true);
    }
    limit = until_here;
    c.json->deepen(c.level(level), level, static_cast<std::uint32_t>(escape));
    text.remove_prefix(escape);
  }
  push(c.level(level), text);
  follow(c, c.level(level), index, true);
  if (c.json && level == text::json_levels) out.undecoded += c.json->deeper.feed(text);
  if (!c.json || level == text::json_levels) return;
  c.json->fed[level] += static_cast<std::uint32_t>(text.size());
  if (level == c.json->levels.size()) return;
  std::string read;
  auto& reader = c.json->levels[level]->reader;
  reader.feed(text, read);
  advance(c, index, level + 1, read);
  // What an escape says is not known before its end.
  if (reader.open_at() == c.json->fed[level] || !c.holding.any()) return;
  auto at = reader.open_at();
  for (auto above = level; above-- > 0;) at = c.json->levels[above]->reader.map().begin_of(at);
  limit = std::min<std::size_t>(limit, at);
}

void stream_evaluator::impl::end_levels(channel_state& c) {
  std::string rest, read;
  for (auto& each : c.json->levels) {
    read.clear();
    each->reader.feed(rest, read);
    each->reader.finish(read);
    push(each->searched, read);
    for (auto& in : each->searched) {
      if (in.any()) in.text.finish();
    }
    rest = read;
  }
  if (c.json->levels.size() == text::json_levels) out.undecoded += c.json->deeper.feed(rest);
}

}  // namespace sluice::policy
