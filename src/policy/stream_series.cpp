// Channels of one answer that clients put together: content blocks, parts of a message. Each leaves when it ends, so that of a match over the seam
// only the rest can be kept back. A text is read in three ways, as joined.hpp reads texts that are all there: by itself, as what goes on with the
// text before, and as what stands a space behind it.
#include <algorithm>
#include <type_traits>
#include <utility>

#include "joined.hpp"
#include "role_texts.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/text/view.hpp"
#include "stream_impl.hpp"

namespace sluice::policy {
namespace {

// What is left to find, counted from the end of the text: terms that wait, and places before which a term finds nothing.
std::vector<std::pair<std::uint32_t, std::size_t>> left_to_find(const searched_channel& in) {
  std::vector<std::pair<std::uint32_t, std::size_t>> out;
  const auto size = in.text.text.size();
  for (const auto& l : in.live) out.emplace_back(l.term, size - l.from);
  std::ranges::sort(out);
  const auto waiting = static_cast<std::ptrdiff_t>(out.size());
  for (const auto& [term, from] : in.cursor.term_from) {
    if (from > in.cursor.from) out.emplace_back(term, size - from);
  }
  std::ranges::sort(out.begin() + waiting, out.end());
  return out;
}

bool ends_a_word(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at = next_code_point(text, at)) {
    if (!continues_code_point(text[at]) && !text::is_word(text::code_point_at(text, at))) return true;
  }
  return false;
}

// Whether both readings find the same in whatever comes: they look from the same places on, and see the same from there back as far as any term
// looks, and to the end of a word, because a view depends on the scripts of the whole word.
bool come_together(const searched_channel& a, const searched_channel& b, std::uint32_t base, std::uint32_t lookbehind) {
  if (!a.any()) return true;
  constexpr std::size_t word_bytes = 64;
  const auto& [x, y] = std::pair(std::string_view(a.text.text), std::string_view(b.text.text));
  const auto asked = x.size() - a.asked_from();
  const auto seen = asked + searched_channel::context_bytes(lookbehind) + word_bytes;
  if (x.size() < seen || y.size() < seen || asked != y.size() - b.asked_from() || a.text.stream.unstable() != b.text.stream.unstable()) return false;
  const auto end = x.substr(x.size() - seen);
  const auto within = [&](const window& w) { return w.in_channel(w.map[w.map.size() - seen].original_begin) >= base; };
  if (!ends_a_word(end.substr(0, word_bytes)) || end != y.substr(y.size() - seen) || !within(a.text) || !within(b.text)) return false;
  const bool same_words = !a.words.any() || x.size() - a.cursor.from == y.size() - b.cursor.from;
  return same_words && left_to_find(a) == left_to_find(b);
}

}  // namespace

spaced_text spaced_before(const channel_state& c) {
  spaced_text out;
  std::size_t at = 0;
  for (const auto seam : c.seams) {
    out.text.append(c.before, at, seam - at);
    out.at.push_back(static_cast<std::uint32_t>(out.text.size()));
    out.text += ' ';
    at = seam;
  }
  out.text.append(c.before, at);
  return out;
}

void stream_evaluator::goes_on(channel index) {
  auto& x = *impl_;
  auto& c = *x.channels[index];
  if (!c.judged || !joins(c.kind, direction::response) || x.rules.reach(direction::response) == 0) return;
  auto all = std::ranges::find_if(x.in_series, [&](const auto& r) { return r.choice == c.choice && r.who == c.who && r.kind == c.kind; });
  if (all == x.in_series.end()) all = x.in_series.insert(all, {.choice = c.choice, .who = c.who, .kind = c.kind, .end = {}, .seams = {}, .found = {}});
  all->last = index;
  c.series = static_cast<std::size_t>(all - x.in_series.begin());
  if (x.holds_answer) return;  // judge_together() reads over seams
  c.before = all->end;
  c.begins_at = all->said - c.before.size();
  c.cut_front = all->cut;
  c.found_in_before = all->found;
  c.released = c.base();
  if (c.before.empty()) return;
  c.by_itself = std::make_unique<searched_views>(c.searched);
  for (auto& in : *c.by_itself) in.text.begins_at = c.base();
  for (const auto at : all->seams) c.seams.push_back(static_cast<std::uint32_t>(at - c.begins_at));
  c.spaced = std::make_unique<searched_views>(c.searched);
  const auto spaced = spaced_before(c);
  for (auto& in : *c.spaced) in.text.spaces = spaced.at;
  impl::push(*c.spaced, spaced.text);
  x.follow(c, *c.spaced, index, true);
  impl::push(c.searched, c.before);
  x.follow(c, c.searched, index, true);
}

void stream_evaluator::impl::follow_others(channel_state& c, std::uint32_t index, std::string_view text, bool more) {
  std::string shown;
  bool unseen = false;
  if (!c.begun_shown && c.spaced) append_shown(shown, text, unseen);
  if (!shown.empty()) {
    c.begun_shown = true;
    if (is_seam(c.before, shown)) {
      for (auto& in : *c.spaced) in.text.spaces.push_back(c.base() + static_cast<std::uint32_t>(in.text.spaces.size()));
      push(*c.spaced, " ");
    } else if (c.seams.empty()) {
      c.spaced.reset();  // it is what the channel's first reading is
    }
  }
  c.each_other([&](searched_views& views) {
    push(views, text);
    for (auto& in : views) {
      if (!more && in.any()) in.text.finish();
    }
    follow(c, views, index, more);
  });
}

// Both or none: as long as the text is read by itself, the channel's first reading is asked for what lies over the seam alone.
void stream_evaluator::impl::drop_others(channel_state& c) {
  const auto together = [&](const auto& other) {
    return other == nullptr ||
           std::ranges::equal(*other, c.searched, [&](const auto& a, const auto& b) { return come_together(a, b, c.base(), prog.lookbehind_max); });
  };
  if (!together(c.by_itself) || !together(c.spaced)) return;
  c.by_itself.reset();
  c.spaced.reset();
}

void stream_evaluator::impl::hear(channel_state& c, std::uint32_t index, std::string_view text) {
  auto& all = in_series[c.series];
  if (all.last != index) {
    if (options.global_shadow || !c.holding.any()) return;
    out.reason = "texts of one answer that come in turns";
    out.verdict = out.shadow_verdict = verdict::block;
    blocked = true;
    return;
  }
  const auto before = all.end.size();
  append_shown(all.end, text, all.unseen);
  const auto shown = std::string_view(all.end).substr(before);
  if (all.said == c.begins_at + c.base() && is_seam(std::string_view(all.end).substr(0, before), shown)) all.seams.push_back(all.said);
  all.said += shown.size();
  const std::size_t reach = rules.reach(direction::response);
  if (all.end.size() <= 8 * reach) return;
  all.cut = true;
  all.end.erase(0, shown_back(all.end, reach));
  std::erase_if(all.seams, [&](std::uint64_t at) { return at <= all.said - all.end.size(); });
}

// As evaluation::goes_on for texts that are all there: over a seam nothing is found that only goes on from what the rule found in one of the texts.
bool stream_evaluator::impl::is_new(channel_state& c, std::uint32_t rule, std::uint32_t from, std::uint32_t to) {
  if (to <= c.base()) return false;  // found before
  auto& all = in_series[c.series];
  const auto of_rule = [rule](auto& known) { return std::ranges::find(known, rule, &std::remove_reference_t<decltype(known)>::value_type::first); };
  const auto first = of_rule(c.first_found);
  const auto before = of_rule(c.found_in_before);
  if (from < c.base()) {
    if (c.cut_front && from == 0) return false;  // of what is not known whole
    if (before != c.found_in_before.end() && before->second > c.begins_at + from) return false;
    if (first != c.first_found.end() && first->second < to) return false;
  }
  const auto begin = std::max(from, c.base());
  if (first == c.first_found.end()) c.first_found.emplace_back(rule, begin);
  else first->second = std::min(first->second, begin);
  // Of a match far from the end it does not matter how much of what follows is shown; and no more is shown than was fed.
  constexpr std::size_t near_bytes = 4096;
  const auto rest = to >= c.released ? std::string_view(c.original).substr(std::min<std::size_t>(to - c.released, c.original.size())) : std::string_view(c.original);
  std::string shown;
  bool unseen = false;
  if (rest.size() <= near_bytes) append_shown(shown, rest, unseen);
  const auto behind = std::min<std::uint64_t>(all.said, rest.size() <= near_bytes ? shown.size() : rest.size());
  const auto end = to >= c.released ? all.said - behind : std::min(all.said - behind, c.begins_at + to);
  auto known = of_rule(all.found);
  if (known == all.found.end()) known = all.found.insert(known, {rule, 0});
  known->second = std::max(known->second, end);
  return true;
}

}  // namespace sluice::policy
