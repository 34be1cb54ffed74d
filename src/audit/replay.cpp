// See replay.hpp.
#include "sluice/audit/replay.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/explain.hpp"
#include "sluice/policy/kept_stream.hpp"

namespace sluice::audit {
namespace {

using nlohmann::json;

// Where a finding stands, in words. Without the channel where the kept text does not say which is whose.
std::string place_words(const std::string& channel, std::uint64_t begin, std::uint64_t end) {
  return (channel.empty() ? "" : channel + " ") + std::to_string(begin) + ".." + std::to_string(end);
}

// A finding in words, as the record and as the rules tell it: what can be compared.
std::string finding_words(std::string_view rule, std::string_view policy, std::string_view action, bool enforced, const std::string& places, std::string_view hash) {
  return "rule " + std::string(rule) + " of policy " + std::string(policy) + ", " + std::string(action) + (enforced ? "" : " (shadow)") + ", " + places +
         (hash.empty() ? "" : ", value " + std::string(hash));
}

std::string suppressed_words(const std::string& rule, const std::string& exception, std::uint64_t count, const std::string& place, const std::string& hash) {
  return rule + " by exception " + exception + ", " + std::to_string(count) + " times, first at " + place + (hash.empty() ? "" : ", value " + hash);
}

std::string score_words(std::string_view policy, std::uint64_t score, std::uint64_t with_shadow, std::uint64_t threshold, std::string_view action, bool crossed) {
  return "policy " + std::string(policy) + ": " + std::to_string(score) + " (with shadow " + std::to_string(with_shadow) + ") of " + std::to_string(threshold) + ", " + std::string(action) +
         (crossed ? ", crossed" : ", not crossed");
}

struct side {
  std::vector<std::string> findings, suppressed, sums, tags;  // sums: of policies with a threshold
  std::string verdict, shadow_verdict;
  std::map<std::string, double> scores;                       // of classifiers

  void sort() {
    for (auto* list : {&findings, &suppressed, &sums, &tags}) std::ranges::sort(*list);
  }
};

std::optional<wall_time> begin_of(const json& record) {
  const auto time = parse_time(word(record, "time"));
  if (!time) return std::nullopt;
  return began(word(record, "event"), *time, record.value("latency_us", std::int64_t{0}));
}

// The context of a decision: what its record shows, and what was kept with its text.
policy::context context_of(const json& record, const kept_exchange* text) {
  const auto context = record.value("context", json::object());
  policy::context who{.tenant = word(context, "tenant"), .region = word(context, "region"), .tier = word(context, "tier"), .user = {}, .conversation = {},
                      .route = word(context, "route"), .model = word(context, "model")};
  for (const auto& tag : record.value("tags", json::array())) who.tags.push_back(tag.get<std::string>());
  if (const auto when = begin_of(record)) who.minute = minute_of(*when);
  if (text == nullptr) return who;
  who.user = text->user;
  who.conversation = text->conversation;
  who.tags = text->tags;
  who.minute = text->minute;
  return who;
}

// What was kept, judged once more.
struct kept_judge {
  const std::shared_ptr<const policy::snapshot>& with;
  const kept_exchange& text;
  const policy::context& who;
  bool streamed = false, global_shadow = false;

  policy::outcome judge(bool request, const policy::ruleset& rules, const std::map<std::string, double>* given, policy::scratch& scratch) const {
    policy::evaluate_options options{.direction = request ? policy::direction::request : policy::direction::response, .global_shadow = global_shadow, .given = given,
                                     .who = &who, .hash_key = {}, .caller = text.caller, .tokens = nullptr, .takes_system_words = text.takes_system_words};
    if (!request && streamed) return judge_stream(rules, options, scratch);
    std::vector<std::uint8_t> structured;
    for (const auto& c : text.choices) {
      if (c.choice >= 0 && c.structured) structured.resize(std::max(structured.size(), static_cast<std::size_t>(c.choice) + 1));
      if (c.choice >= 0 && c.structured) structured[static_cast<std::size_t>(c.choice)] = 1;
    }
    options.structured = structured;
    std::vector<policy::text_part> parts;
    for (const auto& p : request ? text.request : text.response) parts.push_back({p.role, p.kind, p.last_turn, p.editable, p.text, p.choice});
    auto asker = who;  // with the tags that the record ends with, so that no further ones come
    return policy::evaluate_either(*with, asker, parts, options, scratch).what;
  }

  policy::outcome judge_stream(const policy::ruleset& rules, const policy::evaluate_options& options, policy::scratch& scratch) const {
    std::vector<policy::text_part> texts;
    for (const auto& p : text.response) texts.push_back({p.role, p.kind, p.last_turn, p.editable, p.text, p.choice, p.ended, p.in_series});
    std::vector<policy::ended_choice> choices;
    for (const auto& c : text.choices) choices.push_back({c.choice, c.structured});
    return policy::evaluate_kept_stream(with, rules, {.texts = texts, .choices = choices, .ended = text.answer_ended}, options, scratch);
  }
};

class replaying {
 public:
  replaying(const replay_input& in, json record) : in_(in), record_(std::move(record)) {
    who_ = context_of(record_, in.text ? &*in.text : nullptr);
    global_shadow_ = word(record_, "mode") == "shadow";
  }

  replay_report run() {
    out_.full = in_.text.has_value();
    const auto& rules = in_.snapshot->rules_for(who_);
    compare_rules(word(record_, "effective"), rules);
    for (const char* name : {"request", "response"}) {
      const auto at = record_.find(name);
      if (at == record_.end() || !at->is_object()) {
        out_.checked.push_back(std::string(name) + ": was not judged, there is nothing to run again");
        continue;
      }
      in_.text ? in_full(name, *at, rules) : by_rule(name, *at);
    }
    return std::move(out_);
  }

 private:
  void compare(const std::string& what, const std::string& recorded, const std::string& now) {
    if (recorded == now) return out_.checked.push_back(what + ": " + (recorded.empty() ? "none" : recorded));
    out_.differences.push_back(what + ": the record says " + (recorded.empty() ? "none" : recorded) + ", the replay " + (now.empty() ? "none" : now));
  }

  void compare_rules(const std::string& recorded, const policy::ruleset& rules) {
    const std::string what = "the rules in force for this context";
    if (recorded != policy::effective_hash(rules) && recorded == policy::effective_hash_before(rules)) {
      return out_.checked.push_back(what + ": " + recorded + ", hashed without the files of macros and models as it was when the record was written");
    }
    compare(what, recorded, policy::effective_hash(rules));
  }

  // Which part of the kept text is where; of text that an older release kept nobody knows.
  [[nodiscard]] std::string channel_of(bool request, std::uint32_t part) const {
    const auto& parts = request ? in_.text->request : in_.text->response;
    return part < parts.size() ? parts[part].channel : std::string();
  }
  [[nodiscard]] bool knows_channels(bool request) const {
    return std::ranges::none_of(request ? in_.text->request : in_.text->response, [](const kept_part& p) { return p.channel.empty(); });
  }

  side recorded_side(const json& section, bool channels) const {
    side out;
    const auto place = [&](const json& of) {
      const auto span = of.value("span", json::array({0, 0}));
      return place_words(channels ? word(of, "channel") : std::string(), span.at(0), span.at(1));
    };
    const auto hash = [&](const json& of) { return in_.value_key.empty() ? std::string() : word(of, "hmac"); };
    for (const auto& f : section.value("findings", json::array())) {
      auto places = place(f);
      for (const auto& rest : f.value("more", json::array())) places += " and " + place(rest);
      out.findings.push_back(finding_words(word(f, "rule"), word(f, "policy"), word(f, "action"), word(f, "enforcement") == "enforce", places, hash(f)));
    }
    for (const auto& s : section.value("suppressed", json::array())) {
      out.suppressed.push_back(suppressed_words(word(s, "rule"), word(s, "by"), s.value("count", std::uint64_t{1}), place(s), hash(s)));
    }
    for (const auto& s : section.value("score", json::array())) {
      out.sums.push_back(score_words(word(s, "policy"), s.at("score"), s.at("shadow_score"), s.at("threshold"), word(s, "action"), s.at("crossed")));
    }
    out.tags = section.value("tags", out.tags);
    out.verdict = word(section, "verdict");
    out.shadow_verdict = word(section, "shadow_verdict");
    for (const auto& [name, score] : section.value("nd", json::object()).items()) out.scores[name] = score.get<double>();
    out.sort();
    return out;
  }

  side side_of(const policy::outcome& from, bool request, bool channels) const {
    side out;
    const auto& rules = in_.snapshot->rules();
    const auto place = [&](std::uint32_t part, std::uint32_t begin, std::uint32_t end) { return place_words(channels ? channel_of(request, part) : std::string(), begin, end); };
    const auto hash = [&](const std::string& value) { return in_.value_key.empty() ? std::string() : keyed_hash(in_.value_key, value); };
    for (const auto& f : from.findings) {
      auto places = place(f.part, f.begin, f.end);
      for (const auto& rest : f.more) places += " and " + place(rest.part, rest.begin, rest.end);
      out.findings.push_back(finding_words(rules[f.rule].id, rules[f.rule].policy, policy::to_string(f.action), f.enforced, places, hash(f.value)));
    }
    for (const auto& s : from.suppressed) out.suppressed.push_back(suppressed_words(rules[s.rule].id, s.exception_id, s.count, place(s.part, s.begin, s.end), hash(s.value)));
    for (const auto& s : from.scores) out.sums.push_back(score_words(s.policy, s.enforced, s.all, s.threshold, policy::to_string(s.action), s.crossed));
    out.tags = from.tags;
    out.verdict = policy::to_string(from.verdict);
    out.shadow_verdict = policy::to_string(from.shadow_verdict);
    for (const auto& [name, score] : from.classifier_scores) out.scores[std::string(name)] = static_cast<double>(score);
    out.sort();
    return out;
  }

  policy::outcome judge(bool request, const policy::ruleset& rules, const std::map<std::string, double>* given) {
    return kept_judge{.with = in_.snapshot, .text = *in_.text, .who = who_, .streamed = record_.value("streamed", false), .global_shadow = global_shadow_}.judge(request, rules, given, scratch_);
  }

  void in_full(const std::string& name, const json& section, const policy::ruleset& rules) {
    const bool request = name == "request", channels = knows_channels(request);
    const auto recorded = recorded_side(section, channels);
    auto now = side_of(judge(request, rules, nullptr), request, channels);
    const bool same_scores = now.scores.size() == recorded.scores.size() && std::ranges::all_of(now.scores, [&](const auto& each) {
      const auto was = recorded.scores.find(each.first);
      return was != recorded.scores.end() && std::abs(was->second - each.second) < 1e-6;
    });
    if (!same_scores) {
      // The classifiers say something else today: the decision is run again with what they said then.
      now = side_of(judge(request, rules, &recorded.scores), request, channels);
      out_.checked.push_back(name + ": the classifiers' scores differ from the record's; judged with those of the record");
    }
    compare_lists(name + ": finding", recorded.findings, now.findings);
    compare_lists(name + ": rule set aside,", recorded.suppressed, now.suppressed);
    compare_lists(name + ": score of", recorded.sums, now.sums);
    compare_lists(name + ": tag", recorded.tags, now.tags);
    const bool by_gateway = recorded.verdict == "block" && now.verdict != "block" && !word(record_, "reason").empty();
    if (by_gateway) {
      out_.checked.push_back(name + ": block was the gateway's own, without a rule: " + word(record_, "reason"));
    } else {
      compare(name + ": verdict", recorded.verdict, now.verdict);
      // What mode: shadow spares is a block there, without a rule.
      const bool spared = recorded.shadow_verdict == "block" && now.shadow_verdict != "block" && global_shadow_ && !word(record_, "reason").empty();
      if (!spared) compare(name + ": verdict with every shadow rule enforced", recorded.shadow_verdict, now.shadow_verdict);
    }
  }

  void compare_lists(const std::string& what, const std::vector<std::string>& recorded, const std::vector<std::string>& now) {
    std::vector<std::string> gone, fresh;
    std::ranges::set_difference(recorded, now, std::back_inserter(gone));
    std::ranges::set_difference(now, recorded, std::back_inserter(fresh));
    for (const auto& f : recorded) {
      if (std::ranges::find(gone, f) == gone.end()) out_.checked.push_back(what + " " + f);
    }
    for (const auto& f : gone) out_.differences.push_back(what + " " + f + ": in the record, not in the replay");
    for (const auto& f : fresh) out_.differences.push_back(what + " " + f + ": in the replay, not in the record");
  }

  // Without the text: each finding names a rule that was in force and did what the record says; the verdict is the strongest of them.
  void by_rule(const std::string& name, const json& section) {
    const auto explained = policy::explain(in_.bundle, *in_.snapshot, {.who = who_, .direction = name == "request" ? policy::direction::request : policy::direction::response, .text = {}});
    auto strongest = policy::verdict::allow;
    for (const auto& f : section.value("findings", json::array())) {
      const auto id = word(f, "rule");
      const auto what = name + ": rule " + id + " of policy " + word(f, "policy");
      const auto at = std::ranges::find_if(explained.rules, [&](const auto& r) { return r.id == id && r.policy == word(f, "policy"); });
      if (at == explained.rules.end()) {
        out_.differences.push_back(what + ": the version has no such rule");
        continue;
      }
      const auto wrong = contradicts(*at, f);
      wrong.empty() ? out_.checked.push_back(what + ", " + word(f, "action") + ", " + word(f, "enforcement") + ": was in force, from " + at->place)
                    : out_.differences.push_back(what + ": " + wrong);
      if (word(f, "enforcement") == "enforce") strongest = std::max(strongest, policy::traits_of(done(f).value_or(at->action)).verdict);
    }
    for (const auto& s : section.value("score", json::array())) strongest = std::max(strongest, by_sum(name, s));
    check_verdict(name, word(section, "verdict"), strongest, section.value("truncated", false));
  }

  // What a policy's threshold adds to what its rules do: the record says what the sum was, and the version which sum is too much.
  policy::verdict by_sum(const std::string& name, const json& sum) {
    const auto what = name + ": score of " + score_words(word(sum, "policy"), sum.at("score"), sum.at("shadow_score"), sum.at("threshold"), word(sum, "action"), sum.at("crossed"));
    const auto owner = std::ranges::find(in_.bundle.policies, word(sum, "policy"), &policy::policy_ast::name);
    const auto* terms = owner != in_.bundle.policies.end() && owner->anomaly ? &*owner->anomaly : nullptr;
    const auto limit = terms == nullptr ? 0 : name == "request" ? terms->request : terms->response;
    const bool crossed = sum.at("crossed").get<bool>();
    if (limit == 0 || sum.at("threshold") != limit || word(sum, "action") != policy::to_string(terms->action) || crossed != (sum.at("score").get<std::uint64_t>() >= limit)) {
      out_.differences.push_back(what + ": the version has no such threshold");
      return policy::verdict::allow;
    }
    out_.checked.push_back(what);
    return crossed ? policy::traits_of(terms->action).verdict : policy::verdict::allow;
  }

  static std::optional<policy::action> done(const json& finding) {
    const auto name = word(finding, "action");
    const auto row = std::ranges::find(policy::actions, name, &policy::action_traits::name);
    return row == policy::actions.end() ? std::nullopt : std::optional(row->is);
  }

  // A rule that adds text tells what became of it: it was there, it had no place, or what on_structured and on_missing say.
  static bool may_do(policy::action rule, std::optional<policy::action> done) {
    using enum policy::action;
    if (!done || *done == rule || !policy::adds_text(rule)) return done == rule;
    return done == flag || done == block || (rule == require_disclaimer && (done == allow || done == rewrite));
  }

  std::string contradicts(const policy::explained_rule& rule, const json& finding) const {
    if (!rule.applies && !rule.why_not.starts_with("where") && !rule.why_not.contains("conversation_tag")) return "was not in force: " + rule.why_not;
    if (!may_do(rule.action, done(finding))) return "its action was " + std::string(policy::to_string(rule.action)) + ", the record says " + word(finding, "action");
    const bool may_enforce = rule.enforcement == policy::enforcement::enforce && !global_shadow_;
    if (word(finding, "enforcement") == "enforce" && !may_enforce) return "was in shadow, the record says enforce";
    if (word(finding, "enforcement") == "shadow" && may_enforce && !has_rollout(rule.policy, rule.id)) return "was enforced, the record says shadow";
    return {};
  }

  bool has_rollout(const std::string& policy, const std::string& id) const {
    for (const auto& p : in_.bundle.policies) {
      if (p.name != policy) continue;
      for (const auto& r : p.rules) {
        if (r.id == id) return r.rollout.has_value();
      }
    }
    return false;
  }

  // More than its findings and sums say may come of text that cannot be edited, or of the gateway itself.
  void check_verdict(const std::string& name, const std::string& recorded, policy::verdict strongest, bool truncated) {
    const auto derived = std::string(policy::to_string(strongest));
    if (recorded == derived || truncated) return out_.checked.push_back(name + ": verdict " + recorded + " follows from its findings");
    const auto reason = word(record_, "reason");
    const bool weaker = recorded == "allow" || (recorded == "flag" && strongest > policy::verdict::flag) || (recorded == "edit" && strongest > policy::verdict::edit);
    if (!weaker && (!reason.empty() || strongest == policy::verdict::edit)) {
      return out_.checked.push_back(name + ": verdict " + recorded + " is more than its findings alone" + (reason.empty() ? "" : ": " + reason));
    }
    out_.differences.push_back(name + ": the record says verdict " + recorded + ", its findings make " + derived);
  }

  const replay_input& in_;
  json record_;
  policy::context who_;
  bool global_shadow_ = false;
  policy::scratch scratch_;
  replay_report out_;
};

}  // namespace

wall_time began(std::string_view event, wall_time time, std::int64_t latency_us) {
  return event == "closed" || event == "aborted" ? time - microseconds(latency_us) : time;
}

result<replay_report> replay(const replay_input& in) {
  auto record = parse_bounded<json>(in.line, record_bounds);
  if (!record.is_object() || !record.contains("id")) return fail(errc::parse, "the line is no decision");
  if (word(record, "version") != in.snapshot->version()) {
    return fail(errc::invalid_argument, "the decision is of version " + word(record, "version") + ", the files are " + in.snapshot->version());
  }
  try {
    return replaying(in, std::move(record)).run();
  } catch (const json::exception&) {
    return fail(errc::parse, "the record is not of this release: a member has another type");
  }
}

result<short_decision> recorded_decision(const std::string& line) {
  const auto record = parse_bounded<json>(line, record_bounds);
  if (!record.is_object() || !record.contains("id")) return fail(errc::parse, "the line is no decision");
  try {
    short_decision out{.id = word(record, "id"), .verdict = policy::verdict::allow, .rules = {}, .by_gateway = false};
    for (const char* name : {"request", "response"}) {
      const auto section = record.find(name);
      if (section == record.end() || !section->is_object()) continue;
      for (const auto v : {policy::verdict::flag, policy::verdict::edit, policy::verdict::block}) {
        if (word(*section, "verdict") == policy::to_string(v)) out.verdict = std::max(out.verdict, v);
      }
      for (const auto& f : section->value("findings", json::array())) {
        if (word(f, "enforcement") == "enforce") out.rules.push_back(word(f, "rule"));
      }
    }
    std::ranges::sort(out.rules);
    out.rules.erase(std::ranges::unique(out.rules).begin(), out.rules.end());
    out.by_gateway = out.verdict == policy::verdict::block && out.rules.empty();
    return out;
  } catch (const json::exception&) {
    return fail(errc::parse, "the record is not of this release: a member has another type");
  }
}

result<short_decision> decide_again(const std::string& line, const kept_exchange& text, const std::shared_ptr<const policy::snapshot>& with) {
  const auto record = parse_bounded<json>(line, record_bounds);
  if (!record.is_object() || !record.contains("id")) return fail(errc::parse, "the line is no decision");
  try {
    const auto who = context_of(record, &text);
    const kept_judge kept{.with = with, .text = text, .who = who, .streamed = record.value("streamed", false), .global_shadow = word(record, "mode") == "shadow"};
    short_decision out{.id = word(record, "id"), .verdict = policy::verdict::allow, .rules = {}, .by_gateway = false};
    policy::scratch scratch;
    const auto& rules = with->rules_for(who);
    for (const bool request : {true, false}) {
      const auto section = record.find(request ? "request" : "response");
      if (section == record.end() || !section->is_object() || (request ? text.request : text.response).empty()) continue;
      const auto judged = kept.judge(request, rules, nullptr, scratch);
      out.verdict = std::max(out.verdict, judged.verdict);
      for (const auto& f : judged.findings) {
        if (f.enforced) out.rules.push_back(with->rules()[f.rule].id);
      }
      if (out.verdict == policy::verdict::block) break;  // the answer would not have been asked for
    }
    std::ranges::sort(out.rules);
    out.rules.erase(std::ranges::unique(out.rules).begin(), out.rules.end());
    return out;
  } catch (const json::exception&) {
    return fail(errc::parse, "the record is not of this release: a member has another type");
  }
}

}  // namespace sluice::audit
