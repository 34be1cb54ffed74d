// All passes in order. What a node does with a push and what `sluice check` does with a folder is this one function.
#include "sluice/policy/build.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "check_pass.hpp"
#include "compile_terms.hpp"

namespace sluice::policy {
namespace {

void add_failures(const std::vector<test_result>& results, diagnostics& found) {
  for (const test_result& result : results) {
    if (result.passed) continue;
    found.push_back({.severity = severity::error,
                     .place = result.place,
                     .rule = result.of_suite ? std::string() : result.rule,
                     .message = (result.of_suite ? "test suite '" + result.rule + "', " : std::string()) + "test '" + result.test + "' failed: " + result.what,
                     .advice = "its text on the standard input of sluice explain says why"});
  }
}

// After parse errors: what the checker finds in the rules that were read without one, so that one run shows it all. An
// error outside of every rule (a file that is no YAML, a list that could not be read) would only make it guess.
void check_what_was_read(build_report& report, wall_time today) {
  std::set<std::string> broken;
  for (const diagnostic& each : report.found) {
    if (each.severity == severity::error && each.rule.empty()) return;
    broken.insert(each.rule);
  }
  diagnostics more;
  check(report.bundle, today, more);
  for (diagnostic& each : more) {
    if (!each.rule.empty() && !broken.contains(each.rule)) report.found.push_back(std::move(each));
  }
}

// What is refused before anything is compiled is told together with what is wrong with the classifiers' files.
void try_models(build_report& report, match::compile_backend& backend, shard_cache& cache) {
  for (const model_ast& each : report.bundle.models) (void)load_model(each, backend, cache, report.found);
}

bool has_expired(const exception_spec& exception, wall_time today) {
  return !exception.expires.empty() && end_of_day(exception.expires) <= today;
}

// Takes what has expired out of the rules; gives the rules as they were published, when something was taken out.
std::optional<bundle_ast> leave_out_expired(wall_time today, build_report& report) {
  std::optional<bundle_ast> published;
  for (const policy_ast& policy : report.bundle.policies) {
    for (const rule& each : policy.rules) {
      for (const exception_spec& exception : each.exceptions) {
        if (has_expired(exception, today)) {
          report.last_expiry = std::max(end_of_day(exception.expires), report.last_expiry.value_or(wall_time::min()));
          report.left_out.push_back("exception '" + exception.id + "' of rule '" + each.id + "' expired on " +
                                    exception.expires + "; the rule applies without it");
        } else if (!exception.expires.empty()) {
          const wall_time end = end_of_day(exception.expires);
          report.next_expiry = std::min(end, report.next_expiry.value_or(end));
        }
      }
    }
  }
  if (report.left_out.empty()) return published;
  published = report.bundle;
  for (policy_ast& policy : report.bundle.policies) {
    for (rule& each : policy.rules) {
      std::erase_if(each.exceptions, [&](const exception_spec& exception) { return has_expired(exception, today); });
    }
    for (rule_variant& each : policy.variants) {
      std::erase_if(each.rule.exceptions, [&](const exception_spec& exception) { return has_expired(exception, today); });
    }
  }
  return published;
}

// Which pass it is, and how long each took.
class pass_clock {
 public:
  explicit pass_clock(build_report& of) : of_(of) {}
  ~pass_clock() { enter(of_.reached); }
  pass_clock(const pass_clock&) = delete;
  pass_clock& operator=(const pass_clock&) = delete;
  void enter(phase next) {
    const auto now = mono_now();
    of_.spent[static_cast<std::size_t>(of_.reached)] += std::chrono::duration_cast<std::chrono::microseconds>(now - since_);
    since_ = now;
    of_.reached = next;
  }

 private:
  build_report& of_;
  mono_time since_ = mono_now();
};

// Runs the passes until one refuses; true when all went well.
bool run_passes(const bundle_source& source, wall_time today, match::compile_backend& backend, shard_cache& cache,
                expired_exceptions how, build_report& report) {
  pass_clock clock(report);
  report.bundle = parse(source, report.found, cache.documents());
  if (has_errors(report.found)) {
    check_what_was_read(report, today);
    try_models(report, backend, cache);
    return false;
  }
  clock.enter(phase::check);
  check(report.bundle, today, report.found, how, &cache);
  if (has_errors(report.found)) {
    try_models(report, backend, cache);
    return false;
  }
  clock.enter(phase::compile);
  // The tests are of the rules as they were published: some show an exception at work.
  std::optional<bundle_ast> published;
  if (how != expired_exceptions::refuse) published = leave_out_expired(today, report);
  report.snapshot = compile(report.bundle, backend, cache, report.found);
  if (report.snapshot == nullptr || has_errors(report.found)) return false;
  clock.enter(phase::selftest);
  // What was published before this was asked is not refused by the nodes that have it.
  if (how != expired_exceptions::leave_out) check_given(report.bundle, report.found);
  add_failures(published ? run_tests(*published, backend, cache, report.found) : run_tests(report.bundle, report.snapshot, report.found),
               report.found);
  // A test that fails alone says why; that the rule is not found in the whole bundle either would only repeat it.
  if (has_errors(report.found)) return false;
  self_test(report.bundle, *report.snapshot, report.found);
  return !has_errors(report.found);
}

}  // namespace

std::string_view to_string(phase p) {
  switch (p) {
    case phase::parse:
      return "parse";
    case phase::check:
      return "check";
    case phase::compile:
      return "compile";
    case phase::selftest:
      return "selftest";
    case phase::done:
      return "done";
  }
  return "?";
}

build_report build(const bundle_source& source, wall_time today, match::compile_backend& backend, shard_cache& cache,
                   expired_exceptions how) {
  const mono_time begin = mono_now();
  build_report report;
  if (run_passes(source, today, backend, cache, how, report)) {
    report.reached = phase::done;
  } else {
    if (report.reached == phase::selftest) report.untrusted = report.snapshot;
    report.snapshot = nullptr;
    if (!has_errors(report.found)) {
      report.found.push_back({.severity = severity::error,
                              .place = {},
                              .rule = {},
                              .message = "compiling failed without a reason",
                              .advice = "report this as a defect"});
    }
  }
  std::ranges::sort(report.found, {}, [](const diagnostic& each) {
    return std::tuple<std::string_view, int, int, std::string_view>(each.place.file, each.place.line, each.place.column, each.message);
  });
  report.took = std::chrono::duration_cast<milliseconds>(mono_now() - begin);
  return report;
}

}  // namespace sluice::policy
