// sluice schema: the policy language for editors and other tools.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "sluice/app/command.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/policy/language.hpp"

namespace sluice::app {

void add_schema(CLI::App& root, invocation& call) {
  CLI::App* command = root.add_subcommand("schema", "Print the policy language as JSON Schema (2020-12)");
  const auto reference = std::make_shared<bool>(false);
  command->add_flag("--reference", *reference, "the tables of docs/policy_language.md instead, as Markdown");
  command->footer("Example:\n  sluice schema > sluice-policy.schema.json\n\n"
                  "An editor shows keys and mistakes with it: of VS Code's YAML extension, yaml.schemas: {\"./sluice-policy.schema.json\": \"policies/**/*.yaml\"}");
  command->callback([reference, &call] {
    std::cout << (*reference ? policy::language_reference() : parse_bounded<nlohmann::ordered_json>(policy::language_schema()).dump(2) + "\n");
    call.exit_code = 0;
  });
}

}  // namespace sluice::app
