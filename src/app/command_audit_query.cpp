// sluice audit query: find decisions, page by page, as rows or told at length.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "audit_options.hpp"
#include "gateway_audit.hpp"
#include "kept_texts.hpp"
#include "log_sources.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::app {
namespace {

struct query_options {
  log_options logs;
  audit::filter filter;
  std::string since, until, user, conversation, value, secret_file;
  std::string value_key;  // of what was hashed with it; "": nothing
  std::size_t page = 1;
  bool why = false;
};

// People and values stand in a log as keyed hashes only: to find one its name is hashed the same way.
bool hash_names(query_options& o) {
  if (o.user.empty() && o.conversation.empty() && o.value.empty()) return true;
  if (o.secret_file.empty()) {
    complain("--user, --conversation and --value are looked for by their keyed hashes", "give the gateway's secret with --secret: secrets.key_file, or the file secret of its state directory");
    return false;
  }
  const auto master = read_master(o.secret_file);
  if (!master) return false;
  o.value_key = audit_value_key(*master);
  const auto hashed = [&](const std::string& text) { return text.empty() ? text : audit::keyed_hash(o.value_key, text); };
  o.filter.user = hashed(o.user);
  o.filter.conversation = hashed(o.conversation);
  o.filter.value = hashed(o.value);
  return true;
}

int query(query_options o, bool raw) {
  o.filter.checkpoints = false;  // the chain's own: whoever wants them says so with --event checkpoint
  if (!parse_instant(o.since, o.filter.from) || !parse_instant(o.until, o.filter.to) || !hash_names(o)) return 2;
  if (o.page > 1 && o.filter.limit == 0) {
    complain("--page needs --limit", "say how many make a page, as --limit 50 --page 2");
    return 2;
  }
  o.filter.skip = (o.page - 1) * o.filter.limit;
  std::vector<std::vector<std::string>> rows = {record_heading()};
  std::size_t count = 0;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  const auto found = audit::query(logs->folders(), o.filter, [&](const std::string& line) {
    ++count;
    if (raw) {
      std::cout << line << '\n';
    } else if (o.why) {
      std::cout << (count > 1 ? "\n" : "") << record_story(line);
    } else {
      rows.push_back(record_row(line));
    }
    return true;
  });
  if (!found) return complain(found.error().message), 1;
  if (count == 0 && !o.value_key.empty()) {
    const auto another = audit::another_key(logs->folders(), o.value_key);
    if (!another) return complain(another.error().message), 1;
    if (*another) return complain("--secret " + o.secret_file + " is not the secret of these logs' gateways: what was looked for cannot be found with it", "it is secrets.key_file, or the file secret of the state directory"), 1;
  }
  if (count == 0) {
    std::cerr << "sluice: nothing found in these logs that fits" << (*found == 0 ? "" : " on this page") << '\n';
    return 0;
  }
  if (!raw && !o.why) std::cout << table(rows);
  if (!raw && *found > o.filter.skip + count) {
    std::cerr << "sluice: " << *found << " fit; these are " << (o.page == 1 ? "the newest " : "older ") << count << ", --page " << o.page + 1 << " shows those before them\n";
  }
  return 0;
}

}  // namespace

void add_audit_query(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<query_options>();
  auto* q = audit.add_subcommand("query", "Find decisions");
  add_from(*q, o->logs);
  for (const auto& [name, to, what] : {std::tuple{"--decision", &o->filter.decision, "The id that the client was given"},
                                       {"--event", &o->filter.event, "decision, opened, closed, aborted, shadow; start, stop, activated, refused, state, checkpoint … (shadow and checkpoint only when asked for)"},
                                       {"--tenant", &o->filter.tenant, "Of the context"},
                                       {"--route", &o->filter.route, "Of the context"},
                                       {"--model", &o->filter.model, "Of the context"},
                                       {"--user", &o->user, "Of the context; needs --secret"},
                                       {"--conversation", &o->conversation, "Of the context; needs --secret"},
                                       {"--value", &o->value, "Exactly what a rule matched; needs --secret"},
                                       {"--secret", &o->secret_file, "The file with the gateway's master secret"},
                                       {"--rule", &o->filter.rule, "A rule that matched"},
                                       {"--policy", &o->filter.policy, "A policy with a rule that matched"},
                                       {"--verdict", &o->filter.verdict, "What was done: allow, flag, edit or block"},
                                       {"--shadow-verdict", &o->filter.shadow_verdict, "What shadow rules would have done: allow, flag, edit or block"},
                                       {"--reason", &o->filter.reason, "Words of the reason where the gateway acted without a rule, as 'does not know this path'"},
                                       {"--version", &o->filter.version, "The version, or its first digits"},
                                       {"--activation", &o->filter.activation, "epoch-generation"}}) {
    auto* option = q->add_option(name, *to, what);
    if (std::string_view(name).ends_with("verdict")) option->check(CLI::Validator(check_verdict, ""));
    if (std::string_view(name) == "--event") option->check(CLI::Validator(check_event, ""));
  }
  q->add_option("--since", o->since, "From this time on: 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  q->add_option("--until", o->until, "Before this time, written as for --since");
  q->add_option("--limit", o->filter.limit, "The newest so many");
  q->add_option("--page", o->page, "Of pages of --limit records: 1 is the newest")->check(CLI::PositiveNumber)->capture_default_str();
  q->add_flag("--why", o->why, "Tell each at length: who asked what, which rules found what where, what was done");
  add_json(*q, call);
  q->footer(
      "Rows stand in the order of their times, the newest last. The shadow column says what would have been done, where it differs.\n\n"
      "Examples:\n  sluice audit query --from /var/lib/sluice/audit --verdict block --since 2026-12-01\n"
      "  sluice audit query --from /var/lib/sluice/audit --verdict block --tenant acme --since 4d --until 2d --why\n"
      "  sluice audit query --from /var/lib/sluice/audit --shadow-verdict block --since 24h");
  q->callback([o, &call] { call.exit_code = query(*o, call.json); });
}

}  // namespace sluice::app
