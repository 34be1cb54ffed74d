// See role_texts.hpp.
#include "role_texts.hpp"

#include <algorithm>

#include "sluice/base/strings.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {

// A text that would grow too much says nothing: what looks at it is unavailable already (part_matcher).
std::string role_texts::shown(std::string_view text, text::view_kind view) {
  text::view as;
  if (!text::make_view(text, view, as, growth_left_)) return {};
  growth_left_ -= std::max(as.text().size(), text.size()) - text.size();
  return std::string(as.text());
}

const role_texts::joined& role_texts::of(std::uint32_t part, text::view_kind view, bool last_turn) {
  const auto& p = parts_[part];
  const auto same = [&](const joined& j) { return j.who == p.role && j.kind == p.kind && j.choice == p.choice && j.view == view && j.last_turn == last_turn; };
  if (const auto known = std::ranges::find_if(known_, same); known != known_.end()) return *known;
  auto& out = known_.emplace_back(joined{.who = p.role, .kind = p.kind, .choice = p.choice, .view = view, .last_turn = last_turn, .text = {}, .places = {}});
  for (std::uint32_t i = 0; i < parts_.size(); ++i) {
    const auto& each = parts_[i];
    if (each.role != p.role || each.kind != p.kind || each.choice != p.choice || each.text.empty() || (last_turn && !each.last_turn)) continue;
    const auto text = lower(shown(each.text, view));
    auto& place = out.places.emplace_back(joined::place{.part = i, .begin = {}, .end = {}});
    for (std::size_t way = 0; way < ways; ++way) {
      auto& all = out.text[way];
      if (way == 1 && is_seam(all, text)) all += ' ';
      place.begin[way] = all.size();
      all += text;
      place.end[way] = all.size();
    }
  }
  return out;
}

bool role_texts::say(std::uint32_t part, text::view_kind view, bool last_turn, const std::vector<std::string>& words) {
  const auto& all = of(part, view, last_turn);
  const auto [said, fresh] = said_.try_emplace({&all, &words}, false);
  if (!fresh) return said->second;
  return said->second = std::ranges::any_of(words, [&](const std::string& word) {
    return std::ranges::any_of(all.text, [&](const std::string& text) { return text::find_word(text, word, 0).has_value(); });
  });
}

role_texts::surrounding role_texts::around(std::uint32_t part, text::view_kind view, bool last_turn, std::size_t way) {
  const auto& all = of(part, view, last_turn);
  const auto place = std::ranges::lower_bound(all.places, part, {}, &joined::place::part);
  if (place == all.places.end() || place->part != part) return {};
  const std::string_view text = all.text[way];
  return {text.substr(0, place->begin[way]), text.substr(place->end[way])};
}

}  // namespace sluice::policy
