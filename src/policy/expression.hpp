// Rules whose match is more than one thing: any, all, not, and how often. Decided for a part of text as a whole, and for all that a role says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "program.hpp"

namespace sluice::policy {

// A match of a term that is not yet one of its rule.
struct gathered {
  std::uint32_t term;
  std::uint32_t begin, end;  // bytes of the part's original text
  std::string value;         // that text
  bool noted = false;        // its rule was found with it
};

// Whether the expression holds, given every match of its terms in the part. Appends the indexes of the matches that make it hold;
// an expression that holds because nothing was found appends none.
[[nodiscard]] bool holds(const expression& what, std::span<const gathered> all, std::vector<std::uint32_t>& matches);
// Whether it could hold, whatever its classifiers say; `all` has none of their matches.
[[nodiscard]] bool may_hold(const program& in, const expression& what, std::span<const gathered> all);

}  // namespace sluice::policy
