// Reports of the gate: private to its writers.
#pragma once

#include <string>

#include "sluice/rollout/gate.hpp"

namespace sluice::rollout {

[[nodiscard]] std::string digest_of(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms);

}  // namespace sluice::rollout
