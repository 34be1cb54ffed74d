// The command line: one file a command, each adds itself to the root. A command's body runs after parsing and sets the exit code.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::app {

// What every command shares. `json` is set by --json, which each command registers with add_json().
struct invocation {
  bool json = false;
  int exit_code = 0;  // 0 success, 1 failed, 2 usage, 3 insufficient evidence, 64 bad configuration
};

void add_json(CLI::App& command, invocation& call);

void add_serve(CLI::App& root, invocation& call);
void add_mock_upstream(CLI::App& root, invocation& call);
void add_check(CLI::App& root, invocation& call);
void add_test(CLI::App& root, invocation& call);
void add_diff(CLI::App& root, invocation& call);
void add_explain(CLI::App& root, invocation& call);
void add_rules(CLI::App& root, invocation& call);
void add_init(CLI::App& root, invocation& call);
void add_new(CLI::App& root, invocation& call);
void add_schema(CLI::App& root, invocation& call);
void add_pack(CLI::App& root, invocation& call);
void add_push(CLI::App& root, invocation& call);
void add_status(CLI::App& root, invocation& call);
void add_history(CLI::App& root, invocation& call);
void add_activate(CLI::App& root, invocation& call);
void add_approve(CLI::App& root, invocation& call);
void add_promote(CLI::App& root, invocation& call);  // and abort
void add_demote(CLI::App& root, invocation& call);
void add_rearm(CLI::App& root, invocation& call);
void add_rollback(CLI::App& root, invocation& call);
void add_freeze(CLI::App& root, invocation& call);
void add_revoke(CLI::App& root, invocation& call);  // and unrevoke
void add_prune(CLI::App& root, invocation& call);
void add_keygen(CLI::App& root, invocation& call);
void add_audit(CLI::App& root, invocation& call);
void add_controller(CLI::App& root, invocation& call);
void add_shadow(CLI::App& root, invocation& call);
void add_config(CLI::App& root, invocation& call);
void add_feedback(CLI::App& root, invocation& call);
void add_golden(CLI::App& root, invocation& call);
void add_classifier(CLI::App& root, invocation& call);
void add_demo(CLI::App& root, invocation& call);

// stderr: "sluice: <what>" and, when given, "  → <what to do>". Colour only on a terminal and without NO_COLOR.
void complain(const std::string& what, const std::string& advice = {});

// Aligned text for people: rows of cells, the first row is the heading.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace sluice::app
