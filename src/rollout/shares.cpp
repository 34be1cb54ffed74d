// See shares.hpp.
#include "sluice/rollout/shares.hpp"

#include <cstdio>

namespace sluice::rollout {

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", share * 100);
  return text;
}

}  // namespace sluice::rollout
