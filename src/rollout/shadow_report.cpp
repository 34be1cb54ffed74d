// See shadow_report.hpp. The three forms of the report are in shadow_report_text.cpp.
#include "sluice/rollout/shadow_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "sluice/base/foreign_json.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

using nlohmann::json;

constexpr std::size_t examples_max = 5;  // of a rule

const json& items(const json& j, const char* name) {
  static const json none = json::array();
  const auto it = j.find(name);
  return it != j.end() && it->is_array() ? *it : none;
}

enum class change : std::uint8_t { none, newly_blocked, newly_passed, other_text };

// `text_differs` is of the whole exchange, so that a side counts it only where it is the one that edits.
change change_of(const json& side, bool text_differs) {
  const bool was = word(side, "verdict") == "block", would = word(side, "shadow_verdict") == "block";
  if (was != would) return would ? change::newly_blocked : change::newly_passed;
  const bool edits = word(side, "verdict") == "edit" || word(side, "shadow_verdict") == "edit";
  return !was && edits && text_differs ? change::other_text : change::none;
}

void add(shadow_counts& to, change what) {
  ++to.n;
  to.newly_blocked += what == change::newly_blocked ? 1 : 0;
  to.newly_passed += what == change::newly_passed ? 1 : 0;
  to.other_text += what == change::other_text ? 1 : 0;
}

constexpr const char* directions[] = {"request", "response"};

}  // namespace

std::string_view to_string(shadow_promotion::verdict v) {
  switch (v) {
    case shadow_promotion::verdict::met: return "MET";
    case shadow_promotion::verdict::insufficient: return "INSUFFICIENT";
    case shadow_promotion::verdict::needs_labels: return "NEEDS LABELS";
  }
  return "?";
}

void shadow_reading::judged(const std::string& line) {
  const auto j = parse_bounded<json>(line, record_bounds);
  if (!j.is_object() || word(j, "event") != "shadow" || word(j, "id").empty()) return;
  const auto version = word(j, "version");
  if (!version.starts_with(wanted_)) return;
  newest_ = version;
  auto& of = candidates_[version];
  auto& report = of.report;
  const auto id = word(j, "id"), tenant = word(member(j, "context"), "tenant");
  if (!of.ids.insert(id).second) return;
  const auto time = parse_time(word(j, "time"));
  if (time && (!report.from || *time < *report.from)) report.from = *time;
  if (time && (!report.to || *time > *report.to)) report.to = *time;
  of.nodes.insert(word(j, "node"));
  of.live.insert(word(j, "live"));
  of.activations.insert(word(j, "activation"));
  ++report.judged;
  of.us.push_back(natural(j, "shadow_us"));
  if (const auto live = natural(j, "live_us"); live > 0) {
    ++report.compared;
    of.compared_us += of.us.back();
    of.live_us += live;
  }
  if (!truth(j, "shadow_exact")) {
    ++report.inexact;
    ++report.why_inexact[word(j, "inexact")];
    return;
  }
  const bool differs = truth(j, "text_differs");
  const auto whole = change_of(j, differs);
  const auto exchange = whole == change::none && differs && word(j, "shadow_verdict") != "block" && word(j, "verdict") != "block" ? change::other_text : whole;
  add(report.total, exchange);
  add(report.by_tenant[tenant], exchange);
  std::set<std::string> hit;
  for (const auto* direction : directions) {
    const auto& side = member(j, direction);
    if (side.empty()) continue;
    const auto what = change_of(side, differs);
    add(report.by_direction[direction], what);
    if (what == change::newly_passed) of.passed.emplace(id, open_decision{.tenant = tenant, .direction = direction});
    std::set<std::string> matched;  // a rule counts once an exchange
    for (const auto& f : items(side, "findings")) {
      const auto rule = word(f, "rule");
      hit.insert(rule);
      auto& row = of.rules[{rule, word(f, "policy"), direction}];
      const bool acts = word(f, "enforcement") == "enforce" && (what == change::newly_blocked ? word(f, "action") == "block" : what == change::other_text);
      if (matched.insert(rule).second) {
        ++row.matched;
        if (acts) add(row.counts, what);
      }
      if (acts && row.examples.size() < examples_max && (row.examples.empty() || row.examples.back().decision != id)) {
        row.examples.push_back({id, rule, direction, tenant, word(f, "channel"), word(f, "masked")});
      }
    }
  }
  for (const auto& rule : hit) ++of.hits[rule];
}

void shadow_reading::decided(const std::string& line) {
  const auto at = candidates_.find(newest_);
  if (at == candidates_.end()) return;
  auto& of = at->second;
  auto& report = of.report;
  const auto j = parse_bounded<json>(line, record_bounds);
  const auto event = j.is_object() ? word(j, "event") : std::string();
  if (event == "shadowing" && word(j, "version") == newest_) of.activations.insert(word(j, "activation"));
  if ((event != "decision" && event != "closed") || word(j, "arm") != "stable" || !member(j, "request").is_object() || !j["request"].is_object()) return;
  const auto id = word(j, "id");
  const auto time = parse_time(word(j, "time"));
  if (!of.ids.contains(id)) {
    const bool meant = time && report.from && *time >= *report.from && *time <= *report.to && of.live.contains(word(j, "version")) && of.activations.contains(word(j, "activation"));
    report.not_judged += meant ? 1 : 0;
    return;
  }
  const auto passed = of.passed.find(id);
  if (passed == of.passed.end()) return;
  std::set<std::string> seen;
  for (const auto& f : items(member(j, passed->second.direction.c_str()), "findings")) {
    const auto rule = word(f, "rule");
    if (word(f, "enforcement") != "enforce" || word(f, "action") != "block" || !seen.insert(rule).second) continue;
    auto& row = of.rules[{rule, word(f, "policy"), passed->second.direction}];
    add(row.counts, change::newly_passed);
    if (row.examples.size() < examples_max) row.examples.push_back({id, rule, passed->second.direction, passed->second.tenant, word(f, "channel"), word(f, "masked")});
  }
}

void shadow_reading::promote(const policy::bundle_ast& bundle, per_candidate& from) {
  auto& report = from.report;
  const double days = report.from ? std::chrono::duration<double>(*report.to - *report.from).count() / 86'400 : 0;
  for (const auto& owner : bundle.policies) {
    for (const auto& rule : owner.rules) {
      if (!rule.promote_when) continue;
      shadow_promotion out{.rule = rule.id, .policy = owner.name, .wanted = *rule.promote_when, .samples = report.total.n, .days = days};
      if (const auto hits = from.hits.find(rule.id); hits != from.hits.end()) out.hits = hits->second;
      out.upper95 = rate_upper(out.hits, out.samples);
      const bool enough = out.samples >= out.wanted.min_samples && days >= out.wanted.min_days;
      if (enough) out.shown = out.upper95 <= out.wanted.fpr_upper95 ? shadow_promotion::verdict::met : shadow_promotion::verdict::needs_labels;
      report.promotions.push_back(std::move(out));
    }
  }
}

result<shadow_report> shadow_reading::finish(const policy::bundle_ast* bundle) {
  const auto at = candidates_.find(newest_);
  if (at == candidates_.end()) {
    return fail(errc::not_found, wanted_.empty() ? "no version was judged in shadow in these logs" : "no version in shadow in these logs begins with '" + wanted_ + "'");
  }
  auto& of = at->second;
  auto& report = of.report;
  report.candidate = newest_;
  report.live.assign(of.live.begin(), of.live.end());
  std::ranges::sort(report.live);
  report.nodes = of.nodes.size();
  for (auto& [key, row] : of.rules) {
    row.rule = key.rule;
    row.policy = key.policy;
    row.direction = key.direction;
    const auto side = report.by_direction.find(key.direction);
    row.counts.n = side == report.by_direction.end() ? 0 : side->second.n;
    report.rules.push_back(std::move(row));
  }
  std::ranges::sort(report.rules, [](const shadow_rule& a, const shadow_rule& b) {
    if (a.counts.changed() != b.counts.changed()) return a.counts.changed() > b.counts.changed();
    return a.matched != b.matched ? a.matched > b.matched : std::tie(a.rule, a.direction) < std::tie(b.rule, b.direction);
  });
  if (!of.us.empty()) {
    std::ranges::sort(of.us);
    report.us_p50 = of.us[(of.us.size() - 1) / 2];
    report.us_p99 = of.us[(of.us.size() - 1) * 99 / 100];
  }
  if (of.live_us > 0) report.times_live = static_cast<double>(of.compared_us) / static_cast<double>(of.live_us);
  if (bundle != nullptr) promote(*bundle, of);
  return std::move(report);
}

}  // namespace sluice::rollout
