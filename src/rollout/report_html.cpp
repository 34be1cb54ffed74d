// The report as one page: nothing is loaded from elsewhere, no script runs, and it reads on a telephone and on paper, light and dark.
#include <algorithm>

#include "gate_rows.hpp"
#include "html.hpp"
#include "report.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::rollout {
namespace {

constexpr std::size_t bars_max = 25;

std::vector<bar> bars_of(const std::vector<rate>& rates) {
  std::vector<bar> out;
  for (const rate& each : rates) {
    if (each.n == 0 || out.size() == bars_max) continue;
    const std::string label = std::to_string(each.hits) + " of " + std::to_string(each.n);
    out.push_back({.name = each.name, .label = label + ", " + percent(each.bound), .title = each.name + ": " + label + ", 95 % bound " + percent(each.bound), .value = share(each.hits, each.n), .bound = each.bound, .limit = each.limit.value_or(-1)});
  }
  return out;
}

std::vector<bar> rule_bars(const gate_report& report) {
  std::vector<rate> rates;
  for (const rule_report& each : report.rules) {
    if (each.false_positives.hits > 0) rates.push_back(each.false_positives);
  }
  std::ranges::sort(rates, std::ranges::greater{}, &rate::hits);
  return bars_of(rates);
}

std::vector<bar> cost_bars(const gate_report& report, const gate_terms& terms) {
  std::vector<const rule_report*> rules;
  for (const rule_report& each : report.rules) {
    if (each.us > 0) rules.push_back(&each);
  }
  std::ranges::sort(rules, std::ranges::greater{}, &rule_report::us);
  rules.resize(std::min<std::size_t>(rules.size(), 15));
  std::vector<bar> out;
  for (const auto* each : rules) {
    out.push_back({.name = each->rule.id, .label = number(each->us) + " µs", .title = each->rule.id + ": " + number(each->us) + " µs", .value = each->us, .limit = terms.limits.rule_us_max ? static_cast<double>(*terms.limits.rule_us_max) : -1});
  }
  return out;
}

// A check's name may be broken where its words end, and nowhere else.
std::string breakable(const std::string& name) {
  std::string out;
  for (const char c : name) {
    out += c;
    if (c == '_') out += "<wbr>";
  }
  return out;
}

std::string checks(const gate_report& report) {
  std::string out = "<h2>Checks</h2><div class=\"scroll\"><table class=\"checks\"><tr><th>check</th><th>status</th><th>what was seen</th></tr>\n";
  for (const check_row& row : report.rows) {
    const std::string word(to_string(row.status));
    out += "<tr><td><code>" + breakable(row.check) + "</code></td><td class=\"" + word + "\">" + word + "</td><td>" + escaped(row.summary);
    std::string list;
    std::size_t shown = 0;
    for (const finding& each : row.findings) {
      if (++shown > bars_max) continue;
      const std::string status(to_string(each.status));
      list += "<li><span class=\"" + status + "\">" + status + "</span> " + (each.of.empty() ? "" : "<code>" + escaped(each.of) + "</code>: ") + escaped(each.what);
      std::string cases;
      for (const std::string& example : each.examples) cases += (cases.empty() ? "<code>" : " · <code>") + escaped(example) + "</code>";
      list += (cases.empty() ? "" : "<div class=\"cases\">" + cases + "</div>") + "</li>";
    }
    if (shown > bars_max) list += "<li>and " + std::to_string(shown - bars_max) + " more</li>";
    out += (list.empty() ? "" : "<ul>" + list + "</ul>") + "</td></tr>\n";
  }
  return out + "</table></div>\n";
}

std::string rules(const gate_report& report) {
  std::string out = "<h2>Rules</h2><div class=\"scroll\"><table><tr><th>rule</th><th>policy</th><th>enforcement</th><th>action</th><th class=\"n\">tests</th><th class=\"n\">golden</th><th class=\"n\">shadow</th>"
                    "<th class=\"n\">benign</th><th class=\"n\">at most</th><th class=\"n\">µs</th></tr>\n";
  for (const rule_report& each : report.rules) {
    const auto cell = [&](const std::string& text) { out += "<td class=\"n\">" + text + "</td>"; };
    out += "<tr><td><code>" + escaped(each.rule.id) + "</code></td><td>" + escaped(each.rule.policy) + "</td><td>" + std::string(policy::to_string(each.rule.enforcement)) + "</td><td>" + std::string(policy::to_string(each.rule.action)) + "</td>";
    cell(std::to_string(each.tests - each.failed) + "/" + std::to_string(each.tests));
    cell(std::to_string(each.golden_hits));
    cell(std::to_string(each.shadow_hits));
    cell(std::to_string(each.false_positives.hits));
    cell(each.false_positives.n == 0 ? "–" : percent(each.false_positives.bound));
    cell(each.us > 0 ? number(each.us) : "–");
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string changes(const gate_report& report) {
  if (report.changes.empty()) return {};
  constexpr std::size_t rows_max = 200;
  std::string out = "<h2>Decisions that change</h2><div class=\"scroll\"><table><tr><th>case</th><th>set</th><th>before</th><th>after</th><th>rules before</th><th>rules after</th></tr>\n";
  const auto list = [](const std::vector<std::string>& ids) {
    std::string text;
    for (const auto& id : ids) text += (text.empty() ? "" : " ") + id;
    return "<td><code>" + escaped(text) + "</code></td>";
  };
  for (std::size_t i = 0; i < std::min(rows_max, report.changes.size()); ++i) {
    const auto& each = report.changes[i];
    out += "<tr><td><code>" + escaped(each.id) + "</code></td><td>" + escaped(each.set) + "</td><td>" + std::string(policy::to_string(each.before)) + "</td><td>" + std::string(policy::to_string(each.after)) + "</td>" + list(each.rules_before) + list(each.rules_after) + "</tr>\n";
  }
  out += "</table></div>\n";
  return report.changes.size() > rows_max ? out + "<p>and " + std::to_string(report.changes.size() - rows_max) + " more</p>\n" : out;
}

}  // namespace

std::string to_html(const gate_report& report, const gate_evidence& evidence, const gate_terms& terms) {
  const std::string word(to_string(report.verdict)), shown = report.verdict == verdict::pass ? "pass" : word;
  std::string out = html_head(word + ": " + evidence.bundle + " " + evidence.version.substr(0, 12));
  out += "<h1>" + escaped(evidence.bundle) + " <span class=\"verdict " + shown + "\">" + word + "</span></h1>\n<dl>";
  const auto fact = [&](const char* name, const std::string& value) {
    if (!value.empty()) out += std::string("<dt>") + name + "</dt><dd><code>" + escaped(value) + "</code></dd>";
  };
  fact("version", evidence.version);
  if (evidence.active) fact("held against", evidence.active->version);
  fact("golden sets", evidence.golden_digest);
  fact("engine", evidence.engine);
  fact("approved by", terms.approved_by);
  fact("expected change", terms.expected_change);
  fact("not asked, in an emergency", join(skipped_checks(report, terms)));
  fact("report", report.digest);
  out += "</dl>\n";
  if (!report.reasons.empty()) {
    out += "<h2>Why not</h2><ul>";
    for (std::size_t i = 0; i < std::min(bars_max, report.reasons.size()); ++i) out += "<li>" + escaped(report.reasons[i]) + "</li>";
    out += "</ul>\n";
  }
  out += checks(report);
  const auto section = [&](const char* title, const std::string& drawn) {
    if (!drawn.empty()) out += std::string("<h2>") + title + "</h2>" + drawn;
  };
  section("False positives", chart(bars_of(report.false_positives), "Share of benign cases changed or blocked, its 95 % upper bound, and the limit (dashed)."));
  section("False positives by rule", chart(rule_bars(report), "Rules that match benign cases; their 95 % upper bounds, and the limit (dashed)."));
  section("Recall", chart(bars_of(report.recall), "Share of attack cases caught, its 95 % lower bound, and the floor (dashed)."));
  section("Cost by rule", chart(cost_bars(report, terms), "Microseconds of a rule by itself, 99 in 100 cases; the dearest."));
  return out + changes(report) + rules(report) + std::string(html_end);
}

}  // namespace sluice::rollout
