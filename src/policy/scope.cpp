// Whom a scope fits. External interface: ast.hpp.
#include <algorithm>

#include "sluice/policy/ast.hpp"
#include "time_windows.hpp"

namespace sluice::policy {

bool has_tag_of(const scope& s, const context& who) {
  const auto there = [&](const std::string& tag) { return std::ranges::find(who.tags, tag) != who.tags.end(); };
  return s.conversation_tag.empty() || std::ranges::any_of(s.conversation_tag, there);
}

bool fits(const scope& s, const context& who) {
  if (!std::ranges::all_of(scope_axes, [&](const scope_axis& axis) { return axis.fits(s, who); }) || !has_tag_of(s, who)) return false;
  if (!s.time) return true;
  time_windows hours;
  return hours.fits(hours.add(*s.time), who.minute);
}

}  // namespace sluice::policy
