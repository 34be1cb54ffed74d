// Cells are products of the values that either rule names on an axis, and of "any other value", written "*".
#include "diff_lattice.hpp"

#include <algorithm>
#include <array>

namespace sluice::policy {
namespace {

constexpr std::size_t cells_max = 100'000;
constexpr std::size_t shown_max = 5;
constexpr std::size_t axis_count = 5;
constexpr std::array<std::vector<std::string> scope::*, axis_count> axes = {&scope::region, &scope::tenant,
                                                                            &scope::tier, &scope::route, &scope::model};
constexpr std::array<const char*, axis_count> axis_names = {"region", "tenant", "tier", "route", "model"};
// A value that no file can name: what the scope "any other" stands for.
const std::string other = std::string("\0other", 6);

using cell = std::array<std::string, axis_count>;

bool fits(const scope& s, const cell& at) {
  for (std::size_t i = 0; i < axis_count; ++i) {
    const auto& values = s.*axes[i];
    if (!values.empty() && std::ranges::find(values, at[i]) == values.end()) return false;
  }
  return true;
}

// How much an enforcing rule does in a scope: 0 nothing, else its action's strength. Exceptions with a match of their
// own depend on text and are compared elsewhere.
int strength(const placed_rule* at, const cell& where) {
  if (at == nullptr || at->rule->enforcement != enforcement::enforce) return 0;
  if (!fits(at->owner->scope, where)) return 0;
  const bool bound = std::ranges::any_of(at->owner->binds, [&](const scope& bind) { return fits(bind, where); });
  if (!bound) return 0;
  for (const exception_spec& exception : at->rule->exceptions) {
    if (!exception.match && fits(exception.when, where)) return 0;
  }
  return static_cast<int>(at->rule->action.type);
}

void collect(const scope& s, std::array<std::vector<std::string>, axis_count>& values) {
  for (std::size_t i = 0; i < axis_count; ++i) {
    for (const std::string& value : s.*axes[i]) {
      if (std::ranges::find(values[i], value) == values[i].end()) values[i].push_back(value);
    }
  }
}

std::array<std::vector<std::string>, axis_count> named_values(const placed_rule* was, const placed_rule* now) {
  std::array<std::vector<std::string>, axis_count> values;
  for (const placed_rule* each : {was, now}) {
    if (each == nullptr) continue;
    collect(each->owner->scope, values);
    for (const scope& bind : each->owner->binds) collect(bind, values);
    for (const exception_spec& exception : each->rule->exceptions) collect(exception.when, values);
  }
  for (auto& axis : values) axis.push_back(other);
  return values;
}

std::string shown(const cell& at, const std::array<std::vector<std::string>, axis_count>& values) {
  std::string out;
  for (std::size_t i = 0; i < axis_count; ++i) {
    if (values[i].size() < 2) continue;
    out += (out.empty() ? "" : " ") + std::string(axis_names[i]) + "=" + (at[i] == other ? "*" : at[i]);
  }
  return out.empty() ? "everywhere" : out;
}

template <class T>
bool covers(const std::vector<T>& wide, const std::vector<T>& narrow) {
  if (wide.empty()) return true;
  if (narrow.empty()) return false;
  return std::ranges::all_of(narrow, [&](T value) { return std::ranges::find(wide, value) != wide.end(); });
}

// The places inside an exchange: direction, role, part, turn. True when `now` looks wherever `was` looked.
bool looks_as_far(const rule& was, const rule& now) {
  const auto a = static_cast<unsigned>(was.direction), b = static_cast<unsigned>(now.direction);
  return (a & b) == a && covers(now.where.roles, was.where.roles) && covers(now.where.parts, was.where.parts) &&
         (was.where.last_turn_only || !now.where.last_turn_only);
}

}  // namespace

bool same_scope(const scope& a, const scope& b) {
  return std::ranges::all_of(axes, [&](auto axis) { return a.*axis == b.*axis; });
}

lattice_result compare_cells(const placed_rule* was, const placed_rule* now) {
  lattice_result out;
  const auto values = named_values(was, now);
  std::size_t count = 1;
  for (const auto& axis : values) count *= axis.size();
  if (count > cells_max) return {.effect = effect::may_weaken, .cells = {}, .exact = false};
  const bool both = was != nullptr && now != nullptr;
  const bool as_far = !both || looks_as_far(*was->rule, *now->rule);
  const bool farther = both && !looks_as_far(*now->rule, *was->rule);
  for (std::size_t n = 0; n < count; ++n) {
    cell at;
    std::size_t rest = n;
    for (std::size_t i = 0; i < axis_count; ++i) {
      at[i] = values[i][rest % values[i].size()];
      rest /= values[i].size();
    }
    const int before = strength(was, at), after = strength(now, at);
    const bool weaker = after < before || (before > 0 && !as_far);
    if (weaker) {
      out.effect = effect::weaker;
      if (out.cells.size() < shown_max) out.cells.push_back(shown(at, values));
    } else if (after > before || (after > 0 && farther)) {
      out.effect = std::max(out.effect, effect::stronger);
    }
  }
  return out;
}

}  // namespace sluice::policy
