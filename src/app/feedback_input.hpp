// What commands of `sluice feedback` read: what was said, and the decisions that it was said of.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log_sources.hpp"
#include "ring_options.hpp"
#include "sluice/rollout/feedback.hpp"

namespace sluice::app {

struct feedback_options {
  ring_options ring;                  // url "": not asked
  std::vector<std::string> spools;    // state directories and admin ports, where no Redis gathers it
  std::string token_file, ca_file;
  std::string secret_file;            // opens notes and kept text
};
// `reads_logs`: the command has add_decision_options too.
void add_feedback_options(CLI::App& command, feedback_options& options, bool reads_logs);
// Nothing: it was complained about.
[[nodiscard]] std::optional<std::vector<rollout::feedback_entry>> read_feedback_entries(const feedback_options& options);
// A label goes where entries come from.
[[nodiscard]] bool write_label(const feedback_options& options, const rollout::feedback_entry& label);

struct decision_options {
  log_options logs;
  std::vector<std::string> keys, states;  // folders of text keys; state directories that hold one
  std::string since = "30d";
};
void add_decision_options(CLI::App& command, decision_options& options);
struct logged_decisions {
  std::vector<rollout::logged_decision> all;
  std::set<std::string> opened, sealed;  // of those whose text was asked for: it is kept, and opened or did not
};
// The decisions of the logs, those in `with_text` with what was kept of their text.
[[nodiscard]] std::optional<logged_decisions> read_decisions(const decision_options& options, const std::string& master,
                                                              const std::vector<rollout::reviewed_decision>& with_text);

}  // namespace sluice::app
