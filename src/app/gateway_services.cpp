// See gateway_services.hpp.
#include "gateway_services.hpp"

#include <algorithm>

#include "ledger_bytes.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::app {

// Fills `out` anew; it may hold an older exchange's, whose memory is used again.
void fill(audit::section& out, const policy::outcome& from, bool judged, bool refused, bool spared, bool flagged, const std::vector<policy::snapshot::rule_info>& rules,
          const proxy::text_names& names) {
  out.judged = judged;
  const auto least = flagged ? policy::verdict::flag : policy::verdict::allow;
  out.verdict = refused ? policy::verdict::block : std::max(from.verdict, least);
  out.shadow_verdict = refused || spared ? policy::verdict::block : std::max(from.shadow_verdict, least);
  out.truncated = from.findings_truncated;
  out.findings.clear();
  for (const auto& f : from.findings) {
    const bool known = f.rule < rules.size();
    out.findings.push_back({.rule = known ? rules[f.rule].id : std::string("?"),
                            .policy = known ? rules[f.rule].policy : std::string("?"),
                            .action = f.action,
                            .enforcement = f.enforced ? policy::enforcement::enforce : policy::enforcement::shadow,
                            .channel = names.of(f.part),
                            .begin = f.begin,
                            .end = f.end,
                            .score = known ? rules[f.rule].score : 0,
                            .more = {},
                            .value = f.value,
                            .last_turn = f.last_turn});
    for (const auto& rest : f.more) out.findings.back().more.push_back({names.of(rest.part), rest.begin, rest.end});
  }
  out.classifier_scores.clear();
  for (const auto& [name, score] : from.classifier_scores) out.classifier_scores.emplace_back(name, score);
  out.tags = from.tags;
  out.scores.clear();
  for (const auto& s : from.scores) out.scores.push_back({std::string(s.policy), s.enforced, s.all, s.threshold, s.action, s.crossed});
  out.suppressed.clear();
  for (const auto& s : from.suppressed) {
    const bool known = s.rule < rules.size();
    out.suppressed.push_back({.rule = known ? rules[s.rule].id : std::string("?"),
                              .exception = s.exception_id,
                              .policy = known ? rules[s.rule].policy : std::string("?"),
                              .owner = s.owner,
                              .ticket = s.ticket,
                              .channel = names.of(s.part),
                              .begin = s.begin,
                              .end = s.end,
                              .count = s.count,
                              .value = s.value});
  }
}

namespace {

void keep_text(audit::record& out, const proxy::exchange_report& report, audit::log& log) {
  const auto& text = *report.text;
  std::size_t bytes = 0;
  for (const auto* parts : {&text.request, &text.response}) {
    for (const auto& p : *parts) bytes += p.text.size();
  }
  if (text.too_large) {
    out.text_omitted = "larger than 1 MiB";
  } else if (!log.reserve_text(bytes)) {
    out.text_omitted = "too much text waited for the disk";
  } else {
    const auto copy = [](std::vector<audit::kept_part>& to, const std::vector<policy::text_part>& from, const proxy::text_names& names) {
      for (const auto& p : from) to.push_back({p.role, p.kind, p.last_turn, p.editable, std::string(p.text), p.choice, names.of(static_cast<std::uint32_t>(to.size())), p.ended, p.in_series});
    };
    copy(out.request_text, text.request, report.request_names);
    copy(out.response_text, text.response, report.response_names);
    for (const auto& c : text.choices) out.choices.push_back({c.choice, c.structured});
    out.answer_ended = text.answer_ended;
    out.takes_system_words = text.takes_system_words;
  }
}

enum audit::record::event event_of(proxy::report_kind kind) {
  switch (kind) {
    case proxy::report_kind::whole: return audit::record::event::decision;
    case proxy::report_kind::opened: return audit::record::event::opened;
    case proxy::report_kind::closed: return audit::record::event::closed;
    case proxy::report_kind::aborted: return audit::record::event::aborted;
  }
  return audit::record::event::decision;
}

}  // namespace

void fill(audit::record& out, const proxy::exchange_report& report) {
  const auto& rules = report.policy.snapshot->rules();
  out.event = event_of(report.kind);
  out.id = report.decision_id;
  out.time = report.time;
  out.activation = policy::to_string(report.policy.activation);
  out.version = report.policy.snapshot->version();
  out.effective = report.effective;
  out.canary = report.policy.is_canary;
  out.freshness = policy::to_string(report.policy.freshness);
  out.who = report.who;
  out.dialect = report.dialect;
  out.endpoint = report.endpoint;
  out.method = report.method;
  out.path = report.path;
  out.streamed = report.streamed;
  fill(out.request, report.request, report.request_judged, report.request_refused, report.request_spared, report.request_flagged, rules, report.request_names);
  fill(out.response, report.response, report.response_judged, report.answer_withheld, report.answer_spared, report.answer_flagged, rules, report.response_names);
  out.status = report.status;
  out.upstream_status = report.upstream_status;
  out.bytes = report.bytes;
  out.upstream_edits = report.request_edits;
  out.edits = report.edits;
  out.latency_us = report.latency_us;
  out.added_us = report.added_us;
  out.unscanned.assign(report.unscanned.begin(), report.unscanned.end());
  const auto list = [](std::vector<audit::attachment_record>& to, std::span<const proxy::seen_attachment> from) {
    to.clear();
    for (const auto& each : from) to.push_back({each.path, std::string(each.type), std::string(proxy::to_string(each.how)), each.bytes});
  };
  list(out.attachments, report.attachments);
  list(out.unread, report.unread);
  out.recalled.clear();
  for (const auto& each : report.recalled) out.recalled.push_back({each.path, each.version, each.verdict});
  out.reason = report.reason;
  out.demoted = report.policy.snapshot->demoted();
  out.shadow = {};
  out.with_text = false;
  out.text_omitted.clear();
  out.request_text.clear();
  out.response_text.clear();
  out.choices.clear();
  out.answer_ended = false;
  out.takes_system_words = true;
  out.caller.clear();
  out.stale = report.policy.freshness == policy::freshness::stale || report.policy.freshness == policy::freshness::expired;
}

result<proxy::identity> gateway_services::identify(const http::request_head& head, const proxy::peer_info& peer) {
  return app::identify(settings_.context, keys_.get(), head, peer);
}

std::uint64_t gateway_services::ask_vault(policy::vault_question question) {
  if (memories_.vault == nullptr) return 0;
  const auto ticket = ++tickets_;
  return memories_.vault->ask(worker_, ticket, std::move(question)) ? ticket : 0;
}

std::uint64_t gateway_services::ask_ledger(proxy::ledger_question question, proxy::ledger_answer& at_once) {
  if (memories_.shared == nullptr) {
    const auto time = mono_now();
    for (const auto& handle : question.recall) at_once.found.push_back(memories_.handles.recall({question.tenant, question.dialect, handle}, time));
    for (auto& each : question.keep) {
      const auto id = std::move(each.id);
      if (!memories_.handles.keep({question.tenant, question.dialect, id}, time, std::move(each))) at_once.missed = true;
    }
    at_once.available = true;
    return 0;
  }
  store::ledger_question asked{.tenant = std::move(question.tenant), .dialect = std::string(question.dialect), .recall = std::move(question.recall), .keep = {}};
  const proxy::ledger_entry* last = nullptr;
  for (auto& each : question.keep) {  // most share one
    auto bytes = each.as.get() == last ? asked.keep.back().entry : to_bytes(*each.as);
    asked.keep.push_back({.handle = std::move(each.id), .entry = std::move(bytes), .last_word = each.as->verdict == policy::verdict::block,
                          .instead_of = each.instead_of ? each.instead_of->stored : std::string()});
    last = each.as.get();
  }
  // To seal takes time, which what is kept for good has on the ledger's thread.
  const bool for_now = std::ranges::none_of(asked.keep, [](const auto& each) { return each.instead_of.empty(); });
  const auto ticket = ++tickets_;
  return memories_.shared->ask(worker_, ticket, std::move(asked), for_now ? &at_once.as_stored : nullptr) ? ticket : 0;
}

void gateway_services::count_unscanned(const proxy::exchange_report& report) {
  const auto of_dialect = static_cast<std::size_t>(std::ranges::find(wire::dialect_names(), report.dialect) - wire::dialect_names().begin());
  for (const auto& [reason, bytes] : report.unscanned) {
    // One that were not listed would still be in the sum of the worker's counters, which telemetry shows as "other".
    const auto at = std::ranges::find(proxy::unscanned_reasons, reason);
    if (at != proxy::unscanned_reasons.end()) unscanned_[of_dialect][static_cast<std::size_t>(at - proxy::unscanned_reasons.begin())].add(bytes);
  }
}

void gateway_services::record(const proxy::exchange_report& report) {
  // `opened` names what the request found; `closed` has it again, and the answer's.
  if (report.kind == proxy::report_kind::whole || report.kind == proxy::report_kind::closed) {
    if (!settings_.global_shadow) blocks_.note(worker_, report);  // nothing is blocked, and nobody looks
    if (report.policy.shadow != nullptr) lane_.offer(worker_, report);
    for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
      if (!(*table)->is_for(report.policy.snapshot.get())) continue;
      for (const auto& f : report.request.findings) (*table)->count(worker_, f);
      for (const auto& f : report.response.findings) (*table)->count(worker_, f);
      break;
    }
    if (!report.unscanned.empty()) count_unscanned(report);
  }
  if (auto* slot = log_.claim(worker_, report.reserved); slot != nullptr) {
    fill(*slot, report);
    if (report.text != nullptr && keeps_text()) {
      slot->with_text = true;
      slot->caller = report.caller;
      keep_text(*slot, report, log_);
    }
    log_.publish(worker_);
  }
}

void gateway_services::set_policy(std::shared_ptr<const policy::active_policy> active, const std::vector<std::shared_ptr<rule_table>>& tables) {
  active_ = std::move(active);
  std::erase_if(tables_, [&tables](const auto& each) { return each->over() || std::ranges::find(tables, each) != tables.end(); });
  tables_.insert(tables_.end(), tables.begin(), tables.end());
}

}  // namespace sluice::app
