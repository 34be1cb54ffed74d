// sluice test: inline tests, golden sets, and when asked what the active bundle's own cases say about this one.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "bundle_input.hpp"
#include "bundle_watch.hpp"
#include "junit.hpp"
#include "promotion.hpp"
#include "sluice/app/command.hpp"
#include "sluice/policy/diff.hpp"

namespace sluice::app {
namespace {

constexpr int exit_failed = 1, exit_insufficient = 3;

struct options {
  std::string path, against, day, junit;
  std::vector<std::string> golden;
  double false_positives_max = -1;  // below 0: not asked
  bool watch = false;
};

// One figure for each rule of the bundle.
struct rule_line {
  std::string policy;
  std::string enforcement;
  std::size_t tests = 0, failed = 0, golden_hits = 0;
};

struct verdict {
  bool failed = false, insufficient = false;
  std::vector<std::string> reasons;
  void fail(std::string why) {
    failed = true;
    reasons.push_back(std::move(why));
  }
  void lacks(std::string why) {
    insufficient = true;
    reasons.push_back(std::move(why));
  }
  [[nodiscard]] int exit_code() const { return failed ? exit_failed : insufficient ? exit_insufficient : 0; }
  [[nodiscard]] const char* word() const { return failed ? "FAIL" : insufficient ? "INSUFFICIENT" : "PASS"; }
};

struct outcome {
  std::map<std::string, rule_line> rules;
  std::vector<policy::test_result> tests, tests_against;
  std::vector<policy::golden_result> golden, golden_against;
  std::vector<promotion> waiting;
  std::size_t benign = 0, benign_touched = 0;
  std::optional<policy::bundle_diff> change;
  verdict verdict;
};

std::size_t failures(const std::vector<policy::golden_result>& results) {
  return static_cast<std::size_t>(std::ranges::count_if(results, [](const auto& each) { return !each.passed; }));
}

// The candidate with the active bundle's tests in place of its own. Expectations about rules that are gone cannot be
// met and are left out here: the comparison of the bundles names the rules.
policy::bundle_ast with_tests_of(const policy::bundle_ast& active, policy::bundle_ast candidate) {
  std::map<std::string, const policy::rule*> old;
  for (const auto& owner : active.policies) {
    for (const auto& rule : owner.rules) old.emplace(rule.id, &rule);
  }
  for (auto& owner : candidate.policies) {
    std::set<std::string> ids;
    for (const auto& rule : owner.rules) ids.insert(rule.id);
    for (auto& rule : owner.rules) {
      rule.tests.clear();
      const auto at = old.find(rule.id);
      if (at == old.end()) continue;
      rule.tests = at->second->tests;
      for (auto& test : rule.tests) {
        const auto gone = [&](const std::string& id) { return !ids.contains(id); };
        if (test.expect.rules) std::erase_if(*test.expect.rules, gone);
        std::erase_if(test.expect.rules_any, gone);
        std::erase_if(test.expect.shadow, gone);
      }
    }
  }
  return candidate;
}

// Only now do the active bundle's own cases count: what it promised, the candidate must keep or be seen to break.
bool compare_with_active(const options& asked, const bundle_input& candidate, bundle_compiler& compiler, outcome& out) {
  const auto active = need_bundle(asked.against, asked.day, compiler);
  if (!active) return false;
  out.change = policy::diff(active->report.bundle, candidate.report.bundle);
  policy::diagnostics found;
  out.tests_against = policy::run_tests(with_tests_of(active->report.bundle, candidate.report.bundle),
                                        *compiler.backend, *compiler.cache, found);
  const auto cases = golden_cases(*active, {});
  if (!cases) return false;
  out.golden_against = policy::run_golden(*cases, candidate.report.snapshot);
  const auto broken = std::ranges::count_if(out.tests_against, [](const auto& each) { return !each.passed; });
  if (broken > 0) out.verdict.fail(std::to_string(broken) + " inline tests of " + asked.against + " fail");
  if (const auto n = failures(out.golden_against); n > 0)
    out.verdict.fail(std::to_string(n) + " golden cases of " + asked.against + " fail");
  const bool any_must_block = std::ranges::any_of(*cases, [](const auto& each) { return each.set == "must_block"; });
  if (out.change->effect >= policy::effect::may_weaken && !any_must_block) {
    out.verdict.lacks("the change is one that " +
                      std::string(out.change->effect == policy::effect::weaker ? "weakens" : "may weaken") +
                      " rules, and " + asked.against + " has no golden set must_block to hold it against");
  }
  return true;
}

void count_rules(const bundle_input& input, outcome& out) {
  for (const auto& owner : input.report.bundle.policies) {
    for (const auto& rule : owner.rules) {
      out.rules[rule.id] = {.policy = owner.name, .enforcement = std::string(policy::to_string(rule.enforcement))};
    }
  }
  for (const auto& test : out.tests) {
    ++out.rules[test.rule].tests;
    out.rules[test.rule].failed += test.passed ? 0 : 1;
  }
  for (const auto& each : out.golden) {
    for (const auto& id : each.rules) ++out.rules[id].golden_hits;
    for (const auto& id : each.shadow) ++out.rules[id].golden_hits;
  }
}

void judge_benign(const options& asked, outcome& out) {
  for (const auto& each : out.golden) {
    if (each.set != "benign") continue;
    ++out.benign;
    out.benign_touched += policy::changes_match(each.action) ? 1 : 0;
  }
  if (asked.false_positives_max < 0) return;
  const double upper = policy::rate_upper95(out.benign_touched, out.benign);
  if (upper <= asked.false_positives_max) return;
  const std::string seen =
      std::to_string(out.benign_touched) + " of " + std::to_string(out.benign) + " benign cases are changed or blocked";
  const double rate = out.benign == 0 ? 0 : static_cast<double>(out.benign_touched) / static_cast<double>(out.benign);
  if (rate > asked.false_positives_max) return out.verdict.fail(seen);
  out.verdict.lacks(seen + "; that shows at most " + std::to_string(upper * 100) +
                    " % (95 % bound), which is not enough evidence");
}

void print_json(const bundle_input& input, const outcome& out) {
  using json = nlohmann::ordered_json;
  json rules = json::array(), failed = json::array();
  for (const auto& [id, line] : out.rules) {
    rules.push_back({{"rule", id},
                     {"policy", line.policy},
                     {"enforcement", line.enforcement},
                     {"tests", line.tests},
                     {"failed", line.failed},
                     {"golden_hits", line.golden_hits}});
  }
  const auto add_tests = [&](const auto& results, const char* from) {
    for (const auto& each : results) {
      if (!each.passed)
        failed.push_back({{"from", from},
                          {"id", each.rule + "/" + each.test},
                          {"place", to_string(each.place)},
                          {"what", each.what}});
    }
  };
  const auto add_golden = [&](const auto& results, const char* from) {
    for (const auto& each : results) {
      if (!each.passed)
        failed.push_back({{"from", from}, {"id", each.id}, {"place", to_string(each.place)}, {"what", each.what}});
    }
  };
  add_tests(out.tests, "tests");
  add_golden(out.golden, "golden");
  add_tests(out.tests_against, "tests of the active bundle");
  add_golden(out.golden_against, "golden sets of the active bundle");
  json document = {{"verdict", out.verdict.word()},
                   {"reasons", out.verdict.reasons},
                   {"version", input.report.bundle.version},
                   {"golden_digest", policy::golden_digest_of(input.source)},
                   {"tests", out.tests.size()},
                   {"golden", out.golden.size()},
                   {"benign",
                    {{"cases", out.benign},
                     {"touched", out.benign_touched},
                     {"rate_upper95", policy::rate_upper95(out.benign_touched, out.benign)}}},
                   {"rules", rules},
                   {"failed", failed}};
  json waiting = json::array();
  for (const promotion& each : out.waiting) {
    waiting.push_back({{"rule", each.rule},
                       {"policy", each.policy},
                       {"verdict", to_string(each.shown)},
                       {"samples", each.samples},
                       {"samples_wanted", each.wanted.min_samples},
                       {"found", each.found},
                       {"harmless", each.harmless},
                       {"wrong", each.wrong},
                       {"fpr_upper95", each.fpr_upper95},
                       {"fpr_upper95_wanted", each.wanted.fpr_upper95},
                       {"days_wanted", each.wanted.min_days}});
  }
  document["promotion"] = waiting;
  if (out.change) document["effect"] = policy::to_string(out.change->effect);
  std::cout << document.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

void print_failures(const outcome& out) {
  const auto show = [](const auto& results, const char* from, const auto& name) {
    for (const auto& each : results) {
      if (!each.passed)
        std::cerr << to_string(each.place) << ": " << from << ' ' << name(each) << ": " << each.what << '\n';
    }
  };
  const auto test_name = [](const policy::test_result& each) { return each.rule + "/" + each.test; };
  const auto case_name = [](const policy::golden_result& each) { return each.id; };
  show(out.tests, "test", test_name);
  show(out.golden, "golden case", case_name);
  show(out.tests_against, "the active bundle's test", test_name);
  show(out.golden_against, "the active bundle's golden case", case_name);
}

void print_text(const bundle_input& input, const outcome& out) {
  std::vector<std::vector<std::string>> rows = {{"RULE", "POLICY", "ENFORCEMENT", "TESTS", "GOLDEN HITS", ""}};
  for (const auto& [id, line] : out.rules) {
    rows.push_back({id, line.policy, line.enforcement,
                    std::to_string(line.tests - line.failed) + "/" + std::to_string(line.tests),
                    std::to_string(line.golden_hits),
                    line.failed > 0  ? "FAIL"
                    : line.tests > 0 ? "pass"
                                     : "off"});
  }
  std::cout << table(rows);
  print_failures(out);
  const auto held = std::ranges::count_if(out.golden, [](const auto& each) { return each.judged; });
  std::cout << "\ngolden: " << out.golden.size() << " cases, " << held << " judged, " << failures(out.golden)
            << " failed; benign: " << out.benign_touched << " of " << out.benign << " changed or blocked (at most "
            << policy::rate_upper95(out.benign_touched, out.benign) * 100 << " % with 95 % confidence)\n";
  for (const promotion& each : out.waiting) std::cout << told(each) << '\n';
  if (out.change)
    std::cout << "against the active bundle: " << policy::to_string(out.change->effect)
              << "; sluice diff shows each rule\n";
  for (const std::string& why : out.verdict.reasons) std::cout << "  " << why << '\n';
  std::cout << out.verdict.word() << "  version " << short_version(input.report.bundle.version) << '\n';
}

bool write_junit(const std::string& path, const junit_report& report) {
  std::ofstream file(path, std::ios::binary);
  file << report.xml();
  file.close();
  if (file) return true;
  complain(path + " cannot be written", "may this user write there?");
  return false;
}

// The bundle as it goes live; a refused one goes into the report as well.
std::optional<bundle_input> tested_bundle(const options& asked, bundle_compiler& compiler) {
  if (asked.junit.empty()) return need_bundle(asked.path, asked.day, compiler, held_against::harmless_texts);
  auto input = build_bundle(asked.path, asked.day, compiler, held_against::harmless_texts);
  if (!input || input->report.snapshot != nullptr) return input;
  show_diagnostics(*input);
  complain(asked.path + " was refused in phase " + std::string(policy::to_string(input->report.reached)), "correct the lines above");
  junit_report report;
  report.add(input->report.found);
  (void)write_junit(asked.junit, report);
  return std::nullopt;
}

struct tested {
  bundle_input input;
  outcome out;
};

// Nothing: the bundle, its golden sets or the active bundle could not be used, and were complained about.
std::optional<tested> judged(const options& asked, bundle_compiler& compiler) {
  auto input = tested_bundle(asked, compiler);
  if (!input) return std::nullopt;
  const auto cases = golden_cases(*input, asked.golden);
  if (!cases) return std::nullopt;
  outcome out;
  policy::diagnostics found;
  out.tests = policy::run_tests(input->report.bundle, *compiler.backend, *compiler.cache, found);
  out.golden = policy::run_golden(*cases, input->report.snapshot);
  out.waiting = promotions(input->report.bundle, *cases, out.golden);
  count_rules(*input, out);
  if (const auto n = std::ranges::count_if(out.tests, [](const auto& each) { return !each.passed; }); n > 0) {
    out.verdict.fail(std::to_string(n) + " inline tests fail");
  }
  if (const auto n = failures(out.golden); n > 0) out.verdict.fail(std::to_string(n) + " golden cases fail");
  judge_benign(asked, out);
  if (!asked.against.empty() && !compare_with_active(asked, *input, compiler, out)) return std::nullopt;
  return tested{.input = std::move(*input), .out = std::move(out)};
}

bool write_junit(const options& asked, const outcome& out) {
  junit_report report;
  report.add(out.tests, "inline tests");
  report.add(out.golden, "golden sets");
  if (!asked.against.empty()) report.add(out.tests_against, "inline tests of the active bundle");
  if (!asked.against.empty()) report.add(out.golden_against, "golden sets of the active bundle");
  return write_junit(asked.junit, report);
}

int run(const options& asked, bool json) {
  bundle_compiler compiler = make_bundle_compiler();
  const auto done = judged(asked, compiler);
  if (!done) return exit_failed;
  json ? print_json(done->input, done->out) : print_text(done->input, done->out);
  if (!asked.junit.empty() && !write_junit(asked, done->out)) return exit_failed;
  return done->out.verdict.exit_code();
}

// One line for one run; what failed goes to stderr before it.
int run_once_watched(const options& asked, bundle_compiler& compiler) {
  const auto begin = mono_now();
  const auto done = judged(asked, compiler);
  const std::string clock = rfc3339(now().wall).substr(11, 8);
  const auto took = std::chrono::duration_cast<milliseconds>(mono_now() - begin).count();
  if (!done) {
    std::cout << clock << "  REFUSED  " << took << " ms" << std::endl;
    return exit_failed;
  }
  print_failures(done->out);
  std::cout << clock << "  " << done->out.verdict.word() << "  version " << short_version(done->input.report.bundle.version) << ": " << done->out.tests.size()
            << " tests, " << done->out.golden.size() << " golden cases";
  for (const std::string& why : done->out.verdict.reasons) std::cout << ", " << why;
  std::cout << "; " << took << " ms" << std::endl;
  return done->out.verdict.exit_code();
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
  CLI::App* command =
      root.add_subcommand("test", "Run a bundle's inline tests and golden sets: the gate before it goes live");
  const auto asked = std::make_shared<options>();
  command->add_option("BUNDLE", asked->path, "the folder that holds bundle.yaml")->required();
  command->add_option("--golden", asked->golden, "one more golden file (JSON lines); may be given several times");
  command->add_option("--against", asked->against, "the active bundle: its tests and golden sets must hold too");
  command
      ->add_option("--max-false-positives", asked->false_positives_max,
                   "highest rate of benign cases changed or blocked, shown with 95 % confidence, as 0.005")
      ->check(CLI::Range(0.0, 1.0));
  auto* junit = command->add_option("--junit", asked->junit, "also write the results to this file, as JUnit XML");
  auto* watched = command->add_flag("--watch", asked->watch, "run again each time that a file of the bundle is saved, a line a run, until ctrl-C");
  watched->excludes(junit);
  command->add_option("--now", asked->day, "take this day for today (expiry of exceptions), as 2026-12-31");
  add_json(*command, call);
  command->footer(
      "Example:\n  sluice test policies\n  sluice test policies --golden cases.jsonl --against deployed "
      "--max-false-positives 0.005\n\n"
      "Exit code: 0 pass, 1 fail, 3 insufficient evidence; with --watch of the last run.");
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
