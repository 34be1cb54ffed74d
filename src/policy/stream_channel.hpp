// What a stream keeps of one channel: normalised windows on its end, one for each view, how far each term has come in them, and the text that is
// not released yet. As many again for each text that JSON in it decodes to, and, at the beginning of a text that goes on with another, for the
// other two ways in which it is read.
#pragma once

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "expression.hpp"
#include "judge.hpp"
#include "part_match.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {

// A place of a text as one of what is left without some of its spaces.
[[nodiscard]] inline std::uint32_t without_spaces(std::uint32_t at, std::span<const std::uint32_t> spaces) {
  return at - static_cast<std::uint32_t>(std::ranges::lower_bound(spaces, at) - spaces.begin());
}

// A normalised view of the end of a channel's text.
struct window {
  explicit window(text::view_kind kind) : stream(kind) {}
  text::view_stream stream;
  std::string text;
  std::vector<text::view_stream::unit> map;
  std::size_t changed_from = 0;  // first byte that the last feed added or replaced
  std::vector<std::string> others;
  std::string changed;
  std::vector<const text::escape_map*> ways_back;  // to the channel's text, where this is one that it is decoded to
  std::uint32_t begins_at = 0;                     // in the channel's text
  std::vector<std::uint32_t> spaces;               // in what was fed: those that the channel's text does not have

  // Where the text behind [begin, end) of the window begins and ends in the channel's.
  [[nodiscard]] std::uint32_t original_begin(std::size_t begin, std::size_t end) const {
    auto at = in_channel(text::first_original(map, begin, end));
    for (const auto* way : ways_back) at = way->begin_of(at);
    return at;
  }
  [[nodiscard]] std::uint32_t original_end(std::size_t end) const {
    auto at = in_channel(map[end - 1].original_end);
    for (const auto* way : ways_back) at = way->end_of(at);
    return at;
  }
  [[nodiscard]] std::uint32_t in_channel(std::uint32_t fed) const { return begins_at + without_spaces(fed, spaces); }

  void feed(std::string_view original) {
    const auto size = text.size();
    changed_from = size - stream.feed(original, text, map);
  }
  void finish() {
    const auto before = text.size() - std::min(text.size(), stream.unstable());
    stream.finish(text, map);
    changed_from = std::min(before, text.size());
  }
  [[nodiscard]] std::size_t stable() const { return text.size() - std::min(text.size(), stream.unstable()); }
  [[nodiscard]] std::string_view stable_text() const { return std::string_view(text).substr(0, stable()); }
  [[nodiscard]] text::edged_text edged() const { return {text, map, stream.signs()}; }
  [[nodiscard]] text::edged_text stable_edged() const { return {stable_text(), std::span(map).first(stable()), stream.signs()}; }
  // Collects what the unstable end may become; false: it stays what it is.
  bool imagine(bool compose) {
    others.clear();
    if (stream.unstable() > 0) stream.alternatives(compose, others);
    return !others.empty();
  }
  // The text with one of them at its end.
  text::edged_text imagined(const std::string& other) {
    changed.assign(stable_text());
    changed += other;
    const auto all = edged();
    bool loses = false;
    for (auto at = stable() + 1; at < text.size() && !loses; ++at) loses = all.lost_edge(at);
    return {changed, std::span(map).first(std::min(map.size(), stable() + 1)), stream.signs(), loses};
  }
  // A place in an imagined text as one in the real text: what the end is made of moves as one.
  [[nodiscard]] std::size_t before_open_end(std::size_t at) const { return at == nowhere ? nowhere : std::min(at, stable()); }
  void drop_front(std::size_t n) {
    text.erase(0, n);
    map.erase(map.begin(), map.begin() + static_cast<std::ptrdiff_t>(n));
    if (!map.empty()) stream.forget_signs(map.front().original_begin);
    changed_from -= std::min(changed_from, n);
  }
};

struct live_regex {
  std::uint32_t term;
  std::size_t from;  // in its window: where its match would begin
};

// What is looked for in one view of a channel.
struct searched_channel {
  explicit searched_channel(text::view_kind kind) : view(kind), text(kind) {}
  text::view_kind view;
  window text;
  index_set regexes, words;  // terms that apply here
  keyword_cursor cursor;
  std::vector<live_regex> live;
  std::vector<std::pair<std::uint32_t, std::size_t>> prefilter_ends;  // by term: where the first of its words ends, in the window
  std::size_t prefilter_from = 0;                                     // where the next may begin
  [[nodiscard]] bool any() const { return regexes.any() || words.any(); }

  // Looks at what came for words of prefilters. `seen`: the window as far as it is stable.
  void find_prefilter_words(const prefilter_table& table, std::string_view seen) {
    if (table.empty()) return;
    table.each(seen, std::min(prefilter_from, seen.size()), [this](std::uint32_t term, std::size_t end) {
      if (!regexes.has(term)) return;
      for (auto& [known, at] : prefilter_ends) {
        if (known == term) return void(at = std::min(at, end));
      }
      prefilter_ends.emplace_back(term, end);
    });
    prefilter_from = seen.size() - std::min(seen.size(), table.longest() - 1);
  }
  [[nodiscard]] prefilter_state prefilter_of(std::uint32_t term) const {
    for (const auto& [known, at] : prefilter_ends) {
      if (known == term) return {.anywhere = false, .first_end = at};
    }
    return {.anywhere = false, .first_end = nowhere};
  }

  // The first place that some term may still look at.
  [[nodiscard]] std::size_t asked_from() const {
    auto at = std::min(text.stable(), words.any() ? cursor.from : nowhere);
    for (const auto& l : live) at = std::min(at, l.from);
    return at;
  }
  // So much of a text may a term look at before where it begins.
  [[nodiscard]] static std::size_t context_bytes(std::uint32_t lookbehind) { return lookbehind * 4 + 4; }

  // Drops what no term can look at any more from the front, but for so many code points before it.
  void trim(std::uint32_t lookbehind) {
    const auto keep = asked_from();
    const auto context = context_bytes(lookbehind);
    if (keep <= context * 2 + 64) return;
    auto n = keep - context;
    while (n > 0 && continues_code_point(text.text[n])) --n;
    text.drop_front(n);
    for (auto& l : live) l.from -= n;
    for (auto& [term, at] : prefilter_ends) at -= std::min(at, n);
    prefilter_from -= std::min(prefilter_from, n);
    cursor.from -= std::min(cursor.from, n);
    for (auto& [term, at] : cursor.term_from) at -= std::min(at, n);
    std::erase_if(cursor.term_from, [](const auto& t) { return t.second == 0; });
  }
};

// What a rule found of a text: where, in bytes from its beginning.
struct noted {
  std::uint32_t rule, begin, end;
  bool suppressed;  // by an exception
};

// What was noted of a text that is read twice, by itself and as a piece of a longer one.
class notes {
 public:
  void add(const noted& each) {
    if (all_.size() >= kept_max) all_.erase(all_.begin(), all_.begin() + kept_max / 2);
    all_.push_back(each);
  }
  // Whether a match is one of these. Where it reaches further it is one still, unless an exception spoke of what was there before.
  [[nodiscard]] bool tell(std::uint32_t rule, std::uint32_t begin, std::uint32_t end) const {
    return std::ranges::any_of(all_, [&](const noted& n) {
      const bool within = n.begin <= begin && end <= n.end;
      return n.rule == rule && (within || (!n.suppressed && n.begin < end && begin < n.end));
    });
  }
  // As of a text that begins `by` bytes later; what lies before its beginning goes.
  void move_back(std::uint32_t by) {
    std::erase_if(all_, [&](const noted& n) { return n.end <= by; });
    for (auto& n : all_) n = {n.rule, n.begin - std::min(n.begin, by), n.end - by, n.suppressed};
  }
  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] auto begin() const { return all_.begin(); }
  [[nodiscard]] auto end() const { return all_.end(); }

 private:
  static constexpr std::ptrdiff_t kept_max = 4096;  // beyond, what is found in the oldest of a text counts anew
  std::vector<noted> all_;
};

using searched_views = std::array<searched_channel, 2>;

// A text that a channel's is decoded to, searched as that is. Both are alike up to the first escape, so it begins as a copy.
struct decoded_level {
  text::unescaper reader;
  searched_views searched;
  decoded_level(const searched_views& above, std::uint32_t at, std::span<const std::unique_ptr<decoded_level>> before) : reader(at), searched(above) {
    for (auto& in : searched) {
      in.text.ways_back.clear();
      in.text.ways_back.push_back(&reader.map());
      for (auto each = before.rbegin(); each != before.rend(); ++each) in.text.ways_back.push_back(&(*each)->reader.map());
    }
  }
};
// Of a channel whose text may be JSON.
struct json_channel {
  explicit json_channel(std::uint32_t at) : outline(at) { fed[0] = at; }
  std::vector<std::unique_ptr<decoded_level>> levels;
  std::array<std::uint32_t, text::json_levels> fed{};  // bytes of the channel's text, and of each that it is decoded to but the last
  text::json_outline outline;
  text::json_depth left;  // of what was released
  text::left_escapes deeper;
  static inline const text::escape_map no_escapes{};
  [[nodiscard]] const text::escape_map& escapes() const { return levels.empty() ? no_escapes : levels.front()->reader.map(); }

  // The first escape of a level, so far on in what comes.
  void deepen(const searched_views& above, std::size_t level, std::uint32_t on) {
    const auto at = fed[level] += on;
    levels.push_back(std::make_unique<decoded_level>(above, at, levels));
    if (level + 1 < fed.size()) fed[level + 1] = at;
  }

  void forget(std::uint32_t released) {
    outline.forget(released);
    std::uint32_t needed = 0xffffffff;
    for (auto each = levels.rbegin(); each != levels.rend(); ++each) {
      for (const auto& in : (*each)->searched) {
        if (!in.text.map.empty()) needed = std::min(needed, in.text.map.front().original_begin);
      }
      const bool first = std::next(each) == levels.rend();
      const auto written = needed == 0xffffffff ? needed : (*each)->reader.map().begin_of(needed);
      (*each)->reader.map().forget(first ? std::min(released, written) : written, needed);
      needed = written;
    }
  }
};

struct channel_state {
  role who;
  part_kind kind;
  bool editable;
  stream_evaluator::reading how = stream_evaluator::reading::once;
  notes found_before;               // of a piece, or of a field in its pieces and in all of them together
  std::string tail;                 // of a field: the last of its text
  bool judged = false, hold_full = false, finished = false;
  searched_views searched = {searched_channel{text::view_kind::regex}, searched_channel{text::view_kind::folded}};
  bool begun = false;                  // something but white space came
  std::unique_ptr<json_channel> json;  // where that may be JSON
  [[nodiscard]] std::size_t deepest() const { return json ? json->levels.size() : 0; }
  [[nodiscard]] searched_views& level(std::size_t n) { return n == 0 ? searched : json->levels[n - 1]->searched; }
  index_set holding;                // terms that may change or stop the text
  index_set composing;              // regexes to which marks on letters matter
  std::vector<std::uint32_t> composed;  // rules that are decided when the channel ends
  std::vector<gathered> found;          // matches of their terms
  bool wants_whole = false;             // some term looks into other readings of the whole text, or scores it, when the channel ends
  std::string whole;                    // the text so far, where that is so and it is not held in full
  static constexpr std::size_t whole_max = 1u << 20;  // bytes of it; past them nobody looks
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> seen;  // places of such terms that are noted
  std::size_t seen_max = 4096;                                            // as many before some are forgotten
  std::int64_t choice = 0;          // of the answer; below 0: none
  bool keeps = false;               // a rule may rewrite or stop the choice when it ends: what is left then waits for that
  bool kept = false;                // and does
  std::string rest;
  // Of a channel that goes on where another ended: that text's end, which stands before the first byte fed here and counts as fed and released.
  std::string before;
  bool cut_front = false;                 // more of that text is there
  std::size_t series = nowhere;           // of the evaluator's; `nowhere`: stands alone
  std::vector<std::uint32_t> seams;       // of `before`: where a text ended and the next began without a space
  // The text read otherwise than as going on with `before`: by itself, and with a space at each seam. Until all readings find the same in what comes.
  std::unique_ptr<searched_views> by_itself, spaced;
  bool begun_shown = false;  // something that views show came
  // The views of those that are there. Both go at once, by_itself last.
  template <class F>
  void each_other(F&& f) {
    if (!by_itself) return;  // nearly always
    f(*by_itself);
    if (spaced) f(*spaced);
  }
  std::uint64_t begins_at = 0;            // of `before` in the series' text
  std::vector<std::pair<std::uint32_t, std::uint64_t>> found_in_before;  // by rule: where its last match before this text ends in the series' text
  std::vector<std::pair<std::uint32_t, std::uint32_t>> first_found;      // by rule: where its first match here begins
  [[nodiscard]] std::uint32_t base() const { return static_cast<std::uint32_t>(before.size()); }
  std::vector<pending_edit> edits;  // offsets from the first byte ever fed
  std::string original;             // what is not released, and nothing before it
  std::uint32_t released = 0;       // bytes from the first ever fed
  std::int64_t characters = 0;      // the same in code points

  // Notes a place; false: it was noted before. A text without end has such places without end, and each is found again, if at all, when
  // the texts that it is decoded to have come as far: what lies far behind is forgotten, unless the whole text is still to be looked at.
  bool see(std::uint32_t term, std::uint32_t from, std::uint32_t to) {
    constexpr std::size_t reach_bytes = 64u << 10;
    if (seen.size() >= seen_max && !hold_full && (!wants_whole || whole.size() > whole_max)) {
      const auto end = released + original.size();
      std::erase_if(seen, [&](const auto& place) { return std::get<2>(place) + reach_bytes < end; });
      seen_max = std::max<std::size_t>(4096, 2 * seen.size());
    }
    return seen.insert({term, from, to}).second;
  }

  // An edit that reaches past the limit waits, and so does all from its beginning on. An escape leaves whole.
  [[nodiscard]] std::size_t before_waiting_edits(std::size_t until) const {
    for (bool moved = true; moved;) {
      moved = false;
      if (json) until = json->escapes().before(static_cast<std::uint32_t>(until));
      for (const auto& e : edits) {
        if (e.begin < until && e.end > until) until = e.begin, moved = true;
      }
    }
    return until;
  }

  void trim(std::uint32_t lookbehind) {
    for (auto& in : searched) in.trim(lookbehind);
    each_other([lookbehind](searched_views& views) {
      for (auto& in : views) in.trim(lookbehind);
    });
    if (!json) return;
    for (auto& each : json->levels) {
      for (auto& in : each->searched) in.trim(lookbehind);
    }
    json->forget(released);
  }
};

// stream_series.cpp. A channel's `before` with a space at each seam; `at`: where they stand in it.
struct spaced_text {
  std::string text;
  std::vector<std::uint32_t> at;
};
[[nodiscard]] spaced_text spaced_before(const channel_state& c);

// stream_plan.cpp. A channel with what of the rules concerns it: which terms look at it, and which of them hold its text.
[[nodiscard]] std::unique_ptr<channel_state> opened(const ruleset& rules, const evaluate_options& options, role who, part_kind kind, bool editable, std::int64_t choice,
                                                    stream_evaluator::reading how);

}  // namespace sluice::policy
