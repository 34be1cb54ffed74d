// Shares of counts, and how they are written for people.
#pragma once

#include <cstddef>
#include <string>

namespace sluice::rollout {

[[nodiscard]] inline double share(std::size_t hits, std::size_t n) { return n == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(n); }

// Of a share from 0 to 1, with three figures that count: "45.9 %", "0.229 %".
[[nodiscard]] std::string percent(double share);

}  // namespace sluice::rollout
