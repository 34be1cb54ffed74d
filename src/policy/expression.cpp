// See expression.hpp.
#include "expression.hpp"

#include <algorithm>
#include <cstdint>
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

enum class answer : std::uint8_t { no, maybe, yes };

bool asks_classifier(const program& in, const expression& what) {
  if (what.kind == expression::kind::term) return in.terms[what.term].kind == term::kind::classifier;
  return std::ranges::any_of(what.children, [&](const expression& child) { return asks_classifier(in, child); });
}

answer without_scores(const program& in, const expression& what, std::span<const gathered> all) {
  if (!asks_classifier(in, what)) {
    std::vector<std::uint32_t> unused;
    return holds(what, all, unused) ? answer::yes : answer::no;
  }
  auto out = answer::maybe;
  switch (what.kind) {
    case expression::kind::term: break;
    case expression::kind::any:
      out = answer::no;
      for (const auto& child : what.children) out = std::max(out, without_scores(in, child, all));
      break;
    case expression::kind::all:
      out = answer::yes;
      for (const auto& child : what.children) out = std::min(out, without_scores(in, child, all));
      break;
    case expression::kind::negation: {
      const auto inner = without_scores(in, what.children.front(), all);
      out = inner == answer::maybe ? answer::maybe : inner == answer::yes ? answer::no : answer::yes;
      break;
    }
  }
  return out == answer::yes && what.min_count > 1 ? answer::maybe : out;
}

}  // namespace

bool may_hold(const program& in, const expression& what, std::span<const gathered> all) { return without_scores(in, what, all) != answer::no; }

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
