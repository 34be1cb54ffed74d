// See expression.hpp.
#include "expression.hpp"

#include <algorithm>
#include <set>

namespace sluice::policy {
namespace {

bool holds_once(const expression& what, std::span<const gathered> all, std::vector<std::uint32_t>& matches) {
  const auto before = matches.size();
  switch (what.kind) {
    case expression::kind::term:
      for (std::uint32_t i = 0; i < all.size(); ++i) {
        if (all[i].term == what.term) matches.push_back(i);
      }
      return matches.size() > before;
    case expression::kind::any: {
      bool some = false;
      for (const auto& child : what.children) some |= holds(child, all, matches);
      return some;
    }
    case expression::kind::all:
      for (const auto& child : what.children) {
        if (holds(child, all, matches)) continue;
        matches.resize(before);
        return false;
      }
      return true;
    case expression::kind::negation: {
      std::vector<std::uint32_t> unwanted;
      return !holds(what.children.front(), all, unwanted);
    }
  }
  return false;
}

}  // namespace

bool holds(const expression& what, std::span<const gathered> all, std::vector<std::uint32_t>& matches) {
  const auto before = matches.size();
  if (!holds_once(what, all, matches)) return false;
  if (what.min_count <= 1) return true;
  // Two terms may find the same place; it counts once.
  std::set<std::pair<std::uint32_t, std::uint32_t>> places;
  for (auto i = before; i < matches.size(); ++i) places.emplace(all[matches[i]].begin, all[matches[i]].end);
  if (places.size() >= what.min_count) return true;
  matches.resize(before);
  return false;
}

}  // namespace sluice::policy
