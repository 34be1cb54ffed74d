// The gate as commands run it: `sluice test`, and `sluice push` before anything is uploaded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bundle_input.hpp"
#include "log_sources.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::app {

// Decision logs whose texts the candidate decides again.
struct replay_options {
  log_options logs;                            // from: empty, nothing is decided again
  std::vector<std::string> keys, states;       // folders of text keys; state directories that hold one
  std::string secret_file, since = "24h";
};
void add_replay_options(CLI::App& command, replay_options& options);

struct gate_request {
  std::vector<std::string> golden;             // more golden files
  std::optional<double> false_positives_max;
  std::string actor, approved_by, expected_change;
  replay_options replay;
  bool emergency = false;
  bool from_nothing = true;                    // compile once more without the cache: its time, and whether it decides the same
};

struct gate_run {
  rollout::gate_evidence evidence;
  rollout::gate_terms terms;
  rollout::gate_report report;
  std::optional<wall_time> decisions_since = {};  // from when on decisions were decided again, where some were
};

// `active`: what the candidate is held against; null for nothing. A golden set that cannot be read is complained about and gives nothing.
[[nodiscard]] std::optional<gate_run> run_gate(const bundle_input& input, const bundle_input* active, const gate_request& asked, wall_time today, bundle_compiler& compiler);
// Of a bundle that was refused: the report says why, and nothing else.
[[nodiscard]] gate_run refused_gate(const bundle_input& input, wall_time today);

// Text for people: one line a check, what is wrong below it, and the verdict.
void print_checks(const gate_run& run, std::ostream& to);

// The day that --now names (check_day let it pass), or today's.
[[nodiscard]] wall_time day_of(const std::string& now);

}  // namespace sluice::app
