// See metrics.hpp. Names and meanings: docs/deploy.md, "Metrics".
#include "sluice/telemetry/metrics.hpp"

#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <span>

namespace sluice::telemetry {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text{};
  const int n = std::snprintf(text.data(), text.size(), "%.9g", value);
  return {text.data(), static_cast<std::size_t>(n)};
}

struct total {
  std::string_view name, help;
  counter worker_counters::*of;
};
constexpr std::array totals = {
    total{"sluice_exchanges_total", "Exchanges begun.", &worker_counters::exchanges},
    total{"sluice_exchanges_blocked_total", "Exchanges that a rule or a stated policy blocked.", &worker_counters::blocked},
    total{"sluice_exchanges_edited_total", "Exchanges whose text was edited.", &worker_counters::edited},
    total{"sluice_exchanges_flagged_total", "Exchanges with findings of enforcing rules that changed nothing.", &worker_counters::flagged},
    total{"sluice_streams_total", "Exchanges whose answer was streamed.", &worker_counters::streams},
    total{"sluice_upstream_errors_total", "Exchanges that the upstream failed.", &worker_counters::upstream_errors},
    total{"sluice_client_aborts_total", "Exchanges whose client went before the end.", &worker_counters::client_aborts},
    total{"sluice_refused_busy_total", "Exchanges refused for lack of room.", &worker_counters::refused_busy},
    total{"sluice_bad_requests_total", "Requests that could not be read.", &worker_counters::bad_requests},
    total{"sluice_stream_held_bytes_total", "Streamed text that did not leave with the event it came in.",
          &worker_counters::held_bytes},
    total{"sluice_stream_released_bytes_total", "Streamed text that left with the event it came in.",
          &worker_counters::released_bytes},
};

constexpr std::pair<std::string_view, counter worker_counters::*> shadow_verdicts[] = {
    {"flag", &worker_counters::shadow_flagged}, {"edit", &worker_counters::shadow_edited}, {"block", &worker_counters::shadow_blocked}};

struct level_now {
  std::string_view name, help;
  gauge worker_counters::*of;
};
constexpr std::array levels = {
    level_now{"sluice_in_flight", "Exchanges under way.", &worker_counters::in_flight},
    level_now{"sluice_client_connections", "Open client connections.", &worker_counters::client_connections},
    level_now{"sluice_upstream_connections", "Open upstream connections.", &worker_counters::upstream_connections},
};

void traffic(exposition& out, const metrics_input& in) {
  for (const auto& each : totals) {
    std::uint64_t sum = 0;
    for (const auto* worker : in.workers) sum += (worker->*each.of).value();
    out.family(each.name, "counter", each.help);
    out.sample(each.name, {}, sum);
  }
  out.family("sluice_exchanges_refused_total", "counter", "Exchanges that the gateway stopped itself, without a rule, by reason.");
  for (std::size_t i = 0; i < refusal_names.size(); ++i) {
    std::uint64_t sum = 0;
    for (const auto* worker : in.workers) sum += worker->refused[i].value();
    out.sample("sluice_exchanges_refused_total", {{"reason", refusal_names[i]}}, sum);
  }
  out.family("sluice_exchanges_shadow_total", "counter",
             "Exchanges that rules in shadow would have treated more strictly, by what they would have done.");
  for (const auto& [verdict, of] : shadow_verdicts) {
    std::uint64_t sum = 0;
    for (const auto* worker : in.workers) sum += (worker->*of).value();
    out.sample("sluice_exchanges_shadow_total", {{"verdict", verdict}}, sum);
  }
  for (const auto& each : levels) {
    std::int64_t sum = 0;
    for (const auto* worker : in.workers) sum += (worker->*each.of).value();
    out.family(each.name, "gauge", each.help);
    out.sample(each.name, {}, static_cast<double>(sum));
  }
  std::uint64_t unscanned = 0;
  for (const auto* worker : in.workers) unscanned += worker->unscanned_bytes.value();
  for (const auto& each : in.unscanned_bytes) unscanned -= std::min(unscanned, each.bytes);
  out.family("sluice_unscanned_bytes_total", "counter", "Bytes that passed without being scanned, by dialect and reason.");
  out.sample("sluice_unscanned_bytes_total", {{"dialect", ""}, {"reason", "other"}}, unscanned);
  for (const auto& each : in.unscanned_bytes) out.sample("sluice_unscanned_bytes_total", {{"dialect", each.dialect}, {"reason", each.reason}}, each.bytes);
}

void added_latency(exposition& out, const metrics_input& in) {
  constexpr std::string_view name = "sluice_added_latency_seconds";
  out.family(name, "histogram", "Time that Sluice itself added to an exchange.");
  std::uint64_t below = 0, sum_us = 0;
  for (std::size_t i = 0; i <= latency_histogram::buckets; ++i) {
    for (const auto* worker : in.workers) below += worker->added_latency.bucket(i);
    const std::string bound = i == latency_histogram::buckets ? "+Inf" : number(std::ldexp(1e-6, static_cast<int>(i)));
    out.sample("sluice_added_latency_seconds_bucket", {{"le", bound}}, below);
  }
  for (const auto* worker : in.workers) sum_us += worker->added_latency.sum();
  out.sample("sluice_added_latency_seconds_sum", {}, static_cast<double>(sum_us) * 1e-6);
  out.sample("sluice_added_latency_seconds_count", {}, below);
}

void policy_state(exposition& out, const metrics_input& in) {
  const auto& p = in.policy;
  out.family("sluice_policy_info", "gauge", "What is in force; always 1.");
  out.sample("sluice_policy_info", {{"version", p.version}, {"activation", p.activation}, {"bundle", p.bundle}},
             std::uint64_t{1});
  out.family("sluice_policy_state", "gauge", "1 for the state the policy is in.");
  for (const std::string_view state : {"FRESH", "STALE", "EXPIRED", "NONE"}) {
    out.sample("sluice_policy_state", {{"state", state}}, std::uint64_t{p.state == state});
  }
  out.family("sluice_policy_age_seconds", "gauge", "Time since the last activation; NaN when there was none.");
  out.sample("sluice_policy_age_seconds", {}, p.age_seconds < 0 ? NAN : p.age_seconds);
  out.family("sluice_policy_contact_age_seconds", "gauge", "Time since the policy source was last seen; NaN when never.");
  out.sample("sluice_policy_contact_age_seconds", {}, p.contact_age_seconds < 0 ? NAN : p.contact_age_seconds);
  out.family("sluice_policy_source_connected", "gauge", "1 while the policy source answers.");
  out.sample("sluice_policy_source_connected", {}, std::uint64_t{p.connected});
  out.family("sluice_node_name_given_twice", "gauge", "1 while another process reports to the ring under this node's name.");
  out.sample("sluice_node_name_given_twice", {}, std::uint64_t{p.name_given_twice});
  out.family("sluice_policy_rules", "gauge", "Rules in force.");
  out.sample("sluice_policy_rules", {}, p.rules);
  out.family("sluice_policy_memory_bytes", "gauge", "Compiled databases and tables of the version in force.");
  out.sample("sluice_policy_memory_bytes", {}, p.memory_bytes);
  out.family("sluice_policy_pinned_snapshots", "gauge", "Versions that are no longer in force and still held, by streams for example.");
  out.sample("sluice_policy_pinned_snapshots", {}, p.pinned_snapshots);
  out.family("sluice_policy_held_bytes", "gauge", "Compiled databases and tables of all versions that are held, what they share counted once.");
  out.sample("sluice_policy_held_bytes", {}, p.held_bytes);
  out.family("sluice_policy_activations_total", "counter", "Activations that went live on this node.");
  out.sample("sluice_policy_activations_total", {}, p.activations);
  out.family("sluice_policy_refusals_total", "counter", "Candidates that this node refused.");
  out.sample("sluice_policy_refusals_total", {}, p.refusals);
  out.family("sluice_rules_demoted", "gauge", "Rules that their version enforces and that are in shadow until they are armed again; always 1.");
  for (const auto& each : p.demoted) out.sample("sluice_rules_demoted", {{"version", each.version}, {"rule", each.rule}, {"by", each.by}}, std::uint64_t{1});
  out.family("sluice_demotions_total", "counter", "Rules that this node demoted on its own evidence.");
  out.sample("sluice_demotions_total", {}, p.demotions);
  out.family("sluice_breaker_unseen_total", "counter", "Exchanges that found no place among those that the breaker looks at.");
  out.sample("sluice_breaker_unseen_total", {}, p.breaker_unseen);
  out.family("sluice_breaker_users", "gauge", "Users whom the breaker saw within 30 seconds, of many a sample.");
  out.sample("sluice_breaker_users", {}, p.breaker_users);
  out.family("sluice_rule_findings_total", "counter", "Findings by rule.");
  for (const auto& each : in.rules) {
    out.sample("sluice_rule_findings_total",
               {{"policy", each.policy}, {"rule", each.rule}, {"action", each.action},
                {"enforcement", each.enforced ? "enforce" : "shadow"}},
               each.findings);
  }
}

void shadow_state(exposition& out, const metrics_input& in) {
  const auto& s = in.shadow;
  out.family("sluice_shadow_info", "gauge", "The version that is judged in shadow; always 1.");
  if (!s.version.empty()) out.sample("sluice_shadow_info", {{"version", s.version}}, std::uint64_t{1});
  out.family("sluice_shadow_judged_total", "counter", "Exchanges that a version in shadow judged.");
  out.sample("sluice_shadow_judged_total", {}, s.judged);
  out.family("sluice_shadow_inexact_total", "counter", "Of them, those whose answer would have been another.");
  out.sample("sluice_shadow_inexact_total", {}, s.inexact);
  out.family("sluice_shadow_shed_total", "counter", "Exchanges that a version in shadow did not judge, by reason.");
  for (const auto& [reason, count] : s.shed) out.sample("sluice_shadow_shed_total", {{"reason", reason}}, count);
  out.family("sluice_shadow_cpu_seconds_total", "counter", "Processor time of versions in shadow.");
  out.sample("sluice_shadow_cpu_seconds_total", {}, static_cast<double>(s.cpu_us) * 1e-6);
}

void audit_state(exposition& out, const metrics_input& in) {
  out.family("sluice_audit_records_total", "counter", "Decision records written.");
  out.sample("sluice_audit_records_total", {}, in.audit.written);
  out.family("sluice_audit_lost_total", "counter", "Decision records lost because the log was full.");
  out.sample("sluice_audit_lost_total", {}, in.audit.dropped);
  out.family("sluice_audit_bytes_total", "counter", "Bytes of decision records written.");
  out.sample("sluice_audit_bytes_total", {}, in.audit.bytes);
  out.family("sluice_audit_syncs_total", "counter", "Times the log was synced to disk.");
  out.sample("sluice_audit_syncs_total", {}, in.audit.syncs);
  out.family("sluice_audit_sync_failures_total", "counter", "Times a sync of the log failed.");
  out.sample("sluice_audit_sync_failures_total", {}, in.audit.sync_failures);
  out.family("sluice_audit_failed", "gauge", "1 while the log cannot be written, or a failed sync is not made good.");
  out.sample("sluice_audit_failed", {}, std::uint64_t{in.audit.failed});
  if (!in.checkpoints.present) return;
  out.family("sluice_audit_checkpoints_sent_total", "counter", "Signed checkpoints that Redis has taken.");
  out.sample("sluice_audit_checkpoints_sent_total", {}, in.checkpoints.sent);
  out.family("sluice_audit_checkpoints_skipped_total", "counter", "Signed checkpoints that Redis never gets: too many waited for it.");
  out.sample("sluice_audit_checkpoints_skipped_total", {}, in.checkpoints.skipped);
  out.family("sluice_audit_checkpoints_waiting", "gauge", "Signed checkpoints that wait for Redis.");
  out.sample("sluice_audit_checkpoints_waiting", {}, in.checkpoints.waiting);
}

// What gateways of a fleet keep for each other in Redis.
using shared_memory = metrics_input::shared_memory;
struct shared_total {
  std::string_view name, help;
  std::uint64_t shared_memory::*value;
};
constexpr shared_total vault_totals[] = {
    {.name = "sluice_vault_questions_total", .help = "Exchanges that asked the vault.", .value = &shared_memory::asked},
    {.name = "sluice_vault_unavailable_total", .help = "Of those, exchanges that it did not, or not wholly, answer.", .value = &shared_memory::unavailable},
    {.name = "sluice_vault_kept_total", .help = "Values that were kept or renewed.", .value = &shared_memory::kept},
    {.name = "sluice_vault_recalled_total", .help = "Values of earlier requests that exchanges were told.", .value = &shared_memory::recalled},
    {.name = "sluice_vault_unreadable_total", .help = "Entries that did not open: of another secret, or altered.", .value = &shared_memory::unreadable}};
constexpr shared_total ledger_totals[] = {
    {.name = "sluice_ledger_questions_total", .help = "Questions to the ledger in Redis.", .value = &shared_memory::asked},
    {.name = "sluice_ledger_unavailable_total", .help = "Of those, the ones that it did not answer.", .value = &shared_memory::unavailable},
    {.name = "sluice_ledger_kept_total", .help = "Handles that were kept or renewed.", .value = &shared_memory::kept},
    {.name = "sluice_ledger_recalled_total", .help = "Handles of earlier exchanges that were known.", .value = &shared_memory::recalled},
    {.name = "sluice_ledger_unreadable_total", .help = "Entries that did not open: of another secret, or altered.", .value = &shared_memory::unreadable}};

void shared_state(exposition& out, const metrics_input& in) {
  const auto add = [&out](const shared_memory& of, std::span<const shared_total> totals) {
    for (const auto& each : totals) {
      out.family(each.name, "counter", each.help);
      out.sample(each.name, {}, of.*each.value);
    }
  };
  if (in.vault.present) {
    out.family("sluice_vault_connected", "gauge", "1 while the vault is reached.");
    out.sample("sluice_vault_connected", {}, std::uint64_t{in.vault.connected});
    add(in.vault, vault_totals);
  }
  if (in.ledger.present) {
    out.family("sluice_ledger_connected", "gauge", "1 while the ledger in Redis is reached.");
    out.sample("sluice_ledger_connected", {}, std::uint64_t{in.ledger.connected});
    add(in.ledger, ledger_totals);
  }
}

void feedback_state(exposition& out, const metrics_input& in) {
  if (!in.feedback.present) return;
  out.family("sluice_feedback_received_total", "counter", "Reports and labels that were taken.");
  out.sample("sluice_feedback_received_total", {}, in.feedback.received);
  out.family("sluice_feedback_forwarded_total", "counter", "Of them, those that Redis has taken.");
  out.sample("sluice_feedback_forwarded_total", {}, in.feedback.forwarded);
  out.family("sluice_feedback_dropped_total", "counter", "Reports and labels that there was no room for, or that could not be written.");
  out.sample("sluice_feedback_dropped_total", {}, in.feedback.dropped);
  out.family("sluice_feedback_spool_bytes", "gauge", "Bytes of the spool that Redis does not have.");
  out.sample("sluice_feedback_spool_bytes", {}, in.feedback.spool_bytes);
}

void process_state(exposition& out, const metrics_input& in) {
  std::uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  out.family("sluice_build_info", "gauge", "The binary that runs; always 1.");
  out.sample("sluice_build_info", {{"version", in.build}, {"node", in.node}}, std::uint64_t{1});
  out.family("sluice_uptime_seconds", "gauge", "Time since the start.");
  out.sample("sluice_uptime_seconds", {}, in.uptime_seconds);
  out.family("process_resident_memory_bytes", "gauge", "Resident memory.");
  out.sample("process_resident_memory_bytes", {}, resident * page);
  out.family("process_virtual_memory_bytes", "gauge", "Virtual memory.");
  out.sample("process_virtual_memory_bytes", {}, pages * page);
}

}  // namespace

void exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void exposition::head(std::string_view name, const labels& with) {
  out_.append(name);
  if (with.empty()) return;
  char before = '{';
  for (const auto& [key, value] : with) {
    out_ += before;
    before = ',';
    out_.append(key).append("=\"");
    for (const char c : value) {
      if (c == '\n') {
        out_ += "\\n";
      } else {
        if (c == '\\' || c == '"') out_ += '\\';
        out_ += c;
      }
    }
    out_ += '"';
  }
  out_ += '}';
}

void exposition::sample(std::string_view name, const labels& with, double value) {
  head(name, with);
  out_ += " " + number(value) + "\n";
}

void exposition::sample(std::string_view name, const labels& with, std::uint64_t value) {
  head(name, with);
  out_ += " " + std::to_string(value) + "\n";
}

std::string render(const metrics_input& in) {
  exposition out;
  process_state(out, in);
  traffic(out, in);
  added_latency(out, in);
  policy_state(out, in);
  shadow_state(out, in);
  audit_state(out, in);
  shared_state(out, in);
  feedback_state(out, in);
  return out.take();
}

}  // namespace sluice::telemetry
