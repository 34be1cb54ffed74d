// `sluice config check FILE` and `sluice config show FILE`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "config_files.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

nlohmann::json as_json(const policy::diagnostics& found) {
  auto out = nlohmann::json::array();
  for (const auto& d : found) {
    out.push_back({{"file", d.place.file}, {"line", d.place.line}, {"column", d.place.column}, {"message", d.message},
                   {"advice", d.advice}});
  }
  return out;
}

void check_file(const std::string& file, bool alone, invocation& call) {
  policy::diagnostics found;
  const config read = load_config(file, found);
  if (!alone) check_named_files(read, found);
  const bool bad = policy::has_errors(found);
  if (call.json) {
    std::cout << nlohmann::json{{"file", file}, {"ok", !bad}, {"digest", read.digest}, {"errors", as_json(found)}}.dump() << "\n";
  } else if (bad) {
    std::cerr << policy::to_text(found);
    const auto mistakes = std::ranges::count(found, policy::severity::error, &policy::diagnostic::severity);
    complain(file + " has " + std::to_string(mistakes) + (mistakes == 1 ? " mistake" : " mistakes"),
             "docs/configuration.md explains every key");
  } else {
    std::cerr << policy::to_text(found);
    std::cout << file << (found.empty() ? ": right\n" : ": right, with a word of warning\n");
  }
  call.exit_code = bad ? 64 : 0;
}

void show_file(const std::string& file, invocation& call) {
  policy::diagnostics found;
  const config read = load_config(file, found);
  if (policy::has_errors(found)) {
    show_diagnostics(found);
    call.exit_code = 64;
    return;
  }
  if (call.json) {
    std::cout << nlohmann::json{{"file", file}, {"digest", read.digest}, {"yaml", show_config(read)}}.dump() << "\n";
  } else {
    std::cout << show_config(read);
  }
}

}  // namespace

void add_config(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("config", "Check a configuration, or show it with all defaults");
  command->require_subcommand(1);
  command->footer("Examples:\n  sluice config check sluice.yaml\n  sluice config show sluice.yaml");
  auto file = std::make_shared<std::string>();
  auto* check = command->add_subcommand("check", "Say every mistake of a configuration, with its line; exit 64 if there is one");
  check->add_option("FILE", *file, "sluice.yaml")->required();
  auto alone = std::make_shared<bool>(false);
  check->add_flag("--file-only", *alone, "Look at the file alone, not at the keys, certificates and folders that it names: for another machine's");
  check->footer("Examples:\n  sluice config check sluice.yaml\n  sluice config check deploy/production.yaml --file-only");
  add_json(*check, call);
  check->callback([file, alone, &call] { check_file(*file, *alone, call); });
  auto* show = command->add_subcommand("show", "Print a configuration with every default filled in");
  show->add_option("FILE", *file, "sluice.yaml")->required();
  show->footer("Example:\n  sluice config show sluice.yaml");
  add_json(*show, call);
  show->callback([file, &call] { show_file(*file, call); });
}

}  // namespace sluice::app
