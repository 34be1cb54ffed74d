// What feedback says of rules, which reported texts are alike, and what two people's labels propose. See feedback.hpp.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <unordered_map>

#include "sluice/base/strings.hpp"
#include "sluice/rollout/feedback.hpp"
#include "sluice/rollout/golden_import.hpp"
#include "sluice/rollout/statistics.hpp"

namespace sluice::rollout {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t clustered_max = 500;  // texts are compared with each other
constexpr std::size_t case_id_digits = 12;

// The last digits: the first ones are a time, which decisions share.
std::string short_id(const std::string& decision) { return decision.substr(decision.size() - std::min(case_id_digits, decision.size())); }

class decisions_by_id {
 public:
  explicit decisions_by_id(std::span<const logged_decision> logged) {
    for (const auto& each : logged) by_id_.emplace(each.id, &each);
  }
  [[nodiscard]] const logged_decision* find(const std::string& id) const {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : at->second;
  }

 private:
  std::unordered_map<std::string_view, const logged_decision*> by_id_;
};

// What the case is about: the side on which a rule acted, or, of something missed, the answer where there is one.
std::string side_of(const reviewed_decision& of, const logged_decision& logged) {
  if (of.settled == judgement::false_negative) return logged.response.empty() ? "request" : "response";
  const bool in_request = std::ranges::any_of(logged.rules, [](const auto& r) { return r.enforced && r.direction == "request"; });
  return in_request ? "request" : "response";
}

std::string people(const reviewed_decision& of) {
  std::string out;
  for (const auto& each : of.labels) out += (out.empty() ? "" : " and ") + each.by;
  return out;
}

// Whose decision it was: its record says so, and whoever reports or labels it may say anything.
const std::string& tenant_of(const reviewed_decision& of, const logged_decision& logged) { return logged.tenant.empty() ? of.tenant : logged.tenant; }

std::string exception_yaml(const reviewed_decision& of, const std::string& tenant, const std::string& id, const acted_rule& rule, const proposal_options& how) {
  const auto until = rfc3339(how.today + std::chrono::days(how.days)).substr(0, 10);
  const auto scope = tenant.empty() ? std::string() : ", when: {tenant: [" + json_quoted(tenant) + "]}";
  return "{id: " + id + scope + ", match: {keywords: [" + json_quoted(rule.value) + "]}, reason: " +
         json_quoted("reported as a false positive, and " + people(of) + " agree") + ", owner: " + json_quoted(of.labels.front().by) + ", ticket: " +
         json_quoted("decision " + of.decision) + ", expires: " + until + "}";
}

std::string golden_case_line(const reviewed_decision& of, const logged_decision& logged, const std::string& side, const std::string& text) {
  const bool wrongly_acted = of.settled == judgement::false_positive;
  json made = {{"id", "feedback-" + short_id(of.decision)}, {"set", wrongly_acted ? "must_pass" : "must_block"}, {"slice", {"feedback"}}};
  if (const auto& tenant = tenant_of(of, logged); !tenant.empty()) made["context"] = {{"tenant", tenant}};
  made[side] = text;
  if (wrongly_acted) {
    auto rules = json::array();
    for (const auto& each : logged.rules) {
      if (each.enforced && each.direction == side && std::ranges::find(rules, json(each.rule)) == rules.end()) rules.push_back(each.rule);
    }
    made["expect"] = {{"action_at_most", "flag"}, {"rules_none", rules}};
  } else {
    made["expect"] = {{"action_at_least", "block"}};
  }
  made["label"] = {{"by", json::array()}, {"source", "decision " + of.decision}};
  for (const auto& each : of.labels) made["label"]["by"].push_back(each.by);
  return made.dump(-1, ' ', false, json::error_handler_t::replace);
}

using rule_name = std::pair<std::string, std::string>;  // and its policy's

// A decision on which a rule acted, with those that have the same from their history.
struct hit {
  bool reported = false, right = false, wrong = false;
};

// Which hit of each rule a decision is: a new one where something stands in its last turn or its answer, or stands nowhere before.
class first_hits {
 public:
  std::map<rule_name, std::size_t> of(const logged_decision& decision) {
    std::map<rule_name, std::size_t> out;
    std::map<rule_name, std::vector<std::string>> spans;
    std::set<rule_name> fresh;
    for (const auto& each : decision.rules) {
      const rule_name name{each.rule, each.policy};
      auto span = decision.tenant + '\n' + decision.conversation + '\n' + each.span;
      if (each.last_turn || decision.conversation.empty() || !known_[name].contains(span)) fresh.insert(name);
      spans[name].push_back(std::move(span));
    }
    for (const auto& [name, all] : spans) {
      const auto which = fresh.contains(name) ? hits_[name]++ : known_[name].at(all.front());
      for (const auto& span : all) known_[name].insert_or_assign(span, which);
      out.emplace(name, which);
    }
    return out;
  }

 private:
  std::map<rule_name, std::unordered_map<std::string, std::size_t>> known_;  // which hit a span of a conversation was last
  std::map<rule_name, std::size_t> hits_;
};

}  // namespace

std::vector<rule_feedback> by_rule(std::span<const reviewed_decision> reviewed, std::span<const logged_decision> logged) {
  std::map<rule_name, std::vector<hit>> hits;
  std::map<rule_name, std::set<std::string>> reporters;
  std::map<std::string, const reviewed_decision*> said;
  for (const auto& each : reviewed) said.emplace(each.decision, &each);
  std::vector<const logged_decision*> by_time;
  for (const auto& each : logged) by_time.push_back(&each);
  std::ranges::sort(by_time, {}, [](const logged_decision* each) { return std::pair(each->time, std::string_view(each->id)); });
  first_hits known;
  for (const auto* decision : by_time) {
    const auto at = said.find(decision->id);
    for (const auto& [key, which] : known.of(*decision)) {
      auto& all = hits[key];
      all.resize(std::max(all.size(), which + 1));
      if (at == said.end()) continue;
      auto& of = all[which];
      of.reported = of.reported || at->second->false_positives > 0;
      of.wrong = of.wrong || at->second->settled == judgement::false_positive;
      of.right = of.right || at->second->settled == judgement::correct;
      for (const auto& r : at->second->reports) {
        if (r.verdict == judgement::false_positive) reporters[key].insert(r.by);
      }
    }
  }
  std::vector<rule_feedback> out;
  for (const auto& [key, all] : hits) {
    const auto count = [&](auto what) { return static_cast<std::size_t>(std::ranges::count_if(all, what)); };
    // Where one of its decisions was wrong and another right, nothing is settled.
    rule_feedback each{.rule = key.first, .policy = key.second, .hits = all.size(), .reported = count([](const hit& h) { return h.reported; }), .reporters = reporters[key].size(),
                       .right = count([](const hit& h) { return h.right && !h.wrong; }), .wrong = count([](const hit& h) { return h.wrong && !h.right; })};
    each.precision_low = rate_lower(each.right, each.right + each.wrong);
    each.precision_high = rate_upper(each.right, each.right + each.wrong);
    if (each.reported + each.right + each.wrong > 0) out.push_back(std::move(each));
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) { return std::tuple(b.reporters, b.reported, a.rule) < std::tuple(a.reporters, a.reported, b.rule); });
  return out;
}

std::vector<text_cluster> clusters(std::span<const reviewed_decision> reviewed, std::span<const logged_decision> logged, double alike_min) {
  const decisions_by_id known(logged);
  std::vector<text_cluster> out;
  likeness_index alike(alike_min);
  std::vector<std::size_t> cluster;  // of each text
  std::size_t n = 0;
  for (const auto& each : reviewed) {
    const auto* decision = known.find(each.decision);
    if (decision == nullptr || each.reports.empty() || ++n > clustered_max) continue;
    const auto& text = decision->request.empty() ? decision->response : decision->request;
    if (text.empty()) continue;
    const auto like = alike.add(text);
    const bool fresh = like == cluster.size();
    cluster.push_back(fresh ? out.size() : cluster[like]);
    if (fresh) out.emplace_back();
    out[cluster.back()].decisions.push_back(each.decision);
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) { return a.decisions.size() != b.decisions.size() ? a.decisions.size() > b.decisions.size() : a.decisions.front() < b.decisions.front(); });
  return out;
}

proposal propose(std::span<const reviewed_decision> reviewed, std::span<const logged_decision> logged, const proposal_options& how) {
  const decisions_by_id known(logged);
  proposal out;
  for (const auto& each : reviewed) {
    if (!each.settled || *each.settled == judgement::correct) continue;
    const auto* decision = known.find(each.decision);
    if (decision == nullptr) {
      out.left_out.push_back(each.decision + ": the logs do not have it");
      continue;
    }
    const auto side = side_of(each, *decision);
    const auto& text = side == "request" ? decision->request : decision->response;
    if (text.empty()) {
      out.left_out.push_back(each.decision + ": its text was not kept (audit.text: encrypted), or cannot be opened (--secret)");
      continue;
    }
    out.cases.push_back(golden_case_line(each, *decision, side, text));
    if (each.settled != judgement::false_positive) continue;
    std::set<std::string> done;
    for (const auto& rule : decision->rules) {
      if (!rule.enforced || rule.direction != side || rule.value.empty() || !done.insert(rule.rule).second) continue;
      const auto& tenant = tenant_of(each, *decision);
      if (tenant.empty() && !how.for_everybody) {
        out.left_out.push_back(each.decision + ": no tenant is known, so an exception of rule " + rule.rule + " would hold for everybody: none is proposed (--for-everybody does); its golden case is in the patch");
        continue;
      }
      const auto id = "feedback-" + short_id(each.decision) + "-" + rule.rule;
      out.exceptions.push_back({.rule = rule.rule, .policy = rule.policy, .value = rule.value, .yaml = exception_yaml(each, tenant, id, rule, how), .id = id});
    }
  }
  return out;
}

}  // namespace sluice::rollout
