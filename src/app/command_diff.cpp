// sluice diff: what changes from one bundle to another.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::app {
namespace {

struct options {
  std::string before, after, day;
  std::vector<std::string> golden;
};

const char* word(enum policy::rule_change::kind kind) {
  switch (kind) {
    case policy::rule_change::kind::added:
      return "added";
    case policy::rule_change::kind::removed:
      return "removed";
    case policy::rule_change::kind::changed:
      return "changed";
  }
  return "?";
}

void print_json(const bundle_input& a, const bundle_input& b, const policy::bundle_diff& change,
                const std::vector<policy::decision_change>& decisions) {
  using json = nlohmann::ordered_json;
  json rules = json::array(), cases = json::array();
  for (const auto& each : change.rules) {
    rules.push_back({{"rule", each.rule},
                     {"policy", each.policy},
                     {"change", word(each.kind)},
                     {"effect", policy::to_string(each.effect)},
                     {"details", each.details},
                     {"weaker_in", each.cells},
                     {"place", to_string(each.place)}});
  }
  for (const auto& each : decisions) {
    cases.push_back({{"id", each.id},
                     {"set", each.set},
                     {"before", policy::to_string(each.before)},
                     {"after", policy::to_string(each.after)},
                     {"rules_before", each.rules_before},
                     {"rules_after", each.rules_after},
                     {"text_differs", each.text_differs}});
  }
  const json out = {{"before", a.report.bundle.version},
                    {"after", b.report.bundle.version},
                    {"effect", policy::to_string(change.effect)},
                    {"bundle", change.bundle},
                    {"gate_asks_less", rollout::loosened(a.report.bundle.gate, b.report.bundle.gate)},
                    {"rules", rules},
                    {"decisions", cases}};
  std::cout << out.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

void print_text(const bundle_input& a, const bundle_input& b, const policy::bundle_diff& change,
                const std::vector<policy::decision_change>& decisions, std::size_t case_count) {
  std::cout << short_version(a.report.bundle.version) << " → " << short_version(b.report.bundle.version) << ": "
            << policy::to_string(change.effect) << '\n';
  for (const std::string& line : change.bundle) std::cout << "  " << printable(line) << '\n';
  const auto less = rollout::loosened(a.report.bundle.gate, b.report.bundle.gate);
  if (!less.empty()) std::cout << "  the gate asks for less, so a second person must agree: " << printable(join(less, "; ")) << '\n';
  if (!change.rules.empty()) {
    std::vector<std::vector<std::string>> rows = {{"RULE", "CHANGE", "EFFECT", "WEAKER IN", "DETAILS"}};
    for (const auto& each : change.rules) {
      rows.push_back({each.rule, word(each.kind), std::string(policy::to_string(each.effect)), join(each.cells, "; "),
                      join(each.details, "; ")});
    }
    std::cout << '\n' << table(rows);
  }
  if (case_count > 0) std::cout << "\n" << decisions.size() << " of " << case_count << " golden decisions differ\n";
  if (decisions.empty()) return;
  std::vector<std::vector<std::string>> rows = {
      {"CASE", "SET", "BEFORE", "AFTER", "RULES BEFORE", "RULES AFTER", "TEXT"}};
  for (const auto& each : decisions) {
    rows.push_back({each.id, each.set, std::string(policy::to_string(each.before)),
                    std::string(policy::to_string(each.after)), join(each.rules_before, ","),
                    join(each.rules_after, ","), each.text_differs ? "differs" : "same"});
  }
  std::cout << table(rows);
}

int run(const options& asked, bool json) {
  bundle_compiler compiler = make_bundle_compiler();
  const auto a = need_bundle(asked.before, asked.day, compiler);
  const auto b = need_bundle(asked.after, asked.day, compiler);
  if (!a || !b) return 1;
  // The cases of both sides, each once: a case that was deleted is the one that would have shown something.
  auto cases = golden_cases(*b, asked.golden);
  const auto older = golden_cases(*a, {});
  if (!cases || !older) return 1;
  for (const policy::golden_case& each : *older) {
    const bool known = std::ranges::any_of(*cases, [&](const auto& other) { return other.id == each.id; });
    if (!known) cases->push_back(each);
  }
  const policy::bundle_diff change = policy::diff(a->report.bundle, b->report.bundle);
  const auto decisions = policy::diff_decisions(policy::run_golden(*cases, a->report.snapshot),
                                                policy::run_golden(*cases, b->report.snapshot));
  json ? print_json(*a, *b, change, decisions) : print_text(*a, *b, change, decisions, cases->size());
  return 0;
}

}  // namespace

void add_diff(CLI::App& root, invocation& call) {
  CLI::App* command =
      root.add_subcommand("diff", "Show what changes between two bundles: rules, weaker scopes, decisions");
  const auto asked = std::make_shared<options>();
  command->add_option("BUNDLE_A", asked->before, "the older bundle's folder")->required();
  command->add_option("BUNDLE_B", asked->after, "the newer bundle's folder")->required();
  command->add_option("--golden", asked->golden, "one more golden file (JSON lines) to compare decisions on");
  command->add_option("--now", asked->day, "take this day for today (expiry of exceptions), as 2026-12-31")->check(CLI::Validator(check_day, ""));
  add_json(*command, call);
  command->footer(
      "Example:\n  sluice diff deployed policies\n\nExit code: 0 when both bundles could be compared, whatever "
      "differs.");
  command->callback([asked, &call] { call.exit_code = run(*asked, call.json); });
}

}  // namespace sluice::app
