// `sluice history`: its place on the command line.
#include <CLI/CLI.hpp>

#include "sluice/app/command.hpp"

namespace sluice::app {

void add_history(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("history", "Not built yet");
  command->allow_extras();
  command->callback([&call] {
    complain("'history' is not built yet");
    call.exit_code = 1;
  });
}

}  // namespace sluice::app
