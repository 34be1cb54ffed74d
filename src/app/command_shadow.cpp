// sluice shadow report: what a version in shadow would have changed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "audit_options.hpp"
#include "bundle_input.hpp"
#include "gateway_setup.hpp"
#include "log_sources.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/rollout/shadow_report.hpp"
#include "version_lookup.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t rows_max = 25;

struct report_options {
  log_options logs;
  version_options versions;
  std::string candidate, since, until, html;
};

void print(const rollout::shadow_report& r) {
  std::cout << "version " << short_version(r.candidate) << " in shadow, " << rollout::span_of(r) << ", on " << r.nodes << (r.nodes == 1 ? " node\n" : " nodes\n");
  if (!r.others.empty()) std::cout << rollout::choice_of(r) << '\n';
  std::cout << "judged " << r.judged << " exchanges, " << r.not_judged << " were shed; " << r.inexact << " inexact, in no rate\n";
  if (r.by_canary > 0) std::cout << rollout::beside_of(r) << '\n';
  for (const auto& [why, n] : r.why_inexact) std::cout << "  inexact " << n << ": " << printable(why) << '\n';
  std::cout << "cost of an exchange: " << rollout::cost_of(r) << "\n\nwhat would change, with 95 % intervals:\n";
  std::vector<std::vector<std::string>> rows = {{"of", "exchanges", "newly blocked", "newly passed", "other text"}};
  const auto row = [&rows](const std::string& name, const rollout::shadow_counts& c) {
    rows.push_back({name, std::to_string(c.n), rollout::with_bounds(c.newly_blocked, c.n), rollout::with_bounds(c.newly_passed, c.n), rollout::with_bounds(c.other_text, c.n)});
  };
  row("all", r.total);
  for (const auto& [name, c] : r.by_direction) row(name, c);
  for (const auto& [name, c] : r.by_tenant) row("tenant " + rollout::named(name), c);
  std::cout << table(rows) << '\n';
  rows = {{"rule", "direction", "matched", "newly blocked", "newly passed", "other text"}};
  for (std::size_t i = 0; i < std::min(rows_max, r.rules.size()); ++i) {
    const auto& [rule, policy, direction, matched, c, examples] = r.rules[i];
    rows.push_back({rule, direction, std::to_string(matched), rollout::with_bounds(c.newly_blocked, c.n), rollout::with_bounds(c.newly_passed, c.n), rollout::with_bounds(c.other_text, c.n)});
  }
  if (rows.size() > 1) std::cout << table(rows);
  if (r.rules.size() > rows_max) std::cout << "and " << r.rules.size() - rows_max << " more rules: --json lists them\n";
  rows = {{"rule", "tenant", "where", "masked", "decision"}};
  for (const auto& rule : r.rules) {
    for (const auto& e : rule.examples) rows.push_back({e.rule, rollout::named(e.tenant), e.where, "\"" + e.masked + "\"", e.decision});
  }
  if (rows.size() > 1) std::cout << "\nexamples, masked:\n" << table(rows);
  for (const auto& p : r.promotions) std::cout << "promote_when of rule " << printable(p.rule) << ": " << rollout::to_string(p.shown) << ": " << rollout::asked(p) << '\n';
}

int report(const report_options& o, bool json) {
  audit::filter in_shadow, decided;
  if (!parse_instant(o.since, in_shadow.from) || !parse_instant(o.until, in_shadow.to)) return 2;
  decided.from = in_shadow.from;
  decided.to = in_shadow.to;
  in_shadow.event = "shadow";
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  rollout::shadow_reading reading(o.candidate);
  auto read = audit::query(logs->folders(), in_shadow, [&](const std::string& line) { return reading.judged(line), true; });
  if (read) read = audit::query(logs->folders(), decided, [&](const std::string& line) { return reading.decided(line), true; });
  if (!read) return complain(read.error().message), 1;
  // What its rules ask before they are promoted stands in the bundle, where that is at hand.
  std::shared_ptr<const built_version> built;
  const bool asked = !o.versions.states.empty() || !o.versions.bundles.empty() || !o.versions.ring.url.empty();
  if (const auto newest = reading.candidate(); asked && !newest.empty()) {
    version_lookup lookup(o.versions);
    auto found = lookup.find(newest, now().wall);
    if (!found) return complain(found.error().message), 1;
    built = *found;
  }
  const auto made = reading.finish(built ? &built->bundle : nullptr);
  if (!made) {
    complain(made.error().message, "sluice push BUNDLE --shadow puts one in shadow; its records follow the traffic");
    return 1;
  }
  if (!o.html.empty()) {
    if (auto written = replace_file(o.html, rollout::to_html(*made)); !written) return complain(written.error().message), 1;
  }
  if (json) std::cout << rollout::to_json(*made);
  else print(*made);
  return 0;
}

}  // namespace

void add_shadow(CLI::App& root, invocation& call) {
  auto* shadow = root.add_subcommand("shadow", "Look at what a version in shadow would have done");
  shadow->require_subcommand(1);
  auto o = std::make_shared<report_options>();
  auto* command = shadow->add_subcommand("report", "What would change if the version in shadow were live: by rule, tenant and direction");
  add_from(*command, o->logs);
  command->add_option("--candidate", o->candidate, "The version, or its first digits; by default the one of the newest record in shadow; the report names the others");
  command->add_option("--since", o->since, "From this time on: 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  command->add_option("--until", o->until, "Before this time, written as for --since");
  command->add_option("--html", o->html, "Also as one page, into this file");
  add_version_options(*command, o->versions);
  add_json(*command, call);
  command->footer(
      "Rates are of exchanges that were judged exactly: whose request the version leaves as it is, up to its first cut. With --state, --bundle or --redis the rules' promote_when are held against what was seen.\n\n"
      "Example:\n  sluice shadow report --from /var/lib/sluice/audit --bundle policies --html shadow.html");
  shadow->footer("Example:\n  sluice shadow report --from /var/lib/sluice/audit --bundle policies");
  command->callback([o, &call] { call.exit_code = report(*o, call.json); });
}

}  // namespace sluice::app
