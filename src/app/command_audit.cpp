// sluice audit: read decision logs back: query, at, verify, tail.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

struct audit_options {
  std::vector<std::string> from;
  audit::filter filter;
  std::string since, until, time;
  std::size_t back = 10;
  bool no_follow = false;
};

// A time, or how long ago: 10m.
bool parse_instant(const std::string& text, std::optional<wall_time>& out) {
  if (text.empty()) return true;
  if (const auto back = parse_duration(text)) {
    out = now().wall - *back;
    return true;
  }
  const auto t = parse_time(text);
  if (!t) {
    complain("'" + text + "' is no time", "write 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m, 2h, 7d");
    return false;
  }
  out = *t;
  return true;
}

// What the log knows as a verdict; words that people know from elsewhere are led there.
std::string check_verdict(const std::string& text) {
  static constexpr std::string_view verdicts[] = {"allow", "flag", "edit", "block"};
  static constexpr std::pair<std::string_view, std::string_view> others[] = {
      {"redact", "edit"}, {"rewrite", "edit"}, {"tokenize", "edit"}, {"mask", "edit"}, {"deny", "block"}, {"refuse", "block"}, {"pass", "allow"}};
  if (std::ranges::find(verdicts, text) != std::end(verdicts)) return {};
  auto meant = nearest(text, verdicts);
  for (const auto& [from, to] : others) {
    if (text == from) meant = to;
  }
  return "there is no verdict '" + text + "'; it can be allow, flag, edit or block" + (meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?");
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
  const auto shadow = word(j, "shadow_verdict");
  return {word(j, "time"), word(j, "event"), word(j, "id"), word(j, "verdict"), shadow == word(j, "verdict") ? "" : shadow, sent.contains("status") ? std::to_string(sent.value("status", 0)) : "",
          word(j, "activation"), short_version(word(j, "version")), rules.empty() ? word(j, "reason") + word(j, "detail") : rules};
}
const std::vector<std::string> heading = {"time", "event", "decision", "verdict", "shadow", "status", "activation", "version", "rules or reason"};

int query(audit_options o, bool raw) {
  if (!parse_instant(o.since, o.filter.from) || !parse_instant(o.until, o.filter.to)) return 2;
  std::vector<std::vector<std::string>> rows = {heading};
  std::size_t count = 0;
  const auto done = audit::query(o.from, o.filter, [&](const std::string& line) {
    ++count;
    if (raw) {
      std::cout << line << '\n';
    } else {
      rows.push_back(row_of(json::parse(line, nullptr, false)));
    }
    return true;
  });
  if (!done) return complain(done.error().message), 1;
  if (count == 0) {
    std::cerr << "sluice: nothing found in these logs that fits\n";
  } else if (!raw) {
    std::cout << table(rows);
  }
  return 0;
}

// One row below the others although the others are not known yet.
std::string row_in_line(const std::vector<std::string>& cells) {
  static constexpr std::size_t widths[] = {27, 9, 32, 7, 6, 6, 10, 12, 0};
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out += cells[i];
    if (i + 1 < cells.size()) out.append(std::max(widths[i], cells[i].size()) - cells[i].size() + 2, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
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
  if (!raw) std::cout << row_in_line(heading) << std::flush;
  const auto done = audit::tail(o.from.front(), o.back, [&](const std::string& line) {
    if (raw) {
      std::cout << line << '\n' << std::flush;
    } else {
      std::cout << row_in_line(row_of(json::parse(line, nullptr, false))) << std::flush;
    }
    return std::cout.good();
  }, [&] { return o.no_follow; });
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
                                       {"--verdict", &o->filter.verdict, "What was done: allow, flag, edit or block"},
                                       {"--shadow-verdict", &o->filter.shadow_verdict, "What shadow rules would have done: allow, flag, edit or block"},
                                       {"--version", &o->filter.version, "The version, or its first digits"},
                                       {"--activation", &o->filter.activation, "epoch-generation"}}) {
    auto* option = q->add_option(name, *to, what);
    if (std::string_view(name).ends_with("verdict")) option->check(CLI::Validator(check_verdict, ""));
  }
  q->add_option("--since", o->since, "From this time on: 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  q->add_option("--until", o->until, "Before this time, written as for --since");
  q->add_option("--limit", o->filter.limit, "The newest so many");
  add_json(*q, call);
  q->footer(
      "Rows stand in the order of their times, the newest last. The shadow column says what would have been done, where it differs.\n\n"
      "Examples:\n  sluice audit query --from /var/lib/sluice/audit --verdict block --since 2026-12-01\n"
      "  sluice audit query --from /var/lib/sluice/audit --shadow-verdict block --since 24h");
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
  t->add_flag("--no-follow", o->no_follow, "Print them and end");
  add_json(*t, call);
  t->footer("Example:\n  sluice audit tail --from /var/lib/sluice/audit --back 5");
  t->callback([o, &call] { call.exit_code = tail(*o, call.json); });
  command->footer("Example:\n  sluice audit query --from /var/lib/sluice/audit --decision 06h0mqn3047np0000cshjbwck3954r58");
}

}  // namespace sluice::app
