// Cells are products of the values that either rule names on an axis, and of "any other value", written "*"; of the tags that are
// named, each there or not; and of the sets of hours that there are.
#include "diff_lattice.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "time_windows.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t cells_max = 200'000, tags_max = 8, windows_max = 16;
constexpr std::size_t shown_max = 5;
// A value that no file can name: what the scope "any other" stands for.
const std::string other = std::string("\0other", 6);

// "mon-fri 09:00-17:30 in Europe/Berlin"
std::string hours_of(const time_window& window) {
  constexpr std::array<const char*, 7> names = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  const auto clock = [](unsigned minute) {
    const auto two = [](unsigned n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return two(minute / 60) + ":" + two(minute % 60);
  };
  std::string out;
  for (std::size_t day = 0; day < names.size(); ++day) {
    if (window.days == 0x7f || (window.days >> day & 1) == 0) continue;
    const auto first = day;
    while (day + 1 < names.size() && (window.days >> (day + 1) & 1) != 0) ++day;
    out += (out.empty() ? "" : ",") + std::string(names[first]) + (day > first ? std::string("-") + names[day] : "");
  }
  return out + (out.empty() ? "" : " ") + clock(window.from) + "-" + clock(window.to) + " in " + window.zone;
}

struct cell {
  std::array<std::string, scope_axes.size()> at;
  std::uint64_t tags = 0, windows = 0;
};

// What either rule's scopes tell apart.
struct space {
  std::array<std::vector<std::string>, scope_axes.size()> values;
  std::vector<std::string> tags;
  time_windows windows;
  std::vector<std::uint64_t> hours = {0};

  void add(const scope& s) {
    for (std::size_t i = 0; i < scope_axes.size(); ++i) {
      for (const std::string& value : s.*scope_axes[i].allowed) {
        if (std::ranges::find(values[i], value) == values[i].end()) values[i].push_back(value);
      }
    }
    for (const std::string& tag : s.conversation_tag) {
      if (std::ranges::find(tags, tag) == tags.end()) tags.push_back(tag);
    }
    if (s.time) (void)windows.add(*s.time);
  }
  void add(const rule& of) {
    for (const exception_spec& exception : of.exceptions) add(exception.when);
  }
  template <class Named>
  void add_places(const Named& each) {
    add(each.scope);
    for (const scope& bind : each.binds) add(bind);
  }
  void add(const placed_rule* each) {
    if (each == nullptr) return;
    add_places(*each->owner);
    add(*each->rule);
    if (each->bundle == nullptr) return;
    for (const rule_variant& variant : each->owner->variants) {
      if (&each->owner->rules[variant.base] != each->rule) continue;
      add(variant.rule);
      for (const overlay_ast& overlay : each->bundle->overlays) {
        if (std::ranges::find(variant.overlays, overlay.name) == variant.overlays.end()) continue;
        add_places(overlay);
      }
    }
  }
  // How many cells there are; 0: too many to look at each.
  std::size_t count() {
    if (tags.size() > tags_max || windows.size() > windows_max) return 0;
    for (auto& axis : values) axis.push_back(other);
    if (windows.size() > 0) hours = windows.combinations();
    std::size_t n = hours.size() << tags.size();
    for (const auto& axis : values) n = n > cells_max ? n : n * axis.size();
    return n > cells_max ? 0 : n;
  }
  [[nodiscard]] cell nth(std::size_t n) const {
    cell out;
    for (std::size_t i = 0; i < scope_axes.size(); ++i) {
      out.at[i] = values[i][n % values[i].size()];
      n /= values[i].size();
    }
    out.tags = n & ((1ull << tags.size()) - 1);
    out.windows = hours[n >> tags.size()];
    return out;
  }
  [[nodiscard]] bool fits(const scope& s, const cell& c) {
    for (std::size_t i = 0; i < scope_axes.size(); ++i) {
      const auto& wanted = s.*scope_axes[i].allowed;
      if (!wanted.empty() && std::ranges::find(wanted, c.at[i]) == wanted.end()) return false;
    }
    if (s.time && (c.windows >> windows.add(*s.time) & 1) == 0) return false;
    return s.conversation_tag.empty() || std::ranges::any_of(s.conversation_tag, [&](const std::string& tag) {
             return (c.tags >> (std::ranges::find(tags, tag) - tags.begin()) & 1) != 0;
           });
  }
  template <class Named>
  [[nodiscard]] bool in_force(const Named& each, const cell& c) {
    return fits(each.scope, c) && std::ranges::any_of(each.binds, [&](const scope& bind) { return fits(bind, c); });
  }
  [[nodiscard]] std::string shown(const cell& c) const {
    std::string out;
    const auto say = [&](const std::string& text) { out += (out.empty() ? "" : " ") + text; };
    for (std::size_t i = 0; i < scope_axes.size(); ++i) {
      if (values[i].size() > 1) say(std::string(scope_axes[i].name) + "=" + (c.at[i] == other ? "*" : c.at[i]));
    }
    for (std::size_t i = 0; i < tags.size(); ++i) say((c.tags >> i & 1) != 0 ? "tag=" + tags[i] : "no tag=" + tags[i]);
    for (std::uint32_t i = 0; i < windows.size(); ++i) {
      say(std::string((c.windows >> i & 1) != 0 ? "within " : "outside ") + hours_of(windows.window(i)));
    }
    return out.empty() ? "everywhere" : out;
  }
};

// What stands for the rule in a cell: itself or the variant of the overlays that fit; null when its policy is not in force.
const rule* rule_in(space& in, const placed_rule* placed, const cell& c) {
  if (placed == nullptr || !in.in_force(*placed->owner, c)) return nullptr;
  if (placed->bundle == nullptr || placed->owner->variants.empty()) return placed->rule;
  std::vector<std::string> fit;
  for (const rule_variant& variant : placed->owner->variants) {
    if (&placed->owner->rules[variant.base] != placed->rule || variant.overlays.size() != 1) continue;
    const auto overlay = std::ranges::find(placed->bundle->overlays, variant.overlays[0], &overlay_ast::name);
    if (overlay != placed->bundle->overlays.end() && in.in_force(*overlay, c)) fit.push_back(overlay->name);
  }
  std::ranges::sort(fit);
  for (const rule_variant& variant : placed->owner->variants) {
    if (&placed->owner->rules[variant.base] == placed->rule && variant.overlays == fit) return &variant.rule;
  }
  return placed->rule;
}

// How much an enforcing rule does in a cell; -1: it is not enforced there, so that its matches do not even count. Exceptions with a match of
// their own depend on text and are compared elsewhere.
int strength(space& in, const rule* at, const cell& c) {
  if (at == nullptr || at->enforcement != enforcement::enforce) return -1;
  for (const exception_spec& exception : at->exceptions) {
    if (!exception.match && in.fits(exception.when, c)) return -1;
  }
  return strength_of(at->action);
}

template <class T>
bool covers(const std::vector<T>& wide, const std::vector<T>& narrow) {
  if (wide.empty()) return true;
  if (narrow.empty()) return false;
  return std::ranges::all_of(narrow, [&](T value) { return std::ranges::find(wide, value) != wide.end(); });
}

constexpr unsigned both_ways = static_cast<unsigned>(direction::both);

// The directions in which a match adds to the sum of its policy; 0: nowhere, or nothing comes of that sum.
unsigned adds(const placed_rule* placed, const rule* at, int strength) {
  if (at == nullptr || strength < 0 || at->score <= 0 || !placed->owner->anomaly) return 0;
  const anomaly_spec& sums = *placed->owner->anomaly;
  const unsigned counted = (sums.request > 0 ? static_cast<unsigned>(direction::request) : 0) | (sums.response > 0 ? static_cast<unsigned>(direction::response) : 0);
  return counted & static_cast<unsigned>(at->direction);
}

// The places inside an exchange: direction (of those in `ways`), role, part, turn. True when `now` looks wherever `was` looked.
bool looks_as_far(const rule& was, const rule& now, unsigned ways = both_ways) {
  const auto a = static_cast<unsigned>(was.direction) & ways, b = static_cast<unsigned>(now.direction);
  return (a & b) == a && covers(now.where.roles, was.where.roles) && covers(now.where.parts, was.where.parts) &&
         (was.where.last_turn_only || !now.where.last_turn_only);
}

// A match of `was` added to the sum, in some of the directions `before`, and does not add to it any more, in `after`, or not wherever it did.
// Where each match ends at least as strongly as the sum would, nobody misses that.
bool misses_sum(const rule& was, const rule* now, unsigned before, unsigned after, const anomaly_spec& sum, int strength) {
  if (now == nullptr || !looks_as_far(was, *now, before)) return true;
  const bool ends_alike = !adds_text(now->action.type) && strength >= traits_of(sum.action).strength;
  return (before & ~after) != 0 && !ends_alike;
}

// Texts of a pair of rules, compared once. The pair of the rules themselves is the caller's.
class text_changes {
 public:
  text_changes(const placed_rule* was, const placed_rule* now, lattice_result& out)
      : was_(was), now_(now), base_(was == nullptr ? nullptr : was->rule, now == nullptr ? nullptr : now->rule), out_(out) {}
  void look(const rule* was, const rule* now, const std::string& where) {
    const std::pair pair{was, now};
    if (pair == base_ || !seen_.insert({pair, true}).second) return;
    const rule_change change = compare_text({.owner = was_->owner, .rule = was, .bundle = was_->bundle}, {.owner = now_->owner, .rule = now, .bundle = now_->bundle});
    out_.effect = std::max(out_.effect, change.effect);
    for (const std::string& detail : change.details) {
      if (out_.details.size() < shown_max) out_.details.push_back("with overlays, " + where + ": " + detail);
    }
  }

 private:
  const placed_rule *was_, *now_;
  std::pair<const rule*, const rule*> base_;
  std::map<std::pair<const rule*, const rule*>, bool> seen_;
  lattice_result& out_;
};

void note_tags(const rule* was, const rule& now, lattice_result& out) {
  for (const std::string& tag : now.action.tags) {
    const bool known = was != nullptr && std::ranges::find(was->action.tags, tag) != was->action.tags.end();
    if (!known && std::ranges::find(out.tags, tag) == out.tags.end()) out.tags.push_back(tag);
  }
}

// What says audit.on_full: block, policies and overlays alike.
template <class Each>
void each_that_needs_record(const bundle_ast& in, Each&& f) {
  for (const policy_ast& policy : in.policies) {
    if (needs_record(policy)) f(policy);
  }
  for (const overlay_ast& overlay : in.overlays) {
    if (needs_record(overlay)) f(overlay);
  }
}

}  // namespace

int strength_of(const action_spec& act) {
  if (act.type != action::require_disclaimer) return traits_of(act.type).strength;
  switch (act.on_missing) {
    case on_missing::append: break;
    case on_missing::rewrite: return traits_of(action::rewrite).strength;
    case on_missing::block: return traits_of(action::block).strength;
  }
  return traits_of(act.type).strength;
}

bool same_scope(const scope& a, const scope& b) { return a == b; }

lattice_result compare_cells(const placed_rule* was, const placed_rule* now) {
  lattice_result out;
  space in;
  in.add(was);
  in.add(now);
  const std::size_t count = in.count();
  if (count == 0) return {.effect = effect::may_weaken, .cells = {}, .details = {}, .tags = {}, .exact = false};
  text_changes texts(was, now, out);
  for (std::size_t n = 0; n < count; ++n) {
    const cell at = in.nth(n);
    const rule *a = rule_in(in, was, at), *b = rule_in(in, now, at);
    const int before = strength(in, a, at), after = strength(in, b, at);
    const unsigned added = adds(was, a, before), adding = adds(now, b, after);
    const bool both = a != nullptr && b != nullptr;
    const bool as_far = !both || looks_as_far(*a, *b), farther = both && !looks_as_far(*b, *a);
    const bool less_added = added != 0 && misses_sum(*a, b, added, adding, *was->owner->anomaly, after);
    if (std::max(after, 0) < std::max(before, 0) || less_added || (before > 0 && !as_far)) {
      out.effect = effect::weaker;
      if (out.cells.size() < shown_max) out.cells.push_back(in.shown(at));
    } else if (after > std::max(before, 0) || (after > 0 && farther) || (adding & ~added) != 0 || (adding != 0 && farther)) {
      out.effect = std::max(out.effect, effect::stronger);
    }
    if (after > 0) note_tags(before > 0 && !farther ? a : nullptr, *b, out);
    if (both && (before > 0 || added != 0)) texts.look(a, b, in.shown(at));
  }
  return out;
}

lattice_result compare_needs_record(const bundle_ast& was, const bundle_ast& now) {
  lattice_result out;
  space in;
  for (const bundle_ast* side : {&was, &now}) each_that_needs_record(*side, [&](const auto& each) { in.add_places(each); });
  const auto wanted = [&](const bundle_ast& side, const cell& at) {
    bool any = false;
    each_that_needs_record(side, [&](const auto& each) { any = any || in.in_force(each, at); });
    return any;
  };
  const std::size_t count = in.count();
  if (count == 0) return {.effect = effect::may_weaken, .cells = {}, .details = {}, .tags = {}, .exact = false};
  for (std::size_t n = 0; n < count; ++n) {
    const cell at = in.nth(n);
    const bool before = wanted(was, at), after = wanted(now, at);
    if (before && !after) {
      out.effect = effect::weaker;
      if (out.cells.size() < shown_max) out.cells.push_back(in.shown(at));
    } else if (after && !before) {
      out.effect = std::max(out.effect, effect::stronger);
    }
  }
  return out;
}

}  // namespace sluice::policy
