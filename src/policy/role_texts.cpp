// See role_texts.hpp.
#include "role_texts.hpp"

#include <algorithm>
#include <numeric>

#include "sluice/base/strings.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {

std::span<const std::uint32_t> part_groups::of(role who, part_kind kind, std::int32_t choice) {
  const auto group_of = [this](std::uint32_t i) { return std::tuple(parts_[i].role, parts_[i].kind, parts_[i].choice); };
  if (!sorted_) {
    auto& all = sorted_.emplace(parts_.size());
    std::iota(all.begin(), all.end(), 0U);
    std::erase_if(all, [this](std::uint32_t i) { return parts_[i].text.empty(); });
    std::ranges::sort(all, {}, [&](std::uint32_t i) { return std::pair(group_of(i), i); });
  }
  return std::ranges::equal_range(*sorted_, std::tuple(who, kind, choice), {}, group_of);
}

// Each view of a text is made here once more than by the part_matcher, and again for rules of the last turn, all out of one budget: what the matcher
// could look at may be too much here.
std::optional<std::string> role_texts::shown(std::string_view text, text::view_kind view) {
  text::view as;
  if (!text::make_view(text, view, as, growth_left_)) return {};
  growth_left_ -= std::max(as.text().size(), text.size()) - text.size();
  return std::string(as.text());
}

const role_texts::joined& role_texts::of(std::uint32_t part, text::view_kind view, bool last_turn) {
  const auto& p = parts_[part];
  const auto [known, fresh] = known_.try_emplace(group{p.role, p.kind, p.choice, view, last_turn});
  auto& out = known->second;
  if (!fresh) return out;
  for (const auto i : groups_.of(p.role, p.kind, p.choice)) {
    const auto& each = parts_[i];
    if (last_turn && !each.last_turn) continue;
    const auto as = shown(each.text, view);
    out.whole = out.whole && as;
    const auto text = lower(as.value_or(std::string()));
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

role_texts::answer role_texts::say(std::uint32_t part, text::view_kind view, bool last_turn, const std::vector<std::string>& words) {
  const auto& all = of(part, view, last_turn);
  const auto [said, fresh] = said_.try_emplace({&all, &words}, all.whole ? answer::no : answer::unknown);
  if (!fresh) return said->second;
  const bool there = std::ranges::any_of(words, [&](const std::string& word) {
    return std::ranges::any_of(all.text, [&](const std::string& text) { return text::find_word(text, word, 0).has_value(); });
  });
  if (there) said->second = answer::yes;
  return said->second;
}

role_texts::surrounding role_texts::around(std::uint32_t part, text::view_kind view, bool last_turn, std::size_t way) {
  const auto& all = of(part, view, last_turn);
  const auto place = std::ranges::lower_bound(all.places, part, {}, &joined::place::part);
  if (place == all.places.end() || place->part != part) return {};
  const std::string_view text = all.text[way];
  return {text.substr(0, place->begin[way]), text.substr(place->end[way]), all.whole};
}

}  // namespace sluice::policy
