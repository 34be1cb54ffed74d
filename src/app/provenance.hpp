// How a version came to be, for its manifest: the gate's word and the commit.
#pragma once

#include <string>

#include "gate_run.hpp"
#include "sluice/store/publisher.hpp"

namespace sluice::app {

// `weaker`: than `against`, which is live in `ring`, also where the gate was not asked, or where nobody can tell.
[[nodiscard]] inline store::provenance provenance_of(const gate_run& gate, const gate_request& asked, std::string commit, bool weaker, std::string ring, std::string against) {
  return {.commit = std::move(commit),
          .gate_report = gate.report.digest,
          .gate_verdict = std::string(rollout::to_string(gate.report.verdict)),
          .emergency = asked.emergency,
          .skipped = rollout::skipped_checks(gate.report, gate.terms),
          .weaker = weaker,
          .ring = std::move(ring),
          .against = std::move(against),
          .approved_by = asked.approved_by,
          .benign = gate.evidence.benign};
}

}  // namespace sluice::app
