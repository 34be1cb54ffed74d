// The rules of `sluice demo`, a small bank's, and what its invented customers ask. docs/tour.md changes them step by step.
#pragma once

#include <span>
#include <string_view>

#include "scaffold.hpp"

namespace sluice::app::demo {

// Passes its own gate, with nothing left open. The everyday texts below are its benign set, a third of which speaks of a transfer.
[[nodiscard]] scaffold::files bundle();

// What customers ask day by day; no rule of the bundle touches any of it.
[[nodiscard]] std::span<const std::string_view> everyday();
// What they ask now and then, and rules are there for.
[[nodiscard]] std::span<const std::string_view> now_and_then();

}  // namespace sluice::app::demo
