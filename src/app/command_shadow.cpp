// sluice shadow report: what a version in shadow would have changed.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "audit_options.hpp"
#include "gateway_setup.hpp"
#include "log_sources.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/rollout/shadow_report.hpp"
#include "version_lookup.hpp"

namespace sluice::app {
namespace {

struct report_options {
  log_options logs;
  version_options versions;
  std::string candidate, since, until, html;
};

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
  std::cout << (json ? rollout::to_json(*made) : rollout::to_text(*made));
  return 0;
}

}  // namespace

void add_shadow(CLI::App& root, invocation& call) {
  auto* shadow = root.add_subcommand("shadow", "Look at what a version in shadow would have done");
  shadow->require_subcommand(1);
  auto o = std::make_shared<report_options>();
  auto* command = shadow->add_subcommand("report", "What would change if the version in shadow were live: by rule, tenant and direction");
  add_from(*command, o->logs);
  command->add_option("--candidate", o->candidate, "The version, or its first digits; by default the newest in shadow");
  command->add_option("--since", o->since, "From this time on: 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  command->add_option("--until", o->until, "Before this time, written as for --since");
  command->add_option("--html", o->html, "Also as one page, into this file");
  add_version_options(*command, o->versions);
  add_json(*command, call);
  command->footer(
      "Rates are of exchanges that were judged exactly: whose request the version leaves as it is, up to its first cut. With --state, --bundle or --redis the rules' promote_when are held against what was seen.\n\n"
      "Example:\n  sluice shadow report --from /var/lib/sluice/audit --bundle policies --html shadow.html");
  command->callback([o, &call] { call.exit_code = report(*o, call.json); });
}

}  // namespace sluice::app
