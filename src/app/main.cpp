// The root of the command line. Everything a command does is in its own file; this builds the tree, parses, and turns the
// outcome into an exit code: 0 success, 1 failed, 2 usage, 3 insufficient evidence, 64 bad configuration.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <iostream>
#include <vector>

#include "completion.hpp"
#include "failure_document.hpp"
#include "log_packing.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/match/compiler.hpp"

namespace {

using namespace sluice;

constexpr const char* footer = R"(First steps:
  sluice mock-upstream --listen 127.0.0.1:8081        a test model that needs no key
  sluice check policies                               are these policies right?
  echo 'My card is 4111 1111 1111 1111' | sluice explain policies
  sluice config check sluice.yaml                     is this configuration right?
  sluice serve --config sluice.yaml                   the gateway
  sluice demo                                         a fleet of three with a Redis, to try things out

Each command has --help with an example. Exit codes: 0 success, 1 failed, 2 wrong usage,
3 not enough evidence, 64 bad configuration. With --json a command that fails without a result
prints {"ok": false, "error": …, "advice": …}, and the list "complaints" where there were several.)";

// `sluice compile-worker CPU_SECONDS MEMORY_BYTES`, what the gateway starts for itself: kept out of the tree, so that a
// child costs nothing but its work and nobody finds it in a help text.
int compile_worker(char** arguments) {
  std::uint32_t cpu_seconds = 0;
  std::uint64_t memory_bytes = 0;
  const char* cpu_end = arguments[0] + std::strlen(arguments[0]);
  const char* memory_end = arguments[1] + std::strlen(arguments[1]);
  if (std::from_chars(arguments[0], cpu_end, cpu_seconds).ptr != cpu_end ||
      std::from_chars(arguments[1], memory_end, memory_bytes).ptr != memory_end) {
    app::complain("compile-worker wants two numbers: CPU seconds and bytes of memory");
    return 2;
  }
  return match::compile_worker_main(cpu_seconds, memory_bytes);
}

void add_version(CLI::App& root, app::invocation& call) {
  auto* command = root.add_subcommand("version", "Print the version");
  app::add_json(*command, call);
  command->footer("Example:\n  sluice version --json");
  command->callback([&call] {
    if (call.json) {
      std::cout << R"({"name":"sluice","version":")" SLUICE_VERSION R"(","compiler":)" << json_quoted(__VERSION__)
                << "}\n";
    } else {
      std::cout << "sluice " SLUICE_VERSION "\n";
    }
  });
}

void add_completion(CLI::App& root, app::invocation& call) {
  auto* command = root.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Example:\n  sluice completion bash > ~/.local/share/bash-completion/completions/sluice");
  command->callback([&root, &call, shell] {
    std::cout << app::completion_script(root, *shell);
    call.exit_code = 0;
  });
}

// Commands by what somebody is about, in the order of a rule's life.
struct job {
  const char* name;
  std::vector<void (*)(CLI::App&, app::invocation&)> commands;
};
const std::vector<job>& jobs() {
  static const std::vector<job> all = {
      {"Run", {app::add_serve, app::add_config, app::add_demo, app::add_mock_upstream}},
      {"Write", {app::add_init, app::add_new, app::add_check, app::add_explain, app::add_rules, app::add_diff, app::add_schema, app::add_classifier}},
      {"Prove", {app::add_test, app::add_golden, app::add_shadow}},
      {"Publish", {app::add_push, app::add_pack, app::add_activate, app::add_approve, app::add_promote, app::add_rollback, app::add_freeze, app::add_revoke, app::add_prune, app::add_keygen}},
      {"Watch", {app::add_status, app::add_history, app::add_controller, app::add_demote, app::add_rearm}},
      {"Account for", {app::add_audit, app::add_feedback}},
      {"About this program", {add_completion, add_version}},
  };
  return all;
}

std::vector<std::string_view> names_of(const CLI::App& app) {
  std::vector<std::string_view> out;
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; })) out.push_back(each->get_name());
  return out;
}

// A word that is no command is the commonest mistake: say which one was meant.
bool complain_of_unknown_command(const CLI::App& root, int argc, char** argv) {
  const auto* app = &root;
  std::string path;  // of the commands so far, a blank behind each
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto names = names_of(*app);
    if (names.empty()) return false;
    const std::string word = argv[i];
    if (std::ranges::find(names, word) == names.end()) {
      const auto near = nearest(word, names);
      app::complain("there is no command '" + path + word + "'",
                    near.empty() ? "sluice " + path + "--help lists them" : "did you mean 'sluice " + path + std::string(near) + "'?");
      return true;
    }
    app = app->get_subcommand(word);
    path += word + " ";
  }
  return false;
}

// What CLI11 says of a command line; of an option that the chosen command does not have, the one that is most like it.
void complain_of_usage(const CLI::App& root, const CLI::ParseError& wrong, int argc, char** argv) {
  const CLI::App* chosen = &root;
  std::string name = "sluice";
  for (auto next = root.get_subcommands(); !next.empty(); next = chosen->get_subcommands()) {
    chosen = next.front();
    name += " " + chosen->get_name();
  }
  std::vector<std::string_view> known;
  for (const auto* option : chosen->get_options()) {
    for (const auto& each : option->get_lnames()) known.push_back(each);
  }
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) continue;
    const auto option = word.substr(2, word.substr(2).find('='));
    if (std::ranges::find(known, option) != known.end()) continue;
    const auto near = nearest(option, known);
    return app::complain(name + " has no option --" + std::string(option), near.empty() ? name + " --help shows how" : "did you mean --" + std::string(near) + "?");
  }
  app::complain(wrong.what(), name + " --help shows how");
}

// Before anything is parsed, for a command line may be wrong. `serve` talks to its supervisor and its log alone.
bool asks_for_json(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
  const auto end = std::ranges::find(words, "--");
  return std::find(words.begin(), end, "--json") != end && words.front() != "serve";
}

int run(int argc, char** argv) {
  CLI::App root("Sluice stands between LLM clients and an LLM API and holds every request and every answer\n"
                "against the safety rules in force at that moment.", "sluice");
  root.require_subcommand(0, 1);
  root.get_formatter()->column_width(26);
  root.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app::invocation call;
  for (const auto& of : jobs()) {
    for (const auto add : of.commands) {
      const auto before = root.get_subcommands([](const CLI::App*) { return true; }).size();
      add(root, call);  // some add several
      const auto all = root.get_subcommands([](CLI::App*) { return true; });
      for (std::size_t i = before; i < all.size(); ++i) {
        if (!all[i]->get_group().empty()) all[i]->group(of.name);
      }
    }
  }
  root.footer(footer);  // now: commands begin with what the root has then
  if (argc > 1 && std::string_view(argv[1]) == "help") {
    // As --help behind the command that is named.
    std::rotate(argv + 1, argv + 2, argv + argc);
    argv[argc - 1] = const_cast<char*>("--help");
  }
  if (complain_of_unknown_command(root, argc, argv)) return 2;
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return root.exit(asked);
  } catch (const CLI::ParseError& wrong) {
    complain_of_usage(root, wrong, argc, argv);
    return 2;
  }
  if (root.get_subcommands().empty()) {
    std::cerr << root.help();
    return 2;
  }
  return call.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  app::install_log_packing();
  if (argc == 4 && std::string_view(argv[1]) == "compile-worker") return compile_worker(argv + 2);
  app::failure_document failure(asks_for_json(argc, argv));
  int exit_code = 1;
  try {
    exit_code = run(argc, argv);
  } catch (const std::exception& thrown) {
    app::complain(std::string("it failed unexpectedly: ") + thrown.what(), "this is a defect: please report it");
  }
  failure.tell(exit_code);
  return exit_code;
}
