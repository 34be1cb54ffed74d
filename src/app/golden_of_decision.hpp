// A golden case from a decision of the log: its text, and the context in which it was decided.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log_sources.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

struct decision_source {
  std::string decision;  // "": none was named
  log_options logs;
  std::vector<std::string> keys, states;
  std::string secret_file;
};
void add_decision_source(CLI::App& command, decision_source& options);

// A JSON object with `context`, and `messages` or `response`; `direction` "": the side on which a rule acted, the answer where it was on both. Names of people and
// conversations are left out. Nothing: it was complained about.
[[nodiscard]] std::optional<std::string> golden_of_decision(const decision_source& from, std::string direction);

}  // namespace sluice::app
