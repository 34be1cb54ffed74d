// See gate_run.hpp.
#include "gate_run.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <thread>

#include "audit_options.hpp"
#include "failure_document.hpp"
#include "kept_texts.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::app {
namespace {

constexpr unsigned threads_max = 16;
constexpr std::size_t findings_max = 10;  // of one check, in text

// One line on a terminal that is written over, and nothing in a file.
class progress_line {
 public:
  void show(std::size_t done, std::size_t all) {
    if (!terminal_ || all == 0) return;
    const std::size_t part = done * 100 / all;
    if (part == shown_) return;
    shown_ = part;
    std::cerr << "\r  " << part << " % of " << all << " cases" << std::flush;
  }
  progress_line() = default;
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() {
    if (shown_ != none) std::cerr << "\r\033[K" << std::flush;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::size_t shown_ = none;
};

}  // namespace

void add_replay_options(CLI::App& command, replay_options& options) {
  auto* from = command.add_option("--decisions", options.logs.from, "Decision logs with kept text (folders, admin ports): their newest decisions are decided again; may be repeated");
  command.add_option("--decisions-since", options.since, "From then on: a time, or how long ago")->capture_default_str()->needs(from)->check(CLI::Validator(check_instant, ""));
  command.add_option("--decisions-token-file", options.logs.token_file, "The admin ports' token")->needs(from);
  command.add_option("--secret", options.secret_file, "The file with the gateways' master secret, which opens kept text")->needs(from);
  command.add_option("--state", options.states, "A gateway's state directory, for the keys of kept text; may be repeated")->needs(from);
  command.add_option("--text-keys", options.keys, "A folder of text keys; may be repeated")->needs(from);
}

namespace {

constexpr std::size_t decisions_max = 10'000;

// Nothing: it was complained about.
std::optional<std::vector<rollout::logged_exchange>> decisions_of(const replay_options& asked, std::optional<wall_time>& since) {
  audit::filter which;
  if (!parse_instant(asked.since, which.from)) return std::nullopt;
  since = which.from;
  auto master = read_master(asked.secret_file);
  if (!master) return std::nullopt;
  const auto logs = log_sources::open(asked.logs);
  if (!logs) return std::nullopt;
  const kept_texts texts(std::move(*master), asked.keys, asked.states);
  std::vector<rollout::logged_exchange> out;
  which.limit = decisions_max;
  const auto read = audit::query(logs->folders(), which, [&](const std::string& line) {
    if (!line.contains("\"event\":\"decision\"") && !line.contains("\"event\":\"closed\"")) return true;
    rollout::logged_exchange each{.line = line, .text = {}};
    if (auto text = texts.open(line)) each.text = std::move(*text);
    out.push_back(std::move(each));
    return true;
  });
  if (!read) return complain(read.error().message), std::nullopt;
  return out;
}

}  // namespace

wall_time day_of(const std::string& now_text) { return parse_time(now_text).value_or(now().wall); }

std::optional<gate_run> run_gate(const bundle_input& input, const bundle_input* active, const gate_request& asked, wall_time today, bundle_compiler& compiler) {
  gate_run out;
  out.terms = rollout::terms_of(input.report.bundle, today);
  out.terms.false_positives_max = asked.false_positives_max;
  out.terms.actor = asked.actor;
  out.terms.approved_by = asked.approved_by;
  out.terms.expected_change = asked.expected_change;
  out.terms.emergency = asked.emergency;
  rollout::candidate what{.build = input.report, .golden_digest = policy::golden_digest_of(input.source), .cases = {}};
  progress_line line;
  rollout::gather_options how{.backend = *compiler.backend,
                              .cache = *compiler.cache,
                              .threads = std::clamp(std::thread::hardware_concurrency(), 1u, threads_max),
                              .golden = !asked.emergency,
                              .from_nothing = asked.from_nothing,
                              .progress = [&](std::size_t done, std::size_t all) { line.show(done, all); }};
  std::optional<std::vector<rollout::logged_exchange>> decisions;
  if (!asked.replay.logs.from.empty() && how.golden) {
    if (!(decisions = decisions_of(asked.replay, out.decisions_since))) return std::nullopt;
    how.decisions = &*decisions;
  }
  if (how.golden) {
    auto cases = golden_cases(input, asked.golden);
    if (!cases) return std::nullopt;
    what.cases = std::move(*cases);
  } else {
    policy::diagnostics unasked;  // whether they hold is not asked; what rules cost is, and their texts show it
    what.cases = policy::golden_of(input.source, unasked);
  }
  if (active != nullptr && how.golden) {
    auto cases = golden_cases(*active, {});
    if (!cases) return std::nullopt;
    how.active = &active->report;
    how.active_cases = std::move(*cases);
  }
  out.evidence = rollout::gather(what, how);
  out.evidence.engine = SLUICE_VERSION;
  out.report = rollout::judge(out.evidence, out.terms);
  return out;
}

gate_run refused_gate(const bundle_input& input, wall_time today) {
  gate_run out;
  out.terms = rollout::terms_of(input.report.bundle, today);
  out.evidence.bundle = input.report.bundle.name;
  out.evidence.version = policy::version_of(input.source);
  out.evidence.golden_digest = policy::golden_digest_of(input.source);
  out.evidence.engine = SLUICE_VERSION;
  for (const auto& each : input.report.found) {
    if (each.severity == policy::severity::error) out.evidence.refusals.push_back(policy::to_text(each));
  }
  out.report = rollout::judge(out.evidence, out.terms);
  return out;
}

void print_checks(const gate_run& run, std::ostream& to) {
  std::vector<std::vector<std::string>> rows = {{"CHECK", "", "WHAT WAS SEEN"}};
  for (const auto& row : run.report.rows) rows.push_back({row.check, std::string(rollout::to_string(row.status)), row.summary});
  to << table(rows);
  for (const auto& row : run.report.rows) {
    std::size_t shown = 0;
    if (row.status >= rollout::status::insufficient) keep_complaint(row.check + ": " + row.summary);
    for (const auto& each : row.findings) {
      if (each.status < rollout::status::warning || ++shown > findings_max) continue;
      to << (shown == 1 ? "\n" : "") << "  " << rollout::to_string(each.status) << "  " << row.check << (each.of.empty() ? "" : ": " + printable(each.of)) << ": " << printable_lines(each.what) << '\n';
      for (const auto& example : each.examples) to << "      " << printable(example) << '\n';
    }
    if (shown > findings_max) to << "  and " << shown - findings_max << " more; --json and --html show them all\n";
  }
}

}  // namespace sluice::app
