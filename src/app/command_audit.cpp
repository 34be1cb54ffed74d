// sluice audit: read decision logs back: query, at, verify, tail.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

struct audit_options {
  std::vector<std::string> from;
  audit::filter filter;
  std::string since, until, time;
  std::size_t back = 10;
  bool follow = true;
};

// A time, or how long ago: 10m.
bool parse_instant(const std::string& text, std::optional<wall_time>& out) {
  if (text.empty()) return true;
  if (const auto ago = parse_duration(text)) {
    out = now().wall - *ago;
    return true;
  }
  const auto t = parse_time(text);
  if (!t) {
    complain(t.error().message);
    return false;
  }
  out = *t;
  return true;
}

std::string word(const json& j, const char* name) {
  const auto it = j.find(name);
  return it != j.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// The rules that matched, by side: "request: r-1; response: r-2 (shadow)".
std::string matched_rules(const json& j) {
  std::string out;
  for (const char* side : {"request", "response"}) {
    if (!j.contains(side) || !j[side].is_object()) continue;
    std::vector<std::string> names;
    for (const auto& f : j[side].value("findings", json::array())) {
      auto name = word(f, "rule") + (word(f, "enforcement") == "shadow" ? " (shadow)" : "");
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
    if (names.empty()) continue;
    out += (out.empty() ? "" : "; ") + std::string(side) + ":";
    for (const auto& name : names) out += " " + name;
  }
  return out;
}

// One record as a row for people.
std::vector<std::string> row_of(const json& j) {
  const std::string rules = matched_rules(j);
  const auto sent = j.value("sent", json::object());
  return {word(j, "time"), word(j, "event"), word(j, "id"), word(j, "verdict"), word(j, "shadow_verdict"), sent.contains("status") ? std::to_string(sent.value("status", 0)) : "",
          word(j, "activation"), short_version(word(j, "version")), rules.empty() ? word(j, "reason") + word(j, "detail") : rules};
}
const std::vector<std::string> heading = {"time", "event", "decision", "verdict", "shadow", "status", "activation", "version", "rules or reason"};

int query(audit_options o, bool raw) {
  if (!parse_instant(o.since, o.filter.from) || !parse_instant(o.until, o.filter.to)) return 2;
  std::vector<std::vector<std::string>> rows = {heading};
  const auto done = audit::query(o.from, o.filter, [&](const std::string& line) {
    if (raw) {
      std::cout << line << '\n';
    } else {
      rows.push_back(row_of(json::parse(line, nullptr, false)));
    }
    return true;
  });
  if (!done) return complain(done.error().message), 1;
  if (raw) return 0;
  std::ranges::sort(rows.begin() + 1, rows.end(), {}, [](const auto& row) { return row.front(); });  // RFC 3339 in UTC sorts as text
  if (rows.size() > 1) std::cout << table(rows);
  if (rows.size() == 1) std::cerr << "nothing found\n";
  return 0;
}

int at(const audit_options& o, bool raw) {
  std::optional<wall_time> when;
  if (!parse_instant(o.time, when) || !when) return 2;
  const auto found = audit::active_at(o.from, *when);
  if (!found) return complain(found.error().message), 1;
  if (raw) {
    auto out = json::array();
    for (const auto& n : *found) {
      out.push_back({{"node", n.node}, {"activation", n.activation}, {"version", n.version}, {"state", n.freshness}, {"since", rfc3339(n.since)}});
    }
    std::cout << out.dump(2) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"node", "activation", "version", "state", "since"}};
  for (const auto& n : *found) rows.push_back({n.node, n.activation, n.version, n.freshness, rfc3339(n.since)});
  std::cout << table(rows);
  if (found->empty()) complain("no node of these logs enforced anything at " + o.time);
  return 0;
}

int verify(const audit_options& o, bool raw) {
  const auto report = audit::verify(o.from);
  if (!report) return complain(report.error().message), 1;
  if (raw) {
    std::cout << json{{"ok", report->problems.empty()}, {"records", report->records}, {"files", report->files}, {"boots", report->boots},
                      {"torn_tail", report->torn_tail}, {"problems", report->problems}}
                     .dump(2)
              << '\n';
  } else {
    for (const auto& p : report->problems) std::cout << p << '\n';
    std::cout << report->records << " records in " << report->files << " files of " << report->boots << " boots: "
              << (report->problems.empty() ? "the chain is whole" : std::to_string(report->problems.size()) + " problems")
              << (report->torn_tail ? "; the last line is torn and will be cut off at the next start" : "") << '\n';
  }
  return report->problems.empty() ? 0 : 1;
}

int tail(const audit_options& o, bool raw) {
  const auto done = audit::tail(o.from.front(), o.back, [&](const std::string& line) {
    if (raw) {
      std::cout << line << '\n' << std::flush;
    } else {
      const auto cells = row_of(json::parse(line, nullptr, false));
      for (const auto& c : cells) std::cout << c << (&c == &cells.back() ? "\n" : "  ");
      std::cout << std::flush;
    }
    return std::cout.good();
  }, [&] { return !o.follow; });
  if (!done) return complain(done.error().message), 1;
  return 0;
}

void add_from(CLI::App& command, audit_options& o) {
  command.add_option("--from", o.from, "A folder of audit files; may be given for several nodes")->required();
}

}  // namespace

void add_audit(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("audit", "Read the decision log: what decided what, and when");
  command->require_subcommand(1);
  auto o = std::make_shared<audit_options>();

  auto* q = command->add_subcommand("query", "Find decisions");
  add_from(*q, *o);
  for (const auto& [name, to, what] : {std::tuple{"--decision", &o->filter.decision, "The id that the client was given"},
                                       {"--tenant", &o->filter.tenant, "Of the context"},
                                       {"--rule", &o->filter.rule, "A rule that matched"},
                                       {"--policy", &o->filter.policy, "A policy with a rule that matched"},
                                       {"--version", &o->filter.version, "The version, or its first digits"},
                                       {"--activation", &o->filter.activation, "epoch-generation"}}) {
    q->add_option(name, *to, what);
  }
  const std::vector<std::string> verdicts = {"allow", "flag", "edit", "block"};
  q->add_option("--verdict", o->filter.verdict, "What was done: allow, flag, edit or block")->check(CLI::IsMember(verdicts));
  q->add_option("--shadow-verdict", o->filter.shadow_verdict, "What would have been done, had every shadow rule been enforced")
      ->check(CLI::IsMember(verdicts));
  q->add_option("--since", o->since, "From this time on: 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  q->add_option("--until", o->until, "Before this time");
  q->add_option("--limit", o->filter.limit, "The newest so many");
  add_json(*q, call);
  q->footer("Example:\n  sluice audit query --from /var/lib/sluice/audit --verdict block --since 2026-12-01");
  q->callback([o, &call] { call.exit_code = query(*o, call.json); });

  auto* a = command->add_subcommand("at", "Which version was active at a time");
  add_from(*a, *o);
  a->add_option("--time", o->time, "2026-12-01T12:00:00Z")->required();
  add_json(*a, call);
  a->footer("Example:\n  sluice audit at --from /var/lib/sluice/audit --time 2026-12-01T12:00:00Z");
  a->callback([o, &call] { call.exit_code = at(*o, call.json); });

  auto* v = command->add_subcommand("verify", "Check that no record was changed, removed or moved");
  add_from(*v, *o);
  add_json(*v, call);
  v->footer("Exit code 1 when the chain is broken.\n\nExample:\n  sluice audit verify --from /var/lib/sluice/audit");
  v->callback([o, &call] { call.exit_code = verify(*o, call.json); });

  auto* t = command->add_subcommand("tail", "Follow decisions as they are written");
  add_from(*t, *o);
  t->add_option("--back", o->back, "Begin with the last so many")->capture_default_str();
  t->add_flag_callback("--no-follow", [o] { o->follow = false; }, "Print them and end");
  add_json(*t, call);
  t->footer("Example:\n  sluice audit tail --from /var/lib/sluice/audit --back 5");
  t->callback([o, &call] { call.exit_code = tail(*o, call.json); });
  command->footer("Example:\n  sluice audit query --from /var/lib/sluice/audit --decision 06h0mqn3047np0000cshjbwck3954r58");
}

}  // namespace sluice::app
