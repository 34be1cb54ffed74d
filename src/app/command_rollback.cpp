// `sluice rollback`: its place on the command line.
#include <CLI/CLI.hpp>

#include "sluice/app/command.hpp"

namespace sluice::app {

void add_rollback(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("rollback", "Not built yet");
  command->allow_extras();
  command->callback([&call] {
    complain("'rollback' is not built yet");
    call.exit_code = 1;
  });
}

}  // namespace sluice::app
