// See shadow_report.hpp. The three forms of the report are in shadow_report_text.cpp.
#include "sluice/rollout/shadow_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "sluice/base/foreign_json.hpp"
#include "sluice/rollout/promotion.hpp"
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

// Whose the history is: a conversation's, or, where none is known, a user's; records have both by keyed hashes. Of nobody that is known what stands in
// the same place is the same.
std::string whose(const json& record) {
  const auto& context = member(record, "context");
  const auto conversation = word(context, "conversation");
  return word(context, "tenant") + '\n' + (conversation.empty() ? word(context, "user") : conversation) + '\n';
}

// Which findings are counted: those that stand in the last turn or in an answer, and those that were never counted with their conversation. (The first
// request that is seen of one may have a long history.) `counted`: by span, whether a history was counted with it and not yet the turn itself: records
// of two turns stand in any order.
std::vector<bool> new_ones(const json& side, const std::string& whose, std::unordered_map<std::string, bool>& counted) {
  const auto& findings = items(side, "findings");
  std::vector<bool> out(findings.size());
  std::unordered_set<std::string> sent_again;  // with this very request: what its last turn says as well it says once more
  for (const bool last_turn : {false, true}) {
    for (std::size_t i = 0; i < findings.size(); ++i) {
      const auto& f = findings[i];
      if ((!f.contains("last_turn") || truth(f, "last_turn")) != last_turn) continue;
      auto span = whose + word(f, "rule") + '\n' + word(f, "hmac");
      if (whose.ends_with("\n\n")) span += '\n' + word(f, "channel") + member(f, "span").dump();
      if (!last_turn) sent_again.insert(span);
      const auto [at, fresh] = counted.try_emplace(span, !last_turn);
      out[i] = fresh || (last_turn && (sent_again.contains(span) || !std::exchange(at->second, false)));
    }
  }
  return out;
}

// Whether the finding can be why a side has this verdict: by its action, or by what it adds to a sum.
bool makes(const json& finding, policy::verdict what) {
  const auto row = std::ranges::find(policy::actions, word(finding, "action"), &policy::action_traits::name);
  const bool does = row != policy::actions.end() && row->verdict == what;
  return word(finding, "enforcement") == "enforce" && (does || (what == policy::verdict::block && natural(finding, "score") > 0));
}

// All that makes this verdict was counted with its conversation before.
bool is_resent(const json& side, const std::vector<bool>& fresh, policy::verdict what) {
  bool any = false;
  for (std::size_t i = 0; const auto& f : items(side, "findings")) {
    if (fresh[i++] && makes(f, what)) return false;
    any = any || makes(f, what);
  }
  return any;
}

// A side of an exchange, without what was counted before. (Where a block of the live version would be newly passed it is an answer's: of a request that was
// blocked nothing is exact.)
struct counted_side {
  const char* direction;
  const json& side;
  std::vector<bool> fresh;  // of its findings
  change what = change::none;
  bool resent = false;      // there was a change, and it was counted before
};

std::vector<counted_side> counted_sides(const json& record, const std::string& whose, std::unordered_map<std::string, bool>& counted) {
  std::vector<counted_side> out;
  for (const auto* direction : directions) {
    const auto& side = member(record, direction);
    if (side.empty()) continue;
    auto& now = out.emplace_back(direction, side, new_ones(side, whose, counted), change_of(side, truth(record, "text_differs")), false);
    now.resent = (now.what == change::newly_blocked && is_resent(side, now.fresh, policy::verdict::block)) || (now.what == change::other_text && is_resent(side, now.fresh, policy::verdict::edit));
    if (now.resent) now.what = change::none;
  }
  return out;
}

policy::context context_of(const json& record) {
  const auto& context = member(record, "context");
  policy::context out;
  for (const auto& axis : policy::scope_axes) out.*axis.value = word(context, std::string(axis.name).c_str());
  for (const auto& tag : items(record, "tags")) {
    if (tag.is_string()) out.tags.push_back(tag.get<std::string>());
  }
  if (const auto time = parse_time(word(record, "time"))) out.minute = minute_of(*time);
  return out;
}

std::string key_of(const policy::context& who) {
  auto out = std::to_string(who.minute);
  for (const auto& axis : policy::scope_axes) out += '\n' + who.*axis.value;
  for (const auto& tag : who.tags) out += '\n' + tag;
  return out;
}

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
  const auto time = parse_time(word(j, "time"));
  auto& one = all_[version];
  ++one.judged;
  if (time && (!one.last || *time > *one.last)) one.last = *time;
  if (!version.starts_with(wanted_)) return;
  newest_ = version;
  auto& of = candidates_[version];
  auto& report = of.report;
  const auto id = word(j, "id"), tenant = word(member(j, "context"), "tenant");
  if (!of.ids.insert(id).second) return;
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
  const auto sides = counted_sides(j, whose(j), of.spans);
  const auto whole = change_of(j, differs);
  auto exchange = whole == change::none && differs && word(j, "shadow_verdict") != "block" && word(j, "verdict") != "block" ? change::other_text : whole;
  const bool changed = std::ranges::any_of(sides, [](const counted_side& each) { return each.what != change::none; });
  if (!changed && std::ranges::any_of(sides, &counted_side::resent)) exchange = change::none;
  add(report.total, exchange);
  add(report.by_tenant[tenant], exchange);
  auto& context = of.contexts[key_of(context_of(j))];
  context.who = context_of(j);
  std::set<std::string> hit;
  for (const auto& [direction, side, fresh, what, again] : sides) {
    add(report.by_direction[direction], what);
    ++(std::string_view(direction) == "request" ? context.requests : context.responses);
    if (what == change::newly_passed) of.passed.emplace(id, open_decision{.tenant = tenant, .direction = direction});
    std::set<std::string> matched;  // a rule counts once an exchange
    for (std::size_t i = 0; const auto& f : items(side, "findings")) {
      if (!fresh[i++]) continue;
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
  if ((event != "decision" && event != "closed") || !member(j, "request").is_object() || !j["request"].is_object()) return;
  const auto arm = word(j, "arm");
  if (arm == "canary" && of.activations.contains(word(j, "activation"))) {
    ++report.by_canary;
    of.canaries.insert(word(j, "version"));
  }
  if (arm != "stable") return;
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
    if (std::ranges::none_of(owner.rules, [](const policy::rule& rule) { return rule.promote_when.has_value(); })) continue;
    std::uint64_t requests = 0, responses = 0;  // for whom it is bound
    for (const auto& [key, each] : from.contexts) {
      if (!in_force(owner, each.who)) continue;
      requests += each.requests;
      responses += each.responses;
    }
    for (const auto& rule : owner.rules) {
      if (!rule.promote_when) continue;
      shadow_promotion out{.rule = rule.id, .policy = owner.name, .wanted = *rule.promote_when, .samples = rule.direction == policy::direction::response ? responses : requests, .days = days};
      if (const auto hits = from.hits.find(rule.id); hits != from.hits.end()) out.hits = std::min(hits->second, out.samples);
      out.upper95 = rate_upper(out.hits, out.samples);
      const bool enough = out.samples >= out.wanted.min_samples && days >= out.wanted.min_days;
      if (enough) out.shown = out.upper95 <= out.wanted.fpr_upper95 ? shadow_promotion::verdict::met : shadow_promotion::verdict::needs_labels;
      report.promotions.push_back(std::move(out));
    }
  }
}

namespace {

std::string named_in(const std::map<std::string, other_candidate>& all) {
  std::string out;
  for (const auto& [version, each] : all) out += (out.empty() ? "" : ", ") + version.substr(0, 12);
  return out;
}

}  // namespace

result<shadow_report> shadow_reading::finish(const policy::bundle_ast* bundle) {
  const auto at = candidates_.find(newest_);
  if (at == candidates_.end()) {
    return fail(errc::not_found, wanted_.empty() ? "no version was judged in shadow in these logs" : "no version in shadow in these logs begins with '" + wanted_ + "'" + (all_.empty() ? "" : "; there are " + named_in(all_)));
  }
  auto& of = at->second;
  auto& report = of.report;
  report.candidate = newest_;
  report.was_named = !wanted_.empty();
  for (auto& [version, each] : all_) {
    const auto read = candidates_.find(version);  // there a record that was read twice is one
    if (version != newest_) report.others.push_back({.version = version, .judged = read != candidates_.end() ? read->second.report.judged : each.judged, .last = each.last});
  }
  std::ranges::sort(report.others, std::ranges::greater(), &other_candidate::last);
  report.live.assign(of.live.begin(), of.live.end());
  std::ranges::sort(report.live);
  report.canaries.assign(of.canaries.begin(), of.canaries.end());
  std::ranges::sort(report.canaries);
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
