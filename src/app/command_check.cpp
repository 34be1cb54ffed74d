// sluice check: is this bundle fit to go live? Every finding with its place, like a compiler.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct counts {
  std::size_t rules = 0, words = 0, regexes = 0, tests = 0;
};

counts count(const policy::bundle_ast& bundle) {
  counts out;
  for (const policy::policy_ast& owner : bundle.policies) {
    out.rules += owner.rules.size();
    for (const policy::rule& rule : owner.rules) {
      out.tests += rule.tests.size();
      out.words += rule.match.keywords.words.size();
      out.regexes += rule.match.kind == policy::match_spec::kind::regex ? 1 : 0;
    }
  }
  return out;
}

nlohmann::ordered_json to_json(const policy::diagnostics& found) {
  auto out = nlohmann::ordered_json::array();
  for (const policy::diagnostic& each : found) {
    out.push_back({{"severity", policy::to_string(each.severity)},
                   {"file", each.place.file},
                   {"line", each.place.line},
                   {"column", each.place.column},
                   {"rule", each.rule},
                   {"message", each.message},
                   {"advice", each.advice}});
  }
  return out;
}

void print_json(const bundle_input& input) {
  const policy::build_report& report = input.report;
  const counts n = count(report.bundle);
  const nlohmann::ordered_json out = {
      {"ok", report.snapshot != nullptr},
      {"bundle", report.bundle.name},
      {"version", report.bundle.version},
      {"phase", policy::to_string(report.reached)},
      {"policies", report.bundle.policies.size()},
      {"rules", n.rules},
      {"words", n.words},
      {"regexes", n.regexes},
      {"tests", n.tests},
      {"harmless_texts", {{"cases", input.breadth.texts}, {"verdict", input.breadth.sufficient() ? "JUDGED" : "INSUFFICIENT"}}},
      {"memory_bytes", report.snapshot != nullptr ? report.snapshot->memory_bytes() : 0},
      {"took_ms", report.took.count()},
      {"diagnostics", to_json(report.found)}};
  std::cout << out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

// What was not looked at because of what is wrong: there may be more to say.
std::string_view next_of(policy::phase refused) {
  switch (refused) {
    case policy::phase::parse: return "; references, unused lists, compiling and tests come after that";
    case policy::phase::check: return "; compiling and tests come after that";
    case policy::phase::compile: return "; tests come after that";
    case policy::phase::selftest:
    case policy::phase::done: break;
  }
  return "";
}

void print_text(const bundle_input& input) {
  const policy::build_report& report = input.report;
  show_diagnostics(input);
  std::size_t errors = 0;
  for (const policy::diagnostic& each : report.found) errors += each.severity == policy::severity::error ? 1 : 0;
  const std::size_t warnings = report.found.size() - errors;
  if (report.snapshot == nullptr) {
    complain(input.path + ": " + std::to_string(errors) + " errors, " + std::to_string(warnings) +
                 " warnings; refused in phase " + std::string(policy::to_string(report.reached)),
             "correct the lines above" + std::string(next_of(report.reached)));
    return;
  }
  const counts n = count(report.bundle);
  std::cout << input.path << ": ok, version " << short_version(report.bundle.version) << ": "
            << report.bundle.policies.size() << " policies, " << n.rules << " rules (" << n.words << " words, "
            << n.regexes << " patterns), " << n.tests << " tests passed";
  if (warnings > 0) std::cout << ", " << warnings << " warnings";
  std::cout << "; " << report.took.count() << " ms, " << (report.snapshot->memory_bytes() >> 10) << " KiB compiled\n";
  if (input.breadth.sufficient()) return;
  std::cout << "INSUFFICIENT: " << input.breadth.texts << " harmless texts (set benign of golden/*.jsonl) do not show whether a pattern is too wide; "
            << policy::harmless_texts_min << " do\n";
}

}  // namespace

void add_check(CLI::App& root, invocation& call) {
  CLI::App* command = root.add_subcommand("check", "Validate, compile and run the inline tests of a bundle");
  const auto path = std::make_shared<std::string>();
  const auto day = std::make_shared<std::string>();
  command->add_option("BUNDLE", *path, "the folder that holds bundle.yaml")->required();
  command->add_option("--now", *day, "take this day for today (expiry of exceptions), as 2026-12-31")->check(CLI::Validator(check_day, ""));
  add_json(*command, call);
  command->footer("Example:\n  sluice check policies\n\nExit code: 0 fit to go live, 1 refused.");
  command->callback([path, day, &call] {
    bundle_compiler compiler = make_bundle_compiler();
    const auto input = build_bundle(*path, *day, compiler, held_against::harmless_texts);
    call.exit_code = input && input->report.snapshot != nullptr ? 0 : 1;
    if (!input) return;
    call.json ? print_json(*input) : print_text(*input);
  });
}

}  // namespace sluice::app
