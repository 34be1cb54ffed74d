// sluice test: the gate before a version goes live. What it judges by is in module rollout; here it is asked and shown.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "bundle_watch.hpp"
#include "gate_report.hpp"
#include "gate_run.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/rollout/promotion.hpp"

namespace sluice::app {
namespace {

constexpr int exit_failed = 1, exit_insufficient = 3;

struct options {
  std::string path, against, day;
  report_files files;
  double false_positives_max = -1;  // below 0: not asked
  gate_request gate;
  bool watch = false;
};

int exit_code(rollout::verdict v) {
  switch (v) {
    case rollout::verdict::pass: return 0;
    case rollout::verdict::emergency:  // what was not asked is not shown
    case rollout::verdict::insufficient: return exit_insufficient;
    case rollout::verdict::fail: return exit_failed;
  }
  return exit_failed;
}

void print_text(const gate_run& run) {
  std::vector<std::vector<std::string>> rows = {{"RULE", "POLICY", "ENFORCEMENT", "TESTS", "GOLDEN HITS", "BENIGN", "AT MOST", ""}};
  for (const auto& each : run.report.rules) {
    char most[32] = "–";
    if (each.false_positives.n > 0) std::snprintf(most, sizeof most, "%.2g %%", each.false_positives.bound * 100);
    rows.push_back({each.rule.id, each.rule.policy, std::string(policy::to_string(each.rule.enforcement)), std::to_string(each.tests - each.failed) + "/" + std::to_string(each.tests),
                    std::to_string(each.golden_hits + each.shadow_hits), std::to_string(each.false_positives.hits), most,
                    each.failed > 0  ? "FAIL"
                    : each.tests > 0 ? "pass"
                                     : "off"});
  }
  if (rows.size() > 1) std::cout << table(rows) << '\n';
  print_checks(run, std::cout);
  std::cout << '\n' << rollout::to_string(run.report.verdict) << "  version " << short_version(run.evidence.version) << ", report " << short_version(run.report.digest) << '\n';
}

struct tested {
  bundle_input input;
  gate_run done;
};

// Nothing: the bundle, its golden sets or the active bundle could not be read, and were complained about.
std::optional<tested> judged(const options& asked, bundle_compiler& compiler) {
  const auto today = day_of(asked.day);
  auto input = build_bundle(asked.path, asked.day, compiler, held_against::harmless_texts);
  if (!input) return std::nullopt;
  if (input->report.snapshot == nullptr) {
    show_diagnostics(*input);
    complain(asked.path + " was refused in phase " + std::string(policy::to_string(input->report.reached)), "correct the lines above");
    auto done = refused_gate(*input, today);
    return tested{std::move(*input), std::move(done)};
  }
  std::optional<bundle_input> active;  // on nodes an exception ends while its version is live
  if (!asked.against.empty() && !(active = need_bundle(asked.against, asked.day, compiler, held_against::passes, policy::expired_exceptions::leave_out))) return std::nullopt;
  auto request = asked.gate;
  if (asked.false_positives_max >= 0) request.false_positives_max = asked.false_positives_max;
  request.actor = actor_name(asked.gate.actor);
  request.from_nothing = !asked.watch;  // whoever waits for each save does not wait for a compile without the cache
  auto done = run_gate(*input, active ? &*active : nullptr, request, today, compiler);
  if (!done) return std::nullopt;
  return tested{std::move(*input), std::move(*done)};
}

int run(const options& asked, bool json) {
  bundle_compiler compiler = make_bundle_compiler();
  const auto all = judged(asked, compiler);
  if (!all) return exit_failed;
  if (json) {
    std::cout << report_json(all->input, all->done);
  } else if (all->input.report.snapshot != nullptr) {
    print_text(all->done);
    for (const auto& each : rollout::promotions(all->input.report.bundle, all->done.evidence.cases, all->done.evidence.results)) std::cout << told(each) << '\n';
  }
  if (!write_reports(asked.files, all->input, all->done)) return exit_failed;
  return exit_code(all->done.report.verdict);
}

// One line for one run; what failed goes to stderr before it.
int run_once_watched(const options& asked, bundle_compiler& compiler) {
  const auto begin = mono_now();
  const auto all = judged(asked, compiler);
  const std::string clock = rfc3339(now().wall).substr(11, 8);
  const auto took = std::chrono::duration_cast<milliseconds>(mono_now() - begin).count();
  if (!all || all->input.report.snapshot == nullptr) {
    std::cout << clock << "  REFUSED  " << took << " ms" << std::endl;
    return exit_failed;
  }
  const auto& done = all->done;
  if (done.report.verdict != rollout::verdict::pass) print_checks(done, std::cerr);
  std::cout << clock << "  " << rollout::to_string(done.report.verdict) << "  version " << short_version(done.evidence.version) << ": " << done.evidence.tests.size() << " tests, "
            << done.evidence.results.size() << " golden cases";
  for (const auto& row : done.report.rows) {
    if (row.status == rollout::status::fail) std::cout << ", " << row.check << ": " << row.summary;
  }
  std::cout << "; " << took << " ms" << std::endl;
  return exit_code(done.report.verdict);
}

int watch(const options& asked) {
  bundle_compiler compiler = make_bundle_compiler();
  bundle_watch folder(asked.path);
  int code = run_once_watched(asked, compiler);
  while (folder.wait_for_change()) code = run_once_watched(asked, compiler);
  return code;
}

}  // namespace

void add_test(CLI::App& root, invocation& call) {
  CLI::App* command = root.add_subcommand("test", "The gate: a bundle's inline tests and golden sets, what they show, and what it costs");
  const auto asked = std::make_shared<options>();
  command->add_option("BUNDLE", asked->path, "the folder that holds bundle.yaml")->required();
  command->add_option("--golden", asked->gate.golden, "one more golden file (JSON lines); may be given several times");
  command->add_option("--against", asked->against, "the active bundle: what changes, what is weaker, and whether its tests and golden sets still hold");
  command->add_option("--actor", asked->gate.actor, "who made the change: --approved-by has to name another; by default user@host");
  command->add_option("--approved-by", asked->gate.approved_by, "the second person, who agrees that rules may be weaker than those of --against");
  command->add_option("--expected-change", asked->gate.expected_change, "why benign cases are decided otherwise than by --against");
  command
      ->add_option("--max-false-positives", asked->false_positives_max,
                   "highest rate of benign cases changed or blocked, shown with 95 % confidence, as 0.005")
      ->check(CLI::Range(0.0, 1.0));
  auto* junit = command->add_option("--junit", asked->files.junit, "also write the results to this file, as JUnit XML");
  auto* watched = command->add_flag("--watch", asked->watch, "run again each time that a file of the bundle is saved, a line a run, until ctrl-C");
  watched->excludes(junit);
  auto* emergency = command->add_flag("--emergency", asked->gate.emergency, "ask no more than `sluice push --emergency` does: no golden sets, and nothing that --against is needed for");
  add_replay_options(*command, asked->gate.replay);
  for (const auto* more : {"--against", "--golden", "--decisions"}) emergency->excludes(command->get_option(more));
  command->add_option("--html", asked->files.html, "also write the report to this file, as one page with charts");
  command->add_option("--now", asked->day, "take this day for today (expiry of exceptions and waivers), as 2026-12-31")->check(CLI::Validator(check_day, ""));
  add_json(*command, call);
  command->footer(
      "Example:\n  sluice test policies\n  sluice test policies --golden cases.jsonl --against deployed "
      "--max-false-positives 0.005 --html report.html\n\n"
      "docs/gate.md says what each check asks for. Exit code: 0 pass, 1 fail, 3 insufficient evidence, as of an emergency; with --watch of the last run.");
  command->callback([asked, &call] {
    if (asked->watch && call.json) {
      complain("--watch prints lines for people, and --json was asked for", "leave one of them out");
      call.exit_code = 2;
      return;
    }
    call.exit_code = asked->watch ? watch(*asked) : run(*asked, call.json);
  });
}

}  // namespace sluice::app
