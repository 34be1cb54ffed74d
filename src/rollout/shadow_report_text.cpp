// The report of a version in shadow for machines, and as one page.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "html.hpp"
#include "sluice/rollout/shadow_report.hpp"
#include "sluice/rollout/shares.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

using nlohmann::ordered_json;

constexpr double two_sided_95 = 0.975;
constexpr std::size_t rows_max = 25;

struct interval {
  double rate, lower, upper;
};
interval rate_of(std::uint64_t hits, std::uint64_t n) {
  return {share(hits, n), rate_lower(hits, n, two_sided_95), rate_upper(hits, n, two_sided_95)};
}

ordered_json json_of(const shadow_counts& c) {
  ordered_json out = {{"n", c.n}};
  for (const auto& [name, hits] : {std::pair("newly_blocked", c.newly_blocked), {"newly_passed", c.newly_passed}, {"other_text", c.other_text}}) {
    const auto r = rate_of(hits, c.n);
    out[name] = {{"count", hits}, {"rate", r.rate}, {"lower95", r.lower}, {"upper95", r.upper}};
  }
  return out;
}

std::string times(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

}  // namespace

std::string with_bounds(std::uint64_t hits, std::uint64_t n) {
  const auto r = rate_of(hits, n);
  return std::to_string(hits) + " (" + percent(r.rate) + "; " + percent(r.lower) + " to " + percent(r.upper) + ")";
}

std::string span_of(const shadow_report& r) { return r.from ? rfc3339(*r.from) + " to " + rfc3339(*r.to) : std::string("never"); }
std::string named(const std::string& tenant) { return tenant.empty() ? "(none)" : tenant; }

std::string asked(const shadow_promotion& p) {
  return std::to_string(p.samples) + " of " + std::to_string(p.wanted.min_samples) + " samples, " + times(p.days) + " of " + std::to_string(p.wanted.min_days) + " days, matched " +
         std::to_string(p.hits) + ": at most " + percent(p.upper95) + " wrong if all were, wanted " + percent(p.wanted.fpr_upper95);
}

std::string choice_of(const shadow_report& r) {
  if (r.others.empty()) return {};
  std::string out = r.was_named ? "it was named; also in shadow meanwhile:" : "it is the one that was in shadow last; also in shadow meanwhile:";
  for (const auto& each : r.others) {
    out += (&each == &r.others.front() ? " " : ", ") + each.version.substr(0, 12) + " (" + std::to_string(each.judged) + (each.judged == 1 ? " exchange" : " exchanges") + (each.last ? ", the last at " + rfc3339(*each.last) : "") + ")";
  }
  return out + "; --candidate VERSION names another";
}

std::string beside_of(const shadow_report& r) {
  if (r.by_canary == 0) return {};
  std::string out = std::to_string(r.by_canary) + (r.by_canary == 1 ? " exchange was" : " exchanges were") + " decided by a canary beside it, version ";
  for (const auto& each : r.canaries) out += (&each == &r.canaries.front() ? "" : ", ") + each.substr(0, 12);
  return out + ", and not judged: what is in shadow is held against what is live";
}

std::string cost_of(const shadow_report& r) {
  return "p50 " + std::to_string(r.us_p50) + " µs, p99 " + std::to_string(r.us_p99) + " µs" +
         (r.times_live > 0 ? ", " + times(r.times_live) + " times the live version's (" + std::to_string(r.compared) + " compared)" : "");
}

std::string to_json(const shadow_report& r) {
  auto others = ordered_json::array();
  for (const auto& each : r.others) others.push_back({{"version", each.version}, {"judged", each.judged}, {"last", each.last ? ordered_json(rfc3339(*each.last)) : nullptr}});
  ordered_json out = {{"candidate", r.candidate}, {"chosen", r.was_named ? "named" : "newest"}, {"others", others}, {"live", r.live}, {"from", r.from ? ordered_json(rfc3339(*r.from)) : nullptr}, {"to", r.to ? ordered_json(rfc3339(*r.to)) : nullptr},
                      {"nodes", r.nodes}, {"judged", r.judged}, {"exact", r.total.n}, {"inexact", r.inexact}, {"shed", r.not_judged}, {"canary", {{"decided", r.by_canary}, {"versions", r.canaries}}}, {"why_inexact", r.why_inexact}, {"total", json_of(r.total)}};
  out["directions"] = out["tenants"] = ordered_json::object();
  for (const auto& [name, c] : r.by_direction) out["directions"][name] = json_of(c);
  for (const auto& [name, c] : r.by_tenant) out["tenants"][name] = json_of(c);
  out["rules"] = ordered_json::array();
  for (const auto& rule : r.rules) {
    ordered_json row = {{"rule", rule.rule}, {"policy", rule.policy}, {"direction", rule.direction}, {"matched", rule.matched}};
    row.update(json_of(rule.counts));
    row["examples"] = ordered_json::array();
    for (const auto& e : rule.examples) row["examples"].push_back({{"decision", e.decision}, {"where", e.where}, {"masked", e.masked}, {"tenant", e.tenant}});
    out["rules"].push_back(std::move(row));
  }
  out["cost"] = {{"p50_us", r.us_p50}, {"p99_us", r.us_p99}, {"compared", r.compared}, {"times_live", r.times_live}};
  out["promote_when"] = ordered_json::array();
  for (const auto& p : r.promotions) {
    out["promote_when"].push_back({{"rule", p.rule}, {"policy", p.policy}, {"verdict", to_string(p.shown)}, {"samples", p.samples}, {"min_samples", p.wanted.min_samples}, {"days", p.days},
                                   {"min_days", p.wanted.min_days}, {"hits", p.hits}, {"upper95", p.upper95}, {"fpr_upper95", p.wanted.fpr_upper95}});
  }
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

namespace {

// A figure says what it is of where a telephone shows each row as lines.
std::string cell_of(std::string_view what) { return "<td class=\"n\" data-of=\"" + std::string(what) + "\">"; }

std::string counts_cells(const shadow_counts& c) {
  std::string out;
  for (const auto& [of, hits] : {std::pair("newly blocked", c.newly_blocked), {"newly passed", c.newly_passed}, {"other text", c.other_text}}) {
    const auto r = rate_of(hits, c.n);
    out += cell_of(of) + "<div>" + std::to_string(hits) + "<div class=\"cases\"><span>" + percent(r.rate) + ";</span> <span>" + percent(r.lower) + " to " + percent(r.upper) + "</span></div></div></td>";
  }
  return out;
}

std::string table_of(const std::string& title, const std::vector<std::pair<std::string, shadow_counts>>& rows) {
  std::string out = "<h2>" + title + "</h2><div class=\"scroll\"><table class=\"counts\"><tr><th></th><th class=\"n\">exchanges</th><th class=\"n\">newly blocked</th><th class=\"n\">newly passed</th><th class=\"n\">other text</th></tr>\n";
  for (const auto& [name, c] : rows) out += "<tr><td>" + escaped(name) + "</td>" + cell_of("exchanges") + std::to_string(c.n) + "</td>" + counts_cells(c) + "</tr>\n";
  return out + "</table></div>\n";
}

std::string rules_table(const shadow_report& r) {
  if (r.rules.empty()) return {};
  std::string out = "<h2>Rules</h2><div class=\"scroll\"><table class=\"counts\"><tr><th>rule</th><th>direction</th><th class=\"n\">matched</th><th class=\"n\">newly blocked</th><th class=\"n\">newly passed</th><th class=\"n\">other text</th></tr>\n";
  std::string examples;  // below: a column of them would leave the figures no room
  for (const auto& rule : r.rules) {
    std::string list;
    for (const auto& e : rule.examples) list += "<li><code>" + escaped(e.masked) + "</code> in " + escaped(e.where) + (e.tenant.empty() ? "" : ", tenant " + escaped(e.tenant)) + " <code>" + escaped(e.decision) + "</code></li>";
    out += "<tr><td><code>" + escaped(rule.rule) + "</code></td><td>" + rule.direction + "</td>" + cell_of("matched") + std::to_string(rule.matched) + "</td>" + counts_cells(rule.counts) + "</tr>\n";
    if (!list.empty()) examples += "<p class=\"of\"><code>" + escaped(rule.rule) + "</code>, " + rule.direction + "</p><ul>" + list + "</ul>\n";
  }
  return out + "</table></div>\n" + (examples.empty() ? "" : "<h2>Their examples, masked</h2>\n" + examples);
}

std::string rule_chart(const shadow_report& r) {
  std::vector<bar> bars;
  for (const auto& rule : r.rules) {
    if (rule.counts.newly_blocked == 0 || bars.size() == rows_max) continue;
    const auto rate = rate_of(rule.counts.newly_blocked, rule.counts.n);
    bars.push_back({.name = rule.rule + " (" + rule.direction + ")", .label = std::to_string(rule.counts.newly_blocked) + " of " + std::to_string(rule.counts.n) + ", " + percent(rate.rate) + ", at most " + percent(rate.upper),
                    .title = rule.rule + ": " + with_bounds(rule.counts.newly_blocked, rule.counts.n), .value = rate.rate, .bound = rate.upper});
  }
  return bars.empty() ? std::string() : "<h2>Newly blocked, by rule</h2>" + chart(bars, "Share of exchanges that the rule would newly block, and its 95 % upper bound.");
}

}  // namespace

std::string to_html(const shadow_report& r) {
  std::string out = html_head("In shadow: " + r.candidate.substr(0, 12)) + "<h1>Version " + r.candidate.substr(0, 12) + " in shadow</h1>\n<dl>";
  const auto fact = [&](const char* name, const std::string& value) { out += std::string("<dt>") + name + "</dt><dd>" + escaped(value) + "</dd>"; };
  const auto digest = [&out](const char* name, const std::string& value) { out += std::string("<dt>") + name + "</dt><dd><code>" + escaped(value) + "</code></dd>"; };
  digest("version", r.candidate);
  for (const auto& live : r.live) digest("live", live);
  if (!r.others.empty()) fact("why this one", choice_of(r));
  fact("time", span_of(r));
  fact("nodes", std::to_string(r.nodes));
  fact("judged", std::to_string(r.judged) + " exchanges, " + std::to_string(r.not_judged) + " shed");
  if (r.by_canary > 0) fact("canary", beside_of(r));
  fact("inexact", std::to_string(r.inexact) + ", in no rate");
  fact("cost", cost_of(r));
  out += "</dl>\n<p>What would have changed had it been live, with 95 % intervals. Text is shown masked.</p>\n";
  out += table_of("All", {{"all exchanges", r.total}}) + table_of("By direction", {r.by_direction.begin(), r.by_direction.end()});
  std::vector<std::pair<std::string, shadow_counts>> tenants;
  for (const auto& [name, c] : r.by_tenant) tenants.emplace_back(named(name), c);
  out += table_of("By tenant", tenants) + rule_chart(r) + rules_table(r);
  if (!r.promotions.empty()) {
    out += "<h2>promote_when</h2><div class=\"scroll\"><table class=\"checks\"><tr><th>rule</th><th>verdict</th><th>what was seen</th></tr>\n";
    for (const auto& p : r.promotions) {
      const std::string word(to_string(p.shown));
      out += "<tr><td><code>" + escaped(p.rule) + "</code></td><td class=\"" + (p.shown == shadow_promotion::verdict::met ? "pass" : "INSUFFICIENT") + "\">" + word + "</td><td>" + escaped(asked(p)) + "</td></tr>\n";
    }
    out += "</table></div>\n";
  }
  return out + std::string(html_end);
}

}  // namespace sluice::rollout
